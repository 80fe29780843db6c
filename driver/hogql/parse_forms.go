package hogql

import "strings"

// lambda reads x -> e, x, y -> e, (x, y) -> e or () -> e, or returns nil and
// reads nothing. As in PostHog's grammar, the names before a lambda in a list
// are all its arguments: in f(a, x -> x) they are a and x.
func (p *parser) lambda() Expr {
	i, open := p.pos, p.kind() == tokLParen
	if open {
		i++
	} else if i < p.noLambda {
		return nil
	}
	var args []string
	for isName(p.tokens[i]) {
		args = append(args, "")
		i++
		if p.tokens[i].kind != tokComma {
			break
		}
		i++
	}
	end := i
	if open {
		if p.tokens[i].kind != tokRParen {
			return nil
		}
		i++
	}
	if p.tokens[i].kind != tokArrow || len(args) == 0 && !open {
		if !open {
			p.noLambda = end
		}
		return nil
	}
	start := p.tok().start
	args = args[:0]
	for _, t := range p.tokens[p.pos:end] {
		if isName(t) {
			args = append(args, p.name(t))
		}
	}
	p.pos = i + 1
	if p.kind() == tokLBrace && isAny(p.peek(1), kwReturn) || p.kind() == tokLBrace && p.peek(1).kw == kwReserved {
		p.unsupported(p.tok(), "a lambda with a block of statements")
	}
	if !p.operandFollows() {
		p.failExpected("an expression", "`->`")
	}
	body := p.expr()
	return &Lambda{Span: p.from(start), Args: args, Expr: body}
}

// specialForm reads the construct that a keyword begins, or returns nil when
// the keyword is just a name here.
func (p *parser) specialForm() Expr {
	t, next := p.tok(), p.peek(1)
	switch t.kw {
	case kwCase:
		if isName(next) || startsOperand(next) || isNumeric(next, p.peek(2)) {
			return p.maybe(next, p.caseForm)
		}
	case kwCast, kwTryCast:
		if next.kind == tokLParen {
			return p.castForm()
		}
	case kwInterval:
		if next.kind == tokString {
			return p.intervalString()
		}
		if isName(next) || startsOperand(next) || isNumeric(next, p.peek(2)) {
			return p.maybe(next, p.interval)
		}
	case kwDate, kwTimestamp:
		if next.kind == tokString {
			fn := "toDate"
			if t.kw == kwTimestamp {
				fn = "toDateTime"
			}
			p.fail(t, "HogQL has no %s literal: write %s(%s)", strings.ToUpper(p.text(t)), fn, p.text(next))
		}
	case kwTrim:
		if next.kind == tokLParen && isAny(p.peek(2), kwBoth, kwLeading, kwTrailing) && (p.peek(3).kind == tokString || p.peek(3).kind == tokTemplateStart) {
			return p.trim()
		}
	case kwColumns:
		if next.kind == tokLParen && p.peek(2).kind != tokRParen {
			return p.columns()
		}
	case kwArray:
		if next.kind == tokLBracket {
			p.pos++
			return p.array(t.start)
		}
	case kwLambda:
		return p.colonLambda()
	}
	return nil
}

// maybe reads a form whose keyword can be a name too. Only where what follows
// could continue a name (a bracket, a sign, a clause) is a failure taken back.
func (p *parser) maybe(next token, form func() Expr) Expr {
	switch next.kind {
	case tokLParen, tokLBracket, tokDash, tokPlus, tokDot, tokTagOpen, tokKeyword:
		if next.kw != kwWhen {
			return p.attempt(form)
		}
	}
	return form()
}

// caseForm reads CASE [x] WHEN a THEN b ... [ELSE c] END.
func (p *parser) caseForm() Expr {
	t := p.advance()
	c := &Call{Name: "multiIf", form: callSynthetic}
	if !p.at(kwWhen) {
		c.Name = "_caseWithExpression"
		c.Args = append(c.Args, p.expr())
	}
	n := 0
	for p.at(kwWhen) {
		when := p.advance()
		c.Args = append(c.Args, p.branch(when))
		then := p.tok()
		p.expect(kwThen, "THEN", "the condition of WHEN")
		c.Args = append(c.Args, p.branch(then))
		n++
	}
	if n == 0 {
		p.failExpected("WHEN", "CASE")
	}
	if otherwise := p.tok(); p.accept(kwElse) {
		c.Args = append(c.Args, p.branch(otherwise))
		p.expect(kwEnd, "END", "ELSE ...")
	} else {
		p.expect(kwEnd, "WHEN, ELSE or END", "THEN ...")
		c.Args = append(c.Args, &Constant{Span: p.from(t.start)})
	}
	if n == 1 && c.Name == "multiIf" {
		c.Name = "if"
	}
	c.Span = p.from(t.start)
	return c
}

func (p *parser) branch(after token) Expr { return p.right(after, levelAlias) }

// interval reads INTERVAL expr unit.
func (p *parser) interval() Expr {
	t := p.advance()
	e := p.expr()
	unit := p.tok()
	if !unit.kw.unit() {
		p.failExpected("a unit (SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER or YEAR, in the singular)", "the number of INTERVAL")
	}
	p.pos++
	return &Call{Span: p.from(t.start), Name: intervalFunction(unit.kw), Args: []Expr{e}, form: callSynthetic}
}

func intervalFunction(unit keyword) string {
	switch unit {
	case kwSecond:
		return "toIntervalSecond"
	case kwMinute:
		return "toIntervalMinute"
	case kwHour:
		return "toIntervalHour"
	case kwDay:
		return "toIntervalDay"
	case kwWeek:
		return "toIntervalWeek"
	case kwMonth:
		return "toIntervalMonth"
	case kwQuarter:
		return "toIntervalQuarter"
	}
	return "toIntervalYear"
}

// intervalString reads INTERVAL '3 days' or INTERVAL '3' DAY.
func (p *parser) intervalString() Expr {
	if p.peek(2).kw.unit() {
		return p.interval()
	}
	t, s := p.advance(), p.advance()
	span := p.from(t.start)
	text := unquote(p.text(s))
	count, name, _ := strings.Cut(text, " ")
	n, ok := parseInt(count)
	unit := kwNone
	if name == strings.ToLower(name) && !strings.HasSuffix(name, "ss") && name != "yyyy" {
		unit = lookupKeyword(strings.TrimSuffix(name, "s"))
	}
	if !ok || !unit.unit() {
		p.fail(s, "INTERVAL %s is not understood: write INTERVAL 7 DAY or INTERVAL '7 days', with one whole number and one lower-case unit", p.text(s))
	}
	return &Call{Span: span, Name: intervalFunction(unit), Args: []Expr{&Constant{Span: span, Value: n}}, form: callSynthetic}
}

// trim reads trim(BOTH 'x' FROM y).
func (p *parser) trim() Expr {
	t, open := p.advance(), p.advance()
	name := "trim"
	switch p.advance().kw {
	case kwLeading:
		name = "trimLeft"
	case kwTrailing:
		name = "trimRight"
	}
	what := p.primary()
	p.expect(kwFrom, "FROM", "what to trim")
	from := p.expr()
	p.closing(tokRParen, open)
	return &Call{Span: p.from(t.start), Name: name, Args: []Expr{from, what}, form: callSynthetic}
}

// colonLambda reads LAMBDA x, y: e.
func (p *parser) colonLambda() Expr {
	i := p.pos + 1
	var args []string
	for isName(p.tokens[i]) {
		args = append(args, p.name(p.tokens[i]))
		i++
		if p.tokens[i].kind != tokComma {
			break
		}
		i++
	}
	if len(args) == 0 || p.tokens[i].kind != tokColon {
		return nil
	}
	start := p.tok().start
	p.pos = i + 1
	body := p.expr()
	return &Lambda{Span: p.from(start), Args: args, Expr: body}
}

// template reads f'text {expr}'.
func (p *parser) template() Expr {
	t := p.advance()
	var parts []Expr
	for {
		switch part := p.advance(); part.kind {
		case tokTemplateText:
			parts = append(parts, &Constant{Span: Span{part.start, part.end}, Value: unescapeTemplate(p.text(part))})
		case tokLBrace:
			parts = append(parts, p.expr())
			p.closing(tokRBrace, part)
		case tokTemplateEnd:
			switch len(parts) {
			case 0:
				return &Constant{Span: p.from(t.start), Value: ""}
			case 1:
				return parts[0]
			}
			return &Call{Span: p.from(t.start), Name: "concat", Args: parts, form: callSynthetic}
		default:
			p.fail(t, "the template string that begins here is not closed: add the closing quote")
		}
	}
}
