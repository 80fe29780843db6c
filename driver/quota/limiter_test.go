package quota

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func limiterOf(t *testing.T, windows ...Window) *Limiter {
	t.Helper()
	l, err := New(Config{Windows: map[Bucket][]Window{BucketQueries: windows}})
	require.NoError(t, err)
	return l
}

// take makes a request that PostHog counts at once.
func take(ctx context.Context, t *testing.T, l *Limiter) {
	t.Helper()
	r, err := l.Acquire(ctx, BucketQueries)
	require.NoError(t, err)
	now := time.Now()
	r.Settle(ctx, now, now)
}

func windowOf(t *testing.T, l *Limiter, name string) WindowStatus {
	t.Helper()
	all, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	for _, w := range all {
		if w.Name == name {
			return w
		}
	}
	require.Fail(t, "no window "+name)
	return WindowStatus{}
}

func TestRefusedAtOnceWhenTheWaitIsTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterOf(t, Window{"m", 2, time.Minute}, Window{"h", 3, time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
		defer cancel()
		take(ctx, t, l)
		take(ctx, t, l)
		start := time.Now()
		_, err := l.Acquire(ctx, BucketQueries)
		var full *FullError
		require.ErrorAs(t, err, &full)
		require.Equal(t, "m", full.Window)
		require.Equal(t, time.Minute+boundary, full.RetryAfter)
		require.Zero(t, time.Since(start), "nobody waits for what cannot come")

		time.Sleep(full.RetryAfter)
		ctx, cancel = context.WithTimeout(t.Context(), 50*time.Second)
		defer cancel()
		take(ctx, t, l)
		_, err = l.Acquire(ctx, BucketQueries)
		require.ErrorAs(t, err, &full)
		require.Equal(t, "h", full.Window)
		require.Contains(t, full.Error(), "h is full for 3540 s")
	})
}

func TestWaitersGetDistinctSlotsInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterOf(t, Window{"m", 3, time.Minute})
		ctx := t.Context()
		for range 3 {
			take(ctx, t, l)
			time.Sleep(time.Second)
		}
		start := time.Now()
		type turn struct {
			who int
			at  time.Duration
		}
		var mu sync.Mutex
		var turns []turn
		var wg sync.WaitGroup
		for who := range 5 {
			wg.Go(func() {
				take(ctx, t, l)
				mu.Lock()
				turns = append(turns, turn{who, time.Since(start)})
				mu.Unlock()
			})
			synctest.Wait()
		}
		wg.Wait()
		first := time.Minute - 3*time.Second + boundary
		require.Equal(t, []turn{
			{0, first},
			{1, first + time.Second},
			{2, first + 2*time.Second},
			{3, first + time.Minute + boundary},
			{4, first + time.Minute + boundary + time.Second},
		}, turns)
	})
}

func TestWaiterBehindOthersIsRefusedWhenItsTurnIsTooLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterOf(t, Window{"m", 1, 10 * time.Second})
		take(t.Context(), t, l)
		done := make(chan struct{})
		go func() { defer close(done); take(t.Context(), t, l) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		_, err := l.Acquire(ctx, BucketQueries)
		var full *FullError
		require.ErrorAs(t, err, &full)
		<-done
	})
}

func TestPriorities(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterOf(t, Window{"w", 100, 20 * time.Minute})
		short := func(p Priority) context.Context {
			ctx, cancel := context.WithTimeout(WithPriority(t.Context(), p), time.Second)
			t.Cleanup(cancel)
			return ctx
		}
		count := func(p Priority) (n int) {
			for {
				r, err := l.Acquire(short(p), BucketQueries)
				if err != nil {
					return n
				}
				r.Settle(t.Context(), time.Now(), time.Now())
				n++
			}
		}
		require.Equal(t, 60, count(Bulk))
		require.Equal(t, 25, count(Background))
		require.Equal(t, 15, count(Interactive))
	})
}

func TestInteractiveOvertakesBulkInTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterOf(t, Window{"m", 1, time.Minute})
		take(t.Context(), t, l)
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		start := func(name string, p Priority) {
			wg.Go(func() {
				take(WithPriority(t.Context(), p), t, l)
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
			})
			synctest.Wait()
		}
		start("bulk", Bulk)
		start("first", Interactive)
		start("second", Interactive)
		wg.Wait()
		require.Equal(t, []string{"first", "second", "bulk"}, order)
	})
}

func TestCanceledWaiterPassesItsTurnOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterOf(t, Window{"m", 1, time.Minute})
		take(t.Context(), t, l)
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := l.Acquire(ctx, BucketQueries)
			require.ErrorIs(t, err, gone)
		})
		synctest.Wait()
		start := time.Now()
		wg.Go(func() {
			take(t.Context(), t, l)
			require.Equal(t, time.Minute+boundary, time.Since(start))
		})
		synctest.Wait()
		cancel(gone)
		wg.Wait()
	})
}

func TestReleaseFreesTheSlotAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterOf(t, Window{"m", 1, time.Minute})
		r, err := l.Acquire(t.Context(), BucketQueries)
		require.NoError(t, err)
		done := make(chan time.Duration)
		start := time.Now()
		go func() { take(t.Context(), t, l); done <- time.Since(start) }()
		time.Sleep(3 * time.Second)
		r.Release(t.Context())
		r.Release(t.Context())
		require.Equal(t, 3*time.Second, <-done)
	})
}

func TestRefusalShutsTheWindowThatCanHaveRefused(t *testing.T) {
	t.Parallel()
	minute, hour := Window{"m", 10, time.Minute}, Window{"h", 20, time.Hour}
	cases := []struct {
		name       string
		taken      int
		retryAfter time.Duration
		want       string
		used       map[string]int // of this request
	}{
		{"short wait: the minute", 0, 7 * time.Second, "m", map[string]int{"m": 0, "h": 1}},
		{"a whole minute: the minute", 0, time.Minute, "m", map[string]int{"m": 0, "h": 1}},
		{"long wait: the hour", 0, 20 * time.Minute, "h", map[string]int{"m": 1, "h": 0}},
		{"short wait, hour nearly full: the hour", 19, 7 * time.Second, "h", map[string]int{"m": 1, "h": 19}},
		{"no wait known: none", 0, 0, "", map[string]int{"m": 1, "h": 1}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := limiterOf(t, minute, hour)
				for range tc.taken {
					take(t.Context(), t, l)
				}
				time.Sleep(2 * time.Minute)
				r, err := l.Acquire(t.Context(), BucketQueries)
				require.NoError(t, err)
				got := r.Refused(t.Context(), time.Now(), time.Now(), tc.retryAfter)
				require.Equal(t, tc.want, got)
				for name, used := range tc.used {
					require.Equal(t, used, windowOf(t, l, name).UsedByMe, name)
				}
				if tc.want == "" {
					return
				}
				require.Equal(t, StateExhausted, windowOf(t, l, tc.want).State)
				start := time.Now()
				take(t.Context(), t, l)
				waited := time.Since(start)
				require.Greater(t, waited, tc.retryAfter)
				require.LessOrEqual(t, waited, tc.retryAfter+2050*time.Millisecond+1)
			})
		})
	}
}

func TestStampIsTheLatestPossibleMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const grace = minGrace
		now := time.Now()
		require.Equal(t, now.Add(300*time.Millisecond), stampOf(now, now.Add(300*time.Millisecond), grace))
		require.Equal(t, now.Add(grace), stampOf(now, now.Add(20*time.Second), grace), "a slow answer was counted early")
		require.Equal(t, now, stampOf(time.Time{}, now, grace), "answered before all was written")
		require.Equal(t, now.Add(grace), stampOf(now, time.Time{}, grace), "canceled just after writing: PostHog may count it yet")
		require.Equal(t, now, stampOf(now.Add(-time.Minute), time.Time{}, grace), "never answered")
	})
}

func TestSnapshot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterOf(t, Window{"m", 11, time.Minute}, Window{"h", 100, time.Hour})
		w := windowOf(t, l, "h")
		require.Equal(t, StateOK, w.State)
		require.Nil(t, w.ExhaustedInS)
		require.Equal(t, "config", w.LimitSource)
		require.Equal(t, "documented", windowOf(t, l, "burst").LimitSource)

		for range 30 { // one every 6 s: ten a minute
			take(t.Context(), t, l)
			time.Sleep(6 * time.Second)
		}
		w = windowOf(t, l, "h")
		require.Equal(t, 30, w.Used)
		require.Equal(t, 70, w.Remaining)
		require.InDelta(t, 10, w.BurnPerMin, 2)
		require.NotNil(t, w.ExhaustedInS)
		require.InDelta(t, 8*60, *w.ExhaustedInS, 60)
		require.Equal(t, StatePacing, w.State, "full in eight minutes")
		require.InDelta(t, 3600-6, w.FullResetInS, 0.2)
		require.Equal(t, StateCritical, windowOf(t, l, "m").State)

		r, err := l.Acquire(t.Context(), BucketQueries)
		require.NoError(t, err)
		require.Equal(t, 1, windowOf(t, l, "m").Reserved)
		r.Settle(t.Context(), time.Now(), time.Now())
		require.Equal(t, 0, windowOf(t, l, "m").Reserved)
	})
}

func TestNoLimit(t *testing.T) {
	t.Parallel()
	l := limiterOf(t)
	for range 10_000 {
		r, err := l.Acquire(t.Context(), BucketQueries)
		require.NoError(t, err)
		r.Settle(t.Context(), time.Now(), time.Now())
	}
	r, err := l.Acquire(t.Context(), BucketNone)
	require.NoError(t, err)
	require.Empty(t, r.Refused(t.Context(), time.Now(), time.Now(), time.Minute))
	_, err = l.Acquire(t.Context(), "mystery")
	require.ErrorContains(t, err, "mystery")
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	cases := map[string]map[Bucket][]Window{
		"no bucket":     {"mystery": nil},
		"no name":       {BucketQueries: {{"", 1, time.Minute}}},
		"positive":      {BucketQueries: {{"x", 0, time.Minute}}},
		"defined twice": {BucketPersons: {{"clickhouse_burst", 5, time.Minute}}},
	}
	for want, windows := range cases {
		_, err := New(Config{Windows: windows})
		require.ErrorContains(t, err, want)
	}
}

func BenchmarkAcquireSettle(b *testing.B) {
	l, err := New(Config{Windows: map[Bucket][]Window{BucketQueries: {
		{"m", 1 << 30, time.Minute}, {"h", 1 << 30, time.Hour},
	}}})
	require.NoError(b, err)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		r, err := l.Acquire(ctx, BucketQueries)
		if err != nil {
			b.Fatal(err)
		}
		now := time.Now()
		r.Settle(ctx, now, now)
	}
}
