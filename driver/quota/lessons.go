package quota

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"
)

// Grace is how long after a request was written PostHog may still be about to
// count it. A stamp is never later than that, so that a slow answer does not
// hold its slot longer than needed.
const (
	minGrace   = time.Second
	maxGrace   = 5 * time.Second
	graceDecay = time.Hour // quiet for so long, it halves
)

// What refusals mean. A window that refuses although our log has room is used
// by strangers, or is smaller than documented.
const (
	oursAbove    = 0.95 // with so much of it ours, a refusal is our clock's fault
	demoteBelow  = 0.60 // with less of it ours, and again and again, its limit is lower
	demoteAfter  = 3    // episodes in a row
	tellingFrom  = 0.25 // with less of it ours, a log younger than the window tells of strangers nothing
	forgetLesson = 24 * time.Hour
)

// lessons is what a limiter learns from PostHog's refusals. The limits that
// follow are kept by the store, so that every process of the scope has them.
type lessons struct {
	log *slog.Logger

	mu      sync.Mutex
	start   time.Time
	windows map[string]*history
	grace   time.Duration
	graceAt time.Time // of the latest change
}

// history is the recent refusals of one window.
type history struct {
	refusals []time.Time // those that the model did not expect, of the last hour or twelve windows
	under    int         // episodes in a row below demoteBelow
	episode  time.Time   // start of the latest
	demoted  int         // limit that was logged
	rate     *extraRate  // nil while the model is trusted
}

func newLessons(log *slog.Logger) *lessons {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &lessons{log: log, start: time.Now(), windows: make(map[string]*history), grace: minGrace}
}

// graceNow gives the grace, which shrinks back while nothing surprises.
func (s *lessons) graceNow(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.grace > minGrace && now.Sub(s.graceAt) >= graceDecay {
		s.grace, s.graceAt = max(minGrace, s.grace/2), s.graceAt.Add(graceDecay)
	}
	return s.grace
}

// nearlyFull is the part of a long window from which on a short Retry-After
// may well be its own.
const nearlyFull = 0.95

// blame guesses which window a 429 came from: a wait longer than a window
// cannot be that window's, and a short one may be that of a long window which
// is nearly full, or which the short one was blamed for a moment ago: a short
// window that is closed, and filled with strangers, does not surprise again.
// It gives -1 without a wait.
func (s *lessons) blame(windows []Window, usage []Usage, retryAfter time.Duration, now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if retryAfter <= 0 {
		return -1
	}
	for i, w := range windows[:len(windows)-1] {
		next := usage[i+1]
		nextFull := float64(next.Used+next.Reserved) >= nearlyFull*float64(windows[i+1].Limit)
		h := s.windows[w.Name]
		again := h != nil && !usage[i].Shut && now.Sub(h.episode) < 2*w.Per
		if retryAfter <= w.Per && !nextFull && !again && !next.Shut {
			return i
		}
	}
	return len(windows) - 1
}

// refused learns from a refusal of the window, whose log says u.
func (s *lessons) refused(w Window, u Usage, now time.Time) Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.windows[w.Name]
	if h == nil {
		h = &history{}
		s.windows[w.Name] = h
	}
	r := Refusal{Window: w}
	ours := u.Own + max(0, u.Reserved-1) // the refused one is still under way
	strangers := u.Used - u.Own
	limit := w.Limit
	if u.Learned {
		limit = min(limit, u.Limit)
	}
	r.Phantoms = max(0, w.Limit-ours-strangers)
	if u.Learned {
		r.Phantoms = max(0, limit-ours-strangers)
	}
	r.Phantoms = min(r.Phantoms, maxPhantoms)
	newEpisode := !u.Shut
	if float64(ours) >= oursAbove*float64(limit) { // PostHog counted later than we think
		if newEpisode {
			s.grace, s.graceAt = min(maxGrace, 2*s.grace), now
		}
		return r
	}
	h.refusals = slices.DeleteFunc(h.refusals, func(t time.Time) bool { return now.Sub(t) > max(time.Hour, 12*w.Per) })
	h.refusals = append(h.refusals, now)
	h.distrust(w, u.BurnPerMin, newEpisode, now)

	if now.Sub(s.start) < w.Per && float64(ours) < tellingFrom*float64(limit) && !slices.Contains(tiers(w), learnedLimit(w, ours)) {
		return r // most likely our own requests before this start
	}
	under := float64(ours) < demoteBelow*float64(limit)
	if newEpisode {
		if now.Sub(h.episode) > forgetLesson {
			h.under = 0
		}
		h.episode = now
		h.under++
		if slices.Contains(tiers(w), learnedLimit(w, ours)) {
			h.under++ // just a tier of PostHog's: no chance
		}
		if !under {
			h.under = 0
		}
	}
	switch n := len(h.refusals); {
	case h.under >= demoteAfter:
		r.Limit, r.For, r.Learned = learnedLimit(w, ours), forgetLesson, true
		s.demote(h, w, r.Limit)
	case n >= 3 && under:
		r.Limit, r.For = beside(ours, 5), forgetLesson
	case n >= 3:
		r.Limit, r.For = beside(ours, 5), 4*time.Hour
	case n == 2 && under:
		r.Limit, r.For = learnedLimit(w, ours), forgetLesson
	case n == 2:
		r.Limit, r.For = learnedLimit(w, ours), time.Hour
	default:
		r.Limit, r.For = learnedLimit(w, ours), max(10*time.Minute, 6*w.Per)
	}
	return r
}

// demote logs a learned limit, each once.
func (s *lessons) demote(h *history, w Window, limit int) {
	if h.demoted == limit {
		return
	}
	h.demoted = limit
	s.log.LogAttrs(context.Background(), slog.LevelWarn, "PostHog's limit is lower than documented",
		slog.String("window", w.Name), slog.Int("known", w.Limit), slog.Int("learned", limit),
		slog.Duration("for", forgetLesson))
}

// beside gives what is left to us beside strangers, less a part of it because
// they are not regular.
func beside(ours, part int) int { return max(1, ours-max(1, ours/part)) }

// learnedLimit takes the tier of PostHog's that fits what it let us have, or
// that itself, less a little.
func learnedLimit(w Window, ours int) int {
	for _, tier := range tiers(w) {
		if float64(ours) >= 0.9*float64(tier) && float64(ours) <= 1.02*float64(tier) {
			return tier
		}
	}
	return beside(ours, 10)
}

// tiers gives the limits that PostHog is known to set for an hour of queries,
// below the window's own: by the plan of the team, which no client can see.
func tiers(w Window) []int {
	if w.Per != time.Hour {
		return nil
	}
	switch w.Name {
	case "api_queries_sustained", "clickhouse_sustained":
		return slices.DeleteFunc([]int{2400, 1200, 120}, func(n int) bool { return n >= w.Limit })
	}
	return nil
}

// The extra rate, after AWS's adaptive retry mode: cut on a refusal, then grown
// back along a cubic.
const (
	rateCut      = 0.7
	rateScale    = 0.4
	rateFloor    = 0.5 // requests a second
	distrustedIn = 10 * time.Minute
	distrustedAt = 3 // surprises
)

// extraRate paces a window on top of its log, once the log has been wrong too
// often, until the window has been quiet for its whole length.
type extraRate struct {
	peak   float64 // requests a second before the cut
	cut    time.Time
	latest time.Time // request
}

// distrust counts a surprise and paces the window when there are too many. The
// caller holds the lock.
func (h *history) distrust(w Window, burnPerMin float64, newEpisode bool, now time.Time) {
	surprises := 0
	for _, t := range h.refusals {
		if now.Sub(t) <= distrustedIn {
			surprises++
		}
	}
	if surprises < distrustedAt || h.rate != nil && !newEpisode {
		return
	}
	peak := burnPerMin / 60
	if h.rate != nil {
		peak = min(max(peak, rateFloor), h.rate.perSecond(now))
	}
	h.rate = &extraRate{peak: max(peak, rateFloor), cut: now, latest: now}
}

// perSecond gives the rate allowed now.
func (r *extraRate) perSecond(now time.Time) float64 {
	k := math.Cbrt(r.peak * (1 - rateCut) / rateScale)
	return max(rateFloor, rateScale*math.Pow(now.Sub(r.cut).Seconds()-k, 3)+r.peak)
}

// hold gives how long the extra rates make a request wait.
func (s *lessons) hold(windows []Window, now time.Time) (wait time.Duration, window string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range windows {
		h := s.windows[w.Name]
		if h == nil || h.rate == nil {
			continue
		}
		if now.Sub(h.rate.cut) > w.Per {
			h.rate = nil
			continue
		}
		due := h.rate.latest.Add(time.Duration(float64(time.Second) / h.rate.perSecond(now)))
		if d := due.Sub(now); d > wait {
			wait, window = d, w.Name
		}
	}
	return wait, window
}

// sent notes a request for the extra rates.
func (s *lessons) sent(windows []Window, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range windows {
		if h := s.windows[w.Name]; h != nil && h.rate != nil {
			h.rate.latest = now
		}
	}
}
