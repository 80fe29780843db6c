package quota

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestForeignConsumer is row 8 of the scoreboard: somebody else takes half of
// the quota all the time; we saturate the rest.
func TestForeignConsumer(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		bucket Bucket
		every  time.Duration // of the stranger's requests
		lanes  int           // of ours
		least  float64       // of the other half that we must get
	}{
		{"half of the minute", BucketPersons, time.Minute / 120, 3, 0.75},
		{"half of the hour", BucketQueries, time.Hour / 1200, 1, 0.75},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const hours = 5
				l, err := New(Config{})
				require.NoError(t, err)
				server := newDRF(Documented(tc.bucket))
				ctx, cancel := context.WithTimeout(t.Context(), (hours+1)*time.Hour)
				defer cancel()
				var wg sync.WaitGroup
				foreign := 0
				wg.Go(func() {
					for ctx.Err() == nil {
						server.arrive()
						foreign++
						time.Sleep(tc.every)
					}
				})
				time.Sleep(time.Hour)
				start := time.Now()
				server.mu.Lock()
				server.refused = 0
				server.mu.Unlock()
				var refusals [hours]int
				var mu sync.Mutex
				accepted := 0
				for i := range tc.lanes {
					wg.Go(func() {
						rng := rand.New(rand.NewPCG(uint64(i), 5))
						for {
							r, err := l.Acquire(ctx, tc.bucket)
							if err != nil {
								return
							}
							ok := visit(r, server, rng, 300*time.Millisecond)
							mu.Lock()
							if ok {
								accepted++
							} else {
								refusals[min(hours-1, int(time.Since(start)/time.Hour))]++
							}
							mu.Unlock()
						}
					})
				}
				wg.Wait()
				w := server.windows[len(server.windows)-1]
				ours := float64(hours) * float64(time.Hour) / float64(w.Per) * float64(w.Limit) / 2
				t.Logf("refusals by hour: %v; accepted %d of %.0f", refusals, accepted, ours)
				require.LessOrEqual(t, refusals[0], 3)
				for _, n := range refusals[1:] {
					require.Zero(t, n)
				}
				require.GreaterOrEqual(t, float64(accepted), tc.least*ours)
			})
		})
	}
}

// TestLowerTier: the team has the tier of 120 an hour, which no client can see.
func TestLowerTier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logs bytes.Buffer
		l, err := New(Config{Logger: slog.New(slog.NewTextHandler(&logs, nil))})
		require.NoError(t, err)
		truth := []Window{{"api_queries_burst", 240, time.Minute}, {"api_queries_sustained", 120, time.Hour}}
		server := newDRF(truth)
		refused, accepted := saturate(t, l, server, 24*time.Hour)
		t.Logf("refused %d, accepted %d", refused, accepted)
		require.LessOrEqual(t, refused, 6)
		require.GreaterOrEqual(t, accepted, 22*120)
		w := windowOf(t, l, "api_queries_sustained")
		require.Equal(t, 120, w.Limit)
		require.Equal(t, "learned", w.LimitSource)
		require.Equal(t, 1, strings.Count(logs.String(), "lower than documented"), logs.String())

		// A day later the documented limit is tried again, and found out again.
		again, _ := saturate(t, l, server, 24*time.Hour)
		require.Positive(t, again)
		require.LessOrEqual(t, again, 4)
		time.Sleep(30 * time.Hour)
		w = windowOf(t, l, "api_queries_sustained")
		require.Equal(t, 2400, w.Limit)
		require.Equal(t, "documented", w.LimitSource)
	})
}

// saturate sends one request after the other.
func saturate(t *testing.T, l *Limiter, server *drf, d time.Duration) (refused, accepted int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	rng := rand.New(rand.NewPCG(11, 5))
	for {
		r, err := l.Acquire(ctx, BucketQueries)
		if err != nil {
			<-ctx.Done()
			return refused, accepted
		}
		if visit(r, server, rng, 300*time.Millisecond) {
			accepted++
		} else {
			refused++
		}
	}
}

func TestLessons(t *testing.T) {
	t.Parallel()
	w := Window{"clickhouse_burst", 100, time.Minute}
	at := func(own, strangers int) Usage {
		return Usage{Limit: 100, Own: own, Used: own + strangers, Reserved: 1, BurnPerMin: 60}
	}
	now := time.Now()

	t.Run("our own clock", func(t *testing.T) {
		t.Parallel()
		s := newLessons(nil)
		require.Equal(t, time.Second, s.graceNow(now))
		for i, want := range []time.Duration{2, 4, 5, 5} {
			r := s.refused(w, at(98, 0), now.Add(time.Duration(i)*time.Minute))
			require.Equal(t, 2, r.Phantoms)
			require.Zero(t, r.Limit)
			require.Equal(t, want*time.Second, s.graceNow(now.Add(time.Duration(i)*time.Minute)))
		}
		require.Equal(t, 2500*time.Millisecond, s.graceNow(now.Add(64*time.Minute)))
		require.Equal(t, time.Second, s.graceNow(now.Add(5*time.Hour)))
	})
	t.Run("strangers", func(t *testing.T) {
		t.Parallel()
		s := newLessons(nil)
		r := s.refused(w, at(70, 0), now)
		require.Equal(t, Refusal{Window: w, Phantoms: 30, Limit: 63, For: 10 * time.Minute}, r)
		u := at(65, 30)
		u.Shut = true // the same episode
		r = s.refused(w, u, now.Add(time.Second))
		require.Equal(t, Refusal{Window: w, Phantoms: 5, Limit: 59, For: time.Hour}, r)
		require.Equal(t, time.Second, s.graceNow(now))
		s.refused(w, at(70, 0), now.Add(2*time.Minute))
		wait, name := s.hold([]Window{w}, now.Add(2*time.Minute+100*time.Millisecond))
		require.Equal(t, w.Name, name, "three surprises: the log is not trusted alone")
		require.InDelta(t, 1/0.7-0.2, wait.Seconds(), 0.2)
		s.sent([]Window{w}, now.Add(150*time.Second))
		wait, _ = s.hold([]Window{w}, now.Add(150*time.Second))
		require.Less(t, wait, time.Second/2, "it grows back")
		wait, _ = s.hold([]Window{w}, now.Add(4*time.Minute))
		require.Zero(t, wait, "a quiet window ends it")
	})
	t.Run("a young log knows nothing of strangers", func(t *testing.T) {
		t.Parallel()
		s := newLessons(nil)
		s.start = now
		r := s.refused(w, at(5, 0), now.Add(time.Second))
		require.Equal(t, 95, r.Phantoms)
		require.Zero(t, r.Limit)
	})
	t.Run("tiers", func(t *testing.T) {
		t.Parallel()
		h := Window{"api_queries_sustained", 2400, time.Hour}
		require.Equal(t, 1200, learnedLimit(h, 1195))
		require.Equal(t, 120, learnedLimit(h, 119))
		require.Equal(t, 900, learnedLimit(h, 1000))
		require.Equal(t, 18, learnedLimit(h, 20))
		require.Equal(t, 1, learnedLimit(h, 0))
		require.Equal(t, []int{120}, tiers(Window{"clickhouse_sustained", 1200, time.Hour}))
		require.Empty(t, tiers(w))
	})
}
