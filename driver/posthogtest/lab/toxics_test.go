package lab

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// TestToxics sends queries through a bad network to an embedded PostHog: what
// only slows down succeeds with the same rows, what breaks gives its kind, and
// a network that recovers needs no new client.
func TestToxics(t *testing.T) {
	ph, err := posthogtest.New(posthogtest.Options{
		Data: data.Options{Seed: 1, People: 150, Days: 30}, Throttle: posthogtest.Throttle{Off: true},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, ph.Close()) }()
	upstream := strings.TrimPrefix(ph.URL(), "http://")
	query := driver.QueryParams{SQL: "select event, timestamp from events order by timestamp limit 40", Fresh: true}
	direct := newClient(t, ph.URL(), ph.PersonalKey(), ph.ProjectID())
	want, err := direct.Query(t.Context(), query)
	require.NoError(t, err)
	require.Len(t, want.Rows, 40)
	require.NoError(t, direct.Close())

	down := func(kind string, attributes map[string]any) Toxic { return Toxic{kind, "downstream", attributes} }
	up := func(kind string, attributes map[string]any) Toxic { return Toxic{kind, "upstream", attributes} }
	for _, c := range []struct {
		name   string
		toxics []Toxic
		kind   driver.Kind
	}{
		{"clean", nil, ""},
		{"latency", []Toxic{down("latency", map[string]any{"latency": 60, "jitter": 30}), up("latency", map[string]any{"latency": 30})}, ""},
		{"latency beyond the attempt", []Toxic{down("latency", map[string]any{"latency": 2000})}, driver.KindTimeout},
		{"bandwidth of 20 KB/s", []Toxic{down("bandwidth", map[string]any{"rate": 20})}, ""},
		{"bandwidth of 1 KB/s up", []Toxic{up("bandwidth", map[string]any{"rate": 0})}, driver.KindTimeout},
		{"sliced into tiny parts", []Toxic{down("slicer", map[string]any{"average_size": 40, "size_variation": 20, "delay": 500})}, ""},
		{"closed late", []Toxic{down("slow_close", map[string]any{"delay": 300})}, ""},
		{"no data, then closed", []Toxic{down("timeout", map[string]any{"timeout": 80})}, driver.KindUnavailable},
		{"no data for ever", []Toxic{down("timeout", map[string]any{"timeout": 0})}, driver.KindTimeout},
		{"reset at once", []Toxic{down("reset_peer", map[string]any{"timeout": 0})}, driver.KindUnavailable},
		{"reset of the request", []Toxic{up("reset_peer", map[string]any{"timeout": 10})}, driver.KindUnavailable},
		{"closed inside the headers", []Toxic{down("limit_data", map[string]any{"bytes": 30})}, driver.KindUnavailable},
		{"closed inside the body", []Toxic{down("limit_data", map[string]any{"bytes": 500})}, driver.KindUpstream},
		{"latency, slices and little bandwidth", []Toxic{
			down("latency", map[string]any{"latency": 20}), down("slicer", map[string]any{"average_size": 100, "delay": 100}), down("bandwidth", map[string]any{"rate": 50}),
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			meter := NewMeter()
			proxy, err := NewProxy(upstream, c.toxics...)
			require.NoError(t, err)
			client := newClient(t, proxy.URL(), ph.PersonalKey(), ph.ProjectID())
			got, err := client.Query(t.Context(), query)
			if c.kind == "" {
				require.NoError(t, err)
				require.Equal(t, want.Rows, got.Rows)
			} else {
				require.Equal(t, c.kind, driver.KindOf(err), "%v", err)
				require.NoError(t, proxy.Cure())
				got, err = client.Query(t.Context(), query)
				require.NoError(t, err, "after the network recovered")
				require.Equal(t, want.Rows, got.Rows)
			}
			require.NoError(t, client.Close())
			proxy.Close()
			_, back := meter.Settled(2 * time.Second)
			require.True(t, back, "goroutines are left")
			require.LessOrEqual(t, meter.Peak(), int64(memoryBound))
		})
	}
}
