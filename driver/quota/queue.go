package quota

import (
	"context"
	"slices"
	"sync"
	"time"
)

// maxQueue bounds how many requests of one principal wait for a bucket.
const maxQueue = 32

type principalKey struct{}

// WithPrincipal gives a context whose requests are made for somebody, such as
// the subject of a caller's token. Principals that wait for the same windows
// take turns, whatever each of them asks for.
func WithPrincipal(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, principalKey{}, name)
}

// PrincipalOf gives the principal of ctx, "" when there is only one.
func PrincipalOf(ctx context.Context) string {
	name, _ := ctx.Value(principalKey{}).(string)
	return name
}

// queue orders the waiters of one bucket: by priority, then in rounds in which
// every principal has one turn (a deficit round robin with requests of equal
// cost), then in order of arrival.
type queue struct {
	mu      sync.Mutex
	waiters []*waiter
	round   int            // of the latest turn
	served  map[string]int // latest round of a principal
}

type waiter struct {
	priority  Priority
	principal string
	round     int
	wake      chan struct{}
}

// join enters the queue; false when the principal has too many in it already.
// Without a name there is one principal, whose own deadlines are bound enough.
func (q *queue) join(p Priority, principal string) (*waiter, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := &waiter{priority: p, principal: principal, round: q.round, wake: make(chan struct{}, 1)}
	if r, ok := q.served[principal]; ok {
		w.round = max(w.round, r+1)
	}
	mine := 0
	for _, other := range q.waiters {
		if other.principal == principal {
			mine++
			w.round = max(w.round, other.round+1)
		}
	}
	if principal != "" && mine >= maxQueue {
		return nil, false
	}
	i := len(q.waiters)
	for i > 0 && w.before(q.waiters[i-1]) {
		i--
	}
	q.waiters = slices.Insert(q.waiters, i, w)
	return w, true
}

func (w *waiter) before(other *waiter) bool {
	if w.priority != other.priority {
		return w.priority < other.priority
	}
	return w.round < other.round
}

// leave gives up the place; the first in the queue has its turn.
func (q *queue) leave(w *waiter, served bool) {
	q.mu.Lock()
	if i := slices.Index(q.waiters, w); i >= 0 {
		q.waiters = slices.Delete(q.waiters, i, i+1)
	}
	if served {
		q.round = max(q.round, w.round)
		if q.served == nil {
			q.served = make(map[string]int)
		}
		q.served[w.principal] = w.round
	}
	if len(q.waiters) == 0 { // nobody to be fair to
		q.round = 0
		clear(q.served)
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
