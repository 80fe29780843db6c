// Package toolstest holds what every area's test asks of its tools: golden
// schemas, budgets, names, hints, examples and refusals. Only tests link it.
package toolstest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
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
	minDoc, maxDoc = 60, 600
	maxTitle       = 60
	maxDescription = 150
)

var namePattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_]{2,39}$`) })

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
			t.Run("record", func(t *testing.T) { checkRecord(t, tool) })
			t.Run("parameters", func(t *testing.T) { checkParams(t, tool) })
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

func checkRecord(t *testing.T, tool tools.Tool) {
	t.Helper()
	s := tool.Spec()
	require.Regexp(t, namePattern(), s.Name)
	require.NotEmpty(t, s.Title)
	require.LessOrEqual(t, len(s.Title), maxTitle, "title")
	require.GreaterOrEqual(t, len(s.Doc), minDoc, "Doc is too short to choose by")
	require.LessOrEqual(t, len(s.Doc), maxDoc, "Doc is too long")
	require.Equal(t, strings.TrimSpace(s.Doc), s.Doc)
	require.Contains(t, s.Doc, ".", "Doc is made of sentences")
	require.NotContains(t, s.Doc, "\n", "Doc is one paragraph")
	for _, scope := range s.Scopes {
		require.Regexp(t, `^[a-z_]+:(read|write)$`, scope)
		if s.Effect == tools.Reads && strings.HasSuffix(scope, ":write") {
			t.Errorf("a tool that only reads asks for the scope %s", scope)
		}
	}
	h := s.Effect.Hints()
	require.False(t, h.ReadOnly && h.Destructive)
	require.False(t, h.ReadOnly && !h.Idempotent)
	require.NotEqual(t, "unknown", s.Effect.String())
}

func checkParams(t *testing.T, tool tools.Tool) {
	t.Helper()
	params, err := tool.Params()
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, p := range params {
		require.False(t, seen[p.Name], "%s is declared twice", p.Name)
		seen[p.Name] = true
		describeRule(t, p.Name, p)
	}
}

func describeRule(t *testing.T, path string, p tools.Param) {
	t.Helper()
	require.Regexp(t, `^[a-z][a-z0-9_]*$`, p.Name, path)
	require.NotEmpty(t, p.Doc, "%s has no description (jsonschema tag)", path)
	require.LessOrEqual(t, len(p.Doc), maxDescription, "the description of %s", path)
	require.False(t, p.Required && p.Default != nil, "%s is required and has a default", path)
	for _, f := range p.Fields {
		describeRule(t, path+"."+f.Name, f)
	}
	if p.Items != nil {
		for _, f := range p.Items.Fields {
			describeRule(t, path+"[]."+f.Name, f)
		}
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
		checkColumnar(t, both.Output)
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

// checkColumnar refuses lists of objects in an answer: each would repeat its
// keys; a tools.Table says the same in half the tokens.
func checkColumnar(t *testing.T, output []byte) {
	t.Helper()
	var s struct {
		Properties map[string]struct {
			Items *struct{ Type string }
		}
	}
	require.NoError(t, json.Unmarshal(output, &s))
	for name, p := range s.Properties {
		if p.Items != nil {
			require.NotEqual(t, "object", p.Items.Type, "%s is a list of objects; use a tools.Table", name)
		}
	}
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
