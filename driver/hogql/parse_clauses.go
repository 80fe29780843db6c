package hogql

// orderList reads the items of ORDER BY. It takes no comma at the end.
func (p *parser) orderList() []*OrderExpr {
	after := "ORDER BY"
	var list []*OrderExpr
	for {
		list = append(list, p.orderExpr(after))
		if !p.acceptKind(tokComma) {
			return list
		}
		after = "`,`"
	}
}

func (p *parser) orderExpr(after string) *OrderExpr {
	start := p.tok().start
	if endsList(p.tok()) {
		p.failExpected("an expression", after)
	}
	o := &OrderExpr{Expr: p.expr()}
	switch {
	case p.accept(kwAsc):
	case p.accept(kwDesc), p.accept(kwDescending):
		o.Desc = true
	}
	if p.accept(kwNulls) {
		switch {
		case p.accept(kwFirst):
			o.Nulls = "FIRST"
		case p.accept(kwLast):
			o.Nulls = "LAST"
		default:
			p.failExpected("FIRST or LAST", "NULLS")
		}
	}
	if p.accept(kwCollate) {
		p.expectKind(tokString, "a string", "COLLATE")
	}
	if p.at(kwWith) && p.peek(1).kw == kwFill {
		o.WithFill = p.withFill()
	}
	o.Span = p.from(start)
	return o
}

func (p *parser) withFill() *WithFillExpr {
	start := p.tok().start
	p.pos += 2
	f := &WithFillExpr{}
	if p.accept(kwFrom) {
		f.From = p.expr()
	}
	if p.accept(kwTo) {
		f.To = p.expr()
	}
	if p.accept(kwStep) {
		f.Step = p.expr()
	}
	f.Span = p.from(start)
	return f
}

// limitTail is what one LIMIT or OFFSET clause says.
type limitTail struct {
	limit, offset Expr
	comma         bool // LIMIT a, b
	percent, ties bool
}

// apply sets what the clause has and leaves the rest.
func (l limitTail) apply(limit, offset *Expr, percent, ties *bool) {
	if l.limit != nil {
		*limit, *percent = l.limit, *percent || l.percent
		*ties = *ties || l.ties
	}
	if l.offset != nil {
		*offset = l.offset
	}
}

// limit reads LIMIT n [%] [, m] [WITH TIES] [OFFSET m] or OFFSET m. In
// LIMIT n, m PostHog takes the first number for the limit.
func (p *parser) limit() limitTail {
	var l limitTail
	if p.accept(kwOffset) {
		p.clause = "OFFSET"
		l.offset = p.expr()
		return l
	}
	p.pos++
	p.clause = "LIMIT"
	p.percent = true
	l.limit = p.expr()
	p.percent = false
	l.percent = p.acceptKind(tokPercent)
	if p.acceptKind(tokComma) {
		l.comma = true
		l.offset = p.expr()
	}
	if p.at(kwWith) && p.peek(1).kw == kwTies {
		p.pos += 2
		l.ties = true
	}
	if !l.comma && p.accept(kwOffset) {
		p.clause = "OFFSET"
		l.offset = p.expr()
	}
	return l
}

// limits reads LIMIT ... BY and then LIMIT or OFFSET.
func (p *parser) limits(q *SelectQuery) {
	if !p.atAny(kwLimit, kwOffset) {
		return
	}
	t := p.tok()
	l := p.limit()
	if l.limit != nil && !l.percent && !l.ties && p.accept(kwBy) {
		p.clause = "LIMIT BY"
		by := &LimitByExpr{N: l.limit, Offset: l.offset}
		if l.comma { // LIMIT offset, n BY
			by.N, by.Offset = l.offset, l.limit
		}
		by.Exprs = p.exprList()
		by.Span = p.from(t.start)
		q.LimitBy = by
		if !p.atAny(kwLimit, kwOffset) {
			return
		}
		l = p.limit()
	}
	l.apply(&q.Limit, &q.Offset, &q.LimitPercent, &q.LimitWithTies)
	if l.limit != nil && l.offset != nil && !l.comma {
		p.lastOffset = q
	}
}

// withClause reads WITH [RECURSIVE] and its items.
func (p *parser) withClause() []*CTE {
	p.pos++
	p.clause = "WITH"
	recursive := false
	if p.at(kwRecursive) && (isName(p.peek(1)) && p.peek(1).kw != kwAs || !isName(p.peek(1)) && startsOperand(p.peek(1)) && p.peek(1).kind != tokLParen) {
		p.pos++
		recursive = true
	}
	var list []*CTE
	for {
		c := p.cte()
		c.Recursive = recursive
		list = append(list, c)
		if !p.acceptKind(tokComma) || p.queryFollows() || p.kind() == tokLParen && p.queryInParens() {
			return list
		}
	}
}

// queryInParens reports whether the brackets here hold the query that WITH
// belongs to, rather than an expression of another item.
func (p *parser) queryInParens() bool {
	if !isAny(p.peek(1), kwSelect, kwWith) && p.peek(1).kind != tokLParen {
		return false
	}
	depth := 0
	for i := p.pos; i < len(p.tokens)-1; i++ {
		switch p.tokens[i].kind {
		case tokLParen:
			depth++
		case tokRParen:
			if depth--; depth == 0 {
				next := p.tokens[i+1]
				return endsList(next) || isAny(next, kwUnion, kwOrder, kwLimit, kwOffset)
			}
		}
	}
	return false
}

// cte reads name AS (query) or expr AS name.
func (p *parser) cte() *CTE {
	start := p.tok().start
	if c := p.subqueryCTE(); c != nil {
		c.Span = p.from(start)
		return c
	}
	e := p.exprAt(levelTernary)
	if body := lambdaAlias(e); body != nil && !p.at(kwAs) {
		alias, _ := (*body).(*Alias)
		*body = alias.Expr // x -> x + 1 AS f: the name is the CTE's
		return &CTE{Span: p.from(start), Name: alias.Name, Expr: e, Column: true}
	}
	p.expect(kwAs, "AS and a name", "the expression in WITH")
	if open := p.tok(); open.kind == tokLParen {
		p.fail(p.peek(1), "expected SELECT in WITH name AS (...): a value is written the other way round, WITH 1 AS name")
	}
	if p.at(kwSelect) && startsOperand(p.peek(1)) {
		p.fail(p.tok(), "put the query of WITH in parentheses: WITH name AS (SELECT ...)")
	}
	t := p.tok()
	name := p.identifier("a name", "AS")
	for p.accept(kwAs) {
		e = &Alias{Span: p.from(start), Expr: e, Name: p.alias(t, name)}
		t = p.tok()
		name = p.identifier("a name", "AS")
	}
	return &CTE{Span: p.from(start), Name: name, Expr: e, Column: true}
}

// lambdaAlias returns the body of a lambda when it ends with an alias.
func lambdaAlias(e Expr) *Expr {
	l, ok := e.(*Lambda)
	if !ok {
		return nil
	}
	if _, ok := l.Expr.(*Alias); ok {
		return &l.Expr
	}
	return lambdaAlias(l.Expr)
}

// subqueryCTE reads name [(columns)] [USING KEY (columns)] AS [[NOT]
// MATERIALIZED] (query), or returns nil and reads nothing.
func (p *parser) subqueryCTE() *CTE {
	start := p.pos
	if !isName(p.tok()) {
		return nil
	}
	c := &CTE{Name: p.name(p.advance())}
	back := func() *CTE {
		p.pos = start
		return nil
	}
	if p.kind() == tokLParen {
		list, ok := p.nameList()
		if !ok {
			return back()
		}
		c.Columns = list
	}
	if p.at(kwUsing) && p.peek(1).kw == kwKey {
		p.pos += 2
		list, ok := p.nameList()
		if !ok {
			return back()
		}
		c.UsingKey = list
	}
	if !p.accept(kwAs) {
		return back()
	}
	if p.at(kwNot) && p.peek(1).kw == kwMaterialized || p.at(kwMaterialized) {
		yes := !p.accept(kwNot)
		p.pos++
		c.Materialized = &yes
	}
	open := p.tok()
	first := p.peek(1)
	if open.kind != tokLParen || first.kind != tokLParen && first.kind != tokLBrace && !isAny(first, kwSelect, kwWith) {
		return back()
	}
	p.pos++
	c.Expr = p.selectSet()
	p.closing(tokRParen, open)
	return c
}

// nameList reads (a, b) if that is what stands here.
func (p *parser) nameList() ([]string, bool) {
	if !p.acceptKind(tokLParen) {
		return nil, false
	}
	var list []string
	for isName(p.tok()) {
		list = append(list, p.name(p.advance()))
		if !p.acceptKind(tokComma) {
			return list, p.acceptKind(tokRParen)
		}
	}
	return nil, false
}

// namedWindows reads WINDOW name AS (...), ....
func (p *parser) namedWindows() []*NamedWindow {
	if !p.at(kwWindow) {
		return nil
	}
	p.pos++
	p.clause = "WINDOW"
	var list []*NamedWindow
	for {
		start := p.tok().start
		w := &NamedWindow{Name: p.identifier("a name", "WINDOW")}
		p.expect(kwAs, "AS", "the window's name")
		open := p.expectKind(tokLParen, "`(`", "AS")
		w.Window = p.window()
		p.closing(tokRParen, open)
		w.Span = p.from(start)
		list = append(list, w)
		if !p.acceptKind(tokComma) {
			return list
		}
	}
}
