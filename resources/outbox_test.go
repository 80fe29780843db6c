package resources_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/posthog-mcp/posthog-mcp/resources"
)

type outboxView struct {
	Enabled bool
	Queued  int
	Dead    int
	Waiting []struct{ UUID, Event string }
	Letters []struct{ UUID, Reason string } `json:"dead_letters"`
	Advice  string
}

func view(t *testing.T, c *driver.Client) (v outboxView) {
	t.Helper()
	r := resources.Outbox(resources.Config{Client: c})
	b, err := r.Read(t.Context(), r.URI)
	require.NoError(t, err)
	require.Equal(t, resources.JSON, b.MIMEType)
	require.NotContains(t, b.Text, "secret of u1")
	require.NoError(t, json.Unmarshal([]byte(b.Text), &v))
	return v
}

func TestOutboxResource(t *testing.T) {
	t.Parallel()
	ph, err := posthogtest.New(posthogtest.Options{Data: data.Options{Seed: 1, People: 20, Days: 7}})
	require.NoError(t, err)
	defer func() { require.NoError(t, ph.Close()) }()
	cfg := driver.Config{Host: ph.URL(), ProjectID: ph.ProjectID(), ProjectKey: ph.ProjectKey(), Retry: driver.RetryConfig{Base: time.Millisecond, Cap: time.Millisecond}}
	off, err := driver.New(cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, off.Close()) }()
	require.False(t, view(t, off).Enabled)

	cfg.Outbox.Path = filepath.Join(t.TempDir(), "outbox.db")
	c, err := driver.New(cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	v := view(t, c)
	require.True(t, v.Enabled)
	require.Equal(t, "Nothing waits.", v.Advice)

	event := driver.CaptureEventParams{Event: "shown", DistinctID: "u1", Properties: map[string]any{"note": "secret of u1"}}
	restore := ph.Faults.Add(posthogtest.Fault{Path: "/batch/", Kind: posthogtest.FaultStatus, Status: 400, Body: "no"})
	_, err = c.CaptureEvent(t.Context(), event)
	require.NoError(t, err)
	v = view(t, c)
	require.Equal(t, 1, v.Dead)
	require.Contains(t, v.Letters[0].Reason, "refused by PostHog")
	require.Contains(t, v.Advice, "refused")
	restore()
	defer ph.Faults.Add(posthogtest.Fault{Path: "/batch/", Kind: posthogtest.FaultStatus, Status: 401, Body: "no"})()
	res, err := c.CaptureEvent(t.Context(), event)
	require.NoError(t, err)
	v = view(t, c)
	require.Equal(t, 1, v.Queued)
	require.Equal(t, res.UUID, v.Waiting[0].UUID)
	require.Equal(t, "shown", v.Waiting[0].Event)
	require.Contains(t, v.Advice, "project key")
}
