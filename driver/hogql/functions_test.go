package hogql

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKnownFunction(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, canonical string
		aggregate, ok   bool
	}{
		{"count", "count", true, true},
		{"COUNT", "count", true, true},
		{"uniq", "uniq", true, true},
		{"Uniq", "", false, false},
		{"toStartOfDay", "toStartOfDay", false, true},
		{"tostartofday", "", false, false},
		{"IFNULL", "ifNull", false, true},
		{"isNull", "isNull", false, true},
		{"isnotnull", "", false, false},
		{"sumMapMergeIf", "sumMapMergeIf", true, true},
		{"countArgMaxOrNullIf", "countArgMaxOrNullIf", true, true},
		{"countIfIf", "", false, false},
		{"sumIfOrNull", "", false, false},
		{"windowFunnel", "windowFunnel", true, true},
		{"toFloat64", "", false, false},
		{"sleep", "", false, false},
		{"", "", false, false},
	} {
		canonical, aggregate, ok := KnownFunction(c.name)
		require.Equal(t, []any{c.canonical, c.aggregate, c.ok}, []any{canonical, aggregate, ok}, c.name)
	}
}

func TestNearestFunctions(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{
		"toStartofday":    "toStartOfDay",
		"toFloat64":       "toFloat",
		"todate":          "toDate",
		"uniqe":           "uniq",
		"datediff":        "dateDiff",
		"split":           "splitByChar",
		"JsonExtractStr":  "JSONExtract",
		"groupArry":       "groupArray",
		"cuont":           "count",
		"stddev":          "stddevSamp",
		"regexp_replace":  "replaceRegexpAll",
		"toStartOfMinuts": "toStartOfMinute",
	} {
		near := NearestFunctions(name)
		require.NotEmpty(t, near, name)
		require.Equal(t, first, near[0], name)
		require.LessOrEqual(t, len(near), 5)
	}
	require.Empty(t, NearestFunctions("completely_unlike_anything"))
}

// TestFunctionNames checks the lists themselves: no name twice, none that the
// parser could not read as a call.
func TestFunctionNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for key, functions := range functionTable() {
		for _, f := range functions {
			require.False(t, seen[f.name], "%s is listed twice", f.name)
			seen[f.name] = true
			require.Equal(t, key, lower(f.name))
			_, err := Parse("SELECT " + callName(f.name) + "(a)")
			require.NoError(t, err, f.name)
		}
	}
	require.Greater(t, len(seen), 700)
}
