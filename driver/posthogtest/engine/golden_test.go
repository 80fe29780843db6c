package engine

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// statement is one line of testdata/queries.jsonl.
type statement struct {
	ID     string         `json:"id"`
	HogQL  string         `json:"hogql"`
	Values map[string]any `json:"values,omitempty"`
	// Ties is true when the ORDER BY leaves rows tied, so that rows are
	// compared as a set.
	Ties bool `json:"ties,omitempty"`
	// Lists is true when the order inside arrays is open: they are sorted.
	Lists bool `json:"lists,omitempty"`
	// Literals is true when the oracle's types differ for a known reason: it
	// prints the literal 100.0 as the integer 100.
	Literals bool `json:"literals,omitempty"`
}

// answer is one line of the oracle's output.
type answer struct {
	ID      string   `json:"id"`
	OK      bool     `json:"ok"`
	Error   string   `json:"error,omitempty"`
	Columns []string `json:"columns"`
	Types   []string `json:"types"`
	Results [][]any  `json:"results"`
}

func readLines[T any](t testing.TB, b []byte) []T {
	t.Helper()
	var out []T
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		if len(bytes.TrimSpace(sc.Bytes())) == 0 {
			continue
		}
		var v T
		d := json.NewDecoder(bytes.NewReader(sc.Bytes()))
		d.UseNumber()
		require.NoError(t, d.Decode(&v), sc.Text())
		out = append(out, v)
	}
	require.NoError(t, sc.Err())
	return out
}

func statements(t testing.TB) []statement {
	t.Helper()
	b, err := os.ReadFile("testdata/queries.jsonl")
	require.NoError(t, err)
	return readLines[statement](t, b)
}

func TestGolden(t *testing.T) {
	t.Parallel()
	golden := map[string]answer{}
	for _, a := range readLines[answer](t, gunzip(t, "testdata/golden.jsonl.gz")) {
		golden[a.ID] = a
	}
	eng := New(sampleSnapshot())
	for _, st := range statements(t) {
		t.Run(st.ID, func(t *testing.T) {
			t.Parallel()
			want, ok := golden[st.ID]
			require.True(t, ok, "no golden answer; run the oracle test with UPDATE_GOLDEN=1")
			compareAnswer(t, eng, st, want)
		})
	}
}

// compareAnswer holds the engine's answer against ClickHouse's.
func compareAnswer(t *testing.T, eng *Engine, st statement, want answer) {
	t.Helper()
	q, err := hogql.Parse(st.HogQL)
	require.NoError(t, err)
	res, rel, err := eng.evaluate(t.Context(), q, Options{Source: st.HogQL, Values: plainNumbers(st.Values)})
	require.NoError(t, err, st.HogQL)
	require.Equal(t, want.Columns, res.Columns, "columns of %s", st.HogQL)
	if !st.Literals {
		require.Equal(t, want.Types, res.Types, "types of %s", st.HogQL)
	}
	got := make([][]any, len(res.Rows))
	for i, row := range res.Rows {
		got[i] = make([]any, len(row))
		for j, v := range row {
			got[i][j] = normalise(clickhouse(v, rel.types[j]), st.Lists)
		}
	}
	expect := make([][]any, len(want.Results))
	for i, row := range want.Results {
		expect[i] = make([]any, len(row))
		for j, v := range row {
			expect[i][j] = normalise(v, st.Lists)
		}
	}
	if !ordered(q) || st.Ties {
		sortRows(got)
		sortRows(expect)
	}
	require.Len(t, got, len(expect), "number of rows of %s", st.HogQL)
	for i := range expect {
		require.True(t, sameCell(expect[i], got[i]), "row %d of %s\nwant %v\ngot  %v", i, st.HogQL, expect[i], got[i])
	}
}

func ordered(q hogql.Query) bool {
	s, ok := q.(*hogql.SelectQuery)
	return ok && len(s.OrderBy) > 0
}

func plainNumbers(m map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		if n, ok := v.(json.Number); ok {
			f, _ := n.Float64()
			v = f
		}
		out[k] = v
	}
	return out
}

// clickhouse prints a cell of the API's form as ClickHouse prints it.
func clickhouse(v any, t *typ) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = clickhouse(e, memberType(t, i))
		}
		return out
	case string:
		if t.isDateTime() {
			at, err := time.Parse(time.RFC3339Nano, v)
			if err != nil {
				return v
			}
			return timeText(instantOf(at), t, zone(t.tz, time.UTC))
		}
	}
	return v
}

// normalise turns numbers into float64 or exact integers' text and, when lists
// are open, sorts arrays.
func normalise(v any, lists bool) any {
	switch v := v.(type) {
	case json.Number:
		return number64(string(v))
	case uint64, int64:
		return number64(fmt.Sprint(v))
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = normalise(e, lists)
		}
		if lists {
			slices.SortFunc(out, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		return out
	}
	return v
}

// number64 keeps integers beyond a float's 53 bits as text.
func number64(s string) any {
	var f float64
	if _, err := fmt.Sscan(s, &f); err != nil {
		return s
	}
	if math.Abs(f) > 1<<53 && !strings.ContainsAny(s, ".e") {
		return s
	}
	return f
}

func sortRows(rows [][]any) {
	key := func(row []any) string {
		var b strings.Builder
		for _, v := range row {
			if f, ok := v.(float64); ok {
				fmt.Fprintf(&b, "%.6g|", f)
			} else {
				fmt.Fprintf(&b, "%v|", v)
			}
		}
		return b.String()
	}
	slices.SortStableFunc(rows, func(a, b []any) int { return strings.Compare(key(a), key(b)) })
}

func sameCell(a, b any) bool {
	switch x := a.(type) {
	case float64:
		y, ok := b.(float64)
		return ok && (x == y || math.Abs(x-y) <= 1e-9*max(math.Abs(x), math.Abs(y)) || math.Abs(x-y) < 1e-12)
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !sameCell(x[i], y[i]) {
				return false
			}
		}
		return true
	}
	return a == b
}
