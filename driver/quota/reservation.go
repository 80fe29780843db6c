package quota

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// nearlyFull is the part of a long window from which on a short Retry-After
// may well be its own.
const nearlyFull = 0.95

// Reservation is one slot in every window of a bucket. Exactly one of Settle,
// Release and Refused ends it; later calls do nothing. The zero value belongs
// to a bucket without windows.
type Reservation struct {
	limiter *Limiter
	ticket  Ticket
	once    sync.Once
}

// Settle ends the reservation of a request that may have reached PostHog.
// wrote is when it was written, firstByte when the answer began; either may be
// zero when it never happened.
//
// PostHog counted the request somewhere between the two. The later end is the
// safe one: counted too late in our log only ever makes us slower.
func (r *Reservation) Settle(ctx context.Context, wrote, firstByte time.Time) {
	r.end(ctx, func(ctx context.Context, l *Limiter) error {
		return l.store.Stamp(ctx, r.ticket, time.Since(stampOf(wrote, firstByte)))
	})
}

// Release ends the reservation of a request of which PostHog saw nothing.
func (r *Reservation) Release(ctx context.Context) {
	r.end(ctx, func(ctx context.Context, l *Limiter) error { return l.store.Release(ctx, r.ticket) })
}

// Refused ends the reservation of a request that PostHog answered with a 429
// of its rate windows: the window that refused is closed for retryAfter, and
// the others have counted the request although it was refused. It gives the
// name of the closed window, "" when that cannot be known.
func (r *Reservation) Refused(ctx context.Context, wrote, firstByte time.Time, retryAfter time.Duration) (window string) {
	r.end(ctx, func(ctx context.Context, l *Limiter) error {
		age := time.Since(stampOf(wrote, firstByte))
		i := l.refusing(ctx, r.ticket.Windows, retryAfter)
		if i < 0 {
			return l.store.Stamp(ctx, r.ticket, age)
		}
		refusing := r.ticket.Windows[i]
		window = refusing.Name
		siblings := append(append([]Window(nil), r.ticket.Windows[:i]...), r.ticket.Windows[i+1:]...)
		if err := l.store.Shut(ctx, refusing, min(retryAfter, refusing.Per)+spread(retryAfter)); err != nil {
			return err
		}
		if err := l.store.Release(ctx, Ticket{Windows: []Window{refusing}, ID: r.ticket.ID}); err != nil {
			return err
		}
		return l.store.Stamp(ctx, Ticket{Windows: siblings, ID: r.ticket.ID}, age)
	})
	return window
}

// spread is a small positive jitter on the time that PostHog names, which is
// the very moment at which every refused process comes back: at least 50 ms,
// up to a tenth of it and never above two seconds.
func spread(retryAfter time.Duration) time.Duration {
	return 50*time.Millisecond + rand.N(min(retryAfter/10, 2*time.Second)+1)
}

// end runs f once, even when the call's context has ended: a slot that is not
// settled would be lost. A store that fails here has its own way to forget.
func (r *Reservation) end(ctx context.Context, f func(context.Context, *Limiter) error) {
	if r == nil || r.limiter == nil {
		return
	}
	r.once.Do(func() {
		_ = f(context.WithoutCancel(ctx), r.limiter)
		r.limiter.wake()
	})
}

// stampOf gives the latest moment at which PostHog can have counted a request.
func stampOf(wrote, firstByte time.Time) time.Time {
	now := time.Now()
	switch {
	case !firstByte.IsZero() && (wrote.IsZero() || firstByte.Before(wrote.Add(grace))):
		return firstByte
	case !firstByte.IsZero():
		return wrote.Add(grace)
	case !wrote.IsZero() && wrote.Add(grace).After(now):
		return wrote.Add(grace)
	}
	return now
}

// refusing guesses which window a 429 came from: a wait longer than a window
// cannot be that window's. It gives -1 without a wait.
func (l *Limiter) refusing(ctx context.Context, windows []Window, retryAfter time.Duration) int {
	if retryAfter <= 0 {
		return -1
	}
	usage, err := l.store.Usage(ctx, windows)
	for i, w := range windows {
		if i == len(windows)-1 {
			return i
		}
		next := windows[i+1]
		nextFull := err == nil && float64(usage[i+1].Used+usage[i+1].Reserved) >= nearlyFull*float64(next.Limit)
		if retryAfter <= w.Per && !nextFull {
			return i
		}
	}
	return -1
}
