package quota

import (
	"context"
	"time"
)

// Store keeps the logs of the windows. The windows of one call are handled
// under one lock: all of them or none. Implementations are safe for concurrent
// use; [NewMemory] is the one for a single process.
type Store interface {
	// Name says what kind of store this is: "memory", "file", "redis".
	Name() string
	// Reserve takes a slot in every window of the ask, or says how long to
	// wait. A reserved slot counts until it is stamped or released.
	Reserve(ctx context.Context, a Ask) (Grant, error)
	// Stamp turns a reserved slot into a request that PostHog counted age ago
	// (negative: will have counted by then). It expires one window later.
	Stamp(ctx context.Context, t Ticket, age time.Duration) error
	// Release gives a reserved slot back: PostHog never saw the request.
	Release(ctx context.Context, t Ticket) error
	// Shut closes a window for a while, as a 429 of PostHog asks for.
	Shut(ctx context.Context, w Window, d time.Duration) error
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
	Ahead    int // waiters in front; above 0 nothing is taken and Wait is for the slot after theirs
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
}

// Usage describes one window at one moment.
type Usage struct {
	Used        int           // requests that PostHog has counted
	Reserved    int           // requests under way
	NextSlot    time.Duration // until one slot is free; 0: now
	FullReset   time.Duration // until all slots are free, if nothing more is sent
	BurnPerMin  float64       // arrivals per minute, half-life one minute
	ExhaustedIn time.Duration // at this burn; negative when it never will be
	Shut        bool          // closed by a 429
}
