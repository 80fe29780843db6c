package driver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// FieldsParams name an object.
type FieldsParams struct {
	// Object is an event name, "persons", "sessions", "groups:TYPE" or a HogQL
	// table; "event:NAME" and "table:NAME" where a name could mean both.
	Object string
	Search string // part of a field's name
	Limit  int    // rows of one page, 1 to 500; 0: 100
	Cursor string // of the page before
}

// Field is something to select, filter or group by.
type Field struct {
	Name        string // as PostHog stores it
	Access      string // HogQL expression that reads it
	Type        string // String, Numeric, Boolean, DateTime, or a table column's type; "" when unknown
	Description string
}

// FieldsResult is one page of an object's fields.
type FieldsResult struct {
	Object string // what it was taken for, such as "event signup"
	Table  string // HogQL table that the expressions fit
	Fields []Field
	Total  *int   // fields that match, when PostHog says so
	Cursor string // of the next page; empty on the last
	Note   string // what holds for every object of this sort

	pagePlace
}

const fieldsDefaultLimit = 100

// GetFields gives the fields of an object as PostHog knows them now: the
// properties seen on an event, on persons or groups, or the columns of a table. A name that is neither an event nor a table is KindNotFound.
//
//posthog:operation GET /api/projects/:project_id/event_definitions/
//posthog:operation GET /api/projects/:project_id/property_definitions/
//posthog:operation GET /api/projects/:project_id/groups_types/
//posthog:operation POST /api/projects/:project_id/query/
func (c *Client) GetFields(ctx context.Context, p FieldsParams) (FieldsResult, error) {
	ctx, cancel := c.withTotal(ctx) // of all its requests
	defer cancel()
	const op = "get_fields"
	name := strings.TrimSpace(p.Object)
	kind, rest, prefixed := strings.Cut(name, ":")
	switch {
	case name == "" || prefixed && strings.TrimSpace(rest) == "":
		return FieldsResult{}, invalid(op, "object", "no object is named", `Name an event, "persons", "sessions", "groups:company" or a table; list_objects shows them.`)
	case prefixed && kind == "event":
		return c.eventFields(ctx, op, rest, p)
	case prefixed && kind == "table":
		return c.tableFields(ctx, op, rest, p)
	case prefixed && (kind == "group" || kind == "groups"):
		return c.groupFields(ctx, op, rest, p)
	}
	switch name {
	case "person", "persons", ObjectPersonProperties:
		return c.propertyFields(ctx, op, propertyQuery{kind: "person"}, p, FieldsResult{
			Object: "persons", Table: "persons",
			Note: "Columns of persons: id, created_at, is_identified, properties. From events read person.properties.NAME.",
		})
	case ObjectEventProperties:
		return c.propertyFields(ctx, op, propertyQuery{kind: "event"}, p, FieldsResult{Object: "all events", Table: "events", Note: eventNote})
	case "groups":
		return FieldsResult{}, invalid(op, "object", "groups have a type", `Write "groups:company"; list_objects with kind groups shows the types.`)
	case "session", "sessions":
		return c.tableFields(ctx, op, "sessions", p)
	case "events":
		return c.tableFields(ctx, op, name, p)
	}
	out, err := c.eventFields(ctx, op, name, p)
	if KindOf(err) != KindNotFound {
		return out, err
	}
	table, tableErr := c.tableFields(ctx, op, name, p)
	switch KindOf(tableErr) {
	case "":
		return table, nil
	case KindNotFound:
		return FieldsResult{}, &Error{
			Op: op, Kind: KindNotFound, Attr: "object",
			Detail: fmt.Sprintf("%q is neither an event nor a table of this project", clip(name)),
			Hint:   "list_objects with kind events or tables shows the names.",
		}
	}
	return FieldsResult{}, err
}

const eventNote = "Every event also has timestamp, event, distinct_id, person_id, $session_id, uuid and person.properties.NAME."

// eventFields checks that the event exists first: PostHog gives no properties
// for a misspelt name instead of an error.
func (c *Client) eventFields(ctx context.Context, op, name string, p FieldsParams) (FieldsResult, error) {
	if p.Cursor == "" {
		q := url.Values{"search": {name}}
		page, err := listOf[eventDefinition](ctx, c, op, "/api/projects/{project}/event_definitions/", q, maxPageRows, "")
		if err != nil {
			return FieldsResult{}, err
		}
		if !slices.ContainsFunc(page.Results, func(d eventDefinition) bool { return d.Name == name }) {
			return FieldsResult{}, &Error{
				Op: op, Kind: KindNotFound, Attr: "object", Detail: fmt.Sprintf("this project has no event %q", clip(name)),
				Hint: "list_objects with kind events shows the names.",
			}
		}
	}
	return c.propertyFields(ctx, op, propertyQuery{kind: "event", event: name}, p, FieldsResult{Object: "event " + name, Table: "events", Note: eventNote})
}

func (c *Client) groupFields(ctx context.Context, op, name string, p FieldsParams) (FieldsResult, error) {
	types, err := c.groupTypes(ctx, op)
	if err != nil {
		return FieldsResult{}, err
	}
	var known []string
	for _, t := range types {
		if t.Name == name || strconv.Itoa(t.Index) == name {
			return c.propertyFields(ctx, op, propertyQuery{kind: "group", group: t.Index}, p, FieldsResult{
				Object: "group " + t.Name, Table: "events", Note: fmt.Sprintf("$group_%d is the group's key, empty when an event has none.", t.Index),
			})
		}
		known = append(known, t.Name)
	}
	hint := "This project has no group types."
	if len(known) > 0 {
		hint = "Group types: " + cleanText(strings.Join(known, ", "), 200) + "."
	}
	return FieldsResult{}, &Error{Op: op, Kind: KindNotFound, Attr: "object", Detail: fmt.Sprintf("this project has no group type %q", clip(name)), Hint: hint}
}

// propertyQuery chooses property definitions.
type propertyQuery struct {
	kind   string // event, person or group; PostHog keeps no definitions of session properties
	event  string // only those seen on this event
	group  int    // index of the group type
	search string
}

// propertyDefinition is PostHog's record of a property.
type propertyDefinition struct {
	Name        string  `json:"name"`
	Type        *string `json:"property_type"`
	Description *string `json:"description"`
}

func (c *Client) properties(ctx context.Context, op string, pq propertyQuery, limit int, cursor string) (Page[propertyDefinition], pagePlace, error) {
	q := url.Values{"type": {pq.kind}, "exclude_hidden": {"true"}}
	if pq.event != "" {
		names, err := json.Marshal([]string{pq.event})
		if err != nil {
			return Page[propertyDefinition]{}, pagePlace{}, invalid(op, "object", "the event name is not text", "")
		}
		q.Set("event_names", string(names))
		q.Set("filter_by_event_names", "true")
	}
	if pq.kind == "group" {
		q.Set("group_type_index", strconv.Itoa(pq.group))
	}
	if pq.search != "" {
		q.Set("search", pq.search)
	}
	page, err := listOf[propertyDefinition](ctx, c, op, "/api/projects/{project}/property_definitions/", q, limit, cursor)
	return page, placeOf(q, limit, cursor, len(page.Results), page.Next), err
}

func (c *Client) propertyFields(ctx context.Context, op string, pq propertyQuery, p FieldsParams, out FieldsResult) (FieldsResult, error) {
	limit := p.Limit
	if limit == 0 {
		limit = fieldsDefaultLimit
	}
	pq.search = p.Search
	page, place, err := c.properties(ctx, op, pq, limit, p.Cursor)
	if err != nil {
		return FieldsResult{}, err
	}
	path := "properties"
	if pq.kind == "group" {
		path = fmt.Sprintf("group_%d.properties", pq.group)
	}
	out.Total, out.Cursor, out.pagePlace = page.Count, page.Next, place
	for _, d := range page.Results {
		out.Fields = append(out.Fields, Field{Name: d.Name, Access: access(path, d.Name), Type: deref(d.Type), Description: deref(d.Description)})
	}
	return out, nil
}

// databaseTable is a table as DatabaseSchemaQuery describes it.
type databaseTable struct {
	Type   string                   `json:"type"` // posthog, system, data_warehouse, view, ...
	Fields map[string]databaseField `json:"fields"`
}

type databaseField struct {
	Name  string `json:"name"`
	HogQL string `json:"hogql_value"`
	Type  string `json:"type"`
	Table string `json:"table"` // of a lazy join
}

// databaseSchema asks for all tables and their columns.
func (c *Client) databaseSchema(ctx context.Context, op string) (map[string]databaseTable, error) {
	var out struct {
		Tables map[string]databaseTable `json:"tables"`
	}
	if err := c.runNode(ctx, op, map[string]any{"kind": "DatabaseSchemaQuery"}, "blocking", &out); err != nil {
		return nil, err
	}
	if len(out.Tables) == 0 {
		return nil, &Error{Op: op, Kind: KindUpstream, Detail: "PostHog described no tables", Err: errors.New("empty database schema")}
	}
	return out.Tables, nil
}

func (c *Client) tableFields(ctx context.Context, op, name string, p FieldsParams) (FieldsResult, error) {
	limit, err := boundedLimit(op, p.Limit, fieldsDefaultLimit, maxPageRows)
	if err != nil {
		return FieldsResult{}, err
	}
	offset, err := pageOffset(op, p.Cursor)
	if err != nil {
		return FieldsResult{}, err
	}
	tables, err := c.databaseSchema(ctx, op)
	if err != nil {
		return FieldsResult{}, err
	}
	t, ok := tables[name]
	if !ok {
		return FieldsResult{}, &Error{
			Op: op, Kind: KindNotFound, Attr: "object", Detail: fmt.Sprintf("there is no table %q", clip(name)),
			Hint: "list_objects with kind tables shows the names.",
		}
	}
	var all []Field
	for key, f := range t.Fields {
		if !contains(key, p.Search) {
			continue
		}
		field := Field{Name: key, Access: cmp.Or(f.HogQL, key), Type: f.Type}
		if f.Table != "" {
			field.Description = "joins " + f.Table
		}
		all = append(all, field)
	}
	slices.SortFunc(all, func(a, b Field) int { return cmp.Compare(a.Name, b.Name) })
	total := len(all)
	out := FieldsResult{Object: "table " + name, Table: name, Total: &total, Fields: all[min(offset, total):min(offset+limit, total)]}
	if offset+limit < total {
		out.Cursor = strconv.Itoa(offset + limit)
	}
	out.pagePlace = pagePlace{first: offset, rows: len(out.Fields), next: out.Cursor}
	switch name {
	case "events":
		out.Note = "Name an event instead of events for its properties."
	case "sessions":
		out.Note = "From events read session.NAME."
	}
	return out, nil
}

// access writes the HogQL expression that reads a property: with dots where
// the name is an identifier, otherwise with the name as a quoted string.
func access(path, name string) string {
	plain := name != "" && (name[0] < '0' || name[0] > '9')
	for _, r := range name {
		if r != '_' && r != '$' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			plain = false
		}
	}
	if plain {
		return path + "." + name
	}
	return path + "[" + quoted(name) + "]"
}
