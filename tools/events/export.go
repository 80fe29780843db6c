package events

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

const (
	// exportTime is when an export stops and hands out a cursor: hosts give up
	// on a call after a minute, progress or not.
	exportTime  = 40 * time.Second
	previewRows = 5
)

// ExportEventsIn are the arguments of export_events.
type ExportEventsIn struct {
	Events  []string   `json:"events,omitempty" jsonschema:"Event names" example:"signup"`
	Where   []string   `json:"where,omitempty" jsonschema:"Such as plan=pro, distinct_id=user-1" example:"plan=pro"`
	After   tools.Time `json:"after,omitzero" jsonschema:"-7d or ISO date" default:"-7d"`
	Before  tools.Time `json:"before,omitzero" jsonschema:"End"`
	Columns []string   `json:"columns,omitempty" jsonschema:"Properties; properties for all" example:"plan,person.email"`
	Format  string     `json:"format,omitempty" jsonschema:"File" enum:"ndjson,csv" default:"ndjson"`
	MaxRows int        `json:"max_rows,omitempty" jsonschema:"Events at most" default:"100000" min:"1" max:"5000000"`
	Cursor  string     `json:"cursor,omitempty" jsonschema:"Of a stopped export" example:""`
}

// ExportEventsOut is the answer of export_events.
type ExportEventsOut struct {
	Path     string      `json:"path" jsonschema:"The file that was written"`
	Format   string      `json:"format" jsonschema:"ndjson or csv"`
	Exported int         `json:"exported" jsonschema:"Events in the file"`
	Bytes    int64       `json:"bytes" jsonschema:"Size of the file"`
	From     string      `json:"from" jsonschema:"Start of the span, inclusive"`
	To       string      `json:"to" jsonschema:"End of the span, exclusive"`
	Complete bool        `json:"complete" jsonschema:"Whether no event of the span is left"`
	Cursor   string      `json:"cursor,omitempty" jsonschema:"Pass as cursor for the events that are left"`
	Preview  tools.Table `json:"preview" jsonschema:"First events of the file"`

	notices []string
}

// Notices tells why an export ended early.
func (o *ExportEventsOut) Notices() []string { return o.notices }

// ResourceLinks points at the file.
func (o *ExportEventsOut) ResourceLinks() []tools.ResourceLink {
	mime := "application/x-ndjson"
	if o.Format == "csv" {
		mime = "text/csv"
	}
	name := filepath.Base(o.Path)
	return []tools.ResourceLink{{
		URI: "posthog://exports/" + url.PathEscape(name), Name: name, Title: "Exported events", MIMEType: mime, Size: o.Bytes,
		Description: fmt.Sprintf("%d events from %s to %s", o.Exported, o.From, o.To),
	}}
}

func exportEvents() tools.Tool {
	return tools.Op[ExportEventsIn, ExportEventsOut]{
		Name: "export_events", Title: "Export events to a file",
		Doc:    "Writes raw events, oldest first, to a local file and answers with its path and a preview: for more events than an answer can hold.",
		Effect: tools.Writes, Scopes: []string{"query:read"}, Class: driver.ClassQuery,
		Examples: []string{`{"events":["invoice paid"],"columns":["amount","person.plan"],"after":"-30d","format":"csv"}`},
		Run:      runExport,
	}
}

func runExport(ctx context.Context, ph *driver.Client, in ExportEventsIn) (ExportEventsOut, error) {
	dir := tools.OutputDir(ctx)
	if dir == "" {
		return ExportEventsOut{}, &driver.Error{
			Op: "export_events", Kind: driver.KindInvalid, Detail: "this server has no directory to write files into",
			Hint: "Ask its operator to set one, or read the events with get_events and its cursor.",
		}
	}
	s, err := spanOf(ctx, ph, in.After, in.Before)
	if err != nil {
		return ExportEventsOut{}, err
	}
	export, err := ph.ExportEvents(ctx, driver.ExportEventsParams{
		EventFilter: driver.EventFilter{Events: in.Events, Where: in.Where, After: s.after, Before: s.before},
		Columns:     in.Columns, Max: in.MaxRows, Cursor: in.Cursor,
	})
	if err != nil {
		return ExportEventsOut{}, err
	}
	file, err := createFile(dir, in.Format, export.Columns, tools.Now(ctx))
	if err != nil {
		return ExportEventsOut{}, err
	}
	defer file.discard() // does nothing once the file is kept
	out := ExportEventsOut{Format: in.Format, From: export.After.Format(time.RFC3339), To: export.Before.Format(time.RFC3339)}
	out.Preview = tools.Table{Columns: export.Columns, Units: s.units()}
	if err := fill(ctx, export, file, &out); err != nil {
		return ExportEventsOut{}, err
	}
	if out.Path, out.Bytes, err = file.keep(); err != nil {
		return ExportEventsOut{}, err
	}
	return out, nil
}

// fill writes the pages. What was written before a failure is kept and the
// cursor continues there; a failure before the first event is an error.
func fill(ctx context.Context, export *driver.EventExport, file *exportFile, out *ExportEventsOut) error {
	start := time.Now()
	out.Complete = true
	for page, err := range export.Pages(ctx) {
		if err != nil {
			e, ok := errors.AsType[*driver.Error](err)
			if out.Exported == 0 || ctx.Err() != nil || !ok {
				return err
			}
			out.Complete = false
			out.notices = append(out.notices, fmt.Sprintf("Stopped after %d events: %s. Call again with cursor for the rest.", out.Exported, e.Error()))
			break
		}
		if err := file.write(page.Rows); err != nil {
			return err
		}
		missing := previewRows - len(out.Preview.Rows)
		out.Preview.Rows = append(out.Preview.Rows, page.Rows[:min(len(page.Rows), missing)]...)
		out.Exported += len(page.Rows)
		out.Cursor = page.Cursor
		tools.Progress(ctx, page.Done*100, 100, fmt.Sprintf("%d events written", out.Exported))
		if page.Cursor != "" && time.Since(start) > exportTime {
			out.notices = append(out.notices, fmt.Sprintf("Stopped after %s; call again with cursor for the rest, which goes into another file.", exportTime))
			break
		}
	}
	out.Preview.RowCount = len(out.Preview.Rows)
	if out.Cursor != "" {
		out.Complete = false
		if len(out.notices) == 0 {
			out.notices = append(out.notices, "Stopped at max_rows; call again with cursor for the rest, which goes into another file.")
		}
	}
	return nil
}
