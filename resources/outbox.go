package resources

import (
	"context"

	"github.com/posthog-mcp/posthog-mcp/driver/capture"
)

// OutboxURI is the address of the capture outbox.
const OutboxURI = "posthog://outbox"

// outboxShown bounds the events and dead letters that the resource lists.
const outboxShown = 20

// outboxBody is what the resource gives. Payloads stay out: a name and a
// reason are enough to decide, and events hold personal data.
type outboxBody struct {
	Enabled bool `json:"enabled"`
	*capture.Status
	Waiting     []capture.Item `json:"waiting,omitempty"`
	DeadLetters []capture.Item `json:"dead_letters,omitempty"`
	Advice      string         `json:"advice"`
}

// Outbox shows the events that wait for PostHog and those that it refused.
func Outbox(cfg Config) Resource {
	return Resource{
		URI: OutboxURI, Name: "outbox", MIMEType: JSON,
		Doc: "Captured events that wait on disk for PostHog, and those that it refused, with reasons. Reading it costs nothing.",
		Read: func(ctx context.Context, _ string) (Body, error) {
			box := cfg.Client.Outbox()
			if box == nil {
				return encode(outboxBody{Advice: "There is no outbox: a capture that fails is told to its caller and not kept."})
			}
			st, err := box.Status(ctx)
			if err != nil {
				return encode(outboxBody{Enabled: true, Status: &st, Advice: "Captures are sent directly until the file can be used again."})
			}
			body := outboxBody{Enabled: true, Status: &st, Advice: advise(st)}
			if body.Waiting, err = box.List(ctx, outboxShown); err != nil {
				return Body{}, err
			}
			if body.DeadLetters, err = box.ListDead(ctx, outboxShown); err != nil {
				return Body{}, err
			}
			return encode(body)
		},
	}
}

// advise says the one thing that matters most now.
func advise(st capture.Status) string {
	for _, d := range st.Destinations {
		if d.Paused && d.Queued > 0 {
			return "PostHog refuses the project key or the address is wrong: correct the settings; the events wait."
		}
	}
	switch {
	case len(st.Damaged) > 0:
		return "An earlier outbox file is damaged and its events are not sent; recover what is in it, or delete it."
	case st.Dead > 0:
		return "Some events were refused: correct and capture them again, or requeue or drop them with posthog-mcp outbox."
	case st.Bytes+st.DeadBytes > st.MaxBytes*8/10:
		return "The outbox is nearly full; when it is, captures are refused."
	case st.Queued > 0:
		return "Events wait and are sent by themselves; do not capture them again."
	}
	return "Nothing waits."
}
