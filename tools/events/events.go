// Package events holds the tools that read raw events: get_events for a look
// at some of them, export_events for all of them in a file.
package events

import (
	"context"
	"embed"
	"fmt"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

//go:embed schema/*.json
var schemas embed.FS

// Tools gives the tools of this area.
func Tools() tools.Set {
	return tools.Set{Tools: []tools.Tool{getEvents(), exportEvents()}, Schemas: schemas}
}

// GetEventsIn are the arguments of get_events.
type GetEventsIn struct {
	Events  []string   `json:"events,omitempty" jsonschema:"Event names" example:"signup"`
	Person  string     `json:"person,omitempty" jsonschema:"Distinct id, UUID or email" example:"user-1"`
	Where   []string   `json:"where,omitempty" jsonschema:"Such as plan=pro, amount>10, url~pricing, person.plan!=free" example:"plan=pro"`
	After   tools.Time `json:"after,omitzero" jsonschema:"-7d or ISO date" default:"-24h"`
	Before  tools.Time `json:"before,omitzero" jsonschema:"End"`
	Columns []string   `json:"columns,omitempty" jsonschema:"Properties to show, also person.NAME" example:"plan,person.email"`
	Limit   int        `json:"limit,omitempty" jsonschema:"Rows" default:"50" min:"1" max:"500"`
	Cursor  string     `json:"cursor,omitempty" jsonschema:"Next page" example:""`
}

// GetEventsOut is the answer of get_events.
type GetEventsOut struct {
	tools.Table

	notice string
}

// Notices says what to try when there were no events.
func (o *GetEventsOut) Notices() []string {
	if o.notice == "" {
		return nil
	}
	return []string{o.notice}
}

func getEvents() tools.Tool {
	return tools.Op[GetEventsIn, GetEventsOut]{
		Name: "get_events", Title: "Look at raw events",
		Doc:    "Shows raw events, newest first: what one person did, or samples of an event. To count or group use query.",
		Effect: tools.Reads, Scopes: []string{"query:read"}, Class: driver.ClassQuery,
		Examples: []string{`{"events":["signup"],"columns":["plan"],"after":"-7d","limit":10}`, `{"person":"ann@example.com"}`},
		Run: func(ctx context.Context, ph *driver.Client, in GetEventsIn) (GetEventsOut, error) {
			s, err := spanOf(ctx, ph, in.After, in.Before)
			if err != nil {
				return GetEventsOut{}, err
			}
			res, err := ph.Events(ctx, driver.EventsParams{
				EventFilter: driver.EventFilter{Events: in.Events, Person: in.Person, Where: in.Where, After: s.after, Before: s.before},
				Columns:     in.Columns, Limit: in.Limit, Cursor: in.Cursor,
			})
			if err != nil {
				return GetEventsOut{}, err
			}
			out := GetEventsOut{Table: tools.NewTable(res.Columns, res.Rows)}
			out.HasMore, out.CursorAfter, out.Units = res.HasMore, res.CursorAfter, s.units()
			out.Cursor = res.CursorAfter(len(res.Rows))
			if len(res.Rows) == 0 && in.Cursor == "" {
				out.notice = fmt.Sprintf("No such events from %s to %s. Widen after, or check the names with list_objects.",
					res.After.Format(time.RFC3339), res.Before.Format(time.RFC3339))
			}
			return out, nil
		},
	}
}

// span is what after and before mean in the project's time zone.
type span struct {
	after, before time.Time
	zone          string
}

// units says in which zone the timestamps are.
func (s span) units() string { return "timestamp in " + s.zone }

func spanOf(ctx context.Context, ph *driver.Client, after, before tools.Time) (span, error) {
	project, err := ph.Project(ctx)
	if err != nil {
		return span{}, err
	}
	zone, err := time.LoadLocation(project.TimeZone) // "" is UTC
	if err != nil {
		zone = time.UTC // a zone newer than this program's data
	}
	now := tools.Now(ctx)
	s := span{after: after.Start(now, zone), before: before.End(now, zone), zone: zone.String()}
	if s.before.IsZero() {
		s.before = now
	}
	return s, nil
}
