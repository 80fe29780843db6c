package data

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func newStore(t testing.TB) *Store {
	t.Helper()
	s, err := NewStore(StoreConfig{World: generate(t, Options{Seed: 3, People: 120, Days: 30})})
	require.NoError(t, err)
	return s
}

func capture(t testing.TB, s *Store, events ...IncomingEvent) int {
	t.Helper()
	n, err := s.Capture(ProjectToken, events)
	require.NoError(t, err)
	return n
}

func TestNewStoreNeedsAWorld(t *testing.T) {
	t.Parallel()
	_, err := NewStore(StoreConfig{})
	require.ErrorContains(t, err, "World")
}

func TestSnapshotIsSharedUntilAWrite(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	before := s.Snapshot()
	require.Same(t, before, s.Snapshot())
	n := len(before.Events)
	require.Equal(t, 1, capture(t, s, IncomingEvent{Event: "hello", DistinctID: "new-1", Timestamp: testNow().Add(-time.Hour), Properties: map[string]any{"a": 1.0, "token": "x"}}))
	after := s.Snapshot()
	require.NotSame(t, before, after)
	require.Len(t, before.Events, n)
	require.Len(t, after.Events, n+1)
	require.True(t, slices.IsSortedFunc(after.Events, compareEvents))
	i := slices.IndexFunc(after.Events, func(e *Event) bool { return e.Event == "hello" })
	require.Equal(t, []Property{{"a", 1.0}}, after.Events[i].Properties.Own)
	require.Equal(t, []string{"new-1"}, after.Events[i].Person.DistinctIDs)
	require.Len(t, after.Persons, len(before.Persons)+1)
}

func TestStoresShareAWorld(t *testing.T) {
	t.Parallel()
	w := generate(t, Options{Seed: 3, People: 50, Days: 10})
	before := hashOf(t, w)
	cohorts := len(w.Cohorts)
	var stores [2]*Store
	for i := range stores {
		var err error
		stores[i], err = NewStore(StoreConfig{World: w})
		require.NoError(t, err)
	}
	_, err := stores[0].CreateCohort(Cohort{Name: "Mine", IsStatic: true})
	require.NoError(t, err)
	_, err = stores[0].PatchCohort(1, func(c *Cohort) error { c.Name = "Changed"; return nil })
	require.NoError(t, err)
	_, err = stores[0].PatchAnnotation(1, func(a *Annotation) error { a.Deleted = true; return nil })
	require.NoError(t, err)
	capture(t, stores[0], IncomingEvent{Event: "$exception", DistinctID: w.Persons[0].DistinctIDs[0], Properties: map[string]any{"$set": map[string]any{"plan": "gold"}}})
	require.Len(t, stores[1].Cohorts(), cohorts)
	require.Equal(t, "Paying customers", stores[1].Cohorts()[0].Name)
	require.Len(t, stores[1].Annotations(), len(w.Annotations))
	require.Len(t, stores[0].Issues(), len(stores[1].Issues())+1)
	require.Equal(t, before, hashOf(t, w))
}

func TestCaptureRefusesAndForgets(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	n := len(s.Snapshot().Events)
	_, err := s.Capture(ProjectToken, []IncomingEvent{{Event: "a", DistinctID: "x"}, {Event: "b"}})
	require.EqualError(t, err, "event submitted without a distinct_id")
	_, err = s.Capture(ProjectToken, []IncomingEvent{{DistinctID: "x"}})
	require.EqualError(t, err, "event submitted with an empty event name")
	stored, err := s.Capture("phc_of_somebody_else", []IncomingEvent{{Event: "a", DistinctID: "x"}})
	require.NoError(t, err)
	require.Zero(t, stored)
	require.Len(t, s.Snapshot().Events, n)
}

func TestCaptureDropsRepeats(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	e := IncomingEvent{UUID: uuid.MustParse("0199f3a0-0000-7000-8000-000000000001"), Event: "paid", DistinctID: "u", Timestamp: testNow().Add(-time.Minute)}
	require.Equal(t, 1, capture(t, s, e))
	require.Equal(t, 0, capture(t, s, e))
	other := e
	other.Timestamp = e.Timestamp.AddDate(0, 0, -1)
	require.Equal(t, 1, capture(t, s, other), "another day is another event")
	seeded := s.Snapshot().Events[10]
	require.Equal(t, 0, capture(t, s, IncomingEvent{UUID: seeded.UUID, Event: seeded.Event, DistinctID: seeded.DistinctID, Timestamp: seeded.Timestamp}))
	require.Equal(t, 1, capture(t, s, IncomingEvent{UUID: seeded.UUID, Event: seeded.Event + "!", DistinctID: seeded.DistinctID, Timestamp: seeded.Timestamp}))
}

func TestCaptureClampsTheFuture(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	capture(t, s, IncomingEvent{Event: "later", DistinctID: strings.Repeat("é", 250), Timestamp: testNow().AddDate(1, 0, 0)})
	events := s.Snapshot().Events
	last := events[len(events)-1]
	require.Equal(t, testNow(), last.Timestamp)
	require.Equal(t, strings.Repeat("é", 200), last.DistinctID)
}

func TestPersonProperties(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	known := s.Snapshot().Persons[5]
	id := known.DistinctIDs[0]
	before := known.Properties
	capture(t, s,
		IncomingEvent{Event: "a", DistinctID: id, Properties: map[string]any{"$set": map[string]any{"plan": "gold"}, "$set_once": map[string]any{"plan": "no", "first": "yes"}}},
		IncomingEvent{Event: "b", DistinctID: id, Properties: map[string]any{"$unset": []any{"$browser"}, "$set_once": map[string]any{"first": "no"}}},
	)
	now := s.PersonByDistinctID(id)
	require.Equal(t, "gold", text(&now.Properties, "plan"))
	require.Equal(t, "yes", text(&now.Properties, "first"))
	_, has := now.Properties.Get("$browser")
	require.False(t, has)
	require.Equal(t, before, known.Properties, "a snapshot's person does not change")
	for _, e := range s.Snapshot().Events {
		if slices.Contains(now.DistinctIDs, e.DistinctID) {
			require.Same(t, now, e.Person)
		}
	}
}

func TestIdentifyMerges(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	capture(t, s,
		IncomingEvent{Event: "view", DistinctID: "anon", Timestamp: testNow().Add(-2 * time.Hour), Properties: map[string]any{"$set": map[string]any{"city": "Oslo", "name": "?"}}},
		IncomingEvent{Event: "signed", DistinctID: "me", Timestamp: testNow().Add(-time.Hour), Properties: map[string]any{"$set": map[string]any{"name": "Me"}}},
	)
	persons := len(s.Snapshot().Persons)
	capture(t, s, IncomingEvent{Event: "$identify", DistinctID: "me", Properties: map[string]any{"$anon_distinct_id": "anon", "$set": map[string]any{"plan": "pro"}}})
	p := s.PersonByDistinctID("anon")
	require.Same(t, p, s.PersonByDistinctID("me"))
	require.True(t, p.IsIdentified)
	require.Equal(t, []string{"me", "anon"}, p.DistinctIDs)
	require.Equal(t, []string{"Me", "Oslo", "pro"}, []string{text(&p.Properties, "name"), text(&p.Properties, "city"), text(&p.Properties, "plan")})
	require.Equal(t, testNow().Add(-2*time.Hour), p.CreatedAt)
	after := s.Snapshot()
	require.Len(t, after.Persons, persons-1)
	n := 0
	for _, e := range after.Events {
		if e.Person == p {
			n++
		}
	}
	require.Equal(t, 3, n)

	capture(t, s, IncomingEvent{Event: "$identify", DistinctID: "other", Properties: map[string]any{"$anon_distinct_id": "fresh"}})
	require.Same(t, s.PersonByDistinctID("other"), s.PersonByDistinctID("fresh"))
	capture(t, s, IncomingEvent{Event: "$create_alias", DistinctID: "me", Properties: map[string]any{"alias": "other"}})
	require.NotSame(t, s.PersonByDistinctID("other"), s.PersonByDistinctID("me"), "an identified person is not merged")
	capture(t, s, IncomingEvent{Event: "$merge_dangerously", DistinctID: "me", Properties: map[string]any{"alias": "other"}})
	require.Same(t, s.PersonByDistinctID("fresh"), s.PersonByDistinctID("me"))
}

func TestPersonlessEvents(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	persons := len(s.Snapshot().Persons)
	ghost := IncomingEvent{Event: "ghost", DistinctID: "nobody", Properties: map[string]any{"$process_person_profile": false, "$set": map[string]any{"a": "b"}}}
	capture(t, s, ghost, ghost)
	snap := s.Snapshot()
	require.Len(t, snap.Persons, persons)
	require.Nil(t, s.PersonByDistinctID("nobody"))
	last := snap.Events[len(snap.Events)-2:]
	require.Same(t, last[0].Person, last[1].Person)
	capture(t, s, IncomingEvent{Event: "real", DistinctID: "nobody"})
	p := s.PersonByDistinctID("nobody")
	for _, e := range s.Snapshot().Events {
		if e.DistinctID == "nobody" {
			require.Same(t, p, e.Person)
		}
	}
}

func TestCapturedExceptionGetsAnIssue(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	n := len(s.Issues())
	boom := IncomingEvent{Event: "$exception", DistinctID: "u", Properties: map[string]any{"$exception_list": []any{map[string]any{"type": "KeyError", "value": "'x'"}}}}
	capture(t, s, boom, boom)
	issues := s.Issues()
	require.Len(t, issues, n+1)
	require.Equal(t, []string{"KeyError", "'x'", "active"}, []string{issues[n].Name, issues[n].Description, issues[n].Status})
	events := s.Snapshot().Events
	require.Equal(t, issues[n].ID.String(), text(&events[len(events)-1].Properties, "$exception_issue_id"))
}

func TestDefinitions(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	kinds := map[string]string{}
	for _, d := range s.PropertyDefinitions() {
		if d.PropertyType != nil {
			kinds[d.Type+" "+d.Name] = *d.PropertyType
		}
	}
	require.Equal(t, "Numeric", kinds["event amount"])
	require.Equal(t, "String", kinds["event $browser"])
	require.Equal(t, "Boolean", kinds["person is_paying"])
	require.Equal(t, "DateTime", kinds["person signed_up_at"])
	require.NotContains(t, kinds, "event $exception_list")
	find := func() (EventDefinition, bool) {
		for _, d := range s.EventDefinitions() {
			if d.Name == "brand_new" {
				return d, true
			}
		}
		return EventDefinition{}, false
	}
	_, has := find()
	require.False(t, has)
	capture(t, s, IncomingEvent{Event: "brand_new", DistinctID: "u", Properties: map[string]any{"amount": "much"}})
	d, has := find()
	require.True(t, has)
	require.Equal(t, testNow(), d.LastSeenAt)
	for _, d := range s.PropertyDefinitions() {
		if d.Type == "event" && d.Name == "amount" {
			require.Equal(t, "String", *d.PropertyType, "values disagree now")
			require.Contains(t, d.Events, "brand_new")
		}
	}
}

func TestStoreIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	before := len(s.Snapshot().Events)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for j := range 20 {
				_, err := s.Capture(ProjectToken, []IncomingEvent{{Event: "e", DistinctID: fmt.Sprintf("u%d", j), Properties: map[string]any{"$set": map[string]any{"by": float64(i)}}}})
				if err != nil {
					t.Error(err)
				}
				snap := s.Snapshot()
				for _, e := range snap.Events[len(snap.Events)-3:] {
					e.Person.Properties.Get("by")
				}
				s.EventDefinitions()
				s.Cohorts()
			}
		})
	}
	wait.Wait()
	require.Len(t, s.Snapshot().Events, before+160)
}

func TestDump(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	dir := filepath.Join(t.TempDir(), "out")
	snap := s.Snapshot()
	require.NoError(t, s.Dump(dir))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 2)
	for i, want := range []int{len(snap.Events), len(snap.Persons)} {
		info, err := files[i].Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		text, err := os.ReadFile(filepath.Join(dir, files[i].Name()))
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		require.Len(t, lines, want)
		for _, line := range lines {
			require.True(t, json.Valid([]byte(line)), line)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	broken := filepath.Join(t.TempDir(), "broken")
	require.ErrorIs(t, snap.Dump(ctx, broken), context.Canceled)
	left, err := os.ReadDir(broken)
	require.NoError(t, err)
	require.Empty(t, left, "no half a file stays behind")
}
