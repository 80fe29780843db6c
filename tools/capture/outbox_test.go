package capture

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

func TestCaptureTellsWhatIsKeptForLater(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	c, err := driver.New(driver.Config{
		Host: d.PostHog.URL(), ProjectID: d.PostHog.ProjectID(), ProjectKey: d.PostHog.ProjectKey(),
		Outbox: driver.OutboxConfig{Path: filepath.Join(t.TempDir(), "outbox.db")},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	restore := d.PostHog.Faults.Add(posthogtest.Fault{Path: "/batch/", Kind: posthogtest.FaultStatus, Status: 401, Body: "not now"})
	a := d.CallWith(t.Context(), t, c, "capture_event", `{"event":"later","distinct_id":"u"}`)
	require.False(t, a.IsError, a.Text)
	require.Equal(t, "queued", a.Fields["status"])
	require.Contains(t, a.Fields["notice"], "Do not send again")
	b := d.CallWith(t.Context(), t, c, "capture_batch", `{"events":[{"event":"later","distinct_id":"u"},{"event":"later","distinct_id":"null"}]}`)
	require.False(t, b.IsError, b.Text)
	require.Equal(t, "rejected", b.Rows[0][2], "what needs attention comes first")
	require.Equal(t, "queued", b.Rows[1][2])
	require.Contains(t, b.Text, "1 of 2 events did not go in")
	require.Contains(t, b.Text, "1 event kept on disk")
	restore()
	require.NoError(t, c.FlushOutbox(t.Context()))
	n, _ := stored(d, "later")
	require.Equal(t, 2, n)
}
