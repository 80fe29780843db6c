package quota

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Slots are places for requests under way, shared by every process of the
// scope: PostHog runs at most three queries of a project at once, whoever sends
// them. A place belongs to its holder for a lease, so that one who dies gives
// it back. The stores that several processes share implement it; within one
// process the bulkhead is enough.
type Slots interface {
	// TakeSlot takes one of limit places of that name for the lease. Without a
	// free place ok is false and wait is when to ask again.
	TakeSlot(ctx context.Context, name string, limit int, lease time.Duration) (id int64, ok bool, wait time.Duration, err error)
	// RenewSlot holds the place for another lease from now.
	RenewSlot(ctx context.Context, name string, id int64, lease time.Duration) error
	// FreeSlot gives the place back.
	FreeSlot(ctx context.Context, name string, id int64) error
}

// slotLease is how long the place of a dead process stays taken. Live ones
// renew three times within it.
const slotLease = 30 * time.Second

// Hold takes one of limit places that all processes of the scope share, such
// as "query", waiting for it until ctx ends; the error is then the cause of
// that. The place is renewed until release is called, once or more.
//
// A store that nobody shares has no places to hand out, and one that fails
// refuses none: the caller's own bulkhead bounds this process in any case.
func (l *Limiter) Hold(ctx context.Context, name string, limit int) (release func(), err error) {
	slots, ok := l.store.(Slots)
	if !ok {
		return func() {}, nil
	}
	for {
		id, ok, wait, err := slots.TakeSlot(ctx, name, limit, slotLease)
		switch {
		case err == nil && ok:
			return l.keep(slots, name, id), nil
		case spent(ctx) != nil:
			return nil, spent(ctx)
		case errors.Is(err, errStoreAway):
			return func() {}, nil
		case err != nil:
			return nil, err
		}
		timer := time.NewTimer(max(wait, time.Millisecond))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

// spent says why the caller's time is over, nil while it is not. A connection
// whose deadline comes from ctx can time out a moment before ctx is done: that
// is no failure of the store.
func spent(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// keep renews a place until it is released.
func (l *Limiter) keep(slots Slots, name string, id int64) (release func()) {
	var mu sync.Mutex
	var timer *time.Timer
	done := false
	renew := func() {
		mu.Lock()
		defer mu.Unlock()
		if done {
			return
		}
		// A renewal that fails is tried again well before the lease ends.
		_ = slots.RenewSlot(context.Background(), name, id, slotLease)
		timer.Reset(slotLease / 3)
	}
	mu.Lock()
	timer = time.AfterFunc(slotLease/3, renew)
	mu.Unlock()
	return func() {
		mu.Lock()
		defer mu.Unlock()
		if done {
			return
		}
		done = true
		timer.Stop()
		_ = slots.FreeSlot(context.Background(), name, id) // else the lease ends it
	}
}

// errStoreAway says that a shared store cannot be reached now.
var errStoreAway = errors.New("the shared store cannot be reached")
