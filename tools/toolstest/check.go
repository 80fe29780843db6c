// Package toolstest holds what every area's test asks of its tools: golden
// schemas, budgets, names, hints, examples and refusals. Only tests link it.
package toolstest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tiktoken-go/tokenizer"

	"github.com/posthog-mcp/posthog-mcp/tools"
)

// Budgets of one tool.
const (
	MaxTokens      = 300   // name, description and input schema, in o200k tokens
	MaxSchemaBytes = 4_000 // either schema
)

var codec = sync.OnceValues(func() (tokenizer.Codec, error) { return tokenizer.Get(tokenizer.O200kBase) })

// Tokens counts o200k tokens.
func Tokens(t testing.TB, text string) int {
	t.Helper()
	c, err := codec()
	require.NoError(t, err)
	n, err := c.Count(text)
	require.NoError(t, err)
	return n
}

// Cost is what a model pays to see a tool: the tokens of its name, description
// and input schema.
func Cost(t testing.TB, tool tools.Tool) int {
	t.Helper()
	params, err := tool.Params()
	require.NoError(t, err)
	input, err := tools.InputSchema(params)
	require.NoError(t, err)
	return Tokens(t, tool.Spec().Name) + Tokens(t, tool.Spec().Doc) + Tokens(t, string(input))
}

// Check holds the tools of one area to the rules. Golden schemas are compared
// with the directory schema of the package under test and with the files that
// the set embeds; UPDATE_GOLDEN=1 rewrites them. To begin, put a file
// schema/<tool>.json with {} there, so that the embed directive finds one.
func Check(t *testing.T, set tools.Set) {
	t.Helper()
	known := map[string]bool{}
	total := 0
	for _, tool := range set.Tools {
		s := tool.Spec()
		require.False(t, known[s.Name], "two tools are called %q", s.Name)
		known[s.Name] = true
		t.Run(s.Name, func(t *testing.T) {
			require.Empty(t, Faults(tool))
			t.Run("schema", func(t *testing.T) { checkSchema(t, set, tool) })
			t.Run("examples", func(t *testing.T) { checkExamples(t, tool) })
			t.Run("refusals", func(t *testing.T) { checkRefusals(t, tool) })
			t.Run("errors", func(t *testing.T) { checkErrors(t, tool) })
			cost := Cost(t, tool)
			total += cost
			t.Logf("%d tokens", cost)
			require.LessOrEqual(t, cost, MaxTokens, "name, description and input schema cost too many tokens")
		})
	}
	if len(set.Tools) > 0 {
		t.Logf("%d tools, %d tokens, %d on average", len(set.Tools), total, total/len(set.Tools))
	}
	checkStale(t, known)
}

// checkStale refuses golden files of tools that are gone.
func checkStale(t *testing.T, known map[string]bool) {
	t.Helper()
	files, err := filepath.Glob("schema/*.json")
	require.NoError(t, err)
	for _, f := range files {
		if known[strings.TrimSuffix(filepath.Base(f), ".json")] {
			continue
		}
		if updating() {
			require.NoError(t, os.Remove(f))
			continue
		}
		t.Errorf("%s belongs to no tool of this set; UPDATE_GOLDEN=1 go test removes it", f)
	}
}

func checkSchema(t *testing.T, set tools.Set, tool tools.Tool) {
	t.Helper()
	file := schemaFile(t, tool)
	var both struct{ Input, Output json.RawMessage }
	require.NoError(t, json.Unmarshal(file, &both))
	require.LessOrEqual(t, len(both.Input), MaxSchemaBytes, "input schema")
	require.LessOrEqual(t, len(both.Output), MaxSchemaBytes, "output schema")
	resolve(t, both.Input)
	if both.Output != nil {
		resolve(t, both.Output)
		require.Empty(t, outputFaults(both.Output))
	}
	if _, own := tool.(tools.Schemer); own {
		return
	}
	name := tool.Spec().Name
	golden(t, filepath.Join("schema", name+".json"), file)
	if updating() {
		return // the embedded copy is that of the build before
	}
	reg, err := tools.New(tools.Config{Sets: []tools.Set{set}})
	require.NoError(t, err)
	input, output, err := reg.Schema(name)
	require.NoError(t, err)
	require.Equal(t, string(both.Input), string(input), "embedded input schema")
	require.Equal(t, string(both.Output), string(output), "embedded output schema")
}

func checkExamples(t *testing.T, tool tools.Tool) {
	t.Helper()
	params, err := tool.Params()
	require.NoError(t, err)
	input, err := tools.InputSchema(params)
	require.NoError(t, err)
	schema := resolve(t, input)
	examples := []string{string(tools.SampleArgs(params, false)), string(tools.SampleArgs(params, true))}
	for _, example := range append(examples, tool.Spec().Examples...) {
		var v any
		require.NoError(t, json.Unmarshal([]byte(example), &v), example)
		require.NoError(t, schema.Validate(v), "example %s", example)
		_, err := tools.Decode(tool.Spec().Name, params, json.RawMessage(example))
		require.NoError(t, err, "example %s", example)
	}
}
