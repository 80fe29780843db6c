package hogql

import (
	"strings"
	"unicode/utf8"
)

// lexer turns a statement into tokens. Comments and white space are skipped.
type lexer struct {
	sql    string
	pos    int
	tokens []token
	// braces counts the open { of each template string around the position:
	// the } that closes the last one returns to the template's text.
	braces []int
}

// lex returns the tokens of sql, the last one being tokEOF.
func lex(sql string) []token {
	lx := &lexer{sql: sql, tokens: make([]token, 0, len(sql)/4+8)}
	for lx.next() {
	}
	return lx.tokens
}

func (lx *lexer) emit(kind tokenKind, start int) {
	lx.tokens = append(lx.tokens, token{start: start, end: lx.pos, kind: kind})
}

func (lx *lexer) at(offset int) byte {
	if i := lx.pos + offset; i < len(lx.sql) {
		return lx.sql[i]
	}
	return 0
}

// next adds one token (or a template's text and its end) and reports whether
// there is more.
func (lx *lexer) next() bool {
	lx.skipSpace()
	start := lx.pos
	if start >= len(lx.sql) {
		lx.emit(tokEOF, start)
		return false
	}
	c := lx.sql[start]
	switch {
	case c == 'f' && lx.at(1) == '\'':
		lx.pos += 2
		lx.emit(tokTemplateStart, start)
		return lx.template()
	case isLetter(c):
		for lx.pos < len(lx.sql) && isWord(lx.sql[lx.pos]) {
			lx.pos++
		}
		kind, kw := tokIdent, lookupKeyword(lx.sql[start:lx.pos])
		if kw != kwNone {
			kind = tokKeyword
		}
		lx.tokens = append(lx.tokens, token{start: start, end: lx.pos, kind: kind, kw: kw})
	case isDigit(c), c == '.' && isDigit(lx.at(1)):
		return lx.number()
	case c == '\'':
		return lx.quoted(tokString)
	case c == '`', c == '"':
		return lx.quoted(tokQuoted)
	default:
		return lx.symbol()
	}
	return true
}

// quoted reads a string or quoted identifier. A backslash must begin an escape
// that the grammar knows.
func (lx *lexer) quoted(kind tokenKind) bool {
	start := lx.pos
	quote := lx.sql[start]
	lx.pos++
	for lx.pos < len(lx.sql) {
		switch c := lx.sql[lx.pos]; c {
		case quote:
			if lx.at(1) != quote {
				lx.pos++
				lx.emit(kind, start)
				return true
			}
			lx.pos += 2
		case '\\':
			n := lx.escape(quote)
			if n == 0 {
				lx.emit(tokUnterminated, start)
				lx.tokens[len(lx.tokens)-1].end = lx.pos + 1
				lx.emit(tokEOF, lx.pos)
				return false
			}
			lx.pos += n
		default:
			lx.pos++
		}
	}
	lx.emit(tokUnterminated, start)
	lx.emit(tokEOF, lx.pos)
	return false
}

// escape returns the length of the escape sequence at the position, 0 when it
// is none.
func (lx *lexer) escape(quote byte) int {
	switch c := lx.at(1); c {
	case 'b', 'f', 'r', 'n', 't', '0', 'a', 'v', '\\', 'B', 'F', 'R', 'N', 'T', 'A', 'V':
		return 2
	case '\'':
		if quote != '"' { // as in the grammar: \' in '...' and `...`, \" in "..."
			return 2
		}
	case '"':
		if quote == '"' {
			return 2
		}
	case 'x', 'X':
		if isHex(lx.at(2)) && isHex(lx.at(3)) {
			return 4
		}
	}
	return 0
}

// template reads the text of f'...' up to its end or to a {.
func (lx *lexer) template() bool {
	start := lx.pos
	flush := func() {
		if lx.pos > start {
			lx.emit(tokTemplateText, start)
		}
	}
	for lx.pos < len(lx.sql) {
		switch c := lx.sql[lx.pos]; {
		case c == '\'' && lx.at(1) == '\'':
			lx.pos += 2
		case c == '\'':
			flush()
			lx.pos++
			lx.emit(tokTemplateEnd, lx.pos-1)
			return true
		case c == '{':
			flush()
			lx.pos++
			lx.emit(tokLBrace, lx.pos-1)
			lx.braces = append(lx.braces, 1)
			return true
		case c == '\\' && lx.at(1) == '{':
			lx.pos += 2
		case c == '\\':
			n := lx.escape('\'')
			if n == 0 {
				lx.emit(tokUnterminated, start)
				lx.emit(tokEOF, lx.pos)
				return false
			}
			lx.pos += n
		default:
			lx.pos++
		}
	}
	lx.emit(tokUnterminated, start)
	lx.emit(tokEOF, lx.pos)
	return false
}

// number reads a number. A plain fraction such as 1.5 is three tokens, as in
// the grammar: tuple.1.5 must stay possible.
func (lx *lexer) number() bool {
	start, s := lx.pos, lx.sql
	digits := func(ok func(byte) bool) bool {
		from := lx.pos
		for lx.pos < len(s) && ok(s[lx.pos]) {
			lx.pos++
		}
		return lx.pos > from
	}
	exponent := func(mark byte) bool {
		from := lx.pos
		if lx.at(0)|0x20 == mark {
			lx.pos++
			if c := lx.at(0); c == '+' || c == '-' {
				lx.pos++
			}
			if digits(isDigit) {
				return true
			}
		}
		lx.pos = from
		return false
	}
	if s[start] == '.' {
		lx.pos++
		digits(isDigit)
		if exponent('e') {
			lx.emit(tokFloat, start)
			return true
		}
		lx.pos = start + 1
		lx.emit(tokDot, start)
		return true
	}
	switch mark := lx.at(1) | 0x20; {
	case s[start] == '0' && mark == 'x' && isHex(lx.at(2)):
		lx.pos += 2
		digits(isHex)
		end := lx.pos
		if lx.at(0) == '.' {
			lx.pos++
			digits(isHex)
		}
		if exponent('p') {
			lx.emit(tokFloat, start)
			return true
		}
		lx.pos = end
		lx.emit(tokHex, start)
		return true
	case s[start] == '0' && (mark == 'b' || mark == 'o') && isDigit(lx.at(2)):
		lx.pos += 2
		bin := mark == 'b' && digits(func(c byte) bool { return c == '0' || c == '1' })
		if digits(isDigit) || !bin {
			lx.emit(tokBadNumber, start)
		} else {
			lx.emit(tokBinary, start)
		}
		return true
	}
	digits(isDigit)
	end := lx.pos
	if lx.at(0) == '.' {
		lx.pos++
		digits(isDigit)
	}
	if exponent('e') {
		lx.emit(tokFloat, start)
		return true
	}
	lx.pos = end
	kind := tokInt
	if end > start+1 && s[start] == '0' && strings.Trim(s[start:end], "01234567") == "" {
		kind = tokOctal
	}
	lx.emit(kind, start)
	return true
}

// symbol reads an operator or punctuation.
func (lx *lexer) symbol() bool {
	start := lx.pos
	if lx.sql[start] == '<' && (lx.at(1) == '/' || lx.opensTag()) {
		lx.pos++
		lx.emit(tokTagOpen, start)
		return true
	}
	kind, n := symbolAt(lx.sql[start:])
	if n == 0 {
		_, n = utf8.DecodeRuneInString(lx.sql[start:])
		kind = tokUnexpected
	}
	lx.pos += n
	lx.emit(kind, start)
	if last := len(lx.braces) - 1; last >= 0 {
		switch kind {
		case tokLBrace:
			lx.braces[last]++
		case tokRBrace:
			if lx.braces[last]--; lx.braces[last] == 0 {
				lx.braces = lx.braces[:last]
				return lx.template()
			}
		}
	}
	return true
}
