package engine

import (
	"context"
	"testing"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// FuzzRun feeds statements that parse to the engine: it must answer or refuse,
// never panic, and stop soon after its context ends.
func FuzzRun(f *testing.F) {
	for _, st := range statements(f) {
		f.Add(st.HogQL)
	}
	snap := *sampleSnapshot()
	snap.Events = snap.Events[:200]
	eng := New(&snap)
	f.Fuzz(func(t *testing.T, sql string) {
		q, err := hogql.Parse(sql)
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		res, err := eng.Run(ctx, q, Options{Source: sql, MaxRows: 20_000})
		if err != nil {
			return
		}
		for _, row := range res.Rows {
			if len(row) != len(res.Columns) || len(row) != len(res.Types) {
				t.Fatalf("%d cells, %d columns, %d types", len(row), len(res.Columns), len(res.Types))
			}
		}
	})
}
