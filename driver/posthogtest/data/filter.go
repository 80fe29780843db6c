package data

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// PropertyFilter is PostHog's filter on one property: the leaves of query
// nodes, cohorts, flag conditions and test_account_filters.
//
// Type is event (the default), person or cohort (Key "id", Value the cohort).
// An empty Operator is exact. Value is a string, number, bool or a list of
// them; a list means any of them, and none of them for a negative operator.
type PropertyFilter struct {
	Key      string `json:"key"`
	Type     string `json:"type,omitempty"`
	Operator string `json:"operator,omitempty"`
	Value    any    `json:"value,omitempty"`
	Negation bool   `json:"negation,omitempty"`
}

// NotSupportedError names what the demo does not evaluate. It is answered
// rather than a number that would be wrong.
type NotSupportedError struct {
	What string // for example "operator semver_gt"
}

// Error says what is not supported.
func (e *NotSupportedError) Error() string { return e.What + " is not supported by the demo data" }

// Matcher says whether a property value passes. Present is false when the
// property is missing; a null counts as missing too.
type Matcher func(value any, present bool) bool

// Matcher compiles the filter's operator and value. Relative dates in it are
// counted from now in location loc. Type and Key are the caller's business.
func (f *PropertyFilter) Matcher(now time.Time, loc *time.Location) (Matcher, error) {
	m, err := f.matcher(now, loc)
	if err != nil {
		return nil, err
	}
	safe := func(v any, present bool) bool { return m(v, present && v != nil) }
	if f.Negation {
		return func(v any, present bool) bool { return !safe(v, present) }, nil
	}
	return safe, nil
}

func (f *PropertyFilter) matcher(now time.Time, loc *time.Location) (Matcher, error) {
	switch f.Operator {
	case "is_set":
		return func(_ any, present bool) bool { return present }, nil
	case "is_not_set":
		return func(_ any, present bool) bool { return !present }, nil
	case "", "exact":
		return f.anyOf(func(text, want string) bool { return text == want })
	case "is_not":
		return negate(f.anyOf(func(text, want string) bool { return text == want }))
	case "icontains":
		return f.anyOf(containsFold)
	case "not_icontains":
		return negate(f.anyOf(containsFold))
	case "regex":
		return f.regex()
	case "not_regex":
		return negate(f.regex())
	case "gt", "gte", "lt", "lte":
		return f.order()
	case "is_date_exact", "is_date_before", "is_date_after":
		return f.date(now, loc)
	}
	return nil, &NotSupportedError{What: "the property operator " + strconv.Quote(f.Operator)}
}

func containsFold(text, want string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(want))
}

func negate(m Matcher, err error) (Matcher, error) {
	if err != nil {
		return nil, err
	}
	return func(v any, present bool) bool { return !m(v, present) }, nil
}

// values lists the filter's values as texts.
func (f *PropertyFilter) values() ([]string, error) {
	list, ok := f.Value.([]any)
	if !ok {
		list = []any{f.Value}
	}
	texts := make([]string, 0, len(list))
	for _, v := range list {
		text, ok := TextOf(v)
		if !ok {
			return nil, fmt.Errorf("property filter on %q needs a value for operator %q", f.Key, f.Operator)
		}
		texts = append(texts, text)
	}
	return texts, nil
}

func (f *PropertyFilter) anyOf(test func(text, want string) bool) (Matcher, error) {
	wants, err := f.values()
	if err != nil {
		return nil, err
	}
	return func(v any, present bool) bool {
		text, ok := TextOf(v)
		if !present || !ok {
			return false
		}
		for _, want := range wants {
			if test(text, want) {
				return true
			}
		}
		return false
	}, nil
}

func (f *PropertyFilter) regex() (Matcher, error) {
	wants, err := f.values()
	if err != nil {
		return nil, err
	}
	patterns := make([]*regexp.Regexp, len(wants))
	for i, want := range wants {
		if patterns[i], err = regexp.Compile(want); err != nil {
			return nil, fmt.Errorf("property filter on %q: %w", f.Key, err)
		}
	}
	return func(v any, present bool) bool {
		text, ok := TextOf(v)
		if !present || !ok {
			return false
		}
		for _, p := range patterns {
			if p.MatchString(text) {
				return true
			}
		}
		return false
	}, nil
}

// order compares a number with a number, and a text with a text by its letters
// (which puts ISO dates in order). A text against a JSON number counts when it
// reads as one.
func (f *PropertyFilter) order() (Matcher, error) {
	wants, err := f.values()
	if err != nil {
		return nil, err
	}
	if len(wants) != 1 {
		return nil, fmt.Errorf("property filter on %q: operator %q takes one value", f.Key, f.Operator)
	}
	want, err := strconv.ParseFloat(strings.TrimSpace(wants[0]), 64)
	numeric := err == nil
	_, isText := f.Value.(string)
	return func(v any, present bool) bool {
		text, isString := v.(string)
		if isString && isText {
			return present && f.ordered(strings.Compare(text, wants[0]))
		}
		n, ok := NumberOf(v)
		return present && ok && numeric && f.ordered(cmp.Compare(n, want))
	}, nil
}

// ordered says whether a comparison's outcome satisfies the operator.
func (f *PropertyFilter) ordered(c int) bool {
	switch f.Operator {
	case "gt":
		return c > 0
	case "gte":
		return c >= 0
	case "lt":
		return c < 0
	}
	return c <= 0
}

func (f *PropertyFilter) date(now time.Time, loc *time.Location) (Matcher, error) {
	wants, err := f.values()
	if err != nil {
		return nil, err
	}
	want, err := ParseDate(wants[0], now, loc)
	if err != nil {
		return nil, fmt.Errorf("property filter on %q: %w", f.Key, err)
	}
	return func(v any, present bool) bool {
		text, ok := TextOf(v)
		if !present || !ok {
			return false
		}
		at, ok := parseTimeText(text, loc)
		if !ok {
			return false
		}
		switch f.Operator {
		case "is_date_before":
			return at.Before(want.At)
		case "is_date_after":
			if want.DayOnly { // after a day means after that day has ended
				return !at.Before(want.At.AddDate(0, 0, 1))
			}
			return at.After(want.At)
		default:
			ay, am, ad := at.In(loc).Date()
			wy, wm, wd := want.At.In(loc).Date()
			return ay == wy && am == wm && ad == wd
		}
	}, nil
}

// TextOf is a property value as HogQL sees it: the string itself, or the JSON
// text of anything else. It is false for null.
func TextOf(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", false
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	}
	b, err := json.Marshal(v)
	return string(b), err == nil
}

// NumberOf is a property value as a number: a JSON number, or a text that is
// one.
func NumberOf(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case string:
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil
	}
	return 0, false
}

// EventMatcher compiles filters on events (all must pass). Person filters
// look at the event's person, cohort filters at the snapshot's cohorts.
func (s *Snapshot) EventMatcher(filters []PropertyFilter) (func(*Event) bool, error) {
	tests := make([]func(*Event) bool, 0, len(filters))
	for i := range filters {
		f := &filters[i]
		if f.Type != "" && f.Type != "event" && f.Type != "feature" {
			test, err := s.personTest(f)
			if err != nil {
				return nil, err
			}
			tests = append(tests, func(e *Event) bool { return test(e.Person) })
			continue
		}
		m, err := f.Matcher(s.Now, s.TimeZone)
		if err != nil {
			return nil, err
		}
		key := f.Key
		tests = append(tests, func(e *Event) bool { return m(e.Properties.Get(key)) })
	}
	return all(tests), nil
}

// PersonMatcher compiles filters on persons (all must pass).
func (s *Snapshot) PersonMatcher(filters []PropertyFilter) (func(*Person) bool, error) {
	tests := make([]func(*Person) bool, len(filters))
	for i := range filters {
		var err error
		if tests[i], err = s.personTest(&filters[i]); err != nil {
			return nil, err
		}
	}
	return all(tests), nil
}

func all[T any](tests []func(T) bool) func(T) bool {
	return func(v T) bool {
		for _, test := range tests {
			if !test(v) {
				return false
			}
		}
		return true
	}
}

func (s *Snapshot) personTest(f *PropertyFilter) (func(*Person) bool, error) {
	switch f.Type {
	case "person":
		m, err := f.Matcher(s.Now, s.TimeZone)
		if err != nil {
			return nil, err
		}
		return func(p *Person) bool { return m(p.Properties.Get(f.Key)) }, nil
	case "cohort", "static-cohort", "precalculated-cohort":
		id, ok := NumberOf(f.Value)
		if !ok {
			return nil, fmt.Errorf("cohort filter needs a cohort id, not %v", f.Value)
		}
		c := s.Cohort(int64(id))
		if c == nil {
			return nil, fmt.Errorf("cohort %v does not exist", f.Value)
		}
		members, err := c.Members()
		if err != nil {
			return nil, err
		}
		want := f.Operator != "not_in" && !f.Negation
		return func(p *Person) bool { _, in := members[p.ID]; return in == want }, nil
	}
	return nil, &NotSupportedError{What: "the property filter type " + strconv.Quote(f.Type)}
}
