// Package data holds the records that the embedded PostHog serves: persons,
// events, flags, cohorts and the other objects of one small subscription
// product, and the seeded generator that makes them.
//
// The generator is deterministic: the same [Options] give the same records,
// byte for byte. Records that arrive later (captured events) go through
// [Store], which also keeps persons in step with $set and $identify.
package data

import (
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
// event of one session shares, so that 150,000 events stay small in memory;
// Own wins over Base.
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
}
