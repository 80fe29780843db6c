package hogql

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// SyntaxError is a definite mistake in a statement: PostHog would refuse it.
type SyntaxError struct {
	// Message says what is wrong and, where it can, what to write instead.
	Message string
	// Offset is the byte offset of the mistake in the statement.
	Offset int
	// Line and Column count from 1; Column counts characters.
	Line   int
	Column int
	// Near is the source text at the mistake, cut to a few words; "" at the
	// end of the statement.
	Near string
}

// Error gives the message with the place.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// UnsupportedError is a construct that this package knows of but does not
// parse. It says nothing about whether PostHog takes it: send the query.
type UnsupportedError struct {
	// Construct names it, e.g. "HogQLX tags".
	Construct string
	// Offset is the byte offset of the construct in the statement.
	Offset int
	// Line and Column count from 1; Column counts characters.
	Line   int
	Column int
}

// Error names the construct and its place.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s: not parsed here, only PostHog can check this query", e.Line, e.Column, e.Construct)
}

// IsUnsupported reports whether err says that the query could not be checked
// here, as opposed to being wrong.
func IsUnsupported(err error) bool {
	_, ok := errors.AsType[*UnsupportedError](err)
	return ok
}

// lineColumn returns where offset is in sql, both counted from 1.
func lineColumn(sql string, offset int) (line, column int) {
	before := sql[:min(max(offset, 0), len(sql))]
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
}

// near returns the text from offset on, to the end of its line and at most
// maxNear characters.
func near(sql string, offset int) string {
	const maxNear = 32
	if offset < 0 || offset >= len(sql) {
		return ""
	}
	text, _, _ := strings.Cut(sql[offset:], "\n")
	text = strings.ToValidUTF8(strings.TrimSpace(text), "\uFFFD")
	for i, n := 0, 0; i < len(text); n++ {
		if n == maxNear {
			return text[:i] + "…"
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	return text
}
