package hogql

import "strings"

// castForm reads CAST(x AS type) or TRY_CAST(x AS type), or returns nil when
// it is a call of that name: cast(x, 'type').
func (p *parser) castForm() Expr {
	t, open := p.tok(), p.peek(1)
	start := p.pos
	if p.isNamed() || p.peek(2).kind == tokRParen {
		return nil
	}
	isCall := func() Expr {
		p.pos = start
		p.decide(start, false)
		return nil
	}
	p.pos += 2
	e := p.exprAt(levelTernary)
	if body := lambdaAlias(e); body != nil && p.kind() == tokRParen {
		alias, _ := (*body).(*Alias) // CAST(x -> y AS type)
		*body = alias.Expr
		p.pos++
		return cast(t, p.from(t.start), e, lower(alias.Name))
	}
	if !p.at(kwAs) {
		return isCall()
	}
	p.pos++
	for {
		nameTok := p.tok()
		typ := p.typeName()
		if p.at(kwAs) { // it was an alias: CAST(a AS b AS type)
			e = &Alias{Span: p.from(e.Pos().Start), Expr: e, Name: p.alias(nameTok, p.name(nameTok))}
			p.pos++
			continue
		}
		if p.kind() == tokComma {
			return isCall()
		}
		p.closing(tokRParen, open)
		return cast(t, p.from(t.start), e, typ)
	}
}

func cast(t token, span Span, e Expr, typ string) Expr {
	if t.kw == kwTryCast {
		return &TryCast{Span: span, Expr: e, TypeName: typ}
	}
	return &TypeCast{Span: span, Expr: e, TypeName: typ}
}

// castType reads the type behind ::, which has no parameters in HogQL.
func (p *parser) castType() string {
	t := p.tok()
	plain := t.kind == tokIdent || t.kind == tokQuoted || t.kw.unit() || isAny(t, kwDate, kwTime, kwTimestamp, kwInterval)
	if isName(t) && p.peek(1).kind == tokLParen {
		p.fail(p.peek(1), "a type behind :: has no parameters: write CAST(x AS %s(...))", p.text(t))
	}
	if !plain {
		p.failExpected("a type", "`::`")
	}
	p.pos++
	name := lower(p.name(t))
	if p.at(kwWith) && isAny(p.peek(1), kwLocal, kwTime) {
		p.pos++
		name += " with"
		if p.accept(kwLocal) {
			name += " local"
		}
		p.expect(kwTime, "TIME ZONE", "WITH")
		p.expect(kwZone, "ZONE", "TIME")
		name += " time zone"
	}
	return name
}

// typeName reads a type with parameters and [] and returns it in lower case.
func (p *parser) typeName() string {
	p.enter()
	defer p.leave()
	t := p.tok()
	name := lower(p.identifier("a type", "AS"))
	switch {
	case p.kind() == tokLParen:
		if strings.HasPrefix(name, "enum") && p.peek(1).kind == tokString && p.peek(2).kind == tokEq {
			p.fail(t, "HogQL has no Enum types")
		}
		name += p.typeParameters()
	case isName(p.tok()) && !p.at(kwAs):
		for isName(p.tok()) && !p.at(kwAs) { // DOUBLE PRECISION
			name += " " + lower(p.name(p.advance()))
		}
	}
	for p.kind() == tokLBracket {
		open := p.advance()
		name += "["
		if p.kind() == tokInt {
			name += p.text(p.advance())
		}
		p.closing(tokRBracket, open)
		name += "]"
	}
	return name
}

// typeParameters reads (...) of a type: types, named types or constants.
func (p *parser) typeParameters() string {
	open := p.advance()
	var parts []string
	for p.kind() != tokRParen {
		t, next := p.tok(), p.peek(1)
		switch {
		case isName(t) && isName(next):
			field := p.name(p.advance())
			parts = append(parts, lower(field)+" "+p.typeName())
		case isName(t):
			parts = append(parts, p.typeName())
		default:
			e := p.expr()
			c, ok := e.(*Constant)
			if !ok {
				p.unsupported(t, "an expression as a type's parameter")
			}
			parts = append(parts, c.Text(p.sql)) // as it is written, case and all
		}
		if !p.acceptKind(tokComma) {
			break
		}
	}
	p.closing(tokRParen, open)
	return "(" + strings.Join(parts, ", ") + ")"
}

func lower(s string) string { return strings.ToLower(s) }
