package quota

import (
	"context"
	"time"
)

// Store keeps the logs of the windows. The windows of one call are handled
// under one lock: all of them or none. Implementations are safe for concurrent
// use; [NewMemory] is the one for a single process, [NewSQLite] for those of a
// machine, [NewRedis] for a fleet.
type Store interface {
	// Name says what kind of store this is: "memory", "sqlite", "redis".
	Name() string
	// Reserve takes a slot in every window of the ask, or says how long to
	// wait. A reserved slot counts until it is stamped or released, or until
	// its lease is over: then it counts as a request sent at that moment.
	Reserve(ctx context.Context, a Ask) (Grant, error)
	// Withdraw gives up the place in the queue of a waiter.
	Withdraw(ctx context.Context, waiter int64) error
	// Stamp turns a reserved slot into a request that PostHog counted age ago
	// (negative: will have counted by then). It expires one window later.
	Stamp(ctx context.Context, t Ticket, age time.Duration) error
	// Release gives a reserved slot back: PostHog never saw the request.
	Release(ctx context.Context, t Ticket) error
	// Refuse ends a reserved slot with a 429 and takes note of what it means.
	Refuse(ctx context.Context, r Refusal) error
	// Usage describes the windows now.
	Usage(ctx context.Context, windows []Window) ([]Usage, error)
	// Degraded reports that the store has fallen back to a lesser one.
	Degraded() bool
	// Close ends the store.
	Close() error
}

// Ask is a request for one slot in each of some windows.
type Ask struct {
	Windows  []Window
	Priority Priority
	Ahead    int           // waiters of this process in front; above 0 nothing is taken and Wait is for the slot after theirs
	Lease    time.Duration // the request is sent within this time or never; 0: two minutes
	Patience time.Duration // the asker waits no longer than this; 0: it never waits
	Waiter   int64         // place in the queue of processes, from the Grant before; 0: none
	Used     int           // slots that this process has in the longest window; the store may know better
}

// Ticket identifies the slots that one Reserve took.
type Ticket struct {
	Windows []Window
	ID      int64 // of the store
}

// Grant answers an [Ask].
type Grant struct {
	OK     bool
	Ticket Ticket        // when OK
	Wait   time.Duration // when not OK: no slot is free sooner; 0 when that hangs on requests under way
	Window string        // when not OK: the window that is full
	Refuse bool          // when not OK: do not wait for it
	Waiter int64         // when not OK: the place in the queue of processes, to be given with the next Ask
	Taken  []int         // slots of each window that were taken before, by anybody
	Poll   time.Duration // when not OK: ask again after this time at the latest; 0: Wait is enough
}

// Refusal is what one 429 of a window means. It ends the ticket: the window did
// not count the request, the others of the ticket did.
type Refusal struct {
	Ticket   Ticket
	Age      time.Duration // since the others counted it
	Window   Window        // that refused
	Shut     time.Duration // no slot of the window before that
	Phantoms int           // requests of strangers that fill the window now
	Limit    int           // use no more than this for the time For; 0: no such lesson
	Learned  bool          // Limit is taken for the window's true one
	For      time.Duration
}

// Usage describes one window at one moment.
type Usage struct {
	Limit       int           // requests; below the window's own when a lower one was learned
	Learned     bool          // Limit was learned from refusals
	Used        int           // requests that PostHog has counted, strangers' included
	Own         int           // those of every process that shares the store
	Mine        int           // those of this process
	Reserved    int           // requests under way
	NextSlot    time.Duration // until one slot is free; 0: now
	FullReset   time.Duration // until all slots are free, if nothing more is sent
	BurnPerMin  float64       // arrivals per minute, half-life one minute
	ExhaustedIn time.Duration // at this burn; negative when it never will be
	Shut        bool          // closed by a 429
}
