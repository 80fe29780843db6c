package schema

import (
	"context"
	"errors"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// GetFieldsIn are the arguments of get_fields.
type GetFieldsIn struct {
	Object string `json:"object" jsonschema:"Event, persons, sessions, groups:TYPE or table" minlen:"1" example:"signup"`
	Search string `json:"search,omitempty" jsonschema:"Part of a field name" example:"utm"`
	Limit  int    `json:"limit,omitempty" jsonschema:"Rows" default:"100" min:"1" max:"500"`
	Cursor string `json:"cursor,omitempty" jsonschema:"Next page" example:"limit=100&offset=100"`
}

// GetFieldsOut is the answer of get_fields.
type GetFieldsOut struct {
	Object    string `json:"object" jsonschema:"What the name was taken for"`
	FromTable string `json:"from_table" jsonschema:"Table that the field expressions fit"`
	Note      string `json:"note,omitempty" jsonschema:"What holds for every such object"`
	tools.Table
}

func getFields() tools.Tool {
	return tools.Op[GetFieldsIn, GetFieldsOut]{
		Name: "get_fields", Title: "Show an object's fields",
		Doc:    "Shows the fields of an event, of persons, sessions or groups, or of a HogQL table: the expression to write in a query, and its type.",
		Effect: tools.Reads, Scopes: []string{"event_definition:read", "property_definition:read"}, Class: driver.ClassRead,
		Examples: []string{`{"object":"persons"}`, `{"object":"table:sessions"}`},
		Run: func(ctx context.Context, ph *driver.Client, in GetFieldsIn) (GetFieldsOut, error) {
			res, err := ph.GetFields(ctx, driver.FieldsParams{Object: in.Object, Search: in.Search, Limit: in.Limit, Cursor: in.Cursor})
			if err != nil {
				return GetFieldsOut{}, unknownObject(ctx, ph, in.Object, err)
			}
			out := GetFieldsOut{Object: res.Object, FromTable: res.Table, Note: res.Note, Table: fieldTable(res)}
			out.Total, out.Cursor, out.HasMore, out.CursorAfter = res.Total, res.Cursor, res.Cursor != "", res.CursorAfter
			return out, nil
		},
	}
}

func fieldTable(res driver.FieldsResult) tools.Table {
	columns := []string{"field", "type"}
	described := false
	for _, f := range res.Fields {
		described = described || f.Description != ""
	}
	if described {
		columns = append(columns, "description")
	}
	rows := make([][]any, len(res.Fields))
	for i, f := range res.Fields {
		rows[i] = []any{f.Access, f.Type}
		if described {
			rows[i] = append(rows[i], f.Description)
		}
	}
	return tools.NewTable(columns, rows)
}

// unknownObject names the nearest events when the object does not exist. The
// names cost one more request; if that fails, the first error stands alone.
func unknownObject(ctx context.Context, ph *driver.Client, object string, err error) error {
	e, ok := errors.AsType[*driver.Error](err)
	if !ok || e.Kind != driver.KindNotFound || e.Attr != "object" {
		return err
	}
	res, listErr := ph.ListObjects(ctx, driver.ListObjectsParams{Kind: driver.ObjectEvents, Limit: 500})
	if listErr != nil {
		return err
	}
	known := make([]string, len(res.Objects))
	for i, o := range res.Objects {
		known[i] = o.Name
	}
	return tools.NotFound(e.Op, "object", object, known, e.Hint)
}
