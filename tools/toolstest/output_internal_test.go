package toolstest

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/tools"
)

func TestOutputFaults(t *testing.T) {
	t.Parallel()
	type item struct {
		Name string `json:"name"`
	}
	type out struct {
		Items []item          `json:"items"`
		Raw   json.RawMessage `json:"raw"`
		Any   any             `json:"any" jsonschema:"Any JSON"`
		Names []string        `json:"names"`
		Data  string          `json:"data"`
		tools.Table
	}
	schema := outputSchema(t, reflect.TypeFor[out]())
	require.Equal(t, []string{
		"data is a field that shaping adds itself", "items is a list of objects; use a tools.Table", "raw can be anything; describe it with a jsonschema tag",
	}, outputFaults(schema))
	require.NotContains(t, string(schema), `"null"`)
	require.NotContains(t, string(schema), `"required"`)
	require.Empty(t, outputFaults(outputSchema(t, reflect.TypeFor[tools.Table]())))
}
