package driver_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/credential"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// embedded runs f on fake time with a client of an embedded PostHog, which
// counts throttles and concurrency as PostHog does. Both speak real HTTP.
func embedded(t *testing.T, o posthogtest.Options, edit func(*driver.Config), f func(t *testing.T, s *posthogtest.Server, c *driver.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.NoListener = true
		o.Data = data.Options{Seed: 1, People: 20, Days: 7}
		s, err := posthogtest.New(o)
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		cred, err := credential.Static(s.PersonalKey(), "test")
		require.NoError(t, err)
		cfg := driver.Config{Host: "http://127.0.0.1", ProjectID: s.ProjectID(), Credential: cred, Transport: s.Transport(), Cache: driver.CacheConfig{Off: true}}
		if edit != nil {
			edit(&cfg)
		}
		c, err := driver.New(cfg)
		require.NoError(t, err)
		defer func() { require.NoError(t, c.Close()) }()
		f(t, s, c)
	})
}

// statuses counts the answers that the server gave.
func statuses(s *posthogtest.Server) map[int]int {
	n := make(map[int]int)
	for _, r := range s.Requests() {
		n[r.Status]++
	}
	return n
}

// TestFaultMatrix: what one strike of each fault, and the same fault for ever,
// means for a read and for a write. A write that may have arrived is never
// sent twice.
func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	type outcome struct {
		kind driver.Kind // "" is success
		sent int
	}
	cases := map[string]struct {
		fault     posthogtest.Fault
		once      outcome // read, one strike
		always    outcome // read, every request struck
		write     outcome // write, one strike
		duplicate bool    // the failed write was served
	}{
		"503":           {posthogtest.Fault{Kind: posthogtest.FaultStatus, Status: 503}, outcome{"", 2}, outcome{driver.KindUpstream, 3}, outcome{driver.KindUpstream, 1}, false},
		"proxy page":    {posthogtest.Fault{Kind: posthogtest.FaultHTML}, outcome{"", 2}, outcome{driver.KindUpstream, 3}, outcome{driver.KindUpstream, 1}, false},
		"page at 200":   {posthogtest.Fault{Kind: posthogtest.FaultHTML, Status: 200}, outcome{"", 2}, outcome{driver.KindUpstream, 2}, outcome{driver.KindUpstream, 1}, false},
		"redirect":      {posthogtest.Fault{Kind: posthogtest.FaultRedirect, Location: "https://evil.example/"}, outcome{driver.KindUpstream, 1}, outcome{driver.KindUpstream, 1}, outcome{driver.KindUpstream, 1}, false},
		"reset":         {posthogtest.Fault{Kind: posthogtest.FaultReset}, outcome{"", 2}, outcome{driver.KindUnavailable, 3}, outcome{driver.KindUnavailable, 1}, false},
		"served, reset": {posthogtest.Fault{Kind: posthogtest.FaultServedReset}, outcome{"", 2}, outcome{driver.KindUnavailable, 3}, outcome{driver.KindUnavailable, 1}, true},
		"reset in body": {posthogtest.Fault{Kind: posthogtest.FaultResetBody}, outcome{"", 2}, outcome{driver.KindUpstream, 2}, outcome{driver.KindUpstream, 1}, true},
		"truncated":     {posthogtest.Fault{Kind: posthogtest.FaultTruncate}, outcome{"", 2}, outcome{driver.KindUpstream, 2}, outcome{driver.KindUpstream, 1}, true},
		"half gzip":     {posthogtest.Fault{Kind: posthogtest.FaultTruncateGzip}, outcome{"", 2}, outcome{driver.KindUpstream, 2}, outcome{driver.KindUpstream, 1}, true},
		"wrong length":  {posthogtest.Fault{Kind: posthogtest.FaultWrongLength}, outcome{"", 2}, outcome{driver.KindUpstream, 2}, outcome{driver.KindUpstream, 1}, true},
		"late":          {posthogtest.Fault{Kind: posthogtest.FaultDelay, Latency: 10 * time.Second}, outcome{"", 1}, outcome{"", 1}, outcome{"", 1}, false},
		"slow body":     {posthogtest.Fault{Kind: posthogtest.FaultSlowBody, Latency: 5 * time.Second}, outcome{"", 2}, outcome{driver.KindTimeout, 3}, outcome{driver.KindTimeout, 1}, true},
		"hang":          {posthogtest.Fault{Kind: posthogtest.FaultHang}, outcome{"", 2}, outcome{driver.KindTimeout, 3}, outcome{driver.KindTimeout, 1}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := func(count int, want outcome, call func(context.Context, *driver.Client) error) {
				t.Helper()
				embedded(t, posthogtest.Options{}, nil, func(t *testing.T, s *posthogtest.Server, c *driver.Client) {
					tc.fault.Count = count
					s.Faults.Add(tc.fault)
					ctx, trace := driver.WithTrace(t.Context())
					start := time.Now()
					err := call(ctx, c)
					require.LessOrEqual(t, time.Since(start), 50*time.Second)
					require.Equal(t, want.kind, driver.KindOf(err), "%v", err)
					require.Equal(t, want.sent, trace.Data().Attempts, "attempts")
					if err != nil {
						require.NotContains(t, err.Error(), "evil")
					}
				})
			}
			read := func(ctx context.Context, c *driver.Client) error {
				_, err := c.Annotations(ctx, driver.AnnotationsParams{})
				return err
			}
			write := func(ctx context.Context, c *driver.Client) error {
				_, err := c.CreateAnnotation(ctx, driver.CreateAnnotationParams{Content: "once only"})
				return err
			}
			run(1, tc.once, read)
			run(0, tc.always, read)
			run(1, tc.write, write)
		})
	}
}

// TestSaturation: an hour of callers with more questions than PostHog allows.
// It must refuse none and answer all that it allows.
func TestSaturation(t *testing.T) {
	t.Parallel()
	embedded(t, posthogtest.Options{}, nil, func(t *testing.T, s *posthogtest.Server, c *driver.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for ctx.Err() == nil {
					_, err := c.Annotations(ctx, driver.AnnotationsParams{Limit: 1})
					if driver.KindOf(err) == driver.KindLimited {
						time.Sleep(5 * time.Second)
					}
				}
			})
		}
		wg.Wait()
		got := statuses(s)
		require.Zero(t, got[http.StatusTooManyRequests])
		require.GreaterOrEqual(t, float64(got[http.StatusOK]), 0.97*4800)
	})
}

// TestThirtyPercentFaults: with every third request failing nearly all calls
// succeed.
func TestThirtyPercentFaults(t *testing.T) {
	t.Parallel()
	embedded(t, posthogtest.Options{Throttle: posthogtest.Throttle{Off: true}}, nil, func(t *testing.T, s *posthogtest.Server, c *driver.Client) {
		s.Faults.Add(posthogtest.Fault{Kind: posthogtest.FaultStatus, Status: 502, Probability: 0.15, Seed: 1})
		s.Faults.Add(posthogtest.Fault{Kind: posthogtest.FaultHang, Probability: 0.18, Seed: 2})
		const calls = 1000
		good := 0
		for range calls {
			if _, err := c.Annotations(t.Context(), driver.AnnotationsParams{Limit: 1}); err == nil {
				good++
			}
			time.Sleep(time.Second)
		}
		require.GreaterOrEqual(t, float64(good), 0.95*calls)
		require.Zero(t, c.Status().Breakers[1].Opens1h)
	})
}

// TestQueriesNeverHitTheConcurrencyLimit: thirty questions at once are asked
// three at a time.
func TestQueriesNeverHitTheConcurrencyLimit(t *testing.T) {
	t.Parallel()
	o := posthogtest.Options{QueryTime: func(string, string) time.Duration { return 2 * time.Second }}
	embedded(t, o, nil, func(t *testing.T, s *posthogtest.Server, c *driver.Client) {
		var wg sync.WaitGroup
		var good atomic.Int64
		for range 30 {
			wg.Go(func() {
				if _, err := c.Query(t.Context(), driver.QueryParams{SQL: "SELECT count() FROM events", Fresh: true}); err == nil {
					good.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 30, good.Load())
		require.Zero(t, statuses(s)[http.StatusTooManyRequests])
	})
}

// TestSomebodyElseUsesTheQuota: the windows are fuller than we know. The first
// refusal closes the window, and nothing is sent into it.
func TestSomebodyElseUsesTheQuota(t *testing.T) {
	t.Parallel()
	for _, header := range []bool{true, false} {
		o := posthogtest.Options{Throttle: posthogtest.Throttle{Scale: 0.05, NoRetryAfter: !header}} // 24 a minute
		embedded(t, o, nil, func(t *testing.T, s *posthogtest.Server, c *driver.Client) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			good := 0
			for range 40 {
				_, err := c.Annotations(ctx, driver.AnnotationsParams{Limit: 1})
				if err == nil {
					good++
					continue
				}
				e := &driver.Error{}
				require.ErrorAs(t, err, &e)
				require.Equal(t, driver.KindLimited, e.Kind)
				require.Equal(t, "burst", e.Window)
				require.InDelta(t, 60, e.RetryAfter.Seconds(), 5)
			}
			require.Equal(t, 24, good)
			require.Equal(t, 1, statuses(s)[http.StatusTooManyRequests], "one refusal is enough")
			time.Sleep(62 * time.Second)
			_, err := c.Annotations(t.Context(), driver.AnnotationsParams{Limit: 1})
			require.NoError(t, err)
		})
	}
}

// TestLongQueriesRunInTheBackground: an answer that takes longer than PostHog
// lets a caller wait is asked for now and then, and one that nobody waits for
// any more is canceled there.
func TestLongQueriesRunInTheBackground(t *testing.T) {
	t.Parallel()
	o := posthogtest.Options{QueryTime: func(string, string) time.Duration { return 20 * time.Second }}
	embedded(t, o, nil, func(t *testing.T, s *posthogtest.Server, c *driver.Client) {
		list, err := c.Experiments(t.Context(), driver.ExperimentsParams{})
		require.NoError(t, err)
		id := int64(0)
		for _, e := range list.Experiments {
			if !e.Start.IsZero() && id == 0 {
				id = e.ID
			}
		}
		require.NotZero(t, id)
		_, err = c.ExperimentResults(t.Context(), driver.ExperimentResultsParams{ID: id, Fresh: true})
		require.NoError(t, err)
		count := func() (begun, polled, canceled int) {
			for _, r := range s.Requests() {
				switch {
				case r.Method == http.MethodPost && r.Status == http.StatusAccepted:
					begun++
				case r.Method == http.MethodGet && r.Status == http.StatusAccepted:
					polled++
				case r.Method == http.MethodDelete:
					canceled++
				}
			}
			return begun, polled, canceled
		}
		begun, polled, canceled := count()
		require.Positive(t, begun)
		require.LessOrEqual(t, polled, 10*begun)
		require.Zero(t, canceled)

		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err = c.ExperimentResults(ctx, driver.ExperimentResultsParams{ID: id, Fresh: true})
		require.ErrorIs(t, err, driver.KindTimeout)
		require.LessOrEqual(t, time.Since(start), 5*time.Second+50*time.Millisecond)
		time.Sleep(2 * time.Second)
		all, _, canceled := count()
		require.Positive(t, canceled)
		require.Equal(t, all-begun, canceled, "every query that was given up")
	})
}
