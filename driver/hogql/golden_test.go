package hogql

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// goldenCase is a statement with what PostHog's parser makes of it.
type goldenCase struct {
	HogQL   string          `json:"hogql"`
	OK      bool            `json:"ok"`
	Message string          `json:"message,omitempty"`
	Offset  int             `json:"offset,omitempty"`
	AST     json.RawMessage `json:"ast,omitempty"`
}

// readStatements reads a file of JSON lines: strings, or objects with hogql.
func readStatements(t testing.TB, name string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	var list []string
	for line := range strings.Lines(string(data)) {
		if line[0] == '"' {
			var s string
			require.NoError(t, json.Unmarshal([]byte(line), &s))
			list = append(list, s)
			continue
		}
		var c goldenCase
		require.NoError(t, json.Unmarshal([]byte(line), &c))
		list = append(list, c.HogQL)
	}
	return list
}

func decodeGolden(t testing.TB, r io.Reader) []goldenCase {
	t.Helper()
	var list []goldenCase
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var c goldenCase
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		list = append(list, c)
	}
	require.NoError(t, lines.Err())
	return list
}

func goldenFile() string { return filepath.Join("testdata", "golden.jsonl.gz") }

func readGolden(t testing.TB) []goldenCase {
	t.Helper()
	data, err := os.ReadFile(goldenFile())
	require.NoError(t, err)
	z, err := gzip.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	return decodeGolden(t, z)
}

// compareGolden parses each statement and compares: the same tree where
// PostHog's parser takes it, an error where it does not.
func compareGolden(t *testing.T, cases []goldenCase) {
	t.Helper()
	for _, c := range cases {
		q, err := Parse(c.HogQL)
		if IsUnsupported(err) {
			continue // passed on: PostHog judges it
		}
		if !c.OK {
			if err == nil {
				t.Errorf("%s\nPostHog refuses it (%s), Parse takes it", c.HogQL, c.Message)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s\nPostHog takes it, Parse does not: %v", c.HogQL, err)
			continue
		}
		var want any
		require.NoError(t, json.Unmarshal(c.AST, &want))
		if got := toJSON(q); !equalJSON(want, got) {
			t.Errorf("%s\n%s", c.HogQL, firstDifference("", want, got))
		}
	}
}

// firstDifference says where two trees first differ and what each has there.
func firstDifference(path string, want, got any) string {
	if w, ok := want.(map[string]any); ok {
		if g, ok := got.(map[string]any); ok {
			keys := slices.Sorted(maps.Keys(w))
			for k := range g {
				if _, ok := w[k]; !ok {
					keys = append(keys, k)
				}
			}
			for _, k := range keys {
				x, inWant := w[k]
				y, inGot := g[k]
				if inWant != inGot {
					return fmt.Sprintf("%s: %s: PostHog has it: %v, Parse: %v", path, k, inWant, inGot)
				}
				if !equalJSON(x, y) {
					return firstDifference(path+"."+k, x, y)
				}
			}
		}
	}
	if w, ok := want.([]any); ok {
		if g, ok := got.([]any); ok && len(g) == len(w) {
			for i := range w {
				if !equalJSON(w[i], g[i]) {
					return firstDifference(fmt.Sprintf("%s[%d]", path, i), w[i], g[i])
				}
			}
		}
	}
	w, _ := json.Marshal(want)
	g, _ := json.Marshal(got)
	return fmt.Sprintf("%s:\nPostHog %s\nParse   %s", path, w, g)
}

func equalJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// TestGolden compares with the stored answers of PostHog's parser for the
// corpus and our own statements.
func TestGolden(t *testing.T) {
	t.Parallel()
	cases := readGolden(t)
	statements := append(readStatements(t, "corpus.jsonl"), readStatements(t, "statements.jsonl")...)
	require.Equal(t, len(statements), len(cases), "run the oracle test with UPDATE_GOLDEN=1")
	unsupported := 0
	for i, c := range cases {
		require.Equal(t, statements[i], c.HogQL, "run the oracle test with UPDATE_GOLDEN=1")
		if _, err := Parse(c.HogQL); IsUnsupported(err) {
			unsupported++
		}
	}
	require.Less(t, unsupported, len(cases)/20, "too many statements are passed on unparsed")
	compareGolden(t, cases)
}
