package hogql

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSyntaxErrors checks what an agent reads when it made one of the usual
// mistakes: the place, and the way out.
func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sql    string
		offset int
		says   string
	}{
		{"", 0, "the query is empty"},
		{" -- only a comment", 18, "the query is empty"},
		{"SELECT 1; SELECT 2", 10, "only one statement is allowed"},
		{"SELECT 1;;", 9, "only one statement is allowed"},
		{"SELECT 1 SELECT 2", 9, "join queries with UNION ALL"},
		{"INSERT INTO events VALUES (1)", 0, "HogQL only reads"},
		{"alter table events drop column x", 0, "HogQL only reads"},
		{"DROP TABLE events", 0, "HogQL only reads"},
		{"SHOW TABLES", 0, "information_schema"},
		{"EXPLAIN SELECT 1", 0, "write the SELECT alone"},
		{"SELCT 1", 0, "must begin with SELECT"},
		{"FROM events SELECT 1", 0, "FROM comes after the columns"},
		{"SELECT FROM events", 7, "name the columns, or write *"},
		{"SELECT a FROM events WHERE", 26, "expected an expression after `WHERE`, found the end of the query"},
		{"SELECT a FROM events WHERE GROUP BY a", 27, "expected an expression after `WHERE`, found `GROUP BY`"},
		{"SELECT a FROM events WHERE a = ", 31, "expected an expression after `=`, found the end of the query"},
		{"SELECT a FROM events WHERE a AND", 32, "expected an expression after `AND`"},
		{"SELECT a FROM events WHERE a = 'x", 31, "the string that begins here is not closed"},
		{"SELECT a FROM events WHERE a = \"x", 31, "the quoted name that begins here is not closed"},
		{`SELECT match(a, '\d+')`, 16, "write \\\\ for a backslash"},
		{"SELECT count( FROM events", 19, "expected `)` to close the `(` at line 1, column 13"},
		{"SELECT (a, b FROM events", 13, "expected `)` to close the `(` at line 1, column 8"},
		{"SELECT a) FROM events", 8, "`)` closes nothing"},
		{"SELECT a FROM events WHERE a IN ()", 33, "the list of IN is empty"},
		{"SELECT a FROM events WHERE a == 1 && b", 34, "write AND"},
		{"SELECT a FROM events WHERE !a", 27, "write NOT"},
		{"SELECT a FROM events WHERE a = ?", 31, "a value is written {name}"},
		{"SELECT a FROM events WHERE a = :name", 31, "a value is written {name}"},
		{"SELECT a FROM events WHERE a = @name", 31, "a value is written {name}"},
		{"SELECT a FROM events WHERE a = %s", 31, "a value is written {name}"},
		{"SELECT a FROM events WHERE a = {name", 36, "expected `}` to close the `{`"},
		{"SELECT a FROM events WHERE a = ‘x’", 31, "straight quotes"},
		{"SELECT größe FROM events", 9, "in backticks"},
		{"SELECT a\x00 FROM events", 8, "unexpected character U+0000"},
		{"SELECT a FROM events WHERE a <b AND c = 1", 29, "put a space after the `<`"},
		{"SELECT a FROM events WHERE a BETWEEN 1", 38, "expected AND"},
		{"SELECT a FROM events WHERE a IS b", 32, "expected NULL or DISTINCT FROM"},
		{"SELECT a FROM events WHERE a NOT b", 33, "expected IN, LIKE, ILIKE or BETWEEN"},
		{"SELECT a FROM events ORDER BY a WHERE b", 32, "`WHERE` is out of place"},
		{"SELECT a FROM events WHERE b JOIN persons ON c", 29, "`JOIN` is out of place"},
		{"SELECT a FORM events", 9, "`FORM` is taken for a name here: write FROM"},
		{"SELECT a FROM events WHRE a = 1", 21, "write WHERE"},
		{"SELECT a AS b + 1 FROM events", 14, "put the expression before AS"},
		{"SELECT a AS true FROM events", 12, "`true` is reserved"},
		{"SELECT a AS null FROM events", 12, "a reserved word"},
		{"SELECT a, b c d FROM events", 14, "separate columns with commas"},
		{"SELECT TOP 5 a FROM events", 7, "write LIMIT"},
		{"SELECT a FROM events SETTINGS max_threads = 1", 21, "no SETTINGS"},
		{"SELECT DATE '2026-01-01'", 7, "write toDate('2026-01-01')"},
		{"SELECT INTERVAL 7 DAYS", 18, "in the singular"},
		{"SELECT INTERVAL '7 DAYS'", 16, "one lower-case unit"},
		{"SELECT extract(YEAR FROM timestamp) FROM events", 20, "toYear(timestamp)"},
		{"SELECT a FROM events ARRAY JOIN b", 32, "write ARRAY JOIN b AS name"},
		{"SELECT a FROM x JOIN y ON a = b, c", 33, "ON takes one condition"},
		{"SELECT a FROM x ON a = b", 16, "ON belongs to a JOIN"},
		{"SELECT a FROM x LEFT INNER JOIN y", 16, "not a kind of JOIN"},
		{"WITH a AS SELECT 1 SELECT 2", 10, "in parentheses"},
		{"WITH a AS (1) SELECT a", 11, "WITH 1 AS name"},
		{"SELECT sum(DISTINCT a) OVER ()", 23, "cannot stand inside a window function"},
		{"SELECT sum(a) OVER (w)", 20, "OVER w"},
		{"SELECT CASE WHEN a THEN b", 25, "expected WHEN, ELSE or END"},
		{"SELECT a::Array(Int)", 15, "CAST(x AS Array(...))"},
		{"SELECT a\nFROM events\nWHERE a = = 1", 31, "expected an expression after `=`"},
	} {
		t.Run(c.sql, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(c.sql)
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.Contains(t, syntax.Message, c.says)
			require.Equal(t, c.offset, syntax.Offset, syntax.Message)
			require.Equal(t, strings.Count(c.sql[:c.offset], "\n")+1, syntax.Line)
		})
	}
}

func TestSyntaxErrorPlace(t *testing.T) {
	t.Parallel()
	_, err := Parse("SELECT 'é',\n  'ü', a b c, d FROM events WHERE a long tail that is cut")
	var syntax *SyntaxError
	require.ErrorAs(t, err, &syntax)
	require.Equal(t, 2, syntax.Line)
	require.Equal(t, 12, syntax.Column, "columns count characters, not bytes")
	require.Equal(t, "c, d FROM events WHERE a long ta…", syntax.Near)
	require.Contains(t, err.Error(), "line 2, column 12: ")
}

func TestUnsupported(t *testing.T) {
	t.Parallel()
	for sql, construct := range map[string]string{
		"<Sparkline data={[1]} />":                                    "a HogQLX tag",
		"SELECT <a href='x'>y</a>":                                    "a HogQLX tag",
		"SELECT x -> { return 1 }":                                    "a lambda with a block of statements",
		"SELECT 1 FROM a PIVOT (sum(x) FOR y IN (1, 2))":              "PIVOT",
		"SELECT 1 ORDER BY a WITH FILL INTERPOLATE (b AS b + 1)":      "INTERPOLATE",
		"SELECT " + strings.Repeat("(", 500):                          "nesting of more than 200 levels",
		"SELECT 1" + strings.Repeat(",1", maxTokens):                  "a statement of more than 100000 words",
		"SELECT CAST(a AS Foo(1 + 2))":                                "an expression as a type's parameter",
		"SELECT 1 FROM a AS b UNPIVOT (x FOR y IN (c, d)) AS pivoted": "UNPIVOT",
	} {
		_, err := Parse(sql)
		var unsupported *UnsupportedError
		require.True(t, errors.As(err, &unsupported), "%.80s: %v", sql, err)
		require.Equal(t, construct, unsupported.Construct)
		require.True(t, IsUnsupported(err))

		info, err := Inspect(sql)
		require.NoError(t, err, "what is beyond the parser is PostHog's to judge")
		require.Equal(t, construct, info.Unparsed)
	}
}

// TestErrorPlaces compares where errors are found with where PostHog's parser
// finds them. It need not be the same place: ours points at the mistake where
// that is not where the text stopped to make sense.
func TestErrorPlaces(t *testing.T) {
	t.Parallel()
	same, all := 0, 0
	for _, c := range readGolden(t) {
		_, err := Parse(c.HogQL)
		var syntax *SyntaxError
		if c.OK || c.Offset == 0 || !errors.As(err, &syntax) {
			continue
		}
		all++
		if syntax.Offset == c.Offset {
			same++
		}
	}
	require.Greater(t, all, 150)
	require.Greater(t, same*100, all*80, "%d of %d are in the same place", same, all)
}
