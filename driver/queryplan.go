package driver

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// queryDefaultRows is the limit that PostHog puts on a statement without one.
const queryDefaultRows = 100

const maxStatement = 1 << 20 // bytes of HogQL; PostHog's own editor is far below

// queryPlan is what is known of a statement before it is sent.
type queryPlan struct {
	sql     string
	values  map[string]any
	limit   int  // rows that the caller gets at most; 0: unknown
	own     bool // limit is the statement's own
	counted bool // sql asks for one row more than limit
	unsure  bool // PostHog may have a limit of its own on the whole: exactly limit rows prove nothing
}

const offsetHint = "PostHog takes no OFFSET from API keys. Continue behind the last row instead: " +
	"WHERE (timestamp, uuid) > (toDateTime64({last_time}, 6, 'UTC'), toUUID({last_uuid})) ORDER BY timestamp, uuid LIMIT n; or use export_events."

// planQuery checks a statement and its values and prepares it for sending.
func planQuery(op, sql string, values map[string]any) (queryPlan, error) {
	plan := queryPlan{sql: strings.TrimSpace(sql), values: values}
	switch {
	case plan.sql == "":
		return plan, invalid(op, "query", "the query is empty", "Write one HogQL SELECT, such as SELECT event, count() AS n FROM events WHERE timestamp > now() - INTERVAL 7 DAY GROUP BY event ORDER BY n DESC.")
	case len(plan.sql) > maxStatement:
		return plan, invalid(op, "query", fmt.Sprintf("the query has %d bytes", len(plan.sql)), "Keep it below a megabyte; long lists belong into values.")
	}
	if err := checkValues(op, values); err != nil {
		return plan, err
	}
	q, err := hogql.Parse(plan.sql)
	if err != nil {
		return plan, syntaxFault(op, err)
	}
	facts := inspect(q)
	if facts.offset {
		return plan, invalid(op, "query", "the query has an OFFSET", offsetHint)
	}
	if err := checkPlaceholders(op, facts.placeholders, values); err != nil {
		return plan, err
	}
	return plan.limited(op, q)
}

// syntaxFault gives nil for what only PostHog can judge.
func syntaxFault(op string, err error) error {
	e, ok := errors.AsType[*hogql.SyntaxError](err)
	if !ok {
		return nil
	}
	detail := fmt.Sprintf("the query does not parse: line %d, column %d: %s", e.Line, e.Column, e.Message)
	if e.Near != "" {
		detail += fmt.Sprintf(" (at %q)", cleanText(e.Near, 60))
	}
	return &Error{
		Op: op, Kind: KindInvalid, Attr: "query", Detail: cleanText(detail, maxDetail), Err: e,
		Hint: "Correct the query there; nothing was sent, no quota was used.",
	}
}

// queryFacts are what the checks need to know of a statement's tree.
type queryFacts struct {
	offset       bool     // OFFSET of rows anywhere, subqueries and LIMIT BY included
	placeholders []string // names in braces, sorted
}

// inspect looks at every node of the tree.
func inspect(q hogql.Query) queryFacts {
	var facts queryFacts
	walkTree(reflect.ValueOf(q), func(n any) {
		switch n := n.(type) {
		case *hogql.SelectQuery:
			facts.offset = facts.offset || n.Offset != nil
		case *hogql.SelectSetQuery:
			facts.offset = facts.offset || n.Offset != nil
		case *hogql.LimitByExpr:
			facts.offset = facts.offset || n.Offset != nil
		case *hogql.Placeholder:
			if f, ok := n.Expr.(*hogql.Field); ok {
				facts.placeholders = append(facts.placeholders, strings.Join(f.Chain, "."))
			}
		}
	})
	slices.Sort(facts.placeholders)
	facts.placeholders = slices.Compact(facts.placeholders)
	return facts
}

// walkTree calls visit with every pointer in the tree.
func walkTree(v reflect.Value, visit func(any)) {
	switch v.Kind() {
	case reflect.Interface:
		walkTree(v.Elem(), visit)
	case reflect.Pointer:
		if !v.IsNil() && v.CanInterface() {
			visit(v.Interface())
			walkTree(v.Elem(), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				walkTree(v.Field(i), visit)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			walkTree(v.Index(i), visit)
		}
	default:
	}
}

// checkValues refuses what cannot stand for a placeholder: PostHog takes
// constants only.
func checkValues(op string, values map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !constantValue(values[name], true) {
			return invalid(op, "values", fmt.Sprintf("the value of %q is not a constant", clip(name)), "Give a string, number, boolean, null, or a list of those.")
		}
	}
	return nil
}

func constantValue(v any, lists bool) bool {
	switch v := v.(type) {
	case nil, bool, string, json.Number, int, int64:
		return true
	case float64:
		return !math.IsNaN(v) && !math.IsInf(v, 0)
	case []string:
		return lists
	case []any:
		for _, item := range v {
			if !constantValue(item, false) {
				return false
			}
		}
		return lists
	}
	return false
}

// checkPlaceholders compares the names in the statement with those given.
// {filters} and {variables.x} are PostHog's own.
func checkPlaceholders(op string, used []string, values map[string]any) error {
	for _, name := range used {
		if _, ok := values[name]; !ok && name != "filters" && !strings.HasPrefix(name, "variables.") {
			return invalid(op, "values", fmt.Sprintf("the query uses {%s}, but values has no %q", clip(name), clip(name)), fmt.Sprintf("Add it: values {%q: ...}.", clip(name)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(used, name) {
			return invalid(op, "values", fmt.Sprintf("values has %q, but the query does not use {%s}", clip(name), clip(name)), "Write the placeholder in braces and without quotes, or take the value out.")
		}
	}
	return nil
}
