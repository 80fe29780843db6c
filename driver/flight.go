package driver

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// lastMoment is how long a caller whose deadline has come waits for the shared
// request that ends at the same deadline: it knows better what went wrong.
const lastMoment = 20 * time.Millisecond

// flightKey names a request that callers may share. Priorities keep apart: a
// person does not wait behind the background's turn.
type flightKey struct {
	cacheKey
	quota.Priority
}

// flights lets callers with the same question at the same time share one
// request. It runs apart from all of them, so that one who gives up takes
// nothing from the others; when the last gives up it is canceled.
type flights struct {
	mu    sync.Mutex
	byKey map[flightKey]*flight
}

// flight is one shared request.
type flight struct {
	cancel   context.CancelFunc
	deadline time.Time // of the caller who began it; zero: none
	waiters  int       // guarded by flights.mu; 0: it is being canceled
	done     chan struct{}

	// Set before done is closed.
	id  string // of the request
	ans *answer
	err error
}

func newFlights() *flights { return &flights{byKey: make(map[flightKey]*flight)} }

// do gives the answer of a shared request for the call, beginning one with run
// when there is none. Only reads may come here.
func (g *flights) do(ctx context.Context, c *Client, key cacheKey, k *call, run func(context.Context, *call) (*answer, error)) (*answer, error) {
	fk := flightKey{key, quota.PriorityOf(ctx)}
	for {
		f, began := g.join(ctx, c, fk, k, run)
		ans, err := g.wait(ctx, fk, f, k)
		if began {
			return ans, err
		}
		if err == nil {
			record(ctx, func(d *TraceData) { d.RequestIDs = append(d.RequestIDs, f.id) })
			return ans, nil
		}
		if ctx.Err() == nil && f.hadLessTime(ctx) && (KindOf(err) == KindTimeout || KindOf(err) == KindLimited) {
			continue // who began it had less time than this caller
		}
		return nil, withOp(err, k.op)
	}
}

// join enters the flight of the key, or begins it.
func (g *flights) join(ctx context.Context, c *Client, fk flightKey, k *call, run func(context.Context, *call) (*answer, error)) (f *flight, began bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.byKey[fk]; f != nil {
		f.waiters++
		return f, false
	}
	f = &flight{waiters: 1, done: make(chan struct{}), id: k.id}
	detached := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		f.deadline = deadline
		detached, f.cancel = context.WithDeadlineCause(detached, deadline, errTotalTimeout)
	} else {
		detached, f.cancel = context.WithCancel(detached)
	}
	g.byKey[fk] = f
	go func() {
		defer f.cancel()
		defer close(f.done)
		defer g.remove(fk, f)
		defer func() {
			if p := recover(); p != nil {
				f.err = c.brokenDown(detached, k, p)
			}
		}()
		f.ans, f.err = run(detached, k)
	}()
	return f, true
}

// brokenDown turns a panic, which would end the program from a goroutine of
// its own, into an error.
func (c *Client) brokenDown(ctx context.Context, k *call, p any) error {
	c.log.LogAttrs(ctx, slog.LevelError, "request panicked", slog.String("op", k.op), slog.String("request_id", k.id),
		slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
	e := k.newError(KindUpstream, "the request failed inside this program")
	e.Hint = "It is a fault of this program, not of the arguments: do not repeat the call unchanged."
	return e
}

// remove makes the next caller begin anew.
func (g *flights) remove(fk flightKey, f *flight) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byKey[fk] == f {
		delete(g.byKey, fk)
	}
}

// wait gives the flight's answer, unless the caller's time ends before.
func (g *flights) wait(ctx context.Context, fk flightKey, f *flight, k *call) (*answer, error) {
	select {
	case <-f.done:
		return f.outcome(ctx, k)
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && !f.hasMoreTime(ctx) {
		timer := time.NewTimer(lastMoment)
		defer timer.Stop()
		select {
		case <-f.done:
			return f.outcome(ctx, k)
		case <-timer.C:
		}
	}
	g.leave(fk, f)
	return nil, k.contextFault(ctx).err
}

// outcome gives what a flight that is done came to. Whose time it was that
// ended, the caller knows better.
func (f *flight) outcome(ctx context.Context, k *call) (*answer, error) {
	if KindOf(f.err) != KindTimeout {
		return f.ans, f.err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done() // both ended at the same moment
	}
	if ctx.Err() != nil {
		return nil, k.contextFault(ctx).err
	}
	return f.ans, f.err
}

// leave takes one waiter off; nobody joins a flight without any.
func (g *flights) leave(fk flightKey, f *flight) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.waiters--; f.waiters > 0 {
		return
	}
	if g.byKey[fk] == f {
		delete(g.byKey, fk)
	}
	f.cancel()
}

// hadLessTime reports that the flight ended earlier than the caller has to.
func (f *flight) hadLessTime(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return !f.deadline.IsZero() && (!ok || f.deadline.Before(deadline))
}

// hasMoreTime reports that the flight may go on after the caller's end.
func (f *flight) hasMoreTime(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && (f.deadline.IsZero() || f.deadline.After(deadline))
}
