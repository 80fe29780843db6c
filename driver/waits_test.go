package driver

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// TestWaitsThatDoNotEnd: each stage that makes a call wait says, when the
// waiting is in vain, what is full, and tells a caller who gave up apart. It
// gives back what it held.
func TestWaitsThatDoNotEnd(t *testing.T) {
	t.Parallel()
	slow := roundTripper(func(r *http.Request) (*http.Response, error) {
		select {
		case <-r.Context().Done():
			return nil, r.Context().Err()
		case <-time.After(10 * time.Second):
			return response(200, `{}`), nil
		}
	})
	tight := map[quota.Bucket][]quota.Window{quota.BucketStandard: {{Name: "tiny", Limit: 1, Per: time.Minute}}}
	cases := map[string]struct {
		edit   func(*Config)
		req    request
		window string
		took   time.Duration // until the refusal, with a deadline of 8 s
	}{
		"window":              {func(cfg *Config) { cfg.Quota.Windows = tight }, readRequest(), "tiny", 0},
		"pace":                {func(cfg *Config) { cfg.Smoothing = Smoothing{PerSecond: 0.01, Burst: 1} }, readRequest(), "smoothing", 0},
		"bulkhead of reads":   {func(cfg *Config) { cfg.Bulkhead = map[Class]int{ClassRead: 1} }, readRequest(), "read_concurrency", time.Second},
		"bulkhead of queries": {func(cfg *Config) { cfg.Bulkhead = map[Class]int{ClassQuery: 1} }, queryRequest(), "query_concurrency", 8 * time.Second},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := clientFor(t, "us", func(cfg *Config) { cfg.Transport = slow; tc.edit(cfg) })
				var first sync.WaitGroup
				first.Go(func() { require.NoError(t, c.do(t.Context(), tc.req, nil)) })
				synctest.Wait()

				ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
				defer cancel()
				start := time.Now()
				err := c.do(ctx, tc.req, nil)
				e, ok := errors.AsType[*Error](err)
				require.True(t, ok)
				require.Equal(t, KindLimited, e.Kind)
				require.Equal(t, tc.window, e.Window)
				require.Positive(t, e.RetryAfter)
				require.NotEmpty(t, e.Hint)
				require.Equal(t, tc.took, time.Since(start))

				first.Wait()
				for _, b := range c.Status().Concurrency {
					require.Zero(t, b.InFlight+b.Queued)
				}
				for _, w := range c.Status().Windows {
					require.Zero(t, w.Reserved)
					require.LessOrEqual(t, w.Used, 1, "the refused call cost nothing")
				}
			})
		})
		t.Run(name+", given up", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := clientFor(t, "us", func(cfg *Config) { cfg.Transport = slow; tc.edit(cfg); cfg.Timeouts.Total = time.Hour })
				var first sync.WaitGroup
				first.Go(func() { require.NoError(t, c.do(t.Context(), tc.req, nil)) })
				synctest.Wait()
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(500*time.Millisecond, cancel)
				require.ErrorIs(t, c.do(ctx, tc.req, nil), KindCanceled)
				first.Wait()
			})
		})
	}
}

// TestGivenUpBetweenAttempts: a caller does not wait for a pause to end.
func TestGivenUpBetweenAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clientFor(t, "us", func(cfg *Config) {
			cfg.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
				res := response(503, `{}`)
				res.Header.Set("Retry-After", "20")
				return res, nil
			})
		})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		start := time.Now()
		require.ErrorIs(t, c.do(ctx, readRequest(), nil), KindCanceled)
		require.Equal(t, 5*time.Second, time.Since(start))
		require.ErrorIs(t, c.do(ctx, readRequest(), nil), KindCanceled, "nothing starts for a caller who has gone")
	})
}

// TestPostHogsWaitIsNeverSleptPastTheDeadline: 503 with a long Retry-After is
// told at once.
func TestPostHogsWaitIsNeverSleptPastTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clientFor(t, "us", func(cfg *Config) {
			cfg.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
				res := response(503, problem("server_error", "database_unavailable", "x"))
				res.Header.Set("Retry-After", "120")
				return res, nil
			})
		})
		start := time.Now()
		err := c.do(t.Context(), readRequest(), nil)
		e, ok := errors.AsType[*Error](err)
		require.True(t, ok)
		require.Equal(t, KindUpstream, e.Kind)
		require.Equal(t, 2*time.Minute, e.RetryAfter)
		require.Zero(t, time.Since(start))
	})
}

// TestStoppedInBetweenKeepsThePast: when the second attempt is refused here,
// the error still holds what PostHog said to the first.
func TestStoppedInBetweenKeepsThePast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clientFor(t, "us", func(cfg *Config) {
			cfg.Transport = roundTripper(func(*http.Request) (*http.Response, error) { return response(503, `{}`), nil })
			cfg.Quota.Windows = map[quota.Bucket][]quota.Window{quota.BucketStandard: {{Name: "tiny", Limit: 1, Per: time.Hour}}}
		})
		err := c.do(t.Context(), readRequest(), nil)
		require.ErrorIs(t, err, KindLimited)
		require.ErrorIs(t, err, KindUpstream, "the cause")
	})
}

// TestCausesAreReachable: errors.Is and errors.As see through to the network's
// error, whose text is never shown raw.
func TestCausesAreReachable(t *testing.T) {
	t.Parallel()
	inner := &net.OpError{Op: "dial", Err: io.ErrClosedPipe}
	c := clientFor(t, "us", func(cfg *Config) {
		cfg.Transport = roundTripper(func(*http.Request) (*http.Response, error) { return nil, inner })
	})
	err := c.do(t.Context(), writeRequest(), nil)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	op, ok := errors.AsType[*net.OpError](err)
	require.True(t, ok)
	require.Same(t, inner, op)
	require.EqualError(t, KindLimited, "limited")
	require.NoError(t, causeOf(nil))
}
