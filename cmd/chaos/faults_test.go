package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/score"
)

// Row 1: a PostHog that fails now and then is hidden by retries, and no
// breaker takes it for dead.
func TestRow1(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		calls  int
		faults float64
		hangs  bool // half of the faults; else all are answered with 503
		query  bool // a query that hangs uses up its call's time: none is repeated
		bar    float64
	}{
		{"reads, 30 % 503 and hanging", 4000, 0.30, true, false, 95},
		{"queries, 30 % 503", 4000, 0.30, false, true, 95},
		{"reads, 5 % 503 and hanging", 10_000, 0.05, true, false, 99.9},
		{"queries, 5 % 503", 10_000, 0.05, false, true, 99.9},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c.calls = sized(c.calls, c.calls/4)
				r := newRig(t, posthogtest.Options{Throttle: posthogtest.Throttle{Off: true}}, unlimited)
				defer r.close(t)
				failing := c.faults
				if c.hangs {
					failing /= 2
					r.ph.Faults.Add(posthogtest.Fault{Kind: posthogtest.FaultHang, Probability: failing, Seed: score.Seed()})
					failing /= 1 - failing // of those that are left
				}
				r.ph.Faults.Add(posthogtest.Fault{Kind: posthogtest.FaultStatus, Status: http.StatusServiceUnavailable, Probability: failing, Seed: score.Seed() + 1})
				call := r.read
				if c.query {
					call = r.query
				}
				errs := steady(t.Context(), c.calls, 500*time.Millisecond, call)
				good := 0
				for _, err := range errs {
					if err == nil {
						good++
					}
				}
				struck := 0
				for _, n := range r.ph.Faults.Counts() {
					struck += n
				}
				opens := 0
				for _, b := range r.client.Status().Breakers {
					opens += b.Opens1h
				}
				percent := 100 * float64(good) / float64(c.calls)
				sent := len(r.wire.sent())
				require.InDelta(t, c.faults, float64(struck)/float64(sent), 0.05, "the faults are as many as meant")
				score.Report(t, score.Row{
					Row: 1, Bar: fmt.Sprintf("%s: ≥ %g %% succeed", c.name, c.bar), OK: percent >= c.bar, Seed: score.Seed(),
					Measured: fmt.Sprintf("%.2f %% of %d calls, %.2f requests a call, %d openings of a breaker", percent, c.calls, float64(sent)/float64(c.calls), opens),
				})
			})
		})
	}
}

// outages are the ways in which a PostHog is down.
func outages() map[string]posthogtest.Fault {
	return map[string]posthogtest.Fault{
		"answers 503": {Kind: posthogtest.FaultStatus, Status: http.StatusServiceUnavailable},
		"resets":      {Kind: posthogtest.FaultReset},
		"hangs":       {Kind: posthogtest.FaultHang},
	}
}

// Row 2: retries do not multiply an outage, and the breaker ends the sending.
func TestRow2(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*driver.Config)
		bar    float64
	}{
		{"breaker off", func(cfg *driver.Config) {
			unlimited(cfg)
			cfg.Breaker = driver.BreakerConfig{Consecutive: 1 << 30, MinRequests: 1 << 30}
		}, 1.1},
		{"breaker on", unlimited, 0.05},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			worst, of := 0.0, ""
			for name, fault := range outages() {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, posthogtest.Options{Throttle: posthogtest.Throttle{Off: true}}, c.change)
					defer r.close(t)
					r.ph.Faults.Add(fault)
					const calls = 10 * 60 * 10
					for _, err := range steady(t.Context(), calls, 100*time.Millisecond, r.read) {
						require.Error(t, err)
					}
					if each := float64(len(r.wire.sent())) / calls; each > worst {
						worst, of = each, name
					}
				})
			}
			score.Report(t, score.Row{
				Row: 2, Bar: fmt.Sprintf("10 min outage at 10 calls/s, %s: ≤ %g requests a call", c.name, c.bar), OK: worst <= c.bar,
				Measured: fmt.Sprintf("%.3f requests a call in the worst of %d outages (PostHog %s)", worst, len(outages()), of),
			})
		})
	}
}

// Row 4: the first call after the end of an outage that may try does so, when
// callers were told it would, and those that waited do not all come at once.
func TestRow4(t *testing.T) {
	t.Parallel()
	const callers, bulkhead = 200, 16
	trials := sized(12, 4)
	var slowest, late time.Duration
	crowd := 0
	end := newDice(4)
	for range trials {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, posthogtest.Options{Throttle: posthogtest.Throttle{Off: true}}, unlimited)
			defer r.close(t)
			r.wire.before = end.travel(4*time.Millisecond, 6*time.Millisecond) // a PostHog near by is the harder case
			r.ph.Faults.Add(posthogtest.Fault{Kind: posthogtest.FaultStatus, Status: http.StatusServiceUnavailable})
			o := outage(t, r, callers, end.between(30*time.Second, 5*time.Minute))
			slowest = max(slowest, o.first.Sub(o.back))
			late = max(late, o.first.Sub(o.back)-o.told)
			crowd = max(crowd, busiest(r.wire.sent(), o.first, o.first.Add(5*time.Second)))
		})
	}
	// A caller is never told to come back in less than a second.
	score.Report(t, score.Row{
		Row: 4, Bar: "first success within the announced probe interval (10 s, doubling to 60 s)", OK: late <= 1100*time.Millisecond && slowest <= 61*time.Second, Seed: score.Seed(),
		Measured: fmt.Sprintf("at most %s after the announced moment, %s after the outage; %d outages", max(late, 0).Round(time.Millisecond), slowest.Round(time.Millisecond), trials),
	})
	score.Report(t, score.Row{
		Row: 4, Bar: fmt.Sprintf("≤ %d requests (the bulkhead) in any 100 ms of the first 5 s", bulkhead), OK: crowd <= bulkhead, Seed: score.Seed(),
		Measured: fmt.Sprintf("at most %d, of %d callers that waited", crowd, callers),
	})
}

// recovery is what was seen of the end of an outage.
type recovery struct {
	back  time.Time     // the end of the outage
	told  time.Duration // from then to the next trial, as announced
	first time.Time     // the first success
}

// outage lets callers run into a fault that ends after a while. They come back
// when they are told to, as agents do.
func outage(t *testing.T, r *rig, callers int, length time.Duration) recovery {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var wg sync.WaitGroup
	var o recovery
	for range callers {
		wg.Go(func() {
			for ctx.Err() == nil {
				err := r.read(ctx)
				mu.Lock()
				if err == nil && o.first.IsZero() {
					o.first = time.Now()
				}
				mu.Unlock()
				pause := time.Millisecond
				if e, ok := errors.AsType[*driver.Error](err); ok {
					pause = max(e.RetryAfter, 100*time.Millisecond)
				}
				select {
				case <-time.After(pause):
				case <-ctx.Done():
				}
			}
		})
	}
	time.Sleep(length)
	o.back = time.Now()
	r.ph.Faults.Clear()
	for _, b := range r.client.Status().Breakers {
		if b.RetryInS != nil {
			o.told = max(o.told, time.Duration(*b.RetryInS*float64(time.Second)))
		}
	}
	time.Sleep(time.Minute + 10*time.Second)
	cancel()
	wg.Wait()
	require.False(t, o.first.IsZero(), "nothing succeeded within a minute of the outage's end")
	return o
}

// busiest gives the most requests in any 100 ms of a span.
func busiest(sent []time.Time, from, to time.Time) int {
	most, head := 0, 0
	for i, at := range sent {
		if at.Before(from) || at.After(to) {
			head = i + 1
			continue
		}
		for at.Sub(sent[head]) >= 100*time.Millisecond {
			head++
		}
		most = max(most, i-head+1)
	}
	return most
}
