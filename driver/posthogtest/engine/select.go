package engine

import (
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// maxNesting bounds how deep subqueries may stand in each other.
const maxNesting = 50

// query evaluates a query; top is set for the outermost one.
func (r *runner) query(q hogql.Query, env *environment, top *bound) (*relation, error) {
	if err := r.check(0); err != nil {
		return nil, err
	}
	if r.deep++; r.deep > maxNesting {
		return nil, queryError("too_deep_subqueries", "Too deep subqueries. Maximum: %d", maxNesting)
	}
	defer func() { r.deep-- }()
	switch q := q.(type) {
	case *hogql.SelectQuery:
		return r.selectQuery(q, env, top)
	case *hogql.SelectSetQuery:
		return r.setQuery(q, env, top)
	}
	return nil, queryError(codeNotImplemented, "Unresolved placeholder in FROM")
}

func (r *runner) with(list []*hogql.CTE, env *environment) (*environment, error) {
	env = env.child()
	for _, c := range list {
		switch {
		case c.Recursive:
			return nil, notSupported("recursive CTEs")
		case len(c.UsingKey) > 0:
			return nil, notSupported("USING KEY in a CTE")
		case c.Column:
			env.cols[c.Name] = c.Expr
			if q, ok := c.Expr.(hogql.Query); ok {
				e, err := (&scope{r: r, env: env}).scalar(q)
				if err != nil {
					return nil, err
				}
				env.cols[c.Name] = &computed{e: e}
			}
		default:
			q, ok := c.Expr.(hogql.Query)
			if !ok {
				return nil, queryError(codeNotImplemented, "CTE %s is not a query", c.Name)
			}
			rel, err := r.query(q, env, nil)
			if err != nil {
				return nil, err
			}
			if c.Columns != nil {
				if rel, err = renamed(rel, c.Columns); err != nil {
					return nil, err
				}
			}
			env.tables[c.Name] = rel
		}
	}
	return env, nil
}

func renamed(rel *relation, names []string) (*relation, error) {
	if len(names) != len(rel.names) {
		return nil, queryError(codeBadArguments, "%d column aliases for %d columns", len(names), len(rel.names))
	}
	out := *rel
	out.names = names
	return &out, nil
}

// computed is an expression that has been evaluated already.
type computed struct {
	hogql.Expr
	e *expr
}

// Pos is needed because the embedded expression is nil.
func (*computed) Pos() hogql.Span { return hogql.Span{} }

// item is an output column of a SELECT.
type item struct {
	name string
	e    *expr
}

// selectPlan is a compiled SELECT.
type selectPlan struct {
	s       *scope
	from    source
	where   *expr
	items   []item
	having  *expr
	qualify *expr
	order   []*expr
	keys    []sortKey
	limitBy []*expr
	tail    tail
}

// tail are the row limits of a query, as numbers.
type tail struct {
	by, byOffset  int
	limit, offset int // limit < 0: none
	ties          bool
}

func (r *runner) selectQuery(q *hogql.SelectQuery, outer *environment, top *bound) (*relation, error) {
	env := outer
	if len(q.CTEs) > 0 {
		var err error
		if env, err = r.with(q.CTEs, outer); err != nil {
			return nil, err
		}
	}
	s := &scope{r: r, env: env, q: q, busy: map[string]bool{}}
	p, err := s.plan()
	if err != nil {
		return nil, err
	}
	if top != nil && (p.tail.limit < 0 || p.tail.limit > top.rows()) {
		p.tail.limit = top.rows()
	}
	return p.run()
}

func (s *scope) plan() (*selectPlan, error) {
	q := s.q
	if q.LimitPercent {
		return nil, notSupported("LIMIT with a percentage")
	}
	p := &selectPlan{s: s}
	var err error
	if p.from, err = s.from(q.From); err != nil {
		return nil, err
	}
	if err := s.arrayJoins(); err != nil {
		return nil, err
	}
	s.collectAliases()
	if err := s.pushDown(q.Prewhere, q.Where); err != nil {
		return nil, err
	}
	used := s.expUsed
	if p.where, err = s.condition(q.Prewhere, q.Where); err != nil {
		return nil, err
	}
	s.earlyWhere = used == s.expUsed
	if err := s.groupBy(); err != nil {
		return nil, err
	}
	if p.items, err = s.selectList(); err != nil {
		return nil, err
	}
	if p.having, err = s.condition(q.Having); err != nil {
		return nil, err
	}
	if p.having != nil && !s.grouped && len(s.wins) == 0 {
		if p.where, err = bothConditions(p.where, p.having); err != nil {
			return nil, err
		}
		p.having = nil
	}
	if p.qualify, err = s.condition(q.Qualify); err != nil {
		return nil, err
	}
	if p.order, p.keys, err = s.orderBy(q.OrderBy, p.items); err != nil {
		return nil, err
	}
	if q.LimitBy != nil {
		for _, e := range q.LimitBy.Exprs {
			c, err := s.positional(e, p.items)
			if err != nil {
				return nil, err
			}
			p.limitBy = append(p.limitBy, c)
		}
		if p.tail.by, err = s.rowCount(q.LimitBy.N, 0); err != nil {
			return nil, err
		}
		if p.tail.byOffset, err = s.rowCount(q.LimitBy.Offset, 0); err != nil {
			return nil, err
		}
	}
	return p, s.limits(&p.tail, q.Limit, q.Offset, q.LimitWithTies)
}

func (s *scope) limits(t *tail, limit, offset hogql.Expr, ties bool) error {
	var err error
	if t.limit, err = s.rowCount(limit, -1); err != nil {
		return err
	}
	t.ties = ties
	t.offset, err = s.rowCount(offset, 0)
	return err
}

func (s *scope) rowCount(e hogql.Expr, absent int) (int, error) {
	if e == nil {
		return absent, nil
	}
	c, err := s.compile(e)
	if err != nil {
		return 0, err
	}
	n, ok := normal(c.val).(uint64)
	if f, isFloat := c.val.(float64); isFloat && f >= 0 && f == float64(uint64(f)) {
		n, ok = uint64(f), true
	}
	if !ok || !c.fixed {
		return 0, queryError("invalid_limit_expression", "The value of LIMIT and OFFSET must be a constant non-negative whole number")
	}
	return int(min(n, 1<<40)), nil
}

func bothConditions(a, b *expr) (*expr, error) {
	if a == nil {
		return b, nil
	}
	return buildLogic([]*expr{a, b}, true)
}

// condition compiles the conjunction of the conditions that are present.
func (s *scope) condition(list ...hogql.Expr) (*expr, error) {
	var out *expr
	for _, e := range nonNil(list...) {
		c, err := s.compile(e)
		if err != nil {
			return nil, err
		}
		if !c.t.isNumber() && c.t.k != kNothing {
			return nil, queryError("illegal_type_of_column_for_filter", "Invalid type for filter: %s, a condition is expected", c.t)
		}
		if out, err = bothConditions(out, c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// selectList compiles the output columns; stars are spelled out.
func (s *scope) selectList() ([]item, error) {
	var out []item
	for _, e := range s.q.Select {
		if f, ok := e.(*hogql.Field); ok && f.Chain[len(f.Chain)-1] == "*" {
			cols, err := s.star(f.Chain)
			if err != nil {
				return nil, err
			}
			out = append(out, cols...)
			continue
		}
		c, err := s.withAliases(s.aliasIndex(e), func() (*expr, error) { return s.compile(e) })
		if err != nil {
			return nil, err
		}
		if c.t.k == kLambda || c.t.k == kSet {
			return nil, queryError(codeIllegalType, "A lambda cannot be a column")
		}
		out = append(out, item{name: s.columnName(e), e: c})
	}
	return out, nil
}

func (s *scope) columnName(e hogql.Expr) string {
	switch n := e.(type) {
	case *hogql.Alias:
		return n.Name
	case *hogql.Field:
		return n.Chain[len(n.Chain)-1]
	}
	if t := e.Pos().Text(s.r.opts.Source); t != "" {
		return t
	}
	return s.fingerprint(e)
}

// star expands * and table.*.
func (s *scope) star(chain []string) ([]item, error) {
	var out []item
	found := false
	for _, t := range s.tables {
		if len(chain) > 1 && t.alias != chain[0] {
			continue
		}
		found = true
		names := eventStar()
		if !t.events {
			names = nil
			for _, n := range t.rel.names {
				if !t.rel.hidden[n] {
					names = append(names, n)
				}
			}
		}
		for _, name := range names {
			if t.using[name] && len(chain) == 1 {
				continue
			}
			var e *expr
			var err error
			if k := s.groupKey(&hogql.Field{Chain: []string{t.alias, name}}); k != nil {
				e = k
			} else if e, err = s.column(t, []string{name}); err != nil {
				return nil, err
			}
			out = append(out, item{name: name, e: e})
		}
	}
	if !found {
		return nil, queryError(codeResolution, "Cannot expand %s", strings.Join(chain, "."))
	}
	return out, nil
}

// positional compiles e, or takes the SELECT column that a number names.
func (s *scope) positional(e hogql.Expr, items []item) (*expr, error) {
	if c, ok := e.(*hogql.Constant); ok {
		if n, ok := c.Value.(int64); ok {
			if n < 1 || int(n) > len(items) {
				return nil, queryError(codeBadArguments, "Positional argument out of bounds: %d (expected in range [1, %d])", n, len(items))
			}
			return items[n-1].e, nil
		}
	}
	return s.compile(e)
}

func (s *scope) orderBy(list []*hogql.OrderExpr, items []item) ([]*expr, []sortKey, error) {
	var exprs []*expr
	var keys []sortKey
	for _, o := range list {
		if o.WithFill != nil {
			return nil, nil, notSupported("WITH FILL")
		}
		e, err := s.positional(o.Expr, items)
		if err != nil {
			return nil, nil, err
		}
		exprs = append(exprs, plainText(e))
		// NULLS FIRST has no effect: PostHog's parser drops it.
		keys = append(keys, sortKey{desc: o.Desc})
	}
	return exprs, keys, nil
}
