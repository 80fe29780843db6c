package hogql

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPrintRoundTrip prints every statement that parses and compares the tree
// of what was printed.
func TestPrintRoundTrip(t *testing.T) {
	t.Parallel()
	statements := append(readStatements(t, "corpus.jsonl"), readStatements(t, "statements.jsonl")...)
	statements = append(statements, generateStatements(99, 2000)...)
	printed := 0
	for _, s := range statements {
		if q, err := Parse(s); err == nil {
			requireRoundTrip(t, s, q)
			printed++
		}
	}
	require.Greater(t, printed, len(statements)*3/4)
}

// requireRoundTrip checks that q prints as a statement with an equal tree that
// prints the same again.
func requireRoundTrip(t *testing.T, sql string, q Query) {
	t.Helper()
	text := Print(q)
	again, err := Parse(text)
	require.NoError(t, err, "%s\nprints as %s", sql, text)
	if want, got := toJSON(q), toJSON(again); !equalJSON(want, got) {
		t.Fatalf("%s\nprints as %s\n%s", sql, text, firstDifference("", want, got))
	}
	require.Equal(t, text, Print(again), "not stable: %s", sql)
}
