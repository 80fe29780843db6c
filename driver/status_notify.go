package driver

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// recheck is how soon states are looked at again while one of them is not
// calm: windows empty and breakers half-open without any call.
const recheck = 5 * time.Second

const (
	// tellEvery is the least time between two events: a resource that changes
	// more often is not read more often.
	tellEvery = 5 * time.Second
	// lookEvery is the least time between two looks at the state: with a store
	// that processes share, a look costs as much as a request.
	lookEvery = time.Second
)

// notifier tells subscribers of changes of state. It compares states, not
// numbers, so that a busy hour makes a handful of events and not one per call.
type notifier struct {
	state func() Status

	mu      sync.Mutex
	subs    map[int]func()
	next    int
	windows map[string]windowLevel
	other   map[string]string // breakers and store
	timer   *time.Timer
	due     time.Time // when the timer fires
	looked  time.Time // last comparison
	told    time.Time // last event
	news    bool      // a change that nobody has been told yet
	closed  bool

	limits  sync.Mutex // of last429, apart because state reads it
	last429 Last429
}

// windowLevel is what subscribers know of a window.
type windowLevel struct {
	band  int         // highest of the bands reached, in percent
	state quota.State //
	at    time.Time   // of the last event
}

func newNotifier(state func() Status) *notifier {
	return &notifier{state: state, subs: make(map[int]func()), windows: make(map[string]windowLevel), other: make(map[string]string)}
}

// OnStatusChange calls f when a state of [Status] changes: a window's state,
// its use crossing 50, 75, 90, 95 or 100 % (5 points lower on the way back), a
// breaker's state, the store falling back. It does so at most every five
// seconds, and within six of a change; what happened meanwhile is one event. f
// must return quickly; it may call Status. cancel ends the calls.
func (c *Client) OnStatusChange(f func()) (cancel func()) {
	n := c.notify
	n.mu.Lock()
	defer n.mu.Unlock()
	id := n.next
	n.next++
	n.subs[id] = f
	if len(n.subs) == 1 {
		n.compare(n.state()) // what is known now is no news for f
	}
	n.arm()
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.subs, id)
	}
}

// check compares the present state with the one that subscribers know. It is
// called after every attempt, so it looks only now and then.
func (n *notifier) check() {
	n.mu.Lock()
	if n.closed || len(n.subs) == 0 {
		n.mu.Unlock()
		return
	}
	now := time.Now()
	if now.Sub(n.looked) < lookEvery {
		n.again(n.looked.Add(lookEvery).Sub(now))
		n.mu.Unlock()
		return
	}
	n.looked = now
	n.news = n.compare(n.state()) || n.news
	var subs []func()
	if n.news && now.Sub(n.told) >= tellEvery {
		n.news, n.told = false, now
		for _, id := range slices.Sorted(maps.Keys(n.subs)) {
			subs = append(subs, n.subs[id])
		}
	}
	n.arm()
	n.mu.Unlock()
	for _, f := range subs {
		f()
	}
}

// compare takes the state over and reports whether it is news.
func (n *notifier) compare(s Status) (changed bool) {
	now := time.Now()
	for _, w := range s.Windows {
		old, known := n.windows[w.Name]
		if !known {
			old = windowLevel{state: quota.StateOK}
		}
		level := old.next(w, now)
		if level.band != old.band || level.state != old.state {
			level.at, changed = now, true
		}
		n.windows[w.Name] = level
	}
	set := func(key, value, calm string) {
		old, known := n.other[key]
		if !known {
			old = calm
		}
		changed = changed || old != value
		n.other[key] = value
	}
	for _, b := range s.Breakers {
		set("breaker "+string(b.Class), b.State, "closed")
	}
	degraded := "no"
	if s.Degraded {
		degraded = "yes"
	}
	set("degraded", degraded, "no")
	return changed
}

// next gives the level after a look at the window. Getting worse is told at
// once; getting better only past the hysteresis and not in the same breath.
func (l windowLevel) next(w quota.WindowStatus, now time.Time) windowLevel {
	percent := 100 * float64(w.Limit-w.Remaining) / float64(w.Limit)
	band := 0
	for _, b := range [...]int{50, 75, 90, 95, 100} {
		if percent >= float64(b) {
			band = b
		}
	}
	settled := now.Sub(l.at) >= recheck
	if band > l.band || settled && percent < float64(l.band)-5 {
		l.band = band
	}
	if rank(w.State) > rank(l.state) || settled {
		l.state = w.State
	}
	return l
}

// arm looks again later while something is not calm or not told. The lock is
// held.
func (n *notifier) arm() {
	switch {
	case n.closed || len(n.subs) == 0:
	case n.news:
		n.again(max(0, time.Until(n.told.Add(tellEvery))))
	case !n.calm():
		n.again(recheck)
	}
}

// again looks again after d. The lock is held.
func (n *notifier) again(d time.Duration) {
	at := time.Now().Add(d)
	if n.timer == nil {
		n.due, n.timer = at, time.AfterFunc(d, n.check)
		return
	}
	if now := time.Now(); n.due.After(now) && !at.Before(n.due) {
		return // it will look sooner
	}
	n.due = at
	n.timer.Reset(d)
}

func (n *notifier) calm() bool {
	for _, l := range n.windows {
		if l.band > 0 || l.state != quota.StateOK {
			return false
		}
	}
	for key, value := range n.other {
		if value != "closed" && (key != "degraded" || value != "no") {
			return false
		}
	}
	return true
}

// limited remembers a refusal of PostHog's.
func (n *notifier) limited(k *call, e *Error) {
	n.limits.Lock()
	defer n.limits.Unlock()
	n.last429 = Last429{At: new(time.Now().UTC()), Class: new(k.class)}
	if e.Window != "" {
		n.last429.Window = new(e.Window)
	}
	if e.RetryAfter > 0 {
		n.last429.RetryAfterS = new(roundSeconds(e.RetryAfter))
	}
}

func (n *notifier) last() Last429 {
	n.limits.Lock()
	defer n.limits.Unlock()
	return n.last429
}

func (n *notifier) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	if n.timer != nil {
		n.timer.Stop()
	}
}
