package posthogtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"
)

// How old a cached answer may be: the "day" thresholds that PostHog's query
// runner uses for SQL, and the lazy ones of lazy_async.
const (
	freshFor = 2 * time.Hour
	lazyFor  = 24 * time.Hour
	// refreshAgain is when PostHog's own clients may ask to compute again.
	refreshAgain = 3 * time.Minute
)

// Bounds of the cache: answers, and rows in all of them.
const (
	maxCached     = 256
	maxCachedRows = 200_000
)

// resultCache keeps the answers of queries by project and query.
type resultCache struct {
	mu      sync.Mutex
	entries map[string]*cached
	order   []string // oldest first
	rows    int
}

// cached is one answer with the time it was computed.
type cached struct {
	key  string
	at   time.Time
	body map[string]any // without the cache's own fields; never changed
}

func newResultCache() *resultCache { return &resultCache{entries: map[string]*cached{}} }

// cacheKey names a query: its JSON in a canonical form, without its label.
func cacheKey(raw json.RawMessage) string {
	var q map[string]any
	if json.Unmarshal(raw, &q) == nil {
		delete(q, "name")
		if canonical, err := json.Marshal(q); err == nil {
			raw = canonical
		}
	}
	sum := sha256.Sum256(raw)
	return "cache_" + hex.EncodeToString(sum[:16])
}

func (r *resultCache) get(key string) *cached {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.entries[key]
}

func (r *resultCache) put(entry *cached) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(entry.key)
	for len(r.order) > 0 && (len(r.order) >= maxCached || r.rows+entry.rows() > maxCachedRows) {
		r.drop(r.order[0])
	}
	r.entries[entry.key] = entry
	r.order = append(r.order, entry.key)
	r.rows += entry.rows()
}

func (r *resultCache) drop(key string) {
	if old := r.entries[key]; old != nil {
		r.rows -= old.rows()
		delete(r.entries, key)
		r.order = slices.DeleteFunc(r.order, func(k string) bool { return k == key })
	}
}

func (e *cached) rows() int {
	rows, _ := e.body["results"].([][]any)
	return len(rows)
}

// answer is the body of a query's answer with the cache's fields.
func (e *cached) answer(isCached bool, zone string) map[string]any {
	out := maps.Clone(e.body)
	out["is_cached"], out["cache_key"], out["last_refresh"] = isCached, e.key, e.at
	out["cache_target_age"], out["next_allowed_client_refresh"] = e.at.Add(freshFor), e.at.Add(refreshAgain)
	out["timezone"], out["query_status"] = zone, nil
	return out
}
