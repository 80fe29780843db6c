package driver

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseFilter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]propertyFilter{
		"plan=pro":             {"plan", "exact", "pro"},
		" plan = pro ":         {"plan", "exact", "pro"},
		"plan!=free":           {"plan", "is_not", "free"},
		"email~@acme.com":      {"email", "icontains", "@acme.com"},
		"email!~test":          {"email", "not_icontains", "test"},
		"age>30":               {"age", "gt", "30"},
		"age>=30":              {"age", "gte", "30"},
		"age<30":               {"age", "lt", "30"},
		"age<=-3.5":            {"age", "lte", "-3.5"},
		"phone":                {"phone", "is_set", ""},
		"!phone":               {"phone", "is_not_set", ""},
		"Wow!":                 {"Wow!", "is_set", ""},
		"Wow! yes=1":           {"Wow! yes", "exact", "1"},
		"$browser=Mobile Web":  {"$browser", "exact", "Mobile Web"},
		"person.plan=pro":      {"person.plan", "exact", "pro"},
		"url=https://x.y/?a=b": {"url", "exact", "https://x.y/?a=b"},
	} {
		got, err := parseFilter("op", "where", text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestParseFilterRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "  ", "!", "=pro", "plan=", "plan==pro", "plan=>3", "!plan=pro", ">3", "!=x"} {
		_, err := parseFilter("get_events", "where", text)
		require.ErrorIs(t, err, KindInvalid, text)
		e := &Error{}
		require.ErrorAs(t, err, &e)
		require.Equal(t, "where", e.Attr)
		require.Contains(t, e.Hint, "plan=pro")
	}
	_, err := parseFilters("op", "where", []string{"plan=pro", "a\x00b=1"})
	require.ErrorIs(t, err, KindInvalid)
	_, err = parseFilters("op", "where", []string{strings.Repeat("k", 401) + "=1"})
	require.ErrorIs(t, err, KindInvalid)
}

func TestPersonFilterJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plan=pro": `{"key":"plan","type":"person","operator":"exact","value":["pro"]}`,
		"age>30":   `{"key":"age","type":"person","operator":"gt","value":"30"}`,
		"!phone":   `{"key":"phone","type":"person","operator":"is_not_set","value":"is_not_set"}`,
	} {
		f, err := parseFilter("op", "where", text)
		require.NoError(t, err)
		got, err := json.Marshal(f.person())
		require.NoError(t, err)
		require.JSONEq(t, want, string(got))
	}
}

func TestFilterHogQL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text, sql string
		values    map[string]any
	}{
		{"plan=pro", "toString(properties['plan']) = {v0}", map[string]any{"v0": "pro"}},
		{"plan!=pro", "(toString(properties['plan']) != {v0} OR properties['plan'] IS NULL)", map[string]any{"v0": "pro"}},
		{"amount>9.5", "toFloat(properties['amount']) > {v0}", map[string]any{"v0": 9.5}},
		{"day>=2026-01-01", "toString(properties['day']) >= {v0}", map[string]any{"v0": "2026-01-01"}},
		{"amount>NaN", "toString(properties['amount']) > {v0}", map[string]any{"v0": "NaN"}},
		{"url~50%_off", "toString(properties['url']) ILIKE {v0}", map[string]any{"v0": `%50\%\_off%`}},
		{"!x", "properties['x'] IS NULL", map[string]any{}},
		{"person.plan", "person.properties['plan'] IS NOT NULL", map[string]any{}},
		{"distinct_id=a", "distinct_id = {v0}", map[string]any{"v0": "a"}},
		{"person_id!=a", "(toString(person_id) != {v0} OR toString(person_id) IS NULL)", map[string]any{"v0": "a"}},
		{"it's=1", `toString(properties['it\'s']) = {v0}`, map[string]any{"v0": "1"}},
	}
	for _, tt := range tests {
		f, err := parseFilter("op", "where", tt.text)
		require.NoError(t, err)
		b := newSQLBuilder()
		require.Equal(t, tt.sql, f.hogql(b, b.field(f.key)), tt.text)
		require.Equal(t, tt.values, b.values, tt.text)
	}
}
