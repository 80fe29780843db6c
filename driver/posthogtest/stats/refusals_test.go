package stats

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/stretchr/testify/require"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	series := `"series":[{"kind":"EventsNode","event":"a"},{"kind":"EventsNode","event":"b"}]`
	for node, want := range map[string]string{
		`{"kind":"SessionsQuery"}`:                                                                                                                 `"SessionsQuery"`,
		`{"kind":"PathsQuery","funnelPathsFilter":{}}`:                                                                                             "funnelPathsFilter",
		`{"kind":"PathsQuery","pathsFilter":{"includeEventTypes":["hogql"]}}`:                                                                      `"hogql"`,
		`{"kind":"PathsQuery","pathsFilter":{"pathGroupings":["/a*"]}}`:                                                                            "pathGroupings",
		`{"kind":"TrendsQuery",` + series + `,"compareFilter":{"compare":true,"compare_to":"-1y"}}`:                                                "compare_to",
		`{"kind":"FunnelsQuery",` + series + `,"funnelsFilter":{"exclusions":[{"event":"c"}]}}`:                                                    "exclusions",
		`{"kind":"FunnelsQuery",` + series + `,"funnelsFilter":{"funnelVizType":"trends"}}`:                                                        `"trends"`,
		`{"kind":"FunnelsQuery",` + series + `,"aggregation_group_type_index":0}`:                                                                  `"aggregation_group_type_index"`,
		`{"kind":"FunnelsQuery","series":[{"kind":"ActionsNode"},{"kind":"ActionsNode"}]}`:                                                         `"ActionsNode"`,
		`{"kind":"TrendsQuery",` + series + `,"samplingFactor":0.1}`:                                                                               "samplingFactor",
		`{"kind":"TrendsQuery",` + series + `,"trendsFilter":{"formula":"A**B"}}`:                                                                  "A**B",
		`{"kind":"TrendsQuery",` + series + `,"interval":"minute"}`:                                                                                `"minute"`,
		`{"kind":"TrendsQuery",` + series + `,"properties":[{"key":"a","operator":"semver_gt","value":"1"}]}`:                                      `"semver_gt"`,
		`{"kind":"TrendsQuery",` + series + `,"properties":[{"key":"a","type":"hogql","operator":"exact","value":"1"}]}`:                           `"hogql"`,
		`{"kind":"TrendsQuery","series":[{"kind":"EventsNode","math":"hogql"}]}`:                                                                   `"hogql"`,
		`{"kind":"RetentionQuery","retentionFilter":{"cumulative":true}}`:                                                                          "cumulative",
		`{"kind":"ErrorTrackingQuery","orderBy":"revenue","volumeResolution":1}`:                                                                   `"revenue"`,
		`{"kind":"ExperimentQuery","experiment_id":1,"metric":{"kind":"ExperimentMetric","metric_type":"ratio"}}`:                                  `"ratio"`,
		`{"kind":"StickinessQuery",` + series + `,"stickinessFilter":{"stickinessCriteria":{"operator":"gte","value":2}}}`:                         "stickinessCriteria",
		`{"kind":"LifecycleQuery","series":[{"kind":"EventsNode","math":"dau"}]}`:                                                                  `"dau"`,
		`{"kind":"TrendsQuery",` + series + `,"breakdownFilter":{"breakdowns":[{"property":"a","type":"event"},{"property":"b","type":"event"}]}}`: "2 properties",
		`{"kind":"TrendsQuery",` + series + `,"breakdownFilter":{"breakdown":[1],"breakdown_type":"cohort"}}`:                                      "breakdown",
		`{"kind":"FunnelsQuery",` + series + `,"breakdownFilter":{"breakdown":"a"},"funnelsFilter":{"breakdownAttributionType":"step"}}`:           `"step"`,
		`{"kind":"FunnelsQuery",` + series + `,"funnelsFilter":{"funnelAggregateByHogQL":"properties.x"}}`:                                         "properties.x",
	} {
		_, err := Run(t.Context(), shared.Snapshot(), shared, json.RawMessage(node))
		refused, ok := errors.AsType[*data.NotSupportedError](err)
		require.True(t, ok, "%s: %v", node, err)
		require.Contains(t, refused.What, want)
	}
	for node, want := range map[string]string{
		`[]`: "JSON object",
		`{}`: "no kind",
		`{"kind":"FunnelsQuery","series":[{"kind":"EventsNode","event":"a"}]}`:                     "at least two",
		`{"kind":"FunnelsQuery",` + series + `,"funnelsFilter":{"funnelOrderType":"random"}}`:      "random",
		`{"kind":"FunnelsQuery",` + series + `,"funnelsFilter":{"funnelWindowInterval":-1}}`:       "-1",
		`{"kind":"TrendsQuery",` + series + `,"dateRange":{"date_from":"yesterday"}}`:              "yesterday",
		`{"kind":"TrendsQuery",` + series + `,"dateRange":{"date_from":"-1d","date_to":"-9d"}}`:    "before",
		`{"kind":"TrendsQuery",` + series + `,"dateRange":{"date_from":"-30y"},"interval":"hour"}`: "longer interval",
		`{"kind":"TrendsQuery","series":[{"kind":"EventsNode","math":"sum"}]}`:                     "math_property",
		`{"kind":"TrendsQuery","series":"a"}`:                                                      "series",
		`{"kind":"TrendsQuery",` + series + `,"properties":[{"key":"a","operator":"gt"}]}`:         "value",
		`{"kind":"ExperimentQuery","experiment_id":99,"metric":{}}`:                                "99",
		`{"kind":"ExperimentQuery","experiment_id":3,"metric":{}}`:                                 "start date",
		`{"kind":"ErrorTrackingQuery","orderBy":"users"}`:                                          "volumeResolution",
		`{"kind":"TrendsQuery",` + series + `,"trendsFilter":{"formula":"A/C"}}`:                   "series C",
		`{"kind":"TrendsQuery",` + series + `,"trendsFilter":{"formula":"A/"}}`:                    "cannot be read",
		`{"kind":"PathsQuery","pathsFilter":{"stepLimit":1}}`:                                      "stepLimit",
		`{"kind":"InsightVizNode"}`: "source",
	} {
		_, err := Run(t.Context(), shared.Snapshot(), shared, json.RawMessage(node))
		wrong, ok := errors.AsType[*InvalidError](err)
		require.True(t, ok, "%s: %v", node, err)
		require.Contains(t, wrong.Detail, want)
	}
}

// FuzzRun: whatever the node, there is an answer that is JSON, or an error.
func FuzzRun(f *testing.F) {
	for _, i := range shared.Insights() {
		f.Add([]byte(i.Query))
	}
	f.Add([]byte(`{"kind":"ErrorTrackingQuery","dateRange":{"date_from":"-7d"},"orderBy":"users","volumeResolution":3,"withAggregations":true}`))
	f.Add([]byte(`{"kind":"ExperimentQuery","experiment_id":1,"metric":{"kind":"ExperimentMetric","metric_type":"mean","source":{"kind":"EventsNode","event":"a"}}}`))
	f.Add([]byte(`{"kind":"ExperimentExposureQuery","experiment_id":2}`))
	s := handmade(f, did{"x", "note_created", time.Hour, map[string]any{"amount": 3.0}}, did{"y", "$pageview", 2 * time.Hour, nil}, did{"y", "$exception", time.Hour, nil})
	f.Fuzz(func(t *testing.T, node []byte) {
		answer, err := Run(t.Context(), s.Snapshot(), s, node)
		if err == nil {
			_, err = json.Marshal(answer)
			require.NoError(t, err)
		}
	})
}
