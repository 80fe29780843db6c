package data

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// NotFoundError says that an object does not exist or was deleted.
type NotFoundError struct {
	Kind string // cohort, insight or annotation
	ID   string
}

// Error names the object.
func (e *NotFoundError) Error() string { return e.Kind + " " + e.ID + " does not exist" }

// Cohorts lists the cohorts that are not deleted, by id, with their counts. A
// cohort whose filters are not supported has no count and says so in
// LastErrorMessage.
func (s *Store) Cohorts() []Cohort {
	s.mu.Lock()
	snap := s.snapshotLocked()
	list := []Cohort{}
	for _, c := range s.world.Cohorts {
		if !c.Deleted {
			list = append(list, *c)
		}
	}
	s.mu.Unlock()
	for i := range list {
		list[i].count(snap)
	}
	return list
}

func (c *Cohort) count(snap *Snapshot) {
	members := snap.Cohort(c.ID)
	if members == nil {
		return
	}
	set, err := members.Members()
	if err != nil {
		text := err.Error()
		c.Count, c.LastErrorMessage, c.ErrorsCalculating = nil, &text, 1
		return
	}
	n := len(set)
	c.Count = &n
}

// Cohort gives one cohort with its count.
func (s *Store) Cohort(id int64) (Cohort, error) {
	for _, c := range s.Cohorts() {
		if c.ID == id {
			return c, nil
		}
	}
	return Cohort{}, &NotFoundError{Kind: "cohort", ID: strconv.FormatInt(id, 10)}
}

// CreateCohort adds a cohort: Name, Description, IsStatic and, for a dynamic
// one, Filters; for a static one StaticPersons. Unknown person ids are
// dropped. The rest is filled in.
func (s *Store) CreateCohort(c Cohort) (Cohort, error) {
	if err := c.validate(); err != nil {
		return Cohort{}, err
	}
	s.mu.Lock()
	now := s.now()
	c.ID = int64(len(s.world.Cohorts) + 1)
	c.Version, c.PendingVersion, c.CreatedAt, c.CreatedBy, c.LastCalculation = 1, 1, now, &s.world.User, &now
	c.Deleted, c.Count, c.ExperimentSet = false, nil, []int64{}
	c.StaticPersons = s.existing(c.StaticPersons)
	s.world.Cohorts = append(s.world.Cohorts, &c)
	s.snapshot = nil
	s.mu.Unlock()
	return s.Cohort(c.ID)
}

// PatchCohort changes a cohort through a function that works on a copy; an
// error of it is given back and nothing changes. Deleted = true deletes. The
// store is locked meanwhile: the function must not call it.
func (s *Store) PatchCohort(id int64, change func(*Cohort) error) (Cohort, error) {
	s.mu.Lock()
	i := slices.IndexFunc(s.world.Cohorts, func(c *Cohort) bool { return c.ID == id && !c.Deleted })
	if i < 0 {
		s.mu.Unlock()
		return Cohort{}, &NotFoundError{Kind: "cohort", ID: strconv.FormatInt(id, 10)}
	}
	c := *s.world.Cohorts[i]
	c.StaticPersons = slices.Clone(c.StaticPersons)
	err := change(&c)
	if err == nil {
		err = c.validate()
	}
	if err != nil {
		s.mu.Unlock()
		return Cohort{}, err
	}
	now := s.now()
	c.ID, c.Version, c.PendingVersion, c.LastCalculation = id, c.Version+1, c.PendingVersion+1, &now
	c.StaticPersons = s.existing(c.StaticPersons)
	s.world.Cohorts[i] = &c
	s.snapshot = nil
	snap := s.snapshotLocked()
	s.mu.Unlock()
	c.count(snap)
	return c, nil
}

// existing keeps the ids of persons that exist, each once.
func (s *Store) existing(ids []uuid.UUID) []uuid.UUID {
	if len(ids) == 0 {
		return []uuid.UUID{}
	}
	known := make(map[uuid.UUID]bool, len(s.persons))
	for _, p := range s.persons {
		known[p.ID] = true
	}
	kept := make([]uuid.UUID, 0, len(ids))
	for _, id := range ids {
		if known[id] {
			kept = append(kept, id)
			known[id] = false
		}
	}
	return kept
}

// validate checks a cohort and sets what follows from it.
func (c *Cohort) validate() error {
	if strings.TrimSpace(c.Name) == "" {
		return errors.New("cohort needs a name")
	}
	if len(c.Query) == 0 {
		c.Query = json.RawMessage("null")
	}
	if c.IsStatic {
		c.CohortType = "static"
		if len(c.Filters) == 0 {
			c.Filters = json.RawMessage("{}")
		}
		return nil
	}
	if !bytes.Equal(c.Query, []byte("null")) {
		return errors.New("a query makes a static cohort: set is_static")
	}
	_, behavioural, err := parseCohort(c.Filters)
	if err != nil {
		return err
	}
	c.CohortType = "person_property"
	if behavioural {
		c.CohortType = "behavioral"
	}
	return nil
}

// Insights lists the insights that are not deleted, by id.
func (s *Store) Insights() []Insight {
	s.mu.Lock()
	defer s.mu.Unlock()
	return listed(s.world.Insights, func(i *Insight) bool { return i.Deleted })
}

// CreateInsight adds an insight: Name, Description, Query, Dashboards, Tags
// and Favorited. The rest, with an 8-character ShortID, is filled in.
func (s *Store) CreateInsight(i Insight) (Insight, error) {
	if !json.Valid(i.Query) {
		return Insight{}, errors.New("insight needs a query")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	i.ID = int64(len(s.world.Insights) + 1)
	id := uuid.NewSHA1(s.world.Project.UUID, []byte("insight "+strconv.FormatInt(i.ID, 10)))
	i.ShortID = strings.ReplaceAll(id.String(), "-", "")[:8]
	i.CreatedAt, i.UpdatedAt, i.LastModifiedAt = now, now, now
	i.CreatedBy, i.LastModifiedBy, i.UserAccessLevel = &s.world.User, &s.world.User, "editor"
	i.Deleted, i.Saved = false, true
	if i.Tags == nil {
		i.Tags = []string{}
	}
	if i.Dashboards == nil {
		i.Dashboards = []int64{}
	}
	s.world.Insights = append(s.world.Insights, &i)
	return i, nil
}

// PatchInsight changes an insight as [Store.PatchCohort] does a cohort.
func (s *Store) PatchInsight(id int64, change func(*Insight) error) (Insight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	return patched(s.world.Insights, "insight", id, func(i *Insight) (int64, bool) { return i.ID, i.Deleted }, func(i *Insight) error {
		i.UpdatedAt, i.LastModifiedAt = now, now
		return change(i)
	})
}

// Annotations lists the annotations that are not deleted, by id.
func (s *Store) Annotations() []Annotation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return listed(s.world.Annotations, func(a *Annotation) bool { return a.Deleted })
}

// CreateAnnotation adds an annotation: Content, DateMarker, CreationType,
// Scope and what belongs to the scope. The rest is filled in.
func (s *Store) CreateAnnotation(a Annotation) (Annotation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	a.ID = int64(len(s.world.Annotations) + 1)
	a.CreatedAt, a.UpdatedAt, a.CreatedBy, a.Deleted = now, now, &s.world.User, false
	if a.DateMarker.IsZero() {
		a.DateMarker = now
	}
	if a.CreationType == "" {
		a.CreationType = "USR"
	}
	if a.Scope == "" {
		a.Scope = "project"
	}
	if a.Tags == nil {
		a.Tags = []string{}
	}
	s.world.Annotations = append(s.world.Annotations, &a)
	return a, nil
}

// PatchAnnotation changes an annotation as [Store.PatchCohort] does a cohort.
func (s *Store) PatchAnnotation(id int64, change func(*Annotation) error) (Annotation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	return patched(s.world.Annotations, "annotation", id, func(a *Annotation) (int64, bool) { return a.ID, a.Deleted }, func(a *Annotation) error {
		a.UpdatedAt = now
		return change(a)
	})
}

func listed[T any](all []*T, deleted func(*T) bool) []T {
	list := []T{}
	for _, v := range all {
		if !deleted(v) {
			list = append(list, *v)
		}
	}
	return list
}

// patched changes a copy of the object with an id and puts it in its place.
func patched[T any](all []*T, kind string, id int64, of func(*T) (int64, bool), change func(*T) error) (T, error) {
	for i, v := range all {
		if at, deleted := of(v); at != id || deleted {
			continue
		}
		changed := *v
		if err := change(&changed); err != nil {
			return *v, err
		}
		all[i] = &changed
		return changed, nil
	}
	var none T
	return none, &NotFoundError{Kind: kind, ID: strconv.FormatInt(id, 10)}
}
