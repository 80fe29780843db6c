package posthogtest

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// Flag conditions compare properties by rules of their own, which are not
// those of queries: texts match without regard to case, and "true" and true
// are the same (rust/feature-flags/src/properties/property_matching.rs).

// errUnknowable is a condition that this server cannot evaluate; the flag is
// then answered as failed, never as off.
var errUnknowable = errors.New("the condition cannot be evaluated here")

// matchProperty tests one property filter. An operand of the wrong kind is a
// mismatch, as the service treats it.
func matchProperty(f *data.PropertyFilter, properties map[string]any, now time.Time, loc *time.Location) (bool, error) {
	have, present := properties[f.Key]
	switch op := f.Operator; op {
	case "is_set":
		return present, nil
	case "is_not_set":
		return !present, nil
	case "", "exact":
		return present && flagEqual(f.Value, have), nil
	case "is_not":
		return !present || !flagEqual(f.Value, have), nil
	case "icontains":
		return present && strings.Contains(lowered(have), lowered(f.Value)), nil
	case "not_icontains":
		return !present || !strings.Contains(lowered(have), lowered(f.Value)), nil
	case "regex", "not_regex":
		pattern, err := regexp.Compile(textOf(f.Value))
		if err != nil || !present {
			return err == nil && op == "not_regex", nil
		}
		return pattern.MatchString(textOf(have)) == (op == "regex"), nil
	case "gt", "gte", "lt", "lte":
		a, okA := numberOf(have)
		b, okB := numberOf(f.Value)
		return present && okA && okB && ordered(op, a, b), nil
	case "is_date_exact", "is_date_before", "is_date_after":
		return present && onDate(op, have, f.Value, now, loc), nil
	}
	return false, errUnknowable
}

// onDate compares dates; what is no date matches nothing.
func onDate(op string, have, want any, now time.Time, loc *time.Location) bool {
	bound, err := data.ParseDate(textOf(want), now, loc)
	at, valid := parseTime(textOf(have))
	switch {
	case err != nil || !valid:
		return false
	case op == "is_date_before":
		return at.Before(bound.At)
	case op == "is_date_after":
		return at.After(bound.At)
	}
	return at.Equal(bound.At)
}

func ordered(op string, a, b float64) bool {
	switch op {
	case "gt":
		return a > b
	case "gte":
		return a >= b
	case "lt":
		return a < b
	default:
		return a <= b
	}
}

func flagEqual(want, have any) bool {
	if truthValue(want) {
		return isTrue(want) == isTrue(have)
	}
	if list, ok := want.([]any); ok {
		return slices.ContainsFunc(list, func(w any) bool { return lowered(w) == lowered(have) })
	}
	return lowered(want) == lowered(have)
}

// truthValue reports whether a filter's value is a boolean, the text of one,
// or a list of such.
func truthValue(v any) bool {
	switch v := v.(type) {
	case bool:
		return true
	case string:
		return strings.EqualFold(v, "true") || strings.EqualFold(v, "false")
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !truthValue(e) })
	}
	return false
}

func isTrue(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return strings.EqualFold(v, "true")
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !isTrue(e) })
	}
	return false
}

// textOf is a string itself and the JSON text of anything else.
func textOf(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

func lowered(v any) string { return strings.ToLower(textOf(v)) }

func numberOf(v any) (float64, bool) {
	if n, ok := v.(float64); ok {
		return n, true
	}
	n, err := strconv.ParseFloat(textOf(v), 64)
	return n, err == nil
}
