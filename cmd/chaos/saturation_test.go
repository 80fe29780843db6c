package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/score"
)

// saturate keeps callers asking for as long as the span, as agents without
// patience, and gives how many answers came. A short pause stands for one that
// is told to come back: none is longer, so that no free slot goes unused.
func saturate(t *testing.T, r *rig, callers int, span time.Duration, call func(context.Context) error) (good int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := call(ctx); err == nil {
					mu.Lock()
					good++
					mu.Unlock()
					continue
				}
				select {
				case <-time.After(5 * time.Second):
				case <-ctx.Done():
				}
			}
		})
	}
	wg.Wait()
	return good
}

// Row 5: everything that PostHog allows is used, and no request is refused,
// although each takes another time to arrive.
func TestRow5(t *testing.T) {
	t.Parallel()
	const hours = 2
	for _, c := range []struct {
		name    string
		allowed int // in the time, by the binding window
		call    func(*rig) func(context.Context) error
	}{
		{"queries, 2400/h", hours * 2400, func(r *rig) func(context.Context) error { return r.query }},
		{"reads, 4800/h", hours * 4800, func(r *rig) func(context.Context) error { return r.read }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, posthogtest.Options{}, nil)
				defer r.close(t)
				draw := newDice(5)
				r.wire.before = draw.travel(5*time.Millisecond, 500*time.Millisecond)
				r.wire.after = draw.travel(time.Millisecond, 300*time.Millisecond)
				start := time.Now()
				good := saturate(t, r, 12, hours*time.Hour, c.call(r))
				refused := r.wire.refusals(start, time.Now())
				used := 100 * float64(good) / float64(c.allowed)
				score.Report(t, score.Row{
					Row: 5, Bar: fmt.Sprintf("%s, saturated for %d h: 0 × 429, ≥ 98 %% used", c.name, hours), OK: refused == 0 && used >= 98, Seed: score.Seed(),
					Measured: fmt.Sprintf("%d × 429, %.1f %% used (%d of %d)", refused, used, good, c.allowed),
				})
			})
		})
	}
}

// Row 8: somebody else has been taking half of the quota with the same key, and
// we come and learn to live with the other half. The bar is for one caller;
// requests under way when PostHog first refuses are refused too, so that
// several callers learn the same lesson at a higher price.
func TestRow8(t *testing.T) {
	t.Parallel()
	one, several := beside(t, 1), beside(t, 3)
	score.Report(t, score.Row{
		Row: 8, Bar: "a foreign consumer takes half: ≤ 3 × 429 in the first hour, then none", OK: one.first <= 3 && one.later == 0 && several.later == 0, Seed: score.Seed(),
		Measured: fmt.Sprintf("%d × 429, then %d in 3 h (3 callers: %d, then %d); we got %d, the other %d", one.first, one.later, several.first, several.later, one.ours, one.theirs),
	})
}

// shared is how two consumers of one quota fared.
type shared struct {
	first, later int // of our requests refused, in the first hour and after it
	ours, theirs int // answers
}

// beside saturates the quota for four hours beside a foreign consumer.
func beside(t *testing.T, callers int) (s shared) {
	t.Helper()
	const hours = 4
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, posthogtest.Options{}, nil)
		defer r.close(t)
		draw := newDice(8)
		r.wire.before = draw.travel(5*time.Millisecond, 300*time.Millisecond)
		r.wire.after = draw.travel(time.Millisecond, 300*time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), (1+hours)*time.Hour)
		defer cancel()
		transport := r.ph.Transport()
		var wg sync.WaitGroup
		wg.Go(func() {
			for ctx.Err() == nil {
				if foreignQuery(t, r.ph, transport) {
					s.theirs++
				}
				time.Sleep(time.Hour / 1200)
			}
		})
		time.Sleep(time.Hour)
		start := time.Now()
		s.ours = saturate(t, r, callers, hours*time.Hour, r.query)
		wg.Wait()
		require.Positive(t, s.theirs)
		s.first, s.later = r.wire.refusals(start, start.Add(time.Hour)), r.wire.refusals(start.Add(time.Hour), time.Now())
	})
	return s
}

// foreignQuery is another program's query with the same key; false for a 429.
func foreignQuery(t *testing.T, ph *posthogtest.Server, transport http.RoundTripper) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, ph.URL()+fmt.Sprintf("/api/projects/%d/query/", ph.ProjectID()),
		strings.NewReader(`{"query":{"kind":"HogQLQuery","query":"select 2"},"refresh":"force_blocking"}`))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+ph.PersonalKey())
	req.Header.Set("Content-Type", "application/json")
	res, err := transport.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode != http.StatusTooManyRequests
}
