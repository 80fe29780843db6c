package driver

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"
)

func newTestBreaker(changes *[]string) *breaker {
	return newBreaker(ClassRead, BreakerConfig{}.withDefaults(), func(from, to gobreaker.State) {
		*changes = append(*changes, from.String()+" → "+to.String())
	})
}

// feed runs attempts with the outcomes: s success, f failure, x excluded.
func feed(b *breaker, outcomes string) {
	k := testCall(readRequest())
	for _, o := range outcomes {
		_, _ = b.execute(k, func() (*answer, *fault) {
			switch o {
			case 'f':
				return nil, &fault{faultServer, k.newError(KindUpstream, "x")}
			case 'x':
				return nil, &fault{faultCanceled, k.newError(KindCanceled, "x")}
			case 'q':
				return nil, &fault{faultRequest, k.newError(KindInvalid, "x")}
			}
			return &answer{}, nil
		})
	}
}

func repeat(s string, n int) (out string) {
	for range n {
		out += s
	}
	return out
}

func TestBreakerTrips(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		outcomes string
		open     bool
	}{
		"nine in a row":                   {repeat("f", 9), false},
		"ten in a row":                    {repeat("f", 10), true},
		"cancellations do not break rows": {repeat("fx", 10), true},
		"refused requests are successes":  {repeat("ffffq", 20), true},
		"60 % of many":                    {repeat("fffss", 20), false},
		"70 % of nineteen":                {repeat("fffffffsss", 1) + "fffffffss", false},
		"70 % of twenty":                  {repeat("sssfffffff", 2), true},
		"only cancellations":              {repeat("x", 100), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var changes []string
				b := newTestBreaker(&changes)
				feed(b, tc.outcomes)
				require.Equal(t, tc.open, b.check(testCall(readRequest())) != nil)
			})
		})
	}
}

func TestBreakerForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var changes []string
		b := newTestBreaker(&changes)
		feed(b, repeat("sffff", 3)) // 80 % of fifteen
		time.Sleep(31 * time.Second)
		feed(b, repeat("s", 4)+repeat("f", 5))
		require.Nil(t, b.check(testCall(readRequest())), "old failures have left the window")
	})
}

func TestBreakerOpenAndTrial(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var changes []string
		b := newTestBreaker(&changes)
		k := testCall(readRequest())
		feed(b, repeat("f", 10))
		time.Sleep(4 * time.Second)
		f := b.check(k)
		require.Equal(t, faultLocal, f.kind)
		require.Equal(t, KindUnavailable, f.err.Kind)
		require.Equal(t, 6*time.Second, f.err.RetryAfter)
		require.Equal(t, "open", b.status().State)
		require.InDelta(t, 6, *b.status().RetryInS, 0)

		time.Sleep(6*time.Second + 1)
		require.Nil(t, b.check(k))
		_, f = b.execute(k, func() (*answer, *fault) {
			require.NotNil(t, b.check(k), "one trial at a time")
			_, inner := b.execute(k, func() (*answer, *fault) { panic("a second trial") })
			require.NotNil(t, inner)
			return nil, &fault{faultCanceled, k.newError(KindCanceled, "x")}
		})
		require.Equal(t, KindCanceled, f.err.Kind)
		require.Nil(t, b.check(k), "a canceled trial tells nothing; the next one may go")

		feed(b, "f")
		require.NotNil(t, b.check(k), "a failed trial opens it again")
		time.Sleep(10*time.Second + 1)
		feed(b, "s")
		require.Nil(t, b.check(k))
		require.Equal(t, []string{"closed → open", "open → half-open", "half-open → open", "open → half-open", "half-open → closed"}, changes)
		require.Equal(t, 2, b.status().Opens1h)
	})
}

func TestBreakerJudgesStrangers(t *testing.T) {
	t.Parallel()
	require.Equal(t, countsAsFailure, verdictOf(errors.New("x")))
	require.Equal(t, countsAsSuccess, verdictOf(nil))
	require.Equal(t, 90*time.Second, BreakerConfig{}.withDefaults().forAttempts(45*time.Second).Window)
}

func BenchmarkOpenBreaker(b *testing.B) {
	var changes []string
	br := newTestBreaker(&changes)
	feed(br, repeat("f", 10))
	k := testCall(readRequest())
	b.ReportAllocs()
	for b.Loop() {
		if br.check(k) == nil {
			feed(br, "f")
		}
	}
}
