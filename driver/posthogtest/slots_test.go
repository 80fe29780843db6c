package posthogtest

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// slowly makes every query pretend to take d.
func slowly(d time.Duration) func(string, string) time.Duration {
	return func(string, string) time.Duration { return d }
}

const trend = `{"query":{"kind":"TrendsQuery","series":[{"kind":"EventsNode","event":"$pageview"}],"dateRange":{"date_from":"-7d"}},"refresh":"force_blocking","client_query_id":"q-7"}`

func TestExcessQueriesWaitForASlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Clock: time.Now, QueryTime: slowly(8 * time.Second)})
		c := newClient(t, s)
		start, took := time.Now(), make([]time.Duration, 5)
		var wg sync.WaitGroup
		for i := range took {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				require.Equal(t, 200, c.do(http.MethodPost, "query/", trend).status)
				took[i] = time.Since(start)
			})
		}
		wg.Wait()
		require.Equal(t, 3, s.PeakQueries())
		for i, d := range took[:3] {
			require.Equal(t, 8*time.Second+time.Duration(i)*time.Millisecond, d)
		}
		// The polls come 134 ms, 201 ms, ... up to 1.714 s apart, so a freed
		// slot is taken late by less than that.
		for _, d := range took[3:] {
			require.Greater(t, d, 16*time.Second)
			require.Less(t, d, 16*time.Second+slotLastPoll)
		}
	})
}

func TestConcurrency429(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Clock: time.Now, QueryTime: slowly(50 * time.Second), MaxExecution: time.Minute})
		c := newClient(t, s)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { require.Equal(t, 200, c.do(http.MethodPost, "query/", trend).status) })
		}
		synctest.Wait()
		start := time.Now()
		a := c.do(http.MethodPost, "query/", trend)
		requireError(t, a, 429, "throttled_error", "throttled",
			"Exceeded maximum concurrency limit: 3 for key: api:query:per-team:"+projectText(s)+" and task: q-7")
		require.Empty(t, a.header.Get("Retry-After"))
		require.GreaterOrEqual(t, time.Since(start), slotPatience)
		require.Less(t, time.Since(start), slotPatience+slotLastPoll)
		wg.Wait()
		require.Equal(t, 4, s.Usage(s.PersonalKey())["api_queries_burst"]+s.Usage(s.PersonalKey())["api_queries_sustained"]-4, "the refused query was counted")
	})
}

func TestExecutionTimeLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Clock: time.Now, QueryTime: slowly(time.Hour)})
		start := time.Now()
		a := newClient(t, s).do(http.MethodPost, "query/", trend)
		requireError(t, a, 504, "server_error", "error", "")
		require.Contains(t, a.body["detail"], "Query has hit the max execution time before completing.")
		require.Equal(t, 10*time.Second, time.Since(start))
	})
}

// A query goes on when its client leaves, and keeps its slot, until it is
// cancelled by its id.
func TestCancelGivesTheSlotBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Clock: time.Now, Concurrency: 1, QueryTime: slowly(9 * time.Second)})
		c := newClient(t, s)
		leaving := *c
		leaving.http = &http.Client{Transport: s.Transport(), Timeout: time.Second}
		_, err := leaving.try(http.MethodPost, "query/", trend)
		require.Error(t, err)
		synctest.Wait()
		require.Equal(t, 1, s.slots.running)
		require.Equal(t, 200, c.do(http.MethodDelete, "query/q-7/", nil).status)
		synctest.Wait()
		require.Equal(t, 0, s.slots.running)

		var waiting *answer
		var wg sync.WaitGroup
		wg.Go(func() { waiting = c.do(http.MethodPost, "query/", trend) })
		synctest.Wait()
		c.do(http.MethodDelete, "query/q-7/", nil)
		wg.Wait()
		requireError(t, waiting, 400, "validation_error", "query_was_cancelled", "Query was cancelled.")
	})
}

// Close ends what is running: nothing may be left behind.
func TestCloseEndsRunningQueries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Clock: time.Now, QueryTime: slowly(9 * time.Second)})
		c := newClient(t, s)
		s.Faults.Add(Fault{Kind: FaultHang, Path: "/api/users/*/"})
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = c.try(http.MethodPost, "query/", trend) })
		wg.Go(func() { _, _ = c.try(http.MethodGet, "/api/users/@me/", nil) })
		synctest.Wait()
		start := time.Now()
		require.NoError(t, s.Close())
		wg.Wait()
		require.Less(t, time.Since(start), time.Second)
	})
}
