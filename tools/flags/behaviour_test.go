package flags

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

func TestGetFeatureFlags(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	all := d.SurvivesFault(t, "/api/projects/*/feature_flags/", "get_feature_flags", `{}`)
	require.Equal(t, []string{"id", "key", "state", "conditions", "variants", "description"}, all.Columns)
	state := map[any]any{}
	for _, row := range all.Rows {
		state[row[1]] = row[2]
	}
	require.Equal(t, "active", state[data.PricingFlag])
	require.Equal(t, "inactive", state[data.ExportFlag])

	off := d.OK(t, "get_feature_flags", `{"active":false}`)
	for _, row := range off.Rows {
		require.Equal(t, "inactive", row[2])
	}
	require.Less(t, len(off.Rows), len(all.Rows))

	one := d.OK(t, "get_feature_flags", fmt.Sprintf(`{"key":%q}`, data.BannerFlag))
	require.Len(t, one.Rows, 1)
	require.Contains(t, one.Fields["payloads"], "true")

	seen := map[any]bool{}
	cursor := ""
	for range all.Rows {
		page := d.OK(t, "get_feature_flags", fmt.Sprintf(`{"limit":2,"cursor":%q}`, cursor))
		for _, row := range page.Rows {
			require.False(t, seen[row[1]])
			seen[row[1]] = true
		}
		if cursor = page.Cursor; cursor == "" {
			break
		}
	}
	require.Len(t, seen, len(all.Rows))
}

func TestGetFeatureFlagsRefuses(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	d.Refused(t, driver.KindNotFound, data.BannerFlag, "get_feature_flags", `{"key":"release"}`)
	d.Refused(t, driver.KindInvalid, "limit", "get_feature_flags", `{"limit":0}`)
	d.Refused(t, driver.KindInvalid, "active", "get_feature_flags", `{"active":"perhaps"}`)
	d.Refused(t, driver.KindInvalid, "flag", "get_feature_flags", `{"flag":"x"}`)
	d.WithoutScopes(t, "feature_flag:read", []string{"query:read"}, "get_feature_flags", `{}`)
}

func TestEvaluateFlag(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	on := d.SurvivesFault(t, "/flags/", "evaluate_flag", fmt.Sprintf(`{"key":%q,"distinct_id":"u"}`, data.BannerFlag))
	require.Equal(t, "on", on.Fields["state"])
	require.Contains(t, on.Fields["payload"], "text", "decoded twice")
	require.Equal(t, "condition_match", on.Fields["reason"])

	args := `{"key":%q,"distinct_id":"nobody","person_properties":{"plan":%q}}`
	require.Equal(t, "off", d.OK(t, "evaluate_flag", fmt.Sprintf(args, data.SummariesFlag, "free")).Fields["state"])
	require.Equal(t, "on", d.OK(t, "evaluate_flag", fmt.Sprintf(args, data.SummariesFlag, "pro")).Fields["state"])

	first := d.OK(t, "evaluate_flag", fmt.Sprintf(`{"key":%q,"distinct_id":"steady"}`, data.ChecklistFlag))
	require.Contains(t, []any{data.VariantControl, data.VariantTest}, first.Fields["variant"])
	require.Equal(t, first.Fields["variant"], d.OK(t, "evaluate_flag", fmt.Sprintf(`{"key":%q,"distinct_id":"steady"}`, data.ChecklistFlag)).Fields["variant"])

	d.Refused(t, driver.KindNotFound, "Do not read this as off", "evaluate_flag", `{"key":"nope","distinct_id":"u"}`)
	d.Refused(t, driver.KindNotFound, "inactive", "evaluate_flag", fmt.Sprintf(`{"key":%q,"distinct_id":"u"}`, data.ExportFlag))
	d.Refused(t, driver.KindInvalid, "distinct_id", "evaluate_flag", `{"key":"f"}`)
	d.Refused(t, driver.KindInvalid, "groups", "evaluate_flag", `{"key":"f","distinct_id":"u","groups":["acme"]}`)
}

func TestEvaluateFlags(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	all := d.OK(t, "evaluate_flags", `{"distinct_id":"u"}`)
	states := map[any]any{}
	for _, row := range all.Rows {
		states[row[0]] = row[1]
	}
	require.Equal(t, "on", states[data.BannerFlag])
	require.NotContains(t, states, data.ExportFlag, "only active flags")

	some := d.OK(t, "evaluate_flags", fmt.Sprintf(`{"distinct_id":"u","keys":[%q,"nope"]}`, data.BannerFlag))
	require.Len(t, some.Rows, 2)
	require.Equal(t, []any{"nope", "unknown", "", "missing"}, some.Rows[1][:4])
}

func TestAUsedUpFlagQuotaIsNotOff(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	d.PostHog.SetQuota(posthogtest.Quota{FeatureFlags: true})
	one := d.OK(t, "evaluate_flag", fmt.Sprintf(`{"key":%q,"distinct_id":"u"}`, data.BannerFlag))
	require.Equal(t, "unknown", one.Fields["state"])
	require.Contains(t, one.Fields["notice"], "quota")
	all := d.OK(t, "evaluate_flags", `{"distinct_id":"u"}`)
	require.Empty(t, all.Rows)
	require.Contains(t, all.Fields["notice"], "Unknown is not off")
}
