// Package data holds the records that the embedded PostHog serves: persons,
// events, flags, cohorts and the other objects of one small subscription
// product, and the seeded generator that makes them.
//
// The generator is deterministic: the same [Options] give the same records,
// byte for byte. Records that arrive later (captured events) go through
// [Store], which also keeps persons in step with $set and $identify.
package data

import (
	"iter"
	"time"

	"github.com/google/uuid"
)

// Property is one key with its JSON value: string, float64, bool, nil, []any
// or map[string]any.
type Property struct {
	Key   string
	Value any
}

// Properties is an ordered list of properties. Base holds those that every
// event of one session shares, so that 150,000 events stay small in memory; it
// has a Base of its own for what all sessions of a device share. Own wins over
// Base. Use Get and All rather than walking the levels.
type Properties struct {
	Own  []Property
	Base *Properties
}

// Get returns the value of a key and whether the key is present.
func (p *Properties) Get(key string) (any, bool) {
	for ; p != nil; p = p.Base {
		for i := range p.Own {
			if p.Own[i].Key == key {
				return p.Own[i].Value, true
			}
		}
	}
	return nil, false
}

// All yields every effective property once, the nearest level first: Own, then
// Base and its own Base. Keys come in a fixed order.
func (p *Properties) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for level := p; level != nil; level = level.Base {
			for i := range level.Own {
				if !p.shadowed(level, level.Own[i].Key) && !yield(level.Own[i].Key, level.Own[i].Value) {
					return
				}
			}
		}
	}
}

// shadowed says whether a level nearer than the given one has the key.
func (p *Properties) shadowed(until *Properties, key string) bool {
	for level := p; level != until; level = level.Base {
		for i := range level.Own {
			if level.Own[i].Key == key {
				return true
			}
		}
	}
	return false
}

// Person is one person with all their distinct ids.
type Person struct {
	ID           uuid.UUID
	Number       int64 // the numeric id of the REST API
	CreatedAt    time.Time
	DistinctIDs  []string
	Properties   Properties
	IsIdentified bool
}

// Event is one stored event. Timestamps are UTC with microseconds.
type Event struct {
	UUID          uuid.UUID
	Event         string
	Timestamp     time.Time
	CreatedAt     time.Time
	DistinctID    string
	Person        *Person
	SessionID     string // empty when the event has no session
	WindowID      string
	ElementsChain string
	Properties    Properties
}

// Snapshot is an immutable view of persons and events for one query. Events
// are ordered by (Timestamp, UUID). Nothing in it may be changed.
type Snapshot struct {
	Now      time.Time
	TimeZone *time.Location
	Persons  []*Person
	Events   []*Event
	// Cohorts are the project's cohorts that are not deleted; nil in snapshots
	// made by hand.
	Cohorts []*CohortMembers
}
