package driver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestStale: an older answer is given while PostHog fails, with its age, for an
// hour; not when the request is at fault, nor to a caller who gave up.
func TestStale(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		status int
		took   time.Duration
		stale  bool
	}{
		"5xx":          {503, 0, true},
		"429":          {429, 0, true},
		"hanging":      {200, time.Hour, true},
		"refused key":  {401, 0, false},
		"gone":         {404, 0, false},
		"bad request":  {400, 0, false},
		"used up":      {402, 0, false},
		"redirect":     {302, 0, true},
		"query beyond": {512, 0, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				u := &upstream{}
				c := cachingClient(t, u)
				get(t, c, hogqlRequest())
				time.Sleep(59 * time.Minute)
				u.status.Store(int64(tc.status))
				u.took.Store(int64(tc.took))
				ctx, trace := WithTrace(t.Context())
				start := time.Now()
				var out numberedAnswer
				err := c.do(ctx, hogqlRequest(), &out)
				require.Equal(t, tc.stale, err == nil, "%v", err)
				require.Equal(t, tc.stale, trace.Data().Stale)
				if tc.stale {
					require.Equal(t, 1, out.N)
					require.Equal(t, 59*time.Minute+time.Since(start), trace.Data().Age)
				}
				require.Error(t, c.do(WithFresh(t.Context()), hogqlRequest(), nil), "nothing old for one who wants fresh")
				time.Sleep(2 * time.Minute)
				require.Error(t, c.do(t.Context(), hogqlRequest(), nil), "older than an hour")
			})
		})
	}
}

// TestStaleNotForOneWhoLeft: a canceled caller gets no answer at all.
func TestStaleNotForOneWhoLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		c := cachingClient(t, u)
		get(t, c, readRequest())
		time.Sleep(10 * time.Minute)
		u.took.Store(int64(time.Hour))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		require.ErrorIs(t, c.do(ctx, readRequest(), nil), KindCanceled)
	})
}

// TestStaleBehindAnOpenBreaker costs no request and no time.
func TestStaleBehindAnOpenBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		c := cachingClient(t, u)
		get(t, c, readRequest())
		time.Sleep(time.Minute + 1)
		u.status.Store(503)
		for c.breakers[ClassRead].status().State != "open" {
			require.Error(t, c.do(WithFresh(t.Context()), readRequest(), nil))
		}
		sent, start := u.sent.Load(), time.Now()
		n, did := get(t, c, readRequest())
		require.Equal(t, 1, n)
		require.True(t, did.Stale)
		require.Equal(t, sent, u.sent.Load())
		require.Zero(t, time.Since(start))
	})
}
