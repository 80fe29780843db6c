package posthogtest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// queryFilters builds the condition that {filters} stands for from a query's
// "filters": a date range, properties, and the project's test accounts.
func (s *Server) queryFilters(raw json.RawMessage, snap *data.Snapshot) (hogql.Expr, error) {
	if raw = notNull(raw); raw == nil {
		return nil, nil
	}
	var f struct {
		DateRange struct {
			From *string `json:"date_from"`
			To   *string `json:"date_to"`
		} `json:"dateRange"`
		Properties         []data.PropertyFilter `json:"properties"`
		FilterTestAccounts bool                  `json:"filterTestAccounts"`
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, malformed("query.HogQLQuery.filters", "Input should be a valid dictionary")
	}
	if f.FilterTestAccounts {
		f.Properties = append(f.Properties, s.store.Project().TestAccountFilters...)
	}
	var all []hogql.Expr
	for _, bound := range []struct {
		text *string
		op   string
	}{{f.DateRange.From, ">="}, {f.DateRange.To, "<="}} {
		if bound.text == nil || *bound.text == "" || *bound.text == "all" {
			continue
		}
		at, err := data.ParseDate(*bound.text, snap.Now, snap.TimeZone)
		if err != nil {
			return nil, err
		}
		if bound.op == "<=" && at.DayOnly { // a day as an upper bound includes the day
			at.At = at.At.AddDate(0, 0, 1).Add(-time.Microsecond)
		}
		all = append(all, compare(field("timestamp"), bound.op, callOf("toDateTime64",
			text(at.At.UTC().Format("2006-01-02 15:04:05.000000")), &hogql.Constant{Value: int64(6)}, text("UTC"))))
	}
	for i := range f.Properties {
		e, err := propertyCondition(&f.Properties[i])
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	switch len(all) {
	case 0:
		return nil, nil
	case 1:
		return all[0], nil
	}
	return &hogql.And{Exprs: all}, nil
}

func field(chain ...string) hogql.Expr { return &hogql.Field{Chain: chain} }

func text(s string) hogql.Expr { return &hogql.Constant{Value: s} }

func callOf(name string, args ...hogql.Expr) hogql.Expr { return &hogql.Call{Name: name, Args: args} }

func compare(left hogql.Expr, op string, right hogql.Expr) hogql.Expr {
	return &hogql.CompareOperation{Op: op, Left: left, Right: right}
}

// propertyCondition is one property filter as a condition on events. A missing
// property passes the negative operators, as in PostHog's own translation.
func propertyCondition(f *data.PropertyFilter) (hogql.Expr, error) {
	var value hogql.Expr
	switch f.Type {
	case "", "event":
		value = field("properties", f.Key)
	case "person":
		value = field("person", "properties", f.Key)
	case "cohort":
		id, _ := data.NumberOf(f.Value)
		op := "in cohort"
		if f.Negation || f.Operator == "not_in" {
			op = "not in cohort"
		}
		return compare(field("person_id"), op, &hogql.Constant{Value: int64(id)}), nil
	default:
		return nil, &data.NotSupportedError{What: fmt.Sprintf("a filter of type %q", f.Type)}
	}
	null := &hogql.Constant{}
	missing := &hogql.CompareOperation{Op: "==", Left: value, Right: null, IsNull: true}
	positive, negative := positiveOperator(f.Operator)
	if positive == "" {
		return nil, &data.NotSupportedError{What: fmt.Sprintf("the property operator %q", f.Operator)}
	}
	if positive == "is_set" {
		if negative {
			return missing, nil
		}
		return &hogql.Not{Expr: missing}, nil
	}
	wants, many := f.Value.([]any)
	if !many {
		wants = []any{f.Value}
	}
	asText := callOf("toString", value)
	var options []hogql.Expr
	for _, w := range wants {
		switch positive {
		case "exact":
			options = append(options, compare(asText, "==", text(textOf(w))))
		case "icontains":
			options = append(options, compare(callOf("positionCaseInsensitive", asText, text(textOf(w))), ">", &hogql.Constant{Value: int64(0)}))
		case "regex":
			options = append(options, callOf("match", asText, text(textOf(w))))
		default:
			n, isNumber := numberOf(w)
			if !isNumber {
				return nil, fmt.Errorf("property filter on %q: operator %q needs a number", f.Key, f.Operator)
			}
			options = append(options, compare(callOf("toFloat", value), positive, &hogql.Constant{Value: n}))
		}
	}
	condition := options[0]
	if len(options) > 1 {
		condition = &hogql.Or{Exprs: options}
	}
	if negative {
		return &hogql.Or{Exprs: []hogql.Expr{missing, &hogql.Not{Expr: condition}}}, nil
	}
	return condition, nil
}

// positiveOperator splits an operator into its positive form and whether it
// is negated; "" for one that is not supported.
func positiveOperator(op string) (positive string, negative bool) {
	switch op {
	case "", "exact":
		return "exact", false
	case "is_not":
		return "exact", true
	case "icontains", "regex", "is_set":
		return op, false
	case "not_icontains":
		return "icontains", true
	case "not_regex":
		return "regex", true
	case "is_not_set":
		return "is_set", true
	case "gt":
		return ">", false
	case "gte":
		return ">=", false
	case "lt":
		return "<", false
	case "lte":
		return "<=", false
	}
	return "", false
}
