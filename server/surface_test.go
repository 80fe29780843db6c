package server_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tiktoken-go/tokenizer"

	"github.com/posthog-mcp/posthog-mcp/prompts"
	"github.com/posthog-mcp/posthog-mcp/server"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// The surface that hosts see is held here as a whole; each tool by itself is
// held by its area's test.

// Budgets of the default list, in o200k tokens of name, description and input
// schema, and in bytes of one schema.
const (
	maxListTokens  = 4_500  // the default toolset
	maxAllTokens   = 12_000 // every toolset
	maxMeanTokens  = 150
	maxSchemaBytes = 4_000
)

// registry offers the toolsets named, or all of them.
func registry(t *testing.T, toolsets ...string) *tools.Registry {
	t.Helper()
	r, err := tools.New(tools.Config{Sets: server.Areas(), Toolsets: toolsets})
	require.NoError(t, err)
	return r
}

func TestListsFitTheirBudgets(t *testing.T) {
	t.Parallel()
	core := registry(t, tools.DefaultToolset)
	total := seenTokens(t, core)
	require.LessOrEqual(t, total, maxListTokens)
	require.LessOrEqual(t, total, maxMeanTokens*len(core.List()))
	require.LessOrEqual(t, seenTokens(t, registry(t)), maxAllTokens)
}

// seenTokens counts what a model sees of a list.
func seenTokens(t *testing.T, r *tools.Registry) int {
	t.Helper()
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	require.NoError(t, err)
	total := 0
	for _, tool := range r.List() {
		s := tool.Spec()
		in, _, err := r.Schema(s.Name)
		require.NoError(t, err)
		require.LessOrEqual(t, len(in), maxSchemaBytes, s.Name)
		seen, err := json.Marshal(map[string]any{"name": s.Name, "description": s.Doc, "inputSchema": in})
		require.NoError(t, err)
		n, err := codec.Count(string(seen))
		require.NoError(t, err)
		t.Logf("%4d %s", n, s.Name)
		total += n
	}
	t.Logf("%4d in all, %d tools", total, len(r.List()))
	return total
}

// Names are kept from the driver that this one replaces: agents and scripts
// know them.
func TestEveryKeptNameIsServed(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	r := registry(t, tools.DefaultToolset)
	for _, tool := range r.List() {
		names[tool.Spec().Name] = true
		for _, alias := range tool.Spec().Aliases {
			names[alias] = true
		}
	}
	for _, operation := range []string{
		"list_objects", "get_fields", "query", "capture_event", "capture_batch", "get_insights", "create_insight",
		"get_events", "export_events", "get_persons", "get_cohorts", "create_cohort", "get_feature_flags",
		"evaluate_flag", "get_experiments", "get_annotations", "create_annotation", "get_project_info", "health_check",
	} {
		require.True(t, names[operation], "operation %s", operation)
	}
	for _, template := range []string{
		"capture_event", "capture_batch", "get_recent_events", "hogql_query", "get_insights", "export_events",
		"export_cohort", "identify_power_users", "identify_churn_risk", "analyze_funnel", "get_experiments",
		"get_experiment_results", "evaluate_flags", "track_errors",
	} {
		require.True(t, names[template], "template %s", template)
	}
}

func TestPromptsNameToolsOfTheDefaultList(t *testing.T) {
	t.Parallel()
	r := registry(t, tools.DefaultToolset)
	for _, p := range prompts.All() {
		for _, name := range p.Tools {
			_, ok := r.Get(name)
			require.True(t, ok, "prompt %s sends agents to %s", p.Name, name)
		}
	}
}

// docs/tools.md is generated; UPDATE_GOLDEN=1 rewrites it.
func TestToolReferenceIsFresh(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "docs", "tools.md")
	want, err := tools.Reference(registry(t).List())
	require.NoError(t, err)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err, "run make golden")
	require.True(t, want == string(got), "docs/tools.md is stale: run make golden")
}
