// Package annotations holds the tools around notes on points in time.
package annotations

import (
	"context"
	"embed"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

//go:embed schema/*.json
var schemas embed.FS

// Tools gives the tools of this area.
func Tools() tools.Set {
	return tools.Set{Tools: []tools.Tool{getAnnotations(), createAnnotation()}, Schemas: schemas}
}

// ListIn are the arguments of get_annotations.
type ListIn struct {
	Search string `json:"search,omitempty" jsonschema:"Part of the text" maxlen:"400" example:"release"`
	Limit  int    `json:"limit,omitempty" jsonschema:"Rows" default:"50" min:"1" max:"500"`
	Cursor string `json:"cursor,omitempty" jsonschema:"Next page" maxlen:"2000" example:"limit=50&offset=50"`
}

// ListOut is the answer of get_annotations.
type ListOut struct {
	tools.Table
}

func getAnnotations() tools.Tool {
	return tools.Op[ListIn, ListOut]{
		Name: "get_annotations", Title: "List annotations",
		Doc: "Lists annotations: dated notes such as releases and campaigns. " +
			"Look here when a metric jumps or drops on some day.",
		Effect: tools.Reads, Scopes: []string{"annotation:read"}, Class: driver.ClassRead,
		Examples: []string{`{"search":"release"}`},
		Run: func(ctx context.Context, ph *driver.Client, in ListIn) (ListOut, error) {
			res, err := ph.Annotations(ctx, driver.AnnotationsParams{Search: in.Search, Limit: in.Limit, Cursor: in.Cursor})
			if err != nil {
				return ListOut{}, err
			}
			rows := make([][]any, len(res.Annotations))
			for i, a := range res.Annotations {
				rows[i] = []any{a.ID, moment(a.Date), a.Content, place(a), a.CreatedBy}
			}
			out := ListOut{Table: tools.NewTable([]string{"id", "date", "content", "scope", "by"}, rows)}
			out.Units = "dates in UTC"
			out.Total, out.Cursor, out.HasMore = res.Total, res.Cursor, res.Cursor != ""
			return out, nil
		},
	}
}

func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04Z")
}

// place says what the note is on.
func place(a driver.Annotation) string {
	if a.InsightName != "" {
		return "insight " + a.InsightName
	}
	return a.Scope
}

// CreateIn are the arguments of create_annotation.
type CreateIn struct {
	Content     string     `json:"content" jsonschema:"Text" example:"v2 released"`
	Date        tools.Time `json:"date,omitzero" jsonschema:"Moment that it marks; default now" example:"2026-03-01T14:30:00Z"`
	Scope       string     `json:"scope,omitempty" jsonschema:"What it is shown on" enum:"project,organization,dashboard,dashboard_item" default:"project"`
	InsightID   int64      `json:"insight_id,omitempty" jsonschema:"For scope dashboard_item" min:"1" example:"7"`
	DashboardID int64      `json:"dashboard_id,omitempty" jsonschema:"For scope dashboard" min:"1" example:"3"`
}

// CreateOut is the answer of create_annotation.
type CreateOut struct {
	ID      int64  `json:"id"`
	Date    string `json:"date" jsonschema:"Moment that it marks, UTC"`
	Content string `json:"content"`
	Scope   string `json:"scope"`
}

func createAnnotation() tools.Tool {
	return tools.Op[CreateIn, CreateOut]{
		Name: "create_annotation", Title: "Add an annotation",
		Doc: "Marks a moment with a note that all charts show, such as a release or an incident. " +
			"Everybody in the project sees it; each call makes a new one.",
		Effect: tools.Creates, Scopes: []string{"annotation:write"}, Class: driver.ClassWrite,
		Examples: []string{`{"content":"v2 released","date":"2026-03-01"}`},
		Run: func(ctx context.Context, ph *driver.Client, in CreateIn) (CreateOut, error) {
			p := driver.CreateAnnotationParams{Content: in.Content, Scope: in.Scope, InsightID: in.InsightID, DashboardID: in.DashboardID}
			if !in.Date.IsZero() {
				p.Date = in.Date.Start(tools.Now(ctx), ph.Location(ctx))
			}
			a, err := ph.CreateAnnotation(ctx, p)
			if err != nil {
				return CreateOut{}, err
			}
			return CreateOut{ID: a.ID, Date: a.Date.UTC().Format(time.RFC3339), Content: a.Content, Scope: a.Scope}, nil
		},
	}
}
