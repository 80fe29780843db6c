package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// relation is a table or a subquery's answer held in memory.
type relation struct {
	names  []string
	types  []*typ
	rows   [][]any
	hidden map[string]bool // columns that * leaves out
}

func (r *relation) index(name string) int { return slices.Index(r.names, name) }

// zeroRow is the row that an unmatched side of an outer join gets.
func (r *relation) zeroRow() []any {
	out := make([]any, len(r.types))
	for i, t := range r.types {
		out[i] = zeroOf(t)
	}
	return out
}

// definitions are the detected types of event and person properties.
type definitions struct {
	event, person map[string]PropertyType
}

func detectTypes(snap *data.Snapshot) definitions {
	d := definitions{event: map[string]PropertyType{}, person: map[string]PropertyType{}}
	bases := map[*data.Properties]struct{}{}
	for _, e := range snap.Events {
		for p := &e.Properties; p != nil; p = p.Base {
			if p != &e.Properties {
				if _, seen := bases[p]; seen {
					break
				}
				bases[p] = struct{}{}
			}
			note(d.event, p.Own)
		}
	}
	for _, p := range snap.Persons {
		note(d.person, allProperties(&p.Properties))
	}
	return d
}

func note(seen map[string]PropertyType, props []data.Property) {
	for _, kv := range props {
		if kv.Value == nil {
			continue
		}
		t, ok := seen[kv.Key]
		if ok && t == PropertyString {
			continue
		}
		if now := typeOfProperty(kv.Value); !ok {
			seen[kv.Key] = now
		} else if now != t {
			seen[kv.Key] = PropertyString
		}
	}
}

func typeOfProperty(v any) PropertyType {
	switch v := v.(type) {
	case float64, int64, int:
		return PropertyNumeric
	case bool:
		return PropertyBoolean
	case string:
		if looksLikeTime(v) {
			return PropertyDateTime
		}
	}
	return PropertyString
}

// looksLikeTime accepts YYYY-MM-DD with an optional time and zone.
func looksLikeTime(s string) bool {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' || !digits(s[:4]) || !digits(s[5:7]) || !digits(s[8:10]) {
		return false
	}
	if len(s) == 10 {
		return true
	}
	if s[10] != 'T' && s[10] != ' ' {
		return false
	}
	_, ok := parseClock(s[11:])
	return ok
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// eventColumn is the type and reader of a column of events.
func eventColumn(name string, loc *time.Location) (*typ, func(*data.Event) any) {
	switch name {
	case "uuid":
		return mk(kUUID), func(e *data.Event) any { return e.UUID }
	case "event":
		return mk(kString), func(e *data.Event) any { return e.Event }
	case "properties":
		return &typ{k: kString, json: "event"}, func(e *data.Event) any { return &e.Properties }
	case "timestamp":
		return dateTime64(6, loc), func(e *data.Event) any { return instantOf(e.Timestamp) }
	case "distinct_id":
		return mk(kString), func(e *data.Event) any { return e.DistinctID }
	case "elements_chain":
		return mk(kString), func(e *data.Event) any { return e.ElementsChain }
	case "created_at":
		return dateTime64(6, loc), func(e *data.Event) any { return instantOf(e.CreatedAt) }
	case "$session_id":
		return mk(kString), func(e *data.Event) any { return e.SessionID }
	case "$window_id":
		return mk(kString), func(e *data.Event) any { return e.WindowID }
	case "person_id":
		return mk(kUUID), func(e *data.Event) any {
			if e.Person == nil {
				return uuid.UUID{}
			}
			return e.Person.ID
		}
	case "person_properties":
		none := &data.Properties{}
		return &typ{k: kString, json: "person"}, func(e *data.Event) any {
			if e.Person == nil {
				return none
			}
			return &e.Person.Properties
		}
	case "person_created_at":
		return dateTime64(6, loc), func(e *data.Event) any {
			if e.Person == nil {
				return instant(0)
			}
			return instantOf(e.Person.CreatedAt)
		}
	case "$group_0", "$group_1", "$group_2", "$group_3", "$group_4":
		return mk(kString), func(e *data.Event) any {
			v, _ := e.Properties.Get(name)
			if v == nil {
				return ""
			}
			if s, ok := v.(string); ok {
				return s
			}
			return propertyText(v)
		}
	}
	return nil, nil
}

// eventStar are the columns that SELECT * gives, eventHidden the others.
func eventStar() []string {
	return []string{"uuid", "event", "properties", "timestamp", "distinct_id", "elements_chain", "created_at", "$session_id", "$window_id"}
}

// zeroEvent stands for the missing side of an outer join.
func zeroEvent() *data.Event {
	epoch := time.Unix(0, 0).UTC()
	return &data.Event{Timestamp: epoch, CreatedAt: epoch}
}

func personRelation(snap *data.Snapshot, loc *time.Location) *relation {
	rel := &relation{
		names: []string{"id", "created_at", "properties", "is_identified"},
		types: []*typ{mk(kUUID), dateTime64(6, loc), {k: kString, json: "person"}, mk(kBool)},
	}
	for _, p := range snap.Persons {
		rel.rows = append(rel.rows, []any{p.ID, instantOf(p.CreatedAt), &p.Properties, p.IsIdentified})
	}
	return rel
}

func distinctIDRelation(snap *data.Snapshot) *relation {
	rel := &relation{names: []string{"distinct_id", "person_id"}, types: []*typ{mk(kString), mk(kUUID)}}
	for _, p := range snap.Persons {
		id := any(p.ID)
		for _, d := range p.DistinctIDs {
			rel.rows = append(rel.rows, []any{d, id})
		}
	}
	return rel
}

// extraRelation turns a caller's table into a relation.
func extraRelation(name string, t *Table, loc *time.Location) (*relation, error) {
	rel := &relation{}
	for _, c := range t.Columns {
		var ct *typ
		switch c.Type {
		case CellString:
			ct = mk(kString)
		case CellInt:
			ct = mk(kInt64)
		case CellFloat:
			ct = mk(kFloat64)
		case CellBool:
			ct = mk(kBool)
		case CellUUID:
			ct = mk(kUUID)
		case CellDateTime:
			ct = dateTime64(6, loc)
		default:
			return nil, notSupported("column %s of table %s has the type %q", c.Name, name, c.Type)
		}
		if c.Null {
			ct = nullable(ct)
		}
		rel.names = append(rel.names, c.Name)
		rel.types = append(rel.types, ct)
	}
	for _, row := range t.Rows {
		out := make([]any, len(rel.types))
		for i := range out {
			if i < len(row) && row[i] != nil {
				out[i] = cell(row[i])
			} else {
				out[i] = zeroOf(rel.types[i])
			}
		}
		rel.rows = append(rel.rows, out)
	}
	return rel, nil
}

func cell(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case time.Time:
		return instantOf(v)
	default:
		return v
	}
}

func (r *runner) propertyType(owner, key string) PropertyType {
	over, defs := r.opts.EventTypes, r.e.definitions().event
	if owner == "person" {
		over, defs = r.opts.PersonTypes, r.e.definitions().person
	}
	if t, ok := over[key]; ok {
		return t
	}
	return defs[key]
}

func trimPosthogPrefix(name string) string { return strings.TrimPrefix(name, "posthog.") }
