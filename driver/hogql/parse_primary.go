package hogql

import "math"

// operand reads a prefix operator with its operand, or a primary expression
// with what is attached to it: calls, indexes, properties and casts.
func (p *parser) operand() Expr {
	t := p.tok()
	switch {
	case isNumeric(t, p.peek(1)):
		return p.postfix(p.number(), t.start)
	case t.kind == tokDash:
		p.pos++
		zero := &Constant{Span: Span{t.start, t.end}, Value: int64(0)}
		right := p.right(t, levelNegate)
		return &ArithmeticOperation{Span: p.from(t.start), Op: "-", Left: zero, Right: right}
	case t.kw == kwNot && p.notFollows():
		p.pos++
		e := p.exprAt(levelNot)
		return &Not{Span: p.from(t.start), Expr: e}
	}
	return p.postfix(p.primary(), t.start)
}

// notFollows reports whether NOT here negates what follows. NOT (x) is a call
// of the function not, as in PostHog's grammar.
func (p *parser) notFollows() bool {
	next := p.peek(1)
	switch {
	case next.kind == tokLParen: // a call, but NOT (SELECT ...) is none
		return isAny(p.peek(2), kwSelect, kwWith) && p.queryAt(2)
	case isName(next) && p.peek(2).kind == tokLParen: // NOT f(x), whatever f is called
		return true
	case next.kw == kwIn:
		return false
	case next.kind == tokStar, next.kind == tokQuestion, next.kind == tokCast:
		return false
	}
	return startsOperand(next) || isNumeric(next, p.peek(2)) || p.keywordIsName(1)
}

// postfix reads what is attached to e.
func (p *parser) postfix(e Expr, start int) Expr {
	for {
		t := p.tok()
		switch t.kind {
		case tokDot, tokNullProp:
			next := p.peek(1)
			nullish := t.kind == tokNullProp
			switch {
			case next.kind == tokInt:
				p.pos += 2
				e = &TupleAccess{Span: p.from(start), Tuple: e, Index: p.index(next), Nullish: nullish}
			case isName(next):
				p.pos += 2
				name := &Constant{Span: Span{next.start, next.end}, Value: p.name(next)}
				e = &ArrayAccess{Span: p.from(start), Array: e, Property: name, Nullish: nullish}
			case nullish && next.kind == tokLBracket:
				p.pos++
				e = p.access(e, start, true)
			default:
				p.pos++
				p.failExpected("a name or an index", "`"+p.text(t)+"`")
			}
		case tokLBracket:
			e = p.access(e, start, false)
		case tokLParen:
			e = p.exprCall(e, start)
		case tokCast:
			p.pos++
			e = &TypeCast{Expr: e, TypeName: p.castType(), Span: p.from(start)}
		default:
			return e
		}
	}
}

// index returns the value of the digits of a tuple index; one that does not
// fit is the largest there is, which no tuple has.
func (p *parser) index(t token) int64 {
	if n, ok := parseInt(p.text(t)); ok {
		return n
	}
	return math.MaxInt64
}

// access reads [x] or [from:to].
func (p *parser) access(e Expr, start int, nullish bool) Expr {
	open := p.advance()
	var from, to Expr
	if p.kind() == tokRBracket {
		p.fail(p.tok(), "expected an index in `[]`")
	}
	if p.kind() != tokColon {
		from = p.expr()
	}
	if nullish || p.kind() != tokColon {
		p.closing(tokRBracket, open)
		return &ArrayAccess{Span: p.from(start), Array: e, Property: from, Nullish: nullish}
	}
	p.pos++
	if p.kind() != tokRBracket {
		to = p.expr()
	}
	p.closing(tokRBracket, open)
	return &ArraySlice{Span: p.from(start), Array: e, From: from, To: to}
}

// exprCall reads (args) behind something that is no plain name.
func (p *parser) exprCall(e Expr, start int) Expr {
	open := p.advance()
	c := &ExprCall{Expr: e}
	switch {
	case p.queryFollows():
		c.Args = []Expr{p.selectSet()}
	case p.kind() != tokRParen:
		c.Args = p.bracketList()
	}
	p.closing(tokRParen, open)
	c.Span = p.from(start)
	return c
}

// queryFollows reports whether a SELECT or WITH stands here, rather than a
// column of that name.
func (p *parser) queryFollows() bool { return p.queryAt(0) }

// queryAt is queryFollows for n places ahead.
func (p *parser) queryAt(n int) bool {
	next := p.peek(n + 1)
	switch p.peek(n).kw {
	case kwSelect:
		return startsOperand(next) || next.kind == tokStar || isNumeric(next, p.peek(n+2)) || isName(next) && next.kw != kwAs
	case kwWith:
		return startsOperand(next) || isNumeric(next, p.peek(n+2)) || isName(next) && !isAny(next, kwAs, kwAnd, kwOr, kwIn, kwLike, kwILike, kwIs, kwBetween)
	}
	return false
}

// primary reads an expression that has no operator outside of brackets.
func (p *parser) primary() Expr {
	t := p.tok()
	switch t.kind {
	case tokString:
		p.pos++
		return &Constant{Span: Span{t.start, t.end}, Value: unquote(p.text(t))}
	case tokTemplateStart:
		return p.template()
	case tokLParen:
		return p.parens()
	case tokLBracket:
		return p.array(t.start)
	case tokLBrace:
		return p.braces()
	case tokStar:
		return p.star()
	case tokHash:
		p.pos++
		n := p.expectKind(tokInt, "a column number", "`#`")
		return &PositionalRef{Span: p.from(t.start), Index: p.index(n)}
	}
	if t.kw == kwNull {
		p.pos++
		return &Constant{Span: Span{t.start, t.end}}
	}
	if !isName(t) || p.atGrouping() {
		p.failOperand(t)
	}
	if l := p.lambda(); l != nil {
		return l
	}
	if t.kind == tokKeyword {
		if e := p.specialForm(); e != nil {
			return e
		}
	}
	next := p.peek(1)
	switch next.kind {
	case tokLParen:
		return p.call()
	case tokColonEquals:
		p.pos += 2
		value := p.expr()
		return &NamedArgument{Span: p.from(t.start), Name: p.name(t), Value: value}
	}
	return p.field()
}

func (p *parser) failOperand(t token) {
	p.failLexical(t)
	switch {
	case t.kind == tokColon && isName(p.peek(1)):
		p.fail(t, "a value is written {%s} and sent in values, not :%s", p.text(p.peek(1)), p.text(p.peek(1)))
	case t.kind == tokQuestion, t.kind == tokPercent:
		p.fail(t, "unexpected %s: a value is written {name} and sent in values", p.describe(t))
	case t.kind == tokRParen && p.pos > 0 && p.tokens[p.pos-1].kind == tokLParen:
		p.fail(t, "expected an expression between `(` and `)`")
	case t.kind == tokKeyword && t.kw.reserved():
		p.fail(t, "expected an expression after %s, found `%s`, a reserved word: put it in backticks if it is a name", p.before(), p.text(t))
	}
	p.failExpected("an expression", p.before())
}

// field reads name.name.name, name.* or true and false.
func (p *parser) field() Expr {
	t := p.advance()
	f := &Field{Chain: []string{p.name(t)}}
	for p.kind() == tokDot {
		next := p.peek(1)
		if isName(next) {
			p.pos += 2
			f.Chain = append(f.Chain, p.name(next))
			continue
		}
		if next.kind == tokStar {
			p.pos += 2
			f.Chain = append(f.Chain, "*")
			f.Span = p.from(t.start)
			return p.starExclude(f)
		}
		break
	}
	f.Span = p.from(t.start)
	if len(f.Chain) == 1 && t.kind == tokIdent {
		switch lower(f.Chain[0]) {
		case "true":
			return &Constant{Span: f.Span, Value: true}
		case "false":
			return &Constant{Span: f.Span, Value: false}
		}
	}
	return f
}

// array reads [a, b].
func (p *parser) array(start int) Expr {
	open := p.advance()
	a := &Array{}
	if p.kind() != tokRBracket {
		a.Exprs = p.bracketList()
	}
	p.closing(tokRBracket, open)
	a.Span = p.from(start)
	return a
}

// parens reads a lambda's arguments, a subquery, a tuple or an expression in
// parentheses.
func (p *parser) parens() Expr {
	if l := p.lambda(); l != nil {
		return l
	}
	if e := p.starReplace(); e != nil {
		return e
	}
	p.enter()
	defer p.leave()
	open := p.advance()
	if p.queryFollows() {
		q := p.selectSet()
		p.closing(tokRParen, open)
		return q
	}
	start := p.tok()
	e := p.expr()
	if q, ok := e.(Query); ok && (start.kind == tokLParen || start.kind == tokLBrace) && p.setFollows() {
		e = p.setRest(q, start.start)
	}
	if p.kind() != tokComma {
		p.closing(tokRParen, open)
		return e
	}
	tuple := &Tuple{Exprs: []Expr{e}}
	p.pos++
	if p.kind() != tokRParen {
		tuple.Exprs = append(tuple.Exprs, p.bracketList()...)
	}
	p.closing(tokRParen, open)
	tuple.Span = p.from(open.start)
	return tuple
}

// setFollows reports whether the query just read goes on.
func (p *parser) setFollows() bool {
	return p.atAny(kwUnion, kwIntersect, kwExcept, kwLimit, kwOffset) || p.at(kwOrder) && p.peek(1).kw == kwBy
}

// braces reads {placeholder} or {'key': value}.
func (p *parser) braces() Expr {
	open := p.advance()
	d := &Dict{}
	for p.kind() != tokRBrace {
		if p.kind() == tokEOF {
			p.closing(tokRBrace, open)
		}
		key := p.expr()
		if len(d.Items) == 0 && p.kind() != tokColon {
			p.closing(tokRBrace, open)
			return &Placeholder{Span: p.from(open.start), Expr: key}
		}
		p.expectKind(tokColon, "`:`", "a key")
		d.Items = append(d.Items, DictItem{Key: key, Value: p.expr()})
		if !p.acceptKind(tokComma) {
			break
		}
	}
	p.closing(tokRBrace, open)
	d.Span = p.from(open.start)
	return d
}

// placeholder reads {expr} where nothing else can stand.
func (p *parser) placeholder() *Placeholder {
	open := p.advance()
	e := p.expr()
	p.closing(tokRBrace, open)
	return &Placeholder{Span: p.from(open.start), Expr: e}
}
