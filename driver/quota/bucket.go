// Package quota models PostHog's rate limits exactly: several sliding-window
// logs at once, as Django REST Framework keeps them. A request takes one slot
// in every window of its [Bucket] or in none.
package quota

import "time"

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
