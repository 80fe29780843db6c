package quota

import (
	"slices"
	"time"
)

const (
	// defaultLease is how long a slot is held for a caller without a deadline.
	defaultLease = 2 * time.Minute
	// bulkReserve is the part of a long window, in percent, that is not for
	// bulk work even to wait for.
	bulkReserve = 10
	// maxPhantoms bounds the requests of strangers that are kept one by one; no
	// window of PostHog's comes near it.
	maxPhantoms = 10_000
	// waiterGrace is how long after its time a waiter of another process keeps
	// its place: longer than a process takes to wake up.
	waiterGrace = 150 * time.Millisecond
)

// ledger is the model that every store keeps: the logs of all windows, and the
// order of the processes that wait. Times are offsets on the store's clock. It
// is not safe for concurrent use.
type ledger struct {
	logs     map[string]*windowLog
	waiters  []waiting // in no order
	cautious bool      // new long windows count as half used
}

// waiting is a process that waits for a slot.
type waiting struct {
	id       int64
	windows  []Window
	priority Priority
	used     int           // slots that its process has in the longest of the windows
	until    time.Duration // its place is lost then, unless renewed
}

func newLedger() *ledger { return &ledger{logs: make(map[string]*windowLog)} }

func (g *ledger) log(now time.Duration, w Window) *windowLog {
	l := g.logs[w.Name]
	if l == nil {
		l = &windowLog{per: w.Per}
		g.logs[w.Name] = l
		if g.cautious && w.Per >= longWindow {
			half := min(w.Limit/2, maxPhantoms)
			for i := range half {
				l.phantoms.insert(now - w.Per + w.Per*time.Duration(i+1)/time.Duration(half))
			}
		}
	}
	return l
}

// check answers the ask without taking anything. share scales the limits.
func (g *ledger) check(now time.Duration, a Ask) Grant {
	g.dropWaiters(now)
	out := Grant{OK: a.Ahead == 0, Taken: make([]int, 0, len(a.Windows))}
	used := 0
	if len(g.waiters) > 0 {
		used = g.mine(now, a.Windows)
	}
	for _, w := range a.Windows {
		l := g.log(now, w)
		limit := a.Priority.Share(w.Limit)
		d, ok := l.wait(now, w.Limit, limit, a.Ahead+g.ahead(w.Name, a, used))
		out.Taken = append(out.Taken, l.taken(w.Limit))
		if a.Priority != Interactive && w.Per >= longWindow {
			left := w.Limit - l.taken(w.Limit)
			if a.Priority == Bulk && left*100 < w.Limit*bulkReserve {
				out.Refuse = true
			}
			if at := l.pace(now, w.Limit); ok && at > now {
				d, ok = at-now, false
			}
		}
		if !ok && (out.Window == "" || d > out.Wait) {
			out.OK, out.Wait, out.Window = false, d, w.Name
		}
	}
	return out
}

// take reserves a slot in every window.
func (g *ledger) take(now time.Duration, windows []Window, h held) {
	for _, w := range windows {
		g.log(now, w).reserve(h)
	}
}

// stamp turns reserved slots into requests counted at a time. A slot that has
// lapsed meanwhile was counted then, which may have been too early: counting
// it twice is safe.
func (g *ledger) stamp(now time.Duration, t Ticket, at time.Duration, mine bool) {
	for _, w := range t.Windows {
		l := g.log(now, w)
		l.settle(t.ID)
		l.stamp(at, mine)
	}
}

// release gives reserved slots back.
func (g *ledger) release(now time.Duration, t Ticket) {
	for _, w := range t.Windows {
		g.log(now, w).settle(t.ID)
	}
}

// refuse ends reserved slots with a 429: the window that refused learns from
// it, the others counted the request.
func (g *ledger) refuse(now time.Duration, r Refusal, at time.Duration, mine bool) {
	for _, w := range r.Ticket.Windows {
		l := g.log(now, w)
		l.settle(r.Ticket.ID)
		if w.Name != r.Window.Name {
			l.stamp(at, mine)
		}
	}
	l := g.log(now, r.Window)
	l.shut = max(l.shut, now+r.Shut)
	l.phantom(now, r.Phantoms, r.Shut)
	l.learn(now, lesson{limit: r.Limit, learned: r.Learned, until: now + r.For})
}

func (g *ledger) usage(now time.Duration, windows []Window) []Usage {
	out := make([]Usage, len(windows))
	for i, w := range windows {
		out[i] = g.log(now, w).usage(now, w.Limit)
	}
	return out
}

// ahead counts the processes that wait for the window before the asker: of
// equal priority those that have used less of it, then those that came first.
func (g *ledger) ahead(window string, a Ask, used int) (n int) {
	for _, w := range g.waiters {
		if w.id == a.Waiter || !slices.ContainsFunc(w.windows, func(w Window) bool { return w.Name == window }) {
			continue
		}
		switch {
		case w.priority != a.Priority:
			if w.priority < a.Priority {
				n++
			}
		case w.used != used:
			if w.used < used {
				n++
			}
		case a.Waiter == 0 || w.id < a.Waiter:
			n++
		}
	}
	return n
}

// mine counts this process's slots in the longest of the windows.
func (g *ledger) mine(now time.Duration, windows []Window) (n int) {
	longest := windows[0]
	for _, w := range windows[1:] {
		if w.Per > longest.Per {
			longest = w
		}
	}
	l := g.log(now, longest)
	l.expire(now)
	n = l.stamps.len() - l.others.len()
	for _, h := range l.reserved {
		if h.mine {
			n++
		}
	}
	return n
}

// await enters a waiter or renews its place.
func (g *ledger) await(w waiting) {
	g.leave(w.id)
	g.waiters = append(g.waiters, w)
}

// leave drops a waiter, if it is there.
func (g *ledger) leave(id int64) {
	g.waiters = slices.DeleteFunc(g.waiters, func(w waiting) bool { return w.id == id })
}

func (g *ledger) dropWaiters(now time.Duration) {
	g.waiters = slices.DeleteFunc(g.waiters, func(w waiting) bool { return w.until <= now })
}

// disown makes the slots under way end by their leases alone: their ids have
// lost their meaning.
func (g *ledger) disown() {
	g.waiters = nil
	for _, l := range g.logs {
		for i := range l.reserved {
			l.reserved[i].id = -1 - max(0, l.reserved[i].id)
		}
	}
}
