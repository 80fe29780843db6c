package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseRows(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[int]bool{
		"": nil, "3": {3: true}, "1,5-7": {1: true, 5: true, 6: true, 7: true}, "13": {13: true},
	} {
		got, err := parseRows(text)
		require.NoError(t, err)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"0", "14", "x", "3-1", "1,", "-", "1--2"} {
		_, err := parseRows(text)
		require.ErrorContains(t, err, "from 1 to 13", text)
	}
}

// Every row has a suite, and every suite names tests that exist.
func TestSuites(t *testing.T) {
	t.Parallel()
	root, err := moduleRoot()
	require.NoError(t, err)
	rows := make(map[int]bool)
	for _, s := range suites() {
		for _, n := range s.rows {
			rows[n] = true
		}
		found := testsIn(t, filepath.Join(root, s.module, s.pkg))
		for _, name := range s.tests {
			require.Contains(t, found, name, s.pkg)
		}
		for name, b := range s.bars {
			require.Contains(t, s.tests, name)
			require.Contains(t, s.rows, b.row)
		}
	}
	for n := range lastRow {
		require.True(t, rows[n+1], "row %d", n+1)
	}
}

func testsIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	require.NoError(t, err)
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}

func TestRead(t *testing.T) {
	t.Parallel()
	logged := suite{rows: []int{6}, tests: []string{"TestTen"}, bars: map[string]bar{"TestTen": {6, "ten processes"}}}
	reporting := suite{rows: []int{3}, tests: []string{"TestRow3"}}
	for _, c := range []struct {
		name    string
		suite   suite
		output  string
		want    []result
		failure string
	}{
		{"a reported row", reporting, `{"Action":"output","Test":"TestRow3","Output":"chaos: {\"row\":3,\"bar\":\"fast\",\"measured\":\"2 µs\",\"ok\":true,\"seed\":4}\n"}
{"Action":"pass","Test":"TestRow3"}`, []result{{3, "fast", "2 µs", verdictHeld, 4}}, ""},
		{"a reported miss", reporting, `{"Action":"output","Test":"TestRow3","Output":"chaos: {\"row\":3,\"bar\":\"fast\",\"measured\":\"2 s\",\"ok\":false}\n"}
{"Action":"output","Test":"TestRow3","Output":"    waits_test.go:9: row 3 misses its bar\n"}
{"Action":"fail","Test":"TestRow3"}`, []result{{3, "fast", "2 s", verdictMissed, 0}}, "row 3 misses its bar"},
		{"a row in the log", logged, `{"Action":"output","Test":"TestTen","Output":"    p_test.go:7: 300 of 303, 0 refused: [{1 2} {3 4}]\n"}
{"Action":"pass","Test":"TestTen"}
{"Action":"pass"}`, []result{{6, "ten processes", "300 of 303, 0 refused", verdictHeld, 0}}, ""},
		{"a failure", logged, `{"Action":"output","Test":"TestTen","Output":"    p_test.go:7: 300 of 303\n"}
{"Action":"output","Test":"TestTen","Output":"        \tError:      \tShould be zero, but was 4\n"}
{"Action":"fail","Test":"TestTen"}`, []result{{6, "ten processes", "Should be zero, but was 4", verdictMissed, 0}}, "Should be zero, but was 4"},
		{"left out", logged, `{"Action":"output","Test":"TestTen","Output":"    p_test.go:7: left out: no redis-server\n"}
{"Action":"skip","Test":"TestTen"}`, []result{{6, "ten processes", "left out: no redis-server", verdictLeftOut, 0}}, ""},
		{"a build that fails", logged, `{"ImportPath":"x","Action":"build-output","Output":"x/y.go:3:1: undefined: z\n"}`,
			[]result{{6, "TestTen", "x/y.go:3:1: undefined: z", verdictMissed, 0}}, "x/y.go:3:1: undefined: z"},
		{"no test", logged, "{\"Action\":\"pass\"}\nno JSON", []result{{6, "TestTen", "no test measured it", verdictMissed, 0}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, failure := c.suite.read(strings.NewReader(c.output))
			require.Equal(t, c.want, got)
			require.Equal(t, c.failure, failure)
		})
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	results := []result{
		{13, "≤ 50 µs", "a|b", verdictHeld, 0},
		{2, "≤ 1.1", "1.002", verdictHeld, 7},
	}
	var b bytes.Buffer
	require.True(t, render(&b, results))
	require.Equal(t, strings.TrimPrefix(`
| row | bar     | measured | verdict | seed |
| --- | ------- | -------- | ------- | ---- |
| 2   | ≤ 1.1   | 1.002    | held    | 7    |
| 13  | ≤ 50 µs | a/b      | held    |      |
`, "\n"), b.String())
	require.False(t, render(&b, append(results, result{Verdict: verdictMissed})))
	require.True(t, render(&b, append(results, result{Verdict: verdictLeftOut})))
	require.False(t, render(&b, nil), "no row is no pass")
}

func TestLeftOut(t *testing.T) {
	t.Parallel()
	for _, s := range suites() {
		for _, r := range s.leftOut("because") {
			require.Equal(t, verdictLeftOut, r.Verdict)
			require.Equal(t, "because", r.Measured)
			require.Contains(t, s.rows, r.Row)
		}
	}
}
