package driver

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWaitsGrowWithFullJitter(t *testing.T) {
	t.Parallel()
	cfg := RetryConfig{}.withDefaults()
	f := &fault{faultServer, &Error{}}
	bounds := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 8 * time.Second}
	longest := make([]time.Duration, len(bounds))
	shortest := make([]time.Duration, len(bounds))
	for range 500 {
		w := cfg.waits()
		for i, bound := range bounds {
			d := w.next(f)
			require.GreaterOrEqual(t, d, time.Duration(0))
			require.LessOrEqual(t, d, bound)
			longest[i] = max(longest[i], d)
			if shortest[i] == 0 || d < shortest[i] {
				shortest[i] = d
			}
		}
	}
	for i, bound := range bounds {
		require.Greater(t, longest[i], bound*9/10, "the whole range is used")
		require.Less(t, shortest[i], bound/10, "the whole range is used")
	}
}

func TestWaitsObeyPostHog(t *testing.T) {
	t.Parallel()
	cfg := RetryConfig{}.withDefaults()
	for range 200 {
		d := cfg.waits().next(&fault{faultRate, &Error{RetryAfter: 20 * time.Second}})
		require.Greater(t, d, 20*time.Second)
		require.LessOrEqual(t, d, 22*time.Second+50*time.Millisecond)
		d = cfg.waits().next(&fault{faultBusy, &Error{}})
		require.GreaterOrEqual(t, d, time.Second)
		require.Less(t, d, 3*time.Second)
		d = cfg.waits().next(&fault{faultRate, &Error{}})
		require.GreaterOrEqual(t, d, time.Second)
		require.Less(t, d, 5*time.Second)
	}
}

func TestRetryBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newRetryBudget(50)
		b.succeed(0)
		require.Equal(t, 50, b.remaining(), "never above its capacity")
		for range 10 {
			require.True(t, b.withdraw(retryCost))
		}
		require.False(t, b.withdraw(retryCost), "a dead PostHog is retried ten times in all")
		for range 4 {
			b.succeed(0)
		}
		require.False(t, b.withdraw(retryCost))
		b.succeed(0)
		require.True(t, b.withdraw(retryCost), "five successes earn a retry")
		b.succeed(retryCost)
		require.Equal(t, 5, b.remaining(), "a retry that helped costs nothing")
		require.False(t, b.withdraw(slowRetryCost))

		time.Sleep(budgetIdle - time.Second)
		require.Equal(t, 5, b.remaining())
		time.Sleep(time.Second)
		require.Equal(t, 50, b.remaining(), "an old emergency is forgotten")
		require.True(t, b.withdraw(slowRetryCost))
		require.Equal(t, 40, b.remaining())
	})
}

func TestRetryPrices(t *testing.T) {
	t.Parallel()
	slow, server := &fault{faultSlow, &Error{}}, &fault{faultServer, &Error{}}
	require.Equal(t, 10, retryPrice(ClassQuery, slow))
	require.Equal(t, 5, retryPrice(ClassQuery, server))
	require.Equal(t, 5, retryPrice(ClassRead, slow))
}

// TestWhatIsRetried is the decision table of the design's references.
func TestWhatIsRetried(t *testing.T) {
	t.Parallel()
	type row struct {
		idempotent, write, second bool
		verdict                   verdict
	}
	table := map[faultKind]row{
		faultRequest:  {false, false, false, countsAsSuccess},
		faultAuth:     {false, false, false, countsAsNothing},
		faultRate:     {true, true, true, countsAsNothing},
		faultBusy:     {true, true, false, countsAsNothing},
		faultServer:   {true, false, true, countsAsFailure},
		faultUnsent:   {true, true, true, countsAsFailure},
		faultLost:     {true, false, true, countsAsFailure},
		faultGarbled:  {true, false, false, countsAsFailure},
		faultConfig:   {false, false, false, countsAsFailure},
		faultSlow:     {true, false, true, countsAsFailure},
		faultCanceled: {false, false, false, countsAsNothing},
		faultDeadline: {false, false, false, countsAsNothing},
		faultLocal:    {false, false, false, countsAsNothing},
	}
	for kind, want := range table {
		f := &fault{kind, &Error{}}
		require.Equal(t, want, row{f.retryable(true, 1), f.retryable(false, 1), f.retryable(true, 2), f.verdict()}, "%d", kind)
	}
	var none *fault
	require.Equal(t, countsAsSuccess, none.verdict())
}
