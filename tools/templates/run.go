package templates

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// Out is the answer of a template.
type Out struct {
	Definition   string `json:"definition,omitempty" jsonschema:"What is counted"`
	TestAccounts string `json:"test_accounts,omitempty" jsonschema:"Whether internal and test users are in it"`
	TimeZone     string `json:"timezone,omitempty" jsonschema:"Of the times"`
	tools.Table

	notices []string
}

// Notices tells of an answer from PostHog's cache.
func (o *Out) Notices() []string { return o.notices }

// tool makes the template callable.
func (t *Template) tool() tools.Tool {
	scopes := t.Scopes
	if len(scopes) == 0 {
		scopes = []string{"query:read"}
	}
	inputs, _ := t.inputs() // checked: by load, and by tests for the built-in ones
	return tools.Untyped{
		Of: tools.Spec{
			Name: t.Name, Title: t.Title, Doc: strings.TrimSpace(t.Doc), Effect: tools.Reads,
			Scopes: scopes, Toolset: t.Toolset, Class: driver.ClassQuery,
		},
		Inputs: inputs,
		Run: func(ctx context.Context, ph *driver.Client, args map[string]any) (any, error) {
			return t.run(ctx, ph, args)
		},
	}
}

func (t *Template) run(ctx context.Context, ph *driver.Client, args map[string]any) (*Out, error) {
	out := &Out{TestAccounts: "Internal and test users are included."}
	users := driver.TestAccounts{Condition: "true"}
	if strings.Contains(t.sql, "{"+realUsers+"}") {
		var err error
		if users, err = ph.TestAccounts(ctx); err != nil {
			return nil, err
		}
		out.TestAccounts = users.Note
	}
	sql := choose(t.sql, func(name string) bool { return given(args[name]) })
	sql, err := expand(sql, t.Params, args, users.Condition)
	if err != nil {
		return nil, err
	}
	values := maps.Clone(users.Values)
	if values == nil {
		values = map[string]any{}
	}
	limit := t.bind(ctx, ph, args, sql, values)
	res, err := ph.Query(ctx, driver.QueryParams{SQL: sql, Values: values, Fresh: t.Fresh, Name: "posthog-mcp " + t.Name})
	if err != nil {
		return nil, err
	}
	t.fill(out, res, args, limit)
	out.Definition = t.define(args)
	if age := tools.Now(ctx).Sub(res.LastRefresh); res.Cached && !res.LastRefresh.IsZero() && age > time.Minute {
		out.notices = append(out.notices, fmt.Sprintf("PostHog answered from its cache, computed %s ago.", age.Round(time.Minute)))
	}
	return out, nil
}

// given reports whether the caller, or a default, gave a value that says
// something.
func given(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case tools.Time:
		return !v.IsZero()
	}
	return true
}

// bind fills values with what the statement's placeholders stand for and gives
// the caller's limit, 0 without one.
func (t *Template) bind(ctx context.Context, ph *driver.Client, args map[string]any, sql string, values map[string]any) (limit int64) {
	for _, p := range t.Params {
		v, ok := args[p.Name]
		if !ok || p.isProperty() || !strings.Contains(sql, "{"+p.Name+"}") {
			continue
		}
		if at, isTime := v.(tools.Time); isTime {
			zone := ph.Location(ctx)
			moment := at.Start(tools.Now(ctx), zone)
			if p.Edge == "end" {
				moment = at.End(tools.Now(ctx), zone)
			}
			v = moment.UTC().Format("2006-01-02 15:04:05")
		}
		if n, isInt := v.(int64); isInt && p.Name == "limit" {
			limit = n
			v = n + 1 // the row that proves that more exist
		}
		values[p.Name] = v
	}
	return limit
}

// fill moves the rows over, without the one asked for in excess, and names the
// columns of chosen properties.
func (t *Template) fill(out *Out, res driver.QueryResult, args map[string]any, limit int64) {
	rows := res.Rows
	more := res.HasMore
	if limit > 0 {
		more = int64(len(rows)) > limit
		rows = rows[:min(int64(len(rows)), limit)]
	}
	out.Table = tools.NewTable(t.columns(res.Columns, args), rows)
	out.HasMore, out.Units = more, t.Units
	if out.TimeZone = res.TimeZone; out.TimeZone == "" {
		out.TimeZone = "of the project"
	}
	if at := slices.Index(res.Columns, t.Cursor); at >= 0 && t.Cursor != "" {
		out.CursorAfter = func(n int) string {
			if n <= 0 || n > len(rows) || at >= len(rows[n-1]) {
				return ""
			}
			return fmt.Sprint(rows[n-1][at])
		}
		if more {
			out.Cursor = out.CursorAfter(len(rows))
		}
	}
}

// columns puts the names that the caller gave in place of the aliases that
// expand made up for them.
func (t *Template) columns(columns []string, args map[string]any) []string {
	wanted := map[string]string{}
	for _, p := range t.Params {
		if p.Type != "properties" {
			continue
		}
		names, err := texts(args[p.Name])
		if err != nil {
			continue
		}
		for i, name := range names {
			wanted[alias(p.Name, i)] = name
		}
	}
	out := slices.Clone(columns)
	for i, c := range out {
		if name, ok := wanted[c]; ok {
			out[i] = name
		}
	}
	return out
}

// plainSpace closes the gaps that optional parts left.
func plainSpace(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), " .", ".")
}

// define writes the definition with the values of this call. The condition of
// an optional part that the definition does not speak of is added to it.
func (t *Template) define(args map[string]any) string {
	pairs := make([]string, 0, 2*len(t.Params))
	for _, p := range t.Params {
		pairs = append(pairs, "{"+p.Name+"}", shown(args[p.Name]))
	}
	var text strings.Builder
	words := choose(t.Definition, func(name string) bool { return given(args[name]) })
	text.WriteString(strings.NewReplacer(pairs...).Replace(plainSpace(words)))
	for _, name := range conditions(t.sql) {
		if !given(args[name]) || name == "cursor" || strings.Contains(t.Definition, "{"+name+"}") {
			continue
		}
		text.WriteString(" Only with " + name + ": " + shown(args[name]) + ".")
	}
	return text.String()
}

// shown writes a value for people.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "any"
	case string:
		return v
	case tools.Time:
		return v.String()
	}
	if names, err := texts(v); err == nil {
		return strings.Join(names, ", ")
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return "any"
	}
	return string(raw)
}
