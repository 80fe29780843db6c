package capture

import (
	"context"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// EventIn are the arguments of capture_event, and an item of capture_batch.
type EventIn struct {
	Event      string         `json:"event" jsonschema:"Event name" example:"signup"`
	DistinctID string         `json:"distinct_id" jsonschema:"Id of the person" example:"user-1"`
	Properties map[string]any `json:"properties,omitempty" jsonschema:"Also $set, $set_once, $groups" example:"{\"plan\":\"pro\"}"`
	Timestamp  tools.Time     `json:"timestamp,omitzero" jsonschema:"When; default now" example:"2026-03-01T14:30:00Z"`
	UUID       string         `json:"uuid,omitempty" jsonschema:"Repeat on resending" example:"0198f3c1-0000-7000-8000-000000000001"`
}

func (in EventIn) params(ctx context.Context, ph *driver.Client) driver.CaptureEventParams {
	return driver.CaptureEventParams{
		Event: in.Event, DistinctID: in.DistinctID, Properties: in.Properties,
		Timestamp: moment(ctx, ph, in.Timestamp), UUID: in.UUID,
	}
}

// EventOut is the answer of capture_event.
type EventOut struct {
	Status    string `json:"status" jsonschema:"accepted (PostHog has it; visible within a minute), queued (safe here, sent later by itself), quota_limited (dropped) or rejected"`
	UUID      string `json:"uuid" jsonschema:"Identity of the event"`
	Timestamp string `json:"timestamp" jsonschema:"As sent, UTC"`

	warning string
}

// Notices tells of an event that PostHog has not taken.
func (o *EventOut) Notices() []string {
	if o.warning == "" {
		return nil
	}
	return []string{o.warning}
}

func captureEvent() tools.Tool {
	return tools.Op[EventIn, EventOut]{
		Name: "capture_event", Title: "Capture an event",
		Doc: "Sends one event into the project and returns its uuid. It cannot be undone. " +
			"Once accepted it shows up in queries within a minute.",
		Effect: tools.Creates, Class: driver.ClassCapture,
		Examples: []string{`{"event":"signup","distinct_id":"user-1","properties":{"plan":"pro","$set":{"plan":"pro"}}}`},
		Run: func(ctx context.Context, ph *driver.Client, in EventIn) (EventOut, error) {
			res, err := ph.CaptureEvent(ctx, in.params(ctx, ph))
			if err != nil {
				return EventOut{}, err
			}
			return EventOut{
				Status: string(res.Status), UUID: res.UUID, Timestamp: stamp(res.Timestamp), warning: res.Warning,
			}, nil
		},
	}
}
