package driver

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInsightsListsWithoutResults(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{"count":2,"next":"https://x/?limit=1&offset=1&basic=true&saved=true","results":[
		{"id":1,"short_id":"AbCd1234","name":null,"derived_name":"Pageviews","query":{"kind":"DataTableNode","source":{"kind":"InsightVizNode","source":{"kind":"TrendsQuery"}}}}]}`))
	c := clientFor(t, s.URL)
	res, err := c.Insights(t.Context(), InsightsParams{Search: "page", Limit: 1})
	require.NoError(t, err)
	q := s.requests[0].URL.Query()
	require.Equal(t, "true", q.Get("basic"))
	require.Equal(t, "page", q.Get("search"))
	require.Equal(t, "1", q.Get("limit"))
	in := res.Insights[0]
	require.Equal(t, "Pageviews", in.Name)
	require.Equal(t, "TrendsQuery", in.Kind, "below its wrappers")
	require.Equal(t, s.URL+"/project/7/insights/AbCd1234", in.URL)
	require.Equal(t, 2, *res.Total)
	require.NotEmpty(t, res.Cursor)

	_, err = c.Insights(t.Context(), InsightsParams{Cursor: res.Cursor})
	require.NoError(t, err)
	require.Equal(t, "1", s.requests[1].URL.Query().Get("offset"))
	require.Equal(t, "/api/projects/7/insights/", s.requests[1].URL.Path)
}

func TestInsightComputesOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{"id":5,"short_id":"AbCd1234","name":"SQL","query":{"kind":"DataVisualizationNode","source":{"kind":"HogQLQuery","query":"SELECT 1"}},
		"result":[["a",9007199254740993],["b",null]],"columns":["name"],"hasMore":true,"last_refresh":"2026-03-01T10:00:00Z","timezone":"Europe/Berlin"}`))
	c := clientFor(t, s.URL)
	res, err := c.Insights(t.Context(), InsightsParams{ID: "https://us.posthog.com/project/7/insights/AbCd1234/edit?x=1"})
	require.NoError(t, err)
	require.Equal(t, "/api/projects/7/insights/AbCd1234/", s.requests[0].URL.Path)
	require.Equal(t, "force_cache", s.requests[0].URL.Query().Get("refresh"))
	require.Nil(t, res.Insights[0].Result)
	require.JSONEq(t, `{"kind":"DataVisualizationNode","source":{"kind":"HogQLQuery","query":"SELECT 1"}}`, string(res.Insights[0].Query))

	res, err = c.Insights(t.Context(), InsightsParams{ID: "5", Compute: true})
	require.NoError(t, err)
	require.Equal(t, "blocking", s.requests[1].URL.Query().Get("refresh"), "PostHog computes nothing by default here")
	in := res.Insights[0]
	require.Equal(t, []string{"name", "column_2"}, in.Result.Columns)
	require.Equal(t, []any{"a", json.Number("9007199254740993")}, in.Result.Rows[0])
	require.True(t, in.Truncated)
	require.Equal(t, "Europe/Berlin", in.TimeZone)
	require.Equal(t, "2026-03-01T10:00:00Z", in.ComputedAt.Format("2006-01-02T15:04:05Z"))
}

func TestInsightsRefusesBadArguments(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(404, problem("invalid_request", "not_found", "Not found.")))
	c := clientFor(t, s.URL)
	for _, p := range []InsightsParams{{ID: "../cohorts"}, {ID: "a b"}, {Compute: true}, {Limit: -1}} {
		_, err := c.Insights(t.Context(), p)
		require.ErrorIs(t, err, KindInvalid, "%+v", p)
	}
	require.Zero(t, s.count())
	_, err := c.Insights(t.Context(), InsightsParams{ID: "nothere1"})
	require.ErrorIs(t, err, KindNotFound)
	require.ErrorContains(t, err, `"nothere1"`)
}

func TestTabulate(t *testing.T) {
	t.Parallel()
	n := func(s string) json.Number { return json.Number(s) }
	tests := map[string]struct {
		kind, result string
		columns      []string
		rows         [][]any
	}{
		"trends": {
			"TrendsQuery", `[{"label":"a","data":[1,2.5],"days":["2026-03-01","2026-03-02"],"count":3.5},{"label":"$$_posthog_breakdown_null_$$","data":[3],"days":["2026-03-01"]}]`,
			[]string{"date", "a", "(not set)"}, [][]any{{"2026-03-01", n("1"), n("3")}, {"2026-03-02", n("2.5"), nil}},
		},
		"second series is longer": {
			"TrendsQuery", `[{"label":"a","data":[1],"days":["d1"]},{"label":"a","data":[3,4],"labels":["d1","d2"]}]`,
			[]string{"date", "a", "a #2"}, [][]any{{"d1", n("1"), n("3")}, {2, nil, n("4")}},
		},
		"totals": {
			"TrendsQuery", `[{"label":"a","data":[],"aggregated_value":7},{"label":"b","data":[],"count":3}]`,
			[]string{"series", "value"}, [][]any{{"a", n("7")}, {"b", n("3")}},
		},
		"lifecycle": {
			"LifecycleQuery", `[{"label":"$pageview","status":"new","data":[1],"days":["d1"]},{"label":"$pageview","status":"dormant","data":[-2],"days":["d1"]}]`,
			[]string{"date", "$pageview (new)", "$pageview (dormant)"}, [][]any{{"d1", n("1"), n("-2")}},
		},
		"funnel": {
			"FunnelsQuery", `[{"name":"a","order":0,"count":4},{"name":"b","order":1,"count":1,"median_conversion_time":2.5}]`,
			[]string{"step", "count", "conversion", "median_seconds"}, [][]any{{"a", int64(4), new(1.0), nil}, {"b", int64(1), new(0.25), 2.5}},
		},
		"retention": {
			"RetentionQuery", `[{"label":"Week 0","date":"d0","values":[{"count":5},{"count":2}]},{"label":"Week 1","date":"d1","values":[{"count":3}]}]`,
			[]string{"cohort", "start", "period_0", "period_1"}, [][]any{{"Week 0", "d0", n("5"), n("2")}, {"Week 1", "d1", n("3"), nil}},
		},
		"paths": {
			"PathsQuery", `[{"source":"1_/","target":"2_/a","value":4}]`,
			[]string{"from", "to", "paths"}, [][]any{{"1_/", "2_/a", n("4")}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tabulate(tt.kind, json.RawMessage(tt.result), nil)
			require.NotNil(t, got)
			require.Equal(t, tt.columns, got.Columns)
			require.Equal(t, tt.rows, got.Rows)
		})
	}
	for kind, raw := range map[string]string{"TrendsQuery": `{"odd":1}`, "FunnelsQuery": `{"bins":[]}`, "StrangeQuery": `[]`, "HogQLQuery": `null`} {
		require.Nil(t, tabulate(kind, json.RawMessage(raw), nil), kind)
	}
}

func TestCreateInsightWrapsTheQuery(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		p    CreateInsightParams
		want string
	}{
		"sql":     {CreateInsightParams{SQL: " SELECT 1 "}, `{"kind":"DataVisualizationNode","source":{"kind":"HogQLQuery","query":"SELECT 1"}}`},
		"node":    {CreateInsightParams{Query: json.RawMessage(`{"kind":"FunnelsQuery","series":[{"kind":"EventsNode","event":"a"},{"kind":"EventsNode","event":"b"}]}`)}, `{"kind":"InsightVizNode","source":{"kind":"FunnelsQuery","series":[{"kind":"EventsNode","event":"a"},{"kind":"EventsNode","event":"b"}]}}`},
		"wrapped": {CreateInsightParams{Query: json.RawMessage(`{"kind":"InsightVizNode","source":{"kind":"PathsQuery"}}`)}, `{"kind":"InsightVizNode","source":{"kind":"PathsQuery"}}`},
		"hogql":   {CreateInsightParams{Query: json.RawMessage(`{"kind":"HogQLQuery","query":"SELECT 2"}`)}, `{"kind":"DataVisualizationNode","source":{"kind":"HogQLQuery","query":"SELECT 2"}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, reply(201, `{"id":9,"short_id":"new12345","name":"N","query":`+tt.want+`}`))
			tt.p.Name, tt.p.Dashboards = " N ", []int64{3}
			in, err := clientFor(t, s.URL).CreateInsight(t.Context(), tt.p)
			require.NoError(t, err)
			require.Equal(t, s.URL+"/project/7/insights/new12345", in.URL)
			var body struct {
				Name       string
				Query      json.RawMessage
				Dashboards []int64
				Saved      bool
			}
			require.NoError(t, json.Unmarshal([]byte(s.bodies[0]), &body))
			require.Equal(t, "N", body.Name)
			require.JSONEq(t, tt.want, string(body.Query))
			require.Equal(t, []int64{3}, body.Dashboards)
			require.True(t, body.Saved)
		})
	}
}

func TestCreateInsightRefusesWhatPostHogWouldStoreBroken(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(201, `{}`))
	c := clientFor(t, s.URL)
	for name, tt := range map[string]struct {
		p    CreateInsightParams
		attr string
	}{
		"no name":        {CreateInsightParams{SQL: "SELECT 1"}, "name"},
		"nothing":        {CreateInsightParams{Name: "n"}, "sql"},
		"both":           {CreateInsightParams{Name: "n", SQL: "SELECT 1", Query: json.RawMessage(`{}`)}, "query"},
		"bad sql":        {CreateInsightParams{Name: "n", SQL: "SELECT FROM WHERE"}, "sql"},
		"bad inner sql":  {CreateInsightParams{Name: "n", Query: json.RawMessage(`{"kind":"HogQLQuery","query":"SELEC"}`)}, "query"},
		"no object":      {CreateInsightParams{Name: "n", Query: json.RawMessage(`[1]`)}, "query"},
		"unknown kind":   {CreateInsightParams{Name: "n", Query: json.RawMessage(`{"kind":"Trend"}`)}, "query.kind"},
		"unknown inside": {CreateInsightParams{Name: "n", Query: json.RawMessage(`{"kind":"InsightVizNode","source":{"kind":"X"}}`)}, "query.kind"},
		"no series":      {CreateInsightParams{Name: "n", Query: json.RawMessage(`{"kind":"TrendsQuery"}`)}, "query.series"},
	} {
		_, err := c.CreateInsight(t.Context(), tt.p)
		var e *Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, KindInvalid, e.Kind, name)
		require.Equal(t, tt.attr, e.Attr, name)
		require.NotEmpty(t, e.Hint, name)
	}
	require.Zero(t, s.count())
}

func TestCreateInsightIsNeverSentTwice(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(502, "<html>bad gateway</html>", "Content-Type: text/html"))
	_, err := clientFor(t, s.URL).CreateInsight(t.Context(), CreateInsightParams{Name: "n", SQL: "SELECT 1"})
	require.Error(t, err)
	require.Equal(t, 1, s.count())
	require.NotContains(t, err.Error(), "<html")
}
