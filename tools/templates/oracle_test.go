//go:build oracle

package templates

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/engine"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

// statement is an expanded template.
type statement struct {
	ID     string         `json:"id"`
	HogQL  string         `json:"hogql"`
	Values map[string]any `json:"values"`
}

// statementsForOracle expands every built-in template: with all its optional
// parts, and with none.
func statementsForOracle(t *testing.T) []statement {
	t.Helper()
	ago := func(days int) string { return demotest.Now().AddDate(0, 0, -days).Format("2006-01-02 15:04:05") }
	values := map[string]map[string]any{
		"compare_segments":        {"segment": "person.plan", "values": []any{"free", "pro"}, "goal": "note_created", "days": 30},
		"export_cohort":           {"cohort_id": 1, "properties": []any{"email", "plan"}, "cursor": "019d0000-0000-7000-8000-000000000000"},
		"find_conversion_drivers": {"goal": "subscription_started", "start": "user_signed_up", "property": "person.$initial_utm_source", "days": 60, "min_people": 5},
		"get_recent_events":       {"events": []any{"user_signed_up", "$pageview"}, "distinct_id": "user_10100", "property": "person.plan", "after": ago(40)},
		"identify_churn_risk":     {"recent_days": 10, "baseline_days": 25, "min_active_days": 2, "min_decline": 0.5, "events": []any{"$pageview", "note_created"}},
		"identify_power_users":    {"days": 30, "min_active_days": 2, "events": []any{"$pageview"}},
		"measure_feature_impact":  {"feature": "template_used", "outcome": "note_created", "launch": ago(26), "days": 13},
		"rank_channels":           {"signup": "user_signed_up", "activation": "onboarding_completed", "payment": "subscription_started", "by": "person.$initial_utm_source", "days": 90},
		"trace_user_journey":      {"person": "user_10100", "after": ago(40), "events": []any{"$pageview", "note_created"}},
		"track_errors":            {"days": 20, "search": "typeerror"},
		"weekly_report":           {"key_events": []any{"user_signed_up", "payment_failed"}, "days": 7},
	}
	var list []statement
	names, err := files(builtin, "builtin")
	require.NoError(t, err)
	for _, name := range names {
		tpl, err := load(builtin, name)
		require.NoError(t, err)
		given, ok := values[tpl.Name]
		require.True(t, ok, "no values for %s", tpl.Name)
		given["limit"] = 1000
		for _, all := range []bool{true, false} {
			sql, err := expand(choose(tpl.sql, func(string) bool { return all }), tpl.Params, given, "person.properties.email NOT ILIKE '%@"+data.CompanyDomain+"'")
			require.NoError(t, err)
			// The oracle knows no cohorts; any condition on people does in its place.
			sql = strings.Replace(sql, "id IN COHORT {cohort_id}", "properties.plan = 'pro'", 1)
			id := tpl.Name
			if all {
				id += " with everything"
			}
			list = append(list, statement{ID: id, HogQL: sql, Values: given})
		}
	}
	return list
}

// TestOracleTemplates runs every built-in template on PostHog's parser and
// ClickHouse, in the folder that ORACLE_DIR names, over the events of the
// embedded PostHog, and compares its rows with the embedded engine's.
func TestOracleTemplates(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("ORACLE_DIR")
	require.NotEmpty(t, dir, "set ORACLE_DIR to the oracle's folder")
	world, err := data.Generate(data.Options{Seed: 1, Now: demotest.Now(), People: 300, Days: 40})
	require.NoError(t, err)
	store, err := data.NewStore(data.StoreConfig{World: world})
	require.NoError(t, err)
	snap := store.Snapshot()
	var dump bytes.Buffer
	require.NoError(t, snap.WritePersons(t.Context(), &dump))
	require.NoError(t, snap.WriteEvents(t.Context(), &dump))
	file := filepath.Join(t.TempDir(), "demo.jsonl")
	require.NoError(t, os.WriteFile(file, dump.Bytes(), 0o600))

	list := statementsForOracle(t)
	var in bytes.Buffer
	for _, st := range list {
		require.NoError(t, json.NewEncoder(&in).Encode(st))
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(dir, "run.mjs"), "--data", file, "--now", "2026-06-30 12:00:00") //nolint:gosec // the folder is the developer's
	cmd.Dir, cmd.Stdin = dir, &in
	out, err := cmd.Output()
	if failed := (&exec.ExitError{}); !errors.As(err, &failed) { // the exit code only tells that a statement failed
		require.NoError(t, err)
	}
	type answer struct {
		ID      string
		OK      bool
		Error   string
		Columns []string
		Results [][]any
	}
	answers := map[string]answer{}
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var a answer
		require.NoError(t, dec.Decode(&a))
		answers[a.ID] = a
	}
	eng := engine.New(snap)
	for _, st := range list {
		t.Run(st.ID, func(t *testing.T) {
			t.Parallel()
			want := answers[st.ID]
			require.True(t, want.OK, "the oracle refuses it: %s", want.Error)
			require.NotEmpty(t, want.Results, "no rows prove nothing")
			q, err := hogql.Parse(st.HogQL)
			require.NoError(t, err)
			got, err := eng.Run(t.Context(), q, engine.Options{Source: st.HogQL, Values: st.Values})
			require.NoError(t, err)
			require.Equal(t, want.Columns, got.Columns)
			require.Len(t, got.Rows, len(want.Results))
			raw, err := json.Marshal(got.Rows) // numbers as the oracle's are: through JSON
			require.NoError(t, err)
			var rows [][]any
			require.NoError(t, json.Unmarshal(raw, &rows))
			for i := range rows {
				for j := range rows[i] {
					require.True(t, same(want.Results[i][j], rows[i][j]), "row %d, column %s: want %v, got %v", i, got.Columns[j], want.Results[i][j], rows[i][j])
				}
			}
		})
	}
}

// same compares a cell as ClickHouse prints it with one of PostHog's API.
func same(want, got any) bool {
	switch w := want.(type) {
	case float64:
		g, ok := got.(float64)
		return ok && math.Abs(w-g) <= 1e-9*max(1, math.Abs(w))
	case string:
		g, ok := got.(string)
		if !ok || w == g {
			return ok
		}
		a, errA := time.Parse("2006-01-02 15:04:05.999999", w)
		b, errB := time.Parse(time.RFC3339Nano, g)
		return errA == nil && errB == nil && a.Equal(b)
	}
	return want == got
}
