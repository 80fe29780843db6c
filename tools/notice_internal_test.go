package tools

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

func TestNotices(t *testing.T) {
	t.Parallel()
	window := func(name string, remaining, limit int, state quota.State) quota.WindowStatus {
		return quota.WindowStatus{Name: name, Remaining: remaining, Limit: limit, State: state, FullResetInS: 1741}
	}
	full := driver.Status{Windows: []quota.WindowStatus{
		window("burst", 20, 480, quota.StateCritical),
		window("sustained", 4800, 4800, quota.StateOK),
		window("api_queries_burst", 120, 240, quota.StatePacing),
		window("api_queries_sustained", 168, 2400, quota.StateCritical),
	}}
	sent := driver.TraceData{Attempts: 1}
	cases := []struct {
		name   string
		status driver.Status
		class  driver.Class
		did    driver.TraceData
		want   []string
	}{
		{"ordinary day", driver.Status{}, driver.ClassQuery, sent, nil},
		{"query window", full, driver.ClassQuery, sent, []string{"api_queries_sustained 93 % used, 168 of 2400 left, all back in 30 min; combine questions."}},
		{"read window", full, driver.ClassRead, sent, []string{"burst 95 % used, 20 of 480 left, all back in 30 min; combine questions."}},
		{"capture has no window", full, driver.ClassCapture, sent, nil},
		{"nothing was sent", full, driver.ClassQuery, driver.TraceData{}, nil},
		{"stale", driver.Status{}, driver.ClassQuery, driver.TraceData{Attempts: 3, Stale: true, Age: 5 * time.Minute}, []string{"PostHog did not answer; this is an earlier answer, 5 min old."}},
		{"cached a while ago", driver.Status{}, driver.ClassQuery, driver.TraceData{Age: 90 * time.Second}, []string{"Cached answer, 90 s old."}},
		{"cached just now", driver.Status{}, driver.ClassQuery, driver.TraceData{Age: 5 * time.Second}, nil},
		{"both", full, driver.ClassQuery, driver.TraceData{Attempts: 1, Stale: true, Age: 26 * time.Hour}, []string{
			"PostHog did not answer; this is an earlier answer, 26 h old.",
			"api_queries_sustained 93 % used, 168 of 2400 left, all back in 30 min; combine questions.",
		}},
	}
	for _, c := range cases {
		require.Equal(t, c.want, notices(c.status, c.class, c.did), c.name)
	}
}

func TestHeadNamesTheProject(t *testing.T) {
	t.Parallel()
	ph, err := driver.New(driver.Config{Host: "us", ProjectID: 42})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ph.Close()) })
	op := Op[struct{}, map[string]any]{Name: "get_answer", Own: true}
	op.Run = func(_ context.Context, _ *driver.Client, _ struct{}) (map[string]any, error) {
		return map[string]any{"n": 1}, nil
	}
	res := op.Call(t.Context(), ph, nil)
	require.Equal(t, "project: 42\nn: 1", res.Text)
	require.Equal(t, `{"project":"42","n":1}`, string(res.Structured))
	require.Nil(t, head(nil, driver.Status{}))
}

func TestWatchLooksSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ph, err := driver.New(driver.Config{Host: "us", ProjectID: 42})
		require.NoError(t, err)
		defer func() { require.NoError(t, ph.Close()) }()
		var w watch
		first := w.look(ph).AsOf
		time.Sleep(watchFor)
		require.Equal(t, first, w.look(ph).AsOf)
		time.Sleep(time.Millisecond)
		require.True(t, w.look(ph).AsOf.After(first))
	})
}
