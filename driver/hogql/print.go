package hogql

import "strings"

// Print writes a query as canonical HogQL: one line, keywords in upper case,
// names quoted only where they must be, parentheses only where they matter.
// Two statements that differ in spacing, comments or case of keywords print
// the same, and what it prints parses to an equal tree.
func Print(q Query) string {
	w := &printer{afterNot: -1}
	w.query(q)
	return w.b.String()
}

// WithLimit returns the query with its outermost LIMIT set to n; an OFFSET
// stays. The query itself is not changed.
func WithLimit(q Query, n int) Query {
	limit := &Constant{Value: int64(n)}
	switch v := q.(type) {
	case *SelectQuery:
		c := *v
		c.Limit, c.LimitPercent, c.LimitWithTies = limit, false, false
		return &c
	case *SelectSetQuery:
		c := *v
		c.Limit, c.LimitPercent, c.LimitWithTies = limit, false, false
		return &c
	case *Placeholder:
		return &SelectQuery{Span: v.Span, Select: []Expr{&Field{Chain: []string{"*"}}}, From: &JoinExpr{Span: v.Span, Table: v}, Limit: limit}
	}
	return q
}

type printer struct {
	b strings.Builder
	// afterNot is the length of what is written when a NOT was the last of it.
	// No parenthesis may follow there: NOT (x) is a call. Only IS NULL and
	// IGNORE NULLS let a looser expression stand to the left of a tighter
	// operator without parentheses, so those are used instead.
	afterNot int
}

func (w *printer) write(parts ...string) {
	for _, s := range parts {
		w.b.WriteString(s)
	}
}

// list writes n items with commas between them.
func (w *printer) list(n int, item func(int)) {
	for i := range n {
		if i > 0 {
			w.write(", ")
		}
		item(i)
	}
}

func (w *printer) exprs(list []Expr) {
	w.list(len(list), func(i int) { w.expr(list[i], levelTop) })
}

func (w *printer) names(list []string) {
	w.list(len(list), func(i int) { w.write(quoteName(list[i])) })
}

func (w *printer) query(q Query) {
	switch v := q.(type) {
	case *SelectQuery:
		w.selectQuery(v)
	case *SelectSetQuery:
		w.member(v.Initial)
		for _, s := range v.Subsequent {
			w.write(" ", s.Operator, " ")
			w.member(s.Query)
		}
		w.limit(v.Limit, v.Offset, v.LimitPercent, v.LimitWithTies)
	case *Placeholder:
		w.primary(v)
	}
}

// member writes a member of a set, in parentheses: what belongs to it and
// what to the set is then plain.
func (w *printer) member(q Query) {
	if _, ok := q.(*Placeholder); ok {
		w.query(q)
		return
	}
	w.parens(func() { w.query(q) })
}

func (w *printer) parens(inside func()) {
	w.write("(")
	inside()
	w.write(")")
}

func (w *printer) selectQuery(q *SelectQuery) {
	if len(q.CTEs) > 0 {
		w.write("WITH ")
		if q.CTEs[0].Recursive {
			w.write("RECURSIVE ")
		}
		w.list(len(q.CTEs), func(i int) { w.cte(q.CTEs[i]) })
		w.write(" ")
	}
	w.write("SELECT ")
	if q.Distinct {
		w.write("DISTINCT ")
	}
	w.exprs(q.Select)
	if q.From != nil {
		w.write(" FROM ")
		w.joins(q.From)
	}
	if q.ArrayJoinOp != "" {
		w.write(" ", q.ArrayJoinOp, " ")
		w.exprs(q.ArrayJoin)
	}
	w.clause(" PREWHERE ", q.Prewhere)
	w.clause(" WHERE ", q.Where)
	w.groupBy(q)
	w.clause(" HAVING ", q.Having)
	w.clause(" QUALIFY ", q.Qualify)
	if len(q.Windows) > 0 {
		w.write(" WINDOW ")
		w.list(len(q.Windows), func(i int) {
			w.write(quoteName(q.Windows[i].Name), " AS ")
			w.parens(func() { w.window(q.Windows[i].Window) })
		})
	}
	w.orderBy(" ORDER BY ", q.OrderBy)
	if by := q.LimitBy; by != nil {
		w.clause(" LIMIT ", by.N)
		w.clause(" OFFSET ", by.Offset)
		w.write(" BY ")
		w.exprs(by.Exprs)
	}
	w.limit(q.Limit, q.Offset, q.LimitPercent, q.LimitWithTies)
}

func (w *printer) clause(name string, e Expr) {
	if e != nil {
		w.write(name)
		w.expr(e, levelTop)
	}
}

func (w *printer) groupBy(q *SelectQuery) {
	switch q.GroupByMode {
	case "all":
		w.write(" GROUP BY ALL")
	case "cube", "rollup":
		w.write(" GROUP BY ", strings.ToUpper(q.GroupByMode))
		w.parens(func() { w.exprs(q.GroupBy) })
	case "grouping_sets":
		w.write(" GROUP BY GROUPING SETS ")
		w.parens(func() {
			w.list(len(q.GroupBy), func(i int) {
				if set, ok := q.GroupBy[i].(*GroupingSet); ok {
					w.parens(func() { w.exprs(set.Exprs) })
				}
			})
		})
	default:
		if len(q.GroupBy) > 0 {
			w.write(" GROUP BY ")
			w.exprs(q.GroupBy)
		}
	}
}

func (w *printer) limit(limit, offset Expr, percent, ties bool) {
	w.clause(" LIMIT ", limit)
	if limit != nil && percent {
		w.write(" %")
	}
	if limit != nil && ties {
		w.write(" WITH TIES")
	}
	w.clause(" OFFSET ", offset)
}

func (w *printer) cte(c *CTE) {
	if c.Column {
		w.expr(c.Expr, levelTernary)
		w.write(" AS ", quoteName(c.Name))
		return
	}
	w.write(quoteName(c.Name))
	if c.Columns != nil {
		w.parens(func() { w.names(c.Columns) })
	}
	if c.UsingKey != nil {
		w.write(" USING KEY ")
		w.parens(func() { w.names(c.UsingKey) })
	}
	w.write(" AS ")
	if c.Materialized != nil {
		if !*c.Materialized {
			w.write("NOT ")
		}
		w.write("MATERIALIZED ")
	}
	w.parens(func() {
		if q, ok := c.Expr.(Query); ok {
			w.member(q)
		}
	})
}

func (w *printer) joins(first *JoinExpr) {
	for j := first; j != nil; j = j.Next {
		if j != first {
			w.write(" ", j.JoinType, " ")
		}
		w.table(j)
		if c := j.Constraint; c != nil {
			w.constraint(c)
		}
	}
}

func (w *printer) constraint(c *JoinConstraint) {
	if !c.Using {
		w.clause(" ON ", c.Expr)
		return
	}
	w.write(" USING ")
	w.parens(func() {
		if t, ok := c.Expr.(*Tuple); ok && len(t.Exprs) > 1 {
			w.exprs(t.Exprs)
			return
		}
		w.expr(c.Expr, levelTop)
	})
}

func (w *printer) table(j *JoinExpr) {
	switch t := j.Table.(type) {
	case *Field:
		w.chain(t.Chain)
		if j.TableArgs != nil {
			w.parens(func() { w.exprs(j.TableArgs) })
		}
	case *ValuesQuery:
		w.write("(VALUES ")
		w.list(len(t.Rows), func(i int) { w.parens(func() { w.exprs(t.Rows[i]) }) })
		w.write(")")
	case Query:
		w.member(t)
	}
	if j.HasAlias {
		w.write(" AS ", quoteName(j.Alias))
		if j.ColumnAliases != nil {
			w.parens(func() { w.names(j.ColumnAliases) })
		}
	}
	if j.Final {
		w.write(" FINAL")
	}
	if s := j.Sample; s != nil {
		w.write(" SAMPLE ")
		w.ratio(s.Value)
		if s.Offset != nil {
			w.write(" OFFSET ")
			w.ratio(s.Offset)
		}
	}
}

func (w *printer) ratio(e Expr) {
	r, ok := e.(*RatioExpr)
	if !ok {
		w.expr(e, levelTop)
		return
	}
	w.primary(r.Left)
	if r.Right != nil {
		w.write("/")
		w.primary(r.Right)
	}
}

func (w *printer) orderBy(name string, list []*OrderExpr) {
	if len(list) == 0 {
		return
	}
	w.write(name)
	w.list(len(list), func(i int) {
		o := list[i]
		w.expr(o.Expr, levelTop)
		if o.Desc {
			w.write(" DESC")
		}
		if o.Nulls != "" {
			w.write(" NULLS ", o.Nulls)
		}
		if f := o.WithFill; f != nil {
			w.write(" WITH FILL")
			w.clause(" FROM ", f.From)
			w.clause(" TO ", f.To)
			w.clause(" STEP ", f.Step)
		}
	})
}

func (w *printer) window(o *WindowExpr) {
	space := ""
	if o.PartitionBy != nil {
		w.write("PARTITION BY ")
		w.exprs(o.PartitionBy)
		space = " "
	}
	if len(o.OrderBy) > 0 {
		w.orderBy(space+"ORDER BY ", o.OrderBy)
		space = " "
	}
	if o.FrameMethod == "" || o.FrameStart == nil {
		return
	}
	w.write(space, o.FrameMethod, " ")
	if o.FrameEnd == nil {
		w.frame(o.FrameStart)
		return
	}
	w.write("BETWEEN ")
	w.frame(o.FrameStart)
	w.write(" AND ")
	w.frame(o.FrameEnd)
}

func (w *printer) frame(f *WindowFrameExpr) {
	switch {
	case f.Type == "CURRENT ROW":
		w.write(f.Type)
		return
	case f.Value == nil:
		w.write("UNBOUNDED")
	default:
		w.expr(f.Value, levelNullish)
	}
	w.write(" ", f.Type)
}

func (w *printer) chain(chain []string) {
	for i, name := range chain {
		if i > 0 {
			w.write(".")
		}
		if name == "*" && i == len(chain)-1 {
			w.write("*")
			continue
		}
		w.write(quoteName(name))
	}
}
