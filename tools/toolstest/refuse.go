package toolstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// Mutations are arguments that a tool must refuse or take without a panic: the
// seeds of fuzzing, made from its parameters.
func Mutations(params []tools.Param) []string {
	list := []string{
		``, `null`, `[]`, `"text"`, `1`, `{`, `{"a":`, `{"a":1,"a":2}`, `{} {}`,
		`{"no_such_argument_at_all":1}`, strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 100),
	}
	values := []string{
		`null`, `true`, `-1`, `1e400`, `1.5`, `9007199254740993`, `""`, `"x"`, `"2026-02-31"`,
		`[]`, `[[]]`, `[1,"a",null]`, `{}`, `{"a":{"b":1}}`, `"\ud800"`, `"` + strings.Repeat("a", 5_000) + `"`,
	}
	for _, p := range params {
		for _, v := range values {
			list = append(list, fmt.Sprintf(`{%q:%s}`, p.Name, v))
		}
		list = append(list, fmt.Sprintf(`{%q:1,%q:1}`, p.Name, p.Name), fmt.Sprintf(`{%q:1}`, p.Name+"s"))
	}
	return list
}

func checkRefusals(t *testing.T, tool tools.Tool) {
	t.Helper()
	params, err := tool.Params()
	require.NoError(t, err)
	name := tool.Spec().Name
	input, err := tools.InputSchema(params)
	require.NoError(t, err)
	schema := resolve(t, input)
	for _, args := range Mutations(params) {
		_, err := tools.Decode(name, params, json.RawMessage(args))
		if err == nil {
			continue
		}
		var v any
		if json.Unmarshal([]byte(args), &v) == nil && schema.Validate(v) == nil {
			require.True(t, beyondSchema(err), "the schema promises what is refused: %s: %v", args, err)
		}
		require.ErrorIs(t, err, driver.KindInvalid)
		res := tools.Fail(t.Context(), tool.Spec(), err)
		teaches(t, tool, res)
	}
	_, err = tools.Decode(name, params, json.RawMessage(`{"no_such_argument_at_all":1}`))
	require.ErrorContains(t, err, "no_such_argument_at_all", "an unknown argument must be refused by name")
	for _, p := range params {
		if p.Required {
			_, err := tools.Decode(name, params, json.RawMessage(`{}`))
			require.ErrorContains(t, err, p.Name)
			break
		}
	}
}

// beyondSchema reports whether a refusal is one that a JSON Schema cannot
// express, or only at a cost in tokens: dates, a key given twice, required
// texts that are empty, the general bounds.
func beyondSchema(err error) bool {
	for _, s := range []string{"as a date", "given twice", "at least 1 characters", "a date, ISO 8601", "nested more than"} {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}

// Kinds are all kinds of driver errors.
func Kinds() []driver.Kind {
	return []driver.Kind{
		driver.KindInvalid, driver.KindUnauthenticated, driver.KindForbidden, driver.KindNotFound,
		driver.KindConflict, driver.KindLimited, driver.KindExhausted, driver.KindTooLarge,
		driver.KindTimeout, driver.KindUpstream, driver.KindUnavailable, driver.KindCanceled,
	}
}

func checkErrors(t *testing.T, tool tools.Tool) {
	t.Helper()
	errs := []error{context.Canceled, context.DeadlineExceeded, errors.New("dial tcp: secret phx_0123456789abcdefghij")}
	for _, k := range Kinds() {
		errs = append(errs, &driver.Error{
			Op: tool.Spec().Name, Kind: k, RetryAfter: 3 * time.Second, RequestID: "r-1",
			Detail: "phx_0123456789abcdefghij " + strings.Repeat("long ", 2_000),
		})
	}
	for _, err := range errs {
		teaches(t, tool, tools.Fail(t.Context(), tool.Spec(), err))
	}
}

// teaches holds an error result to the rules.
func teaches(t *testing.T, tool tools.Tool, res *tools.Result) {
	t.Helper()
	require.True(t, res.IsError)
	require.LessOrEqual(t, utf8.RuneCountInString(res.Text), 1_500, res.Text)
	require.LessOrEqual(t, utf8.RuneCountInString(string(res.Structured)), 1_500+400)
	require.True(t, utf8.ValidString(res.Text))
	require.NotContains(t, res.Text, "phx_0123456789")
	require.NotContains(t, string(res.Structured), "phx_0123456789")
	var s struct {
		Error struct{ Kind, Message, Next string }
	}
	require.NoError(t, json.Unmarshal(res.Structured, &s))
	require.NotEmpty(t, s.Error.Kind)
	require.NotEmpty(t, s.Error.Message)
	require.NotEmpty(t, s.Error.Next, "an error must say what to do next: %s", res.Text)
	Conforms(t, tool, res)
}
