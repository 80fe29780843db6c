package quota

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// rowKind says what a row of the file means.
type rowKind int

// The kinds. Numbers are part of the file's format.
const (
	rowReserve rowKind = 1 // a request under way, until its lease ends
	rowStamp   rowKind = 2 // a request that PostHog counted
	rowGone    rowKind = 3 // the end of a request, a waiter or a place
	rowWait    rowKind = 4 // a process that waits for a slot
	rowRefusal rowKind = 5 // a 429 and its lesson
	rowSlot    rowKind = 6 // a place for a request under way
)

// row is one row of the file. Times are since 1970.
type row struct {
	seq      int64 // order of changes; a changed row moves to the end
	id       int64 // seq of its first form
	kind     rowKind
	owner    int64
	priority Priority
	made     time.Duration // when it was written
	at       time.Duration
	until    time.Duration
	phantoms int
	limit    int // of a lesson; of a waiter what its process has used
	learned  bool
	spec     string // windows, or name of a place
	windows  []Window
	age      time.Duration // of at, before now is known
}

// specOf writes windows as text: names and lengths in milliseconds.
func specOf(windows []Window) string {
	var b strings.Builder
	for i, w := range windows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(w.Name)
		b.WriteByte('=')
		b.WriteString(strconv.FormatInt(w.Per.Milliseconds(), 10))
	}
	return b.String()
}

// maxWindow bounds the length of a window that a file may name.
const maxWindow = 31 * 24 * time.Hour

// parseSpec reads windows; those that make no sense are left out. Limits are
// the reader's own.
func parseSpec(spec string) (out []Window) {
	for part := range strings.SplitSeq(spec, ",") {
		name, length, ok := strings.Cut(part, "=")
		ms, err := strconv.ParseInt(length, 10, 64)
		if per := time.Duration(ms) * time.Millisecond; ok && err == nil && name != "" && ms > 0 && ms <= maxWindow.Milliseconds() {
			out = append(out, Window{Name: name, Per: per})
		}
	}
	return out
}

// windowsOf reads a spec once.
func (s *sqliteStore) windowsOf(spec string) []Window {
	w, ok := s.specs[spec]
	if !ok {
		if len(s.specs) > 1000 { // somebody else's file
			clear(s.specs)
		}
		w = parseSpec(spec)
		s.specs[spec] = w
	}
	return w
}

// keep gives until when a row tells anybody anything.
func (r row) keep() time.Duration {
	longest := time.Duration(0)
	for _, w := range r.windows {
		longest = max(longest, w.Per)
	}
	switch r.kind {
	case rowStamp:
		return max(r.at, r.made) + longest + clockJump
	case rowReserve:
		return r.until + longest + clockJump
	case rowRefusal:
		return max(r.at+longest, r.until) + clockJump
	}
	return max(r.until, r.made) + clockJump
}

// change runs f under the write lock of the file, with all rows known. What f
// writes is kept when it succeeds.
func (s *sqliteStore) change(ctx context.Context, f func(now time.Duration) error) error {
	return s.withFile(ctx, func() error {
		if err := s.file.begin(ctx); err != nil {
			return err
		}
		now := s.clock()
		err := s.read(now)
		if err == nil {
			err = f(now)
		}
		if err == nil && now-s.cleaned > sqliteClean {
			s.cleaned = now
			err = s.file.clean(now)
		}
		if err == nil {
			err = s.file.commit()
		}
		if err != nil {
			s.file.rollback()
			s.forget()
		}
		return err
	})
}

// refresh reads what others wrote, unless that was done just now.
func (s *sqliteStore) refresh(ctx context.Context, stale time.Duration) error {
	if s.file != nil && s.clock()-s.synced < stale {
		return nil
	}
	return s.withFile(ctx, func() error { return s.read(s.clock()) })
}

// forget drops the model, which may hold what was rolled back; the next call
// reads all rows again.
func (s *sqliteStore) forget() {
	s.ledger, s.last, s.synced = newLedger(), 0, 0
	clear(s.open)
}

// read applies the rows that are new.
func (s *sqliteStore) read(now time.Duration) error {
	err := s.file.since(s.scope, s.last, func(r row) {
		s.trust(now, &r)
		s.apply(now, r)
	})
	s.synced = now
	return err
}

// trust moves the times of a row that cannot have been written when it says:
// the clock of its process, or ours, has jumped. The row was then written
// before now, and after the latest look: now is the safe end.
func (s *sqliteStore) trust(now time.Duration, r *row) {
	early := s.synced > 0 && r.owner != s.owner && r.made < s.synced-clockNoise
	if r.made > now+clockNoise || early {
		off := now - r.made
		r.made, r.at, r.until = now, r.at+off, r.until+off
	}
	switch horizon := now + 2*defaultLease; r.kind {
	case rowStamp:
		r.at = min(r.at, now+maxGrace)
	case rowReserve:
		r.at = min(r.at, now)
		r.until = min(r.until, now+time.Hour)
	case rowWait:
		r.until = min(r.until, horizon)
	case rowSlot:
		r.until = min(r.until, horizon)
	case rowRefusal:
		r.until = min(r.until, now+forgetLesson)
		for _, w := range r.windows {
			r.at = min(r.at, now+w.Per+maxGrace)
		}
	}
}

// apply brings the model up to date with a row.
func (s *sqliteStore) apply(now time.Duration, r row) {
	s.last = max(s.last, r.seq)
	s.owners[r.owner] = max(s.owners[r.owner], r.made)
	if r.windows == nil && r.kind != rowSlot {
		r.windows = s.windowsOf(r.spec)
	}
	mine := r.owner == s.owner
	old, known := s.open[r.id]
	if known {
		delete(s.open, r.id)
		switch old.kind {
		case rowReserve:
			s.ledger.release(now, Ticket{Windows: old.windows, ID: r.id})
		case rowWait:
			s.ledger.leave(r.id)
		}
	}
	e := openEntry{seq: r.seq, kind: r.kind, spec: r.spec, windows: r.windows, until: r.until}
	switch r.kind {
	case rowReserve:
		s.ledger.take(now, r.windows, held{id: r.id, at: r.at, lapse: r.until, mine: mine})
		s.open[r.id] = e
	case rowStamp:
		for _, w := range r.windows {
			l := s.ledger.log(now, w)
			l.stamp(r.at, mine)
			if !known {
				l.arrive(r.at)
			}
		}
	case rowWait:
		s.ledger.await(waiting{id: r.id, windows: r.windows, priority: r.priority, used: r.limit, until: r.until})
		s.open[r.id] = e
	case rowSlot:
		s.open[r.id] = e
	case rowRefusal:
		for _, w := range r.windows {
			l := s.ledger.log(now, w)
			l.shut = max(l.shut, r.at)
			l.phantom(r.made, r.phantoms, r.at-r.made)
			l.learn(now, lesson{limit: r.limit, learned: r.learned, until: r.until})
		}
	}
}

// add writes a new row and gives its id.
func (s *sqliteStore) add(now time.Duration, r row) (int64, error) {
	r.made, r.owner = now, s.owner
	seq, err := s.file.insert(s.scope, r)
	if err != nil {
		return 0, err
	}
	r.seq, r.id = seq, seq
	s.apply(now, r)
	return seq, nil
}

// replace writes the next form of a row of ours.
func (s *sqliteStore) replace(now time.Duration, id int64, r row) error {
	r.made, r.owner, r.id = now, s.owner, id
	seq, err := s.file.update(s.open[id].seq, r)
	if err != nil {
		return err
	}
	r.seq = seq
	s.apply(now, r)
	return nil
}
