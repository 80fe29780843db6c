package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// background is a PostHog that computes queries in the background, on fake
// time.
type background struct {
	takes   time.Duration // of a query; 0: it never ends
	outcome string        // inside query_status once it has ended
	code    int           // of the poll that tells the outcome; 0: 200
	mute    bool          // hangs instead of accepting a query

	mu      sync.Mutex
	started map[string]time.Time
	polls   []time.Time
	revoked []string
	forced  bool
}

func (b *background) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, id, _ := strings.Cut(strings.TrimSuffix(r.URL.Path, "/"), "/query/")
	switch r.Method {
	case http.MethodPost:
		data, _ := io.ReadAll(r.Body)
		var body struct {
			ID      string `json:"client_query_id"`
			Refresh string `json:"refresh"`
		}
		if err := json.Unmarshal(data, &body); err != nil {
			return nil, err
		}
		b.started[body.ID], b.forced = time.Now(), body.Refresh == "force_async"
		if b.mute {
			b.mu.Unlock()
			<-r.Context().Done()
			b.mu.Lock()
			return nil, r.Context().Err()
		}
		return response(202, fmt.Sprintf(`{"query_status":{"id":%q,"complete":false,"query_async":true}}`, body.ID)), nil
	case http.MethodDelete:
		b.revoked = append(b.revoked, id)
		return response(200, `{"message":"Query task revoked"}`), nil
	}
	b.polls = append(b.polls, time.Now())
	at, ok := b.started[id]
	switch {
	case !ok:
		return response(404, problem("invalid_request", "not_found", "Query "+id+" not found")), nil
	case b.takes == 0 || time.Since(at) < b.takes:
		return response(202, fmt.Sprintf(`{"query_status":{"id":%q,"complete":false,"results":null}}`, id)), nil
	}
	code := b.code
	if code == 0 {
		code = 200
	}
	return response(code, fmt.Sprintf(`{"query_status":{"id":%q,%s}}`, id, b.outcome)), nil
}

// onBackground runs f on fake time with a client of b.
func onBackground(t *testing.T, b *background, f func(t *testing.T, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b.started = make(map[string]time.Time)
		c := cachingClient(t, b)
		f(t, c)
	})
}

func runAsync(ctx context.Context, c *Client) (numberedAnswer, error) {
	var out numberedAnswer
	err := c.runNodeAsync(ctx, "get_experiment_results", map[string]any{"kind": "ExperimentQuery"}, "async", &out)
	return out, err
}

// TestBackgroundQuery: started, asked for less and less often without holding
// anything, and its answer is the inner one; it is kept like any other.
func TestBackgroundQuery(t *testing.T) {
	t.Parallel()
	b := &background{takes: 20 * time.Second, outcome: `"complete":true,"results":{"n":42}`}
	onBackground(t, b, func(t *testing.T, c *Client) {
		start := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			out, err := runAsync(t.Context(), c)
			require.NoError(t, err)
			require.Equal(t, 42, out.N)
		}()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for _, cs := range c.Status().Concurrency {
			require.Zero(t, cs.InFlight, cs.Class)
		}
		<-done
		var gaps []time.Duration
		last := start
		for _, at := range b.polls {
			gaps = append(gaps, at.Sub(last))
			last = at
		}
		s := time.Second
		require.Equal(t, []time.Duration{s / 2, s, 2 * s, 4 * s, 5 * s, 5 * s, 5 * s}, gaps)
		require.Empty(t, b.revoked)

		out, err := runAsync(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, 42, out.N)
		require.Len(t, b.started, 1, "kept")
		_, err = runAsync(WithFresh(t.Context()), c)
		require.NoError(t, err)
		require.True(t, b.forced)
	})
}

// TestBackgroundQueryEndsBadly: the outcome is the query's, told with the
// status of a failure; it is neither repeated nor a failure of PostHog's.
func TestBackgroundQueryEndsBadly(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		b    *background
		kind Kind
		text string
	}{
		"the user's fault": {&background{takes: 1, code: 400, outcome: `"complete":false,"error":true,"error_message":"no such event"`}, KindInvalid, "no such event"},
		"PostHog's fault":  {&background{takes: 1, code: 500, outcome: `"complete":false,"error":true,"error_message":null`}, KindUpstream, "failed inside PostHog"},
		"no results":       {&background{takes: 1, outcome: `"complete":true,"results":null`}, KindUpstream, "failed inside PostHog"},
		"error at 200":     {&background{takes: 1, outcome: `"complete":true,"error":true,"error_message":"too much"`}, KindInvalid, "too much"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := tc.b
			onBackground(t, b, func(t *testing.T, c *Client) {
				_, err := runAsync(t.Context(), c)
				require.ErrorIs(t, err, tc.kind)
				require.ErrorContains(t, err, tc.text)
				require.Len(t, b.polls, 1)
				require.Empty(t, b.revoked, "it has ended")
				require.Zero(t, c.breakers[ClassRead].cb.Counts().TotalFailures)
				require.Equal(t, c.cfg.Retry.Budget, c.Status().RetryBudget.Remaining)
			})
		})
	}
}

// TestBackgroundQueryGivenUp: PostHog is told to stop, even when it never said
// that it had begun, and the caller does not wait for that.
func TestBackgroundQueryGivenUp(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		mute   bool
		kind   Kind
		giveUp func(context.Context) (context.Context, context.CancelFunc)
	}{
		"deadline": {false, KindTimeout, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 7*time.Second)
		}},
		"total time":           {false, KindTimeout, context.WithCancel},
		"canceled":             {false, KindCanceled, cancelAfter(7 * time.Second)},
		"canceled at the gate": {true, KindCanceled, cancelAfter(time.Second)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &background{mute: tc.mute}
			onBackground(t, b, func(t *testing.T, c *Client) {
				ctx, cancel := tc.giveUp(t.Context())
				defer cancel()
				_, err := runAsync(ctx, c)
				require.ErrorIs(t, err, tc.kind)
				synctest.Wait()
				require.Len(t, b.started, 1)
				require.Len(t, b.revoked, 1)
				require.Contains(t, b.started, b.revoked[0])
			})
		})
	}
}

func cancelAfter(d time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(d, cancel)
		return ctx, cancel
	}
}

// TestCloseEndsTheCourtesy: closing does not wait for PostHog to cancel.
func TestCloseEndsTheCourtesy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPost {
				return response(202, `{"query_status":{"id":"x","complete":false}}`), nil
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		c := cachingClient(t, rt)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := runAsync(ctx, c)
		require.Error(t, err)
		start := time.Now()
		require.NoError(t, c.Close())
		require.Zero(t, time.Since(start))
	})
}
