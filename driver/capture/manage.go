package capture

import (
	"context"
	"database/sql"
	"time"
)

// Item is an event in the outbox, as people see it.
type Item struct {
	UUID     string     `json:"uuid"`
	Event    string     `json:"event"`
	Host     string     `json:"host"`
	Time     time.Time  `json:"timestamp"`
	Bytes    int        `json:"bytes"`
	Attempts int        `json:"attempts"`
	Leased   bool       `json:"leased,omitempty"`   // being sent right now
	NextTry  *time.Time `json:"next_try,omitempty"` // not before
	Reason   string     `json:"reason,omitempty"`   // of a dead letter
	Kind     string     `json:"kind,omitempty"`     // of a dead letter: rejected, quota_limited, damaged
	Died     *time.Time `json:"died,omitempty"`     // of a dead letter
}

// List gives the first events that wait, the oldest first.
func (o *Outbox) List(ctx context.Context, limit int) ([]Item, error) {
	now := time.Now()
	return o.items(ctx, `SELECT uuid, payload, coalesce((SELECT host FROM destination WHERE id = dest), ''), at, size, attempts,
		lease <> '' AND lease_until BETWEEN ?2 AND ?3, CASE WHEN not_before > ?2 THEN not_before ELSE 0 END, '', '', 0
		FROM queue ORDER BY at, id LIMIT ?1`, limit, millis(now), millis(now.Add(maxAhead)))
}

// ListDead gives the latest dead letters, the newest first.
func (o *Outbox) ListDead(ctx context.Context, limit int) ([]Item, error) {
	return o.items(ctx, `SELECT uuid, payload, coalesce((SELECT host FROM destination WHERE id = dest), ''), at, size, attempts,
		0, 0, reason, kind, died FROM dead ORDER BY died DESC, id DESC LIMIT ?1`, limit)
}

func (o *Outbox) items(ctx context.Context, query string, args ...any) ([]Item, error) {
	list := []Item{}
	if !o.exists() {
		return list, nil
	}
	s, err := o.use(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, o.failed(s, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var it Item
		var payload sql.RawBytes
		var at, next, died int64
		if err := rows.Scan(&it.UUID, &payload, &it.Host, &at, &it.Bytes, &it.Attempts, &it.Leased, &next, &it.Reason, &it.Kind, &died); err != nil {
			return nil, o.failed(s, err)
		}
		it.Event, it.Time = eventName(payload), time.UnixMilli(at).UTC()
		it.NextTry, it.Died = moment(next), moment(died)
		list = append(list, it)
	}
	return list, o.failed(s, rows.Err())
}

// Drop removes events by UUID, waiting ones and dead letters alike, and says
// how many there were. Events that are being sent right now stay.
func (o *Outbox) Drop(ctx context.Context, uuids ...string) (int, error) {
	now := time.Now()
	ids := keysOf(uuids)
	return o.change(ctx,
		statement{`DELETE FROM dead WHERE uuid IN (SELECT value FROM json_each(?))`, []any{ids}, true},
		statement{`DELETE FROM queue WHERE uuid IN (SELECT value FROM json_each(?)) AND NOT (lease <> '' AND lease_until BETWEEN ? AND ?)`, []any{ids, millis(now), millis(now.Add(maxAhead))}, true})
}

// DropDead removes every dead letter and says how many there were.
func (o *Outbox) DropDead(ctx context.Context) (int, error) {
	return o.change(ctx, statement{`DELETE FROM dead`, nil, true})
}

// DropQueued removes every waiting event that is not being sent right now and
// says how many there were. They are lost.
func (o *Outbox) DropQueued(ctx context.Context) (int, error) {
	now := time.Now()
	return o.change(ctx, statement{`DELETE FROM queue WHERE NOT (lease <> '' AND lease_until BETWEEN ? AND ?)`, []any{millis(now), millis(now.Add(maxAhead))}, true})
}

// Requeue gives dead letters a new chance, all of them when no UUID is given,
// and says how many there were. Damaged ones stay: they cannot be sent.
func (o *Outbox) Requeue(ctx context.Context, uuids ...string) (int, error) {
	const chosen = `kind <> 'damaged' AND (?1 = '[]' OR uuid IN (SELECT value FROM json_each(?1)))`
	ids := keysOf(uuids)
	n, err := o.change(ctx,
		statement{`INSERT INTO queue (dest, uuid, at, payload, size, sum, historical, added)
			SELECT dest, uuid, at, payload, size, sum, historical, ?2 FROM dead WHERE ` + chosen + ` ON CONFLICT DO NOTHING`, []any{ids, millis(time.Now())}, false},
		statement{`DELETE FROM dead WHERE ` + chosen, []any{ids}, true})
	if n > 0 {
		for _, l := range o.served() {
			o.Serve(l.dest)
		}
	}
	return n, err
}

func keysOf(uuids []string) string {
	ids := make([]string, len(uuids))
	for i, id := range uuids {
		ids[i] = key(id)
	}
	return list(ids)
}

type statement struct {
	text   string
	args   []any
	counts bool // its rows are what the caller asked about
}

// change runs statements in one transaction and sums up the rows of those that
// count.
func (o *Outbox) change(ctx context.Context, statements ...statement) (int, error) {
	if !o.exists() {
		return 0, nil
	}
	s, err := o.use(ctx)
	if err != nil {
		return 0, err
	}
	total := 0
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		for _, st := range statements {
			res, err := tx.ExecContext(ctx, st.text, st.args...)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			if st.counts {
				total += int(n)
			}
		}
		return nil
	})
	if err != nil {
		return 0, o.failed(s, err)
	}
	return total, nil
}
