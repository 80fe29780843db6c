package quota

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPrincipalsTakeTurns: one asks for everything with many requests at once,
// the other for one thing after the other; both get what the other gets.
func TestPrincipalsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterOf(t, Window{"m", 10, time.Minute})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		defer cancel()
		var mu sync.Mutex
		got := map[string]int{}
		var wg sync.WaitGroup
		lane := func(name string) {
			wg.Go(func() {
				ctx := WithPrincipal(ctx, name)
				for {
					r, err := l.Acquire(ctx, BucketQueries)
					if err != nil {
						return
					}
					r.Settle(ctx, time.Now(), time.Now())
					mu.Lock()
					got[name]++
					mu.Unlock()
				}
			})
		}
		for range 30 {
			lane("runaway")
		}
		synctest.Wait()
		lane("modest")
		wg.Wait()
		require.Equal(t, 200, got["runaway"]+got["modest"])
		require.GreaterOrEqual(t, got["modest"], 90, "half of all but the first minute")
	})
}

func TestAPrincipalsQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterOf(t, Window{"m", 1, time.Minute})
		take(t.Context(), t, l)
		ctx, cancel := context.WithCancel(WithPrincipal(t.Context(), "a"))
		var wg sync.WaitGroup
		for range maxQueue {
			wg.Go(func() {
				if r, err := l.Acquire(ctx, BucketQueries); err == nil {
					r.Settle(ctx, time.Now(), time.Now())
				}
			})
		}
		synctest.Wait()
		_, err := l.Acquire(ctx, BucketQueries)
		var full *FullError
		require.ErrorAs(t, err, &full)
		require.ErrorContains(t, err, fmt.Sprintf("%d requests wait", maxQueue))
		other, stop := context.WithTimeout(WithPrincipal(t.Context(), "b"), 130*time.Second) // second in line
		defer stop()
		take(other, t, l)
		cancel()
		wg.Wait()
	})
}

// TestBackgroundIsPaced: questions that nobody waits for are spread out when
// the hour would be over soon; a person's are not.
func TestBackgroundIsPaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterOf(t, Window{"m", 240, time.Minute}, Window{"h", 2400, time.Hour})
		background := WithPriority(t.Context(), Background)
		start := time.Now()
		sent := 0
		for time.Since(start) < 20*time.Minute {
			take(background, t, l)
			sent++
		}
		require.Less(t, sent, 2400*85/100, "there is room after twenty minutes")
		require.Greater(t, sent, 1200)
		w := windowOf(t, l, "h")
		require.Equal(t, sent, w.Used)
		begin := time.Now()
		take(t.Context(), t, l)
		require.Zero(t, time.Since(begin))
	})
}

func TestBulkIsRefusedWhenTheHourIsNearlyOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterOf(t, Window{"h", 100, time.Hour})
		for range 91 {
			take(t.Context(), t, l)
		}
		start := time.Now()
		_, err := l.Acquire(WithPriority(t.Context(), Bulk), BucketQueries)
		var full *FullError
		require.ErrorAs(t, err, &full)
		require.Zero(t, time.Since(start), "it is not queued, though it has no deadline")
		require.Equal(t, time.Hour+boundary, full.RetryAfter)
	})
}

func TestCautiousStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, err := New(Config{Store: NewCautious()})
		require.NoError(t, err)
		_, degraded := l.StoreName()
		require.True(t, degraded)
		for range 7 {
			for _, w := range []string{"api_queries_burst", "api_queries_sustained"} {
				s := windowOf(t, l, w)
				elapsed := s.FullResetInS
				if strings.HasSuffix(w, "burst") {
					require.Zero(t, s.Used)
					continue
				}
				require.InDelta(t, 1200*elapsed/3600, s.Used, 2)
				require.Zero(t, s.UsedByMe)
			}
			time.Sleep(10 * time.Minute)
		}
		require.Zero(t, windowOf(t, l, "api_queries_sustained").Used)
	})
}
