package capture

import (
	"context"
	"database/sql"
	"encoding/json"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// maxAhead bounds how far in the future a lease or a pause may lie. Beyond it
// the clock was set back meanwhile, and the event would be stuck.
const maxAhead = 2 * time.Hour

// row is an event as it is stored.
type row struct {
	id       int64
	attempts int
	damaged  bool // the payload is not what was stored
	Event
}

// claim is a batch under one lease.
type claim struct {
	lease string
	rows  []row
}

func key(id string) string { return strings.ToLower(id) }

func millis(t time.Time) int64 { return t.UnixMilli() }

// checksum finds damage inside a row; SQLite has none of its own.
func checksum(id string, payload []byte) int64 {
	return int64(crc32.Update(crc32.ChecksumIEEE([]byte(key(id))), crc32.IEEETable, payload))
}

func list[T any](values []T) string {
	b, _ := json.Marshal(values) // strings and integers: cannot fail
	return string(b)
}

// inTx runs f in one immediate transaction.
func (s *store) inTx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// add stores all the events, or none. An event that is there already stays as
// it is; one that is a dead letter is given a new chance.
func (s *store) add(ctx context.Context, dest Destination, events []Event, maxBytes int64) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		if err := addDestination(ctx, tx, dest); err != nil {
			return err
		}
		insert, err := tx.PrepareContext(ctx, `INSERT INTO queue (dest, uuid, at, payload, size, sum, historical, added)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)
		if err != nil {
			return err
		}
		defer func() { _ = insert.Close() }()
		ids := make([]string, len(events))
		now := millis(time.Now())
		for i, ev := range events {
			ids[i] = key(ev.UUID)
			if _, err := insert.ExecContext(ctx, dest.ID, ids[i], millis(ev.Time), []byte(ev.Payload), len(ev.Payload), checksum(ev.UUID, ev.Payload), ev.Historical, now); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM dead WHERE dest = ? AND uuid IN (SELECT value FROM json_each(?))`, dest.ID, list(ids)); err != nil {
			return err
		}
		return s.checkBound(ctx, tx, maxBytes)
	})
}

func addDestination(ctx context.Context, tx *sql.Tx, dest Destination) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO destination (id, host) VALUES (?, ?) ON CONFLICT DO NOTHING`, dest.ID, dest.Host)
	return err
}

// checkBound refuses what exceeds the bound, with the figures as they are
// without the refused events.
func (s *store) checkBound(ctx context.Context, tx *sql.Tx, maxBytes int64) error {
	full, err := s.fullness(ctx, tx.QueryRowContext)
	if err != nil || full.Bytes+full.DeadBytes <= maxBytes {
		return err
	}
	_ = tx.Rollback()
	if full, err = s.fullness(ctx, s.db.QueryRowContext); err != nil {
		return err
	}
	full.MaxBytes = maxBytes
	return full
}

func (s *store) fullness(ctx context.Context, query func(context.Context, string, ...any) *sql.Row) (*FullError, error) {
	f := &FullError{Path: s.path}
	err := query(ctx, `SELECT queued, queued_bytes, dead, dead_bytes FROM totals`).Scan(&f.Queued, &f.Bytes, &f.Dead, &f.DeadBytes)
	return f, err
}

// claimable are the events of a destination that nobody has, in the order in
// which they happened. ?1 destination, ?2 now, ?3 the latest believable time,
// ?4 whether pauses are ignored.
const claimable = `dest = ?1 AND (?4 OR not_before <= ?2 OR not_before > ?3) AND (lease_until <= ?2 OR lease_until > ?3)`

// claim leases the next batch in one statement, so that two processes never
// get the same event. A batch whose first event has failed before is smaller,
// half with every failure: an event that PostHog cannot swallow is alone in
// the end, and an outage is probed with little.
func (s *store) claim(ctx context.Context, dest Destination, c Config, ignorePauses bool) (claim, error) {
	now := time.Now()
	got := claim{lease: uuid.NewString()}
	res, err := s.db.QueryContext(ctx, `
		UPDATE queue SET lease = ?5, lease_until = ?6 WHERE id IN (
			WITH due AS (SELECT id, at, size, historical, attempts FROM queue WHERE `+claimable+` ORDER BY at, id LIMIT ?7),
			head AS (SELECT historical, attempts FROM due ORDER BY at, id LIMIT 1)
			SELECT id FROM (
				SELECT id, row_number() OVER w AS n, sum(size) OVER w AS total FROM due
				WHERE historical = (SELECT historical FROM head)
				WINDOW w AS (ORDER BY at, id ROWS UNBOUNDED PRECEDING)
			) WHERE n = 1 OR (total <= ?8 AND n <= ?7 >> min(30, (SELECT attempts FROM head)))
		) RETURNING id, uuid, at, payload, sum, historical, attempts`,
		dest.ID, millis(now), millis(now.Add(maxAhead)), ignorePauses, got.lease, millis(now.Add(c.Lease)), c.BatchEvents, c.BatchBytes)
	if err != nil {
		return got, err
	}
	defer func() { _ = res.Close() }()
	for res.Next() {
		var r row
		var at, sum int64
		if err := res.Scan(&r.id, &r.UUID, &at, (*[]byte)(&r.Payload), &sum, &r.Historical, &r.attempts); err != nil {
			return got, err
		}
		r.Time = time.UnixMilli(at).UTC()
		r.damaged = sum != checksum(r.UUID, r.Payload)
		got.rows = append(got.rows, r)
	}
	slices.SortFunc(got.rows, func(a, b row) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return int(a.id - b.id)
	})
	return got, res.Err()
}

// renew prolongs the lease of events that are still to be sent. It reports
// whether all of them are still ours.
func (s *store) renew(ctx context.Context, lease string, rows []row, d time.Duration) (bool, error) {
	res, err := s.db.ExecContext(ctx, `UPDATE queue SET lease_until = ? WHERE lease = ? AND id IN (SELECT value FROM json_each(?))`,
		millis(time.Now().Add(d)), lease, list(ids(rows)))
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == int64(len(rows)), err
}

func ids(rows []row) []int64 {
	out := make([]int64, len(rows))
	for i, r := range rows {
		out[i] = r.id
	}
	return out
}

// The kinds of dead letters.
const (
	deadRejected = "rejected"
	deadQuota    = "quota_limited"
	deadDamaged  = "damaged"
)

// settle writes down PostHog's answer: the accepted events leave, the others
// become dead letters. An answer counts even when the lease is lost.
func (s *store) settle(ctx context.Context, accepted, dead []row, kind, reason string) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		if len(dead) > 0 {
			if _, err := tx.ExecContext(ctx, `DELETE FROM dead WHERE (dest, uuid) IN (SELECT dest, uuid FROM queue WHERE id IN (SELECT value FROM json_each(?)))`, list(ids(dead))); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO dead (dest, uuid, at, payload, size, sum, historical, attempts, kind, reason, died)
				SELECT dest, uuid, at, payload, size, sum, historical, attempts + 1, ?, ?, ? FROM queue WHERE id IN (SELECT value FROM json_each(?))`,
				kind, reason, millis(time.Now()), list(ids(dead))); err != nil {
				return err
			}
		}
		gone := append(ids(accepted), ids(dead)...)
		_, err := tx.ExecContext(ctx, `DELETE FROM queue WHERE id IN (SELECT value FROM json_each(?))`, list(gone))
		return err
	})
}

// release gives back what a lease still holds; failed counts the attempt.
func (s *store) release(ctx context.Context, lease string, notBefore time.Time, failed bool) error {
	_, err := s.db.ExecContext(ctx, `UPDATE queue SET lease = '', lease_until = 0, attempts = attempts + ?, not_before = ? WHERE lease = ?`,
		failed, millis(notBefore), lease)
	return err
}

// nextDue tells when the next event of a destination can be claimed; false
// when none waits.
func (s *store) nextDue(ctx context.Context, dest Destination) (time.Time, bool, error) {
	now := time.Now()
	var at sql.NullInt64
	err := s.db.QueryRowContext(ctx, `SELECT min(max(
			CASE WHEN not_before > ?2 THEN 0 ELSE not_before END,
			CASE WHEN lease_until > ?2 THEN 0 ELSE lease_until END)) FROM queue WHERE dest = ?1`,
		dest.ID, millis(now.Add(maxAhead))).Scan(&at)
	return time.UnixMilli(at.Int64), at.Valid, err
}

// note keeps the latest state of a destination for other processes to show.
func (s *store) note(ctx context.Context, dest Destination, problem string, paused bool, next time.Time) error {
	now, until := millis(time.Now()), int64(0)
	if problem == "" {
		now = 0
	} else {
		until = millis(next)
	}
	_, err := s.db.ExecContext(ctx, `INSERT INTO destination (id, host, error, error_at, paused, next_try) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET error = excluded.error, error_at = excluded.error_at, paused = excluded.paused, next_try = excluded.next_try`,
		dest.ID, dest.Host, problem, now, paused, until)
	return err
}
