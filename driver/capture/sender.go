package capture

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

// run is the sender: it sends what is due, then sleeps until more is.
func (o *Outbox) run() {
	defer close(o.done)
	for {
		timer := time.NewTimer(o.pass())
		select {
		case <-o.quit:
			timer.Stop()
			return
		case <-o.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// pass sends every batch that is due and gives the time until the next look.
func (o *Outbox) pass() time.Duration {
	next := o.cfg.Poll
	for _, l := range o.served() {
		for {
			if wait := o.waitOf(l); wait > 0 {
				next = min(next, wait)
				break
			}
			sent, err := o.sendOne(o.life, l, false)
			if o.stopping() {
				return next
			}
			if err != nil {
				continue // the lane is on hold now
			}
			if !sent {
				if due, ok := o.idle(l); ok {
					next = min(next, due)
				}
				break
			}
		}
	}
	return max(next, time.Millisecond)
}

func (o *Outbox) stopping() bool {
	select {
	case <-o.quit:
		return true
	default:
		return false
	}
}

func (o *Outbox) served() []*lane {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]*lane, 0, len(o.lanes))
	for _, l := range o.lanes {
		out = append(out, l)
	}
	return out
}

// waitOf is how long a lane has to wait: for the end of a hold, or for more
// events to fill its batch.
func (o *Outbox) waitOf(l *lane) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return max(time.Until(l.hold), time.Until(l.ready))
}

// idle is asked when nothing could be claimed: the time until something can.
func (o *Outbox) idle(l *lane) (time.Duration, bool) {
	if !o.exists() {
		return 0, false
	}
	s, err := o.use(o.life)
	if err != nil {
		return 0, false
	}
	due, ok, err := s.nextDue(o.life, l.dest)
	if err != nil || !ok {
		return 0, false
	}
	return max(time.Until(due), 10*time.Millisecond), true
}

// sendOne claims one batch and delivers it. It reports whether there was one.
// After an error the lane is on hold.
func (o *Outbox) sendOne(ctx context.Context, l *lane, ignorePauses bool) (bool, error) {
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	defer func() { <-o.turn }()
	o.mu.Lock()
	l.ready, l.added, l.bytes = time.Time{}, 0, 0
	o.mu.Unlock()
	if !o.exists() {
		return false, nil // nothing waits, and looking should make no file
	}
	s, err := o.use(ctx)
	if err != nil {
		return false, o.holdFor(ctx, nil, l, err)
	}
	batch, err := s.claim(ctx, l.dest, o.cfg, ignorePauses)
	if err != nil {
		return false, o.holdFor(ctx, nil, l, o.failed(s, err))
	}
	if len(batch.rows) == 0 {
		return false, nil
	}
	d := delivery{o: o, s: s, dest: l.dest, lease: batch.lease}
	err = d.deliver(ctx, batch.rows)
	if err != nil {
		err = o.holdFor(ctx, &d, l, err)
	} else {
		o.recovered(ctx, s, l)
	}
	o.announce()
	return true, err
}

// recovered ends the trouble of a lane.
func (o *Outbox) recovered(ctx context.Context, s *store, l *lane) {
	o.mu.Lock()
	before := l.problem
	l.failures, l.problem, l.paused, l.hold = 0, "", false, time.Time{}
	o.mu.Unlock()
	if before == "" {
		return
	}
	_ = s.note(context.WithoutCancel(ctx), l.dest, "", false, time.Time{}) // only for show
	o.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "capture outbox is sending again", slog.String("host", l.dest.Host))
}

// holdFor puts a lane on hold after a failure and gives the batch, if there is
// one, back to the outbox. It returns the failure.
func (o *Outbox) holdFor(ctx context.Context, d *delivery, l *lane, failure error) error {
	f, ok := errors.AsType[*Failure](failure)
	if !ok {
		f = &Failure{Verdict: Retry, Reason: failure.Error()}
	}
	// Says nothing about PostHog: the caller gave up, or somebody else has them.
	aborted := ctx.Err() != nil || errors.Is(failure, errLeaseLost)
	now := time.Now()
	o.mu.Lock()
	if !aborted {
		l.failures++
		l.paused = f.Verdict == Pause
		l.hold = now.Add(o.backoff(l.failures, f.RetryAfter))
		if l.paused {
			l.hold = now.Add(o.cfg.Pause)
		}
		l.problem = f.Reason
	}
	hold, paused, failures := l.hold, l.paused, l.failures
	o.mu.Unlock()
	detached := context.WithoutCancel(ctx) // also when it was the caller who gave up
	if d != nil {
		notBefore := now
		if f.Verdict == Retry && !aborted {
			notBefore = hold
			if d.size == 1 || d.attempts >= failures {
				// These may be at fault: the next probe is made with others.
				notBefore = hold.Add(o.backoff(d.attempts+1, 0))
			}
		}
		// Without this the lease runs out by itself, only later.
		if err := d.s.release(detached, d.lease, notBefore, f.Verdict == Retry && !aborted); err != nil {
			failure = errors.Join(failure, o.failed(d.s, err))
		}
		if !aborted {
			_ = d.s.note(detached, l.dest, f.Reason, paused, hold) // only for show
		}
	}
	if aborted {
		return failure
	}
	attrs := []slog.Attr{
		slog.String("host", l.dest.Host), slog.String("reason", f.Reason),
		slog.Duration("next_try_in", time.Until(hold).Round(time.Millisecond)),
	}
	if paused {
		o.cfg.Logger.LogAttrs(ctx, slog.LevelError, "capture outbox is paused: PostHog refuses the project key or the address is wrong", attrs...)
	} else {
		o.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "capture outbox could not send; trying again", attrs...)
	}
	return failure
}

// backoff draws the pause after n failures: full jitter below a ceiling that
// doubles, never less than PostHog asked for.
func (o *Outbox) backoff(n int, retryAfter time.Duration) time.Duration {
	ceiling := o.cfg.MaxBackoff
	if n < 30 {
		ceiling = min(ceiling, o.cfg.Backoff<<max(n-1, 0))
	}
	pause := min(ceiling, 50*time.Millisecond) + rand.N(ceiling)
	if retryAfter > 0 {
		retryAfter = min(retryAfter, time.Hour)
		pause = max(pause, retryAfter+rand.N(retryAfter/10+1))
	}
	return pause
}

// RestError says what a flush left in the outbox.
type RestError struct {
	Queued int
	Err    error // why; nil when another process is at it
}

// Error says how many events are left and why.
func (e *RestError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%d events are still in the outbox; another process has them", e.Queued)
	}
	return fmt.Sprintf("%d events are still in the outbox and will be sent later: %s", e.Queued, e.Err)
}

// Unwrap gives the cause.
func (e *RestError) Unwrap() error { return e.Err }

// Flush sends what waits for the destinations of this process now, pauses or
// not, and waits for what other processes have in hand. It stops at the first
// failure of a destination. A nil error means that nothing is left; otherwise
// it is a [RestError] or a [StoreError].
func (o *Outbox) Flush(ctx context.Context) error {
	if !o.exists() {
		return nil
	}
	var errs []error
	for _, l := range o.served() {
		if err := o.flushLane(ctx, l); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (o *Outbox) flushLane(ctx context.Context, l *lane) error {
	for {
		o.mu.Lock()
		changed := o.changed
		o.mu.Unlock()
		sent, err := o.sendOne(ctx, l, true)
		if sent && err == nil {
			continue
		}
		left, countErr := o.count(context.WithoutCancel(ctx), l.dest)
		if countErr != nil {
			return errors.Join(err, countErr)
		}
		if left == 0 {
			return nil
		}
		if err != nil {
			return &RestError{left, err}
		}
		timer := time.NewTimer(50 * time.Millisecond) // another process tells nobody
		select {
		case <-ctx.Done():
			timer.Stop()
			return &RestError{left, nil}
		case <-changed:
			timer.Stop()
		case <-timer.C:
		}
	}
}
