package capture

import (
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"time"
)

// State is what became of an event.
type State string

// The states of an event.
const (
	Accepted     State = "accepted"      // PostHog has answered for it
	Queued       State = "queued"        // on disk; it will be sent
	Rejected     State = "rejected"      // a dead letter: refused for good, or damaged
	QuotaLimited State = "quota_limited" // a dead letter: dropped for a used-up billing quota
)

// Fate is the state of one event.
type Fate struct {
	UUID    string
	State   State
	Reason  string    // for everything that is not accepted, when known
	NextTry time.Time // of a queued event, when known
}

// Await waits until PostHog has answered for the events, or a failure shows
// that it will take longer, or ctx ends, and tells the fate of each in the
// order given. Events that are nowhere in the outbox have been accepted: it is
// for events just added.
func (o *Outbox) Await(ctx context.Context, dest Destination, uuids []string) ([]Fate, error) {
	o.Serve(dest) // do not linger: somebody waits
	for {
		o.mu.Lock()
		changed, l := o.changed, *o.lanes[dest.ID]
		o.mu.Unlock()
		fates, waiting, err := o.fates(context.WithoutCancel(ctx), dest, uuids)
		if err != nil {
			return nil, err
		}
		if waiting == 0 {
			return fates, nil
		}
		held := time.Until(l.hold) > 0
		if held || ctx.Err() != nil {
			for i := range fates {
				if fates[i].State == Queued && held {
					fates[i].Reason, fates[i].NextTry = l.problem, l.hold
				}
			}
			return fates, nil
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

func (o *Outbox) fates(ctx context.Context, dest Destination, uuids []string) (fates []Fate, waiting int, err error) {
	s, err := o.use(ctx)
	if err != nil {
		return nil, 0, err
	}
	keys := make([]string, len(uuids))
	for i, id := range uuids {
		keys[i] = key(id)
	}
	found := make(map[string]Fate, len(uuids))
	rows, err := s.db.QueryContext(ctx, `
		SELECT uuid, '', '' FROM queue WHERE dest = ?1 AND uuid IN (SELECT value FROM json_each(?2))
		UNION ALL SELECT uuid, kind, reason FROM dead WHERE dest = ?1 AND uuid IN (SELECT value FROM json_each(?2))`, dest.ID, list(keys))
	if err != nil {
		return nil, 0, o.failed(s, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, kind string
		f := Fate{State: Rejected}
		if err := rows.Scan(&id, &kind, &f.Reason); err != nil {
			return nil, 0, o.failed(s, err)
		}
		switch kind {
		case "":
			f.State = Queued
			waiting++
		case deadQuota:
			f.State = QuotaLimited
		}
		found[id] = f
	}
	if err := rows.Err(); err != nil {
		return nil, 0, o.failed(s, err)
	}
	fates = make([]Fate, len(uuids))
	for i, id := range uuids {
		f, ok := found[keys[i]]
		if !ok {
			f.State = Accepted
		}
		f.UUID = id
		fates[i] = f
	}
	return fates, waiting, nil
}

// Status is the state of the whole outbox, over all processes.
type Status struct {
	Path         string              `json:"path"`
	Queued       int                 `json:"queued"`
	Bytes        int64               `json:"bytes"`
	MaxBytes     int64               `json:"max_bytes"`
	Leased       int                 `json:"leased"`             // being sent right now
	Oldest       *time.Time          `json:"oldest,omitempty"`   // when the event that waits longest was added
	OldestAgeS   float64             `json:"oldest_age_s"`       //
	Dead         int                 `json:"dead"`               // dead letters
	DeadBytes    int64               `json:"dead_bytes"`         //
	NextTry      *time.Time          `json:"next_try,omitempty"` // the earliest of a destination in trouble
	Destinations []DestinationStatus `json:"destinations"`       //
	Damaged      []string            `json:"damaged,omitempty"`  // earlier files, given up; the events in them are not sent
	Problem      string              `json:"problem,omitempty"`  // the file cannot be used
}

// DestinationStatus is what waits for one destination.
type DestinationStatus struct {
	Host        string     `json:"host"`
	Queued      int        `json:"queued"`
	Dead        int        `json:"dead"`
	Paused      bool       `json:"paused"` // PostHog refuses the key, or the address is wrong
	LastError   string     `json:"last_error,omitempty"`
	LastErrorAt *time.Time `json:"last_error_at,omitempty"`
	NextTry     *time.Time `json:"next_try,omitempty"`
}

// Status reads the state of the outbox. An outbox that was never used is
// empty, and stays without a file. A file that cannot be used is told both in
// Problem and by the error.
func (o *Outbox) Status(ctx context.Context) (Status, error) {
	st := Status{Path: o.cfg.Path, MaxBytes: o.cfg.MaxBytes, Destinations: []DestinationStatus{}}
	if !o.exists() {
		return st, nil
	}
	s, err := o.use(ctx)
	if err == nil {
		err = o.failed(s, s.status(ctx, &st))
	}
	if err != nil {
		st.Problem = err.Error()
	}
	file, n := current(o.cfg.Path)
	for i := range n - 1 {
		if old := generation(o.cfg.Path, i+1); old != file {
			if _, err := os.Stat(old); err == nil {
				st.Damaged = append(st.Damaged, old)
			}
		}
	}
	return st, err
}

func (s *store) status(ctx context.Context, st *Status) error {
	now := time.Now()
	var oldest sql.NullInt64
	if err := s.db.QueryRowContext(ctx, `SELECT queued, queued_bytes, dead, dead_bytes,
			(SELECT count(*) FROM queue WHERE lease <> '' AND lease_until BETWEEN ?1 AND ?2), (SELECT min(added) FROM queue) FROM totals`,
		millis(now), millis(now.Add(maxAhead))).Scan(&st.Queued, &st.Bytes, &st.Dead, &st.DeadBytes, &st.Leased, &oldest); err != nil {
		return err
	}
	if st.Oldest = moment(oldest.Int64); st.Oldest != nil {
		st.OldestAgeS = max(0, now.Sub(*st.Oldest).Seconds())
	}
	rows, err := s.db.QueryContext(ctx, `SELECT host, error, error_at, paused, next_try,
		(SELECT count(*) FROM queue WHERE dest = d.id), (SELECT count(*) FROM dead WHERE dest = d.id) FROM destination d ORDER BY host, id`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var d DestinationStatus
		var errorAt, next int64
		if err := rows.Scan(&d.Host, &d.LastError, &errorAt, &d.Paused, &next, &d.Queued, &d.Dead); err != nil {
			return err
		}
		if d.Queued == 0 && d.Dead == 0 && d.LastError == "" {
			continue // once used, nothing to tell
		}
		d.LastErrorAt, d.NextTry = moment(errorAt), moment(next)
		if d.NextTry != nil && d.Queued > 0 && (st.NextTry == nil || d.NextTry.Before(*st.NextTry)) {
			st.NextTry = d.NextTry
		}
		st.Destinations = append(st.Destinations, d)
	}
	return rows.Err()
}

func moment(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := time.UnixMilli(ms).UTC()
	return &t
}

// count is how many events wait for a destination.
func (o *Outbox) count(ctx context.Context, dest Destination) (n int, err error) {
	s, err := o.use(ctx)
	if err != nil {
		return 0, err
	}
	err = s.db.QueryRowContext(ctx, `SELECT count(*) FROM queue WHERE dest = ?`, dest.ID).Scan(&n)
	return n, o.failed(s, err)
}

// Waiting reports whether any event waits for any destination, without making
// a file that is not there.
func (o *Outbox) Waiting(ctx context.Context) (bool, error) {
	if !o.exists() {
		return false, nil
	}
	st, err := o.Status(ctx)
	return st.Queued > 0, err
}

// eventName reads the name out of a payload.
func eventName(payload []byte) string {
	var p struct {
		Event string `json:"event"`
	}
	_ = json.Unmarshal(payload, &p) // a damaged payload has no name
	return p.Event
}
