package driver

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// events is what subscribers saw; timers call them from other goroutines.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) add(s string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, s)
}

// take gives what was seen since the last take.
func (e *events) take() []string {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	list := e.list
	e.list = nil
	return list
}

// answering is a transport that always gives the status.
func answering(status *atomic.Int64) roundTripper {
	return func(*http.Request) (*http.Response, error) {
		return response(int(status.Load()), `{}`), nil
	}
}

func TestStatusShape(t *testing.T) {
	t.Parallel()
	c := clientFor(t, "us")
	data, err := json.Marshal(c.Status())
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(data, &m))
	for _, key := range []string{"schema", "as_of", "scope", "project_id", "store", "degraded", "windows", "concurrency", "breakers", "retry_budget", "last_429", "advice"} {
		require.Contains(t, m, key)
	}
	require.Equal(t, "memory", m["store"])
	require.Equal(t, map[string]any{"at": nil, "class": nil, "window": nil, "retry_after_s": nil}, m["last_429"])
	windows, ok := m["windows"].([]any)
	require.True(t, ok)
	require.Len(t, windows, 10)
	first, ok := windows[0].(map[string]any)
	require.True(t, ok)
	for key, value := range map[string]any{
		"name": "api_queries_burst", "class": "query", "used_by_me": 0.0, "window_s": 60.0, "limit": 240.0, "limit_source": "documented", "used": 0.0, "reserved": 0.0,
		"remaining": 240.0, "next_slot_in_s": 0.0, "full_reset_in_s": 0.0, "burn_per_min": 0.0, "exhausted_in_s": nil, "state": "ok",
	} {
		require.Contains(t, first, key)
		require.Equal(t, value, first[key], key)
	}
	require.Equal(t, map[string]any{"class": "query", "limit": 3.0, "in_flight": 0.0, "queued": 0.0}, m["concurrency"].([]any)[0])         //nolint:forcetypeassert // a test
	require.Equal(t, map[string]any{"class": "query", "state": "closed", "opens_in_1h": 0.0, "retry_in_s": nil}, m["breakers"].([]any)[0]) //nolint:forcetypeassert // a test
	require.Equal(t, map[string]any{"remaining": 50.0, "capacity": 50.0}, m["retry_budget"])
	require.Equal(t, "All limits have room.", m["advice"])
}

func TestAdvice(t *testing.T) {
	t.Parallel()
	window := func(state quota.State) []quota.WindowStatus {
		return []quota.WindowStatus{{Name: "calm", State: quota.StateOK}, {Name: "busy", Limit: 100, Remaining: 7, NextSlotInS: 61.2, State: state}}
	}
	good := RetryBudgetStatus{50, 50}
	cases := map[string]Status{
		"All limits have room.":           {Windows: window(quota.StateOK), RetryBudget: good},
		"busy fills up fast (7 of 100":    {Windows: window(quota.StatePacing), RetryBudget: good},
		"busy has 7 of 100 requests left": {Windows: window(quota.StateCritical), RetryBudget: good},
		"the next request fits in 1m2s":   {Windows: window(quota.StateExhausted), RetryBudget: good},
		"PostHog fails for read requests": {Windows: window(quota.StateExhausted), Breakers: []BreakerStatus{{Class: ClassRead, State: "open"}}},
		"failures are not retried until":  {Windows: window(quota.StateOK), RetryBudget: RetryBudgetStatus{3, 50}},
	}
	for want, s := range cases {
		require.Contains(t, s.advise(), want)
	}
}

// TestChangesOfWindows: filling a window from empty to full is a handful of
// events, and emptying it, without any call, again.
func TestChangesOfWindows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ok atomic.Int64
		ok.Store(200)
		c := clientFor(t, "us", func(cfg *Config) {
			cfg.Transport = answering(&ok)
			cfg.Quota.Windows = map[quota.Bucket][]quota.Window{quota.BucketStandard: {{Name: "m", Limit: 100, Per: time.Minute}}}
		})
		var seen events
		look := func() {
			for _, w := range c.Status().Windows {
				if w.Name == "m" {
					seen.add(strconv.Itoa(w.Limit-w.Remaining) + " " + string(w.State))
				}
			}
		}
		cancel := c.OnStatusChange(look)
		for range 100 {
			require.NoError(t, c.do(t.Context(), readRequest(), nil))
		}
		require.Empty(t, seen.take(), "a look a second")
		time.Sleep(lookEvery)
		require.Equal(t, []string{"100 exhausted"}, seen.take(), "a burst through all marks is one event")

		time.Sleep(2 * time.Minute)
		require.Equal(t, []string{"0 ok"}, seen.take(), "told without any call")
		time.Sleep(time.Hour)
		require.Empty(t, seen.take())

		cancel()
		for range 100 {
			require.NoError(t, c.do(t.Context(), readRequest(), nil))
		}
		require.Empty(t, seen.take(), "canceled")
	})
}

// TestEventsAreRare: marks that are crossed quickly are told together, five
// seconds apart, and the last state is always told.
func TestEventsAreRare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ok atomic.Int64
		ok.Store(200)
		c := clientFor(t, "us", func(cfg *Config) {
			cfg.Transport = answering(&ok)
			cfg.Quota.Windows = map[quota.Bucket][]quota.Window{quota.BucketStandard: {{Name: "m", Limit: 100, Per: time.Hour}}}
		})
		var seen events
		var last time.Time
		start := time.Now()
		cancel := c.OnStatusChange(func() {
			require.True(t, last.IsZero() || time.Since(last) >= tellEvery, "%s after the start", time.Since(start))
			last = time.Now()
			for _, w := range c.Status().Windows {
				if w.Name == "m" {
					seen.add(strconv.Itoa(100 - w.Remaining))
				}
			}
		})
		defer cancel()
		for range 100 { // four marks within five seconds
			require.NoError(t, c.do(t.Context(), readRequest(), nil))
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		told := seen.take()
		require.Contains(t, []int{2, 3, 4}, len(told), "%v", told)
		require.Equal(t, "100", told[len(told)-1])
	})
}

// TestHysteresis: use that swings around a mark is told once.
func TestHysteresis(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := windowLevel{state: quota.StateOK}
		look := func(used int, state quota.State) bool {
			next := l.next(quota.WindowStatus{Limit: 100, Remaining: 100 - used, State: state}, time.Now())
			changed := next.band != l.band || next.state != l.state
			if changed {
				next.at = time.Now()
			}
			l = next
			return changed
		}
		require.False(t, look(49, quota.StateOK))
		require.True(t, look(50, quota.StateOK))
		for range 20 {
			time.Sleep(time.Minute)
			require.False(t, look(48, quota.StateOK))
			require.False(t, look(51, quota.StateOK))
		}
		require.True(t, look(44, quota.StateOK))
		require.True(t, look(97, quota.StateCritical), "two marks at once are one event")
		require.Equal(t, 95, l.band)
		require.False(t, look(20, quota.StateOK), "not better in the same breath")
		time.Sleep(recheck)
		require.True(t, look(20, quota.StateOK))
		require.Zero(t, l.band)
	})
}

func TestChangesOfBreakers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var status atomic.Int64
		status.Store(500)
		c := clientFor(t, "us", func(cfg *Config) { cfg.Transport = answering(&status) })
		var seen events
		c.OnStatusChange(func() { seen.add(c.Status().Breakers[2].State) })
		for range 15 {
			require.Error(t, c.do(t.Context(), writeRequest(), nil))
		}
		time.Sleep(lookEvery)
		require.Equal(t, []string{"open"}, seen.take())
		time.Sleep(16 * time.Second)
		require.Equal(t, []string{"half-open"}, seen.take(), "told without any call")
		status.Store(200)
		require.NoError(t, c.do(t.Context(), writeRequest(), nil))
		time.Sleep(tellEvery)
		require.Equal(t, []string{"closed"}, seen.take())
		status.Store(500)
		require.NoError(t, c.Close())
		time.Sleep(time.Hour)
		require.Empty(t, seen.take())
	})
}
