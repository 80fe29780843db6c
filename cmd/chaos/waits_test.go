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
	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// Row 3: an open breaker answers at once, with the time of the next try, and
// sends nothing.
func TestRow3(t *testing.T) {
	r := newRig(t, posthogtest.Options{Throttle: posthogtest.Throttle{Off: true}}, func(cfg *driver.Config) {
		unlimited(cfg)
		cfg.Retry = driver.RetryConfig{Base: time.Millisecond}
		cfg.Breaker.Open = time.Hour
	})
	defer r.close(t)
	r.ph.Faults.Add(posthogtest.Fault{Kind: posthogtest.FaultStatus, Status: http.StatusServiceUnavailable})
	for range 20 {
		require.Error(t, r.read(t.Context()))
	}
	before := len(r.wire.sent())
	took := make([]time.Duration, sized(50_000, 2_000))
	told := 0
	for i := range took {
		start := time.Now()
		err := r.read(t.Context())
		took[i] = time.Since(start)
		e, ok := errors.AsType[*driver.Error](err)
		if ok && e.Kind == driver.KindUnavailable && e.RetryAfter > 0 && e.RetryAfter <= time.Hour {
			told++
		}
	}
	require.Equal(t, len(took), told, "every answer names the next try")
	require.Len(t, r.wire.sent(), before, "nothing is sent")
	p99 := percentile(took, 99)
	score.Report(t, score.Row{
		Row: 3, Bar: "breaker open: p99 < 1 ms, with the next try", OK: p99 < time.Millisecond, Timing: true,
		Measured: fmt.Sprintf("p99 %s, p50 %s, %d of %d name the next try", micros(p99), micros(percentile(took, 50)), told, len(took)),
	})
}

// Row 9, by a clock that does not run while the program works: whatever goes
// wrong, no call outlives its deadline.
func TestRow9(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, posthogtest.Options{Throttle: posthogtest.Throttle{Scale: 0.5}}, func(cfg *driver.Config) {
			cfg.Breaker = driver.BreakerConfig{Consecutive: 1 << 30, MinRequests: 1 << 30} // else it answers before anything can be late
		})
		defer r.close(t)
		draw := newDice(9)
		r.wire.before = draw.travel(time.Millisecond, 400*time.Millisecond)
		for i, f := range []posthogtest.Fault{
			{Kind: posthogtest.FaultHang}, {Kind: posthogtest.FaultDelay, Latency: 5 * time.Second},
			{Kind: posthogtest.FaultSlowBody, Latency: time.Second}, {Kind: posthogtest.FaultResetBody},
			{Kind: posthogtest.FaultStatus, Status: 503, Header: http.Header{"Retry-After": {"7"}}},
			{Kind: posthogtest.FaultStatus, Status: 429, Body: `{"type":"throttled_error","code":"throttled","detail":"Request was throttled. Expected available in 20 seconds."}`},
		} {
			f.Probability, f.Seed = 0.12, score.Seed()+uint64(i)
			r.ph.Faults.Add(f)
		}
		var mu sync.Mutex
		worst, failed := time.Duration(0), 0
		calls := sized(4000, 1000)
		steady(t.Context(), calls, 300*time.Millisecond, func(ctx context.Context) error {
			limit := draw.between(5*time.Millisecond, 55*time.Second)
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			start := time.Now()
			call := r.read
			if limit%2 == 0 {
				call = r.query
			}
			err := call(ctx)
			mu.Lock()
			defer mu.Unlock()
			worst = max(worst, time.Since(start)-min(limit, 50*time.Second)) // the total timeout's default
			if err != nil {
				failed++
			}
			return err
		})
		require.Positive(t, failed)
		score.Report(t, score.Row{
			Row: 9, Bar: "no call later than its deadline + 50 ms (simulated clock)", OK: worst <= 50*time.Millisecond, Seed: score.Seed(),
			Measured: fmt.Sprintf("at most %s late in %d calls, %d of which failed", max(worst, 0), calls, failed),
		})
	})
}

// Row 9, by the real clock and over real connections: many callers with short
// deadlines at a PostHog that hangs, drips and fails.
func TestRow9RealTime(t *testing.T) {
	r := newRig(t, posthogtest.Options{Throttle: posthogtest.Throttle{Off: true}}, func(cfg *driver.Config) {
		unlimited(cfg)
		cfg.Breaker = driver.BreakerConfig{Consecutive: 1 << 30, MinRequests: 1 << 30}
	})
	defer r.close(t)
	for i, f := range []posthogtest.Fault{
		{Kind: posthogtest.FaultHang}, {Kind: posthogtest.FaultSlowBody, Latency: 100 * time.Millisecond},
		{Kind: posthogtest.FaultStatus, Status: 500}, {Kind: posthogtest.FaultReset},
	} {
		f.Probability, f.Seed = 0.2, score.Seed()+uint64(i)
		r.ph.Faults.Add(f)
	}
	draw := newDice(90)
	var mu sync.Mutex
	var late []time.Duration
	var wg sync.WaitGroup
	for range 24 {
		wg.Go(func() {
			for range sized(40, 6) {
				limit := draw.between(2*time.Millisecond, 300*time.Millisecond)
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				start := time.Now()
				_ = r.read(ctx)
				took := time.Since(start)
				cancel()
				mu.Lock()
				late = append(late, took-limit)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	worst := percentile(late, 100)
	score.Report(t, score.Row{
		Row: 9, Bar: "no call later than its deadline + 50 ms (real clock)", OK: worst <= 50*time.Millisecond, Timing: true, Seed: score.Seed(),
		Measured: fmt.Sprintf("at most %s late in %d calls of 24 callers", millis(max(worst, 0)), len(late)),
	})
}

// Row 9's other half: a call that cannot be answered in time says so at once.
func TestRow9Hopeless(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*driver.Config)
		window string
	}{
		{"a rate window is full for an hour", func(cfg *driver.Config) {
			unlimited(cfg)
			cfg.Quota.Windows[quota.BucketStandard] = []quota.Window{{Name: "sustained", Limit: 1, Per: time.Hour}}
		}, "sustained"},
		{"the pace leaves no room", func(cfg *driver.Config) {
			unlimited(cfg)
			cfg.Smoothing = driver.Smoothing{PerSecond: 0.001, Burst: 1}
		}, "smoothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, posthogtest.Options{Throttle: posthogtest.Throttle{Off: true}}, c.change)
			defer r.close(t)
			require.NoError(t, r.read(t.Context()))
			took := make([]time.Duration, sized(5_000, 200))
			for i := range took {
				start := time.Now()
				err := r.read(t.Context())
				took[i] = time.Since(start)
				e, ok := errors.AsType[*driver.Error](err)
				require.True(t, ok)
				require.Equal(t, c.window, e.Window)
			}
			// The slowest of thousands is what the machine did meanwhile.
			p999 := percentile(took, 99.9)
			score.Report(t, score.Row{
				Row: 9, Bar: "one that cannot make it fails in < 5 ms (p99.9): " + c.name, OK: p999 < 5*time.Millisecond, Timing: true,
				Measured: fmt.Sprintf("p99.9 %s, p50 %s, at most %s, %d calls", micros(p999), micros(percentile(took, 50)), millis(percentile(took, 100)), len(took)),
			})
		})
	}
}
