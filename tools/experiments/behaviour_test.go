package experiments

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

func TestGetExperiments(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	all := d.SurvivesFault(t, "/api/projects/*/experiments/", "get_experiments", `{}`)
	require.Equal(t, []string{"id", "name", "status", "flag", "start", "end", "variants", "metrics"}, all.Columns)
	require.Len(t, all.Rows, 3)

	running := d.OK(t, "get_experiments", `{"status":"running"}`)
	require.Len(t, running.Rows, 1)
	require.InDelta(t, data.PricingExperimentID, running.Rows[0][0], 0)
	require.Equal(t, data.PricingFlag, running.Rows[0][3])
	require.Equal(t, "control 50 %, test 50 %", running.Rows[0][6])

	name, _ := all.Rows[0][1].(string)
	found := d.OK(t, "get_experiments", fmt.Sprintf(`{"search":%q}`, name))
	require.Len(t, found.Rows, 1)

	one := d.OK(t, "get_experiments", fmt.Sprintf(`{"id":%d}`, data.PricingExperimentID))
	metrics, _ := one.Fields["metrics"].([]any)
	require.Len(t, metrics, 3)
	require.True(t, strings.HasPrefix(fmt.Sprint(metrics[0]), "primary funnel: "), "%v", metrics[0])

	d.Refused(t, driver.KindNotFound, "no experiment 987", "get_experiments", `{"id":987}`)
	d.Refused(t, driver.KindInvalid, "complete", "get_experiments", `{"status":"done"}`)
	d.Refused(t, driver.KindInvalid, "name", "get_experiments", `{"name":"x"}`)
	d.WithoutScopes(t, "experiment:read", []string{"query:read"}, "get_experiments", `{}`)
}

func TestGetExperimentResults(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := d.SurvivesFault(t, "/api/projects/*/query/", "get_experiment_results", fmt.Sprintf(`{"id":%d}`, data.PricingExperimentID))
	require.Equal(t, []string{"metric", "variant", "people", "sum", "mean", "change", "chance_to_win", "interval_of_change", "significant"}, a.Columns)
	require.Len(t, a.Rows, 6, "three metrics, two variants")
	require.Equal(t, "control (baseline)", a.Rows[0][1])
	require.Equal(t, data.VariantTest, a.Rows[1][1])
	for i := 0; i < len(a.Rows); i += 2 {
		base, test := a.Rows[i], a.Rows[i+1]
		require.Positive(t, base[2])
		if mean, ok := base[4].(float64); ok && mean > 0 {
			require.InDelta(t, test[4].(float64)/mean-1, test[5], 0.01, "change follows from the means")
		}
	}
	findings, _ := a.Fields["findings"].([]any)
	require.Len(t, findings, 3)
	require.Contains(t, findings[0], "people exposed in all")
	require.Contains(t, a.Fields["experiment"], "running, since")

	same := d.OK(t, "get_experiment_results", fmt.Sprintf(`{"id":%d,"fresh":true}`, data.PricingExperimentID))
	require.Equal(t, a.Rows, same.Rows)
}

func TestAMetricWithoutResultIsSaid(t *testing.T) {
	t.Parallel()
	yes := true
	out := resultsOut(driver.ExperimentResultsResult{Metrics: []driver.MetricResult{
		{Name: "Sales", Role: "primary", Method: "frequentist", Summary: "fine.", Variants: []driver.VariantResult{
			{Key: "control", Baseline: true, Samples: 3},
			{Key: "test", Samples: 4, PValue: new(0.01), Interval: &[2]float64{-0.1, 0.2}, Significant: &yes},
		}},
		{Name: "Clicks", Role: "secondary", Problem: "No such event. Correct it."},
	}})
	require.Equal(t, []string{"Sales: fine.", "Clicks (secondary): no result. No such event. Correct it."}, out.Findings)
	require.Equal(t, []string{"1 of 2 metrics have no result; see findings."}, out.Notices())
	require.Equal(t, "p_value", out.Columns[6])
	require.Equal(t, []any{"Sales", "test", int64(4), 0.0, nil, nil, 0.01, "-0.1000..+0.2000", "yes"}, out.Rows[1])
	require.Nil(t, out.Rows[0][8])
}

func TestGetExperimentResultsRefuses(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	d.Refused(t, driver.KindInvalid, "draft", "get_experiment_results", fmt.Sprintf(`{"id":%d}`, data.SummariesExperiment))
	d.Refused(t, driver.KindNotFound, "987", "get_experiment_results", `{"id":987}`)
	d.Refused(t, driver.KindInvalid, "id", "get_experiment_results", `{}`)
	d.Refused(t, driver.KindInvalid, "id", "get_experiment_results", `{"id":0}`)
	args := fmt.Sprintf(`{"id":%d}`, data.PricingExperimentID)
	d.WithoutScopes(t, "experiment:read", []string{"query:read"}, "get_experiment_results", args)
	d.WithoutScopes(t, "query:read", []string{"experiment:read"}, "get_experiment_results", args)
}
