package capture

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// maxBisect bounds the requests that finding bad events may cost in one batch.
// One bad event among 500 takes 18. Whatever is left then goes later, in
// smaller batches.
const maxBisect = 64

// delivery sends one claimed batch and writes down PostHog's answers as they
// come, so that a crash between two requests loses and repeats little.
type delivery struct {
	o        *Outbox
	s        *store
	dest     Destination
	lease    string
	size     int // events in the batch
	attempts int // most failed attempts of one of them
	extra    int // requests beyond the first
}

// errLeaseLost ends a delivery whose events another process has taken over.
var errLeaseLost = errors.New("another process has taken over the events")

// deliver sends the events. After an error some are still under the lease.
func (d *delivery) deliver(ctx context.Context, rows []row) error {
	d.size = len(rows)
	var good, bad []row
	for _, r := range rows {
		d.attempts = max(d.attempts, r.attempts)
		if r.damaged {
			bad = append(bad, r)
		} else {
			good = append(good, r)
		}
	}
	if len(bad) > 0 {
		if err := d.bury(ctx, bad, deadDamaged, "its stored bytes are damaged; it was not sent"); err != nil {
			return err
		}
	}
	if len(good) == 0 {
		return nil
	}
	return d.send(ctx, good)
}

// send makes one request, and halves it when PostHog refuses what is in it.
func (d *delivery) send(ctx context.Context, rows []row) error {
	events, byID := make([]Event, len(rows)), make(map[string]row, len(rows))
	for i, r := range rows {
		events[i], byID[key(r.UUID)] = r.Event, r
	}
	bounded, cancel := context.WithTimeout(ctx, d.o.cfg.SendTimeout)
	answer, err := d.o.cfg.Send(bounded, d.dest, events, rows[0].Historical)
	cancel()
	if err == nil {
		return d.accepted(ctx, rows, byID, answer)
	}
	f, ok := errors.AsType[*Failure](err)
	if !ok || f.Verdict != Reject && f.Verdict != Split {
		return err
	}
	if len(rows) == 1 {
		return d.bury(ctx, rows, deadRejected, f.Reason)
	}
	if d.extra += 2; d.extra > maxBisect {
		return &Failure{Verdict: Retry, Reason: "many events are refused: " + f.Reason}
	}
	half := len(rows) / 2
	for _, part := range [][]row{rows[:half], rows[half:]} {
		ours, err := d.s.renew(context.WithoutCancel(ctx), d.lease, part, d.o.cfg.Lease)
		if err != nil {
			return d.o.failed(d.s, err)
		}
		if !ours {
			return errLeaseLost
		}
		if err := d.send(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// accepted settles a batch that PostHog took. What its billing quota dropped
// is kept: nothing vanishes without a trace.
func (d *delivery) accepted(ctx context.Context, rows []row, byID map[string]row, answer Answer) error {
	var dropped []row
	for _, id := range answer.Dropped {
		if r, ok := byID[key(id)]; ok {
			dropped = append(dropped, r)
			delete(byID, key(id))
		}
	}
	kept := make([]row, 0, len(byID))
	for _, r := range rows {
		if _, ok := byID[key(r.UUID)]; ok {
			kept = append(kept, r)
		}
	}
	// PostHog has them: write that down even when the caller has gone.
	if err := d.s.settle(context.WithoutCancel(ctx), kept, dropped, deadQuota, answer.Reason); err != nil {
		return d.o.failed(d.s, err)
	}
	if len(dropped) > 0 {
		d.o.cfg.Logger.LogAttrs(ctx, slog.LevelError, "PostHog dropped events: the billing quota is used up; they are kept as dead letters",
			slog.Int("events", len(dropped)), slog.String("host", d.dest.Host), slog.String("reason", answer.Reason))
	}
	if len(kept) > 0 {
		d.o.announce()
	}
	return nil
}

// bury moves events to the dead letters.
func (d *delivery) bury(ctx context.Context, rows []row, kind, reason string) error {
	if err := d.s.settle(context.WithoutCancel(ctx), nil, rows, kind, reason); err != nil {
		return d.o.failed(d.s, err)
	}
	d.o.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "captured events became dead letters",
		slog.Int("events", len(rows)), slog.String("first", rows[0].UUID), slog.String("reason", fmt.Sprintf("%.200s", reason)))
	return nil
}
