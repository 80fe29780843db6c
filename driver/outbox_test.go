package driver_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
)

// keeping runs f with a client that has an outbox in a folder of the test.
func keeping(t *testing.T, edit func(*driver.Config), f func(t *testing.T, s *posthogtest.Server, c *driver.Client)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "outbox.db")
	embedded(t, posthogtest.Options{}, func(cfg *driver.Config) {
		cfg.Outbox.Path = path
		if edit != nil {
			edit(cfg)
		}
	}, f)
}

func captured(s *posthogtest.Server, name string) map[string]int {
	ids := make(map[string]int)
	for _, ev := range s.Store().Snapshot().Events {
		if ev.Event == name {
			ids[ev.UUID.String()]++
		}
	}
	return ids
}

func one(name string) driver.CaptureEventParams {
	return driver.CaptureEventParams{Event: name, DistinctID: "user-1", Properties: map[string]any{"plan": "pro"}}
}

func batchOf(name string, n int) driver.CaptureBatchParams {
	var p driver.CaptureBatchParams
	for i := range n {
		p.Events = append(p.Events, driver.CaptureEventParams{Event: name, DistinctID: fmt.Sprintf("user-%d", i)})
	}
	return p
}

func TestOutboxOnAGoodDayIsNotNoticed(t *testing.T) {
	t.Parallel()
	keeping(t, nil, func(t *testing.T, s *posthogtest.Server, c *driver.Client) {
		res, err := c.CaptureEvent(t.Context(), one("good"))
		require.NoError(t, err)
		require.Equal(t, driver.CaptureAccepted, res.Status)
		require.Empty(t, res.Warning)
		require.Equal(t, map[string]int{res.UUID: 1}, captured(s, "good"))
		batch, err := c.CaptureBatch(t.Context(), batchOf("many", 700))
		require.NoError(t, err)
		require.Equal(t, 700, batch.Accepted)
		require.Empty(t, batch.Warning)
		require.Len(t, captured(s, "many"), 700)
		st, err := c.Outbox().Status(t.Context())
		require.NoError(t, err)
		require.Zero(t, st.Queued+st.Dead)
	})
}

func TestOutboxCarriesEventsOverAnOutage(t *testing.T) {
	t.Parallel()
	keeping(t, nil, func(t *testing.T, s *posthogtest.Server, c *driver.Client) {
		_, err := c.CaptureEvent(t.Context(), one("before")) // learns the project key
		require.NoError(t, err)
		restore := s.Faults.Add(posthogtest.Fault{Path: "/batch/", Kind: posthogtest.FaultReset})
		start := time.Now()
		res, err := c.CaptureEvent(t.Context(), one("during"))
		require.NoError(t, err)
		require.LessOrEqual(t, time.Since(start), 2100*time.Millisecond)
		require.Equal(t, driver.CaptureQueued, res.Status)
		require.NotEmpty(t, res.Reason)
		require.Contains(t, res.Warning, c.Outbox().Path())
		batch, err := c.CaptureBatch(t.Context(), batchOf("during", 30))
		require.NoError(t, err)
		require.Equal(t, 30, batch.Queued)
		require.Contains(t, batch.Warning, "30 events kept")
		time.Sleep(time.Hour)
		require.Empty(t, captured(s, "during"))
		restore()
		time.Sleep(12 * time.Minute)
		got := captured(s, "during")
		require.Len(t, got, 31)
		require.Equal(t, 1, got[res.UUID])
		require.NoError(t, c.FlushOutbox(t.Context()))
	})
}

func TestOutboxIsTakenUpByTheNextProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "outbox.db")
	var id string
	keeping(t, func(cfg *driver.Config) { cfg.Outbox.Path = path }, func(t *testing.T, s *posthogtest.Server, c *driver.Client) {
		_, err := c.Project(t.Context())
		require.NoError(t, err)
		s.Faults.Add(posthogtest.Fault{Path: "/batch/", Kind: posthogtest.FaultHang})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		res, err := c.CaptureEvent(ctx, one("left"))
		require.NoError(t, err)
		require.Equal(t, driver.CaptureQueued, res.Status, "the caller's deadline does not lose it")
		id = res.UUID
		start := time.Now()
		require.NoError(t, c.Close())
		require.LessOrEqual(t, time.Since(start), 6*time.Second)
	})
	keeping(t, func(cfg *driver.Config) { cfg.Outbox.Path = path }, func(t *testing.T, s *posthogtest.Server, c *driver.Client) {
		require.Empty(t, captured(s, "left"))
		time.Sleep(time.Minute)
		require.Equal(t, map[string]int{id: 1}, captured(s, "left"), "without any capture of its own")
	})
}

func TestOutboxTellsWhatPostHogWillNeverTake(t *testing.T) {
	t.Parallel()
	keeping(t, nil, func(t *testing.T, s *posthogtest.Server, c *driver.Client) {
		s.Faults.Add(posthogtest.Fault{Path: "/batch/", Kind: posthogtest.FaultStatus, Status: 400, Body: "event submitted with a strange smell", Count: 1})
		res, err := c.CaptureEvent(t.Context(), one("refused"))
		require.NoError(t, err)
		require.Equal(t, driver.CaptureRejected, res.Status)
		require.Contains(t, res.Reason, "strange smell")
		require.Contains(t, res.Warning, "dead letter")

		s.SetQuota(posthogtest.Quota{Events: true})
		batch, err := c.CaptureBatch(t.Context(), batchOf("billed", 3))
		require.NoError(t, err)
		require.Equal(t, 3, batch.QuotaLimited)
		require.Contains(t, batch.Warning, "DROPPED")
		dead, err := c.Outbox().ListDead(t.Context(), 10)
		require.NoError(t, err)
		require.Len(t, dead, 4)

		s.SetQuota(posthogtest.Quota{})
		n, err := c.Outbox().Requeue(t.Context())
		require.NoError(t, err)
		require.Equal(t, 4, n)
		require.NoError(t, c.FlushOutbox(t.Context()))
		require.Len(t, captured(s, "billed"), 3)
		require.Len(t, captured(s, "refused"), 1)
	})
}

func TestOutboxKeepsEventsWhileTheKeyIsWrong(t *testing.T) {
	t.Parallel()
	keeping(t, nil, func(t *testing.T, s *posthogtest.Server, c *driver.Client) {
		restore := s.Faults.Add(posthogtest.Fault{Path: "/batch/", Kind: posthogtest.FaultStatus, Status: 401, Body: "API key is not valid: too_long"})
		res, err := c.CaptureEvent(t.Context(), one("paused"))
		require.NoError(t, err)
		require.Equal(t, driver.CaptureQueued, res.Status)
		st, err := c.Outbox().Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, st.Queued)
		require.True(t, st.Destinations[0].Paused)
		require.NotContains(t, st.Destinations[0].LastError, s.ProjectKey())
		restore()
		time.Sleep(10 * time.Minute)
		require.Len(t, captured(s, "paused"), 1)
	})
}

func TestOutboxThatIsFullRefusesAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	keeping(t, func(cfg *driver.Config) { cfg.Outbox.MaxBytes = 1000 }, func(t *testing.T, s *posthogtest.Server, c *driver.Client) {
		p := one("large")
		p.Properties["x"] = strings.Repeat("y", 2000)
		_, err := c.CaptureEvent(t.Context(), p)
		var e *driver.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, driver.KindLimited, e.Kind)
		require.Equal(t, "capture_outbox", e.Window)
		require.Contains(t, e.Detail, "at most 1000 bytes")
		require.Contains(t, e.Detail, "outbox flush")
		require.Empty(t, captured(s, "large"))
	})
}

func TestOutboxThatCannotBeWrittenIsTold(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	keeping(t, func(cfg *driver.Config) { cfg.Outbox.Path = filepath.Join(file, "outbox.db") }, func(t *testing.T, s *posthogtest.Server, c *driver.Client) {
		res, err := c.CaptureEvent(t.Context(), one("direct"))
		require.NoError(t, err)
		require.Equal(t, driver.CaptureAccepted, res.Status)
		require.Contains(t, res.Warning, "Sent directly")
		batch, err := c.CaptureBatch(t.Context(), batchOf("direct", 2))
		require.NoError(t, err)
		require.Equal(t, 2, batch.Accepted)
		require.Contains(t, batch.Warning, "Sent directly")
		require.Len(t, captured(s, "direct"), 3)
	})
}

func TestOutboxStaysOffUnlessAsked(t *testing.T) {
	t.Parallel()
	embedded(t, posthogtest.Options{}, nil, func(t *testing.T, _ *posthogtest.Server, c *driver.Client) {
		require.Nil(t, c.Outbox())
		require.ErrorIs(t, c.FlushOutbox(t.Context()), driver.KindInvalid)
	})
	_, err := driver.New(driver.Config{Outbox: driver.OutboxConfig{Path: "x", MaxBytes: -1}})
	require.ErrorContains(t, err, "-1 bytes")
}

func TestOutboxKeepsAnEventsIdentity(t *testing.T) {
	t.Parallel()
	keeping(t, nil, func(t *testing.T, s *posthogtest.Server, c *driver.Client) {
		p := one("same")
		p.UUID, p.Timestamp = uuid.NewString(), time.Now().Add(-time.Hour)
		for range 2 {
			res, err := c.CaptureEvent(t.Context(), p)
			require.NoError(t, err)
			require.Equal(t, driver.CaptureAccepted, res.Status)
			require.Equal(t, p.UUID, res.UUID)
		}
		require.Equal(t, map[string]int{p.UUID: 1}, captured(s, "same"))
	})
}

func TestDefaultOutboxPath(t *testing.T) {
	t.Parallel()
	for want, env := range map[string]map[string]string{
		"/state/posthog-mcp/outbox.db":               {"XDG_STATE_HOME": "/state", "HOME": "/home/a"},
		"/home/a/.local/state/posthog-mcp/outbox.db": {"HOME": "/home/a", "XDG_STATE_HOME": ""},
		"": {"HOME": "relative"},
	} {
		require.Equal(t, filepath.FromSlash(want), driver.DefaultOutboxPath(func(name string) (string, bool) {
			v, ok := env[name]
			return v, ok
		}))
	}
}
