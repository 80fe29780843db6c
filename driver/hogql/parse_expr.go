package hogql

// Levels of binding, loosest first. An operator's right side is read at the
// next level, which makes it associate to the left.
type level int

const (
	levelAlias level = iota + 1
	levelTernary
	levelOr
	levelAnd
	levelNot
	levelBetween
	levelNullish
	levelDistinct
	levelIsNull
	levelIgnore
	levelCompare
	levelAdd
	levelMultiply
	levelNegate
)

// expr reads a whole expression, with AS if it has one.
func (p *parser) expr() Expr { return p.exprAt(levelAlias) }

// exprAt reads an expression of operators that bind at least as tightly as
// least.
func (p *parser) exprAt(least level) Expr {
	p.enter()
	defer p.leave()
	start := p.tok().start
	e := p.operand()
	// Behind an alias only AND, OR, ? and AS can follow.
	most := levelNegate
	for {
		next := p.binary(e, start, least, most)
		if next == nil {
			return e
		}
		if _, ok := next.(*Alias); ok {
			most = levelAnd
		}
		e = next
	}
}

// binary reads one operator behind left and what it needs, or returns nil when
// there is none of the given levels.
func (p *parser) binary(left Expr, start int, least, most level) Expr {
	t := p.tok()
	fits := func(l level) bool { return l >= least && l <= most }
	if op := arithmeticOp(t.kind); op != "" {
		l := levelAdd
		if op == "*" || op == "/" || op == "%" {
			l = levelMultiply
		}
		if !fits(l) || op == "%" && p.percent && p.endsLimit() {
			return nil
		}
		p.pos++
		right := p.right(t, l+1)
		if op == "||" {
			return &Call{Span: p.from(start), Name: "concat", Args: append(concatArgs(left), concatArgs(right)...), form: callSynthetic}
		}
		return &ArithmeticOperation{Span: p.from(start), Op: op, Left: left, Right: right}
	}
	if op := compareOp(t.kind); op != "" {
		if !fits(levelCompare) {
			return nil
		}
		p.pos++
		right := p.right(t, levelAdd)
		return &CompareOperation{Span: p.from(start), Op: op, Left: left, Right: right}
	}
	switch t.kind {
	case tokNullish:
		if !fits(levelNullish) {
			return nil
		}
		p.pos++
		right := p.right(t, levelNullish+1)
		return &Call{Span: p.from(start), Name: "ifNull", Args: []Expr{left, right}, form: callSynthetic}
	case tokQuestion:
		if !fits(levelTernary) {
			return nil
		}
		return p.ternary(left, start)
	case tokKeyword:
		return p.wordOperator(left, start, fits)
	case tokTagOpen:
		p.failLexical(t)
	}
	return nil
}

// right reads the right side of the operator t.
func (p *parser) right(t token, least level) Expr {
	if !p.operandFollows() {
		p.failExpected("an expression", "`"+p.text(t)+"`")
	}
	return p.exprAt(least)
}

// operandFollows reports whether the current token can begin an expression; a
// clause or the end of the text cannot, although a clause's keyword could be
// a column's name.
func (p *parser) operandFollows() bool {
	return !endsList(p.tok()) && !p.atGrouping()
}

// atGrouping reports whether GROUP BY or ORDER BY stands here.
func (p *parser) atGrouping() bool {
	return p.atAny(kwGroup, kwOrder) && p.peek(1).kw == kwBy
}

func arithmeticOp(k tokenKind) string {
	switch k {
	case tokPlus:
		return "+"
	case tokDash:
		return "-"
	case tokConcat:
		return "||"
	case tokStar:
		return "*"
	case tokSlash:
		return "/"
	case tokPercent:
		return "%"
	}
	return ""
}

func compareOp(k tokenKind) string {
	switch k {
	case tokEq:
		return "=="
	case tokNotEq:
		return "!="
	case tokLt:
		return "<"
	case tokLtEq:
		return "<="
	case tokGt:
		return ">"
	case tokGtEq:
		return ">="
	case tokRegex:
		return "=~"
	case tokNotRegex:
		return "!~"
	case tokIRegex:
		return "=~*"
	case tokNotIRegex:
		return "!~*"
	}
	return ""
}

// endsLimit reports whether the % here ends a LIMIT rather than dividing.
func (p *parser) endsLimit() bool {
	next := p.peek(1)
	return endsList(next) || next.kind == tokComma || isAny(next, kwOffset, kwUnion, kwLimit, kwOrder, kwSettings) ||
		next.kw == kwWith && p.peek(2).kw == kwTies
}

// concatArgs returns the arguments that e brings to a ||: those of a concat,
// which a chain of || makes one call of, or e itself. As in andExprs and orExprs
// the list is taken over from a node that is then dropped.
func concatArgs(e Expr) []Expr {
	if c, ok := e.(*Call); ok && c.Name == "concat" {
		return c.Args
	}
	return []Expr{e}
}

func (p *parser) ternary(cond Expr, start int) Expr {
	t := p.advance()
	if !p.operandFollows() || p.kind() == tokColon {
		p.fail(t, "unexpected `?`: a value is written {name} and sent in values; a condition is written a ? b : c")
	}
	yes := p.expr()
	colon := p.expectKind(tokColon, "`:`", "the first choice of `? :`")
	no := p.right(colon, levelTernary)
	return &Call{Span: p.from(start), Name: "if", Args: []Expr{cond, yes, no}, form: callSynthetic}
}

// wordOperator reads an operator that is a word.
func (p *parser) wordOperator(left Expr, start int, fits func(level) bool) Expr {
	t := p.tok()
	switch t.kw {
	case kwAs:
		if fits(levelAlias) {
			return p.explicitAlias(left, start)
		}
	case kwAnd:
		if fits(levelAnd) {
			p.pos++
			right := p.right(t, levelAnd+1)
			return &And{Exprs: append(andExprs(left), andExprs(right)...), Span: p.from(start)}
		}
	case kwOr:
		if fits(levelOr) {
			p.pos++
			right := p.right(t, levelOr+1)
			return &Or{Exprs: append(orExprs(left), orExprs(right)...), Span: p.from(start)}
		}
	case kwBetween:
		if fits(levelBetween) {
			return p.between(left, start, false)
		}
	case kwIs:
		return p.is(left, start, fits)
	case kwIgnore: // read and dropped by PostHog's parser
		if fits(levelIgnore) && p.peek(1).kw == kwNulls {
			p.pos += 2
			return left
		}
	case kwNot:
		switch p.peek(1).kw {
		case kwBetween:
			if fits(levelBetween) {
				p.pos++
				return p.between(left, start, true)
			}
		case kwIn, kwLike, kwILike:
			if fits(levelCompare) {
				p.pos++
				return p.wordCompare(left, start, "not ")
			}
		default:
			if fits(levelCompare) {
				p.pos++
				p.failExpected("IN, LIKE, ILIKE or BETWEEN", "NOT")
			}
		}
	case kwIn, kwLike, kwILike:
		if fits(levelCompare) {
			return p.wordCompare(left, start, "")
		}
	}
	return nil
}

func andExprs(e Expr) []Expr {
	if a, ok := e.(*And); ok {
		return a.Exprs
	}
	return []Expr{e}
}

func orExprs(e Expr) []Expr {
	if o, ok := e.(*Or); ok {
		return o.Exprs
	}
	return []Expr{e}
}

func (p *parser) explicitAlias(e Expr, start int) Expr {
	p.pos++
	t := p.tok()
	var name string
	if t.kind == tokString {
		p.pos++
		name = unquote(p.text(t))
	} else {
		name = p.identifier("a name", "AS")
	}
	return &Alias{Span: p.from(start), Expr: e, Name: p.alias(t, name)}
}

// wordCompare reads IN, IN COHORT, LIKE or ILIKE; NOT has been read.
func (p *parser) wordCompare(left Expr, start int, not string) Expr {
	t := p.advance()
	op := "in"
	switch t.kw {
	case kwLike:
		op = "like"
	case kwILike:
		op = "ilike"
	case kwIn:
		if p.at(kwCohort) && startsOperand(p.peek(1)) {
			t = p.advance()
			op = "in cohort"
		}
		if p.kind() == tokLParen && p.peek(1).kind == tokRParen {
			p.fail(p.peek(1), "the list of IN is empty: write at least one value")
		}
	}
	right := p.right(t, levelAdd)
	return &CompareOperation{Span: p.from(start), Op: not + op, Left: left, Right: right}
}

func (p *parser) between(e Expr, start int, negated bool) Expr {
	t := p.advance()
	low := p.right(t, levelBetween)
	switch low.(type) {
	case *Lambda, *NamedArgument:
		p.failAt(low.Pos().Start, "a lambda cannot be a bound of BETWEEN")
	}
	and := p.tok()
	p.expect(kwAnd, "AND", "the lower bound of BETWEEN")
	high := p.right(and, levelBetween+1)
	return &BetweenExpr{Span: p.from(start), Negated: negated, Expr: e, Low: low, High: high}
}

// is reads IS [NOT] NULL or IS [NOT] DISTINCT FROM.
func (p *parser) is(left Expr, start int, fits func(level) bool) Expr {
	n := 1
	not := p.peek(1).kw == kwNot
	if not {
		n = 2
	}
	switch t := p.peek(n); {
	case t.kw == kwNull:
		if !fits(levelIsNull) {
			return nil
		}
		p.pos += n + 1
		op := "=="
		if not {
			op = "!="
		}
		null := &Constant{Span: Span{t.start, t.end}}
		return &CompareOperation{Span: p.from(start), Op: op, Left: left, Right: null, IsNull: true}
	case t.kw == kwDistinct && p.peek(n+1).kw == kwFrom:
		if !fits(levelDistinct) {
			return nil
		}
		p.pos += n + 2
		right := p.right(t, levelDistinct+1)
		return &IsDistinctFrom{Span: p.from(start), Negated: not, Left: left, Right: right}
	}
	if !fits(levelDistinct) {
		return nil
	}
	p.pos += n
	p.failExpected("NULL or DISTINCT FROM", p.before())
	return nil
}
