package hogql

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// maxDepth bounds how deep expressions and subqueries nest, so that no
	// statement can exhaust the stack.
	maxDepth = 200
	// maxTokens bounds a statement's length: a few times what PostHog's own
	// editor is ever asked to run.
	maxTokens = 100_000
)

// Parse parses one statement. It returns *SelectQuery, *SelectSetQuery or, for
// a statement that is just {x}, *Placeholder. One semicolon at the end is
// allowed. The error is a *SyntaxError, or an *UnsupportedError when the
// statement has a construct that is not parsed here.
func Parse(sql string) (Query, error) {
	p := &parser{sql: sql, tokens: lex(sql)}
	q, err := p.statement()
	if err != nil {
		return nil, err
	}
	return q, nil
}

// parser is a recursive-descent parser over the tokens of one statement. A
// method that meets a mistake panics with *SyntaxError or *UnsupportedError;
// statement recovers it. No other panic is recovered.
type parser struct {
	sql    string
	tokens []token
	pos    int
	depth  int
	// noLambda is the token index below which a list of identifiers is known
	// not to be a lambda's: it keeps the look-ahead linear.
	noLambda int
	// decided holds what look-ahead by trial found out, by token index: whether
	// the first reading fits there. Each place is tried once only, which keeps
	// nested trials from multiplying.
	decided map[int]bool
	// percent is true while a LIMIT is read, where a trailing % is no modulo.
	percent bool
	// lastOffset is the SELECT just read when it ended with LIMIT n OFFSET m.
	lastOffset *SelectQuery
	// droppedOrder holds the ORDER BY clauses that PostHog reads and drops.
	droppedOrder []Span
	// clause is the text of the clause being read, for messages.
	clause string
}

// bail carries an error through the panics of one parse.
type bail struct{ err error }

func (p *parser) statement() (q Query, err error) {
	defer func() {
		if r := recover(); r != nil {
			b, ok := r.(bail)
			if !ok {
				panic(r)
			}
			q, err = nil, b.err
		}
	}()
	if len(p.tokens) > maxTokens {
		p.unsupported(p.tokens[maxTokens], fmt.Sprintf("a statement of more than %d words", maxTokens))
	}
	p.checkStart()
	q = p.selectSet()
	if p.kind() == tokSemicolon {
		p.pos++
		if p.kind() != tokEOF {
			p.fail(p.tok(), "only one statement is allowed: remove everything after the semicolon")
		}
	}
	if p.kind() != tokEOF {
		p.failLeftover()
	}
	return q, nil
}

// ---- tokens ----

func (p *parser) tok() token      { return p.tokens[p.pos] }
func (p *parser) kind() tokenKind { return p.tokens[p.pos].kind }

// peek returns the token n places ahead; the end repeats.
func (p *parser) peek(n int) token {
	if i := p.pos + n; i < len(p.tokens) {
		return p.tokens[i]
	}
	return p.tokens[len(p.tokens)-1]
}

// advance returns the current token and steps over it; the end stays.
func (p *parser) advance() token {
	t := p.tokens[p.pos]
	if t.kind != tokEOF {
		p.pos++
	}
	return t
}

func (p *parser) text(t token) string { return p.sql[t.start:t.end] }

// at reports whether the current token is the keyword.
func (p *parser) at(kw keyword) bool { return p.tokens[p.pos].kw == kw }

// atAny reports whether the current token is one of the keywords.
func (p *parser) atAny(kws ...keyword) bool { return isAny(p.tok(), kws...) }

func isAny(t token, kws ...keyword) bool {
	return t.kw != kwNone && slices.Contains(kws, t.kw)
}

// accept steps over the keyword if it is there.
func (p *parser) accept(kw keyword) bool {
	if p.at(kw) {
		p.pos++
		return true
	}
	return false
}

// acceptKind steps over a token of the kind if it is there.
func (p *parser) acceptKind(kind tokenKind) bool {
	if p.kind() == kind {
		p.pos++
		return true
	}
	return false
}

// expect steps over the keyword; after says behind what it was expected.
func (p *parser) expect(kw keyword, name, after string) {
	if !p.accept(kw) {
		p.failExpected(name, after)
	}
}

func (p *parser) expectKind(kind tokenKind, name, after string) token {
	if p.kind() != kind {
		p.failExpected(name, after)
	}
	return p.advance()
}

// closing steps over the bracket that closes the one opened at open.
func (p *parser) closing(kind tokenKind, open token) {
	if p.kind() == kind {
		p.pos++
		return
	}
	want := map[tokenKind]string{tokRParen: ")", tokRBracket: "]", tokRBrace: "}"}[kind]
	line, column := lineColumn(p.sql, open.start)
	p.fail(p.tok(), "expected `%s` to close the `%s` at line %d, column %d, found %s", want, p.text(open), line, column, p.describe(p.tok()))
}

// prevEnd is the end of the last token read, for the spans of nodes.
func (p *parser) prevEnd() int {
	if p.pos == 0 {
		return 0
	}
	return p.tokens[p.pos-1].end
}

// from is the span from start to the last token read.
func (p *parser) from(start int) Span { return Span{Start: start, End: max(start, p.prevEnd())} }

// enter counts a level of nesting and must be followed by leave.
func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.unsupported(p.tok(), fmt.Sprintf("nesting of more than %d levels", maxDepth))
	}
}

func (p *parser) leave() { p.depth-- }

// attempt tries the special form that a keyword can begin. When it does not
// fit, the result is nil and the keyword will be taken for a name.
func (p *parser) attempt(form func() Expr) Expr {
	start := p.pos
	if p.isNamed() {
		return nil
	}
	var e Expr
	if !p.try(func() { e = form() }) {
		p.decide(start, false)
		return nil
	}
	return e
}

// decide remembers the outcome of a trial.
func (p *parser) decide(at int, fits bool) bool {
	if p.decided == nil {
		p.decided = map[int]bool{}
	}
	p.decided[at] = fits
	return fits
}

// try runs f and reports whether it met no mistake. If it did, the position is
// as before.
func (p *parser) try(f func()) (ok bool) {
	start, depth, clause, percent := p.pos, p.depth, p.clause, p.percent
	defer func() {
		if r := recover(); r != nil {
			b, mine := r.(bail)
			if !mine || IsUnsupported(b.err) {
				panic(r)
			}
			p.pos, p.depth, p.clause, p.percent = start, depth, clause, percent
			ok = false
		}
	}()
	f()
	return true
}

// ---- identifiers ----

// isName reports whether t can be an identifier.
func isName(t token) bool {
	switch t.kind {
	case tokIdent, tokQuoted:
		return true
	case tokKeyword:
		return !t.kw.reserved()
	}
	return false
}

// name returns the identifier that t is, without quotes.
func (p *parser) name(t token) string {
	if t.kind == tokQuoted {
		return unquote(p.text(t))
	}
	return p.text(t)
}

// identifier reads an identifier.
func (p *parser) identifier(what, after string) string {
	t := p.tok()
	if !isName(t) {
		if t.kind == tokKeyword {
			p.fail(t, "expected %s after %s, found `%s`, a reserved word: put it in backticks or choose another name", what, after, p.text(t))
		}
		p.failExpected(what, after)
	}
	p.pos++
	return p.name(t)
}

// names reads identifiers separated by commas, at least one.
func (p *parser) names(what, after string) []string {
	list := []string{p.identifier(what, after)}
	for p.kind() == tokComma {
		p.pos++
		list = append(list, p.identifier(what, "`,`"))
	}
	return list
}

// alias checks a name given to a column or table. In quotes any name will do.
func (p *parser) alias(t token, name string) string {
	if t.kind == tokQuoted {
		return name
	}
	switch strings.ToLower(name) {
	case "true", "false", "null", "team_id":
		p.fail(t, "`%s` is reserved in HogQL and cannot be an alias: choose another name", name)
	}
	return name
}
