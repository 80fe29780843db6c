package toolstest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/tools"
)

// typed is a tool whose answer has a Go type.
type typed interface{ OutType() reflect.Type }

// schemaFile writes what the golden file of a tool holds: both schemas, one
// compact line each, since hosts send the input schema to the model as it is.
func schemaFile(t testing.TB, tool tools.Tool) []byte {
	t.Helper()
	params, err := tool.Params()
	require.NoError(t, err)
	input, err := tools.InputSchema(params)
	require.NoError(t, err)
	var b bytes.Buffer
	b.WriteString("{\"input\":")
	b.Write(input)
	if out, ok := tool.(typed); ok {
		b.WriteString(",\n\"output\":")
		b.Write(outputSchema(t, out.OutType()))
	}
	b.WriteString("}\n")
	return b.Bytes()
}

// outputSchema derives the schema of an answer. It requires nothing and allows
// more, because empty fields are dropped, notices added, and hosts hold error
// results to the same schema.
func outputSchema(t testing.TB, out reflect.Type) []byte {
	t.Helper()
	s, err := jsonschema.ForType(out, &jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[json.RawMessage](): {},
		reflect.TypeFor[json.Number]():     {Type: "number"},
		reflect.TypeFor[tools.Time]():      {Type: "string"},
	}})
	require.NoError(t, err, "the answer %s has no schema", out)
	require.Equal(t, "object", s.Type, "an answer must be a struct: %s", out)
	loosen(s)
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	return raw
}

// loosen drops what a shaped answer does not keep: required fields, closed
// objects and null, which is never written outside of cells.
func loosen(s *jsonschema.Schema) {
	if s == nil {
		return
	}
	s.Required = nil
	if s.Properties != nil {
		s.AdditionalProperties = nil
	}
	if len(s.Types) > 0 {
		rest := slices.DeleteFunc(slices.Clone(s.Types), func(t string) bool { return t == "null" })
		if len(rest) == 1 {
			s.Type, s.Types = rest[0], nil
		}
	}
	if s.Type == "integer" || s.Type == "number" {
		s.Minimum, s.Maximum = nil, nil
	}
	for _, p := range s.Properties {
		loosen(p)
	}
	loosen(s.Items)
	loosen(s.AdditionalProperties)
}

// resolve compiles a schema with the library that judges it, not with our own
// decoder, so that the two check each other.
func resolve(t testing.TB, raw []byte) *jsonschema.Resolved {
	t.Helper()
	var s jsonschema.Schema
	require.NoError(t, json.Unmarshal(raw, &s))
	r, err := s.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	require.NoError(t, err, "the schema is broken or a default does not fit it: %s", raw)
	return r
}

// Conforms checks a result's structured form against the tool's output schema,
// as strict hosts do.
func Conforms(t testing.TB, tool tools.Tool, res *tools.Result) {
	t.Helper()
	var got any
	require.NoError(t, json.Unmarshal(res.Structured, &got), "structured form: %s", res.Structured)
	require.IsType(t, map[string]any{}, got)
	if out, ok := tool.(typed); ok {
		require.NoError(t, resolve(t, outputSchema(t, out.OutType())).Validate(got))
	}
}
