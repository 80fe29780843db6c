package driver

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
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
	limit   int         // rows that the caller gets at most; 0: unknown
	own     bool        // limit is the statement's own
	counted bool        // sql asks for one row more than limit
	info    *hogql.Info // nil when the statement could not be analysed
	unsure  bool        // PostHog may have a limit of its own on the whole: exactly limit rows prove nothing
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
	info, err := hogql.Inspect(plan.sql)
	if err != nil {
		return plan, syntaxFault(op, err)
	}
	if info.Unparsed != "" {
		return plan, nil // only PostHog can judge this one
	}
	plan.info = info
	if len(info.Offsets) > 0 {
		at := info.Offsets[0]
		return plan, invalid(op, "query", fmt.Sprintf("the query has an OFFSET (line %d, column %d)", at.Line, at.Column), offsetHint)
	}
	if err := checkPlaceholders(op, info, values); err != nil {
		return plan, err
	}
	return plan.limited(op, info.Query)
}

// syntaxFault says where the statement is wrong.
func syntaxFault(op string, err error) error {
	e, ok := errors.AsType[*hogql.SyntaxError](err)
	if !ok {
		return invalid(op, "query", "the query does not parse", "")
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
func checkPlaceholders(op string, info *hogql.Info, values map[string]any) error {
	missing, unused := info.MissingValues(values)
	switch {
	case len(missing) > 0:
		name := clip(missing[0])
		return invalid(op, "values", fmt.Sprintf("the query uses {%s}, but values has no %q", name, name), fmt.Sprintf("Add it: values {%q: ...}.", name))
	case len(unused) > 0:
		name := clip(unused[0])
		return invalid(op, "values", fmt.Sprintf("values has %q, but the query does not use {%s}", name, name), "Write the placeholder in braces and without quotes, or take the value out.")
	}
	return nil
}

// teach adds to PostHog's refusal what is known of the statement.
func (p queryPlan) teach(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || p.info == nil {
		return err
	}
	told := *e
	switch {
	case (e.Kind == KindTimeout || e.Kind == KindTooLarge) && len(p.info.UnboundedEvents) > 0:
		told.Hint = "The query reads events of all time. Bound it: timestamp >= now() - INTERVAL 7 DAY."
	case e.Kind == KindInvalid && e.Status != 0 && len(p.info.UnknownFunctions) > 0:
		f := p.info.UnknownFunctions[0]
		told.Hint = fmt.Sprintf("HogQL has no function %s as far as is known here.", clip(f.Name))
		if len(f.Nearest) > 0 {
			told.Hint += " Nearest: " + strings.Join(f.Nearest[:min(3, len(f.Nearest))], ", ") + "."
		}
	default:
		return err
	}
	return &told
}
