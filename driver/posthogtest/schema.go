package posthogtest

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/engine"
)

// schemaTable is one table of DatabaseSchemaQuery.
type schemaTable struct {
	ID     string                 `json:"id"`
	Name   string                 `json:"name"`
	Type   string                 `json:"type"` // posthog or system
	Fields map[string]schemaField `json:"fields"`

	fields []schemaField // in the table's order
}

// schemaField is one column, or a table that one can step into by name.
type schemaField struct {
	Name        string   `json:"name"`
	HogQLValue  string   `json:"hogql_value"`
	Type        string   `json:"type"`
	SchemaValid bool     `json:"schema_valid"`
	Table       string   `json:"table,omitempty"`
	Fields      []string `json:"fields,omitempty"`

	nullable bool
}

func (t *schemaTable) schema() string {
	if t.Type == "system" {
		return "system"
	}
	return "public"
}

// schema reads the columns of every table from the engine itself, over no
// rows, so that what is described is what can be queried.
func (s *Server) schema(ctx context.Context) []*schemaTable {
	empty := &data.Snapshot{Now: s.now(), TimeZone: s.store.Location()}
	eng := engine.New(empty)
	tables := []*schemaTable{}
	for _, name := range slices.Concat([]string{"events", "persons", "person_distinct_ids", "sessions"}, systemTableNames()) {
		tree, err := hogql.Parse("SELECT * FROM " + name + " LIMIT 0")
		if err != nil {
			continue
		}
		result, err := eng.Run(ctx, tree, engine.Options{Table: func(n string) (*engine.Table, bool) {
			if strings.HasPrefix(n, "system.information_schema.") {
				return nil, false // it is made of this very list
			}
			return s.systemTable(ctx, n)
		}})
		if err != nil {
			continue // a cancelled context; nothing else can fail here
		}
		tables = append(tables, describeTable(name, result))
	}
	return tables
}

func describeTable(name string, result *engine.Result) *schemaTable {
	t := &schemaTable{ID: name, Name: name, Type: "posthog", Fields: map[string]schemaField{}}
	if strings.HasPrefix(name, "system.") {
		t.Type = "system"
	}
	for i, column := range result.Columns {
		kind := schemaType(result.Types[i])
		if column == "properties" {
			kind = "json"
		}
		t.add(schemaField{Name: column, Type: kind, nullable: strings.HasPrefix(result.Types[i], "Nullable(")})
	}
	switch name {
	case "events":
		t.add(schemaField{Name: "person", Type: "lazy_table", Table: "persons", Fields: []string{"id", "created_at", "properties"}})
		t.add(schemaField{Name: "session", Type: "lazy_table", Table: "sessions"})
		t.add(schemaField{Name: "pdi", Type: "lazy_table", Table: "person_distinct_ids"})
	case "persons":
		t.add(schemaField{Name: "pdi", Type: "lazy_table", Table: "person_distinct_ids"})
	}
	return t
}

func (t *schemaTable) add(f schemaField) {
	if _, has := t.Fields[f.Name]; has {
		return
	}
	f.HogQLValue, f.SchemaValid = f.Name, true
	t.Fields[f.Name] = f
	t.fields = append(t.fields, f)
}

// schemaType is the API's name for a ClickHouse type.
func schemaType(ch string) string {
	ch = strings.TrimSuffix(strings.TrimPrefix(ch, "Nullable("), ")")
	switch {
	case strings.HasPrefix(ch, "UInt"), strings.HasPrefix(ch, "Int"):
		return "integer"
	case strings.HasPrefix(ch, "Float"):
		return "float"
	case strings.HasPrefix(ch, "Decimal"):
		return "decimal"
	case strings.HasPrefix(ch, "DateTime"):
		return "datetime"
	case strings.HasPrefix(ch, "Date"):
		return "date"
	case strings.HasPrefix(ch, "Array"):
		return "array"
	case ch == "Bool":
		return "boolean"
	case ch == "UUID":
		return "uuid"
	case ch == "String":
		return "string"
	}
	return "unknown"
}

// describe answers the query kinds that read no records; nil for others.
func (s *Server) describe(c *call, node *queryNode) (*reply, error) {
	switch node.Kind {
	case "DatabaseSchemaQuery":
		tables := map[string]*schemaTable{}
		for _, t := range s.schema(c.r.Context()) {
			tables[t.Name] = t
		}
		return ok(map[string]any{"tables": tables, "joins": []any{}})
	case "HogQLMetadata":
		return s.metadata(c, node)
	}
	return nil, nil
}

// notice is one remark of HogQLMetadata, with its place in the text.
type notice struct {
	Message string  `json:"message"`
	Start   *int    `json:"start,omitempty"`
	End     *int    `json:"end,omitempty"`
	Fix     *string `json:"fix,omitempty"`
}

// metadata checks a query without running it: its syntax, and over no rows its
// names and types.
func (s *Server) metadata(c *call, node *queryNode) (*reply, error) {
	var q struct {
		Language string `json:"language"`
		Query    string `json:"query"`
	}
	if err := json.Unmarshal(node.raw, &q); err != nil {
		return nil, malformed("query.HogQLMetadata", "Input should be a valid dictionary")
	}
	if !strings.EqualFold(q.Language, "hogQL") {
		return nil, invalidText("not_supported_by_demo", "", "not supported by the demo data: HogQLMetadata of language "+q.Language)
	}
	problems, notices := []notice{}, []notice{}
	if err := s.validate(c.r.Context(), q.Query); err != nil {
		n := notice{Message: err.Error()}
		if syntax, is := asSyntax(err); is {
			end := min(len(q.Query), syntax.Offset+max(1, len(syntax.Near)))
			n = notice{Message: syntax.Message, Start: &syntax.Offset, End: &end}
		}
		if text, is := notSupported(err); is {
			notices = append(notices, notice{Message: text})
		} else {
			problems = append(problems, n)
		}
	}
	return ok(map[string]any{
		"isValid": len(problems) == 0, "isUsingIndices": nil, "query": q.Query, "errors": problems, "warnings": []notice{}, "notices": notices,
	})
}

// validate runs a query over no records. Placeholders stand for anything, so a
// query that has them is only parsed.
func (s *Server) validate(ctx context.Context, sql string) error {
	tree, err := hogql.Parse(sql)
	if err != nil || strings.Contains(sql, "{") {
		return err
	}
	empty := &data.Snapshot{Now: s.now(), TimeZone: s.store.Location()}
	_, err = engine.New(empty).Run(ctx, tree, engine.Options{
		Source: sql, Cohort: cohortsOf(s.store.Snapshot()),
		Table: func(name string) (*engine.Table, bool) { return s.systemTable(ctx, name) },
	})
	return err
}
