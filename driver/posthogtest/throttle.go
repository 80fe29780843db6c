package posthogtest

import (
	"crypto/sha256"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"
)

// Tier says which regime counts POST /query/.
type Tier int

// The regimes of the query endpoint.
const (
	// TierAPIQueries is what PostHog Cloud's customers get: 240/minute and
	// 2400/hour for every query.
	TierAPIQueries Tier = iota
	// TierLegacy counts HogQL at 120/hour and other kinds with the ClickHouse
	// pair, as projects without API queries and older installs do.
	TierLegacy
)

// Throttle sets the rate limits. The zero value is PostHog Cloud's.
type Throttle struct {
	Off  bool // count nothing, as a self-hosted install does
	Tier Tier
	// Scale multiplies every limit (at least 1 request); 0 means 1.
	Scale float64
	// NoRetryAfter leaves the Retry-After header out, as old versions do; the
	// seconds are then only in the detail.
	NoRetryAfter bool
}

// limit is one DRF throttle: its scope and rate.
type limit struct {
	scope string
	count int
	per   time.Duration
}

// bucket names the throttles that an endpoint declares.
type bucket int

const (
	standard bucket = iota
	clickhouse
	queries
	persons
	eventValues
	remoteConfig
	flagDefinitions
	unlimited
)

// limits gives the throttles of a bucket in the order PostHog evaluates them.
// HogQL tells the legacy regime which kind of query it is.
func (b bucket) limits(tier Tier, hogql bool) []limit {
	switch b {
	case standard:
		return []limit{{"burst", 480, time.Minute}, {"sustained", 4800, time.Hour}}
	case clickhouse:
		return []limit{{"clickhouse_burst", 240, time.Minute}, {"clickhouse_sustained", 1200, time.Hour}}
	case queries:
		if tier == TierAPIQueries {
			return []limit{{"api_queries_burst", 240, time.Minute}, {"api_queries_sustained", 2400, time.Hour}}
		}
		if hogql {
			return []limit{{"query", 120, time.Hour}}
		}
		return clickhouse.limits(tier, false)
	case persons:
		return []limit{{"clickhouse_burst", 240, time.Minute}}
	case eventValues:
		return []limit{{"event_values_burst", 60, time.Minute}, {"event_values_sustained", 300, time.Hour}}
	case remoteConfig:
		return []limit{{"remote_config", 600, time.Minute}}
	case flagDefinitions:
		return []limit{{"flag_definitions", 600, time.Minute}}
	default:
		return nil
	}
}

// throttles keeps the histories of accepted requests, as Django REST
// Framework's SimpleRateThrottle keeps them in its cache.
type throttles struct {
	mu  sync.Mutex
	set Throttle
	// history holds accepted times, oldest first, by credential and scope.
	history map[historyKey][]time.Time
}

type historyKey struct {
	credential [sha256.Size]byte
	scope      string
}

func newThrottles(set Throttle) *throttles {
	return &throttles{set: set, history: map[historyKey][]time.Time{}}
}

func (t *throttles) configure(set Throttle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set = set
}

// check counts one request. Every throttle of the bucket is asked, and one
// that has room records the request even when a sibling refuses it; the wait
// is the largest that a refusing throttle gives.
func (t *throttles) check(b bucket, hogql bool, key string, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set.Off {
		return nil
	}
	credential := sha256.Sum256([]byte(key))
	refused, wait, known := false, 0.0, false
	for _, l := range b.limits(t.set.Tier, hogql) {
		if t.set.Scale > 0 {
			l.count = max(1, int(float64(l.count)*t.set.Scale))
		}
		k := historyKey{credential, l.scope}
		h := t.history[k]
		for len(h) > 0 && !h[0].After(now.Add(-l.per)) {
			h = h[1:]
		}
		if len(h) >= l.count {
			refused = true
			// With a history longer than the limit (it was lowered) the
			// framework knows no wait.
			if room := l.count - len(h) + 1; room > 0 {
				known = true
				wait = max(wait, (l.per-now.Sub(h[0])).Seconds()/float64(room))
			}
		} else {
			h = append(h, now)
		}
		t.history[k] = h
	}
	if !refused {
		return nil
	}
	return t.refusal(wait, known)
}

func (t *throttles) refusal(wait float64, known bool) *apiError {
	e := throttled("Request was throttled.")
	if !known {
		return e
	}
	seconds := int(math.Ceil(wait))
	unit := "seconds"
	if seconds == 1 {
		unit = "second"
	}
	e.detail += fmt.Sprintf(" Expected available in %d %s.", seconds, unit)
	if !t.set.NoRetryAfter {
		e.retryAfter = seconds
	}
	return e
}

func throttled(detail string) *apiError {
	return &apiError{status: http.StatusTooManyRequests, kind: "throttled_error", code: "throttled", detail: detail}
}

// usage counts the requests of one key inside each window.
func (t *throttles) usage(key string, now time.Time) map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	credential, used := sha256.Sum256([]byte(key)), map[string]int{}
	for b := range unlimited {
		for _, hogql := range []bool{true, false} {
			for _, l := range b.limits(t.set.Tier, hogql) {
				n := 0
				for _, at := range t.history[historyKey{credential, l.scope}] {
					if at.After(now.Add(-l.per)) {
						n++
					}
				}
				if n > 0 {
					used[l.scope] = n
				}
			}
		}
	}
	return used
}
