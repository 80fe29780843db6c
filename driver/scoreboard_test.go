package driver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/score"
	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// noWindows takes the quota out of a test about something else.
func noWindows(cfg *Config) {
	cfg.Quota.Windows = map[quota.Bucket][]quota.Window{quota.BucketStandard: {}, quota.BucketQueries: {}}
}

// faulty is a PostHog that fails a share of its requests, each on its own: half
// with a 5xx, half by not answering.
type faulty struct {
	mu    sync.Mutex
	rng   *rand.Rand
	share float64
}

func (f *faulty) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	fails, hangs := f.rng.Float64() < f.share, f.rng.Float64() < 0.5
	f.mu.Unlock()
	switch {
	case fails && hangs:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case fails:
		return response(502, `<html>`), nil
	}
	return response(200, `{}`), nil
}

// TestRow1: independent faults are what retries are for, and breakers stay out
// of it.
func TestRow1(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ share, bar float64 }{{0.30, 0.95}, {0.05, 0.999}} {
		synctest.Test(t, func(t *testing.T) {
			seed := score.Seed()
			c := clientFor(t, "us", noWindows, func(cfg *Config) {
				cfg.Transport = &faulty{rng: rand.New(rand.NewPCG(seed, 1)), share: tc.share}
				cfg.Retry = RetryConfig{}
			})
			const calls = 5000
			good, start := 0, time.Now()
			for range calls {
				if c.do(t.Context(), readRequest(), nil) == nil {
					good++
				}
				time.Sleep(time.Second)
			}
			trips := float64(c.breakers[ClassRead].status().Opens1h)
			rate := float64(good) / calls
			score.Report(t, score.Row{
				Row: 1, Bar: fmt.Sprintf("%.0f %% faults: at least %.1f %% of calls succeed, no more than 5 false trips a day", 100*tc.share, 100*tc.bar),
				Measured: fmt.Sprintf("%.2f %% of %d calls in %s, %.0f trips in the last hour", 100*rate, calls, time.Since(start).Round(time.Minute), trips),
				OK:       rate >= tc.bar && trips <= 1, Seed: seed,
			})
		})
	}
}

// TestRow2: in an outage retries do not multiply the load, and the breaker
// takes nearly all of it away.
func TestRow2(t *testing.T) {
	t.Parallel()
	for _, breaker := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var sent atomic.Int64
			c := clientFor(t, "us", noWindows, func(cfg *Config) {
				cfg.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
					sent.Add(1)
					return response(503, `{}`), nil
				})
				cfg.Retry = RetryConfig{}
				if !breaker {
					cfg.Breaker = BreakerConfig{Consecutive: 1 << 30, MinRequests: 1 << 30}
				}
			})
			const calls = 6000
			var wg sync.WaitGroup
			for range calls { // ten a second for ten minutes
				wg.Go(func() { require.Error(t, c.do(t.Context(), readRequest(), nil)) })
				time.Sleep(100 * time.Millisecond)
			}
			wg.Wait()
			most, name := 1.1, "off"
			if breaker {
				most, name = 0.05, "on"
			}
			got := float64(sent.Load()) / calls
			score.Report(t, score.Row{
				Row: 2, Bar: fmt.Sprintf("outage of ten minutes, breaker %s: at most %.2f requests a call", name, most),
				Measured: fmt.Sprintf("%.4f requests a call", got), OK: got <= most,
			})
		})
	}
}

// percentile gives the p-th part of the durations, in order.
func percentile(all []time.Duration, p float64) time.Duration {
	slices.Sort(all)
	return all[min(len(all)-1, int(p*float64(len(all))))]
}

// TestRow3: behind an open breaker the answer comes at once, with the time of
// the next try.
func TestRow3(t *testing.T) {
	t.Parallel()
	for _, r := range []request{readRequest(), queryRequest()} {
		c := clientFor(t, "us", func(cfg *Config) {
			cfg.Transport = roundTripper(func(*http.Request) (*http.Response, error) { return response(503, `{}`), nil })
			cfg.Cache.Off = false
		})
		for c.breakers[r.class].status().State != "open" {
			require.Error(t, c.do(t.Context(), r, nil))
		}
		const calls = 5000
		took := make([]time.Duration, calls)
		for i := range took {
			start := time.Now()
			err := c.do(t.Context(), r, nil)
			took[i] = time.Since(start)
			e, ok := errors.AsType[*Error](err)
			require.True(t, ok)
			require.Equal(t, KindUnavailable, e.Kind)
			require.Positive(t, e.RetryAfter)
			require.LessOrEqual(t, e.RetryAfter, 10*time.Second)
		}
		p99 := percentile(took, 0.99)
		score.Report(t, score.Row{
			Row: 3, Bar: "breaker open: p99 of an answer below 1 ms, with the time of the next try",
			Measured: fmt.Sprintf("%s: p99 %s", r.class, p99), OK: p99 < time.Millisecond, Timing: true,
		})
	}
}

// recovering is a PostHog that comes back, on fake time.
type recovering struct {
	well  atomic.Bool
	mu    sync.Mutex
	since []time.Time // requests after it came back
}

func (u *recovering) RoundTrip(*http.Request) (*http.Response, error) {
	if !u.well.Load() {
		return response(503, `{}`), nil
	}
	u.mu.Lock()
	u.since = append(u.since, time.Now())
	u.mu.Unlock()
	time.Sleep(10 * time.Millisecond)
	return response(200, `{}`), nil
}

// TestRow4: when PostHog is back the first call succeeds within one interval of
// trials, gently at first, at the full rate soon after, although many wait
// for that very moment.
func TestRow4(t *testing.T) {
	t.Parallel()
	for _, class := range []Class{ClassRead, ClassQuery} {
		synctest.Test(t, func(t *testing.T) {
			u := &recovering{}
			c := clientFor(t, "us", noWindows, func(cfg *Config) { cfg.Transport, cfg.Retry = u, RetryConfig{} })
			r := readRequest()
			if class == ClassQuery {
				r = queryRequest()
			}
			ctx, stop := context.WithCancel(t.Context())
			var first atomic.Pointer[time.Time]
			var good atomic.Int64
			var wg sync.WaitGroup
			for i := range 200 {
				wg.Go(func() { // an agent that comes back when told to, or much too often
					for ctx.Err() == nil {
						err := c.do(ctx, r, nil)
						if e, ok := errors.AsType[*Error](err); ok {
							pause := max(e.RetryAfter, time.Second)
							if i < 50 && u.well.Load() {
								pause = 5 * time.Millisecond
							}
							time.Sleep(pause)
							continue
						}
						good.Add(1)
						first.CompareAndSwap(nil, new(time.Now()))
						time.Sleep(500 * time.Millisecond)
					}
				})
			}
			time.Sleep(5 * time.Minute)
			require.Equal(t, "open", c.breakers[class].status().State)
			interval := c.cfg.Breaker.OpenMost
			back := time.Now()
			u.well.Store(true)
			time.Sleep(interval + time.Second)
			begin := first.Load()
			require.NotNil(t, begin)
			size, gentle := c.cfg.Bulkhead[class], 0
			u.mu.Lock()
			for _, at := range u.since {
				if at.Sub(u.since[0]) < 100*time.Millisecond {
					gentle++
				}
			}
			u.mu.Unlock()
			time.Sleep(time.Second)
			before := good.Load()
			time.Sleep(time.Second)
			rate := good.Load() - before
			stop()
			wg.Wait()
			waited := begin.Sub(back)
			score.Report(t, score.Row{
				Row: 4, Bar: fmt.Sprintf("recovery: first success within one interval of trials, at most %d requests (the bulkhead) in the first 100 ms", size),
				Measured: fmt.Sprintf("%s: first success after %s of %s, %d requests in the first 100 ms, then %d a second", class, waited.Round(time.Millisecond), interval, gentle, rate),
				OK:       waited <= interval+100*time.Millisecond && gentle <= size && rate >= 150,
			})
		})
	}
}

// slowness is a PostHog of every kind of slowness, on fake time.
type slowness struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func (s *slowness) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	mood, d := s.rng.IntN(6), time.Duration(s.rng.Int64N(int64(20*time.Second)))
	s.mu.Unlock()
	switch mood {
	case 0:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case 1:
		return response(503, `{}`), nil
	case 2:
		res := response(429, problem("throttled_error", "throttled", "Request was throttled."))
		res.Header.Set("Retry-After", formatInt(int64(d/time.Second)))
		return res, nil
	case 3:
		return response(429, problem("throttled_error", "throttled", "Exceeded maximum concurrency limit: 3")), nil
	}
	select {
	case <-time.After(d):
		return response(200, `{}`), nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// TestRow9: whatever PostHog does, a call ends at its deadline, and one that
// cannot make it says so at once.
func TestRow9(t *testing.T) {
	t.Parallel()
	seed := score.Seed()
	var worst atomic.Int64
	const calls = 2000
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(seed, 9))
		c := clientFor(t, "us", func(cfg *Config) {
			cfg.Transport = &slowness{rng: rand.New(rand.NewPCG(seed, 10))}
			cfg.Retry = RetryConfig{}
			cfg.Cache.Off = false
			cfg.Quota.Windows = map[quota.Bucket][]quota.Window{
				quota.BucketStandard: {{Name: "tight", Limit: 20, Per: 10 * time.Second}},
				quota.BucketQueries:  {{Name: "tighter", Limit: 10, Per: 10 * time.Second}},
			}
		})
		var wg sync.WaitGroup
		for i := range calls {
			limit := time.Duration(1 + rng.Int64N(int64(70*time.Second)))
			r := []request{readRequest(), queryRequest(), writeRequest(), hogqlRequestOf("SELECT " + formatInt(int64(i%50)))}[rng.IntN(4)]
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				start := time.Now()
				_ = c.do(ctx, r, nil)
				late := time.Since(start) - min(limit, c.cfg.Timeouts.Total)
				for old := worst.Load(); int64(late) > old && !worst.CompareAndSwap(old, int64(late)); old = worst.Load() {
				}
			})
			time.Sleep(time.Duration(rng.Int64N(int64(400 * time.Millisecond))))
		}
		wg.Wait()
	})
	late := max(0, time.Duration(worst.Load()))
	score.Report(t, score.Row{
		Row: 9, Bar: "no call returns later than 50 ms after its deadline",
		Measured: fmt.Sprintf("the latest of %d calls: %s", calls, late), OK: late <= 50*time.Millisecond, Seed: seed,
	})
}

// TestRow9InVain: a call whose turn comes after its deadline is refused at once.
func TestRow9InVain(t *testing.T) {
	t.Parallel()
	c := clientFor(t, "us", func(cfg *Config) {
		cfg.Transport = roundTripper(func(*http.Request) (*http.Response, error) { return response(200, `{}`), nil })
		cfg.Quota.Windows = map[quota.Bucket][]quota.Window{quota.BucketStandard: {{Name: "full", Limit: 1, Per: time.Hour}}}
	})
	require.NoError(t, c.do(t.Context(), readRequest(), nil))
	took := make([]time.Duration, 1000)
	for i := range took {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		start := time.Now()
		require.ErrorIs(t, c.do(ctx, readRequest(), nil), KindLimited)
		took[i] = time.Since(start)
		cancel()
	}
	p99 := percentile(took, 0.99)
	score.Report(t, score.Row{
		Row: 9, Bar: "a call that cannot make its deadline fails in less than 5 ms",
		Measured: "p99 " + p99.String(), OK: p99 < 5*time.Millisecond, Timing: true,
	})
}

// TestRow13: what a call that needs no PostHog costs.
//
//nolint:paralleltest // it counts the allocations of the whole program
func TestRow13(t *testing.T) {
	c := cachingClient(t, &upstream{})
	for name, r := range map[string]request{"list": readRequest(), "HogQL": hogqlRequest()} {
		require.NoError(t, c.do(t.Context(), r, nil))
		ask := func() {
			if err := c.do(t.Context(), r, nil); err != nil {
				t.Error(err)
			}
		}
		allocs := testing.AllocsPerRun(1000, ask)
		took := make([]time.Duration, 20000)
		for i := range took {
			start := time.Now()
			ask()
			took[i] = time.Since(start)
		}
		p99 := percentile(took, 0.99)
		score.Report(t, score.Row{
			Row: 13, Bar: "kept answer: at most 40 allocations",
			Measured: fmt.Sprintf("%s: %.0f", name, allocs), OK: allocs <= 40,
		})
		score.Report(t, score.Row{
			Row: 13, Bar: "kept answer: p99 at most 50 µs",
			Measured: fmt.Sprintf("%s: p99 %s", name, p99), OK: p99 <= 50*time.Microsecond, Timing: true,
		})
	}
}
