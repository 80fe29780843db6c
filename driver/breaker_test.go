package driver

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
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

// TestBreakerWaitsLongerAndLonger: every failed trial doubles the time until
// the next, up to a minute; a good one makes it short again.
func TestBreakerWaitsLongerAndLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var changes []string
		b := newTestBreaker(&changes)
		k := testCall(readRequest())
		feed(b, repeat("f", 10))
		for _, want := range []time.Duration{10, 20, 40, 60, 60} {
			f := b.check(k)
			require.Equal(t, want*time.Second, f.err.RetryAfter)
			time.Sleep(want*time.Second - time.Millisecond)
			require.NotNil(t, b.check(k))
			s := b.status()
			require.Equal(t, "open", s.State)
			require.InDelta(t, 0.1, *s.RetryInS, 0.001)
			time.Sleep(2 * time.Millisecond)
			require.Equal(t, "half-open", b.status().State)
			require.Nil(t, b.status().RetryInS)
			require.Nil(t, b.check(k))
			feed(b, "f")
		}
		require.Equal(t, 6, b.status().Opens1h)
		time.Sleep(61 * time.Second)
		feed(b, "s")
		require.Equal(t, "closed", b.status().State)
		feed(b, repeat("f", 10))
		require.Equal(t, 10*time.Second, b.check(k).err.RetryAfter)
		time.Sleep(57 * time.Minute)
		require.Less(t, b.status().Opens1h, 7)
		time.Sleep(time.Hour)
		require.Zero(t, b.status().Opens1h)
	})
}

// trials is a PostHog whose query engine is down, on fake time: it remembers
// which queries came.
type trials struct {
	down atomic.Bool
	deny atomic.Int64 // status of an answer to "SELECT 1"
	mu   sync.Mutex
	came []string
}

func (tr *trials) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	what := "query"
	if strings.Contains(string(body), "SELECT 1") {
		what = "trial"
	}
	tr.mu.Lock()
	tr.came = append(tr.came, what)
	tr.mu.Unlock()
	switch s := tr.deny.Load(); {
	case tr.down.Load():
		<-r.Context().Done()
		return nil, r.Context().Err()
	case what == "trial" && s != 0:
		return response(int(s), `{}`), nil
	}
	time.Sleep(time.Second)
	return response(200, `{}`), nil
}

func (tr *trials) take() []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	came := tr.came
	tr.came = nil
	return came
}

// TestQueryBreakerTriesCheaply: after an outage the first request is a query
// without data, with the time of a read; the caller's own follows it.
func TestQueryBreakerTriesCheaply(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		deny int64
		kind Kind
		came []string
		open string
	}{
		"well":           {0, "", []string{"trial", "query"}, "closed"},
		"down":           {-1, KindUnavailable, []string{"trial"}, "open"},
		"failing":        {500, KindUnavailable, []string{"trial"}, "open"},
		"may not query":  {403, "", []string{"trial", "query"}, "closed"},
		"limited":        {429, KindLimited, []string{"trial"}, "half-open"},
		"wrong question": {400, "", []string{"trial", "query"}, "closed"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tr := &trials{}
				c := clientFor(t, "us", func(cfg *Config) { cfg.Transport, cfg.Retry.Attempts = tr, 1 })
				tr.down.Store(true)
				for range 10 {
					require.Error(t, c.do(t.Context(), queryRequest(), nil))
				}
				require.Equal(t, "open", c.breakers[ClassQuery].status().State, "45 s each, so few in any window")
				time.Sleep(10*time.Second + 1)
				tr.take()
				tr.down.Store(tc.deny < 0)
				tr.deny.Store(tc.deny)
				start := time.Now()
				err := c.do(t.Context(), queryRequest(), nil)
				require.Equal(t, tc.kind, KindOf(err), "%v", err)
				require.Equal(t, tc.came, tr.take())
				require.LessOrEqual(t, time.Since(start), c.cfg.Timeouts.Read, "not the 45 s of a query")
				require.Equal(t, tc.open, c.breakers[ClassQuery].status().State)
			})
		})
	}
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
