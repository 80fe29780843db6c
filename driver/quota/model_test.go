package quota

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// drf is PostHog's own arithmetic: a list of accepted times per window. Every
// window is asked, and each with room records the request even when another
// refuses it.
type drf struct {
	mu       sync.Mutex
	windows  []Window
	history  map[string][]time.Time
	accepted int
	refused  int
}

func newDRF(windows []Window) *drf {
	return &drf{windows: windows, history: make(map[string][]time.Time)}
}

// arrive gives 0 for an accepted request, else the Retry-After that PostHog
// would send.
func (d *drf) arrive() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	var wait time.Duration
	for _, w := range d.windows {
		h := d.history[w.Name]
		for len(h) > 0 && !h[0].After(now.Add(-w.Per)) {
			h = h[1:]
		}
		if len(h) >= w.Limit {
			wait = max(wait, w.Per-now.Sub(h[0]))
		} else {
			h = append(h, now)
		}
		d.history[w.Name] = h
	}
	if wait > 0 {
		d.refused++
		return time.Duration(math.Ceil(wait.Seconds())) * time.Second
	}
	d.accepted++
	return 0
}

// visit makes one request as the pipeline does: written at once, on the way
// for a while, then served for a while. It reports whether PostHog took it.
func visit(r *Reservation, d *drf, rng *rand.Rand, mean time.Duration) bool {
	wrote := time.Now()
	time.Sleep(5*time.Millisecond + time.Duration(rng.Int64N(int64(795*time.Millisecond))))
	refused := d.arrive()
	if refused == 0 {
		time.Sleep(time.Duration(rng.ExpFloat64() * float64(mean)))
	}
	firstByte := time.Now()
	if refused > 0 {
		r.Refused(context.Background(), wrote, firstByte, refused)
		return false
	}
	r.Settle(context.Background(), wrote, firstByte)
	return true
}

func TestSaturationIsNeverRefused(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		bucket  Bucket
		binding int // index of the window that binds
		windows int // how many of them to fill
	}{
		{"minute window alone", BucketPersons, 0, 30},
		{"hour window binds", BucketClickHouse, 1, 3},
		{"both, as queries have them", BucketQueries, 1, 2},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l, err := New(Config{})
				require.NoError(t, err)
				server := newDRF(Documented(tc.bucket))
				binding := server.windows[tc.binding]
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(tc.windows)*binding.Per)
				defer cancel()
				var wg sync.WaitGroup
				for i := range 64 {
					wg.Go(func() {
						rng := rand.New(rand.NewPCG(uint64(i), 7))
						for {
							r, err := l.Acquire(ctx, tc.bucket)
							if err != nil {
								return
							}
							visit(r, server, rng, 2*time.Second)
						}
					})
				}
				wg.Wait()
				possible := tc.windows * binding.Limit
				require.Zero(t, server.refused)
				require.LessOrEqual(t, server.accepted, possible)
				require.GreaterOrEqual(t, float64(server.accepted), 0.98*float64(possible), "of %d", possible)
			})
		})
	}
}

// TestSharedWindow: two buckets that share a window must not overrun it
// together.
func TestSharedWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, err := New(Config{})
		require.NoError(t, err)
		server := newDRF(Documented(BucketPersons))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for i := range 20 {
			bucket := []Bucket{BucketPersons, BucketClickHouse}[i%2]
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(i), 9))
				for {
					r, err := l.Acquire(ctx, bucket)
					if err != nil {
						return
					}
					visit(r, server, rng, 100*time.Millisecond)
				}
			})
		}
		wg.Wait()
		require.Zero(t, server.refused)
		require.GreaterOrEqual(t, server.accepted, 5*240*97/100)
	})
}

// TestRandomWalk runs a random program of requests, cancellations, losses and
// pauses of several priorities against the model, for several seeds.
func TestRandomWalk(t *testing.T) {
	t.Parallel()
	small := []Window{{Name: "a", Limit: 8, Per: 10 * time.Second}, {Name: "b", Limit: 30, Per: 2 * time.Minute}}
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			l, err := New(Config{Windows: map[Bucket][]Window{BucketQueries: small}})
			require.NoError(t, err)
			server := newDRF(small)
			rng := rand.New(rand.NewPCG(seed, 1))
			var wg sync.WaitGroup
			for range 400 {
				timeout := time.Duration(rng.Int64N(int64(30 * time.Second)))
				priority := Priority(rng.IntN(3))
				fate := rng.IntN(10)
				sub := rand.New(rand.NewPCG(rng.Uint64(), 3))
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(WithPriority(t.Context(), priority), timeout)
					defer cancel()
					start := time.Now()
					r, err := l.Acquire(ctx, BucketQueries)
					if err != nil {
						var full *FullError
						require.ErrorAs(t, err, &full)
						require.Contains(t, []string{"a", "b"}, full.Window)
						require.Positive(t, full.RetryAfter)
						require.LessOrEqual(t, time.Since(start), timeout)
						return
					}
					switch fate {
					case 0:
						time.Sleep(time.Duration(sub.Int64N(int64(time.Second))))
						r.Release(ctx)
					case 1: // lost: PostHog may or may not have seen it
						wrote := time.Now()
						time.Sleep(time.Duration(sub.Int64N(int64(900 * time.Millisecond))))
						if sub.IntN(2) == 0 {
							require.Zero(t, server.arrive())
						}
						r.Settle(ctx, wrote, time.Time{})
					default:
						visit(r, server, sub, time.Second)
					}
				})
				time.Sleep(time.Duration(rng.ExpFloat64() * float64(500*time.Millisecond)))
				windows, err := l.Snapshot(t.Context())
				require.NoError(t, err)
				for _, w := range windows {
					require.GreaterOrEqual(t, w.Reserved, 0)
					require.LessOrEqual(t, w.Used+w.Reserved, w.Limit, w.Name)
					require.Equal(t, w.Limit-w.Used-w.Reserved, w.Remaining)
				}
			}
			wg.Wait()
			require.Zero(t, server.refused, "seed %d", seed)
			time.Sleep(3 * time.Minute)
			windows, err := l.Snapshot(t.Context())
			require.NoError(t, err)
			for _, w := range windows {
				require.Zero(t, w.Used+w.Reserved, "%s after a quiet window", w.Name)
				require.Zero(t, w.FullResetInS)
			}
		})
	}
}
