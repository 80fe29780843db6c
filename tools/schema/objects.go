package schema

import (
	"context"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// ListObjectsIn are the arguments of list_objects.
type ListObjectsIn struct {
	Kind   string `json:"kind,omitempty" jsonschema:"Leave out for an overview" enum:"events,event_properties,person_properties,groups,cohorts,tables" example:"events"`
	Search string `json:"search,omitempty" jsonschema:"Part of a name" example:"sign"`
	Limit  int    `json:"limit,omitempty" jsonschema:"Rows" default:"50" min:"1" max:"500"`
	Cursor string `json:"cursor,omitempty" jsonschema:"Next page" example:"limit=50&offset=50"`
}

// ListObjectsOut is the answer of list_objects.
type ListObjectsOut struct {
	tools.Table

	warning string
}

// Notices tells what is missing.
func (o *ListObjectsOut) Notices() []string {
	if o.warning == "" {
		return nil
	}
	return []string{o.warning}
}

func listObjects() tools.Tool {
	return tools.Op[ListObjectsIn, ListObjectsOut]{
		Name: "list_objects", Title: "List what can be asked about",
		Doc: "Lists what this project contains: event names with 30-day volumes, properties, cohorts, HogQL tables. " +
			"Call it before query to get names right.",
		Effect: tools.Reads, Scopes: []string{"event_definition:read"}, Class: driver.ClassRead,
		Examples: []string{`{}`, `{"kind":"events","search":"checkout"}`},
		Run: func(ctx context.Context, ph *driver.Client, in ListObjectsIn) (ListObjectsOut, error) {
			res, err := ph.ListObjects(ctx, driver.ListObjectsParams{Kind: in.Kind, Search: in.Search, Limit: in.Limit, Cursor: in.Cursor})
			if err != nil {
				return ListObjectsOut{}, err
			}
			out := ListObjectsOut{Table: objectTable(res), warning: res.Warning}
			out.Total, out.Cursor, out.HasMore, out.CursorAfter = res.Total, res.Cursor, res.Cursor != "", res.CursorAfter
			return out, nil
		},
	}
}

// objectTable shows the columns that mean something for the kind.
func objectTable(res driver.ListObjectsResult) tools.Table {
	rows := make([][]any, len(res.Objects))
	columns, cells := layout(res.Kind)
	described := false
	for _, o := range res.Objects {
		described = described || o.Description != ""
	}
	for i, o := range res.Objects {
		rows[i] = cells(o)
		if described {
			rows[i] = append(rows[i], o.Description)
		}
	}
	if described {
		columns = append(columns, "description")
	}
	t := tools.NewTable(columns, rows)
	if res.Kind == driver.ObjectEvents {
		t.Units = "last_30_days counts events"
	}
	return t
}

// layout gives the columns of a kind and the cells of one of its objects.
func layout(kind string) ([]string, func(driver.Object) []any) {
	switch kind {
	case "":
		return []string{"kind", "read_with"}, func(o driver.Object) []any { return []any{o.Name, o.Type} }
	case driver.ObjectEvents:
		return []string{"event", "last_30_days", "last_seen"}, func(o driver.Object) []any {
			return []any{o.Name, optional(o.Count), day(o.LastSeen)}
		}
	case driver.ObjectGroups:
		return []string{"group_type", "key_column"}, func(o driver.Object) []any { return []any{o.Name, o.Type} }
	case driver.ObjectCohorts:
		return []string{"id", "cohort", "type", "persons"}, func(o driver.Object) []any {
			return []any{o.ID, o.Name, o.Type, optional(o.Count)}
		}
	case driver.ObjectTables:
		return []string{"table", "type"}, func(o driver.Object) []any { return []any{o.Name, o.Type} }
	}
	return []string{"property", "type"}, func(o driver.Object) []any { return []any{o.Name, o.Type} }
}

func optional(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

func day(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.DateOnly)
}
