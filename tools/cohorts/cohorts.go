// Package cohorts holds the tools for cohorts, PostHog's saved groups of
// people.
package cohorts

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
	return tools.Set{Tools: []tools.Tool{getCohorts(), createCohort()}, Schemas: schemas}
}

// GetCohortsIn are the arguments of get_cohorts.
type GetCohortsIn struct {
	ID     int64  `json:"id,omitempty" jsonschema:"One cohort with its conditions" min:"1" example:"42"`
	Search string `json:"search,omitempty" jsonschema:"Part of a name" example:"pay"`
	Limit  int    `json:"limit,omitempty" jsonschema:"Rows" default:"50" min:"1" max:"500"`
	Cursor string `json:"cursor,omitempty" jsonschema:"Next page" example:""`
}

// GetCohortsOut is the answer of get_cohorts.
type GetCohortsOut struct {
	tools.Table
}

func getCohorts() tools.Tool {
	return tools.Op[GetCohortsIn, GetCohortsOut]{
		Name: "get_cohorts", Title: "List cohorts",
		Doc: "Lists cohorts (saved groups of people) with their sizes. " +
			"Use a cohort's id in get_persons, or in HogQL as person_id IN COHORT 42.",
		Effect: tools.Reads, Scopes: []string{"cohort:read"}, Class: driver.ClassRead,
		Examples: []string{`{}`, `{"id":42}`},
		Run: func(ctx context.Context, ph *driver.Client, in GetCohortsIn) (GetCohortsOut, error) {
			res, err := ph.Cohorts(ctx, driver.CohortsParams{ID: in.ID, Search: in.Search, Limit: in.Limit, Cursor: in.Cursor})
			if err != nil {
				return GetCohortsOut{}, err
			}
			out := GetCohortsOut{Table: cohortTable(res.Cohorts, in.ID != 0)}
			out.Total, out.Cursor, out.HasMore, out.CursorAfter = res.Total, res.Cursor, res.Cursor != "", res.CursorAfter
			return out, nil
		},
	}
}

// cohortTable shows cohorts; with detail also what defines the only one.
func cohortTable(list []driver.Cohort, detail bool) tools.Table {
	columns := []string{"id", "name", "type", "persons", "state", "calculated", "description"}
	rows := make([][]any, len(list))
	for i, c := range list {
		row := []any{c.ID, c.Name, kind(c), nil, state(c), minute(c.LastCalculation), c.Description}
		if c.Count != nil {
			row[3] = *c.Count
		}
		if detail && c.Filters != nil {
			columns, row = append(columns, "filters"), append(row, c.Filters)
		}
		if detail && c.Query != nil {
			columns, row = append(columns, "query"), append(row, c.Query)
		}
		rows[i] = row
	}
	return tools.NewTable(columns, rows)
}

func kind(c driver.Cohort) string {
	if c.Static {
		return "static"
	}
	return "dynamic"
}

// state says whether the number of persons can be trusted.
func state(c driver.Cohort) string {
	switch {
	case c.Deleted:
		return "deleted"
	case c.Calculating:
		return "calculating"
	case c.Failures > 0:
		return "failed: " + c.LastError
	case c.Count == nil:
		return "not calculated yet"
	}
	return "ready"
}

func minute(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}

// CreateCohortIn are the arguments of create_cohort.
type CreateCohortIn struct {
	Name        string   `json:"name" jsonschema:"Name" minlen:"1" example:"Paying customers"`
	Description string   `json:"description,omitempty" jsonschema:"What it is for" example:"For the weekly report"`
	Where       []string `json:"where,omitempty" jsonschema:"Dynamic, such as plan=pro, age>30, !phone" example:"plan=pro"`
	Match       string   `json:"match,omitempty" jsonschema:"Conditions that must hold" enum:"all,any" default:"all"`
	PersonIDs   []string `json:"person_ids,omitempty" jsonschema:"Static: person UUIDs" example:"018f2b6e-7c3a-7000-8000-000000000001"`
	Query       string   `json:"query,omitempty" jsonschema:"Static: HogQL that selects person_id" example:"SELECT DISTINCT person_id FROM events WHERE event = 'signup' AND timestamp > now() - INTERVAL 7 DAY"`
}

// CreateCohortOut is the answer of create_cohort.
type CreateCohortOut struct {
	ID    int64  `json:"id" jsonschema:"For get_cohorts, get_persons and IN COHORT"`
	Name  string `json:"name" jsonschema:"Name of the cohort"`
	Type  string `json:"type" jsonschema:"static or dynamic"`
	State string `json:"state" jsonschema:"PostHog counts the persons in the background"`
}

func createCohort() tools.Tool {
	return tools.Op[CreateCohortIn, CreateCohortOut]{
		Name: "create_cohort", Title: "Create a cohort",
		Doc:    "Creates a cohort: dynamic from where, or static from person_ids or query; give exactly one. Twice makes two.",
		Effect: tools.Creates, Scopes: []string{"cohort:write"}, Class: driver.ClassWrite,
		Examples: []string{`{"name":"Paying customers","where":["plan=pro","plan=team"],"match":"any"}`},
		Run: func(ctx context.Context, ph *driver.Client, in CreateCohortIn) (CreateCohortOut, error) {
			c, err := ph.CreateCohort(ctx, driver.CreateCohortParams{
				Name: in.Name, Description: in.Description, Where: in.Where, Any: in.Match == "any",
				PersonIDs: in.PersonIDs, Query: in.Query,
			})
			if err != nil {
				return CreateCohortOut{}, err
			}
			return CreateCohortOut{ID: c.ID, Name: c.Name, Type: kind(c), State: state(c)}, nil
		},
	}
}
