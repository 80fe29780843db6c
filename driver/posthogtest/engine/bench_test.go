package engine

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// largeSnapshot repeats the sample until it has n events, sharing properties
// by session as the generator does.
func largeSnapshot(n int) *data.Snapshot {
	src := sampleSnapshot()
	snap := &data.Snapshot{Now: src.Now, TimeZone: time.UTC, Persons: src.Persons}
	for i := 0; len(snap.Events) < n; i++ {
		for _, e := range src.Events {
			c := *e
			c.UUID = uuid.NewSHA1(e.UUID, []byte{byte(i), byte(i >> 8)})
			c.Properties = data.Properties{Base: &e.Properties}
			snap.Events = append(snap.Events, &c)
		}
	}
	snap.Events = snap.Events[:n]
	return snap
}

func BenchmarkQueries(b *testing.B) {
	eng := New(largeSnapshot(150_000))
	for name, sql := range map[string]string{
		"count-by-event": "SELECT event, count() AS c FROM events GROUP BY event ORDER BY c DESC",
		"dau":            "SELECT toStartOfDay(timestamp) AS day, count(DISTINCT person_id) AS dau FROM events WHERE event = '$pageview' AND timestamp >= now() - INTERVAL 60 DAY GROUP BY day ORDER BY day",
		"property":       "SELECT properties.$browser AS b, count(), uniq(person_id) FROM events WHERE event = '$pageview' GROUP BY b",
		"revenue":        "SELECT toStartOfWeek(timestamp) AS w, sum(properties.amount), avg(properties.amount) FROM events WHERE event = 'purchase' GROUP BY w ORDER BY w",
		"funnel":         "SELECT level, count() FROM (SELECT person_id, windowFunnel(86400)(toDateTime(timestamp), event = '$pageview', event = 'signed_up', event = 'purchase') AS level FROM events GROUP BY person_id) GROUP BY level",
		"top-urls":       "SELECT properties.$current_url AS url, count() AS c FROM events WHERE event = '$pageview' AND properties.$pathname LIKE '/docs%' GROUP BY url ORDER BY c DESC LIMIT 10",
		"join":           "SELECT p.properties.plan AS plan, count() FROM events e JOIN persons p ON e.person_id = p.id GROUP BY plan",
		"latest":         "SELECT uuid, event, timestamp, distinct_id FROM events ORDER BY timestamp DESC LIMIT 100",
		"sessions":       "SELECT session.$channel_type AS c, uniq($session_id) FROM events GROUP BY c",
		"window":         "SELECT person_id, event, row_number() OVER (PARTITION BY person_id ORDER BY timestamp) AS n FROM events WHERE event = 'purchase' LIMIT 10",
	} {
		q, err := hogql.Parse(sql)
		require.NoError(b, err)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := eng.Run(b.Context(), q, Options{Source: sql})
				require.NoError(b, err)
			}
		})
	}
}
