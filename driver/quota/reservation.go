package quota

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

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
		return l.store.Stamp(ctx, r.ticket, time.Since(stampOf(wrote, firstByte, l.lessons.graceNow(time.Now()))))
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
		age := time.Since(stampOf(wrote, firstByte, l.lessons.graceNow(time.Now())))
		usage, err := l.store.Usage(ctx, r.ticket.Windows)
		if err != nil { // nothing is known: no strangers either
			usage = make([]Usage, len(r.ticket.Windows))
			for i, w := range r.ticket.Windows {
				usage[i].Own = w.Limit
			}
		}
		i := l.lessons.blame(r.ticket.Windows, usage, retryAfter, time.Now())
		if i < 0 {
			return errors.Join(err, l.store.Stamp(ctx, r.ticket, age))
		}
		refused := r.ticket.Windows[i]
		window = refused.Name
		note := l.lessons.refused(refused, usage[i], time.Now())
		note.Ticket, note.Age = r.ticket, age
		note.Shut = min(retryAfter, refused.Per) + spread(retryAfter)
		return errors.Join(err, l.store.Refuse(ctx, note))
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

// stampOf gives the latest moment at which PostHog can have counted a request,
// with grace for its way and for the queue there.
func stampOf(wrote, firstByte time.Time, grace time.Duration) time.Time {
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
