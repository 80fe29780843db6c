package hogql

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fail reports a mistake at t.
func (p *parser) fail(t token, format string, args ...any) {
	p.failAt(t.start, format, args...)
}

func (p *parser) failAt(offset int, format string, args ...any) {
	line, column := lineColumn(p.sql, offset)
	panic(bail{&SyntaxError{
		Message: fmt.Sprintf(format, args...), Offset: offset, Line: line, Column: column, Near: near(p.sql, offset),
	}})
}

// unsupported gives up at t for a construct that is not parsed here.
func (p *parser) unsupported(t token, construct string) {
	line, column := lineColumn(p.sql, t.start)
	panic(bail{&UnsupportedError{Construct: construct, Offset: t.start, Line: line, Column: column}})
}

// failExpected says that what was expected behind after, and what is there.
func (p *parser) failExpected(what, after string) {
	t := p.tok()
	p.failLexical(t)
	p.fail(t, "expected %s after %s, found %s", what, after, p.describe(t))
}

// failLexical reports t when it is no proper token at all.
func (p *parser) failLexical(t token) {
	text := p.text(t)
	switch t.kind {
	case tokUnterminated:
		p.failUnterminated(t)
	case tokBadNumber:
		p.fail(t, "`%s` is not a number HogQL knows: write it in decimal", text)
	case tokUnexpected:
		p.fail(t, "unexpected character %s%s", describeCharacter(text), unexpectedHint(text))
	case tokTagOpen:
		// With nothing but words behind it PostHog may still make sense of it.
		onlyWords := strings.Trim(strings.ToLower(p.sql[t.end:]), "abcdefghijklmnopqrstuvwxyz0123456789_- \t\r\n") == ""
		if p.pos > 0 && endsOperand(p.tokens[p.pos-1]) && !onlyWords {
			p.fail(t, "HogQL takes `<` directly before a name for the start of a tag: put a space after the `<`")
		}
		p.unsupported(t, "a HogQLX tag")
	}
}

// describeCharacter shows a character, or its number where it cannot be seen.
func describeCharacter(text string) string {
	r, _ := utf8.DecodeRuneInString(text)
	if r == utf8.RuneError || !unicode.IsPrint(r) {
		return fmt.Sprintf("U+%04X", r)
	}
	return "`" + text + "`"
}

func unexpectedHint(text string) string {
	if r, _ := utf8.DecodeRuneInString(text); unicode.IsLetter(r) {
		return ": put a name with letters beyond a to z in backticks"
	}
	switch text {
	case "&":
		return ": write AND"
	case "|":
		return ": write OR, or || to join strings"
	case "!":
		return ": write NOT, or != to compare"
	case "@":
		return ": a value is written {name} and sent in values"
	case "‘", "’", "“", "”", "´":
		return ": use straight quotes"
	}
	return ""
}

// failUnterminated explains a string or quoted name that has no end, or a
// backslash in it that is no escape.
func (p *parser) failUnterminated(t token) {
	kind := "string"
	switch p.sql[t.start] {
	case '`', '"':
		kind = "quoted name"
	}
	if i := strings.IndexByte(p.text(t), '\\'); i >= 0 && t.end <= len(p.sql) && p.sql[t.end-1] == '\\' {
		p.fail(t, "the %s has a backslash that is no escape (%s): write \\\\ for a backslash", kind, near(p.sql, t.end-1))
	}
	p.fail(t, "the %s that begins here is not closed: add the closing quote", kind)
}

// describe names a token for a message.
func (p *parser) describe(t token) string {
	switch t.kind {
	case tokEOF:
		return "the end of the query"
	case tokTemplateEnd:
		return "the end of the template string"
	}
	text := p.text(t)
	if len(text) > 40 {
		text = strings.ToValidUTF8(text[:40], "") + "…"
	}
	if next := p.next(t); isAny(t, kwGroup, kwOrder) && next.kw == kwBy {
		text += " " + p.text(next)
	}
	return "`" + text + "`"
}

// next returns the token behind t, which is the current one or near it.
func (p *parser) next(t token) token {
	for i := p.pos; i < len(p.tokens)-1; i++ {
		if p.tokens[i].start == t.start {
			return p.tokens[i+1]
		}
	}
	return token{}
}

// endsOperand reports whether an expression can end with t.
func endsOperand(t token) bool {
	switch t.kind {
	case tokIdent, tokQuoted, tokString, tokInt, tokOctal, tokHex, tokBinary, tokFloat, tokRParen, tokRBracket, tokRBrace, tokTemplateEnd:
		return true
	case tokKeyword:
		return !isAny(t, kwAnd, kwOr, kwNot, kwWhere, kwSelect, kwHaving, kwOn, kwWhen, kwThen, kwElse, kwBy, kwPrewhere, kwCase, kwDistinct)
	}
	return false
}

// checkStart refuses statements that are not queries, with the way out.
func (p *parser) checkStart() {
	t := p.tok()
	switch t.kind {
	case tokEOF:
		p.fail(t, "the query is empty: write a SELECT")
	case tokSemicolon:
		p.fail(t, "the query begins with a semicolon: remove it")
	case tokLParen, tokLBrace:
		return
	case tokTagOpen:
		p.unsupported(t, "a HogQLX tag")
	}
	if isAny(t, kwSelect, kwWith) {
		return
	}
	word := p.text(t)
	switch strings.ToUpper(word) {
	case "INSERT", "UPDATE", "DELETE", "ALTER", "DROP", "CREATE", "TRUNCATE", "RENAME", "OPTIMIZE", "GRANT", "REVOKE", "SET", "USE", "ATTACH", "DETACH", "KILL", "SYSTEM", "EXCHANGE", "REPLACE", "MERGE":
		p.fail(t, "`%s` is not possible: HogQL only reads, write one SELECT", word)
	case "SHOW", "DESCRIBE", "DESC":
		p.fail(t, "`%s` is not possible: write one SELECT, for example from system.information_schema.tables or .columns", word)
	case "EXPLAIN":
		p.fail(t, "`%s` is not possible: write the SELECT alone", word)
	case "FROM":
		p.fail(t, "the query must begin with SELECT, FROM comes after the columns")
	}
	p.failLexical(t)
	p.fail(t, "the query must begin with SELECT or WITH, found %s", p.describe(t))
}

// failLeftover explains text behind a complete query.
func (p *parser) failLeftover() {
	t := p.tok()
	p.failLexical(t)
	text := p.describe(t)
	for _, before := range p.tokens[max(p.pos-2, 0):p.pos] {
		if word := likeClause(p.text(before)); word != "" && before.kind == tokIdent {
			p.fail(before, "`%s` is taken for a name here: write %s", p.text(before), word)
		}
	}
	switch t.kind {
	case tokRParen, tokRBracket, tokRBrace:
		p.fail(t, "%s closes nothing: remove it, or add what opens it", text)
	case tokQuestion:
		p.fail(t, "unexpected `?`: a value is written {name} and sent in values")
	}
	switch {
	case isAny(t, kwSelect):
		p.fail(t, "only one statement is allowed: join queries with UNION ALL")
	case isAny(t, kwFrom, kwPrewhere, kwWhere, kwGroup, kwHaving, kwQualify, kwWindow, kwJoin, kwLeft, kwInner, kwArray):
		p.fail(t, "%s is out of place: the order is SELECT, FROM, JOIN, WHERE, GROUP BY, HAVING, WINDOW, ORDER BY, LIMIT, each once", text)
	case isAny(t, kwLike, kwILike, kwIn, kwBetween, kwIs, kwNot) || isOperator(t.kind):
		p.fail(t, "unexpected %s: an operator cannot follow an alias, put the expression before AS", text)
	}
	if p.clause == "SELECT" {
		p.fail(t, "unexpected %s: separate columns with commas, and put a name that is a keyword in backticks", text)
	}
	p.fail(t, "unexpected %s after %s", text, p.clauseText())
}

// likeClause returns the clause's keyword that word is a misspelling of.
func likeClause(word string) string {
	for _, kw := range []string{"FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "UNION", "JOIN"} {
		if len(word) > 2 && editDistance(strings.ToUpper(word), kw, 1) == 1 {
			return kw
		}
	}
	return ""
}

func isOperator(k tokenKind) bool {
	switch k {
	case tokPlus, tokDash, tokStar, tokSlash, tokPercent, tokConcat, tokEq, tokNotEq, tokLt, tokLtEq, tokGt, tokGtEq, tokDot, tokLBracket, tokCast, tokNullish:
		return true
	}
	return false
}

func (p *parser) clauseText() string {
	if p.clause == "" {
		return "the query"
	}
	return p.clause
}
