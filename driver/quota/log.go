package quota

import (
	"math"
	"slices"
	"time"
)

// boundary is added to every expiry: PostHog drops an entry exactly one window
// after it, but its clock and ours round differently.
const boundary = 5 * time.Millisecond

// burnHalfLife is how fast the arrival rate forgets.
const burnHalfLife = time.Minute

// windowLog is the log of one window. Times are offsets on the store's clock.
// It is not safe for concurrent use; the store locks.
type windowLog struct {
	per      time.Duration
	stamps   ring            // counted requests, oldest first
	reserved []time.Duration // requests under way, by the time they were reserved
	shut     time.Duration   // no slot before this time

	rate   float64       // arrivals per second, exponentially forgotten
	rateAt time.Duration // time of rate
}

// expire forgets the requests that PostHog has forgotten.
func (l *windowLog) expire(now time.Duration) {
	for l.stamps.len() > 0 && l.expiry(l.stamps.at(0)) <= now {
		l.stamps.pop()
	}
}

// expiry gives when a request counted at stamp leaves the window.
func (l *windowLog) expiry(stamp time.Duration) time.Duration {
	return stamp + l.per + boundary
}

// wait gives how long until one more request fits below limit, after ahead
// others. ok means now. A wait of 0 without ok hangs on a request under way,
// whose stamp is not known yet.
func (l *windowLog) wait(now time.Duration, limit, ahead int) (d time.Duration, ok bool) {
	l.expire(now)
	d = max(0, l.shut-now)
	excess := l.stamps.len() + len(l.reserved) + ahead + 1 - limit
	if excess <= 0 {
		return d, d == 0
	}
	return max(d, l.expiry(l.nth(excess-1))-now, 0), false
}

// nth gives the n-th oldest entry, counting a request under way from the time
// it was reserved: it cannot have been counted earlier. Beyond the last entry
// (waiters ahead would make them) it gives the last.
func (l *windowLog) nth(n int) time.Duration {
	i, j := 0, 0
	var t time.Duration
	for range n + 1 {
		switch {
		case i < l.stamps.len() && (j == len(l.reserved) || l.stamps.at(i) <= l.reserved[j]):
			t = l.stamps.at(i)
			i++
		case j < len(l.reserved):
			t = l.reserved[j]
			j++
		default:
			return t
		}
	}
	return t
}

// reserve takes a slot; the caller has asked wait.
func (l *windowLog) reserve(now time.Duration) {
	l.reserved = append(l.reserved, now)
	lambda := math.Ln2 / burnHalfLife.Seconds()
	l.rate = l.rateNow(now) + lambda
	l.rateAt = now
}

func (l *windowLog) rateNow(now time.Duration) float64 {
	return l.rate * math.Exp2(-float64(now-l.rateAt)/float64(burnHalfLife))
}

// settle ends a request under way; false when it is not known (its store was
// restarted, or it was settled before).
func (l *windowLog) settle(reserved time.Duration) bool {
	i := slices.Index(l.reserved, reserved)
	if i < 0 {
		return false
	}
	l.reserved = slices.Delete(l.reserved, i, i+1)
	return true
}

// usage describes the window.
func (l *windowLog) usage(now time.Duration, limit int) Usage {
	l.expire(now)
	u := Usage{Used: l.stamps.len(), Reserved: len(l.reserved), Shut: l.shut > now, ExhaustedIn: -1}
	u.NextSlot, _ = l.wait(now, limit, 0)
	if n := l.stamps.len(); n > 0 {
		u.FullReset = l.expiry(l.stamps.at(n-1)) - now
	}
	if len(l.reserved) > 0 {
		u.FullReset = l.per + boundary
	}
	u.FullReset = max(u.FullReset, l.shut-now, 0)
	rate := l.rateNow(now)
	u.BurnPerMin = math.Round(rate*60*10) / 10
	u.ExhaustedIn = l.exhaustion(now, limit, rate)
	return u
}

// exhaustion gives when the window fills up at the rate, with the known
// expiries taken off exactly; -1 when it does not.
func (l *windowLog) exhaustion(now time.Duration, limit int, rate float64) time.Duration {
	free := limit - l.stamps.len() - len(l.reserved)
	if free <= 0 {
		return 0
	}
	if rate <= 0 {
		return -1
	}
	horizon := l.per.Seconds() // by then the arrivals themselves expire
	for i := range l.stamps.len() + 1 {
		full := float64(free+i) / rate
		if full > horizon {
			return -1
		}
		if i == l.stamps.len() || full <= (l.expiry(l.stamps.at(i))-now).Seconds() {
			return time.Duration(full * float64(time.Second))
		}
	}
	return -1
}

// ring is a growing queue of times, oldest first. Stamps arrive nearly in
// order, so inserting moves few.
type ring struct {
	buf  []time.Duration
	head int
	n    int
}

func (r *ring) len() int { return r.n }

func (r *ring) at(i int) time.Duration { return r.buf[(r.head+i)%len(r.buf)] }

func (r *ring) set(i int, t time.Duration) { r.buf[(r.head+i)%len(r.buf)] = t }

func (r *ring) pop() {
	r.head = (r.head + 1) % len(r.buf)
	r.n--
}

func (r *ring) insert(t time.Duration) {
	if r.n == len(r.buf) {
		bigger := make([]time.Duration, max(16, 2*len(r.buf)))
		for i := range r.n {
			bigger[i] = r.at(i)
		}
		r.buf, r.head = bigger, 0
	}
	r.n++
	i := r.n - 1
	for ; i > 0 && r.at(i-1) > t; i-- {
		r.set(i, r.at(i-1))
	}
	r.set(i, t)
}
