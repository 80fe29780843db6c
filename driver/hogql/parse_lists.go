package hogql

// exprList reads the expressions of a clause, separated by commas; one comma at
// the end is allowed, as in HogQL.
func (p *parser) exprList() []Expr {
	var list []Expr
	for {
		list = append(list, p.expr())
		if !p.acceptKind(tokComma) || p.listEnds() {
			return list
		}
	}
}

// bracketList is exprList inside brackets, where no clause can begin.
func (p *parser) bracketList() []Expr {
	var list []Expr
	for {
		list = append(list, p.expr())
		if !p.acceptKind(tokComma) || endsList(p.tok()) {
			return list
		}
	}
}

// listEnds reports whether a list is over behind a comma.
func (p *parser) listEnds() bool {
	return endsList(p.tok()) || p.startsClause(0)
}

// endsList reports whether no expression can follow at t because the text or
// the brackets end.
func endsList(t token) bool {
	switch t.kind {
	case tokEOF, tokRParen, tokRBracket, tokRBrace, tokSemicolon:
		return true
	}
	return isAny(t, kwIntersect, kwExcept)
}

// startsClause reports whether the token n places ahead begins a clause, by
// what follows it: nearly every keyword can be a column's name too.
func (p *parser) startsClause(n int) bool {
	const farthest = 8 // a run of keywords this long is no statement
	t, next := p.peek(n), p.peek(n+1)
	if n > farthest {
		return false
	}
	switch t.kw {
	case kwFrom:
		return isName(next) || next.kind == tokLParen || next.kind == tokLBrace
	case kwWhere, kwPrewhere, kwHaving, kwQualify, kwLimit, kwOffset:
		return startsOperand(next) && !p.notOperator(n+1) || isNumeric(next, p.peek(n+2)) || p.keywordIsName(n+1)
	case kwSettings:
		return isName(next) && p.peek(n+2).kind == tokEq
	case kwGroup, kwOrder:
		return next.kw == kwBy
	case kwUnion:
		return isAny(next, kwAll, kwDistinct, kwBy, kwSelect, kwWith) || next.kind == tokLBrace ||
			next.kind == tokLParen && (isAny(p.peek(n+2), kwSelect, kwWith) || p.peek(n+2).kind == tokLParen)
	case kwIntersect, kwExcept:
		return true
	case kwWindow:
		return isName(next) && p.peek(n+2).kw == kwAs
	case kwWith:
		return isAny(next, kwTotals, kwCube, kwRollup)
	case kwArray:
		return next.kw == kwJoin
	case kwLeft, kwInner:
		return next.kw == kwArray && p.peek(n+2).kw == kwJoin
	case kwUsing:
		return next.kw == kwSample
	}
	return false
}

// startsOperand reports whether an expression can begin with t. Keywords that
// stand between or behind expressions do not count, though each could be a
// column's name.
func startsOperand(t token) bool {
	switch t.kind {
	case tokIdent, tokQuoted, tokString, tokTemplateStart, tokLParen, tokLBracket, tokLBrace, tokDash, tokHash, tokTagOpen:
		return true
	case tokKeyword:
		return !isAny(t, kwAs, kwAnd, kwOr, kwIn, kwLike, kwILike, kwIs, kwBetween, kwFrom, kwWhere, kwPrewhere, kwGroup, kwHaving,
			kwQualify, kwOrder, kwLimit, kwOffset, kwUnion, kwIntersect, kwExcept, kwAsc, kwDesc, kwDescending, kwWith, kwWhen, kwThen, kwElse,
			kwEnd, kwOn, kwUsing, kwBy, kwJoin, kwOver)
	}
	return isNumber(t.kind)
}

// keywordIsName reports whether the keyword n places ahead is a name there: it
// begins no clause and has nothing behind it that it could introduce.
func (p *parser) keywordIsName(n int) bool {
	t, next := p.peek(n), p.peek(n+1)
	if !isName(t) || isAny(t, kwAs, kwAnd, kwOr, kwLike, kwILike, kwIs, kwBetween, kwIn) || p.notOperator(n) || p.startsClause(n) {
		return false
	}
	switch t.kw {
	case kwGroup, kwOrder, kwUnion: // without BY or SELECT they introduce nothing
		return true
	case kwAsc, kwDesc, kwDescending, kwEnd:
		if next.kind == tokLParen {
			return true
		}
	}
	return (!startsOperand(next) || p.notOperator(n+1)) && !isNumber(next.kind)
}

// continuesExpr reports whether t goes on with an expression before it.
func continuesExpr(t token) bool {
	switch t.kind {
	case tokComma, tokLParen, tokNullProp, tokQuestion, tokRegex, tokNotRegex, tokIRegex, tokNotIRegex:
		return true
	}
	return isOperator(t.kind) || isAny(t, kwAs, kwAnd, kwOr, kwIs, kwIn, kwLike, kwILike, kwBetween, kwNot, kwIgnore, kwOver, kwFilter)
}

// notOperator reports whether the NOT n places ahead is part of NOT IN and its
// kin.
func (p *parser) notOperator(n int) bool {
	return p.peek(n).kw == kwNot && isAny(p.peek(n+1), kwIn, kwLike, kwILike, kwBetween)
}

func isNumber(k tokenKind) bool { return k >= tokInt && k <= tokBadNumber }

// isNumeric reports whether t and the next token begin a number, or a sign and
// a number: -1, .5, +inf.
func isNumeric(t, next token) bool {
	switch t.kind {
	case tokDot:
		return next.kind == tokInt || next.kind == tokOctal
	case tokDash, tokPlus:
		return isNumber(next.kind) || isAny(next, kwInf, kwNan) || next.kind == tokDot
	}
	return isNumber(t.kind) || isAny(t, kwInf, kwNan)
}

// before names what stands before the current token, for messages.
func (p *parser) before() string {
	if p.pos == 0 {
		return "the beginning"
	}
	return "`" + p.text(p.tokens[p.pos-1]) + "`"
}
