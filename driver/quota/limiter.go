package quota

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"
)

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
	// Logger is told when a limit is learned; nil: nobody.
	Logger *slog.Logger
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
	classes map[string]string // of the requests that they count, by name
	lessons *lessons
}

// FullError says that no slot comes free before the deadline.
type FullError struct {
	Window     string        // such as "api_queries_sustained"
	RetryAfter time.Duration // no slot sooner
	Queue      int           // above 0: this many requests of the principal wait already
}

// Error names the window and the wait.
func (e *FullError) Error() string {
	if e.Queue > 0 {
		return fmt.Sprintf("%d requests wait for rate window %s already", e.Queue, e.Window)
	}
	return fmt.Sprintf("rate window %s is full for %d s", e.Window, int(math.Ceil(e.RetryAfter.Seconds())))
}

// New gives a limiter.
func New(cfg Config) (*Limiter, error) {
	l := &Limiter{
		store: cfg.Store, windows: make(map[Bucket][]Window), queues: make(map[Bucket]*queue),
		lessons: newLessons(cfg.Logger),
	}
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
	l.sources, l.classes = sourcesOf(l.all), classesOf(l.windows)
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
	a := Ask{Windows: windows, Priority: PriorityOf(ctx)}
	q := l.queues[b]
	w, ok := q.join(a.Priority, PrincipalOf(ctx))
	if !ok {
		return nil, &FullError{Window: windows[0].Name, RetryAfter: time.Second, Queue: maxQueue}
	}
	r, err := l.await(ctx, q, w, a)
	q.leave(w, err == nil)
	return r, err
}

// await asks the store until it grants a slot, the wait is too long or ctx
// ends.
func (l *Limiter) await(ctx context.Context, q *queue, w *waiter, a Ask) (*Reservation, error) {
	defer func() {
		if a.Waiter != 0 {
			_ = l.store.Withdraw(context.WithoutCancel(ctx), a.Waiter) // else it lapses
		}
	}()
	for {
		left := time.Duration(0)
		deadline, bounded := ctx.Deadline()
		if bounded {
			left = time.Until(deadline)
		}
		a.Ahead = q.ahead(w)
		a.Lease, a.Patience = defaultLease, defaultLease
		if bounded {
			a.Lease, a.Patience = left+maxGrace, left
		}
		g, err := l.ask(ctx, a)
		if err != nil {
			return nil, fmt.Errorf("quota store %s: %w", l.store.Name(), err)
		}
		if g.OK {
			a.Waiter = 0
			return &Reservation{limiter: l, ticket: g.Ticket}, nil
		}
		a.Waiter = g.Waiter
		if g.Refuse || bounded && g.Wait >= left {
			return nil, &FullError{Window: g.Window, RetryAfter: max(g.Wait, repoll)}
		}
		asked := time.Now()
		wait := g.Wait
		if wait <= 0 {
			wait = repoll
		}
		if g.Poll > 0 {
			wait = min(wait, g.Poll)
		}
		if err := w.sleep(ctx, wait, a.Ahead > 0); err != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, &FullError{Window: g.Window, RetryAfter: max(g.Wait-time.Since(asked), repoll)}
			}
			return nil, err
		}
	}
}

// ask asks the store, unless the extra rate of a window that keeps refusing
// says to wait.
func (l *Limiter) ask(ctx context.Context, a Ask) (Grant, error) {
	if d, window := l.lessons.hold(a.Windows, time.Now()); d > 0 && a.Ahead == 0 {
		return Grant{Wait: d, Window: window, Waiter: a.Waiter}, nil
	}
	g, err := l.store.Reserve(ctx, a)
	if err == nil && g.OK {
		l.lessons.sent(a.Windows, time.Now())
	}
	return g, err
}

// wake lets the first waiter of every queue look again: buckets share windows.
func (l *Limiter) wake() {
	for _, q := range l.queues {
		q.wakeFirst()
	}
}
