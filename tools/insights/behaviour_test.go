package insights

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

const insightsPath = "/api/projects/*/insights/"

func TestGetInsights(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	all := d.SurvivesFault(t, insightsPath, "get_insights", `{}`)
	require.Equal(t, []string{"id", "short_id", "name", "kind", "modified", "description"}, all.Columns)
	require.Greater(t, len(all.Rows), 3)
	found := d.OK(t, "get_insights", `{"search":"funnel"}`)
	require.Len(t, found.Rows, 1)
	require.Equal(t, "FunnelsQuery", found.Rows[0][3])

	kinds := map[any]bool{}
	for _, row := range all.Rows {
		short, _ := row[1].(string)
		plain := d.OK(t, "get_insights", fmt.Sprintf(`{"id":%q}`, short))
		require.Empty(t, plain.Rows, "nothing is computed unless asked for")
		require.Equal(t, row[2], plain.Fields["name"])
		require.NotEmpty(t, plain.Fields["query"])
		url, _ := plain.Fields["url"].(string)
		require.Contains(t, url, "/project/1/insights/"+short)

		computed := d.OK(t, "get_insights", fmt.Sprintf(`{"id":%q,"compute":true}`, url))
		require.NotEmpty(t, computed.Rows, "%v: %s", row[2], computed.Text)
		require.NotEmpty(t, computed.Fields["computed_at"])
		for _, r := range computed.Rows {
			require.Len(t, r, len(computed.Columns))
		}
		kinds[row[3]] = true
	}
	for _, kind := range []string{"TrendsQuery", "FunnelsQuery", "RetentionQuery", "HogQLQuery", "LifecycleQuery"} {
		require.Contains(t, kinds, kind)
	}
}

func TestGetInsightsRefuses(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	d.Refused(t, driver.KindNotFound, "nothere9", "get_insights", `{"id":"nothere9"}`)
	d.Refused(t, driver.KindInvalid, "insight id", "get_insights", `{"id":"../persons"}`)
	d.Refused(t, driver.KindInvalid, "id", "get_insights", `{"compute":true}`)
	d.Refused(t, driver.KindInvalid, "limit", "get_insights", `{"limit":1000}`)
	d.Refused(t, driver.KindInvalid, "dashboard", "get_insights", `{"dashboard":1}`)
	d.WithoutScopes(t, "insight:read", []string{"query:read"}, "get_insights", `{}`)
}

func TestCreateInsight(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := d.OK(t, "create_insight", `{"name":"Signups by hand","description":"test","query":{"kind":"TrendsQuery","series":[{"kind":"EventsNode","event":"user_signed_up"}],"dateRange":{"date_from":"-30d"}}}`)
	short, _ := a.Fields["short_id"].(string)
	require.Equal(t, "TrendsQuery", a.Fields["kind"])
	require.Contains(t, a.Fields["url"], short)
	require.NotEmpty(t, d.OK(t, "get_insights", fmt.Sprintf(`{"id":%q,"compute":true}`, short)).Rows)

	b := d.OK(t, "create_insight", `{"name":"By SQL","sql":"SELECT event, count() AS n FROM events WHERE timestamp > now() - INTERVAL 7 DAY GROUP BY event ORDER BY n DESC LIMIT 3"}`)
	rows := d.OK(t, "get_insights", fmt.Sprintf(`{"id":%q,"compute":true}`, b.Fields["short_id"]))
	require.Equal(t, []string{"event", "n"}, rows.Columns)
	require.Len(t, rows.Rows, 3)

	c := d.OK(t, "create_insight", `{"name":"As text","query":"{\"kind\":\"FunnelsQuery\",\"series\":[{\"kind\":\"EventsNode\",\"event\":\"signup_started\"},{\"kind\":\"EventsNode\",\"event\":\"user_signed_up\"}]}"}`)
	require.Equal(t, "FunnelsQuery", c.Fields["kind"])
}

func TestCreateInsightRefuses(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	before := len(d.OK(t, "get_insights", `{"limit":500}`).Rows)
	for says, args := range map[string]string{
		"line 1":      `{"name":"x","sql":"SELECT event FORM events"}`,
		"sql":         `{"name":"x"}`,
		"FunnelQuery": `{"name":"x","query":{"kind":"FunnelQuery"}}`,
		"series":      `{"name":"x","query":{"kind":"TrendsQuery"}}`,
		"name":        `{"sql":"SELECT 1"}`,
		"both":        `{"name":"x","sql":"SELECT 1","query":{"kind":"TrendsQuery","series":[{}]}}`,
	} {
		d.Refused(t, driver.KindInvalid, says, "create_insight", args)
	}
	d.WithoutScopes(t, "insight:write", []string{"insight:read"}, "create_insight", `{"name":"x","sql":"SELECT 1"}`)
	require.Len(t, d.OK(t, "get_insights", `{"limit":500}`).Rows, before)
}

func TestCreateInsightIsSentOnce(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	defer d.PostHog.Faults.Add(posthogtest.Fault{Path: insightsPath, Method: "POST", Kind: posthogtest.FaultServedReset})()
	a := d.Call(t, "create_insight", `{"name":"once only","sql":"SELECT 1"}`)
	require.True(t, a.IsError)
	found := d.OK(t, "get_insights", `{"search":"once only"}`)
	require.Len(t, found.Rows, 1, "it arrived; a second sending would have made two")
}
