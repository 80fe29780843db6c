package driver

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// TestSharing: callers with one question at one time cost one request.
func TestSharing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.took.Store(int64(time.Second))
		c := cachingClient(t, u)
		var wg sync.WaitGroup
		start := time.Now()
		for i := range 20 {
			wg.Go(func() {
				r := hogqlRequest()
				r.op = []string{"query", "get_fields"}[i%2]
				n, did := get(t, c, r)
				require.Equal(t, 1, n)
				require.Len(t, did.RequestIDs, 1, "everyone can name the request in PostHog's log")
			})
		}
		wg.Wait()
		require.Equal(t, time.Second, time.Since(start))
		require.EqualValues(t, 1, u.sent.Load())
		require.Empty(t, c.flights.byKey)
	})
}

// TestWritesAreNeverShared: two equal writes are two writes.
func TestWritesAreNeverShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.took.Store(int64(time.Second))
		c := cachingClient(t, u)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { get(t, c, writeRequest()) })
			wg.Go(func() { get(t, c, captureRequest()) })
		}
		wg.Wait()
		require.EqualValues(t, 8, u.sent.Load())
	})
}

// TestOneWhoLeavesTakesNothingAway: not even the one who began.
func TestOneWhoLeavesTakesNothingAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.took.Store(int64(5 * time.Second))
		c := cachingClient(t, u)
		ctx, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			start := time.Now()
			require.ErrorIs(t, c.do(ctx, readRequest(), nil), KindCanceled)
			require.Equal(t, time.Second, time.Since(start))
		})
		synctest.Wait()
		for range 3 {
			wg.Go(func() {
				n, _ := get(t, c, readRequest())
				require.Equal(t, 1, n)
			})
		}
		time.Sleep(time.Second)
		leave()
		wg.Wait()
		require.EqualValues(t, 1, u.sent.Load())
	})
}

// TestTheLastOneSwitchesOff: a request that nobody waits for is canceled, and
// nobody gets the canceled one's error.
func TestTheLastOneSwitchesOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.took.Store(int64(10 * time.Second))
		c := cachingClient(t, u)
		ctx, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { require.ErrorIs(t, c.do(ctx, queryRequest(), nil), KindCanceled) })
		}
		synctest.Wait()
		require.Equal(t, 1, c.Status().Concurrency[0].InFlight)
		leave()
		wg.Wait()
		synctest.Wait()
		require.Zero(t, c.Status().Concurrency[0].InFlight, "the place is free at once")
		n, _ := get(t, c, queryRequest())
		require.Equal(t, 2, n)
	})
}

// TestMoreTimeThanTheOther: a caller who joined one in more of a hurry goes on
// when that one's time is over.
func TestMoreTimeThanTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.took.Store(int64(5 * time.Second))
		c := cachingClient(t, u)
		var wg sync.WaitGroup
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			err := c.do(ctx, readRequest(), nil)
			require.ErrorIs(t, err, KindTimeout)
			require.ErrorContains(t, err, "the caller's deadline passed")
		})
		synctest.Wait()
		wg.Go(func() {
			start := time.Now()
			n, _ := get(t, c, readRequest())
			require.Equal(t, 2, n)
			require.Equal(t, 7*time.Second, time.Since(start))
		})
		wg.Wait()
	})
}

// TestErrorsAreShared: with the operation of each caller.
func TestErrorsAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.took.Store(int64(time.Second))
		u.status.Store(404)
		c := cachingClient(t, u)
		var wg sync.WaitGroup
		for _, op := range []string{"get_cohorts", "export_cohort"} {
			wg.Go(func() {
				r := readRequest()
				r.op = op
				err := c.do(t.Context(), r, nil)
				require.ErrorIs(t, err, KindNotFound)
				require.ErrorContains(t, err, op+": ")
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, u.sent.Load())
	})
}

// TestPrioritiesKeepApart: a person does not wait behind a refresh.
func TestPrioritiesKeepApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.took.Store(int64(time.Second))
		c := cachingClient(t, u)
		var wg sync.WaitGroup
		wg.Go(func() {
			require.NoError(t, c.do(quota.WithPriority(t.Context(), quota.Background), readRequest(), nil))
		})
		wg.Go(func() { require.NoError(t, c.do(t.Context(), readRequest(), nil)) })
		wg.Wait()
		require.EqualValues(t, 2, u.sent.Load())
	})
}

// TestPanicInASharedRequest ends no program and no caller.
func TestPanicInASharedRequest(t *testing.T) {
	t.Parallel()
	c := cachingClient(t, roundTripper(func(*http.Request) (*http.Response, error) { panic("broken") }))
	err := c.do(t.Context(), readRequest(), nil)
	require.ErrorIs(t, err, KindUpstream)
	require.ErrorContains(t, err, "inside this program")
}
