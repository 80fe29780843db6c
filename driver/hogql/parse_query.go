package hogql

// selectSet reads queries joined by UNION, INTERSECT and EXCEPT.
func (p *parser) selectSet() Query {
	start := p.tok().start
	return p.setRest(p.setMember(), start)
}

// setMember reads one member of a set operation.
func (p *parser) setMember() Query {
	p.enter()
	defer p.leave()
	t := p.tok()
	switch {
	case t.kind == tokLBrace:
		return p.placeholder()
	case t.kind == tokLParen:
		p.pos++
		q := p.selectSet()
		p.closing(tokRParen, t)
		p.lastOffset = nil
		return q
	case t.kw == kwWith:
		ctes := p.withClause()
		open := p.tok()
		if open.kind == tokLParen {
			q := p.setMember()
			first := firstSelect(q)
			if first == nil {
				p.unsupported(open, "WITH before a placeholder")
			}
			first.CTEs = append(first.CTEs, ctes...)
			return q
		}
		if !p.at(kwSelect) {
			p.failExpected("SELECT", "WITH ...")
		}
		return p.selectQuery(t.start, ctes)
	case t.kw == kwSelect:
		return p.selectQuery(t.start, nil)
	}
	p.failExpected("SELECT", p.before())
	return nil
}

// firstSelect returns the leftmost SELECT of a query.
func firstSelect(q Query) *SelectQuery {
	for {
		switch v := q.(type) {
		case *SelectQuery:
			return v
		case *SelectSetQuery:
			q = v.Initial
		default:
			return nil
		}
	}
}

// setRest reads what can follow the first member: further members, and the
// ORDER BY, LIMIT and OFFSET of the whole.
func (p *parser) setRest(first Query, start int) Query {
	var set *SelectSetQuery
	for p.atAny(kwUnion, kwIntersect, kwExcept) {
		t := p.tok()
		op := p.setOperator()
		member := p.setMember()
		if set == nil {
			set = &SelectSetQuery{Initial: first}
		}
		set.Subsequent = append(set.Subsequent, &SelectSetNode{Span: p.from(t.start), Operator: op, Query: member})
	}
	if set != nil {
		first = set
	}
	if set != nil && p.lastOffset != nil && set.Subsequent[len(set.Subsequent)-1].Query == Query(p.lastOffset) && !p.setFollows() {
		// In a UNION b LIMIT 5 OFFSET 3 PostHog's grammar gives the LIMIT to b
		// and the OFFSET to the union.
		set.Offset, p.lastOffset.Offset = p.lastOffset.Offset, nil
	}
	p.lastOffset = nil
	if p.at(kwOrder) && p.peek(1).kw == kwBy {
		t := p.advance()
		p.pos++
		p.orderList()
		p.droppedOrder = append(p.droppedOrder, p.from(t.start))
	}
	p.setLimit(first)
	if set != nil {
		set.Span = p.from(start)
	}
	return first
}

// setOperator reads UNION [ALL | DISTINCT] [BY NAME] and its kin.
func (p *parser) setOperator() string {
	t := p.advance()
	op, all, distinct := "UNION", p.accept(kwAll), false
	switch t.kw {
	case kwIntersect:
		op = "INTERSECT"
	case kwExcept:
		op = "EXCEPT"
	}
	if !all && t.kw != kwExcept {
		distinct = p.accept(kwDistinct)
	}
	switch {
	case all:
		op += " ALL"
	case distinct || t.kw == kwUnion:
		op += " DISTINCT"
	}
	if p.accept(kwBy) {
		p.expect(kwName, "NAME", "BY")
		op += " BY NAME"
	}
	return op
}

// setLimit reads a LIMIT or OFFSET behind the whole set. It takes the place of
// one that the query already has, as in PostHog's parser.
func (p *parser) setLimit(q Query) {
	if !p.atAny(kwLimit, kwOffset) {
		return
	}
	l := p.limit()
	switch v := q.(type) {
	case *SelectQuery: // PostHog's parser keeps % and WITH TIES of the SELECT's own clause only
		var percent, ties bool
		l.apply(&v.Limit, &v.Offset, &percent, &ties)
	case *SelectSetQuery:
		l.apply(&v.Limit, &v.Offset, &v.LimitPercent, &v.LimitWithTies)
	}
}

// selectQuery reads one SELECT with its clauses; WITH has been read.
func (p *parser) selectQuery(start int, ctes []*CTE) *SelectQuery {
	p.enter()
	defer p.leave()
	outer := p.clause
	q := &SelectQuery{CTEs: ctes}
	p.clause = "SELECT"
	p.expect(kwSelect, "SELECT", p.before())
	q.Distinct = p.acceptDistinct()
	if p.at(kwTop) && p.peek(1).kind == tokInt {
		p.fail(p.tok(), "HogQL has no TOP: write LIMIT at the end of the query")
	}
	q.Select = p.selectList()
	if p.accept(kwFrom) {
		p.clause = "FROM"
		q.From = p.joins()
	}
	p.arrayJoin(q)
	q.Prewhere = p.condition(kwPrewhere, "PREWHERE")
	q.Where = p.condition(kwWhere, "WHERE")
	p.refuseSample()
	p.groupBy(q)
	q.Having = p.condition(kwHaving, "HAVING")
	q.Qualify = p.condition(kwQualify, "QUALIFY")
	p.refuseSample()
	q.Windows = p.namedWindows()
	if p.at(kwOrder) {
		p.pos++
		p.expect(kwBy, "BY", "ORDER")
		p.clause = "ORDER BY"
		q.OrderBy = p.orderList()
		if p.at(kwInterpolate) {
			p.unsupported(p.tok(), "INTERPOLATE")
		}
	}
	p.limits(q)
	if p.at(kwSettings) && isName(p.peek(1)) {
		p.fail(p.tok(), "HogQL has no SETTINGS clause: remove it")
	}
	q.Span = p.from(start)
	if outer != "" {
		p.clause = outer
	}
	return q
}

// acceptDistinct steps over DISTINCT, unless it is a column of that name.
func (p *parser) acceptDistinct() bool {
	if !p.at(kwDistinct) {
		return false
	}
	next := p.peek(1)
	switch next.kind {
	case tokStar: // DISTINCT * FROM t, but distinct * 2
		if k := p.peek(2); isName(k) && k.kind != tokKeyword || isNumber(k.kind) || k.kind == tokString || k.kind == tokLParen {
			return false
		}
	case tokDash, tokHash:
	default:
		if !startsOperand(next) && !isName(next) && !isNumeric(next, p.peek(2)) {
			return false
		}
	}
	p.pos++
	return true
}

// condition reads an expression behind the keyword, nil without it.
func (p *parser) condition(kw keyword, name string) Expr {
	if !p.accept(kw) {
		return nil
	}
	p.clause = name
	return p.expr()
}

func (p *parser) selectList() []Expr {
	var list []Expr
	for {
		list = append(list, p.selectItem())
		if !p.acceptKind(tokComma) || p.listEnds() && !p.columnFollows() {
			return list
		}
	}
}

// columnFollows reports whether what looks like a clause behind a comma is a
// column, because FROM or another column follows: SELECT a, limit(b) FROM t.
func (p *parser) columnFollows() bool {
	if !p.atAny(kwWhere, kwPrewhere, kwHaving, kwQualify, kwLimit, kwOffset) {
		return false
	}
	start, isLimit := p.pos, p.at(kwLimit)
	if column, known := p.decided[start]; known {
		return column
	}
	var item Expr
	ok := p.try(func() { item = p.selectItem() })
	next := p.tok()
	p.pos = start
	if alias, named := item.(*Alias); named {
		item = alias.Expr
	}
	_, window := item.(*WindowFunction)
	return p.decide(start, ok && (window || next.kw == kwFrom || next.kind == tokComma && !isLimit))
}

// selectItem reads name: expr, expr or expr name.
func (p *parser) selectItem() Expr {
	t, next := p.tok(), p.peek(1)
	if t.kw == kwFrom && isImplicitAlias(next) {
		p.fail(t, "expected a column after SELECT, found `%s`: name the columns, or write *", p.text(t))
	}
	if isName(t) && next.kind == tokColon {
		p.pos += 2
		name := p.alias(t, p.name(t))
		e := p.expr()
		return &Alias{Span: p.from(t.start), Expr: e, Name: name}
	}
	e := p.expr()
	if a := p.tok(); isImplicitAlias(a) {
		p.pos++
		e = &Alias{Span: p.from(t.start), Expr: e, Name: p.alias(a, p.name(a))}
	}
	return e
}

// isImplicitAlias reports whether t can name a column without AS.
func isImplicitAlias(t token) bool {
	return t.kind == tokIdent || t.kind == tokQuoted ||
		isAny(t, kwAsc, kwCohort, kwDate, kwDescending, kwFinal, kwID, kwReturn, kwTop, kwTotals)
}

// arrayJoin reads [LEFT | INNER] ARRAY JOIN x AS a, ....
func (p *parser) arrayJoin(q *SelectQuery) {
	t := p.tok()
	switch {
	case p.at(kwArray) && p.peek(1).kw == kwJoin:
		q.ArrayJoinOp = "ARRAY JOIN"
	case p.atAny(kwLeft, kwInner) && p.peek(1).kw == kwArray && p.peek(2).kw == kwJoin:
		q.ArrayJoinOp = "LEFT ARRAY JOIN"
		if t.kw == kwInner {
			q.ArrayJoinOp = "INNER ARRAY JOIN"
		}
		p.pos++
	default:
		return
	}
	p.pos += 2
	p.clause = "ARRAY JOIN"
	if q.From == nil {
		p.fail(t, "ARRAY JOIN needs a FROM before it")
	}
	q.ArrayJoin = p.exprList()
	for _, e := range q.ArrayJoin {
		if _, ok := e.(*Alias); !ok {
			p.failAt(e.Pos().Start, "ARRAY JOIN needs a name for each array: write ARRAY JOIN %s AS name", near(p.sql[:e.Pos().End], e.Pos().Start))
		}
	}
}

// refuseSample refuses SAMPLE outside FROM, which HogQL's parser reads and
// then rejects.
func (p *parser) refuseSample() {
	if p.at(kwSample) || p.at(kwUsing) && p.peek(1).kw == kwSample {
		p.fail(p.tok(), "SAMPLE belongs behind the table: FROM events SAMPLE 0.1")
	}
}

func (p *parser) groupBy(q *SelectQuery) {
	if p.at(kwGroup) {
		p.pos++
		p.expect(kwBy, "BY", "GROUP")
		p.clause = "GROUP BY"
		p.groupItems(q)
	}
	// WITH CUBE, ROLLUP and TOTALS are read and dropped by PostHog's parser.
	if p.at(kwWith) && isAny(p.peek(1), kwCube, kwRollup) {
		p.pos += 2
	}
	if p.at(kwWith) && p.peek(1).kw == kwTotals {
		p.pos += 2
	}
}

func (p *parser) groupItems(q *SelectQuery) {
	next := p.peek(1)
	switch {
	case p.at(kwAll) && !continuesExpr(next):
		p.pos++
		q.GroupByMode = "all"
		return
	case p.atAny(kwCube, kwRollup) && next.kind == tokLParen && !p.isNamed():
		start, mode := p.pos, "cube"
		if p.at(kwRollup) {
			mode = "rollup"
		}
		p.pos += 2
		list := p.bracketList()
		p.closing(tokRParen, next)
		if !continuesExpr(p.tok()) {
			q.GroupBy, q.GroupByMode = list, mode
			return
		}
		p.pos = start // a call of that name
		p.decide(start, false)
	case p.at(kwGrouping) && next.kw == kwSets && p.peek(2).kind == tokLParen:
		open := p.peek(2)
		p.pos += 3
		q.GroupByMode = "grouping_sets"
		for {
			q.GroupBy = append(q.GroupBy, p.groupingSet())
			if !p.acceptKind(tokComma) {
				break
			}
		}
		p.closing(tokRParen, open)
		return
	}
	q.GroupBy = p.exprList()
}

// isNamed reports whether the keyword here was found to be a plain name.
func (p *parser) isNamed() bool {
	fits, known := p.decided[p.pos]
	return known && !fits
}

func (p *parser) groupingSet() *GroupingSet {
	open := p.expectKind(tokLParen, "`(`", "GROUPING SETS (")
	set := &GroupingSet{}
	if p.kind() != tokRParen {
		set.Exprs = p.bracketList()
	}
	p.closing(tokRParen, open)
	set.Span = p.from(open.start)
	return set
}
