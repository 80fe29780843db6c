package driver

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// BreakerConfig says when a circuit breaker opens. Zero means the default in
// brackets. The defaults leave 30 % of random failures alone (they are what
// retries are for) and open on an outage within seconds.
type BreakerConfig struct {
	Window      time.Duration // failures are counted over this time, at least two attempts long, in ten buckets [30 s]
	MinRequests int           // fewer attempts than this never open it by ratio [20]
	Ratio       float64       // of failed attempts that opens it [0.7]
	Consecutive int           // failures in a row that open it [10]
	Open        time.Duration // how long it stays open before one trial; doubles with every trial that fails [10 s]
	OpenMost    time.Duration // it never stays open longer than this [60 s]
}

func (b BreakerConfig) withDefaults() BreakerConfig {
	if b.Window <= 0 {
		b.Window = 30 * time.Second
	}
	if b.MinRequests <= 0 {
		b.MinRequests = 20
	}
	if b.Ratio <= 0 || b.Ratio > 1 {
		b.Ratio = 0.7
	}
	if b.Consecutive <= 0 {
		b.Consecutive = 10
	}
	if b.Open <= 0 {
		b.Open = 10 * time.Second
	}
	if b.OpenMost <= 0 {
		b.OpenMost = time.Minute
	}
	b.OpenMost = max(b.Open, b.OpenMost)
	return b
}

// forAttempts widens the window to hold two attempts: an outcome counts in the
// bucket of the attempt's start, so one that ran longer than the window would
// not count at all, and a hanging query engine would never open the breaker.
func (b BreakerConfig) forAttempts(timeout time.Duration) BreakerConfig {
	b.Window = max(b.Window, 2*timeout)
	return b
}

// breaker stops sending to a host that has stopped answering, for one class of
// requests: a slow query engine must not shut out the cheap reads.
//
// gobreaker counts and decides. It always offers a trial after the first open
// time; the longer ones after failed trials are held by shut.
type breaker struct {
	class Class
	cfg   BreakerConfig
	cb    *gobreaker.CircuitBreaker[*answer]
	shut  atomic.Pointer[shut] // nil until it opens for the first time
	row   row                  // guarded by gobreaker's lock

	mu    sync.Mutex
	opens []time.Time // within the last hour
}

// row counts failures in a row over any time: gobreaker's own count forgets
// those that have left its window, and an engine that hangs for 45 s a query
// fails only a few times in one.
type row struct {
	n    int
	last time.Time
}

// rowEnds is how old a failure may be to belong to a row.
const rowEnds = 10 * time.Minute

func (r *row) add(good bool, now time.Time) {
	if good || now.Sub(r.last) >= rowEnds {
		r.n = 0
	}
	if !good {
		r.n, r.last = r.n+1, now
	}
}

// shut is one time of being open. Its times have their monotonic reading: wall
// clocks jump.
type shut struct {
	until time.Time
	last  time.Duration
}

// newBreaker gives a closed breaker. changed is called, with gobreaker's lock
// held, whenever its state changes.
func newBreaker(class Class, cfg BreakerConfig, changed func(from, to gobreaker.State)) *breaker {
	b := &breaker{class: class, cfg: cfg}
	b.cb = gobreaker.NewCircuitBreaker[*answer](gobreaker.Settings{
		Name:         string(class),
		MaxRequests:  1,
		Interval:     cfg.Window,
		BucketPeriod: cfg.Window / 10,
		Timeout:      cfg.Open,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			valid := c.TotalSuccesses + c.TotalFailures
			return b.row.n >= cfg.Consecutive ||
				int(valid) >= cfg.MinRequests && float64(c.TotalFailures) >= cfg.Ratio*float64(valid)
		},
		IsSuccessful: func(err error) bool {
			good := verdictOf(err) == countsAsSuccess
			b.row.add(good, time.Now())
			return good
		},
		IsExcluded: func(err error) bool { return verdictOf(err) == countsAsNothing },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			b.row = row{}
			if to == gobreaker.StateOpen {
				b.opened(from)
			}
			changed(from, to)
		},
	})
	return b
}

// opened notes when the next trial may be made.
func (b *breaker) opened(from gobreaker.State) {
	now, open := time.Now(), b.cfg.Open
	if old := b.shut.Load(); old != nil && from == gobreaker.StateHalfOpen {
		open = min(2*old.last, b.cfg.OpenMost)
	}
	b.shut.Store(&shut{until: now.Add(open), last: open})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opens = append(b.recentOpens(now), now)
}

// recentOpens gives the openings of the last hour. The lock is held.
func (b *breaker) recentOpens(now time.Time) []time.Time {
	i := 0
	for i < len(b.opens) && now.Sub(b.opens[i]) >= time.Hour {
		i++
	}
	return b.opens[i:]
}

// state is gobreaker's, but open for as long as trials are held back.
func (b *breaker) state() gobreaker.State {
	state := b.cb.State()
	if state == gobreaker.StateHalfOpen && b.retryIn() >= 0 {
		return gobreaker.StateOpen
	}
	return state
}

func verdictOf(err error) verdict {
	if err == nil {
		return countsAsSuccess
	}
	if f, ok := errors.AsType[*fault](err); ok {
		return f.verdict()
	}
	return countsAsFailure
}

// check refuses at once while the breaker is open, so that no quota is spent
// and nobody queues for what cannot be sent.
func (b *breaker) check(k *call) *fault {
	switch b.state() {
	case gobreaker.StateOpen:
		return b.refuse(k)
	case gobreaker.StateHalfOpen:
		if c := b.cb.Counts(); c.Requests > c.TotalExclusions {
			return b.refuse(k) // the trial is under way
		}
	}
	return nil
}

// execute runs one attempt and counts its outcome.
func (b *breaker) execute(k *call, attempt func() (*answer, *fault)) (*answer, *fault) {
	ans, err := b.cb.Execute(func() (*answer, error) {
		ans, f := attempt()
		if f != nil {
			return nil, f
		}
		return ans, nil
	})
	if err == nil {
		return ans, nil
	}
	if f, ok := errors.AsType[*fault](err); ok {
		return nil, f
	}
	return nil, b.refuse(k)
}

func (b *breaker) refuse(k *call) *fault {
	e := k.newError(KindUnavailable, k.url.Host+" has failed again and again; "+string(k.class)+" requests are held back")
	e.RetryAfter = max(b.retryIn(), time.Second)
	e.Hint = "Nothing was sent. PostHog will be tried again by itself; come back then."
	return &fault{faultLocal, e}
}

// retryIn gives the time until the next trial, negative when it is due.
func (b *breaker) retryIn() time.Duration {
	s := b.shut.Load()
	if s == nil {
		return -1
	}
	return time.Until(s.until)
}

// BreakerStatus is one circuit breaker in [Status].
type BreakerStatus struct {
	Class    Class    `json:"class"`
	State    string   `json:"state"` // "closed", "half-open" or "open"
	Opens1h  int      `json:"opens_in_1h"`
	RetryInS *float64 `json:"retry_in_s"` // until the next trial; null unless open
}

func (b *breaker) status() BreakerStatus {
	state := b.state()
	b.mu.Lock()
	s := BreakerStatus{Class: b.class, State: state.String(), Opens1h: len(b.recentOpens(time.Now()))}
	b.mu.Unlock()
	if state == gobreaker.StateOpen {
		s.RetryInS = new(max(0, roundSeconds(b.retryIn())))
	}
	return s
}
