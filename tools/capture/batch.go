package capture

import (
	"context"
	"fmt"
	"slices"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// BatchIn are the arguments of capture_batch.
type BatchIn struct {
	Events     []EventIn `json:"events" jsonschema:"Events" minitems:"1" maxitems:"1000"`
	Historical bool      `json:"historical,omitempty" jsonschema:"Import of old events: no spike protection, no live destinations"`
}

// BatchOut is the answer of capture_batch: a row per event, those with a
// problem first.
type BatchOut struct {
	Accepted int `json:"accepted" jsonschema:"Events that PostHog took"`
	tools.Table

	notices []string
}

// Notices tells what did not go in.
func (o *BatchOut) Notices() []string { return o.notices }

func captureBatch() tools.Tool {
	return tools.Op[BatchIn, BatchOut]{
		Name: "capture_batch", Title: "Capture many events",
		Doc: "Sends up to 1000 events and returns what became of each. Bad ones are refused, the others go in. " +
			"Resend a failed event with the same uuid and timestamp: it stays one event.",
		Effect: tools.Creates, Class: driver.ClassCapture,
		Examples: []string{`{"events":[{"event":"signup","distinct_id":"user-1"},{"event":"upgrade","distinct_id":"user-1","properties":{"plan":"pro"}}]}`},
		Run: func(ctx context.Context, ph *driver.Client, in BatchIn) (BatchOut, error) {
			p := driver.CaptureBatchParams{Events: make([]driver.CaptureEventParams, len(in.Events)), Historical: in.Historical}
			for i, e := range in.Events {
				p.Events[i] = e.params(ctx, ph)
			}
			res, err := ph.CaptureBatch(ctx, p)
			if err != nil {
				return BatchOut{}, err
			}
			return batchOut(res), nil
		},
	}
}

func batchOut(res driver.CaptureBatchResult) BatchOut {
	outcomes := slices.Clone(res.Outcomes)
	slices.SortStableFunc(outcomes, func(a, b driver.CaptureOutcome) int { return weight(a) - weight(b) })
	rows := make([][]any, len(outcomes))
	for i, o := range outcomes {
		rows[i] = []any{o.Index, o.Event, string(o.Status), o.UUID, stamp(o.Timestamp), o.Reason}
	}
	columns := []string{"index", "event", "status", "uuid", "timestamp", "reason"}
	if res.Accepted == len(outcomes) {
		columns = columns[:5]
		for i := range rows {
			rows[i] = rows[i][:5]
		}
	}
	out := BatchOut{Accepted: res.Accepted, Table: tools.NewTable(columns, rows)}
	if n := len(outcomes) - res.Accepted - res.Queued; n > 0 {
		out.notices = append(out.notices, fmt.Sprintf("%d of %d events did not go in; see status and reason.", n, len(outcomes)))
	}
	if res.Warning != "" {
		out.notices = append(out.notices, res.Warning)
	}
	return out
}

// weight puts outcomes that need attention first.
func weight(o driver.CaptureOutcome) int {
	switch o.Status {
	case driver.CaptureAccepted:
		return 2
	case driver.CaptureQueued:
		return 1
	}
	return 0
}
