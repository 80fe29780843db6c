package driver

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBulkheadServesInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(ClassQuery, 1, 0)
		require.NoError(t, b.acquire(t.Context()))
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				require.NoError(t, b.acquire(t.Context()))
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				b.release(nil)
			})
			synctest.Wait()
		}
		require.Equal(t, ConcurrencyStatus{ClassQuery, 1, 1, 5}, b.status())
		b.release(nil)
		wg.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4}, order)
		require.Equal(t, ConcurrencyStatus{ClassQuery, 1, 0, 0}, b.status())
	})
}

func TestBulkheadWaitIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(ClassRead, 1, time.Second)
		require.NoError(t, b.acquire(t.Context()))
		start := time.Now()
		require.ErrorIs(t, b.acquire(t.Context()), errBulkheadFull)
		require.Equal(t, time.Second, time.Since(start))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, b.acquire(ctx), context.DeadlineExceeded)
		require.Zero(t, b.status().Queued)
	})
}

func TestBulkheadLearnsFromPostHog(t *testing.T) {
	t.Parallel()
	b := newBulkhead(ClassQuery, 8, 0)
	use := func(f *fault) {
		require.NoError(t, b.acquire(t.Context()))
		b.release(f)
	}
	busy, server := &fault{faultBusy, &Error{}}, &fault{faultServer, &Error{}}
	use(server)
	require.Equal(t, 8, b.status().Limit)
	use(busy)
	require.Equal(t, 4, b.status().Limit)
	for range 5 {
		use(busy)
	}
	require.Equal(t, 1, b.status().Limit, "never none")
	for range raiseAfter - 1 {
		use(nil)
	}
	require.Equal(t, 1, b.status().Limit)
	use(server)
	use(nil)
	require.Equal(t, 2, b.status().Limit)
	for range 20 * raiseAfter {
		use(nil)
	}
	require.Equal(t, 8, b.status().Limit, "never more than at the start")
}

// TestBulkheadStorm: waiters that give up, answers of every kind, and never a
// slot lost or one too many.
func TestBulkheadStorm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(ClassQuery, 3, 0)
		var wg sync.WaitGroup
		for i := range 300 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(i), 5))
				time.Sleep(time.Duration(rng.IntN(20)) * time.Second)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(5000))*time.Millisecond)
				defer cancel()
				if b.acquire(ctx) != nil {
					return
				}
				require.LessOrEqual(t, b.status().InFlight, 3)
				time.Sleep(time.Duration(rng.IntN(2000)) * time.Millisecond)
				var f *fault
				if rng.IntN(10) == 0 {
					f = &fault{faultBusy, &Error{}}
				}
				b.release(f)
			})
		}
		wg.Wait()
		st := b.status()
		require.Zero(t, st.InFlight)
		require.Zero(t, st.Queued)
		for range st.Limit {
			require.NoError(t, b.acquire(t.Context()))
		}
	})
}
