package quota

import (
	"context"
	"math"
	"slices"
	"time"
)

// State says in one word how a window stands.
type State string

// The states of a window, the worst last.
const (
	StateOK        State = "ok"
	StatePacing    State = "pacing"    // three quarters used, or full within 15 minutes at this pace
	StateCritical  State = "critical"  // nine tenths used
	StateExhausted State = "exhausted" // no slot, or closed by a 429
)

// pacingHorizon is how near the end of a longer window must be to call for a
// slower pace.
const pacingHorizon = 15 * time.Minute

// WindowStatus is one window as people and agents see it. Times are seconds
// from now.
type WindowStatus struct {
	Name         string   `json:"name"`
	Class        string   `json:"class"` // of the requests that it counts: "query" or "read" (reads and writes)
	WindowS      int      `json:"window_s"`
	Limit        int      `json:"limit"`
	LimitSource  string   `json:"limit_source"` // "documented", "config" or "learned"
	Used         int      `json:"used"`
	UsedByMe     int      `json:"used_by_me"` // by this process
	Reserved     int      `json:"reserved"`
	Remaining    int      `json:"remaining"`
	NextSlotInS  float64  `json:"next_slot_in_s"`
	FullResetInS float64  `json:"full_reset_in_s"`
	BurnPerMin   float64  `json:"burn_per_min"`
	ExhaustedInS *float64 `json:"exhausted_in_s"` // null when it will not be
	State        State    `json:"state"`
}

// Snapshot describes every window, in a fixed order.
func (l *Limiter) Snapshot(ctx context.Context) ([]WindowStatus, error) {
	usage, err := l.store.Usage(ctx, l.all)
	if err != nil {
		return nil, err
	}
	out := make([]WindowStatus, len(l.all))
	for i, w := range l.all {
		u := usage[i]
		s := WindowStatus{
			Name: w.Name, Class: l.classes[w.Name], WindowS: int(w.Per / time.Second), Limit: u.Limit, LimitSource: l.sources[w.Name],
			Used: u.Used, UsedByMe: u.Mine, Reserved: u.Reserved, Remaining: max(0, u.Limit-u.Used-u.Reserved),
			NextSlotInS: seconds(u.NextSlot), FullResetInS: seconds(u.FullReset),
			BurnPerMin: u.BurnPerMin, State: stateOf(w, u),
		}
		if u.Learned {
			s.LimitSource = "learned"
		}
		if u.ExhaustedIn >= 0 {
			s.ExhaustedInS = new(seconds(u.ExhaustedIn))
		}
		out[i] = s
	}
	return out, nil
}

// StoreName gives the kind of store, and whether it has fallen back.
func (l *Limiter) StoreName() (name string, degraded bool) {
	return l.store.Name(), l.store.Degraded()
}

// classesOf names the class of requests that each window counts, as the driver
// calls it.
func classesOf(windows map[Bucket][]Window) map[string]string {
	out := make(map[string]string)
	for bucket, set := range windows {
		for _, w := range set {
			if bucket == BucketQueries {
				out[w.Name] = "query"
			} else if out[w.Name] == "" {
				out[w.Name] = "read"
			}
		}
	}
	return out
}

// sourcesOf tells documented windows from configured ones.
func sourcesOf(windows []Window) map[string]string {
	var documented []Window
	for _, b := range Buckets() {
		documented = append(documented, Documented(b)...)
	}
	out := make(map[string]string, len(windows))
	for _, w := range windows {
		out[w.Name] = "config"
		if slices.Contains(documented, w) {
			out[w.Name] = "documented"
		}
	}
	return out
}

func stateOf(w Window, u Usage) State {
	taken := u.Used + u.Reserved
	switch {
	case u.Shut || taken >= u.Limit:
		return StateExhausted
	case taken*10 >= u.Limit*9:
		return StateCritical
	case taken*4 >= u.Limit*3,
		w.Per > pacingHorizon && u.ExhaustedIn >= 0 && u.ExhaustedIn < pacingHorizon:
		return StatePacing
	}
	return StateOK
}

// seconds rounds up to a tenth: a shorter answer would be a lie.
func seconds(d time.Duration) float64 { return math.Ceil(d.Seconds()*10) / 10 }
