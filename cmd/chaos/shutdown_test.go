package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/score"
)

// Environment of the process that captures until it is told to end.
const (
	capturerHost = "CHAOS_CAPTURER_HOST"
	capturerKey  = "CHAOS_CAPTURER_KEY"
	capturerPath = "CHAOS_CAPTURER_PATH"
)

// outboxClient is a client with a capture outbox.
func outboxClient(host, key, path string) (*driver.Client, error) {
	return driver.New(driver.Config{Host: host, ProjectID: 1, ProjectKey: key, Outbox: driver.OutboxConfig{Path: path}})
}

// capturer is a process that captures events from several callers and prints
// the UUID of each that was acknowledged, until SIGTERM; then it closes its
// client and ends.
func capturer() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c, err := outboxClient(os.Getenv(capturerHost), os.Getenv(capturerKey), os.Getenv(capturerPath))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				res, err := c.CaptureEvent(ctx, driver.CaptureEventParams{Event: "sigterm", DistinctID: "caller-" + strconv.Itoa(n)})
				if err != nil || res.Status != driver.CaptureQueued && res.Status != driver.CaptureAccepted {
					continue
				}
				mu.Lock()
				_, _ = fmt.Fprintln(os.Stdout, res.UUID)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := c.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// Row 11: a process that is told to end while it captures ends soon, whatever
// PostHog does, and what it had acknowledged arrives, if only in the next run.
func TestRow11(t *testing.T) {
	ph, err := posthogtest.New(posthogtest.Options{Data: data.Options{Seed: 1, People: 20, Days: 7}})
	require.NoError(t, err)
	defer func() { require.NoError(t, ph.Close()) }()
	path := filepath.Join(t.TempDir(), "outbox.db")
	moods := []struct {
		name  string
		fault *posthogtest.Fault
	}{
		{"well", nil},
		{"slow", &posthogtest.Fault{Kind: posthogtest.FaultDelay, Latency: 300 * time.Millisecond}},
		{"down", &posthogtest.Fault{Kind: posthogtest.FaultStatus, Status: http.StatusServiceUnavailable}},
		{"hanging", &posthogtest.Fault{Kind: posthogtest.FaultHang}},
	}
	draw := newDice(11)
	rounds := sized(8, 3)
	acknowledged := make(map[string]bool)
	var slowest time.Duration
	mood := ""
	for n := range rounds {
		m := moods[n%len(moods)]
		ph.Faults.Clear()
		if m.fault != nil {
			ph.Faults.Add(*m.fault)
		}
		took := terminate(t, ph, path, draw.between(20*time.Millisecond, time.Second), acknowledged)
		if took > slowest {
			slowest, mood = took, m.name
		}
	}
	require.Greater(t, len(acknowledged), rounds, "the processes captured")

	ph.Faults.Clear()
	c, err := outboxClient(ph.URL(), ph.ProjectKey(), path)
	require.NoError(t, err)
	require.NoError(t, c.FlushOutbox(t.Context()))
	require.NoError(t, c.Close())
	stored := make(map[string]int)
	for _, ev := range ph.Store().Snapshot().Events {
		if ev.Event == "sigterm" {
			stored[ev.UUID.String()]++
		}
	}
	lost, twice := 0, 0
	for id := range acknowledged {
		if stored[id] == 0 {
			lost++
		}
	}
	for _, n := range stored {
		twice += n - 1
	}
	score.Report(t, score.Row{
		Row: 11, Bar: "SIGTERM mid-flight: exit within 10 s, 0 acknowledged events lost", OK: slowest <= 10*time.Second && lost == 0 && twice == 0, Seed: score.Seed(),
		Measured: fmt.Sprintf("%d ends, the slowest %s (PostHog %s); of %d acknowledged %d lost, %d twice", rounds, slowest.Round(time.Millisecond), mood, len(acknowledged), lost, twice),
	})
}

// terminate runs a capturer, sends it SIGTERM some time after its first
// acknowledged event and gives how long it took to end.
func terminate(t *testing.T, ph *posthogtest.Server, path string, after time.Duration, acknowledged map[string]bool) time.Duration {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), capturerHost+"="+ph.URL(), capturerKey+"="+ph.ProjectKey(), capturerPath+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	var told time.Time
	var timer *time.Timer
	for lines.Scan() {
		id, err := uuid.Parse(lines.Text())
		require.NoError(t, err)
		acknowledged[id.String()] = true
		if timer == nil {
			told = time.Now().Add(after)
			timer = time.AfterFunc(after, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
		}
	}
	require.NoError(t, cmd.Wait(), "it ends by itself, with success")
	require.NotNil(t, timer, "nothing was acknowledged")
	timer.Stop()
	return time.Since(told)
}
