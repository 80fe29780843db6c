package hogql

import "strings"

// joins reads the tables of FROM. The result is a list through Next; the
// tables of a join in parentheses are part of it.
func (p *parser) joins() *JoinExpr {
	p.enter()
	defer p.leave()
	first := p.joinTable()
	last := first
	for last.Next != nil {
		last = last.Next
	}
	var open []*JoinExpr // joined and still without ON
	for {
		t := p.tok()
		if len(open) > 0 && (p.at(kwOn) || p.at(kwUsing) && p.peek(1).kw != kwSample) {
			j := open[len(open)-1]
			open = open[:len(open)-1]
			j.Constraint = p.joinConstraint()
			continue
		}
		joinType, ok := p.joinType()
		if !ok {
			if p.at(kwOn) {
				p.fail(t, "ON belongs to a JOIN: there is none without one here")
			}
			return first
		}
		next := p.joinTable()
		next.JoinType = joinType
		if joinType != "CROSS JOIN" {
			open = append(open, next)
		}
		last.Next = next
		for last.Next != nil {
			last = last.Next
		}
	}
}

// joinType reads what joins the next table, or reports that there is none.
func (p *parser) joinType() (string, bool) {
	switch {
	case p.kind() == tokComma:
		if p.peek(1).kind == tokEOF {
			return "", false
		}
		p.pos++
		return "CROSS JOIN", true
	case p.at(kwCross), p.at(kwPositional):
		word := strings.ToUpper(p.text(p.advance()))
		p.expect(kwJoin, "JOIN", word)
		return word + " JOIN", true
	case p.atAny(kwLeft, kwInner) && p.peek(1).kw == kwArray, p.at(kwArray):
		return "", false
	}
	if !p.atAny(kwNatural, kwJoin, kwAll, kwAny, kwAsof, kwSemi, kwAnti, kwInner, kwLeft, kwRight, kwFull, kwOuter) {
		return "", false
	}
	p.accept(kwNatural) // read and dropped by PostHog's parser
	start := p.pos
	seen := map[keyword]bool{}
	for p.atAny(kwAll, kwAny, kwAsof, kwSemi, kwAnti, kwInner, kwLeft, kwRight, kwFull, kwOuter) {
		t := p.advance()
		if seen[t.kw] {
			p.fail(t, "`%s` stands twice before JOIN", p.text(t))
		}
		seen[t.kw] = true
	}
	t := p.tokens[start]
	p.expect(kwJoin, "JOIN", p.before())
	name, ok := joinName(seen)
	if !ok {
		p.fail(t, "this is not a kind of JOIN: use INNER, LEFT, RIGHT or FULL, with at most one of ANY, ALL, ASOF, SEMI or ANTI")
	}
	return name, true
}

// joinName puts the words before JOIN in the order in which PostHog keeps them.
func joinName(seen map[keyword]bool) (string, bool) {
	var words []string
	add := func(kws ...keyword) {
		for _, kw := range kws {
			if seen[kw] {
				words = append(words, joinWord(kw))
			}
		}
	}
	sides, strict := 0, 0
	for kw := range seen {
		switch kw {
		case kwLeft, kwRight, kwFull, kwInner:
			sides++
		case kwAll, kwAny, kwSemi, kwAnti:
			strict++
		}
	}
	asofWithStrict := seen[kwAsof] && strict > 0 && (seen[kwAll] || seen[kwAny])
	if sides > 1 || strict > 1 || asofWithStrict || seen[kwOuter] && (sides == 0 || seen[kwInner]) {
		return "", false
	}
	switch {
	case seen[kwLeft], seen[kwRight]:
		add(kwLeft, kwRight, kwOuter, kwSemi, kwAll, kwAnti, kwAny, kwAsof)
	case seen[kwFull]:
		if seen[kwSemi] || seen[kwAnti] {
			return "", false
		}
		add(kwFull, kwOuter, kwAll, kwAny, kwAsof)
	case seen[kwSemi], seen[kwAnti]:
		if seen[kwInner] {
			return "", false
		}
		add(kwAsof, kwSemi, kwAnti)
	case len(seen) > 0:
		add(kwAll, kwAny, kwAsof)
		words = append(words, "INNER")
	}
	return strings.Join(append(words, "JOIN"), " "), true
}

func joinWord(kw keyword) string {
	switch kw {
	case kwAll:
		return "ALL"
	case kwAny:
		return "ANY"
	case kwAsof:
		return "ASOF"
	case kwSemi:
		return "SEMI"
	case kwAnti:
		return "ANTI"
	case kwLeft:
		return "LEFT"
	case kwRight:
		return "RIGHT"
	case kwFull:
		return "FULL"
	}
	return "OUTER"
}

func (p *parser) joinConstraint() *JoinConstraint {
	t := p.advance()
	c := &JoinConstraint{Using: t.kw == kwUsing}
	if open := p.tok(); c.Using && open.kind == tokLParen {
		p.pos++
		list := p.bracketList()
		p.closing(tokRParen, open)
		c.Expr = usingExpr(list)
		c.Span = p.from(t.start)
		return c
	}
	if !p.operandFollows() {
		p.failExpected("an expression", "`"+p.text(t)+"`")
	}
	outer := p.clause
	p.clause = strings.ToUpper(p.text(t))
	if c.Using {
		c.Expr = usingExpr(p.exprList())
	} else {
		c.Expr = p.onExpr()
	}
	c.Span = p.from(t.start)
	p.clause = outer
	return c
}

// onExpr reads the condition of ON. A comma behind it can be a trailing one,
// or join the next table where what follows is no expression alone.
func (p *parser) onExpr() Expr {
	e := p.expr()
	comma := p.pos
	if table, known := p.decided[comma]; known && table || !p.acceptKind(tokComma) || p.listEnds() {
		return e
	}
	second := p.tok()
	if p.try(func() { p.exprList() }) && (p.listEnds() || p.atAny(kwWith, kwJoin, kwCross, kwLeft, kwRight, kwInner, kwFull, kwAny, kwAll, kwAsof, kwSemi, kwAnti, kwOn, kwUsing)) {
		p.fail(second, "ON takes one condition: join several with AND, and name tables separated by commas before the JOIN")
	}
	p.pos = comma
	p.decide(comma, true)
	return e
}

func usingExpr(list []Expr) Expr {
	if len(list) == 1 {
		return list[0]
	}
	span := Span{Start: list[0].Pos().Start, End: list[len(list)-1].Pos().End}
	return &Tuple{Span: span, Exprs: list}
}

// joinTable reads one table with its alias, FINAL and SAMPLE, or a join in
// parentheses.
func (p *parser) joinTable() *JoinExpr {
	start := p.tok().start
	j := &JoinExpr{}
	open := p.tok()
	switch {
	case open.kind == tokLParen && p.peek(1).kw == kwValues && p.peek(2).kind == tokLParen && p.peek(3).kind != tokRParen:
		j.Table = p.values()
	case open.kind == tokLParen:
		table, group := p.parenTable()
		if group != nil {
			return group
		}
		j.Table = table
	case open.kind == tokLBrace:
		j.Table = p.placeholder()
	case isName(open) && p.peek(1).kind == tokLParen:
		p.pos++
		j.Table = &Field{Span: p.from(start), Chain: []string{p.name(open)}}
		p.tableArgs(j)
	case isName(open) && !p.atGrouping():
		p.pos++
		f := &Field{Chain: []string{p.name(open)}}
		for p.acceptKind(tokDot) {
			f.Chain = append(f.Chain, p.identifier("a name", "`.`"))
		}
		f.Span = p.from(start)
		j.Table = f
	default:
		p.failExpected("a table", p.before())
	}
	p.tableAliases(j)
	if p.atAny(kwPivot, kwUnpivot) {
		p.unsupported(p.tok(), strings.ToUpper(p.text(p.tok())))
	}
	j.Final = p.accept(kwFinal)
	if p.at(kwSample) {
		j.Sample = p.sample()
	}
	j.Span = p.from(start)
	return j
}

func (p *parser) tableArgs(j *JoinExpr) {
	open := p.advance()
	j.TableArgs = []Expr{}
	if p.kind() != tokRParen {
		j.TableArgs = p.bracketList()
	}
	p.closing(tokRParen, open)
}

// tableAliases reads AS name (columns), also without AS. The last one counts.
func (p *parser) tableAliases(j *JoinExpr) {
	for {
		t := p.tok()
		switch {
		case p.accept(kwAs):
			t = p.tok()
			j.Alias = p.identifier("a name", "AS")
		case t.kind == tokIdent, t.kind == tokQuoted, isAny(t, kwDate, kwFirst, kwID, kwKey):
			p.pos++
			j.Alias = p.name(t)
		default:
			return
		}
		p.alias(t, j.Alias)
		j.HasAlias, j.ColumnAliases = true, nil
		if open := p.tok(); p.acceptKind(tokLParen) {
			j.ColumnAliases = p.names("a column name", "`(`")
			p.closing(tokRParen, open)
		}
	}
}

// parenTable reads ( ... ) in FROM: a subquery, or a join, which is then the
// second result.
func (p *parser) parenTable() (Table, *JoinExpr) {
	open := p.advance()
	if p.queryFollows() {
		table, _ := p.selectSet().(Table)
		p.closing(tokRParen, open)
		return table, nil
	}
	start := p.tok().start
	j := p.joins()
	q, plain := j.Table.(Query)
	plain = plain && j.Next == nil && !j.HasAlias && !j.Final && j.Sample == nil
	if plain && p.setFollows() {
		q = p.setRest(q, start)
	}
	p.closing(tokRParen, open)
	if plain {
		table, _ := q.(Table)
		return table, nil
	}
	return nil, j
}

// values reads (VALUES (1, 2), (3, 4)).
func (p *parser) values() *ValuesQuery {
	open := p.advance()
	p.pos++
	v := &ValuesQuery{}
	for {
		row := p.expectKind(tokLParen, "`(`", "VALUES")
		v.Rows = append(v.Rows, p.bracketList())
		p.closing(tokRParen, row)
		if !p.acceptKind(tokComma) {
			break
		}
	}
	p.closing(tokRParen, open)
	v.Span = p.from(open.start)
	return v
}

// sample reads SAMPLE n/m [%] [OFFSET n/m] [(method)].
func (p *parser) sample() *SampleExpr {
	t := p.advance()
	s := &SampleExpr{Value: p.ratio("SAMPLE")}
	p.acceptKind(tokPercent)
	if p.accept(kwOffset) {
		s.Offset = p.ratio("OFFSET")
	}
	if open := p.tok(); p.acceptKind(tokLParen) {
		p.identifier("a method", "SAMPLE ... (")
		p.closing(tokRParen, open)
	}
	s.Span = p.from(t.start)
	return s
}

func (p *parser) ratio(after string) Expr {
	start := p.tok().start
	if p.kind() == tokLBrace {
		return p.placeholder()
	}
	r := &RatioExpr{Left: p.ratioNumber(after)}
	if p.acceptKind(tokSlash) {
		r.Right = p.ratioNumber("`/`")
	}
	r.Span = p.from(start)
	return r
}

func (p *parser) ratioNumber(after string) *Constant {
	if !isNumeric(p.tok(), p.peek(1)) {
		p.failExpected("a number", after)
	}
	c, _ := p.number().(*Constant)
	return c
}
