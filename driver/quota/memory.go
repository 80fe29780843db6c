package quota

import (
	"context"
	"slices"
	"sync"
	"time"
)

// memory is the Store of one process.
type memory struct {
	start time.Time // offsets from here are monotonic

	mu     sync.Mutex
	ledger *ledger
	last   int64 // newest ticket

	standIn bool
}

// NewMemory gives a store that lives and dies with this process. Logs grow as
// they fill: an unused window costs nothing.
func NewMemory() Store { return newMemory() }

// NewCautious gives a memory store that stands in for one that remembers, and
// is Degraded therefore. It does not know of earlier requests: it takes half of every window of half an hour and
// more for used, less and less until the window has passed.
func NewCautious() Store {
	m := newMemory()
	m.ledger.cautious, m.standIn = true, true
	return m
}

func newMemory() *memory { return &memory{start: time.Now(), ledger: newLedger()} }

// Name is "memory".
func (m *memory) Name() string { return "memory" }

// Degraded reports that this store stands in for a better one.
func (m *memory) Degraded() bool { return m.standIn }

// Close does nothing.
func (m *memory) Close() error { return nil }

// Withdraw does nothing: one process has its own queue.
func (m *memory) Withdraw(context.Context, int64) error { return nil }

// now gives the store's clock.
func (m *memory) now() time.Duration { return time.Since(m.start) }

// Reserve takes a slot in every window or in none.
func (m *memory) Reserve(_ context.Context, a Ask) (Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	g := m.ledger.check(now, a)
	if !g.OK {
		return g, nil
	}
	g.Ticket = m.take(now, a.Windows, forever)
	return g, nil
}

// forever is a lease without end: a slot of this process cannot be orphaned.
const forever = time.Duration(1<<63 - 1)

// take reserves slots unasked. The lock is held.
func (m *memory) take(now time.Duration, windows []Window, lapse time.Duration) Ticket {
	m.last++
	m.ledger.take(now, windows, held{id: m.last, at: now, lapse: lapse, mine: true})
	return Ticket{Windows: windows, ID: m.last}
}

// Stamp turns a reserved slot into a counted request.
func (m *memory) Stamp(_ context.Context, t Ticket, age time.Duration) error {
	m.stampAt(t, age)
	return nil
}

// Release gives a reserved slot back.
func (m *memory) Release(_ context.Context, t Ticket) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ledger.release(m.now(), t)
	return nil
}

// Refuse ends a slot with a 429.
func (m *memory) Refuse(_ context.Context, r Refusal) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.ledger.refuse(now, r, now-r.Age, true)
	return nil
}

// Usage describes the windows.
func (m *memory) Usage(_ context.Context, windows []Window) ([]Usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ledger.usage(m.now(), windows), nil
}

// The rest is for the store that puts a shared one on top of this log.

// check answers an ask without taking anything.
func (m *memory) check(a Ask) Grant {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ledger.check(m.now(), a)
}

// takeNow reserves slots unasked.
func (m *memory) takeNow(windows []Window, lapse time.Duration) Ticket {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.take(m.now(), windows, lapse)
}

// taken counts this process's slots of each window.
func (m *memory) taken(windows []Window) []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	out := make([]int, len(windows))
	for i, w := range windows {
		l := m.ledger.log(now, w)
		l.expire(now)
		out[i] = l.stamps.len() + len(l.reserved)
	}
	return out
}

// mine counts this process's slots of the longest window.
func (m *memory) mine(windows []Window) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ledger.mine(m.now(), windows)
}

// past lists all requests that still count.
func (m *memory) past() (out []past) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	for name, l := range m.ledger.logs {
		l.expire(now)
		p := past{window: Window{Name: name, Per: l.per}}
		for i := range l.stamps.len() {
			p.times = append(p.times, l.stamps.at(i))
			p.ages = append(p.ages, now-l.stamps.at(i))
		}
		if len(p.ages) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// pasts lists some requests, as far as they still count.
func (m *memory) pasts(all []unsent) (out []past) {
	now := m.now()
	for _, u := range all {
		for _, w := range u.windows {
			if now-u.at > w.Per+boundary {
				continue
			}
			i := slices.IndexFunc(out, func(p past) bool { return p.window.Name == w.Name })
			if i < 0 {
				i = len(out)
				out = append(out, past{window: w})
			}
			out[i].times = append(out[i].times, u.at)
			out[i].ages = append(out[i].ages, now-u.at)
		}
	}
	return out
}

// stampAt is Stamp, and says when the request counts on the log's clock.
func (m *memory) stampAt(t Ticket, age time.Duration) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.ledger.stamp(now, t, now-age, true)
	return now - age
}

// trust ends the caution of a log that knows the shared one now.
func (m *memory) trust() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ledger.cautious = false
	for _, l := range m.ledger.logs {
		l.phantoms = ring{}
	}
}
