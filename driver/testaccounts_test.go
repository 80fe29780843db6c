package driver

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

func testAccounts(t *testing.T, filters string) TestAccounts {
	t.Helper()
	s := newScripted(t, reply(200, `{"id":7,"test_account_filters":`+filters+`}`))
	out, err := clientFor(t, s.URL).TestAccounts(t.Context())
	require.NoError(t, err)
	_, err = hogql.Parse("SELECT count() FROM events WHERE " + out.Condition)
	require.NoError(t, err, out.Condition)
	return out
}

func TestTestAccountsBecomeACondition(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		filter, want string
		values       []any
	}{
		"person text": {
			`{"key":"email","type":"person","operator":"not_icontains","value":"@acme.com"}`,
			"((toString(person.properties['email']) NOT ILIKE {test_account_v0} OR person.properties['email'] IS NULL))",
			[]any{"%@acme.com%"},
		},
		"list": {
			`{"key":"plan","type":"event","operator":"exact","value":["a","b"]}`,
			"(toString(properties['plan']) = {test_account_v0} OR toString(properties['plan']) = {test_account_v1})",
			[]any{"a", "b"},
		},
		"none of a list": {
			`{"key":"plan","type":"event","operator":"is_not","value":["a","b"]}`,
			"((toString(properties['plan']) != {test_account_v0} OR properties['plan'] IS NULL) AND (toString(properties['plan']) != {test_account_v1} OR properties['plan'] IS NULL))",
			[]any{"a", "b"},
		},
		"pattern": {
			`{"key":"$host","type":"event","operator":"not_regex","value":"^localhost"}`,
			"(NOT match(ifNull(toString(properties['$host']), ''), {test_account_v0}))",
			[]any{"^localhost"},
		},
		"is set": {
			`{"key":"email","type":"person","operator":"is_set","value":"is_set"}`,
			"(person.properties['email'] IS NOT NULL)", nil,
		},
		"not in a cohort": {
			`{"key":"id","type":"cohort","operator":"not_in","value":4}`,
			"(person_id NOT IN COHORT 4)", nil,
		},
		"in a cohort": {
			`{"key":"id","type":"cohort","value":4}`,
			"(person_id IN COHORT 4)", nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := testAccounts(t, "["+tt.filter+"]")
			require.True(t, out.Filtered)
			require.Equal(t, "("+tt.want+")", out.Condition)
			require.Len(t, out.Values, len(tt.values))
			for i, v := range tt.values {
				require.Equal(t, v, out.Values[fmt.Sprintf("test_account_v%d", i)])
			}
			require.Contains(t, out.Note, "left out")
		})
	}
}

func TestTestAccountsThatCannotBeFilteredAreIncluded(t *testing.T) {
	t.Parallel()
	for name, filters := range map[string]string{
		"none":             `[]`,
		"unknown operator": `[{"key":"email","type":"person","operator":"is_date_before","value":"2026-01-01"}]`,
		"other type":       `[{"key":"tag_name","type":"element","operator":"exact","value":"a"}]`,
		"no value":         `[{"key":"email","type":"person","operator":"exact","value":[]}]`,
		"one of two":       `[{"key":"email","type":"person","operator":"is_set","value":""},{"key":"x","type":"hogql","value":"1"}]`,
		"strange cohort":   `[{"key":"id","type":"cohort","value":"all; DROP"}]`,
	} {
		out := testAccounts(t, filters)
		require.False(t, out.Filtered, name)
		require.Equal(t, "true", out.Condition, name)
		require.Contains(t, out.Note, "included", name)
	}
	s := newScripted(t, reply(403, problem("authentication_error", "permission_denied", "API key missing required scope 'project:read'")))
	out, err := clientFor(t, s.URL).TestAccounts(t.Context())
	require.NoError(t, err)
	require.False(t, out.Filtered)
	require.Contains(t, out.Note, "may not read")
	s = newScripted(t, reply(404, problem("invalid_request", "not_found", "Project not found.")))
	_, err = clientFor(t, s.URL).TestAccounts(t.Context())
	require.ErrorIs(t, err, KindNotFound)
}

func TestPropertyExpr(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"plan": "properties['plan']", "person.plan": "person.properties['plan']",
		`o'x\`: `properties['o\'x\\']`, "{limit}": "properties['{limit}']",
	} {
		got, err := PropertyExpr(name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, name := range []string{"", "a\x00b", "person."} {
		_, err := PropertyExpr(name)
		require.ErrorIs(t, err, KindInvalid, "%q", name)
	}
}
