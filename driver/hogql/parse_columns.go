package hogql

import "strings"

// star reads * with what can follow it: EXCLUDE (...), or COLUMNS(...) to
// spread.
func (p *parser) star() Expr {
	t := p.advance()
	if p.at(kwColumns) && p.kind() == tokKeyword && p.peek(1).kind == tokLParen {
		e := p.columns()
		return &SpreadExpr{Span: p.from(t.start), Expr: e}
	}
	return p.starExclude(&Field{Span: p.from(t.start), Chain: []string{"*"}})
}

// starExclude reads EXCLUDE (a, b) behind a star. PostHog's parser forgets the
// table then: t.* EXCLUDE (a) is * EXCLUDE (a).
func (p *parser) starExclude(f *Field) Expr {
	if !p.at(kwExclude) || p.peek(1).kind != tokLParen {
		return f
	}
	c := &ColumnsExpr{AllColumns: true, Exclude: p.exclude()}
	c.Span = p.from(f.Start)
	return c
}

// exclude reads EXCLUDE (a, b.c).
func (p *parser) exclude() []string {
	p.pos++
	open := p.advance()
	var list []string
	for {
		name := []string{p.identifier("a column", "EXCLUDE (")}
		for p.acceptKind(tokDot) {
			name = append(name, p.identifier("a name", "`.`"))
		}
		list = append(list, strings.Join(name, "."))
		if !p.acceptKind(tokComma) || p.kind() == tokRParen {
			break
		}
	}
	p.closing(tokRParen, open)
	return list
}

// replace reads REPLACE (expr AS name, ...).
func (p *parser) replace() []ColumnReplacement {
	p.pos++
	open := p.expectKind(tokLParen, "`(`", "REPLACE")
	var list []ColumnReplacement
	for {
		e := p.exprAt(levelTernary)
		p.expect(kwAs, "AS", "the expression of REPLACE")
		list = append(list, ColumnReplacement{Name: p.identifier("a column", "AS"), Expr: e})
		if !p.acceptKind(tokComma) {
			break
		}
	}
	p.closing(tokRParen, open)
	return list
}

// starReplace reads (* [EXCLUDE (...)] REPLACE (...)), or returns nil and
// reads nothing.
func (p *parser) starReplace() Expr {
	if p.kind() != tokLParen || p.peek(1).kind != tokStar || !p.replaceFollows(2) {
		return nil
	}
	open := p.advance()
	c := &ColumnsExpr{AllColumns: true}
	p.pos++
	p.excludeReplace(c)
	p.closing(tokRParen, open)
	c.Span = p.from(open.start)
	return c
}

func (p *parser) excludeReplace(c *ColumnsExpr) {
	if p.at(kwExclude) && p.peek(1).kind == tokLParen {
		c.Exclude = p.exclude()
	}
	if p.at(kwReplace) {
		c.Replace = p.replace()
	}
}

// columns reads COLUMNS('regex'), COLUMNS(a, b) or COLUMNS(* ...).
func (p *parser) columns() Expr {
	t := p.advance()
	open := p.advance()
	c := &ColumnsExpr{}
	n := 0
	if isName(p.tok()) && p.peek(1).kind == tokDot {
		n = 2
	}
	switch {
	case p.kind() == tokString && p.peek(1).kind == tokRParen:
		regex := unquote(p.text(p.advance()))
		c.Regex = &regex
	case p.peek(n).kind == tokStar && p.replaceFollows(n+1):
		p.pos += n + 1
		c.AllColumns = true
		p.excludeReplace(c)
	default:
		c.Columns = p.bracketList()
	}
	p.closing(tokRParen, open)
	c.Span = p.from(t.start)
	return c
}

// replaceFollows reports whether REPLACE follows n places ahead, possibly
// behind EXCLUDE (...).
func (p *parser) replaceFollows(n int) bool {
	if p.peek(n).kw == kwExclude && p.peek(n+1).kind == tokLParen {
		for p.peek(n).kind != tokRParen && p.peek(n).kind != tokEOF {
			n++
		}
		n++
	}
	return p.peek(n).kw == kwReplace && p.peek(n+1).kind == tokLParen
}
