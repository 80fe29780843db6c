package driver

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

const (
	exportPageRows  = 5000
	exportMinRows   = 50
	exportMinSlice  = time.Minute
	exportMaxEvents = 5_000_000
)

// ExportEventsParams are what [Client.ExportEvents] takes.
type ExportEventsParams struct {
	EventFilter          // After zero: 24 hours before Before
	Columns     []string // as in [EventsParams]
	Max         int      // events at most, 1 to 5,000,000; 0: 1,000,000
	Cursor      string   // of an export that ended early, with the same filters
}

// EventExport is a list of events in order of time, read page by page.
type EventExport struct {
	Columns []string // uuid, timestamp, event, distinct_id, then the columns asked for
	After   time.Time
	Before  time.Time

	c   *Client
	sel *eventSelect
	max int
}

// EventPage is one page of an export.
type EventPage struct {
	Rows   [][]any // cells in the order of the export's columns; timestamps as PostHog writes them
	Cursor string  // continues after this page; empty when no event follows
	Done   float64 // share of the span that is covered, 0 to 1
}

// ExportEvents checks the parameters of an export; nothing is sent before
// [EventExport.Pages] is read.
//
//posthog:operation POST /api/projects/:project_id/query/
func (c *Client) ExportEvents(_ context.Context, p ExportEventsParams) (*EventExport, error) {
	const op = "export_events"
	limit, err := boundedLimit(op, p.Max, 1_000_000, exportMaxEvents)
	if err != nil {
		return nil, err
	}
	sel, err := newEventSelect(op, p.EventFilter, p.Columns, p.Cursor)
	if err != nil {
		return nil, err
	}
	e := &EventExport{Columns: append([]string{"uuid"}, sel.header()...), c: c, sel: sel, max: limit}
	e.After, e.Before = sel.span()
	return e, nil
}

// Pages reads the events, the oldest first, at most one page in memory. It
// stops at the first error; the cursor of the page before continues there.
//
// A page looks at a slice of time that is fitted to how dense the events are:
// PostHog sorts a whole span before it cuts it to the limit, so that asking for
// the first 5,000 of ninety days again and again would run into its 10 seconds.
func (e *EventExport) Pages(ctx context.Context) iter.Seq2[EventPage, error] {
	return func(yield func(EventPage, error) bool) {
		const op = "export_events"
		ctx := quota.WithPriority(ctx, quota.Bulk)
		rows, left := exportPageRows, e.max
		slice := e.Before.Sub(e.position())
		for left > 0 && e.position().Before(e.Before) {
			start := e.position()
			until := start.Add(max(slice, exportMinSlice))
			if until.After(e.Before) {
				until = e.Before
			}
			want := min(rows, left)
			sql, values := e.sel.sql("ASC", want+1, until.Format(wallLayout))
			ans, err := e.c.runHogQL(ctx, op, statement{sql: sql, values: values, name: op, fresh: true})
			if err != nil {
				if narrower(err, &rows, &slice, until.Sub(start)) && ctx.Err() == nil {
					continue
				}
				yield(EventPage{}, err)
				return
			}
			page, err := e.take(op, ans.Results, want, until)
			if err != nil {
				yield(EventPage{}, err)
				return
			}
			left -= len(page.Rows)
			if len(page.Rows) > 0 || page.Cursor == "" {
				if !yield(page, nil) {
					return
				}
			}
			if len(ans.Results) > want {
				slice = 4 * e.position().Sub(start) // the next four pages' worth at this density
			} else {
				slice *= 4
			}
		}
	}
}

// take moves the export's place behind the rows.
func (e *EventExport) take(op string, rows [][]any, want int, until time.Time) (EventPage, error) {
	var page EventPage
	for _, row := range rows[:min(want, len(rows))] {
		cells, next, err := e.sel.split(op, row)
		if err != nil {
			return EventPage{}, err
		}
		page.Rows = append(page.Rows, append([]any{next.UUID}, cells...))
		e.sel.place = next
	}
	if len(rows) <= want {
		e.sel.place.Time, e.sel.place.UUID = until.Format(wallLayout), ""
	}
	if e.position().Before(e.Before) {
		page.Cursor = e.sel.place.encode()
	}
	page.Done = 1
	if span := e.Before.Sub(e.After); span > 0 {
		page.Done = min(1, float64(e.position().Sub(e.After))/float64(span))
	}
	return page, nil
}

// position is the time up to which the export has come.
func (e *EventExport) position() time.Time {
	if e.sel.place.Time == "" {
		return e.After
	}
	t, _ := time.Parse(wallLayout, e.sel.place.Time) // checked when the place was made
	return t
}

// narrower shrinks the next page after PostHog found the last one too much,
// and reports whether there is still something to shrink.
func narrower(err error, rows *int, slice *time.Duration, tried time.Duration) bool {
	switch KindOf(err) {
	case KindTooLarge, KindTimeout:
	default:
		return false
	}
	if *rows <= exportMinRows && tried <= exportMinSlice {
		return false
	}
	*rows = max(exportMinRows, *rows/4)
	*slice = max(exportMinSlice, tried/8)
	return true
}

// String says what the export covers, for logs.
func (e *EventExport) String() string {
	return fmt.Sprintf("events from %s to %s", e.After.Format(time.RFC3339), e.Before.Format(time.RFC3339))
}
