package engine

import (
	"slices"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// groupBy compiles the GROUP BY keys and decides whether the query aggregates.
func (s *scope) groupBy() error {
	q := s.q
	list := q.GroupBy
	if q.GroupByMode == "grouping_sets" {
		list = nil
		for _, g := range q.GroupBy {
			list = append(list, children(g)...)
		}
	}
	if q.GroupByMode == "all" {
		list = nil
		for _, e := range q.Select {
			if !s.aggregates(e) {
				list = append(list, e)
			}
		}
	}
	found := len(list) > 0 || q.GroupByMode == "all"
	for _, e := range q.Select {
		found = found || s.aggregates(e)
	}
	found = found || s.aggregates(q.Having) || s.aggregates(q.Qualify)
	for _, o := range q.OrderBy {
		found = found || s.aggregates(o.Expr)
	}
	if !found {
		return nil
	}
	s.hasKeys = len(list) > 0
	for _, e := range list {
		if err := s.addKey(e); err != nil {
			return err
		}
	}
	s.grouped = true
	return s.groupingSets()
}

// groupingSets lists which keys each set of ROLLUP, CUBE and GROUPING SETS
// has.
func (s *scope) groupingSets() error {
	n := len(s.keys)
	switch s.q.GroupByMode {
	case "rollup":
		for size := n; size >= 0; size-- {
			set := make([]bool, n)
			for i := range size {
				set[i] = true
			}
			s.sets = append(s.sets, set)
		}
	case "cube":
		if n > 8 {
			return notSupported("CUBE of more than 8 keys")
		}
		for mask := 1<<n - 1; mask >= 0; mask-- {
			set := make([]bool, n)
			for i := range set {
				set[i] = mask>>i&1 == 1
			}
			s.sets = append(s.sets, set)
		}
	case "grouping_sets":
		for _, g := range s.q.GroupBy {
			set := make([]bool, n)
			for _, e := range children(g) {
				fp := s.fingerprint(e)
				for i, k := range s.keys {
					set[i] = set[i] || k.fp == fp
				}
			}
			s.sets = append(s.sets, set)
		}
	}
	return nil
}

func (s *scope) addKey(e hogql.Expr) error {
	limit := s.limit
	if c, ok := e.(*hogql.Constant); ok {
		n, isInt := c.Value.(int64)
		if !isInt {
			return nil // a constant groups everything together
		}
		if n < 1 || int(n) > len(s.q.Select) {
			return queryError(codeBadArguments, "Positional argument out of bounds: %d (expected in range [1, %d])", n, len(s.q.Select))
		}
		e = s.q.Select[n-1]
		limit = s.aliasIndex(e)
	}
	if s.aggregates(e) {
		return queryError(codeIllegalAggr, "Aggregate function %s is found in GROUP BY in query", e.Pos().Text(s.r.opts.Source))
	}
	var fp string
	k, err := s.withAliases(limit, func() (*expr, error) {
		fp = s.fingerprint(e)
		return s.compile(e)
	})
	if err != nil {
		return err
	}
	if k.fixed {
		return nil
	}
	if slices.ContainsFunc(s.keys, func(g groupKey) bool { return g.fp == fp }) {
		return nil
	}
	s.keys = append(s.keys, groupKey{fp: fp, e: plainKey(k)})
	if t, ok := e.(*hogql.Tuple); ok {
		// GROUP BY (a, b) lets a and b stand alone too.
		for _, m := range t.Exprs {
			if err := s.addKey(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// plainKey keeps the type of a key; a JSON column stays one, so that its
// properties can still be read.
func plainKey(e *expr) *expr { return &expr{t: e.t, eval: e.eval} }

// aggregates tells whether e holds an aggregate call outside window functions,
// also behind an alias.
func (s *scope) aggregates(e hogql.Expr) bool { return s.aggregatesIn(e, 0) }

func (s *scope) aggregatesIn(e hogql.Expr, depth int) bool {
	found := false
	if e == nil || depth > maxNesting {
		return false
	}
	walk(e, func(n hogql.Expr) bool {
		if found {
			return false
		}
		switch n := n.(type) {
		case *hogql.Call:
			if _, ok := parseAggregate(n.Name); ok {
				found = true
				return false
			}
		case *hogql.WindowFunction:
			for _, c := range children(n) {
				found = found || s.aggregatesIn(c, depth+1)
			}
			return false
		case *hogql.Field:
			if r, err := s.resolve(n.Chain); err == nil && r.alias > 0 {
				d := s.aliases[r.alias-1]
				old := s.limit
				s.limit = d.limit
				found = s.aggregatesIn(d.expr, depth+1)
				s.limit = old
			} else if err == nil && r.env != nil {
				found = s.aggregatesIn(r.env, depth+1)
			}
		}
		return !found
	})
	return found
}

// aggState gathers the values of one group.
type aggState interface {
	// add takes the arguments of one row; the slice is reused.
	add(args []any)
	// result is the aggregate's value, or an error.
	result() any
}

// aggregate is one aggregate call of a query.
type aggregate struct {
	fp   string
	t    *typ
	args []*expr
	cond *expr
	skip bool // rows with a NULL argument do not count
	make func() aggState
	// distinct keeps the argument lists seen, per group.
	distinct bool
	each     bool // -Array: arguments are arrays, fed element by element
	guard    bool // the result is zero when no row counted
	zero     any
	buf      []any
}

// guarded counts the rows of a state, to give zero over none of them, and
// drops repeated arguments when seen is set.
type guarded struct {
	aggState
	n     int
	guard bool
	zero  any
	seen  map[string]struct{}
}

func (g *guarded) add(args []any) {
	if g.seen != nil {
		var key []byte
		for _, a := range args {
			key = appendKey(key, a)
		}
		if _, dup := g.seen[string(key)]; dup {
			return
		}
		g.seen[string(key)] = struct{}{}
	}
	g.n++
	g.aggState.add(args)
}

func (g *guarded) result() any {
	if g.guard && g.n == 0 {
		return g.zero
	}
	return g.aggState.result()
}

func (a *aggregate) fresh() aggState {
	st := a.make()
	if !a.guard && !a.distinct {
		return st
	}
	g := &guarded{aggState: st, guard: a.guard, zero: a.zero}
	if a.distinct {
		g.seen = map[string]struct{}{}
	}
	return g
}

// feed gives the current row to a state.
func (a *aggregate) feed(f *frame, st aggState) {
	if a.cond != nil && !truthy(a.cond.eval(f)) {
		return
	}
	buf := a.buf
	for i, e := range a.args {
		v := e.eval(f)
		if v == nil && a.skip {
			return
		}
		buf[i] = v
	}
	if a.each {
		a.feedEach(buf, st)
		return
	}
	st.add(buf)
}

func (a *aggregate) feedEach(lists []any, st aggState) {
	first, _ := lists[0].([]any)
	row := make([]any, len(lists))
	for i := range first {
		skip := false
		for j, l := range lists {
			list, _ := l.([]any)
			row[j] = nil
			if i < len(list) {
				row[j] = list[i]
			}
			skip = skip || row[j] == nil && a.skip
		}
		if !skip {
			st.add(row)
		}
	}
}
