package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/credential"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/score"
	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// canned answers every request at once, without a connection: what is left is
// our own cost.
type canned []byte

func (c canned) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(c)), ContentLength: int64(len(c)),
	}, nil
}

// cannedClient is a client of nothing, with windows that never fill: their
// upkeep is part of the cost.
func cannedClient(t *testing.T, cfg driver.Config, answer string) *driver.Client {
	t.Helper()
	cred, err := credential.Static("phx_CostOfACall0123456789", "chaos")
	require.NoError(t, err)
	cfg.ProjectID, cfg.Credential, cfg.Transport = 7, cred, canned(answer)
	cfg.Smoothing = driver.Smoothing{PerSecond: -1}
	cfg.Quota.Windows = make(map[quota.Bucket][]quota.Window)
	for _, b := range quota.Buckets() {
		for _, w := range quota.Documented(b) {
			w.Limit *= 1_000
			cfg.Quota.Windows[b] = append(cfg.Quota.Windows[b], w)
		}
	}
	c, err := driver.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// Row 13: what a call costs on top of PostHog's own time.
func TestRow13Cached(t *testing.T) {
	c := cannedClient(t, driver.Config{}, `{"count":1,"next":null,"previous":null,"results":[{"id":1,"name":"Power users","count":12}]}`)
	call := func() {
		_, err := c.Cohorts(t.Context(), driver.CohortsParams{})
		require.NoError(t, err)
	}
	call() // asks
	took := make([]time.Duration, sized(50_000, 2_000))
	for i := range took {
		start := time.Now()
		call()
		took[i] = time.Since(start)
	}
	whole := testing.AllocsPerRun(1000, call)
	p99 := percentile(took, 99)
	score.Report(t, score.Row{
		Row: 13, Bar: "cached call: ≤ 50 µs p99", OK: p99 <= 50*time.Microsecond, Timing: true,
		Measured: fmt.Sprintf("p99 %s, p50 %s, with reading the answer", micros(p99), micros(percentile(took, 50))),
	})
	score.Report(t, score.Row{
		Row: 13, Bar: "cached call: ≤ 40 allocations of our own", OK: whole <= 40, Timing: true,
		Measured: fmt.Sprintf("%.0f, with reading the answer", whole),
	})
}

// Row 13, uncached: with the quota shared through a file.
func TestRow13Uncached(t *testing.T) {
	store := quota.NewSQLite(quota.SQLiteConfig{Path: filepath.Join(t.TempDir(), "quota.db"), Scope: quota.TeamScope("https://us.posthog.com", 7)})
	cfg := driver.Config{Cache: driver.CacheConfig{Off: true}}
	cfg.Quota.Store = store
	c := cannedClient(t, cfg, `{"results":[[14]],"columns":["count()"],"types":[["count()","UInt64"]],"hasMore":false}`)
	took := make([]time.Duration, sized(5_000, 300))
	for i := range took {
		start := time.Now()
		_, err := c.Query(t.Context(), driver.QueryParams{SQL: "select count() from events", Fresh: true})
		took[i] = time.Since(start)
		require.NoError(t, err)
	}
	st := c.Status()
	require.False(t, st.Degraded, "the file was used")
	p50 := percentile(took, 50)
	score.Report(t, score.Row{
		Row: 13, Bar: "uncached call with SQLite: ≤ 300 µs p50", OK: p50 <= 300*time.Microsecond, Timing: true,
		Measured: fmt.Sprintf("p50 %s, p99 %s, %d queries, store %s", micros(p50), micros(percentile(took, 99)), len(took), st.Store),
	})
}
