package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
)

// CohortMembers is a cohort as one snapshot sees it.
type CohortMembers struct {
	ID      int64
	Name    string
	members func() (map[uuid.UUID]struct{}, error)
}

// Members gives the ids of the cohort's persons. The set is computed once and
// shared: it must not be changed. The error is a [NotSupportedError] for a
// filter that the demo does not evaluate.
func (c *CohortMembers) Members() (map[uuid.UUID]struct{}, error) { return c.members() }

// Cohort gives the cohort with this id, or nil.
func (s *Snapshot) Cohort(id int64) *CohortMembers {
	for _, c := range s.Cohorts {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// CohortByName gives the cohort with exactly this name, or nil.
func (s *Snapshot) CohortByName(name string) *CohortMembers {
	for _, c := range s.Cohorts {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// cohortGroup is a node of a cohort's filters: a group (Type AND or OR with
// Values) or a leaf.
type cohortGroup struct {
	PropertyFilter
	Values []*cohortGroup

	EventType        string
	TimeValue        any
	TimeInterval     string
	ExplicitDatetime string
	OperatorValue    any
}

// UnmarshalJSON decodes a group or a leaf and refuses unknown keys, as
// PostHog does.
func (g *cohortGroup) UnmarshalJSON(b []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return fmt.Errorf("cohort filter: %w", err)
	}
	into := map[string]any{
		"type": &g.Type, "values": &g.Values, "key": &g.Key, "operator": &g.Operator, "value": &g.Value,
		"negation": &g.Negation, "event_type": &g.EventType, "time_value": &g.TimeValue, "time_interval": &g.TimeInterval,
		"explicit_datetime": &g.ExplicitDatetime, "operator_value": &g.OperatorValue,
	}
	for name, raw := range fields {
		target, ok := into[name]
		switch {
		case name == "bytecode" || name == "conditionHash" || name == "event_filters" && string(raw) == "null":
		case !ok:
			return fmt.Errorf("cohort filter has the unknown key %q", name)
		default:
			if err := json.Unmarshal(raw, target); err != nil {
				return fmt.Errorf("cohort filter key %q: %w", name, err)
			}
		}
	}
	return nil
}

// parseCohort checks the filters of a dynamic cohort:
// {"properties":{"type":"AND|OR","values":[...]}} with person, behavioral and
// cohort leaves. The error names what is wrong or not supported.
func parseCohort(raw json.RawMessage) (root *cohortGroup, behavioural bool, err error) {
	var body struct {
		Properties *cohortGroup `json:"properties"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, false, err
	}
	if body.Properties == nil {
		return nil, false, errors.New(`cohort filters need "properties" with a group of values`)
	}
	behavioural, err = body.Properties.check()
	return body.Properties, behavioural, err
}

func (g *cohortGroup) check() (behavioural bool, err error) {
	switch g.Type {
	case "AND", "OR":
		for _, v := range g.Values {
			b, err := v.check()
			if err != nil {
				return false, err
			}
			behavioural = behavioural || b
		}
		return behavioural, nil
	case "person":
		if g.Operator == "" {
			return false, fmt.Errorf("person filter on %q needs an operator", g.Key)
		}
		_, err := g.Matcher(time.Unix(0, 0), time.UTC)
		return false, err
	case "cohort":
		if _, ok := NumberOf(g.Value); !ok {
			return false, fmt.Errorf("cohort filter needs a cohort id, not %v", g.Value)
		}
		return false, nil
	case "behavioral":
		if _, err := g.since(time.Unix(0, 0), time.UTC); err != nil {
			return true, err
		}
		if g.Value != "performed_event" && g.Value != "performed_event_multiple" {
			return true, &NotSupportedError{What: fmt.Sprintf("the behavioral cohort value %v", g.Value)}
		}
		if g.EventType != "" && g.EventType != "events" {
			return true, &NotSupportedError{What: "the behavioral event type " + strconv.Quote(g.EventType)}
		}
		if _, _, err := g.countTest(); err != nil {
			return true, err
		}
		return true, nil
	}
	return false, fmt.Errorf("cohort filter type %q is not one of AND, OR, person, behavioral, cohort", g.Type)
}

// since is the start of a behavioral leaf's period.
func (g *cohortGroup) since(now time.Time, loc *time.Location) (time.Time, error) {
	if g.ExplicitDatetime != "" {
		d, err := ParseDate(g.ExplicitDatetime, now, loc)
		return d.At, err
	}
	n, ok := NumberOf(g.TimeValue)
	units := map[string]byte{"hour": 'h', "day": 'd', "week": 'w', "month": 'm', "year": 'y'}
	unit, known := units[g.TimeInterval]
	if !ok || !known {
		return time.Time{}, fmt.Errorf("behavioral filter on %q needs time_value and time_interval (hour, day, week, month, year) or explicit_datetime", g.Key)
	}
	at, _ := shift(now.In(loc), -int(n), unit)
	return at, nil
}

func (g *cohortGroup) countTest() (op string, want int, err error) {
	if g.Value != "performed_event_multiple" {
		return "gte", 1, nil
	}
	n, ok := NumberOf(g.OperatorValue)
	if !ok {
		return "", 0, fmt.Errorf("behavioral filter on %q needs operator_value", g.Key)
	}
	switch g.Operator {
	case "", "exact", "gte", "lte", "gt", "lt":
		return g.Operator, int(n), nil
	}
	return "", 0, &NotSupportedError{What: "the behavioral operator " + strconv.Quote(g.Operator)}
}

// members evaluates the group. The depth bound stops cohorts that refer to
// each other in a circle.
func (g *cohortGroup) members(s *Snapshot, depth int) (func(*Person) bool, error) {
	if depth > 16 {
		return nil, errors.New("cohort filters are nested too deeply")
	}
	switch g.Type {
	case "AND", "OR":
		tests := make([]func(*Person) bool, len(g.Values))
		for i, v := range g.Values {
			var err error
			if tests[i], err = v.members(s, depth+1); err != nil {
				return nil, err
			}
		}
		if g.Type == "AND" {
			return all(tests), nil
		}
		return func(p *Person) bool {
			for _, test := range tests {
				if test(p) {
					return true
				}
			}
			return false
		}, nil
	case "behavioral":
		return g.performed(s)
	}
	return s.personTest(&g.PropertyFilter)
}

func (g *cohortGroup) performed(s *Snapshot) (func(*Person) bool, error) {
	since, err := g.since(s.Now, s.TimeZone)
	if err != nil {
		return nil, err
	}
	op, want, err := g.countTest()
	if err != nil {
		return nil, err
	}
	counts := map[uuid.UUID]int{}
	for _, e := range s.Events {
		if e.Event == g.Key && !e.Timestamp.Before(since) {
			counts[e.Person.ID]++
		}
	}
	return func(p *Person) bool {
		n := counts[p.ID]
		pass := n == want
		switch op {
		case "gte":
			pass = n >= want
		case "gt":
			pass = n > want
		case "lte":
			pass = n > 0 && n <= want
		case "lt":
			pass = n > 0 && n < want
		}
		return pass != g.Negation
	}, nil
}

// membersOf makes the lazily computed member set of one cohort. A cohort that
// is being computed cannot ask for itself: the guard is the order of ids, as
// a cohort can only refer to ones that existed before it.
func membersOf(c *Cohort, s *Snapshot) *CohortMembers {
	return &CohortMembers{ID: c.ID, Name: c.Name, members: sync.OnceValues(func() (map[uuid.UUID]struct{}, error) {
		set := map[uuid.UUID]struct{}{}
		if c.IsStatic {
			for _, id := range c.StaticPersons {
				set[id] = struct{}{}
			}
			return set, nil
		}
		group, _, err := parseCohort(c.Filters)
		if err != nil {
			return nil, err
		}
		if err := group.refersBelow(c.ID); err != nil {
			return nil, err
		}
		test, err := group.members(s, 0)
		if err != nil {
			return nil, err
		}
		for _, p := range s.Persons {
			if test(p) {
				set[p.ID] = struct{}{}
			}
		}
		return set, nil
	})}
}

func (g *cohortGroup) refersBelow(id int64) error {
	if n, ok := NumberOf(g.Value); g.Type == "cohort" && ok && int64(n) >= id {
		return &NotSupportedError{What: "a cohort that refers to itself or to a newer cohort"}
	}
	for _, v := range g.Values {
		if err := v.refersBelow(id); err != nil {
			return err
		}
	}
	return nil
}
