package posthogtest

import (
	"context"
	"encoding/json"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/engine"
)

// columns builds a table's columns from pairs of name and type; a type that
// ends in "?" may be NULL.
func columns(pairs ...string) []engine.Column {
	out := make([]engine.Column, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		c := engine.Column{Name: pairs[i], Type: pairs[i+1]}
		if last := len(c.Type) - 1; c.Type[last] == '?' {
			c.Type, c.Null = c.Type[:last], true
		}
		out = append(out, c)
	}
	return out
}

// systemTableNames lists the tables of project metadata that the demo has.
func systemTableNames() []string {
	return []string{
		"system.annotations", "system.cohorts", "system.dashboards", "system.error_tracking_issues", "system.experiments",
		"system.feature_flags", "system.insights", "system.surveys", "system.teams",
	}
}

// systemTable gives a table of project metadata. Booleans in them are 0 and 1.
func (s *Server) systemTable(ctx context.Context, name string) (*engine.Table, bool) {
	t := &engine.Table{}
	row := func(cells ...any) { t.Rows = append(t.Rows, cells) }
	team := s.projectID
	switch name {
	case "system.annotations":
		t.Columns = columns("id", "Int64", "team_id", "Int64", "content", "String", "scope", "String", "date_marker", "DateTime", "created_at", "DateTime", "deleted", "Int64")
		for _, a := range s.store.Annotations() {
			row(a.ID, team, a.Content, a.Scope, a.DateMarker, a.CreatedAt, bit(a.Deleted))
		}
	case "system.cohorts":
		t.Columns = columns("id", "Int64", "team_id", "Int64", "name", "String", "description", "String", "filters", "String", "count", "Int64?", "is_static", "Int64", "created_at", "DateTime", "last_calculation", "DateTime?", "deleted", "Int64")
		for _, h := range s.store.Cohorts() {
			row(h.ID, team, h.Name, h.Description, string(h.Filters), count(h.Count), bit(h.IsStatic), h.CreatedAt, moment(h.LastCalculation), bit(h.Deleted))
		}
	case "system.dashboards":
		t.Columns = columns("id", "Int64", "team_id", "Int64", "name", "String", "description", "String", "pinned", "Int64", "created_at", "DateTime", "deleted", "Int64")
		for _, d := range s.store.Dashboards() {
			row(d.ID, team, d.Name, d.Description, bit(d.Pinned), d.CreatedAt, bit(d.Deleted))
		}
	case "system.error_tracking_issues":
		t.Columns = columns("id", "UUID", "team_id", "Int64", "name", "String", "description", "String", "status", "String", "created_at", "DateTime")
		for _, i := range s.store.Issues() {
			row(i.ID, team, i.Name, i.Description, i.Status, i.FirstSeen)
		}
	case "system.experiments":
		t.Columns = columns("id", "Int64", "team_id", "Int64", "name", "String", "description", "String", "start_date", "DateTime?", "end_date", "DateTime?", "archived", "Int64", "feature_flag_id", "Int64?", "created_at", "DateTime", "updated_at", "DateTime")
		for _, e := range s.experiments.list() {
			var flag any
			if f := s.withFlag(e).FeatureFlag; f != nil {
				flag = f.ID
			}
			row(e.ID, team, e.Name, e.Description, moment(e.StartDate), moment(e.EndDate), bit(e.Archived), flag, e.CreatedAt, e.UpdatedAt)
		}
	case "system.feature_flags":
		t.Columns = columns("id", "Int64", "team_id", "Int64", "key", "String", "name", "String", "filters", "String", "rollout_percentage", "Float64?", "created_at", "DateTime", "deleted", "Int64")
		for _, f := range s.flags.list() {
			filters, _ := json.Marshal(f.Filters) // strings, numbers and lists always marshal
			var rollout any
			if f.RolloutPercentage != nil {
				rollout = *f.RolloutPercentage
			}
			row(f.ID, team, f.Key, f.Name, string(filters), rollout, f.CreatedAt, bit(f.Deleted))
		}
	case "system.insights":
		t.Columns = columns("id", "Int64", "team_id", "Int64", "short_id", "String", "name", "String", "description", "String", "query", "String", "favorited", "Int64", "created_at", "DateTime", "last_modified_at", "DateTime", "deleted", "Int64")
		for _, i := range s.store.Insights() {
			row(i.ID, team, i.ShortID, i.Name, i.Description, string(i.Query), bit(i.Favorited), i.CreatedAt, i.LastModifiedAt, bit(i.Deleted))
		}
	case "system.surveys":
		t.Columns = columns("id", "UUID", "team_id", "Int64", "name", "String", "type", "String", "created_at", "DateTime", "start_date", "DateTime?", "end_date", "DateTime?")
		for _, v := range s.store.Surveys() {
			row(v.ID, team, v.Name, v.Type, v.CreatedAt, moment(v.StartDate), moment(v.EndDate))
		}
	case "system.teams":
		t.Columns = columns("id", "Int64", "uuid", "UUID", "name", "String", "timezone", "String", "created_at", "DateTime")
		p := s.store.Project()
		row(p.ID, p.UUID, p.Name, p.TimeZone, p.CreatedAt)
	case "system.information_schema.tables":
		t.Columns = columns("table_catalog", "String", "table_schema", "String", "table_name", "String", "table_type", "String")
		for _, d := range s.schema(ctx) {
			row("posthog", d.schema(), d.Name, "BASE TABLE")
		}
	case "system.information_schema.columns":
		t.Columns = columns("table_catalog", "String", "table_schema", "String", "table_name", "String", "column_name", "String", "ordinal_position", "Int64", "is_nullable", "Int64", "data_type", "String")
		for _, d := range s.schema(ctx) {
			for i, f := range d.fields {
				row("posthog", d.schema(), d.Name, f.Name, int64(i+1), bit(f.nullable), f.Type)
			}
		}
	default:
		return nil, false
	}
	return t, true
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func count(n *int) any {
	if n == nil {
		return nil
	}
	return int64(*n)
}

func moment(t *time.Time) any {
	if t == nil {
		return nil
	}
	return *t
}
