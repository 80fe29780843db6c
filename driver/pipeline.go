package driver

import (
	"context"
	"log/slog"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

const (
	// deadlineMargin is left between the end of a pause and the deadline: a
	// later attempt could not be answered.
	deadlineMargin = 250 * time.Millisecond
	// tooManyWait is when to come back after a refusal for too many requests
	// at once, whose end nobody knows.
	tooManyWait = time.Second
)

// do sends r through the whole pipeline and decodes the answer into out, which
// may be nil, *[]byte or *json.RawMessage. Every error is an *Error.
//
// The order of the stages matters. The deadline is outermost. Kept answers and
// shared requests are outside everything that may refuse: what needs no request
// must not fail because PostHog is down. Retries are outside breaker and quota,
// because PostHog counts every attempt. The breaker comes before quota, so that
// an outage spends none; quota before the bulkhead, so that nobody holds a
// scarce slot while waiting for a window.
func (c *Client) do(ctx context.Context, r request, out any) error {
	ctx, cancel := c.withTotal(ctx)
	defer cancel()
	k, err := c.prepare(ctx, r)
	if err != nil {
		return err
	}
	record(ctx, func(d *TraceData) { d.Requests++ })
	ans, err := c.answer(ctx, k)
	if err != nil {
		return err
	}
	c.project.learn(k, ans)
	return deliver(k, ans, out)
}

// withTotal bounds a call, or an operation of several calls, by the total
// time. A context that ends earlier stays as it is.
func (c *Client) withTotal(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.cfg.Timeouts.Total, errTotalTimeout)
}

// answer gives the call's answer: one that was kept, one that another caller is
// getting, or one of its own; and when PostHog fails, an older one.
func (c *Client) answer(ctx context.Context, k *call) (*answer, error) {
	key, fresh := c.cache.place(ctx, k)
	if fresh == 0 {
		defer c.cache.changed(k)
		return c.ask(ctx, k)
	}
	if k.fresh {
		ans, err := c.ask(ctx, k)
		if err == nil {
			c.cache.put(key, ans)
		}
		return ans, err
	}
	if ans, age, ok := c.cache.get(key, fresh); ok {
		record(ctx, func(d *TraceData) { d.Age = max(d.Age, age) })
		return ans, nil
	}
	ans, err := c.flights.do(ctx, c, key, k, func(ctx context.Context, k *call) (*answer, error) {
		ans, err := c.ask(ctx, k)
		if err == nil {
			c.cache.put(key, ans)
		}
		return ans, err
	})
	if err == nil || !canBeStale(err) {
		return ans, err
	}
	if old, age, ok := c.cache.get(key, c.cfg.Cache.StaleFor); ok {
		c.log.LogAttrs(ctx, slog.LevelWarn, "answered with an older answer", slog.String("op", k.op),
			slog.Duration("age", age), slog.String("reason", err.Error()))
		record(ctx, func(d *TraceData) { d.Stale, d.Age = true, max(d.Age, age) })
		return old, nil
	}
	return nil, err
}

// ask gets an answer from PostHog.
func (c *Client) ask(ctx context.Context, k *call) (*answer, error) {
	record(ctx, func(d *TraceData) { d.RequestIDs = append(d.RequestIDs, k.id) })
	if k.background {
		return c.sendInBackground(ctx, k)
	}
	return c.send(ctx, k)
}

// send makes attempts until one succeeds, or no further one is allowed, useful
// or in time.
func (c *Client) send(ctx context.Context, k *call) (*answer, error) {
	if err := k.encode(); err != nil {
		return nil, err
	}
	var w *waits // made at the first fault: most calls have none
	var last *Error
	budget, paid := c.budgets[k.target], 0
	for n := 1; ; n++ {
		ans, f := c.attempt(ctx, k)
		if f == nil {
			budget.succeed(paid)
			return ans, nil
		}
		if f.kind == faultLocal && last != nil {
			f.err.Err = last // what PostHog said before we stopped ourselves
		}
		if n >= c.cfg.Retry.attempts(k.class) || !f.retryable(k.idempotent, n) {
			return nil, f.err
		}
		if w == nil {
			w = new(c.cfg.Retry.waits())
		}
		pause := w.next(f)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause+k.least(f) {
			return nil, f.err
		}
		price := retryPrice(k.class, f)
		if !budget.withdraw(price) {
			c.log.LogAttrs(ctx, slog.LevelWarn, "retry budget empty", slog.String("op", k.op), slog.String("request_id", k.id))
			return nil, f.err
		}
		paid += price
		last = f.err
		c.log.LogAttrs(ctx, slog.LevelInfo, "retrying", slog.String("op", k.op), slog.String("request_id", k.id),
			slog.Int("attempt", n), slog.Duration("pause", pause), slog.String("reason", f.err.Error()))
		if f.err.Window != "" && f.kind == faultRate {
			continue // the closed window holds the next attempt, in its turn
		}
		if f := k.sleep(ctx, pause); f != nil {
			return nil, f.err
		}
	}
}

// least gives how much time another attempt needs to make sense: what was too
// slow once gets its whole timeout again or is not repeated.
func (k *call) least(f *fault) time.Duration {
	if f.kind == faultSlow {
		return k.timeout
	}
	return deadlineMargin
}

// sleep pauses between attempts.
func (k *call) sleep(ctx context.Context, d time.Duration) *fault {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return k.contextFault(ctx)
	}
}

// attempt takes the call once through breaker, quota and bulkhead.
func (c *Client) attempt(ctx context.Context, k *call) (ans *answer, f *fault) {
	if ctx.Err() != nil {
		return nil, k.contextFault(ctx)
	}
	if f := c.pauses.check(k); f != nil {
		return nil, f
	}
	defer c.notify.check()
	br := c.breakers[k.class]
	if f := br.check(k); f != nil {
		return nil, f
	}
	if f := c.tryCheaply(ctx, br, k); f != nil {
		return nil, f
	}
	start := time.Now()
	p, f := c.enter(ctx, k)
	record(ctx, func(d *TraceData) { d.QuotaWait += time.Since(start) })
	if f != nil {
		return nil, f
	}
	defer func() {
		p.slot.Release(ctx) // only matters when the breaker refused meanwhile
		p.leave()
		c.bulkheads[k.class].release(f)
		c.pauses.note(k, f)
	}()
	return br.execute(k, func() (*answer, *fault) { return c.exchange(ctx, k, p.slot) })
}

// place is what an attempt holds while it runs: its quota, and its place among
// the queries of all processes.
type place struct {
	slot  *quota.Reservation
	leave func()
}

// enter waits for quota, for the host's pace and for a place in the bulkhead,
// which for queries is also one among all processes that share the quota's
// store. Without a fault the caller owns them all.
func (c *Client) enter(ctx context.Context, k *call) (place, *fault) {
	slot, err := c.quota.Acquire(ctx, k.bucket)
	if err != nil {
		return place{}, k.quotaFault(ctx, err)
	}
	if f := c.smooth(ctx, k); f != nil {
		slot.Release(ctx)
		return place{}, f
	}
	own := c.bulkheads[k.class]
	if err := own.acquire(ctx); err != nil {
		slot.Release(ctx)
		return place{}, k.crowdedFault(ctx)
	}
	p := place{slot, func() {}}
	if k.class != ClassQuery {
		return p, nil
	}
	if p.leave, err = c.quota.Hold(ctx, string(k.class), own.bound()); err != nil {
		slot.Release(ctx)
		own.giveBack()
		if ctx.Err() == nil {
			return place{}, k.quotaFault(ctx, err)
		}
		return place{}, k.crowdedFault(ctx)
	}
	return p, nil
}

// exchange sends the attempt within its own timeout and settles its quota.
func (c *Client) exchange(parent context.Context, k *call, slot *quota.Reservation) (*answer, *fault) {
	ctx, cancel := context.WithTimeoutCause(parent, k.timeout, errAttemptTimeout)
	defer cancel()
	fl := &timeline{}
	start := time.Now()
	ans, err := c.wire.send(ctx, k, fl)
	wrote, firstByte, sent := fl.times()
	if sent {
		record(parent, func(d *TraceData) { d.Attempts++ })
	}
	var f *fault
	switch {
	case err != nil:
		f = k.sendFault(ctx, err, ans, sent)
	default:
		f = k.answerFault(ans)
	}
	status := 0
	if ans != nil {
		status = ans.status
		record(parent, func(d *TraceData) { d.Status = status })
	}
	switch {
	case f != nil && f.kind == faultRate:
		f.err.Window = slot.Refused(ctx, wrote, firstByte, f.err.RetryAfter)
	case !sent:
		slot.Release(ctx)
	default:
		slot.Settle(ctx, wrote, firstByte)
	}
	if f != nil && (f.kind == faultRate || f.kind == faultBusy) {
		c.notify.limited(k, f.err)
	}
	c.logAttempt(parent, k, status, time.Since(start), f)
	return ans, f
}

func (c *Client) logAttempt(ctx context.Context, k *call, status int, took time.Duration, f *fault) {
	if !c.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{
		slog.String("op", k.op), slog.String("request_id", k.id), slog.String("method", k.method),
		slog.String("host", k.url.Host), slog.String("path", k.url.Path), slog.Int("status", status), slog.Duration("took", took),
	}
	if f != nil {
		attrs = append(attrs, slog.String("error", f.err.Error()))
	}
	c.log.LogAttrs(ctx, slog.LevelDebug, "attempt", attrs...)
}
