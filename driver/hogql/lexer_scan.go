package hogql

import (
	"strings"
	"unicode/utf8"
)

// symbolAt returns the operator or punctuation that s begins with (the longest
// that fits) and its length; 0 when there is none.
func symbolAt(s string) (tokenKind, int) {
	has := func(prefix string) bool { return strings.HasPrefix(s, prefix) }
	switch s[0] {
	case '-':
		if has("->") {
			return tokArrow, 2
		}
		return tokDash, 1
	case '*':
		return tokStar, 1
	case ':':
		if has("::") {
			return tokCast, 2
		}
		if has(":=") {
			return tokColonEquals, 2
		}
		return tokColon, 1
	case ',':
		return tokComma, 1
	case '|':
		if has("||") {
			return tokConcat, 2
		}
	case '.':
		return tokDot, 1
	case '=':
		switch {
		case has("=~*"):
			return tokIRegex, 3
		case has("=~"):
			return tokRegex, 2
		case has("=="):
			return tokEq, 2
		}
		return tokEq, 1
	case '>':
		if has(">=") {
			return tokGtEq, 2
		}
		return tokGt, 1
	case '<':
		if has("<=") {
			return tokLtEq, 2
		}
		if has("<>") {
			return tokNotEq, 2
		}
		return tokLt, 1
	case '!':
		switch {
		case has("!~*"):
			return tokNotIRegex, 3
		case has("!~"):
			return tokNotRegex, 2
		case has("!="):
			return tokNotEq, 2
		}
	case '~':
		if has("~*") {
			return tokIRegex, 2
		}
		return tokRegex, 1
	case '?':
		if has("?.") {
			return tokNullProp, 2
		}
		if has("??") {
			return tokNullish, 2
		}
		return tokQuestion, 1
	case '/':
		if has("/>") {
			return tokSlashGt, 2
		}
		return tokSlash, 1
	case '%':
		return tokPercent, 1
	case '+':
		return tokPlus, 1
	case '#':
		return tokHash, 1
	case '{':
		return tokLBrace, 1
	case '}':
		return tokRBrace, 1
	case '[':
		return tokLBracket, 1
	case ']':
		return tokRBracket, 1
	case '(':
		return tokLParen, 1
	case ')':
		return tokRParen, 1
	case ';':
		return tokSemicolon, 1
	}
	return tokUnexpected, 0
}

// skipSpace skips white space and comments. A comment that is not closed is no
// comment, as in the grammar.
func (lx *lexer) skipSpace() {
	for lx.pos < len(lx.sql) {
		rest := lx.sql[lx.pos:]
		switch c := rest[0]; {
		case c == ' ', '\t' <= c && c <= '\r':
			lx.pos++
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(rest)
			if !isWideSpace(r) {
				return
			}
			lx.pos += n
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "//"),
			c == '#' && (len(rest) == 1 || !isDigit(rest[1])):
			lx.pos += lineEnd(rest)
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return
			}
			lx.pos += end + 4
		default:
			return
		}
	}
}

func lineEnd(s string) int {
	if i := strings.IndexAny(s, "\n\r"); i >= 0 {
		return i
	}
	return len(s)
}

// opensTag reports whether the < at the position begins a HogQLX tag rather
// than a comparison. PostHog's lexer decides by what follows: a name directly
// behind it, and then >, / or another word. So a <b AND c is a broken tag there.
func (lx *lexer) opensTag() bool {
	s, i := lx.sql, lx.pos+1
	if i >= len(s) || !isLetter(s[i]) || s[i] == '$' {
		return false
	}
	for i < len(s) && (isWord(s[i]) && s[i] != '$' || s[i] == '-') {
		i++
	}
	if i >= len(s) {
		return false
	}
	if s[i] == '>' || s[i] == '/' {
		return true
	}
	if !isSpace(s[i]) {
		return false
	}
	for i < len(s) {
		switch rest := s[i:]; {
		case isSpace(rest[0]):
			i++
		case strings.HasPrefix(rest, "//"), strings.HasPrefix(rest, "--"), rest[0] == '#':
			i += lineEnd(rest)
		default:
			c := rest[0]
			return isWord(c) && c != '$' || c == '>' || c == '/'
		}
	}
	return false
}

func isSpace(c byte) bool  { return c == ' ' || '\t' <= c && c <= '\r' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isHex(c byte) bool    { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '$' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) }

// isWideSpace reports whether r is white space outside ASCII: editors and
// documents paste such characters, and PostHog takes them for spaces.
func isWideSpace(r rune) bool {
	switch r {
	case 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF:
		return true
	}
	return 0x2000 <= r && r <= 0x200A
}
