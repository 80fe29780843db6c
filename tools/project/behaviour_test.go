package project

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

func TestGetProjectInfo(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := d.SurvivesFault(t, "/api/projects/*/", "get_project_info", `{}`)
	require.Equal(t, data.ProductName, a.Fields["name"])
	require.Equal(t, "UTC", a.Fields["timezone"])
	require.Equal(t, "2026-06-30T12:00:00Z", a.Fields["now"])
	require.Equal(t, d.PostHog.URL(), a.Fields["host"])
	require.Equal(t, []any{"*"}, a.Fields["key_scopes"])
	require.Equal(t, true, a.Fields["can_capture"])
	for _, secret := range []string{d.PostHog.PersonalKey(), d.PostHog.ProjectKey(), "phc_", "phx_", "phs_"} {
		require.NotContains(t, a.Text+string(a.Structured), secret)
	}

	narrow := d.ClientWith(t, d.PostHog.AddKey("narrow", []string{"query:read"}))
	b := d.CallWith(t.Context(), t, narrow, "get_project_info", `{}`)
	require.False(t, b.IsError, b.Text)
	require.Contains(t, b.Fields["notice"], "project:read")
	require.Equal(t, []any{"query:read"}, b.Fields["key_scopes"])
	d.Refused(t, driver.KindInvalid, "verbose", "get_project_info", `{"verbose":true}`)
}

func TestHealthCheck(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := d.OK(t, "health_check", `{}`)
	require.Equal(t, "ok", a.Fields["state"])
	require.Len(t, a.Rows, 3)

	revoked := d.PostHog.AddKey("gone", []string{"*"})
	c := d.ClientWith(t, revoked)
	d.PostHog.RevokeKey(revoked)
	b := d.CallWith(t.Context(), t, c, "health_check", `{}`)
	require.False(t, b.IsError, "bad news is news, not an error")
	require.Equal(t, "down", b.Fields["state"])
	require.NotContains(t, b.Text, revoked)

	foreign := d.ClientWith(t, d.PostHog.AddKey("foreign", []string{"*"}, d.PostHog.ForeignProjectID()))
	e := d.CallWith(t.Context(), t, foreign, "health_check", `{}`)
	require.Equal(t, "down", e.Fields["state"])
	require.Contains(t, e.Fields["summary"], "project")

	remove := d.PostHog.Faults.Add(posthogtest.Fault{Kind: posthogtest.FaultHTML})
	f := d.OK(t, "health_check", `{}`)
	remove()
	require.Equal(t, "down", f.Fields["state"])
	require.NotContains(t, strings.ToLower(f.Text), "<html")
}

func TestHealthCheckWithoutKeyOrNetwork(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	c, err := driver.New(driver.Config{Host: "eu"})
	require.NoError(t, err)
	defer c.Close() //nolint:errcheck // never fails
	a := d.CallWith(t.Context(), t, c, "health_check", `{}`)
	require.False(t, a.IsError, a.Text)
	require.Equal(t, "unconfigured", a.Fields["state"])
	require.Contains(t, a.Text, "POSTHOG_PERSONAL_API_KEY")
	require.NotContains(t, a.Fields, "latency_ms")
}
