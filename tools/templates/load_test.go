package templates

import (
	"encoding/json"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest"
)

// TestBuiltinFiles does for the files that come with the program what Load does
// for others, and more: they must be cheap and within PostHog's functions.
func TestBuiltinFiles(t *testing.T) {
	t.Parallel()
	names, err := files(builtin, "builtin")
	require.NoError(t, err)
	require.Len(t, names, 11)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tpl, err := load(builtin, name)
			require.NoError(t, err)
			require.Equal(t, "builtin/"+tpl.Name+".hogql", name)
			require.NotEmpty(t, tpl.Definition, "an answer must say what it counts")
			require.LessOrEqual(t, toolstest.Cost(t, tpl.tool()), 200, "tokens")
			sample := map[string]any{}
			for _, p := range tpl.Params {
				if p.isProperty() {
					sample[p.Name] = []any{"plan", "person.plan"}[:1]
				}
			}
			sql, err := expand(choose(tpl.sql, func(string) bool { return true }), tpl.Params, sample, "true")
			require.NoError(t, err)
			info, err := hogql.Inspect(sql)
			require.NoError(t, err)
			require.Empty(t, info.Unparsed)
			require.Empty(t, info.UnknownFunctions)
			require.Empty(t, info.UnboundedEvents, "it would scan the whole history")
			require.Empty(t, info.Notes)
			require.NotNil(t, info.Limit, "more rows must be told apart from all rows")
			require.Equal(t, "limit", info.Limit.Placeholder)
		})
	}
	require.Len(t, Tools().Tools, len(names)+1, "Tools leaves out what it cannot read")
}

// TestIndexIsTheFiles holds the JSON that a start reads to the files.
func TestIndexIsTheFiles(t *testing.T) {
	t.Parallel()
	var list []*Template
	names, err := files(builtin, "builtin")
	require.NoError(t, err)
	for _, name := range names {
		tpl, err := load(builtin, name)
		require.NoError(t, err)
		list = append(list, tpl)
	}
	raw, err := json.MarshalIndent(list, "", " ")
	require.NoError(t, err)
	toolstest.Golden(t, "../builtin/index.json", string(raw))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		return // the embedded copy is that of the build before
	}
	require.Equal(t, string(raw), strings.TrimSpace(string(index)), "embedded")
	for i, tool := range Tools().Tools[1:] {
		require.Equal(t, list[i].tool().Spec(), tool.Spec())
		want, err := list[i].tool().Params()
		require.NoError(t, err)
		got, err := tool.Params()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

const good = `---
name: count_events
title: Count events
doc: Counts the events of the last days by name, most frequent first.
params:
  - {name: days, type: int, default: 7, min: 1, max: 90, doc: Days to look back}
  - {name: events, type: list, doc: Only these}
  - {name: limit, type: int, default: 10, max: 100, doc: Rows}
---
SELECT event, count() AS n
FROM events
WHERE timestamp >= now() - toIntervalDay({days})
  /* if events */ AND event IN {events} /* end */
GROUP BY event
ORDER BY n DESC
LIMIT {limit}
`

func TestLoad(t *testing.T) {
	t.Parallel()
	list, errs := Load(fstest.MapFS{
		"good.hogql":     {Data: []byte(good)},
		"windows.hogql":  {Data: []byte("\ufeff" + strings.ReplaceAll(strings.Replace(good, "count_events", "count_windows", 1), "\n", "\r\n"))},
		"broken.hogql":   {Data: []byte("SELECT 1")},
		"zz_twice.hogql": {Data: []byte(good)},
		"notes.txt":      {Data: []byte("no template")},
		".hidden.hogql":  {Data: []byte("no template")},
		"sub/x.hogql":    {Data: []byte("no template")},
	})
	require.Len(t, list, 2)
	require.Equal(t, "count_events", list[0].Spec().Name)
	require.Equal(t, "count_windows", list[1].Spec().Name)
	require.Equal(t, []string{"query:read"}, list[0].Spec().Scopes)
	require.Empty(t, toolstest.Faults(list[0]))
	require.Len(t, errs, 2)
	require.EqualError(t, errs[0], "broken.hogql:1: the first line must be --- and start the front matter")
	require.EqualError(t, errs[1], "zz_twice.hogql:2: the name count_events is taken by good.hogql")

	list, errs = Load(fstest.MapFS{})
	require.Empty(t, list)
	require.Empty(t, errs)
}

func TestLoadSaysWhatIsWrongAndWhere(t *testing.T) {
	t.Parallel()
	edit := func(old, with string) string {
		require.Contains(t, good, old)
		return strings.Replace(good, old, with, 1)
	}
	tests := map[string]struct {
		file string
		line int
		want string
	}{
		"no closing line":       {strings.Replace(good, "\n---\n", "\n", 1), 1, "no closing line"},
		"yaml":                  {edit("title: Count events", "title: [Count"), 4, "must be specified"},
		"unknown field":         {edit("title:", "heading:"), 3, "heading"},
		"bad name":              {edit("name: count_events", "name: Count-Events"), 2, `"Count-Events"`},
		"no title":              {edit("title: Count events", "title: ''"), 3, "title"},
		"short doc":             {edit("doc: Counts the events of the last days by name, most frequent first.", "doc: Counts."), 4, "doc"},
		"no statement":          {good[:strings.Index(good, "SELECT")], 10, "no statement"},
		"bad scope":             {edit("params:", "scopes: [query]\nparams:"), 5, `"query"`},
		"bad type":              {edit("type: list", "type: array"), 7, `type "array"`},
		"twice":                 {edit("name: events", "name: days"), 6, "twice"},
		"reserved":              {edit("name: events", "name: real_users"), 7, "taken"},
		"no doc":                {edit("doc: Only these", "doc: ''"), 7, "parameter events: give a doc"},
		"default out of bounds": {edit("default: 7", "default: 700"), 6, "refuse the default 700"},
		"default of wrong type": {edit("default: 7", "default: soon"), 6, "refuse the default"},
		"required with default": {edit("default: 7", "required: true, default: 7"), 6, "required and has a default"},
		"limit without a bound": {edit("default: 10, max: 100", "default: 10"), 8, "parameter limit"},
		"edge":                  {edit("type: int, default: 7, min", "type: int, edge: end, default: 7, min"), 6, "edge"},
		"min above max":         {edit("min: 1, max: 90", "min: 91, max: 90"), 6, "above max"},
		"cursor":                {edit("params:", "cursor: event\nparams:"), 5, "no parameter cursor"},
		"syntax":                {edit("GROUP BY event", "GROUP event BY"), 14, ""},
		"undeclared":            {edit("{days}", "{weeks}"), 12, "{weeks} is no parameter; parameters are days, events, limit"},
		"unused":                {edit("toIntervalDay({days})", "toIntervalDay(7)"), 10, "parameter days is not used"},
		"unknown condition":     {edit("/* if events */", "/* if names */"), 10, "hangs on names"},
		"no end":                {edit("/* end */", ""), 13, "/* if events */ has no partner"},
		"no beginning":          {edit("/* if events */", ""), 13, "/* end */ has no partner"},
		"one in another":        {edit("IN {events}", "IN /* if days */ {events} /* end */"), 13, "none within another"},
		"bad toolset":           {edit("params:", "toolset: A\nparams:"), 5, `toolset "A"`},
		"optional in the open":  {strings.Replace(strings.Replace(good, "/* if events */", "", 1), "/* end */", "", 1), 13, "events is optional without a default"},
		"expression":            {edit("{days}", "{days + 1}"), 12, "braces hold an expression"},
		"offset":                {edit("LIMIT {limit}", "LIMIT {limit} OFFSET 5"), 16, "OFFSET"},
		"definition":            {edit("params:", "definition: Counts for {weeks}.\nparams:"), 5, "{weeks} is no parameter"},
		"property in the air":   {strings.Replace(edit("type: list", "type: properties, default: [plan]"), "event IN {events}", "event IN ({events})", 1), 13, "only be a column"},
		"property without one":  {edit("type: list", "type: property"), 7, "needs a default or required"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, errs := Load(fstest.MapFS{"x.hogql": {Data: []byte(tt.file)}})
			require.Empty(t, list)
			require.Len(t, errs, 1)
			var e *FileError
			require.ErrorAs(t, errs[0], &e)
			require.Equal(t, "x.hogql", e.File)
			require.Contains(t, e.Reason, tt.want)
			require.NotEmpty(t, e.Reason)
			require.Equal(t, tt.line, e.Line, "%v", e)
		})
	}
}

func TestLoadRefusesHugeFiles(t *testing.T) {
	t.Parallel()
	_, errs := Load(fstest.MapFS{
		"huge.hogql": {Data: []byte(good + strings.Repeat(" ", MaxFileBytes))},
		"dir.hogql":  {Mode: fs.ModeDir},
	})
	require.Len(t, errs, 1)
	require.ErrorContains(t, errs[0], "huge.hogql: ")
}

func TestExpandReadsNoNameAsAPlaceholder(t *testing.T) {
	t.Parallel()
	params := []Param{{Name: "a", Type: "property"}, {Name: "b", Type: "properties"}}
	sql, err := expand("SELECT {a} AS x, {b} FROM events WHERE {real_users} AND event = {name}", params, map[string]any{
		"a": "{b}", "b": []any{"it's", "person.{real_users}"},
	}, "(1 = 1)")
	require.NoError(t, err)
	require.Equal(t, `SELECT properties['{b}'] AS x, properties['it\'s'] AS b_1, person.properties['{real_users}'] AS b_2 FROM events WHERE (1 = 1) AND event = {name}`, sql)
	q, err := hogql.Parse(sql)
	require.NoError(t, err)
	require.Len(t, placeholders(q), 1)

	_, err = expand("SELECT {a}", params, map[string]any{"a": "x\x00", "b": []any{}}, "true")
	require.Error(t, err)
}

func BenchmarkTools(b *testing.B) {
	for b.Loop() {
		if len(Tools().Tools) != 12 {
			b.Fatal("a built-in template is missing")
		}
	}
}
