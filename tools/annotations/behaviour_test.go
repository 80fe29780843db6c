package annotations

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

const annotationsPath = "/api/projects/*/annotations/"

func TestGetAnnotations(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	all := d.SurvivesFault(t, annotationsPath, "get_annotations", `{}`)
	require.Equal(t, []string{"id", "date", "content", "scope", "by"}, all.Columns)
	require.NotEmpty(t, all.Rows)
	found := d.OK(t, "get_annotations", `{"search":"release"}`)
	require.NotEmpty(t, found.Rows)
	for _, row := range found.Rows {
		require.Contains(t, strings.ToLower(row[2].(string)), "release")
	}
	page := d.OK(t, "get_annotations", `{"limit":1}`)
	require.Len(t, page.Rows, 1)
	require.NotEmpty(t, page.Cursor)
	d.Refused(t, driver.KindInvalid, "limit", "get_annotations", `{"limit":-1}`)
	d.Refused(t, driver.KindInvalid, "cursor", "get_annotations", `{"cursor":"%zz"}`)
	d.WithoutScopes(t, "annotation:read", []string{"query:read"}, "get_annotations", `{}`)
}

func TestCreateAnnotation(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := d.OK(t, "create_annotation", `{"content":"v9 released","date":"2026-06-01"}`)
	require.Equal(t, "2026-06-01T00:00:00Z", a.Fields["date"])
	require.Equal(t, "project", a.Fields["scope"])
	found := d.OK(t, "get_annotations", `{"search":"v9 released"}`)
	require.Len(t, found.Rows, 1)
	require.Equal(t, "2026-06-01T00:00Z", found.Rows[0][1])

	b := d.OK(t, "create_annotation", `{"content":"on a chart","scope":"dashboard_item","insight_id":1}`)
	require.Equal(t, "dashboard_item", b.Fields["scope"])
}

func TestCreateAnnotationRefuses(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	for says, args := range map[string]string{
		"content":    `{}`,
		"calendar":   `{"content":"x","date":"2026-02-30"}`,
		"8192":       `{"content":"` + strings.Repeat("x", 8193) + `"}`,
		"recording":  `{"content":"x","scope":"recording"}`,
		"insight_id": `{"content":"x","scope":"dashboard_item"}`,
		"colour":     `{"content":"x","colour":"red"}`,
	} {
		d.Refused(t, driver.KindInvalid, says, "create_annotation", args)
	}
	d.WithoutScopes(t, "annotation:write", []string{"annotation:read"}, "create_annotation", `{"content":"x"}`)
}

func TestCreateAnnotationIsSentOnce(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	defer d.PostHog.Faults.Add(posthogtest.Fault{Path: annotationsPath, Method: "POST", Kind: posthogtest.FaultServedReset})()
	require.True(t, d.Call(t, "create_annotation", `{"content":"only once"}`).IsError)
	require.Len(t, d.OK(t, "get_annotations", `{"search":"only once"}`).Rows, 1)
}
