package driver

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// RetryConfig bounds repeated attempts. Zero means the default in brackets.
type RetryConfig struct {
	Attempts        int           // of one call, the first included [3]
	CaptureAttempts int           // of one capture [5]
	Base            time.Duration // upper end of the first wait; doubles [500 ms]
	Cap             time.Duration // upper end of every wait [8 s]
	Budget          int           // of the retry budget, see [Status] [50]
}

func (r RetryConfig) withDefaults() RetryConfig {
	if r.Attempts <= 0 {
		r.Attempts = 3
	}
	if r.CaptureAttempts <= 0 {
		r.CaptureAttempts = 5
	}
	if r.Base <= 0 {
		r.Base = 500 * time.Millisecond
	}
	if r.Cap <= 0 {
		r.Cap = 8 * time.Second
	}
	if r.Budget <= 0 {
		r.Budget = 50
	}
	return r
}

// attempts gives how often a call of the class may be sent.
func (r RetryConfig) attempts(class Class) int {
	if class == ClassCapture {
		return r.CaptureAttempts
	}
	return r.Attempts
}

// waits generates the pauses between the attempts of one call: full jitter
// under an exponential bound, because equal waits would bring all failed
// callers back at once.
type waits struct{ bounds *backoff.ExponentialBackOff }

func (r RetryConfig) waits() waits {
	return waits{backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(r.Base),
		backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(0), // the jitter is drawn below, over the whole range
		backoff.WithMaxInterval(r.Cap),
		backoff.WithMaxElapsedTime(0), // the call's deadline ends it
	)}
}

// next gives the pause after a failed attempt. What PostHog asks for is never
// undercut.
func (w waits) next(f *fault) time.Duration {
	d := rand.N(w.bounds.NextBackOff() + 1)
	switch {
	case f.err.RetryAfter > 0:
		return max(f.err.RetryAfter, d) + politeness(f.err.RetryAfter)
	case f.kind == faultBusy:
		return time.Second + rand.N(2*time.Second)
	case f.kind == faultRate:
		return time.Second + rand.N(4*time.Second)
	}
	return d
}

// politeness is a small positive jitter on top of a wait that PostHog named:
// up to a tenth of it, at least 50 ms.
func politeness(d time.Duration) time.Duration {
	const least = 50 * time.Millisecond
	return least + rand.N(max(d/10, 1))
}

// Prices of the retry budget. Retries of queries that timed out cost double:
// they also take one of three slots for long.
const (
	retryCost     = 5
	slowRetryCost = 10
	budgetIdle    = 10 * time.Minute // after which the budget is full again
)

// retryBudget keeps retries from multiplying an outage: every retry costs, a
// first-try success earns 1, a retry that succeeds gets its price back. So a
// flaky PostHog is retried freely and a dead one hardly at all.
type retryBudget struct {
	mu       sync.Mutex
	capacity int
	left     int
	used     time.Time // last change
}

func newRetryBudget(capacity int) *retryBudget {
	return &retryBudget{capacity: capacity, left: capacity, used: time.Now()}
}

// retryPrice gives the cost of a retry after the fault.
func retryPrice(class Class, f *fault) int {
	if class == ClassQuery && f.kind == faultSlow {
		return slowRetryCost
	}
	return retryCost
}

// withdraw pays for one retry, or reports that there is not enough left.
func (b *retryBudget) withdraw(price int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill()
	if b.left < price {
		return false
	}
	b.left -= price
	return true
}

// succeed books a success: paid is what its retries cost, 0 for a first try.
func (b *retryBudget) succeed(paid int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill()
	b.left = min(b.capacity, b.left+max(1, paid))
}

// refill forgets an old emergency.
func (b *retryBudget) refill() {
	now := time.Now()
	if now.Sub(b.used) >= budgetIdle {
		b.left = b.capacity
	}
	b.used = now
}

// remaining gives what is left.
func (b *retryBudget) remaining() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.used) >= budgetIdle {
		return b.capacity
	}
	return b.left
}
