package data

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// definitions are derived from one snapshot.
type definitions struct {
	of         *Snapshot
	events     []EventDefinition
	properties []PropertyDefinition
}

// EventDefinitions lists the events seen so far, by name. The list is shared
// and must not be changed.
func (s *Store) EventDefinitions() []EventDefinition { return s.definitions().events }

// PropertyDefinitions lists the properties seen so far: those of events by
// name, then those of persons by name. The list is shared and must not be
// changed.
func (s *Store) PropertyDefinitions() []PropertyDefinition { return s.definitions().properties }

func (s *Store) definitions() *definitions {
	s.mu.Lock()
	snap, known := s.snapshotLocked(), s.defs
	s.mu.Unlock()
	if known != nil && len(known.of.Events) == len(snap.Events) && slices.Equal(known.of.Persons, snap.Persons) {
		return known
	}
	d := define(snap, s.world)
	s.mu.Lock()
	s.defs = d
	s.mu.Unlock()
	return d
}

// seenProperty collects what is known of one property.
type seenProperty struct {
	kind   string // property type; "mixed" when values disagree
	events map[string]bool
}

func (p *seenProperty) add(value any) {
	if p.kind == "String" { // nothing changes that
		return
	}
	kind := valueKind(value)
	switch {
	case kind == "" || kind == p.kind:
	case p.kind == "":
		p.kind = kind
	default:
		p.kind = "String"
	}
}

// valueKind is the property type that a value speaks for; empty for null,
// lists and objects.
func valueKind(value any) string {
	switch v := value.(type) {
	case bool:
		return "Boolean"
	case float64, int, int64:
		return "Numeric"
	case string:
		if _, ok := parseTimeText(v, time.UTC); ok {
			return "DateTime"
		}
		return "String"
	}
	return ""
}

func define(snap *Snapshot, w *World) *definitions {
	d := &definitions{of: snap}
	byName := map[string]*EventDefinition{}
	onEvents, onPersons := map[string]*seenProperty{}, map[string]*seenProperty{}
	ofEvent := map[string]map[string]*seenProperty{} // the same, by event: the quick way to a property seen before
	type sharing struct {
		base  *Properties
		event string
	}
	done := map[sharing]bool{} // levels that events of one name share are read once
	for _, e := range snap.Events {
		def := byName[e.Event]
		if def == nil {
			def = &EventDefinition{ID: uuid.NewSHA1(w.Project.UUID, []byte("event "+e.Event)), Name: e.Event, Tags: []string{}, CreatedAt: e.Timestamp, Custom: e.Event[0] != '$'}
			def.Description = describeEvent(e.Event)
			def.Verified = def.Description != "" && def.Custom
			byName[e.Event], ofEvent[e.Event] = def, map[string]*seenProperty{}
		}
		known := ofEvent[e.Event]
		def.LastSeenAt = e.Timestamp
		for level := &e.Properties; level != nil; level = level.Base {
			if level != &e.Properties {
				key := sharing{level, e.Event}
				if done[key] {
					break
				}
				done[key] = true
			}
			for i := range level.Own {
				p := &level.Own[i]
				if seen := known[p.Key]; seen != nil {
					seen.add(p.Value)
				} else {
					known[p.Key] = seeProperty(onEvents, p, e.Event)
				}
			}
		}
	}
	for _, p := range snap.Persons {
		for key, value := range p.Properties.All() {
			seeProperty(onPersons, &Property{Key: key, Value: value}, "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		d.events = append(d.events, *byName[name])
	}
	d.properties = append(listProperties(w, "event", onEvents), listProperties(w, "person", onPersons)...)
	return d
}

func seeProperty(into map[string]*seenProperty, p *Property, event string) *seenProperty {
	seen := into[p.Key]
	if seen == nil {
		seen = &seenProperty{events: map[string]bool{}}
		into[p.Key] = seen
	}
	seen.add(p.Value)
	if event != "" {
		seen.events[event] = true
	}
	return seen
}

func listProperties(w *World, kind string, seen map[string]*seenProperty) []PropertyDefinition {
	list := make([]PropertyDefinition, 0, len(seen))
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		p := seen[name]
		def := PropertyDefinition{
			ID: uuid.NewSHA1(w.Project.UUID, []byte(kind+" property "+name)), Name: name, Tags: []string{}, Type: kind,
			IsNumerical: p.kind == "Numeric", Events: slices.Sorted(maps.Keys(p.events)), Description: describeProperty(name),
		}
		if p.kind != "" {
			def.PropertyType = &p.kind
		}
		list = append(list, def)
	}
	return list
}

func describeEvent(name string) string {
	switch name {
	case "signup_started":
		return "The signup form was sent"
	case "user_signed_up":
		return "An account was created and its mail address confirmed"
	case "onboarding_completed":
		return "All onboarding steps were done or skipped"
	case "project_created":
		return "A project was created; source says where"
	case "subscription_started":
		return "The first payment of a subscription; amount is per month, in currency"
	case "subscription_renewed":
		return "A monthly payment succeeded (sent by the server)"
	case "payment_failed":
		return "A monthly payment failed (sent by the server)"
	case "subscription_cancelled":
		return "A subscription ended; reason says why"
	case TemplateEvent:
		return "A note was begun from a template"
	}
	return ""
}

func describeProperty(name string) string {
	switch strings.TrimPrefix(name, "$initial_") {
	case "amount":
		return "Monthly price in the currency's units (not cents)"
	case "plan":
		return "free, pro or team"
	case "utm_source":
		return "Campaign source"
	case "$app_version":
		return "Version of the web app"
	}
	return ""
}
