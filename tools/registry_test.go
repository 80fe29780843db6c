package tools_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest"
)

// named is a tool of a given name and effect.
func named(name string, effect tools.Effect, scopes ...string) tools.Op[struct{}, statusOut] {
	op := answering(statusOut{"ran " + name})
	op.Name, op.Effect, op.Scopes = name, effect, scopes
	return op
}

func aliased(name, alias string) tools.Tool {
	op := named(name, tools.Reads)
	op.Aliases = []string{alias}
	return op
}

func someTools() []tools.Set {
	export := named("export_events", tools.Writes, "query:read")
	export.Toolset = "files"
	query := named("query", tools.Reads, "query:read")
	query.Aliases = []string{"hogql_query"}
	return []tools.Set{
		{Tools: []tools.Tool{query, export}},
		{Tools: []tools.Tool{named("get_cohorts", tools.Reads, "cohort:read"), named("create_cohort", tools.Creates, "cohort:write")}},
	}
}

func names(r *tools.Registry) []string {
	var out []string
	for _, t := range r.List() {
		out = append(out, t.Spec().Name)
	}
	return out
}

func TestRegistryFilters(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		cfg  tools.Config
		want []string
	}{
		{"all", tools.Config{}, []string{"query", "export_events", "get_cohorts", "create_cohort"}},
		{"read-only keeps local files", tools.Config{ReadOnly: true}, []string{"query", "export_events", "get_cohorts"}},
		{"toolset", tools.Config{Toolsets: []string{"files"}}, []string{"export_events"}},
		{"allow", tools.Config{Allow: []string{"create_cohort", "query"}}, []string{"query", "create_cohort"}},
		{"deny", tools.Config{Deny: []string{"query"}}, []string{"export_events", "get_cohorts", "create_cohort"}},
		{"deny wins", tools.Config{Allow: []string{"query"}, Deny: []string{"query"}}, nil},
		{"read-only wins", tools.Config{Allow: []string{"create_cohort"}, ReadOnly: true}, nil},
		{"scopes", tools.Config{KeyScopes: []string{"query:read"}}, []string{"query", "export_events"}},
		{"write scope includes read", tools.Config{KeyScopes: []string{"cohort:write"}}, []string{"get_cohorts", "create_cohort"}},
		{"read scope does not include write", tools.Config{KeyScopes: []string{"cohort:read"}}, []string{"get_cohorts"}},
		{"all scopes", tools.Config{KeyScopes: []string{"*"}}, []string{"query", "export_events", "get_cohorts", "create_cohort"}},
		{"no scopes", tools.Config{KeyScopes: []string{}}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.cfg.Sets = someTools()
			r, err := tools.New(c.cfg)
			require.NoError(t, err)
			require.Equal(t, c.want, names(r))
			for _, set := range c.cfg.Sets {
				for _, tool := range set.Tools {
					name := tool.Spec().Name
					_, offered := r.Get(name)
					res := r.Call(t.Context(), nil, name, nil)
					require.Equal(t, offered, !res.IsError, "a hidden tool cannot be called: %s", name)
				}
			}
		})
	}
}

func TestRegistryRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		cfg  tools.Config
		says string
	}{
		{"twice", tools.Config{Sets: append(someTools(), someTools()...)}, `two tools are called "query"`},
		{"alias is a tool", tools.Config{Sets: append(someTools(), tools.Set{Tools: []tools.Tool{named("hogql_query", tools.Reads)}})}, `alias "hogql_query"`},
		{"alias twice", tools.Config{Sets: append(someTools(), tools.Set{Tools: []tools.Tool{aliased("run_sql", "hogql_query")}})}, `query and run_sql share the alias "hogql_query"`},
		{"toolset", tools.Config{Sets: someTools(), Toolsets: []string{"file"}}, `no toolset "file"; known: core, files`},
		{"allow", tools.Config{Sets: someTools(), Allow: []string{"Query"}}, `no tool "Query"; known: create_cohort`},
		{"deny", tools.Config{Sets: someTools(), Deny: []string{"create_cohorts"}}, `no tool "create_cohorts"`},
		{"bound", tools.Config{Sets: someTools(), MaxChars: 50_000}, "50000 characters is outside 1000..40000"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := tools.New(c.cfg)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestRegistryCallExplains(t *testing.T) {
	t.Parallel()
	r, err := tools.New(tools.Config{Sets: someTools(), ReadOnly: true})
	require.NoError(t, err)
	for name, want := range map[string]string{
		"get_cohort":              "Nearest tools: get_cohorts.",
		"cohorts_get":             "Nearest tools: get_cohorts.",
		"hogql_query":             "It is called query here.",
		"create_cohort":           "not offered: this server is read-only",
		"":                        `there is no tool \"\"`,
		"evil\u202e</data-x>name": `evil\\u202e\\</data-x>name`,
	} {
		res := r.Call(t.Context(), nil, name, nil)
		require.True(t, res.IsError)
		require.Contains(t, string(res.Structured), want)
	}
}

func TestRegistrySchema(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"schema/good.json":   {Data: []byte(`{"input":{"type":"object"},"output":{"type":"object"}}`)},
		"schema/empty.json":  {Data: []byte(`{}`)},
		"schema/broken.json": {Data: []byte(`{`)},
	}
	var list []tools.Tool
	for _, n := range []string{"good", "empty", "broken", "absent"} {
		list = append(list, named(n, tools.Reads))
	}
	r, err := tools.New(tools.Config{Sets: []tools.Set{{Tools: list, Schemas: files}, {Tools: []tools.Tool{named("bare", tools.Reads), template()}}}})
	require.NoError(t, err)
	input, output, err := r.Schema("good")
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"object"}`, string(input))
	require.JSONEq(t, `{"type":"object"}`, string(output))
	for name, says := range map[string]string{
		"empty": "UPDATE_GOLDEN=1", "broken": "schema of broken", "absent": "does not exist", "bare": "embeds none", "none": `no tool "none"`,
	} {
		_, _, err := r.Schema(name)
		require.ErrorContains(t, err, says)
	}
	input, output, err = r.Schema("find_users")
	require.NoError(t, err)
	require.Nil(t, output)
	require.JSONEq(t, `{"type":"object","properties":{"since":{"type":"string","description":"Start","default":"-30d"},
		"plan":{"type":"array","description":"Plans","items":{"type":"string","enum":["free","pro"]}}},"additionalProperties":false}`, string(input))
}

// template is a tool declared at run time.
func template() tools.Untyped {
	return tools.Untyped{
		Of: tools.Spec{Name: "find_users", Title: "Find users", Doc: "Finds users of a plan, for the tests of this package; it asks nobody and gives its arguments back."},
		Inputs: []tools.Param{
			{Name: "since", Type: tools.DateTime, Doc: "Start", Default: json.RawMessage(`"-30d"`)},
			{Name: "plan", Type: tools.Array, Doc: "Plans", Items: &tools.Param{Type: tools.String, Enum: []string{"free", "pro"}}},
		},
		Run: func(_ context.Context, _ *driver.Client, args map[string]any) (any, error) {
			since, _ := args["since"].(tools.Time)
			return tools.NewTable([]string{"since", "plan"}, [][]any{{since.String(), args["plan"]}}), nil
		},
	}
}

func TestUntyped(t *testing.T) {
	t.Parallel()
	toolstest.Check(t, tools.Set{Tools: []tools.Tool{template()}})
	res := template().Call(t.Context(), nil, json.RawMessage(`{"plan":"Pro"}`))
	require.False(t, res.IsError, res.Text)
	require.Contains(t, string(res.Structured), `"columns":["since","plan"],"rows":[["-30d",["pro"]]],"row_count":1}`)
	res = template().Call(t.Context(), nil, json.RawMessage(`{"plan":"team"}`))
	require.Contains(t, res.Text, "is not one of free, pro")
}

func TestClockAndProgress(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	op := answering(statusOut{})
	var seen time.Time
	op.Run = func(ctx context.Context, _ *driver.Client, _ struct{}) (statusOut, error) {
		seen = tools.Now(ctx)
		tools.Progress(ctx, 3, 10, "rows")
		return statusOut{}, nil
	}
	r, err := tools.New(tools.Config{Sets: []tools.Set{{Tools: []tools.Tool{op}}}, Now: func() time.Time { return at }})
	require.NoError(t, err)
	var heard []any
	ctx := tools.WithProgress(t.Context(), func(done, total float64, message string) { heard = append(heard, done, total, message) })
	r.Call(ctx, nil, "get_answer", nil)
	require.Equal(t, at, seen)
	require.Equal(t, []any{3.0, 10.0, "rows"}, heard)
	r.Call(t.Context(), nil, "get_answer", nil) // nobody listens
}

func TestHints(t *testing.T) {
	t.Parallel()
	for effect, want := range map[tools.Effect]tools.Hints{
		tools.Reads:   {ReadOnly: true, Idempotent: true, OpenWorld: true},
		tools.Creates: {OpenWorld: true},
		tools.Updates: {Destructive: true, Idempotent: true, OpenWorld: true},
		tools.Deletes: {Destructive: true, Idempotent: true, OpenWorld: true},
		tools.Writes:  {Idempotent: true, OpenWorld: true},
	} {
		require.Equal(t, want, effect.Hints(), effect.String())
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"signed_up", "$pageview", "subscription_started", "subscription_cancelled", "error_shown"}
	for name, want := range map[string]string{
		"signup": "signed_up", "SignedUp": "signed_up", "pageview": "$pageview", "started_subscription": "subscription_started",
		"subscription-canceled": "subscription_cancelled", "error": "error_shown",
	} {
		require.Equal(t, want, tools.Nearest(name, known, 3)[0], name)
	}
	require.Empty(t, tools.Nearest("a", nil, 3))
	require.Empty(t, tools.Nearest("purchase", known, 3), "a far-fetched name leads astray")
	require.Equal(t, []string{"subscription_started"}, tools.Nearest("subscription_start", known, 99)[:1])
}

func TestReferenceGolden(t *testing.T) {
	t.Parallel()
	list := append([]tools.Tool{search(), template()}, someTools()[0].Tools...)
	page, err := tools.Reference(list)
	require.NoError(t, err)
	toolstest.Golden(t, "reference.md", page)
	raw, err := json.MarshalIndent(tools.Catalogue(list), "", " ")
	require.NoError(t, err)
	toolstest.Golden(t, "catalogue.json", string(raw))
}
