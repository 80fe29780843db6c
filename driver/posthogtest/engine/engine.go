// Package engine runs HogQL over the records of the embedded PostHog, in
// memory. It resolves names as PostHog does, types values as ClickHouse does,
// and evaluates row by row: no index, no optimiser, no storage. What it does
// not implement exactly it refuses by name.
package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// Row limits of PostHog's query endpoint, in rows.
const (
	DefaultLimit = 100
	MaxLimit     = 50_000
)

// defaultMaxRows bounds the rows that one step of a query may hold in memory.
const defaultMaxRows = 4_000_000

// Engine runs queries over one snapshot. It is safe for concurrent use.
type Engine struct {
	snap *data.Snapshot

	definitions func() definitions
	sessions    func() *sessionTable
	persons     func() *relation
	distinctIDs func() *relation
}

// PropertyType is the detected type of a property, as PostHog's property
// definitions name it.
type PropertyType string

// The property types that change how a property is read; any other value
// means text.
const (
	PropertyString   PropertyType = "String"
	PropertyNumeric  PropertyType = "Numeric"
	PropertyBoolean  PropertyType = "Boolean"
	PropertyDateTime PropertyType = "DateTime"
)

// Cell types of an extra [Table].
const (
	CellString   = "String"
	CellInt      = "Int64"
	CellFloat    = "Float64"
	CellBool     = "Bool"
	CellUUID     = "UUID"
	CellDateTime = "DateTime"
)

// Column is one column of an extra table.
type Column struct {
	Name string
	Type string // one of the Cell constants
	Null bool   // whether cells may be nil
}

// Table is a table besides the built-in ones, for example system.cohorts. A
// cell is a string, int64, float64, bool, uuid.UUID or time.Time, or nil in a
// column that allows it.
type Table struct {
	Columns []Column
	Rows    [][]any
}

// Options are what one query may use besides the snapshot.
type Options struct {
	// Source is the statement's text; columns without an alias are named by
	// their part of it.
	Source string
	// DefaultLimit is the number of rows without a LIMIT (0: 100), MaxLimit
	// the most that a LIMIT may ask for (0: 50,000; more is lowered to it).
	DefaultLimit int
	MaxLimit     int
	// MaxRows bounds the rows of each intermediate step (0: 4,000,000).
	MaxRows int
	// Values replace {name} placeholders: string, bool, numbers, nil, []any.
	Values map[string]any
	// Cohort returns the members of a cohort, by numeric id or by exact name.
	Cohort func(id int64, name string) (map[uuid.UUID]struct{}, bool)
	// Action returns the condition on events that matchesAction stands for.
	Action func(id int64, name string) (hogql.Expr, bool)
	// EventTypes and PersonTypes override the detected property types.
	EventTypes, PersonTypes map[string]PropertyType
	// Table returns a table that is not built in.
	Table func(name string) (*Table, bool)
	// Filters is the condition that {filters} stands for; nil means true.
	Filters hogql.Expr
}

// Result is the answer to a query.
type Result struct {
	Columns []string
	Types   []string // ClickHouse type names, in column order
	Rows    [][]any  // JSON-ready cells
	// HasMore tells that rows beyond the default limit exist. It is only known
	// without a LIMIT of the query's own.
	HasMore bool
	Limit   int
	// LimitGiven is true when the query has its own LIMIT, or is a set of
	// queries: PostHog then leaves hasMore and limit out of its answer.
	LimitGiven bool
}

// New returns an engine over snap, which must not change afterwards. Derived
// tables are built on first use and kept.
func New(snap *data.Snapshot) *Engine {
	e := &Engine{snap: snap}
	e.definitions = sync.OnceValue(func() definitions { return detectTypes(snap) })
	e.sessions = sync.OnceValue(func() *sessionTable { return buildSessions(snap, e.loc()) })
	e.persons = sync.OnceValue(func() *relation { return personRelation(snap, e.loc()) })
	e.distinctIDs = sync.OnceValue(func() *relation { return distinctIDRelation(snap) })
	return e
}

func (e *Engine) loc() *time.Location {
	if e.snap.TimeZone == nil {
		return time.UTC
	}
	return e.snap.TimeZone
}

// Run evaluates q. Errors are a *[QueryError] for a fault in the query, a
// *[NotSupportedError] for what the engine does not implement, or the
// context's error.
func (e *Engine) Run(ctx context.Context, q hogql.Query, opts Options) (*Result, error) {
	res, _, err := e.evaluate(ctx, q, opts)
	return res, err
}

// evaluate is Run with the relation that the result was printed from.
func (e *Engine) evaluate(ctx context.Context, q hogql.Query, opts Options) (*Result, *relation, error) {
	if q == nil {
		return nil, nil, errors.New("engine: no query")
	}
	if opts.DefaultLimit <= 0 {
		opts.DefaultLimit = DefaultLimit
	}
	if opts.MaxLimit <= 0 {
		opts.MaxLimit = MaxLimit
	}
	if opts.MaxRows <= 0 {
		opts.MaxRows = defaultMaxRows
	}
	r := &runner{ctx: ctx, e: e, opts: opts, loc: e.loc(), now: instantOf(e.snap.Now)}
	res := &Result{Limit: opts.DefaultLimit}
	top := &bound{limit: opts.DefaultLimit, peek: true}
	switch q := q.(type) {
	case *hogql.SelectQuery:
		if q.Limit != nil {
			res.LimitGiven = true
			top = &bound{limit: opts.MaxLimit}
		}
	case *hogql.SelectSetQuery:
		res.LimitGiven = true
		top = &bound{limit: opts.DefaultLimit}
		if q.Limit != nil {
			top.limit = opts.MaxLimit
		}
	default:
		return nil, nil, queryError(codeNotImplemented, "Unresolved placeholder: %s", q.Pos().Text(opts.Source))
	}
	rel, err := r.query(q, &environment{}, top)
	if err != nil {
		return nil, nil, err
	}
	if top.peek && len(rel.rows) > opts.DefaultLimit {
		res.HasMore = true
		rel.rows = rel.rows[:opts.DefaultLimit]
	}
	res.Columns = rel.names
	if res.LimitGiven {
		res.Limit = len(rel.rows)
	}
	for _, t := range rel.types {
		res.Types = append(res.Types, t.String())
	}
	res.Rows = make([][]any, len(rel.rows))
	for i, row := range rel.rows {
		if err := r.check(i); err != nil {
			return nil, nil, err
		}
		out := make([]any, len(row))
		for j, v := range row {
			out[j] = output(v, rel.types[j], r.loc)
		}
		res.Rows[i] = out
	}
	return res, rel, nil
}

// bound is the row limit of the top query: limit rows at most, one more when
// peek asks whether more exist.
type bound struct {
	limit int
	peek  bool
}

func (b *bound) rows() int {
	if b.peek {
		return b.limit + 1
	}
	return b.limit
}

// runner is the state of one Run.
type runner struct {
	ctx  context.Context //nolint:containedctx // a runner lives as long as one Run
	e    *Engine
	opts Options
	loc  *time.Location
	now  instant
	deep int
}

// check reports the context's end; call it with the row number, it looks only
// now and then.
func (r *runner) check(row int) error {
	if row&0x3ff != 0 {
		return nil
	}
	return context.Cause(r.ctx)
}

func (r *runner) capRows(n int, step string) error {
	if n <= r.opts.MaxRows {
		return nil
	}
	return queryError(codeTooManyRows, "%s gives more than %d rows; narrow the query (time bound, WHERE, fewer join matches)", step, r.opts.MaxRows)
}
