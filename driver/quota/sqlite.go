package quota

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

const (
	// sqlitePoll is how long a waiter trusts what the file said.
	sqlitePoll = time.Second
	// sqliteStale is how old a picture of the windows may be.
	sqliteStale = 100 * time.Millisecond
	// sqliteLook is how often the store checks that the file is still the one
	// of that name.
	sqliteLook = 2 * time.Second
	// sqliteClean is how often a process clears what everybody has forgotten.
	sqliteClean = time.Minute
	// clockJump is the largest jump of the wall clock that the file outlives.
	clockJump = time.Hour
	// clockNoise is how far two processes may differ in what time it is.
	clockNoise = 50 * time.Millisecond
	// ownerLife is how long after its latest entry a process counts as alive.
	ownerLife = time.Minute
)

// sqliteStore is the Store of all processes of a machine: one file with a row for
// every slot, in the order of changes. Each process keeps the whole model in
// memory and, under the file's write lock, first reads the rows that others
// added, then decides, then adds its own. So a call reads and writes a few
// rows, however full the windows are.
//
// The file has wall-clock times, since it outlives processes. Within a process
// time only runs on; rows whose time cannot be true are taken for written now.
type sqliteStore struct {
	path  string
	scope Scope
	owner int64
	log   *slog.Logger
	clock func() time.Duration // since 1970, never back

	mu      sync.Mutex
	file    *sqliteFile // nil: not open yet
	info    os.FileInfo
	closed  bool
	ledger  *ledger
	open    map[int64]openEntry // reservations, waiters and places, by id
	owners  map[int64]time.Duration
	specs   map[string][]Window
	last    int64         // newest row seen
	synced  time.Duration // when
	looked  time.Duration
	cleaned time.Duration
}

// openEntry is a row that a later one with the same id will end.
type openEntry struct {
	seq     int64
	kind    rowKind
	spec    string
	windows []Window
	until   time.Duration
}

// SQLiteConfig configures [NewSQLite].
type SQLiteConfig struct {
	Path    string       // of the file; made when it does not exist, in a directory that does
	Scope   Scope        // whose quota; several share a file
	StandIn bool         // for a better store that cannot be opened: Degraded is always true
	Logger  *slog.Logger // told of a file that was moved aside or cannot be used; nil: nobody
}

// NewSQLite gives the store of all processes of a machine. The first request
// opens the file: a start costs nothing. While the file cannot be used, this
// process keeps to its share of the windows, and Degraded is true.
func NewSQLite(cfg SQLiteConfig) Store {
	s := newShared(newSQLite(cfg), cfg.Logger)
	s.standIn = cfg.StandIn
	return s
}

// newSQLite gives the store; the file is opened by the first request.
func newSQLite(cfg SQLiteConfig) *sqliteStore {
	start := time.Now()
	base := time.Duration(start.UnixNano())
	s := &sqliteStore{
		path: cfg.Path, scope: cfg.Scope, owner: rand.Int64(), log: cfg.Logger,
		clock:  func() time.Duration { return base + time.Since(start) },
		ledger: newLedger(), open: make(map[int64]openEntry), owners: make(map[int64]time.Duration), specs: make(map[string][]Window),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// Name is "sqlite".
func (s *sqliteStore) Name() string { return "sqlite" }

// Degraded is false: [NewSQLite] wraps the store in its fallback.
func (s *sqliteStore) Degraded() bool { return false }

// Close closes the file.
func (s *sqliteStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.shutFile()
}

func (s *sqliteStore) shutFile() error {
	if s.file == nil {
		return nil
	}
	err := s.file.close()
	s.file = nil
	return err
}

// Reserve takes a slot in every window or in none. Who must wait enters the
// queue of processes.
func (s *sqliteStore) Reserve(ctx context.Context, a Ask) (Grant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Ahead > 0 { // nothing will be taken: the others' latest rows are enough
		if err := s.refresh(ctx, sqliteStale); err != nil {
			return Grant{}, err
		}
		return s.waitFor(s.ledger.check(s.clock(), a)), nil
	}
	var g Grant
	err := s.change(ctx, func(now time.Duration) error {
		g = s.ledger.check(now, a)
		r := row{windows: a.Windows, spec: specOf(a.Windows), priority: a.Priority, at: now}
		old, waited := s.open[a.Waiter]
		switch {
		case g.OK:
			r.kind, r.until = rowReserve, now+lease(a)
		case g.Refuse || a.Patience <= g.Wait:
			return nil
		default:
			r.limit = s.ledger.mine(now, a.Windows)
			r.kind, r.until = rowWait, now+min(max(g.Wait, repoll), sqlitePoll)+waiterGrace
			if waited && old.until >= r.until-sqlitePoll/2 && old.until > now+waiterGrace+repoll {
				g.Waiter = a.Waiter // its place holds long enough
				return nil
			}
		}
		var id int64
		var err error
		if waited {
			id, err = a.Waiter, s.replace(now, a.Waiter, r)
		} else {
			id, err = s.add(now, r)
		}
		if g.OK {
			g.Ticket = Ticket{Windows: a.Windows, ID: id}
		} else {
			g.Waiter = id
		}
		return err
	})
	return s.waitFor(g), err
}

func (s *sqliteStore) waitFor(g Grant) Grant {
	g.Poll = sqlitePoll
	return g
}

// lease gives how long the slot may stay without an end.
func lease(a Ask) time.Duration {
	if a.Lease <= 0 {
		return defaultLease
	}
	return a.Lease
}

// Withdraw leaves the queue of processes.
func (s *sqliteStore) Withdraw(ctx context.Context, waiter int64) error {
	return s.end(ctx, waiter, row{kind: rowGone})
}

// Stamp turns a reserved slot into a counted request.
func (s *sqliteStore) Stamp(ctx context.Context, t Ticket, age time.Duration) error {
	return s.end(ctx, t.ID, row{kind: rowStamp, windows: t.Windows, spec: specOf(t.Windows), age: age})
}

// Release gives a reserved slot back.
func (s *sqliteStore) Release(ctx context.Context, t Ticket) error {
	return s.end(ctx, t.ID, row{kind: rowGone})
}

// end writes the last row of an id.
func (s *sqliteStore) end(ctx context.Context, id int64, r row) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.change(ctx, func(now time.Duration) error {
		r.at = now - r.age
		if _, ok := s.open[id]; ok {
			return s.replace(now, id, r)
		}
		if r.kind != rowStamp {
			return nil
		}
		_, err := s.add(now, r) // it lapsed, or the file was replaced
		return err
	})
}

// Refuse ends a slot with a 429.
func (s *sqliteStore) Refuse(ctx context.Context, r Refusal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.change(ctx, func(now time.Duration) error {
		var siblings []Window
		for _, w := range r.Ticket.Windows {
			if w.Name != r.Window.Name {
				siblings = append(siblings, w)
			}
		}
		end := row{kind: rowGone}
		if len(siblings) > 0 {
			end = row{kind: rowStamp, windows: siblings, spec: specOf(siblings), at: now - r.Age}
		}
		var err error
		if _, ok := s.open[r.Ticket.ID]; ok {
			err = s.replace(now, r.Ticket.ID, end)
		} else if end.kind == rowStamp {
			_, err = s.add(now, end)
		}
		if err != nil {
			return err
		}
		one := []Window{r.Window}
		_, err = s.add(now, row{
			kind: rowRefusal, windows: one, spec: specOf(one), at: now + r.Shut, until: now + r.For,
			phantoms: r.Phantoms, limit: r.Limit, learned: r.Learned,
		})
		return err
	})
}

// Usage describes the windows as of the last tenth of a second.
func (s *sqliteStore) Usage(ctx context.Context, windows []Window) ([]Usage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(ctx, sqliteStale); err != nil {
		return nil, err
	}
	return s.ledger.usage(s.clock(), windows), nil
}

// push adds requests that were sent while the file could not be used.
func (s *sqliteStore) push(ctx context.Context, all []past) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.change(ctx, func(now time.Duration) error {
		for _, p := range all {
			one := []Window{p.window}
			for _, age := range p.ages {
				if _, err := s.add(now, row{kind: rowStamp, windows: one, spec: specOf(one), at: now - age}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// live counts the processes that used the file lately, this one included.
func (s *sqliteStore) live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, n := s.clock(), 1
	for owner, at := range s.owners {
		if owner != s.owner && now-at < ownerLife {
			n++
		}
	}
	return n
}

// TakeSlot takes a place.
func (s *sqliteStore) TakeSlot(ctx context.Context, name string, limit int, lease time.Duration) (id int64, ok bool, wait time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.change(ctx, func(now time.Duration) error {
		taken, first := 0, forever
		for id, e := range s.open {
			switch {
			case e.kind != rowSlot || e.spec != name:
			case e.until <= now:
				delete(s.open, id) // its holder died
			default:
				taken++
				first = min(first, e.until-now)
			}
		}
		if taken >= limit {
			wait = min(first, slotPoll+rand.N(slotPoll))
			return nil
		}
		ok = true
		var err error
		id, err = s.add(now, row{kind: rowSlot, spec: name, at: now, until: now + lease})
		return err
	})
	return id, ok && err == nil, wait, err
}

// slotPoll is how soon to ask again for a place that another process holds.
const slotPoll = 20 * time.Millisecond

// RenewSlot holds a place for longer.
func (s *sqliteStore) RenewSlot(ctx context.Context, name string, id int64, lease time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.change(ctx, func(now time.Duration) error {
		r := row{kind: rowSlot, spec: name, at: now, until: now + lease}
		if _, ok := s.open[id]; ok {
			return s.replace(now, id, r)
		}
		return nil
	})
}

// FreeSlot gives a place back.
func (s *sqliteStore) FreeSlot(ctx context.Context, _ string, id int64) error {
	return s.end(ctx, id, row{kind: rowGone})
}
