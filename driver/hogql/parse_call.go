package hogql

// argList is what stands between the parentheses of a call.
type argList struct {
	args     []Expr
	distinct bool
	order    []*OrderExpr
	query    bool // f((SELECT 1) UNION ALL (SELECT 2)): args is that query
}

// call reads name(...), with parameters, FILTER, WITHIN GROUP and OVER.
func (p *parser) call() Expr {
	t := p.advance()
	c := &Call{Name: p.name(t)}
	if p.queryAsArgument() {
		open := p.advance()
		c.Args, c.form = []Expr{p.selectSet()}, callSynthetic
		p.closing(tokRParen, open)
		c.Span = p.from(t.start)
		return c
	}
	list := p.arguments()
	first, two := list, false
	if p.at(kwWithin) {
		return p.withinGroup(c, t, list)
	}
	if p.kind() == tokLParen && !list.distinct && list.order == nil && !p.queryAsArgument() {
		c.Params = notNil(list.args)
		list, two = p.arguments(), true
	}
	c.Args, c.Distinct, c.OrderBy = list.args, list.distinct, list.order
	if list.query && !two {
		c.form = callSynthetic
	}
	if p.at(kwFilter) && p.peek(1).kind == tokLParen && p.peek(2).kw == kwWhere {
		open := p.peek(1)
		p.pos += 3
		c.Filter = p.expr()
		p.closing(tokRParen, open)
	}
	if p.at(kwOver) && (p.peek(1).kind == tokLParen || isName(p.peek(1))) {
		if !two && list.distinct || list.order != nil {
			p.fail(p.tok(), "DISTINCT and ORDER BY cannot stand inside a window function: use uniq(x) OVER, or a subquery")
		}
		return p.over(t, c, first, two)
	}
	c.Span = p.from(t.start)
	return c
}

// queryAsArgument reports whether the parentheses here hold a bare query, as
// in exists(SELECT 1).
func (p *parser) queryAsArgument() bool {
	return p.queryAt(1)
}

func notNil(list []Expr) []Expr {
	if list == nil {
		return []Expr{}
	}
	return list
}

// arguments reads ([DISTINCT] a, b [ORDER BY c]).
func (p *parser) arguments() argList {
	var l argList
	open := p.advance()
	if p.at(kwDistinct) {
		next := p.peek(1)
		star := next.kind == tokStar && !startsOperand(p.peek(2)) && !isNumber(p.peek(2).kind)
		if star || isName(next) && next.kw != kwAs || startsOperand(next) || isNumeric(next, p.peek(2)) || next.kind == tokHash || next.kind == tokRParen {
			p.pos++
			l.distinct = true
		}
	}
	if p.kind() != tokRParen && !p.atGrouping() {
		start := p.tok()
		l.args = p.bracketList()
		if q, ok := l.args[0].(Query); ok && len(l.args) == 1 && p.setFollows() && !p.at(kwOrder) {
			l.args[0], l.query = p.setRest(q, start.start), true
		}
	}
	if p.at(kwOrder) && p.peek(1).kw == kwBy {
		p.pos += 2
		l.order = p.orderList()
	}
	if p.at(kwFrom) {
		p.fail(p.tok(), "HogQL separates arguments with commas, not with FROM: substring(s, 1, 2), or toYear(timestamp) for a part of a date")
	}
	p.closing(tokRParen, open)
	return l
}

// withinGroup reads WITHIN GROUP (ORDER BY x).
func (p *parser) withinGroup(c *Call, t token, list argList) Expr {
	p.pos++
	p.expect(kwGroup, "GROUP", "WITHIN")
	open := p.expectKind(tokLParen, "`(`", "WITHIN GROUP")
	p.expect(kwOrder, "ORDER BY", "WITHIN GROUP (")
	p.expect(kwBy, "BY", "ORDER")
	c.WithinGroup = p.orderList()
	p.closing(tokRParen, open)
	if list.distinct || list.order != nil {
		p.fail(t, "DISTINCT and ORDER BY cannot stand inside a function with WITHIN GROUP")
	}
	c.Params, c.form, c.Span = notNil(list.args), callWithin, p.from(t.start)
	return c
}

// over reads OVER name or OVER (...) behind the call c.
func (p *parser) over(t token, c *Call, first argList, two bool) Expr {
	p.pos++
	w := &WindowFunction{Name: c.Name, Exprs: first.args, HasArgs: two, Filter: c.Filter, Distinct: c.Distinct}
	if two {
		w.Args = c.Args
	}
	if open := p.tok(); p.acceptKind(tokLParen) {
		w.Over = p.window()
		p.closing(tokRParen, open)
	} else {
		w.OverName = p.identifier("a window's name", "OVER")
	}
	w.Span = p.from(t.start)
	return w
}

// window reads what stands between the parentheses of OVER (...).
func (p *parser) window() *WindowExpr {
	w := &WindowExpr{}
	start := p.tok().start
	if p.at(kwPartition) {
		p.pos++
		p.expect(kwBy, "BY", "PARTITION")
		w.PartitionBy = p.exprList()
	}
	if p.at(kwOrder) {
		p.pos++
		p.expect(kwBy, "BY", "ORDER")
		w.OrderBy = p.orderList()
	}
	if t := p.tok(); p.accept(kwRows) || p.accept(kwRange) {
		w.FrameMethod = "ROWS"
		if t.kw == kwRange {
			w.FrameMethod = "RANGE"
		}
		if p.accept(kwBetween) {
			w.FrameStart = p.frameBound(true)
			p.expect(kwAnd, "AND", "the first bound of the frame")
			w.FrameEnd = p.frameBound(false)
		} else {
			w.FrameStart = p.frameBound(false)
		}
	}
	if t := p.tok(); t.kind != tokRParen && isName(t) && t.kind != tokKeyword {
		p.fail(t, "unexpected `%s` in OVER (...): it takes PARTITION BY, ORDER BY and ROWS or RANGE; a named window is written OVER %s", p.text(t), p.text(t))
	}
	w.Span = p.from(start)
	return w
}

// frameBound reads CURRENT ROW, UNBOUNDED PRECEDING or 1 FOLLOWING.
func (p *parser) frameBound(first bool) *WindowFrameExpr {
	start := p.tok().start
	f := &WindowFrameExpr{}
	switch {
	case p.at(kwCurrent) && p.peek(1).kw == kwRow:
		p.pos += 2
		f.Type = "CURRENT ROW"
	case p.at(kwUnbounded) && isAny(p.peek(1), kwPreceding, kwFollowing):
		p.pos++
		f.Type = p.frameSide()
	default:
		least := levelAlias
		if first { // the AND behind it belongs to the frame
			least = levelNot
		}
		f.Value = p.exprAt(least)
		f.Type = p.frameSide()
	}
	f.Span = p.from(start)
	return f
}

func (p *parser) frameSide() string {
	switch {
	case p.accept(kwPreceding):
		return "PRECEDING"
	case p.accept(kwFollowing):
		return "FOLLOWING"
	}
	p.failExpected("PRECEDING or FOLLOWING", p.before())
	return ""
}
