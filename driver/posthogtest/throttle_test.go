package posthogtest

import (
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// drfThrottle is Django REST Framework's SimpleRateThrottle word for word: the
// newest request first, one list per throttle.
type drfThrottle struct {
	requests int
	duration float64
	history  []float64
}

func (d *drfThrottle) allow(now float64) bool {
	for len(d.history) > 0 && d.history[len(d.history)-1] <= now-d.duration {
		d.history = d.history[:len(d.history)-1]
	}
	if len(d.history) >= d.requests {
		return false
	}
	d.history = append([]float64{now}, d.history...)
	return true
}

func (d *drfThrottle) wait(now float64) (float64, bool) {
	remaining := d.duration
	if len(d.history) > 0 {
		remaining = d.duration - (now - d.history[len(d.history)-1])
	}
	available := d.requests - len(d.history) + 1
	if available <= 0 {
		return 0, false
	}
	return remaining / float64(available), true
}

// drfCheck is APIView.check_throttles.
func drfCheck(now float64, throttles ...*drfThrottle) (refused bool, retry int) {
	longest := 0.0
	for _, d := range throttles {
		if !d.allow(now) {
			refused = true
			if w, known := d.wait(now); known {
				longest = math.Max(longest, w)
			}
		}
	}
	// Rounded to microseconds: sums of floats must not decide a whole second.
	return refused, int(math.Ceil(math.Round(longest*1e6) / 1e6))
}

func TestThrottlesCountAsDRFDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Clock: time.Now})
		c := newClient(t, s)
		burst := &drfThrottle{requests: 480, duration: 60}
		sustained := &drfThrottle{requests: 4800, duration: 3600}
		start, rng, refusals := time.Now(), rand.New(rand.NewPCG(7, 7)), 0
		for range 6000 {
			if rng.IntN(600) == 0 {
				time.Sleep(time.Duration(rng.IntN(90_000)) * time.Millisecond)
			}
			time.Sleep(time.Duration(rng.IntN(180)) * time.Millisecond)
			refused, retry := drfCheck(time.Since(start).Seconds(), burst, sustained)
			a := c.get("annotations/?limit=1")
			if !refused {
				require.Equal(t, http.StatusOK, a.status, a.text)
				continue
			}
			refusals++
			require.Equal(t, http.StatusTooManyRequests, a.status)
			require.Equal(t, strconv.Itoa(retry), a.header.Get("Retry-After"))
		}
		require.Greater(t, refusals, 300, "the run must meet both windows")
		require.Equal(t, len(burst.history), s.Usage(s.PersonalKey())["burst"])
		require.Equal(t, len(sustained.history), s.Usage(s.PersonalKey())["sustained"])
	})
}

func TestRefusedRequestFillsTheSiblingWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Clock: time.Now})
		c := newClient(t, s)
		for range 70 {
			c.get("events/values/?key=plan")
		}
		used := s.Usage(s.PersonalKey())
		require.Equal(t, 60, used["event_values_burst"])
		require.Equal(t, 70, used["event_values_sustained"])
	})
}

func TestThrottledBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Clock: time.Now, Throttle: Throttle{Scale: 1.0 / 60}})
		c := newClient(t, s)
		require.Equal(t, http.StatusOK, c.get("events/values/?key=plan").status)
		time.Sleep(22500 * time.Millisecond)
		a := c.get("events/values/?key=plan")
		requireError(t, a, 429, "throttled_error", "throttled", "Request was throttled. Expected available in 38 seconds.")
		require.Equal(t, "38", a.header.Get("Retry-After"))
		require.Nil(t, a.body["attr"])

		s.SetThrottle(Throttle{Scale: 1.0 / 60, NoRetryAfter: true})
		time.Sleep(37 * time.Second)
		a = c.get("events/values/?key=plan")
		requireError(t, a, 429, "throttled_error", "throttled", "Request was throttled. Expected available in 1 second.")
		require.Empty(t, a.header.Get("Retry-After"))

		s.SetThrottle(Throttle{Off: true})
		require.Equal(t, http.StatusOK, c.get("events/values/?key=plan").status)
	})
}

// A limit that was lowered below the history gives a 429 without a wait.
func TestLoweredLimitKnowsNoWait(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	for range 10 {
		c.get("annotations/")
	}
	s.SetThrottle(Throttle{Scale: 10.0 / 4800}) // the minute is over its limit of 1, the hour at its limit of 10
	a := c.get("annotations/")
	requireError(t, a, 429, "throttled_error", "throttled", "Request was throttled. Expected available in 3600 seconds.")

	s.SetThrottle(Throttle{Scale: 1e-9})
	a = c.get("annotations/")
	requireError(t, a, 429, "throttled_error", "throttled", "Request was throttled.")
	require.Empty(t, a.header.Get("Retry-After"))
}

func TestWindowsByCredentialAndEndpoint(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	other := s.AddKey("other", []string{"*"})
	c.get("annotations/")
	c.get("persons/?limit=1")
	c.get("events/?limit=1")
	c.as(other).get("annotations/")
	require.Equal(t, map[string]int{"burst": 1, "sustained": 1, "clickhouse_burst": 2, "clickhouse_sustained": 1}, s.Usage(s.PersonalKey()))
	require.Equal(t, map[string]int{"burst": 1, "sustained": 1}, s.Usage(other))
	// What fails before the throttles is not counted.
	c.get("nothing/")
	c.as("").get("annotations/")
	c.as(s.AddKey("none", nil)).get("annotations/")
	require.Equal(t, 1, s.Usage(s.PersonalKey())["burst"])
}

func TestQueryTiers(t *testing.T) {
	t.Parallel()
	metadata := map[string]any{"query": map[string]any{"kind": "HogQLMetadata", "language": "hogQL", "query": "SELECT 1"}}
	for _, tt := range []struct {
		name string
		tier Tier
		want map[string]int
	}{
		{"current", TierAPIQueries, map[string]int{"api_queries_burst": 2, "api_queries_sustained": 2}},
		{"legacy", TierLegacy, map[string]int{"query": 1, "clickhouse_burst": 1, "clickhouse_sustained": 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, Options{Throttle: Throttle{Tier: tt.tier}})
			c := newClient(t, s)
			c.query("SELECT 1")
			c.do(http.MethodPost, "query/", metadata)
			require.Equal(t, tt.want, s.Usage(s.PersonalKey()))
		})
	}
}
