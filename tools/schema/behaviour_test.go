package schema

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

func column(a demotest.Answer, i int) []any {
	var out []any
	for _, row := range a.Rows {
		out = append(out, row[i])
	}
	return out
}

func TestListObjects(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	kinds := d.OK(t, "list_objects", `{}`)
	require.Contains(t, column(kinds, 0), "events")
	for _, kind := range column(kinds, 0) {
		if kind == "groups" { // the demo has no group types
			continue
		}
		a := d.OK(t, "list_objects", fmt.Sprintf(`{"kind":%q}`, kind))
		require.NotEmpty(t, a.Rows, kind)
	}
	events := d.OK(t, "list_objects", `{"kind":"events"}`)
	require.Equal(t, []string{"event", "last_30_days", "last_seen"}, events.Columns[:3])
	require.Contains(t, column(events, 0), "$pageview")
	most := 0.0
	for _, row := range events.Rows {
		n, ok := row[1].(float64)
		require.True(t, ok)
		most = max(most, n)
	}
	require.Greater(t, most, 100.0)
	require.Contains(t, column(d.OK(t, "list_objects", `{"kind":"tables","search":"EVENT"}`), 0), "events")
}

func TestListObjectsPagesToTheEnd(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	all := d.OK(t, "list_objects", `{"kind":"event_properties","limit":500}`)
	var names []any
	cursor := ""
	for range len(all.Rows) {
		page := d.OK(t, "list_objects", fmt.Sprintf(`{"kind":"event_properties","limit":7,"cursor":%q}`, cursor))
		names = append(names, column(page, 0)...)
		if cursor = page.Cursor; cursor == "" {
			break
		}
	}
	require.Equal(t, column(all, 0), names)
}

// Rows that do not fit the answer can be read by paging.
func TestCutRowsAreNotLost(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	reg, err := tools.New(tools.Config{Sets: []tools.Set{Tools()}, Now: demotest.Now, MaxChars: tools.MinMaxChars})
	require.NoError(t, err)
	small := &demotest.Demo{PostHog: d.PostHog, Registry: reg, Client: d.Client}
	for _, call := range [][2]string{{"list_objects", `"kind":"event_properties"`}, {"list_objects", `"kind":"tables"`}, {"get_fields", `"object":"$pageview"`}, {"get_fields", `"object":"events"`}} {
		all := column(d.OK(t, call[0], `{`+call[1]+`,"limit":500}`), 0)
		var names []any
		cursor := ""
		for range len(all) {
			page := small.OK(t, call[0], fmt.Sprintf(`{%s,"limit":500,"cursor":%q}`, call[1], cursor))
			names = append(names, column(page, 0)...)
			if cursor = page.Cursor; cursor == "" {
				break
			}
		}
		require.Equal(t, all, names, call)
	}
}

func TestListObjectsFails(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	d.Refused(t, driver.KindInvalid, "unicorns", "list_objects", `{"kind":"unicorns"}`)
	d.Refused(t, driver.KindInvalid, "limit", "list_objects", `{"kind":"events","limit":0}`)
	d.Refused(t, driver.KindInvalid, "cursor", "list_objects", `{"kind":"tables","cursor":"x"}`)
	d.WithoutScopes(t, "event_definition:read", []string{"query:read"}, "list_objects", `{"kind":"events"}`)
	d.SurvivesFault(t, "/api/projects/*/event_definitions/", "list_objects", `{"kind":"events"}`)
}

func TestListObjectsWithoutQueryScope(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	c := d.ClientWith(t, d.PostHog.AddKey("narrow", []string{"event_definition:read"}))
	a := d.CallWith(t.Context(), t, c, "list_objects", `{"kind":"events"}`)
	require.False(t, a.IsError, a.Text)
	require.Contains(t, a.Text, "query:read")
	require.NotEmpty(t, a.Rows)
}

func TestGetFields(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	persons := d.OK(t, "get_fields", `{"object":"persons"}`)
	require.Contains(t, column(persons, 0), "properties.email")
	require.Contains(t, column(persons, 0), "properties.plan")
	page := d.OK(t, "get_fields", `{"object":"$pageview"}`)
	require.Equal(t, "event $pageview", page.Fields["object"])
	require.Contains(t, column(page, 0), "properties.$current_url")
	require.Contains(t, page.Text, "person.properties")
	events := d.OK(t, "get_fields", `{"object":"events"}`)
	require.Contains(t, column(events, 0), "timestamp")
	require.Contains(t, column(d.OK(t, "get_fields", `{"object":"$pageview","search":"url"}`), 0), "properties.$current_url")
}

func TestGetFieldsFails(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := d.Refused(t, driver.KindNotFound, "pageveiw", "get_fields", `{"object":"pageveiw"}`)
	require.Contains(t, a.Text, "$pageview")
	d.Refused(t, driver.KindInvalid, "groups", "get_fields", `{"object":"groups"}`)
	d.Refused(t, driver.KindNotFound, "company", "get_fields", `{"object":"groups:company"}`)
	d.Refused(t, driver.KindInvalid, "object", "get_fields", `{}`)
	d.WithoutScopes(t, "property_definition:read", []string{"event_definition:read"}, "get_fields", `{"object":"persons"}`)
	d.SurvivesFault(t, "/api/projects/*/property_definitions/", "get_fields", `{"object":"persons"}`)
}
