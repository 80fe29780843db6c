package driver

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFunnelAsksPostHogForOrderedSteps(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{"results":[
		{"name":"pay","order":1,"count":20.0,"average_conversion_time":3600,"median_conversion_time":90.5},
		{"name":"signup","order":0,"count":80}],"timezone":"UTC","is_cached":true,"last_refresh":"2026-03-02T00:00:00Z"}`))
	from, to := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	res, err := clientFor(t, s.URL).Funnel(t.Context(), FunnelParams{
		Steps: []FunnelStep{{Event: "signup"}, {Event: "pay", Filters: []string{"plan=pro", "person.age>30", "coupon"}}},
		From:  from, To: to, Window: 12, WindowUnit: "hour", Breakdown: "person.country", Fresh: true,
	})
	require.NoError(t, err)
	var body struct {
		Query   json.RawMessage
		Refresh string
	}
	require.NoError(t, json.Unmarshal([]byte(s.bodies[0]), &body))
	require.Equal(t, "force_blocking", body.Refresh)
	require.JSONEq(t, `{"kind":"FunnelsQuery",
		"series":[{"kind":"EventsNode","event":"signup","name":"signup"},{"kind":"EventsNode","event":"pay","name":"pay","properties":[
			{"key":"plan","type":"event","operator":"exact","value":["pro"]},
			{"key":"age","type":"person","operator":"gt","value":"30"},
			{"key":"coupon","type":"event","operator":"is_set","value":"is_set"}]}],
		"dateRange":{"date_from":"2026-02-01T00:00:00Z","date_to":"2026-03-01T00:00:00Z","explicitDate":true},
		"filterTestAccounts":true,
		"funnelsFilter":{"funnelOrderType":"ordered","funnelVizType":"steps","funnelWindowInterval":12,"funnelWindowIntervalUnit":"hour"},
		"breakdownFilter":{"breakdown":"country","breakdown_type":"person","breakdown_limit":25}}`, string(body.Query))
	require.Len(t, res.Groups, 1)
	steps := res.Groups[0].Steps
	require.Equal(t, "signup", steps[0].Name, "in the order of the steps, whatever the answer's")
	require.Nil(t, steps[0].FromPrevious)
	require.InDelta(t, 0.25, *steps[1].FromPrevious, 1e-9)
	require.Equal(t, 90*time.Second+500*time.Millisecond, *steps[1].MedianTime)
	require.Equal(t, time.Hour, *steps[1].AverageTime)
	require.Equal(t, 2026, res.ComputedAt.Year())
}

func TestFunnelWithBreakdownAndNobody(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{"results":[
		[{"name":"a","order":0,"count":0,"breakdown_value":["$$_posthog_breakdown_null_$$"]},{"name":"b","order":1,"count":0}],
		[{"name":"a","order":0,"count":4,"breakdown_value":"pro"},{"name":"b","order":1,"count":2,"breakdown_value":"pro"}],
		[{"name":"a","order":0,"count":1,"breakdown_value":7},{"name":"b","order":1,"count":1}]]}`))
	res, err := clientFor(t, s.URL).Funnel(t.Context(), FunnelParams{Steps: []FunnelStep{{Event: "a"}, {Event: "b"}}, Breakdown: "plan", TestAccounts: true})
	require.NoError(t, err)
	require.Len(t, res.Groups, 3)
	require.Equal(t, "(not set)", res.Groups[0].Breakdown)
	require.Nil(t, res.Groups[0].Steps[1].FromPrevious, "no rate of nobody")
	require.Equal(t, "pro", res.Groups[1].Breakdown)
	require.Equal(t, "7", res.Groups[2].Breakdown)
	require.Equal(t, []any{"ordered", 14, "day"}, []any{res.Order, res.Window, res.WindowUnit})
	require.InDelta(t, 30, res.To.Sub(res.From).Hours()/24, 0.1)
	require.Contains(t, s.bodies[0], `"filterTestAccounts":false`)
}

func TestFunnelRefusesBadArguments(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{"results":"odd"}`))
	c := clientFor(t, s.URL)
	ab := []FunnelStep{{Event: "a"}, {Event: "b"}}
	now := time.Now()
	for attr, p := range map[string]FunnelParams{
		"steps":           {Steps: ab[:1]},
		"steps.1":         {Steps: []FunnelStep{{Event: "a"}, {Event: " "}}},
		"steps.1.filters": {Steps: []FunnelStep{{Event: "a"}, {Event: "b", Filters: []string{"=x"}}}},
		"order":           {Steps: ab, Order: "sideways"},
		"window":          {Steps: ab, Window: -1},
		"date_from":       {Steps: ab, From: now, To: now.Add(-time.Hour)},
		"breakdown":       {Steps: ab, Breakdown: "person."},
	} {
		_, err := c.Funnel(t.Context(), p)
		var e *Error
		require.ErrorAs(t, err, &e, attr)
		require.Equal(t, KindInvalid, e.Kind, attr)
		require.Equal(t, attr, e.Attr)
		require.NotEmpty(t, e.Hint)
	}
	_, err := c.Funnel(t.Context(), FunnelParams{Steps: ab, WindowUnit: "fortnight"})
	require.ErrorIs(t, err, KindInvalid)
	require.Zero(t, s.count())
	_, err = c.Funnel(t.Context(), FunnelParams{Steps: ab})
	require.ErrorIs(t, err, KindUpstream)
}
