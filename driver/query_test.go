package driver

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

func TestPlanQueryLimits(t *testing.T) {
	t.Parallel()
	const all = "SELECT event FROM events"
	for sql, want := range map[string]queryPlan{
		all:                                   {sql: all, limit: 100},
		all + ";":                             {sql: all, limit: 100},
		all + " LIMIT 5":                      {sql: all + " LIMIT 6", limit: 5, own: true, counted: true},
		all + " limit 5 -- five":              {sql: all + " limit 6 -- five", limit: 5, own: true, counted: true},
		all + " LIMIT 0":                      {sql: all + " LIMIT 1", limit: 0, own: true, counted: true},
		all + " LIMIT 49999":                  {sql: all + " LIMIT 50000", limit: 49999, own: true, counted: true},
		all + " LIMIT 50000":                  {sql: all + " LIMIT 50000", limit: 50000, own: true},
		all + " LIMIT {n}":                    {sql: all + " LIMIT 8", limit: 7, own: true, counted: true},
		all + " LIMIT 2 * 3":                  {sql: all + " LIMIT 2 * 3"},
		"SELECT * FROM (" + all + " LIMIT 3)": {sql: "SELECT * FROM (" + all + " LIMIT 3)", limit: 100},
		"SELECT 'x LIMIT 5' AS a FROM events": {sql: "SELECT 'x LIMIT 5' AS a FROM events", limit: 100},
		all + " LIMIT 1 BY event":             {sql: all + " LIMIT 1 BY event", limit: 100},
		all + " LIMIT 1 BY event LIMIT 3":     {sql: all + " LIMIT 1 BY event LIMIT 4", limit: 3, own: true, counted: true},
		"WITH a AS (" + all + ") SELECT * FROM a LIMIT 3": {sql: "WITH a AS (" + all + ") SELECT * FROM a LIMIT 4", limit: 3, own: true, counted: true},
		"SELECT 1 UNION ALL SELECT 2":                     {sql: "SELECT 1 LIMIT 101 UNION ALL SELECT 2 LIMIT 101", limit: 100, counted: true, unsure: true},
		"SELECT 1 UNION ALL SELECT 2 LIMIT 500":           {sql: "SELECT 1 LIMIT 501 UNION ALL SELECT 2 LIMIT 500", limit: 500, own: true, counted: true, unsure: true},
		"(SELECT 1) UNION ALL (SELECT 2) LIMIT 7":         {sql: "(SELECT 1 LIMIT 8) UNION ALL (SELECT 2 LIMIT 8) LIMIT 8", limit: 7, own: true, counted: true},
		"SELECT 1 EXCEPT SELECT 2":                        {sql: "SELECT 1 LIMIT 50000 EXCEPT SELECT 2 LIMIT 50000", limit: 100, counted: true, unsure: true},
	} {
		values := map[string]any(nil)
		if strings.Contains(sql, "{n}") {
			values = map[string]any{"n": json.Number("7")}
		}
		got, err := planQuery("query", sql, values)
		require.NoError(t, err, sql)
		got.values, got.info = nil, nil
		require.Equal(t, want, got, sql)
	}
}

func TestPlanQueryRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sql    string
		values map[string]any
		attr   string
		says   string
	}{
		"empty":            {"  ", nil, "query", "empty"},
		"huge":             {"SELECT '" + strings.Repeat("x", 1<<20) + "'", nil, "query", "bytes"},
		"syntax":           {"SELECT event\nFRM events", nil, "query", "line 2"},
		"two statements":   {"SELECT 1; SELECT 2", nil, "query", "parse"},
		"insert":           {"INSERT INTO events VALUES (1)", nil, "query", "parse"},
		"offset":           {"SELECT event FROM events LIMIT 10 OFFSET 20", nil, "query", "OFFSET"},
		"offset inside":    {"SELECT * FROM (SELECT event FROM events LIMIT 10 OFFSET 20)", nil, "query", "OFFSET"},
		"offset in LIMIT":  {"SELECT event FROM events LIMIT 10, 20", nil, "query", "OFFSET"},
		"offset in a set":  {"SELECT 1 UNION ALL SELECT 2 LIMIT 1 OFFSET 1", nil, "query", "OFFSET"},
		"missing value":    {"SELECT event FROM events WHERE event = {name}", nil, "values", "{name}"},
		"unused value":     {"SELECT event FROM events WHERE event = '{name}'", map[string]any{"name": "x"}, "values", "does not use"},
		"object value":     {"SELECT {a}", map[string]any{"a": map[string]any{}}, "values", "not a constant"},
		"nested list":      {"SELECT {a}", map[string]any{"a": []any{[]any{"x"}}}, "values", "not a constant"},
		"infinite value":   {"SELECT {a}", map[string]any{"a": math.Inf(1)}, "values", "not a constant"},
		"too many rows":    {"SELECT event FROM events LIMIT 50001", nil, "query", "50000"},
		"endless limit":    {"SELECT event FROM events LIMIT 9223372036854775807", nil, "query", "50000"},
		"too many of both": {"(SELECT 1) UNION ALL (SELECT 2) LIMIT 60000", nil, "query", "50000"},
	} {
		_, err := planQuery("query", tt.sql, tt.values)
		require.ErrorIs(t, err, KindInvalid, name)
		e := &Error{}
		require.ErrorAs(t, err, &e)
		require.Equal(t, tt.attr, e.Attr, name)
		require.Contains(t, e.Detail, tt.says, name)
		require.NotEmpty(t, e.Hint, name)
	}
}

func TestPlanQueryTakesPlaceholders(t *testing.T) {
	t.Parallel()
	for sql, values := range map[string]map[string]any{
		"SELECT {a}, {b}, {c} FROM events":                                {"a": "x", "b": []any{json.Number("1"), nil, true}, "c": 1.5},
		"SELECT count() FROM events WHERE {filters}":                      nil,
		"SELECT count() FROM events WHERE event = {variables.event_name}": nil,
	} {
		_, err := planQuery("query", sql, values)
		require.NoError(t, err, sql)
	}
}

// numbers writes an answer of n rows.
func numbers(n int, more string) string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf("[%d]", i)
	}
	return `{"results":[` + strings.Join(rows, ",") + `],"columns":["n"],"types":[["n","UInt64"]]` + more + `}`
}

func TestQueryTellsWhetherMoreRowsExist(t *testing.T) {
	t.Parallel()
	const sql = "SELECT n FROM t"
	for name, tt := range map[string]struct {
		sql           string
		answer        string
		rows          int
		more, unknown bool
	}{
		"own limit, more":        {sql + " LIMIT 3", numbers(4, ""), 3, true, false},
		"own limit, exact":       {sql + " LIMIT 3", numbers(3, ""), 3, false, false},
		"own limit, fewer":       {sql + " LIMIT 3", numbers(1, ""), 1, false, false},
		"no limit, more":         {sql, numbers(100, `,"hasMore":true,"limit":100`), 100, true, false},
		"no limit, all":          {sql, numbers(100, `,"hasMore":false,"limit":100`), 100, false, false},
		"no limit, older server": {sql, numbers(100, ""), 100, false, true},
		"no limit, few":          {sql, numbers(7, ""), 7, false, false},
		"unknown limit":          {sql + " LIMIT 1 + 1", numbers(2, ""), 2, false, true},
		"no rows":                {sql + " LIMIT 1 + 1", numbers(0, ""), 0, false, false},
		"union":                  {sql + " UNION ALL " + sql, numbers(150, ""), 100, true, false},
		"union, exact":           {sql + " UNION ALL " + sql, numbers(100, ""), 100, false, true},
		"union, few":             {sql + " UNION ALL " + sql, numbers(99, ""), 99, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, reply(200, tt.answer))
			res, err := clientFor(t, s.URL).Query(t.Context(), QueryParams{SQL: tt.sql})
			require.NoError(t, err)
			require.Len(t, res.Rows, tt.rows)
			require.Equal(t, tt.more, res.HasMore)
			require.Equal(t, tt.unknown, res.MoreUnknown)
		})
	}
}

func TestQueryRequestAndAnswer(t *testing.T) {
	t.Parallel()
	s := newScripted(t,
		reply(200, `{"results":[[18446744073709551615,null,[1,"a"]]],"columns":["big","nothing","tuple"],
			"types":[["big","UInt64"],"Nullable(String)",["tuple","Tuple(UInt8, String)"]],
			"is_cached":true,"last_refresh":"2026-03-01T10:00:00Z","timezone":"Europe/Berlin"}`),
		reply(200, `{"results":[[1,2]]}`))
	c := clientFor(t, s.URL)
	ctx, trace := WithTrace(t.Context())
	res, err := c.Query(ctx, QueryParams{SQL: "SELECT {a} AS big", Values: map[string]any{"a": "it's"}, Name: "mine"})
	require.NoError(t, err)
	require.Equal(t, []string{"UInt64", "Nullable(String)", "Tuple(UInt8, String)"}, res.Types)
	require.Equal(t, json.Number("18446744073709551615"), res.Rows[0][0])
	require.True(t, res.Cached)
	require.True(t, trace.Data().CachedByPH)
	require.Equal(t, 2026, res.LastRefresh.Year())
	require.Equal(t, "Europe/Berlin", res.TimeZone)
	q := sent(t, s.bodies[0])
	require.Equal(t, "mine", q.Name)
	require.Equal(t, "mine", q.Query.Name)
	require.Equal(t, "blocking", q.Refresh)
	require.Len(t, q.ClientQueryID, 36)
	require.Equal(t, map[string]any{"a": "it's"}, q.Query.Values)

	res, err = c.Query(t.Context(), QueryParams{SQL: "SELECT 1, 2", Fresh: true})
	require.NoError(t, err)
	require.Equal(t, []string{"column_1", "column_2"}, res.Columns)
	require.Equal(t, "force_blocking", sent(t, s.bodies[1]).Refresh)
	require.NotEqual(t, q.ClientQueryID, sent(t, s.bodies[1]).ClientQueryID)
}

func TestQueryErrorsKeepPostHogsWords(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(400, problem("validation_error", "unknown_identifier", "Unable to resolve field: nope")))
	_, err := clientFor(t, s.URL).Query(t.Context(), QueryParams{SQL: "SELECT nope FROM events"})
	require.ErrorIs(t, err, KindInvalid)
	require.ErrorContains(t, err, "Unable to resolve field: nope")
	require.Equal(t, 1, s.count())
}

func TestQueryTeaches(t *testing.T) {
	t.Parallel()
	s := newScripted(t,
		reply(400, problem("validation_error", "invalid_input", "Unsupported function call 'toFloat64(...)'")),
		reply(504, problem("server_error", "error", "Query has hit the max execution time before completing.")),
		reply(504, problem("server_error", "error", "Query has hit the max execution time before completing.")),
	)
	c := clientFor(t, s.URL)
	hint := func(sql string) string {
		_, err := c.Query(t.Context(), QueryParams{SQL: sql})
		e := &Error{}
		require.ErrorAs(t, err, &e)
		return e.Hint
	}
	require.Contains(t, hint("SELECT toFloat64(properties.x) FROM events"), "toFloat")
	require.Contains(t, hint("SELECT count() FROM events"), "all time")
	require.NotContains(t, hint("SELECT count() FROM events WHERE timestamp > now() - INTERVAL 1 DAY"), "all time")
}

func TestQueryPassesNotesOn(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, numbers(1, "")))
	res, err := clientFor(t, s.URL).Query(t.Context(), QueryParams{SQL: "SELECT n FROM t UNION ALL SELECT n FROM t LIMIT 5"})
	require.NoError(t, err)
	require.Len(t, res.Notes, 1)
	require.Contains(t, res.Notes[0], "last SELECT only")
}

// Only the limit of a statement changes, whatever the statement.
func TestPlanQueryKeepsTheStatement(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("hogql", "testdata", "corpus.jsonl"))
	require.NoError(t, err)
	counted := 0
	for line := range strings.Lines(string(raw)) {
		var item struct {
			HogQL string `json:"hogql"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &item))
		before, err := hogql.Parse(item.HogQL)
		require.NoError(t, err)
		for _, suffix := range []string{"", " -- done", "\n;"} {
			plan, err := planQuery("query", item.HogQL+suffix, nil)
			require.NoError(t, err, item.HogQL)
			after, err := hogql.Parse(plan.sql)
			require.NoError(t, err, plan.sql)
			want := before
			if sel, ok := before.(*hogql.SelectQuery); ok && sel.Limit != nil {
				require.True(t, plan.counted)
				counted++
				want = hogql.WithLimit(before, plan.limit+1)
			} else if !ok {
				continue
			}
			require.Equal(t, hogql.Print(want), hogql.Print(after))
		}
	}
	require.Greater(t, counted, 20)
}
