package quota

import (
	"math"
	"slices"
	"time"
)

const (
	// boundary is added to every expiry: PostHog drops an entry exactly one
	// window after it, but its clock and ours round differently.
	boundary = 5 * time.Millisecond
	// burnHalfLife is how fast the arrival rate forgets.
	burnHalfLife = time.Minute
	// longWindow tells the windows that decide over the hour from those that
	// only bound a burst. Pacing and the bulk reserve look at the former.
	longWindow = 30 * time.Minute
	// paceOver is the time over which the burn of a long window is measured.
	paceOver = 5 * time.Minute
)

// windowLog is the log of one window. Times are offsets on the store's clock.
// It is not safe for concurrent use; the store locks.
type windowLog struct {
	per      time.Duration
	stamps   ring   // counted requests of ours, oldest first
	others   ring   // those of stamps that other processes sent
	phantoms ring   // requests of strangers, as a 429 betrayed them
	reserved []held // requests under way, in the order of their times
	shut     time.Duration
	lesson   lesson

	rate   float64       // arrivals per second, exponentially forgotten
	rateAt time.Duration // time of rate
	newest time.Duration // when the latest slot was taken
}

// held is one slot of a request under way. When it is still there at lapse, its
// process has died: it counts as sent at that moment.
type held struct {
	id        int64
	at, lapse time.Duration
	mine      bool
}

// lesson is a limit below the known one that refusals have taught.
type lesson struct {
	limit   int // 0: none
	learned bool
	until   time.Duration
}

// expire forgets the requests that PostHog has forgotten.
func (l *windowLog) expire(now time.Duration) {
	for i := 0; i < len(l.reserved); {
		h := l.reserved[i]
		if h.lapse > now {
			i++
			continue
		}
		l.reserved = slices.Delete(l.reserved, i, i+1)
		l.stamp(h.lapse, h.mine)
	}
	for _, r := range [...]*ring{&l.stamps, &l.others, &l.phantoms} {
		for r.len() > 0 && l.expiry(r.at(0)) <= now {
			r.pop()
		}
	}
	if l.lesson.until <= now {
		l.lesson = lesson{}
	}
}

// stamp counts a request.
func (l *windowLog) stamp(at time.Duration, mine bool) {
	l.stamps.insert(at)
	if !mine {
		l.others.insert(at)
	}
}

// expiry gives when a request counted at stamp leaves the window.
func (l *windowLog) expiry(stamp time.Duration) time.Duration {
	return stamp + l.per + boundary
}

// standing gives how many slots of limit strangers are taken to use all the
// time.
func (l *windowLog) standing(limit int) int {
	if l.lesson.limit == 0 {
		return 0
	}
	return max(0, limit-l.lesson.limit)
}

// taken counts the slots that are not free.
func (l *windowLog) taken(limit int) int {
	return l.stamps.len() + len(l.reserved) + max(l.phantoms.len(), l.standing(limit))
}

// wait gives how long until one more request fits below share of limit, after
// ahead others. ok means now. A wait of 0 without ok hangs on a request under
// way, whose stamp is not known yet.
func (l *windowLog) wait(now time.Duration, limit, share, ahead int) (d time.Duration, ok bool) {
	l.expire(now)
	d = max(0, l.shut-now)
	excess := l.taken(limit) + ahead + 1 - share
	if excess <= 0 {
		return d, d == 0
	}
	return max(d, l.expiry(l.nth(excess-1, limit))-now, 0), false
}

// nth gives the n-th oldest entry whose end frees a slot, counting a request
// under way from the time it was reserved: it cannot have been counted
// earlier. Beyond the last entry it gives the last.
func (l *windowLog) nth(n, limit int) time.Duration {
	i, j, k := 0, 0, 0
	phantoms := max(0, l.phantoms.len()-l.standing(limit)) // the end of others changes nothing
	var t time.Duration
	for range n + 1 {
		next := time.Duration(math.MaxInt64)
		from := -1
		if i < l.stamps.len() {
			next, from = l.stamps.at(i), 0
		}
		if j < len(l.reserved) && l.reserved[j].at < next {
			next, from = l.reserved[j].at, 1
		}
		if k < phantoms && l.phantoms.at(k) < next {
			next, from = l.phantoms.at(k), 2
		}
		switch from {
		case 0:
			i++
		case 1:
			j++
		case 2:
			k++
		default:
			return max(t, l.lesson.until-l.per-boundary)
		}
		t = next
	}
	return t
}

// reserve takes a slot; the caller has asked wait.
func (l *windowLog) reserve(h held) {
	i := len(l.reserved)
	for i > 0 && l.reserved[i-1].at > h.at {
		i--
	}
	l.reserved = slices.Insert(l.reserved, i, h)
	l.arrive(h.at)
}

// arrive notes an arrival for the burn rate.
func (l *windowLog) arrive(at time.Duration) {
	if at < l.rateAt {
		at = l.rateAt
	}
	l.rate = l.rateNow(at) + math.Ln2/burnHalfLife.Seconds()
	l.rateAt, l.newest = at, at
}

func (l *windowLog) rateNow(now time.Duration) float64 {
	return l.rate * math.Exp2(-float64(max(0, now-l.rateAt))/float64(burnHalfLife))
}

// settle ends a request under way; false when it is not known (its store was
// restarted, it lapsed, or it was settled before).
func (l *windowLog) settle(id int64) (h held, ok bool) {
	i := slices.IndexFunc(l.reserved, func(h held) bool { return h.id == id })
	if i < 0 {
		return held{}, false
	}
	h = l.reserved[i]
	l.reserved = slices.Delete(l.reserved, i, i+1)
	return h, true
}

// pace gives when a request that nobody waits for may go, so that the rest of
// a long window lasts for pacingHorizon; now when the burn is no danger.
func (l *windowLog) pace(now time.Duration, limit int) time.Duration {
	if l.per < longWindow {
		return now
	}
	left := limit - l.taken(limit)
	if left <= 0 {
		return now // wait knows better
	}
	recent := l.since(now-paceOver) + len(l.reserved)
	if time.Duration(left)*paceOver >= time.Duration(recent)*pacingHorizon {
		return now
	}
	return max(now, l.newest+pacingHorizon/time.Duration(left))
}

// since counts the requests after t.
func (l *windowLog) since(t time.Duration) int {
	lo, hi := 0, l.stamps.len()
	for lo < hi {
		if mid := (lo + hi) / 2; l.stamps.at(mid) > t {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return l.stamps.len() - lo
}

// phantom adds n requests of strangers: one that ends first from now, the rest
// evenly between that and a whole window.
func (l *windowLog) phantom(now time.Duration, n int, first time.Duration) {
	first = min(max(0, first), l.per)
	for i := range n {
		end := first
		if n > 1 {
			end += (l.per - first) * time.Duration(i) / time.Duration(n-1)
		}
		l.phantoms.insert(now + end - l.per - boundary)
	}
}

// learn takes a lesson over; of two the stricter limit and the longer time
// hold.
func (l *windowLog) learn(now time.Duration, n lesson) {
	if n.limit == 0 || n.until <= now {
		return
	}
	if old := l.lesson; old.limit > 0 && old.until > now {
		n.limit, n.until, n.learned = min(n.limit, old.limit), max(n.until, old.until), n.learned || old.learned
	}
	l.lesson = n
}

// usage describes the window.
func (l *windowLog) usage(now time.Duration, limit int) Usage {
	l.expire(now)
	u := Usage{
		Used: l.stamps.len() + l.phantoms.len(), Reserved: len(l.reserved), Limit: limit,
		Mine: l.stamps.len() - l.others.len(), Own: l.stamps.len(), Shut: l.shut > now, ExhaustedIn: -1,
	}
	if l.lesson.learned {
		u.Limit, u.Learned = min(limit, l.lesson.limit), true
		u.Used = l.stamps.len() + max(0, l.phantoms.len()-l.standing(limit))
	} else {
		u.Used = l.stamps.len() + max(l.phantoms.len(), l.standing(limit))
	}
	u.NextSlot, _ = l.wait(now, limit, limit, 0)
	for _, r := range [...]*ring{&l.stamps, &l.phantoms} {
		if n := r.len(); n > 0 {
			u.FullReset = max(u.FullReset, l.expiry(r.at(n-1))-now)
		}
	}
	if len(l.reserved) > 0 {
		u.FullReset = max(u.FullReset, l.per+boundary)
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
	free := limit - l.taken(limit)
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
