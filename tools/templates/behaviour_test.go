package templates

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/posthog-mcp/posthog-mcp/tools"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

const queryPath = "/api/projects/*/query/"

func column(t *testing.T, a demotest.Answer, name string) []any {
	t.Helper()
	for i, c := range a.Columns {
		if c == name {
			out := make([]any, len(a.Rows))
			for j, row := range a.Rows {
				out[j] = row[i]
			}
			return out
		}
	}
	require.Contains(t, a.Columns, name)
	return nil
}

func quotedSteps() string {
	return `"` + strings.Join(data.SignupFunnel(), `","`) + `"`
}

func TestAnalyzeFunnel(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := d.SurvivesFault(t, queryPath, "analyze_funnel", `{"steps":[`+quotedSteps()+`],"window":"7d","after":"-40d"}`)
	require.Equal(t, []string{"step", "event", "people", "from_previous", "from_first", "median_time"}, a.Columns)
	require.Len(t, a.Rows, 4)
	people := column(t, a, "people")
	for i := 1; i < 4; i++ {
		require.LessOrEqual(t, people[i], people[i-1], "nobody reaches a step without the one before")
	}
	require.Positive(t, people[3])
	require.Contains(t, a.Fields["finding"], "The largest drop is before onboarding_completed")
	require.Contains(t, a.Fields["definition"], "within 7 days of the first step")
	require.Contains(t, a.Fields["test_accounts"], "left out")
	require.Equal(t, "UTC", a.Fields["timezone"])

	backwards := d.OK(t, "analyze_funnel", `{"steps":["project_created","signup_started"],"after":"-40d","window":"1h"}`)
	require.Zero(t, column(t, backwards, "people")[1], "order matters")
	unordered := d.OK(t, "analyze_funnel", `{"steps":["project_created","signup_started"],"after":"-40d","order":"unordered"}`)
	require.Positive(t, column(t, unordered, "people")[1])

	split := d.OK(t, "analyze_funnel", `{"steps":["user_signed_up","project_created"],"after":"-40d","breakdown":"person.plan"}`)
	require.Equal(t, "person.plan", split.Columns[0])
	require.Contains(t, column(t, split, "person.plan"), "free")
	narrow := d.OK(t, "analyze_funnel", `{"steps":["user_signed_up[person.plan=pro]","project_created"],"after":"-40d"}`)
	require.Less(t, column(t, narrow, "people")[0], people[1])

	nobody := d.OK(t, "analyze_funnel", `{"steps":["no_such_event","project_created"]}`)
	require.Contains(t, nobody.Fields["finding"], "list_objects")
}

func TestAnalyzeFunnelRefuses(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	for says, args := range map[string]string{
		"steps":      `{"steps":["signup"]}`,
		"bracket":    `{"steps":["signup[plan=pro","pay"]}`,
		"14d":        `{"steps":["a","b"],"window":"fortnight"}`,
		"ordered":    `{"steps":["a","b"],"order":"reverse"}`,
		"calendar":   `{"steps":["a","b"],"after":"2026-02-31"}`,
		"before":     `{"steps":["a","b"],"after":"2026-06-20","before":"2026-06-10"}`,
		"conversion": `{"steps":["a","b"],"conversion":"7d"}`,
		"plan=pro":   `{"steps":["a[=x]","b"]}`,
	} {
		d.Refused(t, driver.KindInvalid, says, "analyze_funnel", args)
	}
	d.WithoutScopes(t, "query:read", []string{"cohort:read", "project:read"}, "analyze_funnel", `{"steps":["a","b"]}`)
}

func TestGetRecentEvents(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := d.SurvivesFault(t, queryPath, "get_recent_events", `{"after":"-7d","limit":5}`)
	require.Len(t, a.Rows, 5)
	require.Equal(t, true, a.Fields["has_more"])
	require.Contains(t, a.Fields["definition"], "Events since -7d")
	one := d.OK(t, "get_recent_events", `{"after":"-40d","events":"user_signed_up","property":"person.plan"}`)
	require.NotEmpty(t, one.Rows)
	for _, e := range column(t, one, "event") {
		require.Equal(t, "user_signed_up", e)
	}
	require.Contains(t, column(t, one, "value"), "free")
	who := fmt.Sprint(column(t, one, "distinct_id")[0])
	mine := d.OK(t, "get_recent_events", fmt.Sprintf(`{"after":"-40d","distinct_id":%q,"limit":500}`, who))
	for _, id := range column(t, mine, "distinct_id") {
		require.Equal(t, who, id)
	}
	none := d.OK(t, "get_recent_events", `{"distinct_id":"' OR 1=1 --"}`)
	require.Empty(t, none.Rows, "a value is never part of the statement")
	// The newest events are never those of PostHog's cache.
	last := fmt.Sprintf(`{"distinct_id":%q,"after":"2026-06-29","limit":1}`, "brand-new")
	require.Empty(t, d.OK(t, "get_recent_events", last).Rows)
	_, err := d.Client.CaptureEvent(t.Context(), driver.CaptureEventParams{Event: "fresh", DistinctID: "brand-new", Timestamp: demotest.Now().Add(-time.Minute)})
	require.NoError(t, err)
	require.Len(t, d.OK(t, "get_recent_events", last).Rows, 1)
	d.Refused(t, driver.KindInvalid, "limit", "get_recent_events", `{"limit":501}`)
	d.Refused(t, driver.KindInvalid, "property", "get_recent_events", `{"property":"a\u0000b"}`)
}

func TestExportCohortPagesThroughEverybody(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	whole := d.OK(t, "export_cohort", `{"cohort_id":1,"limit":10000,"properties":["plan","email"]}`)
	require.Equal(t, []string{"person_id", "created_at", "plan", "email"}, whole.Columns)
	require.Greater(t, len(whole.Rows), 3)
	require.NotContains(t, whole.Fields, "cursor")
	want := column(t, whole, "person_id")
	var got []any
	cursor := ""
	for range len(want) {
		page := d.OK(t, "export_cohort", fmt.Sprintf(`{"cohort_id":1,"limit":3,"cursor":%q}`, cursor))
		got = append(got, column(t, page, "person_id")...)
		if cursor = page.Cursor; cursor == "" {
			break
		}
	}
	require.Equal(t, want, got)
	d.Refused(t, driver.KindInvalid, "cohort_id", "export_cohort", `{}`)
	a := d.Call(t, "export_cohort", `{"cohort_id":987654}`)
	require.True(t, a.IsError)
	require.Contains(t, a.Text, "987654")
}

func TestPowerUsersAreReal(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := d.SurvivesFault(t, queryPath, "identify_power_users", `{"limit":5,"min_active_days":2}`)
	require.Len(t, a.Rows, 5)
	require.Contains(t, a.Fields["test_accounts"], "left out")
	days := column(t, a, "active_days")
	for i := range days {
		require.GreaterOrEqual(t, days[i], float64(2))
		if i > 0 {
			require.LessOrEqual(t, days[i], days[i-1])
		}
	}
	all := d.OK(t, "identify_power_users", `{"limit":1000,"min_active_days":1}`)
	for _, email := range column(t, all, "email") {
		require.NotContains(t, fmt.Sprint(email), data.CompanyDomain, "internal people are no users")
	}
	some := d.OK(t, "identify_power_users", `{"limit":1000,"min_active_days":1,"events":["subscription_started"]}`)
	require.Less(t, some.Fields["row_count"], all.Fields["row_count"])
	require.Contains(t, some.Fields["definition"], "Only with events: subscription_started.")

	// Without project:read the filter is unknown, and the answer says so.
	c := d.ClientWith(t, d.PostHog.AddKey("narrow", []string{"query:read"}))
	b := d.CallWith(t.Context(), t, c, "identify_power_users", `{"limit":1000,"min_active_days":1}`)
	require.False(t, b.IsError, b.Text)
	require.Contains(t, b.Fields["test_accounts"], "included")
	require.Greater(t, b.Fields["row_count"], all.Fields["row_count"])
}

func TestChurnRiskIsADecline(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := d.OK(t, "identify_churn_risk", `{"recent_days":10,"baseline_days":25,"min_active_days":2,"limit":1000}`)
	require.NotEmpty(t, a.Rows)
	before, now, decline := column(t, a, "active_days_before"), column(t, a, "active_days_now"), column(t, a, "decline")
	for i := range a.Rows {
		was, is := before[i].(float64)/25, now[i].(float64)/10
		require.InDelta(t, 1-is/was, decline[i], 0.001)
		require.GreaterOrEqual(t, decline[i], 0.5)
		require.GreaterOrEqual(t, before[i], 2.0)
	}
	silent := d.OK(t, "identify_churn_risk", `{"recent_days":10,"baseline_days":25,"min_active_days":2,"min_decline":1,"limit":1000}`)
	require.NotEmpty(t, silent.Rows)
	require.LessOrEqual(t, silent.Fields["row_count"], a.Fields["row_count"])
	for _, n := range column(t, silent, "active_days_now") {
		require.Zero(t, n)
	}
	d.Refused(t, driver.KindInvalid, "min_decline", "identify_churn_risk", `{"min_decline":5}`)
}

func TestTrackErrorsCountsOnlyErrors(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := d.OK(t, "track_errors", `{"days":30}`)
	require.Contains(t, column(t, a, "issue_id"), data.BadIssueID)
	found := d.OK(t, "track_errors", `{"days":30,"search":"TYPEERROR"}`)
	require.Len(t, found.Rows, 1)
	require.Equal(t, data.BadIssueID, column(t, found, "issue_id")[0])
	require.Empty(t, d.OK(t, "track_errors", `{"search":"no such % error"}`).Rows)

	total := d.PostHog.Store().Snapshot()
	since := demotest.Now().AddDate(0, 0, -30)
	n := 0
	for _, e := range total.Events {
		if e.Event == "$exception" && !e.Timestamp.Before(since) && !e.Timestamp.After(demotest.Now()) {
			n++
		}
	}
	sum := 0.0
	for _, v := range column(t, a, "occurrences") {
		sum += v.(float64)
	}
	require.InDelta(t, n, sum, 0, "every error once, nothing else")
}

func TestTemplatesOfADirectoryAreTools(t *testing.T) {
	t.Parallel()
	list, errs := Load(fstest.MapFS{"mine.hogql": {Data: []byte(strings.Replace(good, "FROM events\nWHERE", "FROM events\nWHERE {real_users} AND", 1))}})
	require.Empty(t, errs)
	d := demotest.Start(t, tools.Set{Tools: list})
	a := d.OK(t, "count_events", `{"days":30,"limit":2}`)
	require.Len(t, a.Rows, 2)
	require.Equal(t, true, a.Fields["has_more"])
	all := d.OK(t, "count_events", `{"days":30,"limit":100}`)
	require.NotContains(t, all.Fields, "has_more")
	one := d.OK(t, "count_events", `{"days":"30","events":"$pageview"}`)
	require.Len(t, one.Rows, 1)
	d.Refused(t, driver.KindInvalid, "days", "count_events", `{"days":91}`)
	d.Refused(t, driver.KindInvalid, "weeks", "count_events", `{"weeks":1}`)
}

func TestTemplateEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	defer d.PostHog.Faults.Add(posthogtest.Fault{Path: queryPath, Kind: posthogtest.FaultHang})()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	a := d.CallWith(ctx, t, d.Client, "track_errors", `{}`)
	require.True(t, a.IsError)
}
