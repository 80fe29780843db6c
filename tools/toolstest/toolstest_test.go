package toolstest_test

import (
	"context"
	"embed"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest"
)

//go:embed schema/*.json
var schemas embed.FS

type goodIn struct {
	Name  string     `json:"name" jsonschema:"Name of the thing" example:"signups"`
	Limit int        `json:"limit,omitempty" jsonschema:"Rows to return" default:"50" min:"1" max:"500"`
	Kinds []string   `json:"kinds,omitempty" jsonschema:"Kinds" enum:"a,b" default:"a,b" maxitems:"2"`
	From  tools.Time `json:"from,omitzero" jsonschema:"Start" default:"-7d"`
	Steps []stepIn   `json:"steps,omitempty" jsonschema:"Steps" minitems:"1"`
}

type stepIn struct {
	Event string `json:"event" jsonschema:"Event name"`
}

type goodOut struct {
	Status string          `json:"status,omitempty" jsonschema:"How it went"`
	Counts map[string]int  `json:"counts,omitempty"`
	Raw    json.RawMessage `json:"raw,omitempty" jsonschema:"Any JSON"`
	Number json.Number     `json:"number,omitempty"`
	ByDay  *tools.Table    `json:"by_day,omitempty"`
	tools.Table
}

func good() tools.Op[goodIn, goodOut] {
	return tools.Op[goodIn, goodOut]{
		Name: "get_things", Aliases: []string{"things"}, Title: "Get things",
		Doc:    "Gets the things of a name for the tests of this package. There are always two of them.",
		Effect: tools.Reads, Scopes: []string{"thing:read"}, Class: driver.ClassRead,
		Examples: []string{`{"name":"signups","limit":5}`},
		Run: func(_ context.Context, _ *driver.Client, in goodIn) (goodOut, error) {
			days := tools.NewTable([]string{"day"}, [][]any{{1}})
			return goodOut{
				Status: "done", Counts: map[string]int{"a": 1}, Raw: json.RawMessage(`[1]`), Number: "3", ByDay: &days,
				Table: tools.NewTable([]string{"name", "limit"}, [][]any{{in.Name, in.Limit}, {nil, []string{"x"}}}),
			}, nil
		},
	}
}

func TestCheckPassesGoodTools(t *testing.T) {
	t.Parallel()
	toolstest.Check(t, tools.Set{Tools: []tools.Tool{good()}, Schemas: schemas})
}

func TestConforms(t *testing.T) {
	t.Parallel()
	res := good().Call(t.Context(), nil, json.RawMessage(`{"name":"a"}`))
	require.False(t, res.IsError, res.Text)
	toolstest.Conforms(t, good(), res)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	require.Empty(t, toolstest.Faults(good()))
	cases := map[string]func(*tools.Op[goodIn, goodOut]){
		"name \"GetThings\" does not match":   func(o *tools.Op[goodIn, goodOut]) { o.Name = "GetThings" },
		"alias \"get_things\" is no other":    func(o *tools.Op[goodIn, goodOut]) { o.Aliases = []string{"get_things"} },
		"title has 0 characters":              func(o *tools.Op[goodIn, goodOut]) { o.Title = "" },
		"Doc has 5 characters":                func(o *tools.Op[goodIn, goodOut]) { o.Doc = "Gets." },
		"Doc has 701 characters":              func(o *tools.Op[goodIn, goodOut]) { o.Doc = strings.Repeat("a", 700) + "." },
		"Doc is not one trimmed paragraph":    func(o *tools.Op[goodIn, goodOut]) { o.Doc += " " },
		"Doc does not end as a sentence":      func(o *tools.Op[goodIn, goodOut]) { o.Doc += " And" },
		"effect 9 is unknown":                 func(o *tools.Op[goodIn, goodOut]) { o.Effect = 9 },
		"scope \"things\" is not of the form": func(o *tools.Op[goodIn, goodOut]) { o.Scopes = []string{"things"} },
		"asks for the scope thing:write":      func(o *tools.Op[goodIn, goodOut]) { o.Scopes = []string{"thing:write"} },
	}
	for want, spoil := range cases {
		op := good()
		spoil(&op)
		require.Contains(t, strings.Join(toolstest.Faults(op), "\n"), want)
	}
}

func TestFaultsOfParameters(t *testing.T) {
	t.Parallel()
	low, high := 1.0, 2.0
	got := toolstest.Faults(tools.Untyped{
		Of: good().Spec(),
		Inputs: []tools.Param{
			{Name: "a", Doc: "A", Required: true, Default: json.RawMessage(`1`)},
			{Name: "a", Doc: "A", Min: &high, Max: &low},
			{Name: "camelCase", Doc: strings.Repeat("long ", 40)},
			{Name: "steps", Doc: "S", Items: &tools.Param{Fields: []tools.Param{{Name: "x"}}}},
		},
	})
	require.Equal(t, []string{
		"a is required and has a default", "a is declared twice", "a has a minimum above its maximum",
		"camelCase is not in snake case", "camelCase has a description of more than 150 characters",
		"steps[].x has no description (jsonschema tag)",
	}, got)
	op := tools.Op[struct {
		Bad chan int `json:"bad"`
	}, goodOut]{Name: "get_bad"}
	require.Contains(t, strings.Join(toolstest.Faults(op), "\n"), "type chan int cannot be a parameter")
}
