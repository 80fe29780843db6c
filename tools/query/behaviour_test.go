package query

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

func TestQuery(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := d.OK(t, "query", `{"query":"SELECT event, count() AS n FROM events WHERE timestamp > now() - INTERVAL 30 DAY AND event IN {names} GROUP BY event ORDER BY n DESC","values":{"names":["$pageview","nothing like it"]}}`)
	require.Equal(t, []string{"event", "n"}, a.Columns)
	require.Len(t, a.Rows, 1)
	require.Equal(t, "$pageview", a.Rows[0][0])
	require.NotContains(t, a.Fields, "has_more")

	a = d.OK(t, "query", `{"query":"SELECT max(timestamp) AS latest FROM events"}`)
	require.Contains(t, a.Text, "times in UTC")
}

func TestQueryTellsOfMoreRows(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := d.OK(t, "query", `{"query":"SELECT uuid FROM events LIMIT 3"}`)
	require.Len(t, a.Rows, 3)
	require.Equal(t, true, a.Fields["has_more"])
	require.Contains(t, a.Text, "more exist")

	a = d.OK(t, "query", `{"query":"SELECT uuid FROM events"}`)
	require.InDelta(t, 100, a.Fields["row_count"], 0)
	require.Equal(t, true, a.Fields["has_more"])
	require.Contains(t, a.Text, "no LIMIT of its own")

	a = d.OK(t, "query", `{"query":"SELECT id FROM persons LIMIT 1000"}`)
	require.InDelta(t, len(d.PostHog.Store().Snapshot().Persons), a.Fields["row_count"], 0)
	require.Contains(t, a.Text, "rows 1-") // not all fit, and the answer says so

	a = d.OK(t, "query", `{"query":"SELECT uuid FROM events UNION ALL SELECT id FROM persons"}`)
	require.InDelta(t, 100, a.Fields["row_count"], 0)
	require.Contains(t, a.Text, "notice:") // more rows, or not known
}

func TestQueryFails(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	d.PostHog.ResetRequests()
	d.Refused(t, driver.KindInvalid, "query", "query", `{}`)
	d.Refused(t, driver.KindInvalid, "query", "query", `{"query":""}`)
	d.Refused(t, driver.KindInvalid, "query", "query", `{"query":"   "}`)
	d.Refused(t, driver.KindInvalid, "line 1", "query", `{"query":"SELECT event FRM events"}`)
	d.Refused(t, driver.KindInvalid, "export_events", "query", `{"query":"SELECT event FROM events LIMIT 10 OFFSET 10"}`)
	d.Refused(t, driver.KindInvalid, "{name}", "query", `{"query":"SELECT event FROM events WHERE event = {name}"}`)
	d.Refused(t, driver.KindInvalid, "without quotes", "query", `{"query":"SELECT event FROM events WHERE event = '{name}'","values":{"name":"x"}}`)
	d.Refused(t, driver.KindInvalid, "50000", "query", `{"query":"SELECT event FROM events LIMIT 100000"}`)
	d.Refused(t, driver.KindInvalid, "sql", "query", `{"sql":"SELECT 1"}`)
	require.Empty(t, d.PostHog.Requests(), "no quota may be spent on what is known to be wrong")

	d.Refused(t, driver.KindInvalid, "no_such_column", "query", `{"query":"SELECT no_such_column FROM events"}`)
	d.Refused(t, driver.KindInvalid, "no_such_table", "query", `{"query":"SELECT 1 FROM no_such_table"}`)
	d.WithoutScopes(t, "query:read", []string{"person:read"}, "query", `{"query":"SELECT 1"}`)
	d.SurvivesFault(t, "/api/projects/*/query/", "query", `{"query":"SELECT 1 AS one"}`)
}
