package driver

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPropertyName is PostHog's bound for the name of a property, in bytes.
const maxPropertyName = 400

// propertyFilter is one condition on a property, written compactly as
// "plan=pro". It becomes a filter object of the REST API or a HogQL condition
// whose value travels as a bound value.
type propertyFilter struct {
	key      string
	operator string // PostHog's word, such as "exact"
	value    string // empty for is_set and is_not_set
}

// filterHint says how conditions are written, for every refusal of one.
const filterHint = `Write conditions as "plan=pro", "plan!=free", "age>30", "email~@acme.com" (contains), "plan" (is set) or "!plan" (is not set).`

// filterOperators lists the signs, the longer ones first because some start
// with a shorter one.
func filterOperators() [8][2]string {
	return [8][2]string{
		{"!=", "is_not"},
		{"!~", "not_icontains"},
		{">=", "gte"},
		{"<=", "lte"},
		{"=", "exact"},
		{"~", "icontains"},
		{">", "gt"},
		{"<", "lt"},
	}
}

// parseFilter reads one compact condition.
func parseFilter(op, attr, text string) (propertyFilter, error) {
	s := strings.TrimSpace(text)
	if s == "" {
		return propertyFilter{}, invalid(op, attr, "an empty condition", filterHint)
	}
	if rest, ok := strings.CutPrefix(s, "!"); ok && !strings.ContainsAny(rest, "=<>~") {
		rest = strings.TrimSpace(rest)
		if rest == "" {
			return propertyFilter{}, invalid(op, attr, fmt.Sprintf("condition %q names no property", text), filterHint)
		}
		return propertyFilter{key: rest, operator: "is_not_set"}, nil
	}
	at := strings.IndexAny(s, "=!<>~")
	for at >= 0 {
		for _, o := range filterOperators() {
			if !strings.HasPrefix(s[at:], o[0]) {
				continue
			}
			f := propertyFilter{key: strings.TrimSpace(s[:at]), operator: o[1], value: strings.TrimSpace(s[at+len(o[0]):])}
			return f, checkFilter(op, attr, text, f)
		}
		// A lone "!" inside a name is part of the name.
		next := strings.IndexAny(s[at+1:], "=!<>~")
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return propertyFilter{key: s, operator: "is_set"}, nil
}

func checkFilter(op, attr, text string, f propertyFilter) error {
	switch {
	case f.key == "":
		return invalid(op, attr, fmt.Sprintf("condition %q names no property", text), filterHint)
	case strings.HasPrefix(f.key, "!"):
		return invalid(op, attr, fmt.Sprintf("condition %q is negated twice", text), filterHint)
	case f.value == "":
		return invalid(op, attr, fmt.Sprintf("condition %q has no value", text), filterHint)
	case strings.HasPrefix(f.value, "="), strings.HasPrefix(f.value, ">"), strings.HasPrefix(f.value, "<"), strings.HasPrefix(f.value, "~"):
		return invalid(op, attr, fmt.Sprintf("condition %q has an unknown operator", text), filterHint)
	}
	return nil
}

// parseFilters reads all conditions; they are joined by AND.
func parseFilters(op, attr string, texts []string) ([]propertyFilter, error) {
	out := make([]propertyFilter, 0, len(texts))
	for _, t := range texts {
		f, err := parseFilter(op, attr, t)
		if err != nil {
			return nil, err
		}
		if err := checkPropertyName(op, attr, f.key); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// personFilter is the REST form of a condition on a person property.
type personFilter struct {
	Key      string `json:"key"`
	Type     string `json:"type"`
	Operator string `json:"operator"`
	Value    any    `json:"value,omitempty"`
	Negation *bool  `json:"negation,omitempty"`
}

// person gives the REST form. Operators that compare equality take a list, as
// PostHog's own screens send it.
func (f propertyFilter) person() personFilter {
	out := personFilter{Key: f.key, Type: "person", Operator: f.operator}
	switch f.operator {
	case "is_set", "is_not_set":
		out.Value = f.operator
	case "exact", "is_not":
		out.Value = []string{f.value}
	default:
		out.Value = f.value
	}
	return out
}

// hogql gives the condition as HogQL over field, an expression such as
// properties['plan']. Equality compares as text, whatever type PostHog has
// detected for the property; order compares numbers when the value is one.
func (f propertyFilter) hogql(b *sqlBuilder, field string) string {
	text := field // a column is text already, and in the sort key only as it is
	if strings.HasSuffix(field, "]") {
		text = "toString(" + field + ")"
	}
	switch f.operator {
	case "is_set":
		return field + " IS NOT NULL"
	case "is_not_set":
		return field + " IS NULL"
	case "exact":
		return text + " = " + b.bind(f.value)
	case "is_not":
		return "(" + text + " != " + b.bind(f.value) + " OR " + field + " IS NULL)"
	case "icontains":
		return text + " ILIKE " + b.bind("%"+escapeLike(f.value)+"%")
	case "not_icontains":
		return "(" + text + " NOT ILIKE " + b.bind("%"+escapeLike(f.value)+"%") + " OR " + field + " IS NULL)"
	}
	sign := map[string]string{"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}[f.operator]
	if n, err := strconv.ParseFloat(f.value, 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) {
		return "toFloat(" + field + ") " + sign + " " + b.bind(n)
	}
	return text + " " + sign + " " + b.bind(f.value)
}

// escapeLike makes the wildcards of LIKE ordinary characters.
func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// sqlBuilder collects the bound values of a statement. A caller's text gets
// into HogQL only as such a value, or as the name of a property in quotes.
type sqlBuilder struct {
	values map[string]any
}

func newSQLBuilder() *sqlBuilder {
	return &sqlBuilder{values: map[string]any{}}
}

// bind gives the placeholder for a value.
func (b *sqlBuilder) bind(v any) string {
	key := "v" + strconv.Itoa(len(b.values))
	b.values[key] = v
	return "{" + key + "}"
}

// property gives the expression for an event property, or for a person
// property when the name starts with "person.". A name cannot travel as a
// value on its own, so it is written as a string literal; checkPropertyName has
// refused what a literal cannot hold.
func (*sqlBuilder) property(name string) string {
	if key, ok := strings.CutPrefix(name, "person."); ok && key != "" {
		return "person.properties[" + quoted(key) + "]"
	}
	return "properties[" + quoted(name) + "]"
}

// quoted writes a HogQL string literal.
func quoted(name string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name) + "'"
}

// checkPropertyName refuses what cannot be the name of a property.
func checkPropertyName(op, attr, name string) error {
	bad := strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError })
	switch {
	case strings.TrimSpace(name) == "" || name == "person.":
		return invalid(op, attr, "a property name is empty", "Name properties as get_fields shows them.")
	case bad || len(name) > maxPropertyName:
		return invalid(op, attr, fmt.Sprintf("%q is not the name of a property", clip(name)), "Name properties as get_fields shows them.")
	}
	return nil
}
