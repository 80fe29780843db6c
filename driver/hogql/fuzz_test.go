package hogql

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzParse checks that no text makes the parser panic, that its errors are
// well placed, and that what parses prints to an equal tree.
func FuzzParse(f *testing.F) {
	for _, s := range append(readStatements(f, "corpus.jsonl"), readStatements(f, "statements.jsonl")...) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		q, err := Parse(sql)
		if err != nil {
			if syntax, ok := errors.AsType[*SyntaxError](err); ok {
				require.LessOrEqual(t, syntax.Offset, len(sql))
				require.NotEmpty(t, syntax.Message)
			} else {
				require.True(t, IsUnsupported(err))
			}
			return
		}
		requireRoundTrip(t, sql, q)
		if _, err := Inspect(sql); err != nil {
			t.Fatalf("Inspect: %v", err)
		}
	})
}

// TestHostileInput parses text made to exhaust the stack or the clock.
func TestHostileInput(t *testing.T) {
	t.Parallel()
	const n = 20_000
	for name, sql := range map[string]string{
		"parentheses":      "SELECT " + strings.Repeat("(", n),
		"closed":           "SELECT " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n),
		"brackets":         "SELECT " + strings.Repeat("[", n),
		"braces":           "SELECT " + strings.Repeat("{", n),
		"templates":        "SELECT " + strings.Repeat("f'{", n),
		"subqueries":       strings.Repeat("SELECT * FROM (", n),
		"members":          strings.Repeat("(", n) + "SELECT 1",
		"with":             strings.Repeat("WITH a AS (", n),
		"nots":             "SELECT " + strings.Repeat("NOT ", n) + "1",
		"minuses":          "SELECT " + strings.Repeat("- ", n) + "x",
		"cases":            "SELECT " + strings.Repeat("CASE WHEN ", n),
		"cases as names":   "SELECT " + strings.Repeat("case(", n),
		"intervals":        "SELECT " + strings.Repeat("interval (", n),
		"interval chain":   "SELECT " + strings.Repeat("interval - ", n) + "1",
		"names":            "SELECT " + strings.Repeat("a, ", n) + "a",
		"lambdas":          "SELECT " + strings.Repeat("x -> ", n) + "1",
		"lambda names":     "SELECT f(" + strings.Repeat("a,", n) + "a -> 1)",
		"keywords":         "SELECT a, " + strings.Repeat("limit ", n),
		"havings":          "SELECT a, " + strings.Repeat("having ", n),
		"sum":              "SELECT 1" + strings.Repeat(" + 1", n),
		"ands":             "SELECT 1" + strings.Repeat(" AND 1", n),
		"concat":           "SELECT 1" + strings.Repeat(" || 1", n),
		"betweens":         "SELECT 1" + strings.Repeat(" BETWEEN 1 AND 1", n),
		"nested between":   "SELECT 1" + strings.Repeat(" BETWEEN 1", n),
		"ternaries":        "SELECT 1" + strings.Repeat(" ? 1 : 1", n),
		"properties":       "SELECT a" + strings.Repeat(".a", n),
		"indexes":          "SELECT a" + strings.Repeat("[1]", n),
		"aliases":          "SELECT a" + strings.Repeat(" AS a", n),
		"joins":            "SELECT 1 FROM a" + strings.Repeat(" JOIN a ON 1, (VALUES (1))", n),
		"commas after on":  "SELECT 1 FROM a JOIN b ON 1" + strings.Repeat(", f(x) y JOIN c ON 1", n),
		"unions":           "SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", n),
		"types":            "SELECT CAST(a AS " + strings.Repeat("Array(", n),
		"casts":            "SELECT " + strings.Repeat("CAST(", n),
		"table brackets":   "SELECT 1 FROM " + strings.Repeat("(", n),
		"with in brackets": "WITH a AS (SELECT 1), " + strings.Repeat("((", n),
		"casts as calls":   "SELECT " + strings.Repeat("cast(", 150) + "1" + strings.Repeat(", 'Int')", 150),
		"cube calls":       "SELECT 1 GROUP BY " + strings.Repeat("CUBE((SELECT 1 GROUP BY ", 30) + "1" + strings.Repeat(")) + 1", 30),
		"limit columns":    strings.Repeat("SELECT a, limit ((", 30) + "SELECT 1" + strings.Repeat(")) x FROM t", 30),
		"tables after on":  strings.Repeat("SELECT 1 FROM a JOIN b ON 1, (", 30) + "SELECT 1" + strings.Repeat(") t", 30),
		"case names":       "SELECT " + strings.Repeat("case(case - ", 45) + "1" + strings.Repeat(")", 45),
		"interval names":   "SELECT " + strings.Repeat("interval(interval + ", 30) + "1" + strings.Repeat(")", 30),
		"open tags":        "SELECT a " + strings.Repeat("<a ", n),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			q, err := Parse(sql)
			if err == nil {
				require.NotEmpty(t, Print(q))
				_, err = Inspect(sql)
				require.NoError(t, err)
			}
			// Seconds, not milliseconds: it tells linear from quadratic on any
			// machine and under -race.
			require.Less(t, time.Since(start), 10*time.Second)
		})
	}
}

func BenchmarkParse(b *testing.B) {
	sql := benchmarkQuery
	b.SetBytes(int64(len(sql)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(sql); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInspect(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Inspect(benchmarkQuery); err != nil {
			b.Fatal(err)
		}
	}
}

const benchmarkQuery = `SELECT toStartOfDay(timestamp) AS day, properties.$browser AS browser, count() AS views, uniq(person_id) AS people,
	round(countIf(properties.$os = 'iOS') / count() * 100, 2) AS ios_share
FROM events
WHERE event IN ('$pageview', '$screen') AND timestamp >= now() - INTERVAL 30 DAY AND properties.$host = {host}
GROUP BY day, browser
HAVING views > 10
ORDER BY day DESC, views DESC
LIMIT 500`
