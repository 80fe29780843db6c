package posthogtest

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/engine"
)

// offsetRefusal is PostHog's message for OFFSET in a query of an API key.
const offsetRefusal = "OFFSET is not supported on queries made with a personal API key. " +
	"For pagination, use keyset pagination on the `timestamp` column, e.g. " +
	"`WHERE timestamp > :last_seen_timestamp ORDER BY timestamp LIMIT N`. " +
	"For bulk data extraction, use batch exports: https://posthog.com/docs/cdp/batch-exports"

// hogqlNode is a HogQLQuery.
type hogqlNode struct {
	Query   *string         `json:"query"`
	Values  map[string]any  `json:"values"`
	Filters json.RawMessage `json:"filters"`
}

// hogqlResult is the answer to a HogQLQuery.
type hogqlResult struct {
	sql      string
	printed  string // the query as PostHog prints it
	columns  []string
	types    []string
	rows     [][]any
	own      bool // the query has its own LIMIT
	hasMore  bool
	duration time.Duration
}

// body is the answer's own fields. Only without a LIMIT of the query's own
// does PostHog page and say whether there is more.
func (r *hogqlResult) body() map[string]any {
	types := make([][2]string, len(r.columns))
	for i := range types {
		types[i] = [2]string{r.columns[i], r.types[i]}
	}
	out := map[string]any{
		"results": r.rows, "columns": r.columns, "types": types, "hogql": r.printed, "query": r.sql, "clickhouse": nil,
		"timings":   []map[string]any{{"k": "./execute", "t": r.duration.Seconds()}},
		"modifiers": map[string]any{}, "error": nil, "explain": nil, "metadata": nil,
	}
	if !r.own {
		out["hasMore"], out["limit"], out["offset"] = r.hasMore, engine.DefaultLimit, 0
	}
	return out
}

// execHogQL parses, checks and runs a HogQLQuery.
func (s *Server) execHogQL(ctx context.Context, node *queryNode) (*hogqlResult, error) {
	var q hogqlNode
	d := json.NewDecoder(bytes.NewReader(node.raw))
	d.UseNumber()
	if err := d.Decode(&q); err != nil || q.Query == nil {
		return nil, malformed("query.HogQLQuery.query", "Input should be a valid string")
	}
	tree, err := hogql.Parse(*q.Query)
	if err != nil {
		return nil, s.queryError(err)
	}
	if len(hogql.Analyze(tree).Offsets) > 0 {
		return nil, invalidText("invalid_input", "", offsetRefusal)
	}
	snap, eng := s.engines.of(s.store.Snapshot())
	filters, err := s.queryFilters(q.Filters, snap)
	if err != nil {
		return nil, s.queryError(err)
	}
	for name, v := range q.Values {
		q.Values[name] = constantOf(v)
	}
	started := time.Now()
	result, err := eng.Run(ctx, tree, engine.Options{
		Source: *q.Query, Values: q.Values, Filters: filters, Cohort: cohortsOf(snap),
		Table: func(name string) (*engine.Table, bool) { return s.systemTable(ctx, name) },
	})
	if err != nil {
		return nil, err
	}
	return &hogqlResult{
		sql: *q.Query, printed: hogql.Print(tree), columns: result.Columns, types: result.Types, rows: result.Rows, own: result.LimitGiven,
		hasMore: result.HasMore, duration: time.Since(started),
	}, nil
}

// constantOf turns a decoded JSON value into one that the engine takes: whole
// numbers stay whole.
func constantOf(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // JSON's grammar leaves only overflow, which is infinity
		return f
	case []any:
		for i := range v {
			v[i] = constantOf(v[i])
		}
	}
	return v
}

func cohortsOf(snap *data.Snapshot) func(int64, string) (map[uuid.UUID]struct{}, bool) {
	return func(id int64, name string) (map[uuid.UUID]struct{}, bool) {
		cohort := snap.Cohort(id)
		if name != "" {
			cohort = snap.CohortByName(name)
		}
		if cohort == nil {
			return nil, false
		}
		members, err := cohort.Members()
		return members, err == nil
	}
}

// engineLife is how long an engine is used again while the records stay the
// same: building one reads every event. now() may lag by as much.
const engineLife = time.Minute

// engineCache keeps the engine of the newest records.
type engineCache struct {
	mu     sync.Mutex
	snap   *data.Snapshot
	engine *engine.Engine
}

// of gives an engine over the snapshot's records and the snapshot that it
// reads.
func (e *engineCache) of(snap *data.Snapshot) (*data.Snapshot, *engine.Engine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.snap == nil || !sameRows(e.snap.Events, snap.Events) || !sameRows(e.snap.Persons, snap.Persons) ||
		len(e.snap.Cohorts) != len(snap.Cohorts) || snap.Now.Sub(e.snap.Now) >= engineLife || snap.Now.Before(e.snap.Now) {
		e.snap, e.engine = snap, engine.New(snap)
	}
	// Cohorts can change while the rows stay, so they come from the newest.
	return snap, e.engine
}

// sameRows reports whether two slices are the same memory: the store copies
// on write.
func sameRows[T any](a, b []*T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
