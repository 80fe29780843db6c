package driver

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

func TestRequestOnTheWire(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{"big":9007199254740993}`))
	c := clientFor(t, s.URL+"/base", func(cfg *Config) { cfg.Version = "1.2.3" })
	ctx, trace := WithTrace(t.Context())

	var out map[string]any
	r := queryRequest()
	r.query = map[string][]string{"a": {"b c"}}
	require.NoError(t, c.do(ctx, r, &out))
	require.Equal(t, json.Number("9007199254740993"), out["big"])

	got := s.requests[0]
	require.Equal(t, "/base/api/projects/7/query/?a=b+c", got.URL.String())
	require.Equal(t, "Bearer "+canary, got.Header.Get("Authorization"))
	require.Regexp(t, `^posthog-mcp/1\.2\.3 \(go`, got.Header.Get("User-Agent"))
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.JSONEq(t, `{"query":"<x>"}`, s.bodies[0])
	require.Contains(t, s.bodies[0], "<x>", "HTML is not escaped")
	data := trace.Data()
	require.Equal(t, []string{got.Header.Get("X-Request-Id")}, data.RequestIDs)
	require.Equal(t, 1, data.Requests)
	require.Equal(t, 1, data.Attempts)
	require.Equal(t, 200, data.Status)
}

func TestCaptureGoesWithoutThePersonalKey(t *testing.T) {
	t.Parallel()
	ingest := newScripted(t, reply(200, `{"status":"Ok"}`))
	c := clientFor(t, "us", func(cfg *Config) { cfg.IngestHost = ingest.URL })
	var raw []byte
	require.NoError(t, c.do(t.Context(), captureRequest(), &raw))
	require.JSONEq(t, `{"status":"Ok"}`, string(raw))
	got := ingest.requests[0]
	require.Empty(t, got.Header.Get("Authorization"))
	require.Equal(t, "gzip", got.Header.Get("Content-Encoding"))
	zr, err := gzip.NewReader(strings.NewReader(ingest.bodies[0]))
	require.NoError(t, err)
	plain, err := io.ReadAll(zr)
	require.NoError(t, err)
	require.JSONEq(t, `{"event":"x"}`, string(plain))
}

// TestRetries: what is sent again, and how often.
func TestRetries(t *testing.T) {
	t.Parallel()
	ok := reply(200, `{}`)
	server := reply(500, problem("server_error", "error", "A server error occurred."))
	html := reply(200, "<html>login</html>", "Content-Type: text/html")
	reset := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	}
	busy := reply(429, problem("throttled_error", "throttled", "Exceeded maximum concurrency limit: 3 for key: api:query:per-team:7 and task: x"))
	cases := []struct {
		name  string
		req   request
		steps []http.HandlerFunc
		sent  int
		kind  Kind
	}{
		{"500 then good", readRequest(), []http.HandlerFunc{server, ok}, 2, ""},
		{"500 for ever", readRequest(), []http.HandlerFunc{server}, 3, KindUpstream},
		{"500 on a write", writeRequest(), []http.HandlerFunc{server, ok}, 1, KindUpstream},
		{"capture tries five times", captureRequest(), []http.HandlerFunc{reply(503, "transient error, please retry")}, 5, KindUpstream},
		{"502 page of a proxy", queryRequest(), []http.HandlerFunc{reply(502, "<html>bad gateway</html>"), ok}, 2, ""},
		{"504 page of a proxy", queryRequest(), []http.HandlerFunc{reply(504, "<html>timeout</html>"), ok}, 2, ""},
		{"504 of PostHog", queryRequest(), []http.HandlerFunc{reply(504, problem("server_error", "error", "Query has hit the max execution time before completing.")), ok}, 1, KindTooLarge},
		{"408", readRequest(), []http.HandlerFunc{reply(408, "slow"), ok}, 2, ""},
		{"400", queryRequest(), []http.HandlerFunc{reply(400, problem("validation_error", "invalid_input", "no such field")), ok}, 1, KindInvalid},
		{"HTML at 200 is tried twice", readRequest(), []http.HandlerFunc{html}, 2, KindUpstream},
		{"HTML at 200 on a write", writeRequest(), []http.HandlerFunc{html, ok}, 1, KindUpstream},
		{"reset after sending, read", queryRequest(), []http.HandlerFunc{reset, ok}, 2, ""},
		{"reset after sending, write", writeRequest(), []http.HandlerFunc{reset, ok}, 1, KindUnavailable},
		{"redirect", readRequest(), []http.HandlerFunc{reply(302, "", "Location: https://evil.example/"), ok}, 1, KindUpstream},
		{"429 of a window, write", writeRequest(), []http.HandlerFunc{reply(429, problem("throttled_error", "throttled", "Request was throttled. Expected available in 1 second.")), ok}, 2, ""},
		{"429 busy is tried once more", queryRequest(), []http.HandlerFunc{busy}, 2, KindLimited},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, tc.steps...)
			c := clientFor(t, s.URL, func(cfg *Config) { cfg.IngestHost = s.URL })
			err := c.do(t.Context(), tc.req, nil)
			require.Equal(t, tc.kind, KindOf(err), "%v", err)
			require.Equal(t, tc.sent, s.count())
			id := s.requests[0].Header.Get("X-Request-Id")
			for _, r := range s.requests {
				require.Equal(t, id, r.Header.Get("X-Request-Id"), "one id for all attempts")
			}
			if err != nil {
				e, ok := errors.AsType[*Error](err)
				require.True(t, ok)
				require.Equal(t, id, e.RequestID)
				require.Equal(t, tc.req.op, e.Op)
			}
		})
	}
}

// TestUnsentIsRetriedWhateverTheMethod: a refused connection cost PostHog
// nothing, so even a write goes again, and the quota is given back.
func TestUnsentIsRetriedWhateverTheMethod(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	c := clientFor(t, "http://"+ln.Addr().String())
	ctx, trace := WithTrace(t.Context())
	err = c.do(ctx, writeRequest(), nil)
	require.ErrorIs(t, err, KindUnavailable)
	require.ErrorContains(t, err, "refused the connection")
	require.Zero(t, trace.Data().Attempts)
	require.Equal(t, 50-2*retryCost, c.Status().RetryBudget.Remaining)
	for _, w := range c.Status().Windows {
		require.Zero(t, w.Used+w.Reserved, w.Name)
	}
}

// TestRateLimited429 follows a refusal of PostHog's through error, window and
// status.
func TestRateLimited429(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(429, problem("throttled_error", "throttled", "Request was throttled. Expected available in 1800 seconds."), "Retry-After: 1800"))
	c := clientFor(t, s.URL)
	err := c.do(t.Context(), queryRequest(), nil)
	e, ok := errors.AsType[*Error](err)
	require.True(t, ok)
	require.Equal(t, KindLimited, e.Kind)
	require.Equal(t, 429, e.Status)
	require.Equal(t, 30*time.Minute, e.RetryAfter)
	require.Equal(t, "api_queries_sustained", e.Window, "half an hour cannot be the minute window")

	err = c.do(t.Context(), queryRequest(), nil)
	e, ok = errors.AsType[*Error](err)
	require.True(t, ok)
	require.Equal(t, KindLimited, e.Kind)
	require.Zero(t, e.Status)
	require.Greater(t, e.RetryAfter, 29*time.Minute)
	require.Equal(t, 1, s.count(), "nothing is sent into a closed window")

	st := c.Status()
	require.NotNil(t, st.Last429.At)
	require.Equal(t, ClassQuery, *st.Last429.Class)
	require.InDelta(t, 1800, *st.Last429.RetryAfterS, 0)
	require.Contains(t, st.Advice, "api_queries_sustained is used up")
}

func TestBusyHalvesTheBulkhead(t *testing.T) {
	t.Parallel()
	busy := reply(429, problem("throttled_error", "throttled", "Exceeded maximum concurrency limit: 3 for key"))
	s := newScripted(t, busy, reply(200, `{}`))
	c := clientFor(t, s.URL)
	require.NoError(t, c.do(t.Context(), queryRequest(), nil))
	require.Equal(t, ConcurrencyStatus{Class: ClassQuery, Limit: 1}, c.Status().Concurrency[0])
	for _, w := range c.Status().Windows {
		if strings.HasPrefix(w.Name, "api_queries") {
			require.Equal(t, 2, w.Used, "PostHog counted both attempts")
		}
	}
}

// TestEndsOfTime tells our own timeouts, the caller's deadline and the
// caller's giving up apart.
func TestEndsOfTime(t *testing.T) {
	t.Parallel()
	hang := roundTripper(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	cases := []struct {
		name     string
		ctx      func(context.Context) (context.Context, context.CancelFunc)
		req      request
		kind     Kind
		detail   string
		took     time.Duration
		failures int // counted by the breaker
	}{
		{"attempt timeout, write", plain, writeRequest(), KindTimeout, "no answer within 15s", 15 * time.Second, 1},
		{"attempt timeout, query: no time for another", plain, queryRequest(), KindTimeout, "no answer within 45s", 45 * time.Second, 1},
		{"caller's deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 3*time.Second)
		}, queryRequest(), KindTimeout, "the caller's deadline", 3 * time.Second, 0},
		{"caller gives up", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(2*time.Second, cancel)
			return ctx, cancel
		}, queryRequest(), KindCanceled, "gave up", 2 * time.Second, 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := clientFor(t, "us", func(cfg *Config) { cfg.Transport = hang })
				ctx, cancel := tc.ctx(t.Context())
				defer cancel()
				start := time.Now()
				err := c.do(ctx, tc.req, nil)
				require.Equal(t, tc.kind, KindOf(err), "%v", err)
				require.ErrorContains(t, err, tc.detail)
				require.Equal(t, tc.took, time.Since(start))
				require.EqualValues(t, tc.failures, c.breakers[tc.req.class].cb.Counts().TotalFailures)
				require.Zero(t, c.bulkheads[tc.req.class].status().InFlight)
			})
		})
	}
}

func plain(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} }

// TestNoCallOutlivesItsDeadline: a slow, failing PostHog and every wait of the
// pipeline together stay within the total.
func TestNoCallOutlivesItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := roundTripper(func(r *http.Request) (*http.Response, error) {
			select {
			case <-r.Context().Done():
				return nil, r.Context().Err()
			case <-time.After(14 * time.Second):
				return response(503, `{}`), nil
			}
		})
		c := clientFor(t, "us", func(cfg *Config) { cfg.Transport, cfg.Retry = slow, RetryConfig{Attempts: 10, Base: 4 * time.Second} })
		start := time.Now()
		err := c.do(t.Context(), readRequest(), nil)
		require.Error(t, err)
		require.LessOrEqual(t, time.Since(start), 50*time.Second)
	})
}

func TestBreakerOpensAndRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		var sent atomic.Int64
		rt := roundTripper(func(*http.Request) (*http.Response, error) {
			sent.Add(1)
			if down.Load() {
				return response(500, `{}`), nil
			}
			return response(200, `{}`), nil
		})
		c := clientFor(t, "us", func(cfg *Config) { cfg.Transport = rt })
		down.Store(true)
		for range 10 {
			require.Error(t, c.do(t.Context(), writeRequest(), nil))
		}
		require.EqualValues(t, 10, sent.Load())

		start := time.Now()
		err := c.do(t.Context(), writeRequest(), nil)
		e, ok := errors.AsType[*Error](err)
		require.True(t, ok)
		require.Equal(t, KindUnavailable, e.Kind)
		require.Equal(t, 10*time.Second, e.RetryAfter)
		require.Zero(t, time.Since(start))
		require.EqualValues(t, 10, sent.Load(), "an open breaker sends nothing")
		require.NoError(t, c.do(t.Context(), readRequest().with(func() { down.Store(false) }), nil), "another class goes on")
		require.Contains(t, c.Status().Advice, "write requests")

		time.Sleep(10*time.Second + time.Millisecond)
		require.NoError(t, c.do(t.Context(), writeRequest(), nil))
		require.Equal(t, "closed", c.Status().Breakers[2].State)
		require.EqualValues(t, 1, c.Status().Breakers[2].Opens1h)
	})
}

// with runs f and gives the request, to keep a test's steps in one line.
func (r request) with(f func()) request { f(); return r }

// TestOutage: while PostHog is down for long, retries multiply the load by
// less than a tenth, even without the breaker.
func TestOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int64
		rt := roundTripper(func(*http.Request) (*http.Response, error) {
			sent.Add(1)
			return response(503, `{}`), nil
		})
		c := clientFor(t, "us", func(cfg *Config) {
			cfg.Transport = rt
			cfg.Breaker = BreakerConfig{Consecutive: 1 << 30, MinRequests: 1 << 30}
			cfg.Quota.Windows = map[quota.Bucket][]quota.Window{quota.BucketStandard: {}}
		})
		const calls = 1000
		for range calls {
			require.Error(t, c.do(t.Context(), readRequest(), nil))
			time.Sleep(100 * time.Millisecond)
		}
		require.LessOrEqual(t, float64(sent.Load()), 1.1*calls)
	})
}

// TestFlakyPostHog: with 30 % of random failures nearly all calls succeed and
// no breaker opens.
func TestFlakyPostHog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Uint64
		rt := roundTripper(func(*http.Request) (*http.Response, error) {
			x := n.Add(1) * 0x9E3779B97F4A7C15 // a fixed pseudo-random sequence
			x = (x ^ (x >> 31)) * 0xBF58476D1CE4E5B9
			if (x>>33)%100 < 30 {
				return response(502, `<html>`), nil
			}
			return response(200, `{}`), nil
		})
		c := clientFor(t, "us", func(cfg *Config) {
			cfg.Transport = rt
			cfg.Quota.Windows = map[quota.Bucket][]quota.Window{quota.BucketStandard: {}}
		})
		const calls = 5000
		good := 0
		for range calls {
			if c.do(t.Context(), readRequest(), nil) == nil {
				good++
			}
			time.Sleep(100 * time.Millisecond)
		}
		require.GreaterOrEqual(t, float64(good), 0.95*calls)
		require.Zero(t, c.Status().Breakers[1].Opens1h)
	})
}

// TestConcurrentQueriesAreBounded: never more than three at once, and all get
// their answer.
func TestConcurrentQueriesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		rt := roundTripper(func(*http.Request) (*http.Response, error) {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(2 * time.Second)
			now.Add(-1)
			return response(200, `{}`), nil
		})
		c := clientFor(t, "us", func(cfg *Config) { cfg.Transport = rt })
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() { require.NoError(t, c.do(t.Context(), queryRequest(), nil)) })
		}
		wg.Wait()
		require.EqualValues(t, 3, most.Load())
	})
}
