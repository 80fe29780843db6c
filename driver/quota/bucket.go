// Package quota models PostHog's rate limits exactly: several sliding-window
// logs at once, as Django REST Framework keeps them. A request takes one slot
// in every window of its [Bucket] or in none.
//
// A token bucket cannot do this: with the burst that a window of N allows it
// lets nearly 2 N requests pass in one window, and with a burst that is safe it
// wastes the window. See [Limiter] for the way of a request through it.
package quota

import (
	"errors"
	"fmt"
	"time"
)

// Window is one sliding window: at most Limit requests in any Per.
type Window struct {
	Name  string        // PostHog's throttle scope, such as "api_queries_burst"
	Limit int           // requests
	Per   time.Duration // length of the window
}

// Bucket names the set of windows that a request counts in.
type Bucket string

// The buckets of section 0 of PostHog's rate limits (posthog/rate_limit.py).
const (
	BucketNone          Bucket = ""               // capture, /flags: no request-count window
	BucketStandard      Bucket = "standard"       // burst 480/min, sustained 4,800/h
	BucketClickHouse    Bucket = "clickhouse"     // clickhouse_burst 240/min, clickhouse_sustained 1,200/h
	BucketQueries       Bucket = "api_queries"    // api_queries_burst 240/min, api_queries_sustained 2,400/h
	BucketPersons       Bucket = "persons"        // clickhouse_burst only
	BucketPersonsDelete Bucket = "persons_delete" // 480/min, 4,800/h
	BucketValues        Bucket = "event_values"   // 60/min, 300/h
)

// Buckets gives every bucket that has windows, in the order of reports.
func Buckets() []Bucket {
	return []Bucket{BucketQueries, BucketStandard, BucketClickHouse, BucketPersons, BucketPersonsDelete, BucketValues}
}

// Documented gives the windows of a bucket on PostHog Cloud, the shortest
// first; none for a bucket without limits.
func Documented(b Bucket) []Window {
	pair := func(scope string, burst, sustained int) []Window {
		return []Window{
			{Name: scope + "burst", Limit: burst, Per: time.Minute},
			{Name: scope + "sustained", Limit: sustained, Per: time.Hour},
		}
	}
	switch b {
	case BucketStandard:
		return pair("", 480, 4800)
	case BucketClickHouse:
		return pair("clickhouse_", 240, 1200)
	case BucketQueries:
		return pair("api_queries_", 240, 2400)
	case BucketPersons:
		return pair("clickhouse_", 240, 1200)[:1]
	case BucketPersonsDelete:
		return pair("persons_delete_", 480, 4800)
	case BucketValues:
		return pair("event_values_", 60, 300)
	}
	return nil
}

// checkWindows refuses windows that cannot be kept, and two windows of one
// name that differ: buckets share a window by its name.
func checkWindows(sets map[Bucket][]Window) error {
	seen := make(map[string]Window)
	for _, set := range sets {
		for _, w := range set {
			switch prev, ok := seen[w.Name]; {
			case w.Name == "":
				return errors.New("quota: a window has no name")
			case w.Limit < 1 || w.Per <= 0:
				return fmt.Errorf("quota: window %s: %d requests per %s; both must be positive", w.Name, w.Limit, w.Per)
			case ok && prev != w:
				return fmt.Errorf("quota: window %s is defined twice, as %d per %s and %d per %s", w.Name, prev.Limit, prev.Per, w.Limit, w.Per)
			}
			seen[w.Name] = w
		}
	}
	return nil
}
