package tools_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest"
)

// searchIn has every type of parameter that tools use.
type searchIn struct {
	Query   string         `json:"query" jsonschema:"Text to look for" example:"signup" maxlen:"50"`
	Limit   int            `json:"limit,omitempty" jsonschema:"Rows to return" default:"50" min:"1" max:"500"`
	Share   float64        `json:"share,omitempty" jsonschema:"Share of users" min:"0" max:"1"`
	Exact   bool           `json:"exact,omitempty" jsonschema:"Match the whole text" default:"true"`
	Kind    string         `json:"kind,omitempty" jsonschema:"Kind of object" enum:"event,person,cohort" default:"event"`
	Events  []string       `json:"events,omitempty" jsonschema:"Event names" maxitems:"3" example:"signup,purchase"`
	IDs     []int64        `json:"ids,omitempty" jsonschema:"Ids" min:"1"`
	From    tools.Time     `json:"from,omitzero" jsonschema:"Start, such as -7d" default:"-7d"`
	Filters map[string]any `json:"filters,omitempty" jsonschema:"Property values"`
	Steps   []stepIn       `json:"steps,omitempty" jsonschema:"Funnel steps"`
	Note    *string        `json:"note,omitempty" jsonschema:"Free text" minlen:"2"`
	Offset  *int           `json:"offset,omitempty" jsonschema:"Rows to skip"`
}

type stepIn struct {
	Event string `json:"event" jsonschema:"Event name" example:"signup"`
	Times int    `json:"times,omitempty" jsonschema:"How often" default:"1"`
}

type searchOut struct {
	Seen searchIn `json:"seen"`
}

// search answers with the arguments that it was given.
func search() tools.Op[searchIn, searchOut] {
	return tools.Op[searchIn, searchOut]{
		Name: "search_objects", Title: "Search objects",
		Doc: "Finds objects of a project by their name. It exists for the tests of this package only.",
		Own: true,
		Run: func(_ context.Context, _ *driver.Client, in searchIn) (searchOut, error) { return searchOut{in}, nil },
	}
}

func TestDecodeTakes(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, args string
		check      func(*testing.T, searchIn)
	}{
		{"defaults", `{"query":"a"}`, func(t *testing.T, in searchIn) {
			require.Equal(t, 50, in.Limit)
			require.True(t, in.Exact)
			require.Equal(t, "event", in.Kind)
			require.Equal(t, "-7d", in.From.String())
			require.Nil(t, in.Note)
			require.Nil(t, in.Events)
		}},
		{"number as text", `{"query":"a","limit":" 10 ","share":"0.25"}`, func(t *testing.T, in searchIn) {
			require.Equal(t, 10, in.Limit)
			require.InDelta(t, 0.25, in.Share, 0)
		}},
		{"whole float", `{"query":"a","limit":10.0}`, func(t *testing.T, in searchIn) { require.Equal(t, 10, in.Limit) }},
		{"zero is given, not absent", `{"query":"a","offset":0,"exact":false}`, func(t *testing.T, in searchIn) {
			require.NotNil(t, in.Offset)
			require.Zero(t, *in.Offset)
			require.False(t, in.Exact)
		}},
		{"large id keeps its digits", `{"query":"a","ids":[9007199254740993,"9223372036854775807"]}`, func(t *testing.T, in searchIn) {
			require.Equal(t, []int64{9007199254740993, 9223372036854775807}, in.IDs)
		}},
		{"boolean as text", `{"query":"a","exact":"False"}`, func(t *testing.T, in searchIn) { require.False(t, in.Exact) }},
		{"one value for a list", `{"query":"a","events":"signup","ids":7}`, func(t *testing.T, in searchIn) {
			require.Equal(t, []string{"signup"}, in.Events)
			require.Equal(t, []int64{7}, in.IDs)
		}},
		{"list as JSON text", `{"query":"a","events":"[\"a\",\"b\"]"}`, func(t *testing.T, in searchIn) {
			require.Equal(t, []string{"a", "b"}, in.Events)
		}},
		{"object as JSON text", `{"query":"a","filters":"{\"plan\":\"pro\"}"}`, func(t *testing.T, in searchIn) {
			require.Equal(t, map[string]any{"plan": "pro"}, in.Filters)
		}},
		{"number for a text", `{"query":42}`, func(t *testing.T, in searchIn) { require.Equal(t, "42", in.Query) }},
		{"null is absent", `{"query":"a","limit":null,"events":null}`, func(t *testing.T, in searchIn) { require.Equal(t, 50, in.Limit) }},
		{"enum in other letters", `{"query":"a","kind":"Person"}`, func(t *testing.T, in searchIn) { require.Equal(t, "person", in.Kind) }},
		{"nested defaults", `{"query":"a","steps":[{"event":"x"},{"event":"y","times":"3"}]}`, func(t *testing.T, in searchIn) {
			require.Equal(t, []stepIn{{"x", 1}, {"y", 3}}, in.Steps)
		}},
		{"free object keeps numbers", `{"query":"a","filters":{"n":12345678901234567890,"l":[1,{"a":null}]}}`, func(t *testing.T, in searchIn) {
			require.Equal(t, json.Number("12345678901234567890"), in.Filters["n"])
			require.Equal(t, []any{json.Number("1"), map[string]any{"a": nil}}, in.Filters["l"])
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got searchIn
			op := search()
			op.Run = func(_ context.Context, _ *driver.Client, in searchIn) (searchOut, error) {
				got = in
				return searchOut{}, nil
			}
			res := op.Call(t.Context(), nil, json.RawMessage(c.args))
			require.False(t, res.IsError, res.Text)
			c.check(t, got)
		})
	}
}

type paging struct {
	Limit int `json:"limit,omitempty" jsonschema:"Rows" default:"5"`
}

// TestDecodeIntoOtherShapes covers what searchIn has not: embedded structs, any
// JSON, structs in structs, fields that are no parameters.
func TestDecodeIntoOtherShapes(t *testing.T) {
	t.Parallel()
	type in struct {
		paging
		Paging paging          `json:"paging,omitzero" jsonschema:"Nested"`
		Any    any             `json:"any,omitempty" jsonschema:"Anything"`
		Raw    json.RawMessage `json:"raw,omitempty" jsonschema:"Anything"`
		Hidden string          `json:"-"`
	}
	var got in
	op := tools.Op[in, statusOut]{Name: "get_shapes", Run: func(_ context.Context, _ *driver.Client, in in) (statusOut, error) {
		got = in
		return statusOut{}, nil
	}}
	params, err := op.Params()
	require.NoError(t, err)
	require.Len(t, params, 4)
	res := op.Call(t.Context(), nil, json.RawMessage(`{"paging":{"limit":"7"},"any":{"b":[1,{"c":null}]},"raw":{"n":9007199254740993}}`))
	require.False(t, res.IsError, res.Text)
	require.Equal(t, in{
		paging: paging{Limit: 5}, Paging: paging{Limit: 7},
		Any: map[string]any{"b": []any{json.Number("1"), map[string]any{"c": nil}}},
		Raw: json.RawMessage(`{"n":9007199254740993}`),
	}, got)
	res = op.Call(t.Context(), nil, json.RawMessage(`{"hidden":"x"}`))
	require.Contains(t, res.Text, "hidden: is unknown")

	none := tools.Op[struct{}, statusOut]{Name: "get_none"}.Call(t.Context(), nil, json.RawMessage(`{"`+strings.Repeat("x", 99)+`":1}`))
	require.Contains(t, none.Text, strings.Repeat("x", 59)+"…: is unknown; this tool takes no arguments")
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, args string
		says       []string
	}{
		{"unknown", `{"query":"a","limitt":5}`, []string{"limitt: is unknown", "nearest is limit;", "known: query, limit, share"}},
		{"unknown inside", `{"query":"a","steps":[{"event":"x","time":1}]}`, []string{"steps[0].time: is unknown", "nearest is times"}},
		{"missing", `{}`, []string{"query: is required", `such as "signup"`, `Arguments that work: {"query":"signup"}`}},
		{"missing for null", `{"query":null}`, []string{"query: is required"}},
		{"empty text", `{"query":""}`, []string{"query: must have at least 1 characters"}},
		{"too long", `{"query":"` + strings.Repeat("a", 51) + `"}`, []string{"query: has 51 characters; at most 50"}},
		{"too short", `{"query":"a","note":"x"}`, []string{"note: must have at least 2 characters"}},
		{"wrong type", `{"query":"a","limit":"many"}`, []string{"limit: must be a whole number from 1 to 500, such as 50; got the text \"many\""}},
		{"list for a number", `{"query":"a","limit":[1]}`, []string{"limit: must be a whole number", "got the list [1]"}},
		{"object for a text", `{"query":{"a":1}}`, []string{"query: must be text", `got the object {"a":1}`}},
		{"fraction", `{"query":"a","limit":1.5}`, []string{"limit: must be a whole number", "the number 1.5"}},
		{"infinite", `{"query":"a","share":"NaN"}`, []string{"share: must be a number from 0 to 1"}},
		{"too large", `{"query":"a","limit":501}`, []string{"limit: must be a whole number from 1 to 500; got 501"}},
		{"too small", `{"query":"a","limit":0}`, []string{"limit: must be a whole number from 1 to 500; got 0"}},
		{"out of range in a list", `{"query":"a","ids":[1,0]}`, []string{"ids[1]: must be a whole number of at least 1; got 0"}},
		{"enum", `{"query":"a","kind":"persn"}`, []string{`kind: "persn" is not one of event, person, cohort; nearest is person`}},
		{"too many", `{"query":"a","events":["a","b","c","d"]}`, []string{"events: must be a list of at most 3 items; got 4"}},
		{"boolean", `{"query":"a","exact":"yes"}`, []string{"exact: must be true or false", `the text "yes"`}},
		{"no such day", `{"query":"a","from":"2026-02-31"}`, []string{`from: "2026-02-31"`, "no such day in the calendar"}},
		{"no date", `{"query":"a","from":"last week"}`, []string{`from: "last week"`, "ISO 8601", "-7d"}},
		{"number as date", `{"query":"a","from":20260101}`, []string{"from: must be a date"}},
		{"given twice", `{"query":"a","query":"b"}`, []string{`"query" is given twice`}},
		{"given twice deep", `{"query":"a","filters":{"x":{"a":1,"a":2}}}`, []string{`"a" is given twice`}},
		{"not an object", `["a"]`, []string{"must be one JSON object", `not ["a"]`}},
		{"broken", `{"query":`, []string{"cannot be read"}},
		{"more after", `{"query":"a"} {}`, []string{"more text after"}},
		{"too deep", `{"query":"a","filters":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 41), []string{"nested more than 32 levels"}},
		{"several at once", `{"limit":0,"kind":"x","extra":1}`, []string{"extra: is unknown", "query: is required", "limit: must be", "kind: \"x\" is not"}},
		{"hidden characters are shown", `{"query":"a","evil\u202e":1}`, []string{`evil\u{202e}`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			op := search()
			op.Run = func(context.Context, *driver.Client, searchIn) (searchOut, error) {
				t.Error("the tool ran with wrong arguments")
				return searchOut{}, nil
			}
			res := op.Call(t.Context(), nil, json.RawMessage(c.args))
			require.True(t, res.IsError)
			for _, s := range c.says {
				require.Contains(t, res.Text, s)
			}
			require.Contains(t, res.Text, "search_objects failed (invalid)")
			require.LessOrEqual(t, utf8.RuneCountInString(res.Text), 1_500)
		})
	}
}

func TestDecodeTellsFiveProblems(t *testing.T) {
	t.Parallel()
	res := search().Call(t.Context(), nil, json.RawMessage(`{"a1":1,"b1":1,"c1":1,"d1":1,"e1":1,"f1":1,"g1":1}`))
	require.Contains(t, res.Text, "and 3 more")
	require.Equal(t, 6, strings.Count(res.Text, "\n- "))
}

func TestDecodeShowsTheToolsExample(t *testing.T) {
	t.Parallel()
	op := search()
	op.Examples = []string{`{"query":"churn","limit":5}`}
	res := op.Call(t.Context(), nil, json.RawMessage(`{"limitt":1}`))
	require.Contains(t, res.Text, `Next: Arguments that work: {"query":"churn","limit":5}`)
}

func TestDecodeBoundsSize(t *testing.T) {
	t.Parallel()
	res := search().Call(t.Context(), nil, json.RawMessage(`{"query":"`+strings.Repeat("a", 5<<20)+`"}`))
	require.Contains(t, res.Text, "at most 4194304 are taken")
}

func TestTime(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	now := time.Date(2026, 3, 31, 15, 4, 5, 0, berlin)
	cases := []struct{ text, start, end string }{
		{"2026-03-01", "2026-03-01T00:00:00+01:00", "2026-03-02T00:00:00+01:00"},
		{"2026-03-29", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"}, // the clock changes
		{"2026-03-01T14:30:00Z", "2026-03-01T15:30:00+01:00", "2026-03-01T15:30:00+01:00"},
		{"2026-03-01T14:30:00", "2026-03-01T14:30:00+01:00", "2026-03-01T14:30:00+01:00"},
		{"2026-03-01 14:30", "2026-03-01T14:30:00+01:00", "2026-03-01T14:30:00+01:00"},
		{"2026-03-01 14:30Z", "2026-03-01T15:30:00+01:00", "2026-03-01T15:30:00+01:00"},
		{"2026-03-01T14:30+02:00", "2026-03-01T13:30:00+01:00", "2026-03-01T13:30:00+01:00"},
		{"2026-03-01 14:30:00.5Z", "2026-03-01T15:30:00+01:00", "2026-03-01T15:30:00+01:00"},
		{"now", "2026-03-31T15:04:05+02:00", "2026-03-31T15:04:05+02:00"},
		{"today", "2026-03-31T00:00:00+02:00", "2026-04-01T00:00:00+02:00"},
		{"Yesterday", "2026-03-30T00:00:00+02:00", "2026-03-31T00:00:00+02:00"},
		{"-24h", "2026-03-30T15:04:05+02:00", "2026-03-30T15:04:05+02:00"},
		{"-30min", "2026-03-31T14:34:05+02:00", "2026-03-31T14:34:05+02:00"},
		{"-7d", "2026-03-24T00:00:00+01:00", "2026-03-25T00:00:00+01:00"},
		{"-1w", "2026-03-24T00:00:00+01:00", "2026-03-25T00:00:00+01:00"},
		{"-1m", "2026-02-28T00:00:00+01:00", "2026-03-01T00:00:00+01:00"}, // February has no 31st
		{"-1q", "2025-12-31T00:00:00+01:00", "2026-01-01T00:00:00+01:00"},
		{"-1y", "2025-03-31T00:00:00+02:00", "2025-04-01T00:00:00+02:00"},
	}
	for _, c := range cases {
		parsed, err := tools.ParseTime(c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c.start, parsed.Start(now, berlin).In(berlin).Format(time.RFC3339), "start of %s", c.text)
		require.Equal(t, c.end, parsed.End(now, berlin).In(berlin).Format(time.RFC3339), "end of %s", c.text)
	}
	for _, bad := range []string{"7d", "-7", "-d", "-7x", "2026", "2026-13-01", "2026-02-30T00:00:00Z", "+7d", "-99999999d", "01/02/2026"} {
		_, err := tools.ParseTime(bad)
		require.Error(t, err, bad)
	}
	zero, err := tools.ParseTime("  ")
	require.NoError(t, err)
	require.True(t, zero.IsZero())
	require.True(t, zero.Start(now, berlin).IsZero())
	require.True(t, zero.End(now, berlin).IsZero())
}

func FuzzDecode(f *testing.F) {
	params, err := search().Params()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range toolstest.Mutations(params) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, args string) {
		res := search().Call(t.Context(), nil, json.RawMessage(args))
		require.NotNil(t, res)
		require.True(t, utf8.ValidString(res.Text))
		require.True(t, json.Valid(res.Structured))
		if res.IsError {
			require.LessOrEqual(t, utf8.RuneCountInString(res.Text), 1_500)
			require.Contains(t, res.Text, "invalid", "a tool that echoes can only fail on its arguments")
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	params, err := search().Params()
	require.NoError(b, err)
	args := json.RawMessage(`{"query":"signup","limit":"20","events":["a","b"],"from":"-7d","filters":{"plan":"pro"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tools.Decode("search_objects", params, args); err != nil {
			b.Fatal(err)
		}
	}
}
