package hogql

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// number reads a number with its sign.
func (p *parser) number() Expr {
	first := p.advance()
	negative := first.kind == tokDash
	t := first
	if first.kind == tokDash || first.kind == tokPlus {
		t = p.advance()
	}
	var value any
	switch {
	case t.kw == kwInf:
		value = math.Inf(1)
	case t.kw == kwNan:
		value = math.NaN()
	case t.kind == tokDot:
		value = p.float("." + p.text(p.advance()))
	case t.kind == tokFloat:
		value = p.float(p.text(t))
	case t.kind == tokInt && p.kind() == tokDot && p.fractionFollows():
		text := p.text(t) + "."
		p.pos++
		if p.kind() == tokInt || p.kind() == tokOctal {
			text += p.text(p.advance())
		}
		value = p.float(text)
	case t.kind == tokHex:
		value = integer(p.text(t)[2:], 16, negative)
	case t.kind == tokBinary:
		value = integer(p.text(t)[2:], 2, negative)
	case t.kind == tokInt, t.kind == tokOctal:
		value = integer(p.text(t), 10, negative)
	default:
		p.pos--
		p.failOperand(t)
	}
	if f, ok := value.(float64); ok && negative {
		value = -f
	}
	return &Constant{Span: p.from(first.start), Value: value}
}

// fractionFollows reports whether the dot here belongs to the number before
// it: 1.5 and 1. do, 1.name is a property.
func (p *parser) fractionFollows() bool {
	next := p.peek(1)
	property := next.kind == tokIdent || next.kind == tokQuoted || next.kw.unit() ||
		isAny(next, kwDate, kwFirst, kwID, kwKey, kwLast, kwName, kwTime, kwTimestamp)
	return !property
}

func (p *parser) float(text string) float64 {
	// Out of range is an infinity, which is what PostHog makes of it.
	if strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0X") {
		text = strings.ToLower(text)
	}
	f, _ := strconv.ParseFloat(text, 64)
	return f
}

// integer returns the value as int64, or as *big.Int where that is too small.
func integer(digits string, base int, negative bool) any {
	n, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return nil // the lexer lets no other digits through
	}
	if negative {
		n.Neg(n)
	}
	if n.IsInt64() {
		return n.Int64()
	}
	return n
}

// parseInt reads an int64 of decimal digits only.
func parseInt(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// unquote returns the text of a quoted string or name, in the order in which
// PostHog's parser does it: first the doubled quote, then the escaped quote,
// then the other escapes.
func unquote(s string) string {
	quote, s := s[:1], s[1:len(s)-1]
	if !strings.ContainsAny(s, `\`+quote) {
		return s
	}
	s = strings.ReplaceAll(s, quote+quote, quote)
	return unescape(strings.ReplaceAll(s, `\`+quote, quote))
}

// unescapeTemplate does the same for the text of a template string.
func unescapeTemplate(s string) string {
	s = strings.ReplaceAll(s, "''", "'")
	s = strings.ReplaceAll(s, `\'`, "'")
	return unescape(strings.ReplaceAll(s, `\{`, "{"))
}

// unescape replaces the backslash escapes. An escaped NUL disappears, and an
// escape that is not known stays as it is.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'r':
			b.WriteByte('\r')
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case '0':
		case 'a':
			b.WriteByte('\a')
		case 'v':
			b.WriteByte('\v')
		case '\\':
			b.WriteByte('\\')
		default:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
