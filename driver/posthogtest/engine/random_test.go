package engine

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// randomOperands are values of every type, with the awkward ones.
func randomOperands(t *testing.T) []hogql.Expr {
	t.Helper()
	var out []hogql.Expr
	for _, s := range []string{
		"1", "-1", "0", "1.5", "'a'", "''", "NULL", "true", "[1, 2]", "[]", "['a']", "[NULL]", "(1, 'a')", "event", "timestamp",
		"properties", "properties.amount", "properties.is_trial", "person_id", "toDate(timestamp)", "now()", "INTERVAL 1 DAY",
		"x -> x + 1", "x -> x = 1", "(x, y) -> x", "properties.items", "[[1], [2]]", "[(1, 'a')]", "count()", "groupArray(event)",
		"9223372036854775807", "-9223372036854775808", "100000", "'2026-01-01'", "'day'", "'UTC'", "1 / 0", "0 / 0", "'('",
		"(SELECT 1)", "toInt('x')", "[timestamp]", "arrayJoin([1, 2])", "toDateTime('bad')", "sum(properties.amount)", "now() - timestamp",
	} {
		q, err := hogql.Parse("SELECT " + s)
		require.NoError(t, err, s)
		sel, ok := q.(*hogql.SelectQuery)
		require.True(t, ok)
		out = append(out, sel.Select[0])
	}
	return out
}

func allNames() []string {
	var out []string
	for k := range functionTable() {
		out = append(out, k)
	}
	for k := range aggregateTable() {
		out = append(out, k, k+"If", k+"Array", k+"OrNull")
	}
	for k := range arrayFunctions() {
		out = append(out, k)
	}
	for k := range jsonFunctions() {
		out = append(out, k)
	}
	out = append(out, "dateDiff", "dateTrunc", "dateAdd", "age", "toStartOfInterval", "arrayJoin", "in", "and", "or")
	slices.Sort(out)
	return out
}

// Any function on any arguments answers or is refused: no panic, whatever the
// types.
func TestRandomCalls(t *testing.T) {
	t.Parallel()
	snap := *sampleSnapshot()
	snap.Events = snap.Events[:40]
	eng := New(&snap)
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable on purpose
	pool, names := randomOperands(t), allNames()
	windows := []string{"row_number", "lag", "lead", "lagInFrame", "first_value", "nth_value", "ntile", "sum", "count", "rank"}
	pick := func() hogql.Expr { return pool[rng.IntN(len(pool))] }
	answered := 0
	for range 30_000 {
		var args []hogql.Expr
		for range rng.IntN(4) {
			args = append(args, pick())
		}
		call := &hogql.Call{Name: names[rng.IntN(len(names))], Args: args}
		if rng.IntN(4) == 0 {
			call.Params = []hogql.Expr{pick()}
		}
		var e hogql.Expr = call
		switch rng.IntN(8) {
		case 0:
			e = &hogql.ArithmeticOperation{Op: []string{"+", "-", "*", "/", "%"}[rng.IntN(5)], Left: e, Right: pick()}
		case 1:
			e = &hogql.CompareOperation{Op: []string{"==", "!=", "<", "in", "not in", "like", "=~"}[rng.IntN(7)], Left: e, Right: pick()}
		case 2:
			e = &hogql.Call{Name: names[rng.IntN(len(names))], Args: []hogql.Expr{e, pick()}}
		case 3:
			over := &hogql.WindowExpr{OrderBy: []*hogql.OrderExpr{{Expr: pick()}}}
			e = &hogql.WindowFunction{Name: windows[rng.IntN(len(windows))], Exprs: args, Over: over}
		case 4:
			e = &hogql.ArrayAccess{Array: e, Property: pick()}
		case 5:
			e = &hogql.BetweenExpr{Expr: e, Low: pick(), High: pick()}
		}
		q := &hogql.SelectQuery{Select: []hogql.Expr{e}, From: &hogql.JoinExpr{Table: &hogql.Field{Chain: []string{"events"}}}}
		if rng.IntN(3) == 0 {
			q.GroupBy = []hogql.Expr{pick()}
		}
		if rng.IntN(3) == 0 {
			q.OrderBy = []*hogql.OrderExpr{{Expr: pick()}}
		}
		if _, err := eng.Run(t.Context(), q, Options{MaxRows: 50_000}); err == nil {
			answered++
		}
	}
	require.Greater(t, answered, 800, "too few of the calls are valid to prove anything")
}
