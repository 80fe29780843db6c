package driver

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// inZone answers the project, then the steps.
func inZone(t *testing.T, zone string, steps ...http.HandlerFunc) (*scripted, *Client) {
	t.Helper()
	s := newScripted(t, append([]http.HandlerFunc{reply(200, `{"id":7,"name":"p","timezone":"`+zone+`","api_token":"phc_x"}`)}, steps...)...)
	return s, clientFor(t, s.URL)
}

func sentNode(t *testing.T, body string) string {
	t.Helper()
	var b struct{ Query json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(body), &b))
	return string(b.Query)
}

func TestTrendsAskForDaysOfTheProject(t *testing.T) {
	t.Parallel()
	s, c := inZone(t, "Europe/Berlin", reply(200, `{"results":[
		{"action":{"order":1},"data":[1,null],"days":["2026-03-28","2026-03-29"],"breakdown_value":["$$_posthog_breakdown_other_$$"],"compare_label":"previous"}],
		"timezone":"Europe/Berlin","is_cached":true,"last_refresh":"2026-03-30T00:00:00Z"}`))
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	p := TrendsParams{
		AnalysisSpan: AnalysisSpan{From: time.Date(2026, 3, 28, 0, 0, 0, 0, berlin), To: time.Date(2026, 3, 30, 0, 0, 0, 0, berlin)},
		Series: []TrendSeries{
			{AnalysisEvent: AnalysisEvent{Event: "pay", Filters: []string{"plan=pro"}}, Math: "p95", Property: "person.age"},
			{AnalysisEvent: AnalysisEvent{Event: "view"}},
		},
		Breakdown: "person.country", Compare: true,
	}
	res, err := c.Trends(t.Context(), p)
	require.NoError(t, err)
	require.JSONEq(t, `{"kind":"TrendsQuery","interval":"day","filterTestAccounts":true,
		"series":[{"kind":"EventsNode","event":"pay","name":"pay","math":"p95","math_property":"age","math_property_type":"person_properties",
			"properties":[{"key":"plan","type":"event","operator":"exact","value":["pro"]}]},
			{"kind":"EventsNode","event":"view","name":"view","math":"total"}],
		"dateRange":{"date_from":"2026-03-28","date_to":"2026-03-29"},
		"breakdownFilter":{"breakdown":"country","breakdown_type":"person","breakdown_limit":25},
		"compareFilter":{"compare":true}}`, sentNode(t, s.bodies[1]))
	require.Equal(t, []TrendLine{{Series: 1, Breakdown: "(other)", Previous: true, Days: []string{"2026-03-28", "2026-03-29"}, Values: []float64{1, 0}}}, res.Lines)
	require.True(t, res.Cut)
	require.Equal(t, 2026, res.ComputedAt.Year())

	// What does not begin at midnight goes as instants, the end included.
	p.From, p.Interval, p.Breakdown, p.Compare, p.Formula, p.Fresh = p.From.Add(time.Hour), "hour", "", false, "A/B", true
	_, err = c.Trends(t.Context(), p)
	require.NoError(t, err)
	var node struct {
		DateRange    map[string]any `json:"dateRange"`
		TrendsFilter map[string]any `json:"trendsFilter"`
	}
	require.NoError(t, json.Unmarshal([]byte(sentNode(t, s.bodies[2])), &node))
	require.Equal(t, map[string]any{"date_from": "2026-03-28T00:00:00Z", "date_to": "2026-03-29T21:59:59.999999Z", "explicitDate": true}, node.DateRange)
	require.Equal(t, map[string]any{"formula": "A/B"}, node.TrendsFilter)
	require.Contains(t, s.bodies[2], `"force_blocking"`)
}

func TestRetentionAsksForWholePeriods(t *testing.T) {
	t.Parallel()
	s, c := inZone(t, "America/New_York", reply(200, `{"results":[{"date":"2026-03-01T00:00:00-05:00","label":"Month 0","values":[{"count":4.0},{"count":1}]}]}`))
	res, err := c.Retention(t.Context(), RetentionParams{
		Target: AnalysisEvent{Event: "a"}, FirstTime: true, Period: "month", Periods: 2, To: time.Date(2026, 4, 1, 3, 0, 0, 0, time.UTC),
	})
	require.NoError(t, err)
	require.JSONEq(t, `{"kind":"RetentionQuery","filterTestAccounts":true,"dateRange":{"date_from":"2026-02-01","date_to":"2026-03-31"},
		"retentionFilter":{"period":"Month","totalIntervals":2,"retentionType":"retention_first_time",
			"targetEntity":{"id":"a","name":"a","type":"events","kind":"EventsNode"},"returningEntity":{"id":"a","name":"a","type":"events","kind":"EventsNode"}}}`,
		sentNode(t, s.bodies[1]), "it is still March in New York")
	require.Equal(t, []RetentionGroup{{Start: "2026-03-01", Counts: []int64{4, 1}}}, res.Groups)
}

func TestOddAnalysesAreRefused(t *testing.T) {
	t.Parallel()
	_, c := inZone(t, "UTC", reply(200, `{"results":[{"source":"nowhere","target":"2_b","value":1,"data":[1],"days":[]}]}`))
	e := AnalysisEvent{Event: "a"}
	for _, err := range []error{
		second(c.Trends(t.Context(), TrendsParams{Series: []TrendSeries{{AnalysisEvent: e}}})),
		second(c.Lifecycle(t.Context(), LifecycleParams{Event: e})),
		second(c.Stickiness(t.Context(), StickinessParams{Events: []AnalysisEvent{e, e}})),
		second(c.Paths(t.Context(), PathsParams{})),
	} {
		require.ErrorIs(t, err, KindUpstream)
	}
}

func second[T any](_ T, err error) error { return err }

func TestMissingEventLooksBeyondTheFirstPage(t *testing.T) {
	t.Parallel()
	s := newScripted(t,
		reply(200, `{"count":600,"next":"https://h/api/projects/7/event_definitions/?limit=500&offset=500","results":[{"name":"signup"}]}`),
		reply(200, `{"count":1,"results":[{"name":"old event"}]}`),
		reply(200, `{"count":0,"results":[]}`))
	m, err := clientFor(t, s.URL).MissingEvent(t.Context(), "op", []string{"signup", "old event", "sign up"})
	require.NoError(t, err)
	require.Equal(t, &MissingEvent{Name: "sign up", Known: []string{"signup"}}, m)
	require.Equal(t, 3, s.count())

	narrow := newScripted(t, reply(403, `{"type":"authentication_error","code":"permission_denied","detail":"API key missing required scope 'event_definition:read'","attr":null}`))
	m, err = clientFor(t, narrow.URL).MissingEvent(t.Context(), "op", []string{"a"})
	require.NoError(t, err)
	require.Nil(t, m, "nobody can tell")
}
