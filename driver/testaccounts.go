package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// TestAccounts is the project's own definition of a real user, as a HogQL
// condition on the events table.
//
// PostHog can apply it to a HogQL query by itself, in place of {filters}, but
// not together with bound values, which are never given up here.
type TestAccounts struct {
	Condition string         // true for events of real users; "true" when nothing is filtered
	Values    map[string]any // of the condition's placeholders, named test_account_...
	Filtered  bool           // the condition leaves internal and test users out
	Note      string         // what is filtered, or why nothing is; one sentence
}

// TestAccounts reads the project's test account filters. Without project:read,
// or when a filter has no HogQL form here, nothing is filtered and Note says
// so.
//
//posthog:operation GET /api/projects/:project_id/
func (c *Client) TestAccounts(ctx context.Context) (TestAccounts, error) {
	var rec struct {
		Filters []PropertyCondition `json:"test_account_filters"`
	}
	err := c.do(ctx, request{
		op: "get_project_info", class: ClassRead, bucket: quota.BucketStandard, method: "GET", idempotent: true,
		path: "/api/projects/{project}/",
	}, &rec)
	if KindOf(err) == KindForbidden {
		return included("the key may not read the project's filter for them"), nil
	}
	if err != nil {
		return TestAccounts{}, err
	}
	if len(rec.Filters) == 0 {
		return included("the project defines no filter for them"), nil
	}
	b := newSQLBuilder()
	parts := make([]string, len(rec.Filters))
	words := make([]string, len(rec.Filters))
	for i, f := range rec.Filters {
		sql, ok := f.hogql(b)
		if !ok {
			return included("the project's filter " + cleanText(f.String(), 100) + " cannot be used in HogQL here"), nil
		}
		parts[i], words[i] = "("+sql+")", cleanText(f.String(), 100)
	}
	out := TestAccounts{
		Condition: "(" + strings.Join(parts, " AND ") + ")", Values: make(map[string]any, len(b.values)), Filtered: true,
		Note: "Internal and test users are left out: only " + strings.Join(words, " and ") + ".",
	}
	// The names must not meet those of the statement that takes the condition.
	for name, v := range b.values {
		own := "test_account_" + name
		out.Condition = strings.ReplaceAll(out.Condition, "{"+name+"}", "{"+own+"}")
		out.Values[own] = v
	}
	return out, nil
}

func included(why string) TestAccounts {
	return TestAccounts{Condition: "true", Note: "Internal and test users are included: " + why + "."}
}

// hogql gives the condition over events, every value bound. It reports false
// for what it cannot say exactly.
func (p PropertyCondition) hogql(b *sqlBuilder) (string, bool) {
	if p.Type == "cohort" {
		var id json.Number
		if json.Unmarshal(p.Value, &id) != nil {
			return "", false
		}
		n, err := id.Int64()
		if err != nil {
			return "", false
		}
		not := p.Negation || p.Operator == "not_in"
		return map[bool]string{true: "person_id NOT", false: "person_id"}[not] + " IN COHORT " + strconv.FormatInt(n, 10), true
	}
	if p.Type != "event" && p.Type != "person" && p.Type != "" {
		return "", false
	}
	name := p.Key
	if p.Type == "person" {
		name = "person." + name
	}
	if checkPropertyName("", "", name) != nil {
		return "", false
	}
	field := b.property(name)
	values := p.texts()
	f := propertyFilter{key: p.Key, operator: p.Operator}
	if f.operator == "" {
		f.operator = "exact"
	}
	switch f.operator {
	case "is_set", "is_not_set":
		return f.hogql(b, field), true
	case "regex":
		return b.matches(field, values, "", " OR ")
	case "not_regex":
		return b.matches(field, values, "NOT ", " AND ")
	case "exact", "is_not", "icontains", "not_icontains", "gt", "gte", "lt", "lte":
	default:
		return "", false
	}
	join := " OR " // any of the values; none of them for a negated operator
	if f.operator == "is_not" || f.operator == "not_icontains" {
		join = " AND "
	}
	parts := make([]string, len(values))
	for i, v := range values {
		f.value = v
		parts[i] = f.hogql(b, field)
	}
	return strings.Join(parts, join), len(parts) > 0
}

// matches compares with regular expressions; a missing property matches none.
func (b *sqlBuilder) matches(field string, patterns []string, not, join string) (string, bool) {
	parts := make([]string, len(patterns))
	for i, p := range patterns {
		parts[i] = fmt.Sprintf("%smatch(ifNull(toString(%s), ''), %s)", not, field, b.bind(p))
	}
	return strings.Join(parts, join), len(parts) > 0
}

// texts gives the values of a condition, one or a list.
func (p PropertyCondition) texts() []string {
	v, ok := decodeNumbers(p.Value)
	if !ok {
		return nil
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	out := make([]string, 0, len(list))
	for _, item := range list {
		if item != nil {
			out = append(out, fmt.Sprint(item))
		}
	}
	return out
}

// PropertyExpr gives the HogQL expression for an event property, or for a
// person property when the name starts with "person.". The error is KindInvalid
// for what cannot be a property's name.
func PropertyExpr(name string) (string, error) {
	if err := checkPropertyName("", "properties", name); err != nil {
		return "", err
	}
	return newSQLBuilder().property(name), nil
}
