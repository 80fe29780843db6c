package driver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// CacheConfig says how long answers of PostHog's are used again. Zero means
// the default in brackets.
type CacheConfig struct {
	Off         bool          // every call asks PostHog: no kept answers, no sharing of requests under way
	Lists       time.Duration // cohorts, flags, experiments, insights, annotations and single ones of them [60 s]
	Definitions time.Duration // event and property definitions, group types, the table schema [5 min]
	Project     time.Duration // the project and what the key may do [5 min]
	Queries     time.Duration // HogQL and other query nodes, computed insights, persons [30 s]
	StaleFor    time.Duration // oldest answer to give while PostHog fails [1 h]
	MaxBytes    int64         // of all kept answers; one answer may take an eighth [32 MiB]
}

func (cc CacheConfig) withDefaults() CacheConfig {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&cc.Lists, time.Minute)
	set(&cc.Definitions, 5*time.Minute)
	set(&cc.Project, 5*time.Minute)
	set(&cc.Queries, 30*time.Second)
	set(&cc.StaleFor, time.Hour)
	if cc.MaxBytes <= 0 {
		cc.MaxBytes = 32 << 20
	}
	return cc
}

type freshKey struct{}

// WithFresh gives a context whose calls are answered by PostHog now: not from
// kept answers, not even stale ones when PostHog fails, and queries are
// computed again. Their answers are kept for other calls.
func WithFresh(ctx context.Context) context.Context {
	return context.WithValue(ctx, freshKey{}, true)
}

func wantsFresh(ctx context.Context) bool {
	fresh, _ := ctx.Value(freshKey{}).(bool)
	return fresh
}

// cacheKey is the digest of everything that an answer depends on: the key,
// host, project, request, and how often this client has changed what the
// request reads. Answers therefore never cross keys, and a change through this
// client makes the older answers unreachable.
type cacheKey [sha256.Size]byte

// kept is one answer and when PostHog gave it. Its body is never changed.
type kept struct {
	ans *answer
	at  time.Time
}

// cache keeps good answers. The store behind it is made at the first answer, so
// that a start pays nothing, and it has no goroutine: entries leave it when new
// ones come.
type cache struct {
	cfg   CacheConfig
	store func() *otter.Cache[cacheKey, kept]
	made  func() bool
	canon canon

	mu      sync.Mutex
	changes map[string]uint64 // by area: changes made through this client
}

func newCache(cfg CacheConfig) *cache {
	ca := &cache{cfg: cfg, changes: make(map[string]uint64)}
	var mu sync.Mutex
	var store *otter.Cache[cacheKey, kept]
	ca.store = func() *otter.Cache[cacheKey, kept] {
		mu.Lock()
		defer mu.Unlock()
		if store == nil {
			store = newCacheStore(cfg)
		}
		return store
	}
	ca.made = func() bool {
		mu.Lock()
		defer mu.Unlock()
		return store != nil
	}
	return ca
}

// cacheClock tells otter the time. It does not tick, so that otter needs no
// goroutine: old entries are dropped when new ones come.
type cacheClock struct{}

// NowNano gives the time in nanoseconds.
func (cacheClock) NowNano() int64 { return time.Now().UnixNano() }

// Tick gives no ticks.
func (cacheClock) Tick(time.Duration) <-chan time.Time { return nil }

func newCacheStore(cfg CacheConfig) *otter.Cache[cacheKey, kept] {
	return otter.Must(&otter.Options[cacheKey, kept]{
		MaximumWeight:    uint64(cfg.MaxBytes),
		Weigher:          func(_ cacheKey, e kept) uint32 { return uint32(min(e.weight(), 1<<31)) },
		ExpiryCalculator: otter.ExpiryWriting[cacheKey, kept](max(cfg.StaleFor, cfg.Lists, cfg.Definitions, cfg.Project, cfg.Queries)),
		Executor:         func(work func()) { work() }, // trimming is short: no goroutine for it
		Clock:            cacheClock{},
	})
}

// weight counts an answer's memory in bytes, headers and the store's own
// bookkeeping by a flat amount.
func (e kept) weight() int64 { return int64(len(e.ans.body)) + 1024 }

// place gives the key of the call's answer and how long one is fresh, 0 for a
// call whose answer is not kept.
func (ca *cache) place(ctx context.Context, k *call) (key cacheKey, fresh time.Duration) {
	if ca.cfg.Off || k.owner == (keyID{}) || quota.PriorityOf(ctx) == quota.Bulk {
		return key, 0 // the pages of an export are read once
	}
	area, fresh := ca.lifetime(k)
	if fresh == 0 {
		return key, 0
	}
	buf := make([]byte, 0, 1024)
	buf = append(buf, k.owner[:]...)
	for _, part := range [...]string{k.url.Scheme, k.url.Host, k.method, k.url.EscapedPath(), k.url.RawQuery} {
		buf = append(append(buf, part...), 0)
	}
	ca.mu.Lock()
	buf = binary.BigEndian.AppendUint64(buf, ca.changes[area])
	ca.mu.Unlock()
	buf, ok := ca.canon.append(buf, k.body)
	if !ok {
		return key, 0
	}
	return sha256.Sum256(buf), fresh
}

// lifetime gives what the call reads and how long its answer is fresh, 0 for
// never: writes, captures, flag evaluations and the polls of a query.
func (ca *cache) lifetime(k *call) (area string, fresh time.Duration) {
	if k.target != appHost || !k.idempotent || k.plainOK || k.poll || k.probe {
		return "", 0
	}
	area = areaOf(k.path)
	if k.method != http.MethodGet {
		if k.class != ClassQuery {
			return "", 0
		}
		switch bodyKind(k.body) {
		case "DatabaseSchemaQuery", "HogQLMetadata":
			return area, ca.cfg.Definitions
		}
		return area, ca.cfg.Queries
	}
	switch area {
	case "":
		return area, ca.cfg.Project
	case "event_definitions", "property_definitions", "groups_types":
		return area, ca.cfg.Definitions
	case "persons":
		return area, ca.cfg.Queries
	}
	if k.class == ClassQuery {
		return area, ca.cfg.Queries
	}
	return area, ca.cfg.Lists
}

// areaOf names what a path is about: "cohorts" for
// "/api/projects/{project}/cohorts/42/", "" for the project itself and the key.
func areaOf(path string) string {
	_, rest, _ := strings.Cut(path, projectPlaceholder+"/")
	area, _, _ := strings.Cut(rest, "/")
	return area
}

// get gives a kept answer that is at most as old as said.
func (ca *cache) get(key cacheKey, most time.Duration) (ans *answer, age time.Duration, ok bool) {
	if !ca.made() {
		return nil, 0, false
	}
	e, ok := ca.store().GetIfPresent(key)
	if !ok {
		return nil, 0, false
	}
	age = max(0, time.Since(e.at))
	return e.ans, age, age <= most
}

// put keeps a good answer.
func (ca *cache) put(key cacheKey, ans *answer) {
	body := ans.body
	if ans.status != http.StatusOK || int64(len(body)) > ca.cfg.MaxBytes/8 {
		return
	}
	if cap(body) > len(body)+len(body)/4 {
		body = bytes.Clone(body) // it was read into a buffer with room to grow
	}
	ca.store().Set(key, kept{ans: &answer{status: ans.status, body: body}, at: time.Now()})
}

// changed makes the kept answers unreachable that a write may have made wrong.
// It is called after every write, whatever became of it. An event changes the
// answers of queries.
func (ca *cache) changed(k *call) {
	if k.class != ClassWrite && k.class != ClassCapture {
		return
	}
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if k.class == ClassCapture {
		ca.changes["query"]++
		ca.changes["persons"]++
		return
	}
	ca.changes[areaOf(k.path)]++
}

// close ends what the store may still run.
func (ca *cache) close() {
	if ca.made() {
		ca.store().StopAllGoroutines()
	}
}

// canBeStale reports a failure in which an older answer is better than none:
// PostHog is not there, or may not be asked now.
func canBeStale(err error) bool {
	switch KindOf(err) {
	case KindUnavailable, KindTimeout, KindLimited, KindUpstream:
		return true
	}
	return false
}
