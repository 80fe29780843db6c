package driver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// throttle is one window of PostHog's: a log of accepted times.
type throttle struct {
	quota.Window
	log []time.Time
}

func (w *throttle) accepts(now time.Time) bool {
	for len(w.log) > 0 && !w.log[0].After(now.Add(-w.Per)) {
		w.log = w.log[1:]
	}
	if len(w.log) >= w.Limit {
		return false
	}
	w.log = append(w.log, now)
	return true
}

// TestSaturatedClient: many callers with more questions than PostHog allows
// get all that it allows, and never a refusal.
func TestSaturatedClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var windows []*throttle
		for _, w := range quota.Documented(quota.BucketQueries) {
			windows = append(windows, &throttle{Window: w})
		}
		rng := rand.New(rand.NewPCG(1, 2))
		random := func(most time.Duration) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return time.Duration(rng.Int64N(int64(most)))
		}
		var accepted, refused atomic.Int64
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			trace := httptrace.ContextClientTrace(r.Context())
			trace.GetConn("")
			trace.WroteRequest(httptrace.WroteRequestInfo{})
			time.Sleep(5*time.Millisecond + random(400*time.Millisecond))
			mu.Lock()
			good := true
			for _, w := range windows {
				good = w.accepts(time.Now()) && good
			}
			mu.Unlock()
			time.Sleep(random(400 * time.Millisecond))
			trace.GotFirstResponseByte()
			if !good {
				refused.Add(1)
				return response(429, problem("throttled_error", "throttled", "Request was throttled. Expected available in 30 seconds.")), nil
			}
			accepted.Add(1)
			return response(200, `{}`), nil
		})
		c := clientFor(t, "us", func(cfg *Config) {
			cfg.Transport, cfg.Smoothing = rt, Smoothing{}
			cfg.Bulkhead = map[Class]int{ClassQuery: 8}
		})
		const hours = 2
		ctx, cancel := context.WithTimeout(t.Context(), hours*time.Hour)
		defer cancel()
		var limited atomic.Int64
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				for ctx.Err() == nil {
					err := c.do(ctx, queryRequest(), nil)
					switch KindOf(err) {
					case "":
					case KindLimited:
						limited.Add(1)
						time.Sleep(10 * time.Second) // an agent that ignores RetryAfter
					default:
						require.Error(t, ctx.Err(), "%v", err)
					}
				}
			})
		}
		wg.Wait()
		require.Zero(t, refused.Load())
		require.Positive(t, limited.Load(), "callers were told to come back, not left hanging")
		require.GreaterOrEqual(t, float64(accepted.Load()), 0.97*hours*2400)
	})
}

// TestStorm sends many calls of all kinds at a server of many moods over real
// connections, some callers giving up, and checks that nothing is left over.
func TestStorm(t *testing.T) {
	t.Parallel()
	var n atomic.Uint64
	s := newScripted(t, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) % 11 {
		case 0:
			reply(500, `{}`)(w, r)
		case 3:
			reply(200, "<html>")(w, r)
		case 5:
			reply(429, problem("throttled_error", "throttled", "Exceeded maximum concurrency limit: 3"))(w, r)
		case 7:
			panic(http.ErrAbortHandler)
		case 8:
			time.Sleep(30 * time.Millisecond)
			reply(200, `{}`)(w, r)
		default:
			reply(200, `{}`)(w, r)
		}
	})
	c := clientFor(t, s.URL, func(cfg *Config) {
		cfg.IngestHost = s.URL
		cfg.Timeouts = Timeouts{Total: 2 * time.Second, Read: 20 * time.Millisecond}
		cfg.Breaker.Consecutive = 1 << 30
	})
	var changes atomic.Int64
	cancelSub := c.OnStatusChange(func() { changes.Add(1); _ = c.Status() })
	defer cancelSub()
	requests := []request{readRequest(), writeRequest(), queryRequest(), captureRequest()}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 12 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+(i*j)%7*100)*time.Millisecond)
				err := c.do(ctx, requests[(i+j)%len(requests)], nil)
				cancel()
				if err != nil {
					require.NotEmpty(t, KindOf(err))
					require.NotContains(t, fmt.Sprintf("%+v", err), "Canary")
				}
			}
		})
	}
	wg.Wait()
	st := c.Status()
	for _, b := range st.Concurrency {
		require.Zero(t, b.InFlight+b.Queued, b.Class)
	}
	for _, w := range st.Windows {
		require.Zero(t, w.Reserved, w.Name)
	}
	require.Less(t, st.Concurrency[0].Limit, 3, "PostHog's refusals were heard")
}
