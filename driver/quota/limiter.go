package quota

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// grace is how long after a request was written PostHog may still be about to
// count it. A stamp is never later than this, so that a slow answer does not
// hold its slot longer than needed.
const grace = time.Second

// repoll is how soon a waiter asks again when its slot hangs on requests under
// way, whose end another process may not tell us.
const repoll = 250 * time.Millisecond

// Config configures a [Limiter]. The zero value is PostHog Cloud in memory.
type Config struct {
	// Store keeps the logs; nil: memory. Close of the limiter closes it.
	Store Store
	// Windows replaces the documented windows of a bucket; an empty list means
	// that the bucket has no limit, as on most self-hosted installs.
	Windows map[Bucket][]Window
}

// Limiter hands out the slots of PostHog's windows: reserve before a request,
// settle after it. Waiters of a bucket are served by priority, then in order,
// each with a slot of its own. Safe for concurrent use.
type Limiter struct {
	store   Store
	windows map[Bucket][]Window
	queues  map[Bucket]*queue
	all     []Window          // distinct, in the order of reports
	sources map[string]string // of their limits, by name: "documented" or "config"
}

// FullError says that no slot comes free before the deadline.
type FullError struct {
	Window     string        // such as "api_queries_sustained"
	RetryAfter time.Duration // no slot sooner
}

// Error names the window and the wait.
func (e *FullError) Error() string {
	return fmt.Sprintf("rate window %s is full for %d s", e.Window, int(math.Ceil(e.RetryAfter.Seconds())))
}

// New gives a limiter.
func New(cfg Config) (*Limiter, error) {
	l := &Limiter{store: cfg.Store, windows: make(map[Bucket][]Window), queues: make(map[Bucket]*queue)}
	if l.store == nil {
		l.store = NewMemory()
	}
	for _, b := range Buckets() {
		set, ok := cfg.Windows[b]
		if !ok {
			set = Documented(b)
		}
		set = slices.Clone(set)
		slices.SortFunc(set, func(a, b Window) int { return int(a.Per - b.Per) })
		l.windows[b] = set
		l.queues[b] = &queue{}
		for _, w := range set {
			if !slices.Contains(l.all, w) {
				l.all = append(l.all, w)
			}
		}
	}
	l.sources = sourcesOf(l.all)
	for b := range cfg.Windows {
		if _, ok := l.windows[b]; !ok {
			return nil, fmt.Errorf("quota: there is no bucket %q", b)
		}
	}
	if err := checkWindows(l.windows); err != nil {
		return nil, err
	}
	return l, nil
}

// Close closes the store.
func (l *Limiter) Close() error { return l.store.Close() }

// Acquire reserves one slot in every window of the bucket, waiting for it when
// that fits the deadline of ctx. Otherwise it gives a [*FullError], at once
// where the wait is known. The caller must settle the reservation.
func (l *Limiter) Acquire(ctx context.Context, b Bucket) (*Reservation, error) {
	windows, known := l.windows[b]
	if !known && b != BucketNone {
		return nil, fmt.Errorf("quota: there is no bucket %q", b)
	}
	if len(windows) == 0 {
		return &Reservation{}, nil
	}
	ask := Ask{Windows: windows, Priority: PriorityOf(ctx)}
	q := l.queues[b]
	w := q.join(ask.Priority)
	defer q.leave(w)
	for {
		ask.Ahead = q.ahead(w)
		g, err := l.store.Reserve(ctx, ask)
		if err != nil {
			return nil, fmt.Errorf("quota store %s: %w", l.store.Name(), err)
		}
		if g.OK {
			return &Reservation{limiter: l, ticket: g.Ticket}, nil
		}
		if deadline, ok := ctx.Deadline(); ok && g.Wait >= time.Until(deadline) {
			return nil, &FullError{Window: g.Window, RetryAfter: g.Wait}
		}
		asked := time.Now()
		if err := w.sleep(ctx, g.Wait, ask.Ahead > 0); err != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, &FullError{Window: g.Window, RetryAfter: max(g.Wait-time.Since(asked), repoll)}
			}
			return nil, err
		}
	}
}

// wake lets the first waiter of every queue look again: buckets share windows.
func (l *Limiter) wake() {
	for _, q := range l.queues {
		q.wakeFirst()
	}
}

// queue orders the waiters of one bucket.
type queue struct {
	mu      sync.Mutex
	waiters []*waiter
}

type waiter struct {
	priority Priority
	wake     chan struct{}
}

// join enters behind the last waiter of the same or a higher priority.
func (q *queue) join(p Priority) *waiter {
	w := &waiter{priority: p, wake: make(chan struct{}, 1)}
	q.mu.Lock()
	defer q.mu.Unlock()
	i := len(q.waiters)
	for i > 0 && q.waiters[i-1].priority > p {
		i--
	}
	q.waiters = slices.Insert(q.waiters, i, w)
	return w
}

// leave gives up the place; the first in the queue has its turn.
func (q *queue) leave(w *waiter) {
	q.mu.Lock()
	if i := slices.Index(q.waiters, w); i >= 0 {
		q.waiters = slices.Delete(q.waiters, i, i+1)
	}
	q.mu.Unlock()
	q.wakeFirst()
}

// ahead counts the waiters in front.
func (q *queue) ahead(w *waiter) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Index(q.waiters, w)
}

func (q *queue) wakeFirst() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiters) == 0 {
		return
	}
	select {
	case q.waiters[0].wake <- struct{}{}:
	default: // it has been told already
	}
}

// sleep waits for d, for a wake-up or for the end of ctx. A waiter with others
// ahead of it only waits to become the first.
func (w *waiter) sleep(ctx context.Context, d time.Duration, behind bool) error {
	var due <-chan time.Time
	if !behind {
		if d <= 0 {
			d = repoll
		}
		timer := time.NewTimer(d)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.wake:
	case <-due:
	}
	return nil
}
