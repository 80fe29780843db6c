package posthogtest

import (
	"maps"
	"math/rand/v2"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// FaultKind says what a fault does to a request.
type FaultKind int

// The kinds of faults. Those that say "served" let the server do the work
// first (the request counts, events are stored) and spoil only the answer.
const (
	FaultDelay        FaultKind = iota // served, after Latency
	FaultStatus                        // answers Status with Body instead
	FaultHTML                          // answers an HTML page; Status 502 unless set
	FaultRedirect                      // answers Status (307 unless set) with Location
	FaultReset                         // breaks the connection before any byte
	FaultServedReset                   // served, then breaks the connection before any byte
	FaultResetBody                     // served, breaks the connection in the middle of the body
	FaultTruncate                      // served, half the body with the right end of a message
	FaultTruncateGzip                  // served, a gzip body that stops half way
	FaultWrongLength                   // served, Content-Length is larger than the body
	FaultSlowBody                      // served, the body in eight parts with Latency before each
	FaultHang                          // never answers; ends when the client goes away
)

// Fault is one rule. Path and Method choose requests; Nth, Every and
// Probability choose among them (with none of them: all); Count bounds how
// many are struck.
type Fault struct {
	Name   string // in the request log and in Counts; default: the kind's name
	Path   string // as in path.Match, "*" inside a segment, "**" at the end for any rest; "" is every path
	Method string // "" is every method

	Nth         int     // only the nth matching request, from 1
	Every       int     // every nth matching request
	Probability float64 // of each matching request, drawn from Seed
	Seed        uint64
	Count       int // at most so many strikes; 0: no bound

	Kind     FaultKind
	Latency  time.Duration // before the answer; with FaultSlowBody before each part
	Status   int
	Body     string
	Header   http.Header // added to the answer of FaultStatus, FaultHTML, FaultRedirect
	Location string      // of FaultRedirect
}

func (f *Fault) name() string {
	if f.Name != "" {
		return f.Name
	}
	return [...]string{
		"delay", "status", "html", "redirect", "reset", "served_reset", "reset_body", "truncate",
		"truncate_gzip", "wrong_length", "slow_body", "hang",
	}[f.Kind]
}

// served reports whether the server does the work before the fault strikes.
func (f *Fault) served() bool {
	switch f.Kind {
	case FaultStatus, FaultHTML, FaultRedirect, FaultReset, FaultHang:
		return false
	default:
		return true
	}
}

// Faults holds a server's fault rules. The first rule that strikes wins.
type Faults struct {
	mu     sync.Mutex
	rules  []*rule
	counts map[string]int
}

type rule struct {
	Fault
	seen, struck int
	rng          *rand.Rand
}

// Add puts a rule behind the others and gives the function that takes it away.
func (f *Faults) Add(fault Fault) (remove func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &rule{Fault: fault, rng: rand.New(rand.NewPCG(fault.Seed, 0))} //nolint:gosec // repeatable on purpose
	f.rules = append(f.rules, r)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for i, other := range f.rules {
			if other == r {
				f.rules = append(f.rules[:i:i], f.rules[i+1:]...)
				return
			}
		}
	}
}

// Clear takes every rule away.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// Counts says how often each fault struck, by name.
func (f *Faults) Counts() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]int{}
	maps.Copy(out, f.counts)
	return out
}

// strike gives the fault for a request, or nil.
func (f *Faults) strike(method, urlPath string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.rules {
		if r.Method != "" && r.Method != method || !globMatch(r.Path, urlPath) {
			continue
		}
		r.seen++
		if !r.due() {
			continue
		}
		r.struck++
		if f.counts == nil {
			f.counts = map[string]int{}
		}
		f.counts[r.name()]++
		fault := r.Fault
		return &fault
	}
	return nil
}

func (r *rule) due() bool {
	if r.Count > 0 && r.struck >= r.Count {
		return false
	}
	if r.Nth > 0 && r.seen != r.Nth {
		return false
	}
	if r.Every > 0 && r.seen%r.Every != 0 {
		return false
	}
	return r.Probability <= 0 || r.rng.Float64() < r.Probability
}

func globMatch(glob, urlPath string) bool {
	if glob == "" {
		return true
	}
	if head, any := strings.CutSuffix(glob, "**"); any {
		depth := strings.Count(head, "/")
		at := 0
		for range depth {
			next := strings.IndexByte(urlPath[at:], '/')
			if next < 0 {
				return false
			}
			at += next + 1
		}
		matched, err := path.Match(head, urlPath[:at])
		return err == nil && matched
	}
	matched, err := path.Match(glob, urlPath)
	return err == nil && matched
}
