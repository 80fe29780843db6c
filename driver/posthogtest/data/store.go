package data

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// StoreConfig configures a [Store].
type StoreConfig struct {
	World *World           // required; not changed, so it can be shared
	Now   func() time.Time // the clock; default is the world's fixed Now
}

// Store is a world that can be written to. All methods are safe for
// concurrent use.
//
// Persons and events are copied on write, so that a [Snapshot] never changes.
type Store struct {
	now   func() time.Time
	world *World // a copy; its Persons and Events are where the store began

	mu       sync.Mutex
	snapshot *Snapshot // nil after a write
	persons  []*Person
	owners   map[string]*Person   // by distinct id
	hidden   map[string]*Person   // people without a profile, by distinct id
	replaced map[*Person]*Person  // since the last snapshot
	events   []*Event             // sorted
	incoming []*Event             // since the last snapshot
	seen     map[dedupeKey]bool   // captured since the start
	seeded   map[uuid.UUID]*Event // of the world; made at the first capture
	next     int64                // the next person's Number
	defs     *definitions         // of a snapshot
}

// NewStore makes a store over a world.
func NewStore(c StoreConfig) (*Store, error) {
	if c.World == nil {
		return nil, errors.New("data: StoreConfig.World is not set; make one with Generate")
	}
	own := *c.World // objects are replaced, never changed, so these copies are enough
	own.Cohorts, own.Insights = slices.Clone(own.Cohorts), slices.Clone(own.Insights)
	own.Annotations, own.Issues = slices.Clone(own.Annotations), slices.Clone(own.Issues)
	s := &Store{
		now: c.Now, world: &own, persons: c.World.Persons, events: c.World.Events, next: int64(len(c.World.Persons) + 1),
		hidden: map[string]*Person{}, replaced: map[*Person]*Person{}, seen: map[dedupeKey]bool{},
	}
	if s.now == nil {
		fixed := c.World.Options.Now
		s.now = func() time.Time { return fixed }
	}
	return s, nil
}

// Now gives the store's clock.
func (s *Store) Now() time.Time { return s.now() }

// Location gives the project's time zone.
func (s *Store) Location() *time.Location { return s.world.Options.location }

// Stories tells the facts that were built into the data.
func (s *Store) Stories() Stories { return s.world.Stories }

// Snapshot gives the persons and events as they are now. It is shared between
// callers until something is written; its Now is the time of the call.
func (s *Store) Snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshotLocked()
}

func (s *Store) snapshotLocked() *Snapshot {
	now := s.now()
	if s.snapshot == nil {
		s.settle()
	} else if age := now.Sub(s.snapshot.Now); age >= 0 && age < time.Second {
		return s.snapshot
	}
	s.snapshot = &Snapshot{Now: now, TimeZone: s.world.Options.location, Persons: s.persons, Events: s.events}
	for _, c := range s.world.Cohorts {
		if !c.Deleted {
			s.snapshot.Cohorts = append(s.snapshot.Cohorts, membersOf(c, s.snapshot))
		}
	}
	return s.snapshot
}

// settle brings what was captured since the last snapshot into new slices.
func (s *Store) settle() {
	if len(s.replaced) > 0 {
		moved := make([]*Event, len(s.events))
		for i, e := range s.events {
			moved[i] = s.moveEvent(e)
		}
		s.events = moved
		for i, e := range s.incoming {
			s.incoming[i] = s.moveEvent(e)
		}
		clear(s.replaced)
	}
	if len(s.incoming) == 0 {
		return
	}
	slices.SortFunc(s.incoming, compareEvents)
	merged := make([]*Event, 0, len(s.events)+len(s.incoming))
	old, fresh := s.events, s.incoming
	for len(old) > 0 && len(fresh) > 0 {
		if compareEvents(fresh[0], old[0]) < 0 {
			merged, fresh = append(merged, fresh[0]), fresh[1:]
		} else {
			merged, old = append(merged, old[0]), old[1:]
		}
	}
	s.events = append(append(merged, old...), fresh...)
	s.incoming = nil
}

// moveEvent gives the event with its person as it is now.
func (s *Store) moveEvent(e *Event) *Event {
	p := s.newest(e.Person)
	if p == e.Person {
		return e
	}
	moved := *e
	moved.Person = p
	return &moved
}

// newest follows a person to what replaced it.
func (s *Store) newest(p *Person) *Person {
	for {
		next := s.replaced[p]
		if next == nil {
			return p
		}
		p = next
	}
}

// Project gives the project's settings.
func (s *Store) Project() Project { return s.world.Project }

// Organization gives the project's organization.
func (s *Store) Organization() Organization { return s.world.Organization }

// User gives the person whom the demo's personal API key belongs to.
func (s *Store) User() UserRef { return s.world.User }

// Flags lists the feature flags that are not deleted, by id.
func (s *Store) Flags() []*FeatureFlag { return s.world.Flags }

// Experiments lists the experiments, by id.
func (s *Store) Experiments() []*Experiment { return s.world.Experiments }

// Experiment gives the experiment with an id, or nil.
func (s *Store) Experiment(id int64) *Experiment {
	for _, e := range s.world.Experiments {
		if e.ID == id {
			return e
		}
	}
	return nil
}

// Dashboards lists the dashboards, by id.
func (s *Store) Dashboards() []*Dashboard { return s.world.Dashboards }

// Surveys lists the surveys.
func (s *Store) Surveys() []*Survey { return s.world.Surveys }

// Issues lists the error tracking issues, in the order they appeared in.
func (s *Store) Issues() []Issue {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Issue, len(s.world.Issues))
	for i, issue := range s.world.Issues {
		list[i] = *issue
	}
	return list
}

// PersonByDistinctID gives the person that has a distinct id now, or nil.
func (s *Store) PersonByDistinctID(id string) *Person {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owner(id)
}

// owner looks a distinct id up. The index is made at the first use: start-up
// is a feature.
func (s *Store) owner(id string) *Person {
	if s.owners == nil {
		s.owners = make(map[string]*Person, 2*len(s.persons))
		for _, p := range s.persons {
			for _, d := range p.DistinctIDs {
				s.owners[d] = p
			}
		}
	}
	return s.owners[id]
}

// replace puts a changed copy in a person's place. The slice of persons may be
// shared with a snapshot, so it is copied.
func (s *Store) replace(old, changed *Person) {
	s.persons = slices.Clone(s.persons)
	if i := slices.Index(s.persons, old); i >= 0 {
		s.persons[i] = changed
	}
	s.replaced[old] = changed
	for _, d := range changed.DistinctIDs {
		s.owners[d] = changed
	}
}
