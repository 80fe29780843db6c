package quota

import (
	"context"
	"sync"
	"time"
)

// memory is the Store of one process.
type memory struct {
	start time.Time // offsets from here are monotonic

	mu   sync.Mutex
	logs map[string]*windowLog
	last time.Duration // of the newest ticket
}

// NewMemory gives a store that lives and dies with this process. Logs grow as
// they fill: an unused window costs nothing.
func NewMemory() Store {
	return &memory{start: time.Now(), logs: make(map[string]*windowLog)}
}

// Name is "memory".
func (m *memory) Name() string { return "memory" }

// Degraded is false: there is nothing to fall back to.
func (m *memory) Degraded() bool { return false }

// Close does nothing.
func (m *memory) Close() error { return nil }

func (m *memory) log(w Window) *windowLog {
	l := m.logs[w.Name]
	if l == nil {
		l = &windowLog{per: w.Per}
		m.logs[w.Name] = l
	}
	return l
}

// now gives the store's clock.
func (m *memory) now() time.Duration { return time.Since(m.start) }

// Reserve takes a slot in every window or in none.
func (m *memory) Reserve(_ context.Context, a Ask) (Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	full := Grant{OK: true}
	for _, w := range a.Windows {
		d, ok := m.log(w).wait(now, a.Priority.Share(w.Limit), a.Ahead)
		if !ok && (full.OK || d > full.Wait) {
			full = Grant{Wait: d, Window: w.Name}
		}
	}
	if !full.OK || a.Ahead > 0 {
		full.OK = false
		return full, nil
	}
	// The ticket is the time of the reservation, made unique.
	at := max(now, m.last+1)
	m.last = at
	for _, w := range a.Windows {
		m.log(w).reserve(at)
	}
	return Grant{OK: true, Ticket: Ticket{Windows: a.Windows, ID: int64(at)}}, nil
}

// Stamp turns a reserved slot into a counted request.
func (m *memory) Stamp(_ context.Context, t Ticket, age time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.now() - age
	for _, w := range t.Windows {
		if l := m.log(w); l.settle(time.Duration(t.ID)) {
			l.stamps.insert(at)
		}
	}
	return nil
}

// Release gives a reserved slot back.
func (m *memory) Release(_ context.Context, t Ticket) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range t.Windows {
		m.log(w).settle(time.Duration(t.ID))
	}
	return nil
}

// Shut closes a window for a while.
func (m *memory) Shut(_ context.Context, w Window, d time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.log(w)
	l.shut = max(l.shut, m.now()+d)
	return nil
}

// Usage describes the windows.
func (m *memory) Usage(_ context.Context, windows []Window) ([]Usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	out := make([]Usage, len(windows))
	for i, w := range windows {
		out[i] = m.log(w).usage(now, w.Limit)
	}
	return out, nil
}
