package engine

import (
	"maps"
	"slices"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// slot is one table's part of a joined row.
type slot struct {
	ev  *data.Event
	rel []any
}

// frame is what the compiled expressions of one SELECT read while a row is
// evaluated.
type frame struct {
	slots []slot
	exp   []any // elements of ARRAY JOIN and arrayJoin()
	vars  []any // lambda arguments
	keys  []any // GROUP BY values
	aggs  []any // aggregate results
	win   []any // window function results
	err   error // the first failure; loops look at it after every row
}

func (f *frame) fail(err error) any {
	if f.err == nil {
		f.err = err
	}
	return nil
}

// expr is a compiled expression.
type expr struct {
	t     *typ
	eval  func(*frame) any
	fixed bool
	val   any
	// root and path are set for property access: path steps into root's JSON.
	root *expr
	path []jsonStep
	// absent is set for a property that no record has: it is always NULL and
	// may stand beside any type.
	absent bool
	// lambda is set when the expression is a lambda's body.
	text func(*frame) (string, bool) // unboxed form of a plain string column
}

func constant(t *typ, v any) *expr {
	return &expr{t: t, fixed: true, val: v, eval: func(*frame) any { return v }}
}

// environment is what a query sees of the queries around it.
type environment struct {
	tables map[string]*relation  // WITH name AS (query)
	cols   map[string]hogql.Expr // WITH expr AS name
}

func (e *environment) child() *environment {
	c := &environment{tables: map[string]*relation{}, cols: map[string]hogql.Expr{}}
	maps.Copy(c.tables, e.tables)
	maps.Copy(c.cols, e.cols)
	return c
}

// tableRef is a table of FROM. Exactly one of events and rel is set.
type tableRef struct {
	alias  string
	slot   int
	events bool
	rel    *relation
	using  map[string]bool // columns merged by USING: hidden in *
	filter *expr           // conditions tested while the table is read; may be nil
}

func (t *tableRef) has(col string) bool {
	if t.events {
		ct, _ := eventColumn(col, nil)
		return ct != nil
	}
	return t.rel.index(col) >= 0
}

// aliasDef is expr AS name in the SELECT. It sees the aliases before it only.
type aliasDef struct {
	name  string
	expr  hogql.Expr
	limit int
}

// lambdaVar is a bound lambda argument.
type lambdaVar struct {
	name string
	t    *typ
	slot int
}

// unrolled is an ARRAY JOIN item or an arrayJoin() call: one element per row.
type unrolled struct {
	name string // empty for arrayJoin()
	fp   string
	arr  *expr
	post bool // evaluated after GROUP BY
}

// scope compiles the expressions of one SELECT.
type scope struct {
	r       *runner
	env     *environment
	q       *hogql.SelectQuery
	tables  []*tableRef
	joins   []joinKind // of tables[1:]
	aliases []aliasDef
	limit   int // aliases visible now
	lambdas []lambdaVar
	nvars   int

	grouped    bool
	sets       [][]bool // GROUPING SETS: which keys each set has; nil: one, of all
	hasKeys    bool     // GROUP BY is present: no row, no group
	inAgg      bool     // compiling the arguments of an aggregate
	expUsed    int      // how often ARRAY JOIN elements were named
	earlyWhere bool     // WHERE does not need the ARRAY JOIN elements
	keys       []groupKey
	aggs       []*aggregate
	wins       []*window
	exps       []*unrolled
	busy       map[string]bool // arrayJoin() arguments being compiled
}

type groupKey struct {
	fp string
	e  *expr
}

// resolved is what a name stands for.
type resolved struct {
	lambda *lambdaVar
	exp    int // index+1 of an ARRAY JOIN item
	alias  int // index+1 of an alias
	table  *tableRef
	env    hogql.Expr
	rest   []string // chain elements that follow
}

// resolve finds what the first elements of a chain mean: lambda arguments
// first, then table.column, ARRAY JOIN names, aliases, columns, and last the
// expressions of WITH.
func (s *scope) resolve(chain []string) (resolved, error) {
	head, rest := chain[0], chain[1:]
	for i := len(s.lambdas) - 1; i >= 0; i-- {
		if s.lambdas[i].name == head {
			return resolved{lambda: &s.lambdas[i], rest: rest}, nil
		}
	}
	var named *tableRef
	if len(rest) > 0 {
		for _, t := range s.tables {
			if t.alias == head {
				named = t
				break
			}
		}
	}
	if named != nil && !named.has(head) {
		return resolved{table: named, rest: rest}, nil
	}
	for i, x := range slices.Backward(s.exps) {
		if x.name == head {
			return resolved{exp: i + 1, rest: rest}, nil
		}
	}
	for i := s.limit - 1; i >= 0; i-- {
		if s.aliases[i].name == head {
			return resolved{alias: i + 1, rest: rest}, nil
		}
	}
	for _, t := range s.tables {
		if t.has(head) || t.events && slices.Contains([]string{"person", "poe", "session", "pdi"}, head) {
			return resolved{table: t, rest: chain}, nil
		}
	}
	if named != nil {
		return resolved{table: named, rest: rest}, nil
	}
	if e, ok := s.env.cols[head]; ok {
		return resolved{env: e, rest: rest}, nil
	}
	return resolved{}, queryError(codeResolution, "Unable to resolve field: %s", strings.Join(chain, "."))
}

// withAliases runs f with only the first n aliases visible.
func (s *scope) withAliases(n int, f func() (*expr, error)) (*expr, error) {
	old := s.limit
	s.limit = n
	e, err := f()
	s.limit = old
	return e, err
}

// collectAliases registers the aliases of the query in the order in which
// PostHog meets them.
func (s *scope) collectAliases() {
	for _, e := range s.q.Select {
		s.collect(e)
	}
	for _, e := range []hogql.Expr{s.q.Prewhere, s.q.Where} {
		s.collect(e)
	}
	for _, e := range s.q.GroupBy {
		s.collect(e)
	}
	s.collect(s.q.Having)
	s.collect(s.q.Qualify)
	for _, o := range s.q.OrderBy {
		s.collect(o.Expr)
	}
	s.limit = len(s.aliases)
}

func (s *scope) collect(e hogql.Expr) {
	if isNil(e) {
		return
	}
	walk(e, func(n hogql.Expr) bool {
		if a, ok := n.(*hogql.Alias); ok {
			s.collect(a.Expr)
			s.aliases = append(s.aliases, aliasDef{name: a.Name, expr: a.Expr, limit: len(s.aliases)})
			return false
		}
		return true
	})
}

// aliasIndex is the number of aliases that a SELECT item sees: all those
// before its own name.
func (s *scope) aliasIndex(item hogql.Expr) int {
	if a, ok := item.(*hogql.Alias); ok {
		for i, d := range s.aliases {
			if d.expr == a.Expr {
				return i
			}
		}
	}
	return s.limit
}
