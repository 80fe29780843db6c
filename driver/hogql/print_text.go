package hogql

import (
	"strconv"
	"strings"
)

// quoteName returns a name as it must be written.
func quoteName(name string) string {
	if isWordName(name) && plainName(name) {
		return name
	}
	var b strings.Builder
	b.WriteByte('`')
	for i := range len(name) {
		switch c := name[i]; c {
		case '`':
			b.WriteString("``")
		case '\\':
			b.WriteString(`\\`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('`')
	return b.String()
}

// isWordName reports whether name is made of the letters of a bare name.
func isWordName(name string) bool {
	if name == "" || !isLetter(name[0]) {
		return false
	}
	for i := range len(name) {
		if !isWord(name[i]) {
			return false
		}
	}
	return true
}

// plainName reports whether a word needs no quotes anywhere: it is no keyword,
// or one that cannot be mistaken for anything else.
func plainName(name string) bool {
	switch kw := lookupKeyword(name); kw {
	case kwNone:
		l := lower(name)
		return l != "true" && l != "false" && l != "team_id"
	case kwID, kwKey, kwName, kwFirst, kwLast, kwDate, kwTimestamp, kwTime:
		return true
	default:
		return kw.unit()
	}
}

// quoteString returns a string literal.
func quoteString(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for i := range len(s) {
		switch c := s[i]; c {
		case '\'':
			b.WriteString("''")
		case '\\':
			b.WriteString(`\\`)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// formatFloat writes a float so that it parses to the same one.
func formatFloat(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	switch {
	case strings.ContainsAny(s, "N"):
		return "nan"
	case strings.HasPrefix(s, "+Inf"):
		return "inf"
	case strings.HasPrefix(s, "-Inf"):
		return "-inf"
	case strings.ContainsAny(s, ".e"):
		return s
	}
	return s + ".0"
}
