// Package capture holds the tools that send events to PostHog.
package capture

import (
	"embed"
	"time"

	"context"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

//go:embed schema/*.json
var schemas embed.FS

// Tools gives the tools of this area.
func Tools() tools.Set {
	return tools.Set{Tools: []tools.Tool{captureEvent(), captureBatch()}, Schemas: schemas}
}

// moment resolves a timestamp. Only a text without an offset costs a look at
// the project's time zone.
func moment(ctx context.Context, ph *driver.Client, t tools.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	if at, err := time.Parse(time.RFC3339Nano, t.String()); err == nil {
		return at
	}
	return t.Start(tools.Now(ctx), ph.Location(ctx))
}

// stamp writes a time as it was sent.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
