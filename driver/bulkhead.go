package driver

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// errBulkheadFull says that no slot came free in time.
var errBulkheadFull = errors.New("too many requests at once")

// raiseAfter is how many good answers win back one slot after a cut.
const raiseAfter = 20

// easeIn is how long after an outage no slot is used twice: all who were held
// back come at once, to a PostHog that has just stood up.
const easeIn = 100 * time.Millisecond

// bulkhead bounds how many requests of one class run at once. PostHog's
// refusal of one more halves the bound; good answers raise it again, one by
// one. Waiters are served in order.
type bulkhead struct {
	class   Class
	most    int           // never more than this
	maxWait time.Duration // 0: as long as the caller's deadline

	mu       sync.Mutex
	limit    int
	inFlight int
	streak   int // good answers since the last change of limit
	waiters  []chan struct{}
	easing   time.Time // until then slots that are given back stay taken
}

func newBulkhead(class Class, most int, maxWait time.Duration) *bulkhead {
	return &bulkhead{class: class, most: most, limit: most, maxWait: maxWait}
}

// acquire takes a slot, waiting for it. The error is errBulkheadFull or the
// cause of the context's end.
func (b *bulkhead) acquire(ctx context.Context) error {
	b.mu.Lock()
	if b.inFlight < b.limit && len(b.waiters) == 0 {
		b.inFlight++
		b.mu.Unlock()
		return nil
	}
	turn := make(chan struct{}, 1)
	b.waiters = append(b.waiters, turn)
	b.mu.Unlock()

	var late <-chan time.Time
	if b.maxWait > 0 {
		timer := time.NewTimer(b.maxWait)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		b.abandon(turn)
		return context.Cause(ctx)
	case <-late:
		b.abandon(turn)
		return errBulkheadFull
	}
}

// abandon leaves the queue; a slot that was just handed over goes to the next.
func (b *bulkhead) abandon(turn chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.waiters, turn); i >= 0 {
		b.waiters = slices.Delete(b.waiters, i, i+1)
		return
	}
	b.inFlight--
	b.admit()
}

// release gives a slot back and learns from the attempt's outcome, nil for
// success.
func (b *bulkhead) release(f *fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if left := time.Until(b.easing); left > 0 {
		time.AfterFunc(left, b.giveBack)
	} else {
		b.inFlight--
	}
	switch {
	case f != nil && f.kind == faultBusy:
		b.limit, b.streak = max(1, b.limit/2), 0
	case f == nil && b.limit < b.most:
		if b.streak++; b.streak >= raiseAfter {
			b.limit, b.streak = b.limit+1, 0
		}
	}
	b.admit()
}

// recovered makes the first moment after an outage gentle.
func (b *bulkhead) recovered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.easing = time.Now().Add(easeIn)
}

// giveBack returns a slot without learning anything.
func (b *bulkhead) giveBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight--
	b.admit()
}

// bound gives how many may run at once now.
func (b *bulkhead) bound() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.limit
}

// admit hands free slots to the first waiters.
func (b *bulkhead) admit() {
	for b.inFlight < b.limit && len(b.waiters) > 0 {
		turn := b.waiters[0]
		b.waiters = slices.Delete(b.waiters, 0, 1)
		b.inFlight++
		turn <- struct{}{}
	}
}

// ConcurrencyStatus is the bound of one class in [Status].
type ConcurrencyStatus struct {
	Class    Class `json:"class"`
	Limit    int   `json:"limit"`
	InFlight int   `json:"in_flight"`
	Queued   int   `json:"queued"`
}

func (b *bulkhead) status() ConcurrencyStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	return ConcurrencyStatus{Class: b.class, Limit: b.limit, InFlight: b.inFlight, Queued: len(b.waiters)}
}
