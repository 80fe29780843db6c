// Package persons holds the tool that finds people.
package persons

import (
	"context"
	"embed"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

//go:embed schema/*.json
var schemas embed.FS

// Tools gives the tools of this area.
func Tools() tools.Set {
	return tools.Set{Tools: []tools.Tool{getPersons()}, Schemas: schemas}
}

// In are the arguments of get_persons.
type In struct {
	Search string   `json:"search,omitempty" jsonschema:"Email, name or distinct id" example:"ann@example.com"`
	Where  []string `json:"where,omitempty" jsonschema:"Such as plan=pro, age>30, email~@acme.com, !phone" example:"plan=pro"`
	Cohort int64    `json:"cohort,omitempty" jsonschema:"Members of this cohort id" min:"1" example:"42"`
	Fields []string `json:"fields,omitempty" jsonschema:"Properties to show" default:"email" example:"plan,country"`
	Limit  int      `json:"limit,omitempty" jsonschema:"Rows" default:"50" min:"1" max:"500"`
	Cursor string   `json:"cursor,omitempty" jsonschema:"Next page" example:"50"`
}

// Out is the answer of get_persons.
type Out struct {
	tools.Table

	notice string
}

// Notices says where else to look when nobody was found.
func (o *Out) Notices() []string {
	if o.notice == "" {
		return nil
	}
	return []string{o.notice}
}

func getPersons() tools.Tool {
	return tools.Op[In, Out]{
		Name: "get_persons", Title: "Find people",
		Doc:    "Finds people by name, id, properties or cohort, newest first. For what they did use get_events, to count use query.",
		Effect: tools.Reads, Scopes: []string{"person:read"}, Class: driver.ClassRead,
		Examples: []string{`{"where":["plan=pro"],"fields":["email","plan"],"limit":20}`, `{"cohort":42}`},
		Run: func(ctx context.Context, ph *driver.Client, in In) (Out, error) {
			res, err := ph.Persons(ctx, driver.PersonsParams{
				Search: in.Search, Where: in.Where, CohortID: in.Cohort, Limit: in.Limit, Cursor: in.Cursor,
			})
			if err != nil {
				return Out{}, err
			}
			out := Out{Table: table(res.Persons, in.Fields)}
			out.HasMore, out.Cursor, out.CursorAfter = res.HasMore, res.Cursor, res.CursorAfter
			if len(res.Persons) == 0 && uuid.Validate(strings.TrimSpace(in.Search)) == nil {
				out.notice = "PostHog's search does not look at person ids; use query: SELECT properties FROM persons WHERE id = toUUID({id})."
			}
			return out, nil
		},
	}
}

// table shows who each person is and the properties asked for.
func table(people []driver.Person, fields []string) tools.Table {
	columns := append([]string{"person_id", "distinct_id", "created"}, fields...)
	rows := make([][]any, len(people))
	for i, p := range people {
		row := []any{p.UUID, distinctID(p.DistinctIDs), day(p.CreatedAt)}
		for _, f := range fields {
			row = append(row, p.Properties[strings.TrimPrefix(f, "properties.")])
		}
		rows[i] = row
	}
	return tools.NewTable(columns, rows)
}

// distinctID shows one of a person's ids, rather the product's own than one
// that a browser made up, and how many more there are.
func distinctID(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	shown := ids[0]
	for _, id := range ids {
		if uuid.Validate(id) != nil {
			shown = id
			break
		}
	}
	if len(ids) > 1 {
		return fmt.Sprintf("%s (+%d)", shown, len(ids)-1)
	}
	return shown
}

func day(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.DateOnly)
}
