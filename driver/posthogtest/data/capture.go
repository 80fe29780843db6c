package data

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// IncomingEvent is one event as the capture endpoint accepts it, after the
// HTTP layer has checked the body. Properties hold JSON values; a key
// distinct_id, token or api_key in them is dropped.
type IncomingEvent struct {
	UUID       uuid.UUID // zero: one is made
	Event      string
	DistinctID string
	Timestamp  time.Time // zero: now
	Properties map[string]any
}

// dedupeKey is what makes two events one, as in PostHog's table.
type dedupeKey struct {
	uuid       uuid.UUID
	event      string
	distinctID string
	day        int64
}

func keyOf(e *Event) dedupeKey {
	return dedupeKey{e.UUID, e.Event, e.DistinctID, e.Timestamp.Unix() / 86400}
}

// maxDistinctID is PostHog's limit in characters; longer ids are cut.
const maxDistinctID = 200

// Capture stores events and brings persons up to date with them: $set,
// $set_once, $unset, $identify, $create_alias, $merge_dangerously and
// $process_person_profile. An event that is already there (same uuid, event,
// distinct id and day) is dropped silently.
//
// As PostHog does, a token that is not the project's is accepted and its
// events vanish. A batch with an event that has no name or no distinct id is
// refused as a whole, in PostHog's words. It gives how many were stored.
func (s *Store) Capture(token string, batch []IncomingEvent) (stored int, err error) {
	for i := range batch {
		if strings.TrimSpace(batch[i].Event) == "" {
			return 0, errors.New("event submitted with an empty event name")
		}
		if batch[i].DistinctID == "" {
			return 0, errors.New("event submitted without a distinct_id")
		}
	}
	if token != s.world.Project.APIToken {
		return 0, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range batch {
		if s.capture(&batch[i]) {
			stored++
		}
	}
	if stored > 0 {
		s.snapshot = nil
	}
	return stored, nil
}

func (s *Store) capture(in *IncomingEvent) bool {
	now := s.now().UTC()
	at := in.Timestamp.UTC()
	if in.Timestamp.IsZero() || at.After(now.Add(23*time.Hour)) {
		at = now
	}
	e := &Event{UUID: in.UUID, Event: in.Event, Timestamp: at.Truncate(time.Microsecond), CreatedAt: now.Truncate(time.Microsecond), DistinctID: cut(in.DistinctID, maxDistinctID)}
	if e.UUID == (uuid.UUID{}) {
		e.UUID = uuid.Must(uuid.NewV7())
	}
	if !s.isNew(e) {
		return false
	}
	properties := maps.Clone(in.Properties)
	if e.Event == "$exception" {
		properties = s.assignIssue(properties, e)
	}
	e.Person = s.personOf(e, properties)
	e.SessionID, _ = properties["$session_id"].(string)
	e.WindowID, _ = properties["$window_id"].(string)
	e.ElementsChain, _ = properties["$elements_chain"].(string)
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		switch key {
		case "distinct_id", "token", "api_key", "$elements_chain":
		default:
			e.Properties.Own = append(e.Properties.Own, Property{Key: key, Value: properties[key]})
		}
	}
	s.incoming = append(s.incoming, e)
	return true
}

func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}

func (s *Store) isNew(e *Event) bool {
	if s.seeded == nil {
		s.seeded = make(map[uuid.UUID]*Event, len(s.world.Events))
		for _, old := range s.world.Events {
			s.seeded[old.UUID] = old
		}
	}
	key := keyOf(e)
	if old := s.seeded[e.UUID]; s.seen[key] || old != nil && keyOf(old) == key {
		return false
	}
	s.seen[key] = true
	return true
}

// assignIssue gives an exception without an issue the one of its fingerprint,
// and makes the issue when it is new.
func (s *Store) assignIssue(properties map[string]any, e *Event) map[string]any {
	if properties == nil {
		properties = map[string]any{}
	}
	kind, message := firstText(properties, "$exception_types", "$exception_type", "type"), firstText(properties, "$exception_values", "$exception_message", "value")
	mark, _ := properties["$exception_fingerprint"].(string)
	if mark == "" {
		sum := sha256.Sum256([]byte(kind + "\x00" + message))
		mark = hex.EncodeToString(sum[:])
		properties["$exception_fingerprint"] = mark
	}
	id, err := uuid.Parse(textOr(properties["$exception_issue_id"], ""))
	if err != nil {
		id = uuid.NewSHA1(s.world.Project.UUID, []byte(mark))
		for _, issue := range s.world.Issues {
			if issue.Fingerprint == mark {
				id = issue.ID
			}
		}
		properties["$exception_issue_id"] = id.String()
	}
	for i, issue := range s.world.Issues {
		if issue.ID == id {
			if e.Timestamp.Before(issue.FirstSeen) {
				earlier := *issue
				earlier.FirstSeen = e.Timestamp
				s.world.Issues[i] = &earlier
			}
			return properties
		}
	}
	s.world.Issues = append(s.world.Issues, &Issue{ID: id, Status: "active", Name: kind, Description: message, FirstSeen: e.Timestamp, Fingerprint: mark})
	return properties
}

// firstText reads the first value of a list property, of its older single
// form, or of $exception_list.
func firstText(properties map[string]any, list, single, inList string) string {
	if l, ok := properties[list].([]any); ok && len(l) > 0 {
		return textOr(l[0], "Error")
	}
	if t, ok := properties[single].(string); ok {
		return t
	}
	if l, ok := properties["$exception_list"].([]any); ok && len(l) > 0 {
		if m, ok := l[0].(map[string]any); ok {
			return textOr(m[inList], "Error")
		}
	}
	return "Error"
}

func textOr(v any, other string) string {
	if t, ok := v.(string); ok {
		return t
	}
	return other
}

// personOf finds or makes the event's person and applies what the event says
// about them.
func (s *Store) personOf(e *Event, properties map[string]any) *Person {
	if properties["$process_person_profile"] == false {
		if p := s.owner(e.DistinctID); p != nil {
			return p
		}
		p := s.hidden[e.DistinctID]
		if p == nil {
			p = &Person{ID: uuid.NewSHA1(s.world.Project.UUID, []byte(e.DistinctID)), CreatedAt: e.Timestamp, DistinctIDs: []string{e.DistinctID}}
			s.hidden[e.DistinctID] = p
		}
		return p
	}
	p := s.profile(e)
	switch e.Event {
	case "$identify":
		p = s.identify(p, textOr(properties["$anon_distinct_id"], ""), e, false)
	case "$create_alias":
		p = s.identify(p, textOr(properties["alias"], ""), e, false)
	case "$merge_dangerously":
		p = s.identify(p, textOr(properties["alias"], ""), e, true)
	}
	return s.update(p, properties)
}

// profile gives the person of an event's distinct id, made now if need be.
func (s *Store) profile(e *Event) *Person {
	if p := s.owner(e.DistinctID); p != nil {
		return p
	}
	p := &Person{ID: uuid.NewSHA1(s.world.Project.UUID, []byte(e.DistinctID)), Number: s.next, CreatedAt: e.Timestamp, DistinctIDs: []string{e.DistinctID}}
	s.next++
	s.persons = append(slices.Clip(s.persons), p)
	s.owners[e.DistinctID] = p
	if h := s.hidden[e.DistinctID]; h != nil {
		s.replaced[h] = p
		delete(s.hidden, e.DistinctID)
	}
	return p
}

// identify joins another distinct id, and whoever has it, to a person. An
// already identified person is merged only by force, as in PostHog.
func (s *Store) identify(p *Person, other string, e *Event, force bool) *Person {
	joined := *p
	joined.IsIdentified = true
	joined.DistinctIDs = slices.Clone(p.DistinctIDs)
	from := s.owner(other)
	switch {
	case other == "" || other == e.DistinctID || from == p:
	case from == nil:
		joined.DistinctIDs = append(joined.DistinctIDs, other)
		if h := s.hidden[other]; h != nil {
			s.replaced[h] = p
			delete(s.hidden, other)
		}
	case from.IsIdentified && !force:
	default:
		joined.DistinctIDs = append(joined.DistinctIDs, from.DistinctIDs...)
		joined.CreatedAt = from.CreatedAt
		if p.CreatedAt.Before(from.CreatedAt) {
			joined.CreatedAt = p.CreatedAt
		}
		joined.Properties.Own = slices.Clone(p.Properties.Own)
		for key, value := range from.Properties.All() {
			if _, has := p.Properties.Get(key); !has {
				joined.Properties.Own = append(joined.Properties.Own, Property{Key: key, Value: value})
			}
		}
		s.persons = slices.DeleteFunc(slices.Clone(s.persons), func(q *Person) bool { return q == from })
		s.replaced[from] = p
	}
	if joined.IsIdentified == p.IsIdentified && len(joined.DistinctIDs) == len(p.DistinctIDs) {
		return p
	}
	s.replace(p, &joined)
	return &joined
}

// update applies $set, $set_once and $unset.
func (s *Store) update(p *Person, properties map[string]any) *Person {
	set, _ := properties["$set"].(map[string]any)
	once, _ := properties["$set_once"].(map[string]any)
	unset := unsetKeys(properties["$unset"])
	if len(set) == 0 && len(once) == 0 && len(unset) == 0 {
		return p
	}
	values, keys := map[string]any{}, []string{}
	put := func(key string, value any) {
		if _, has := values[key]; !has {
			keys = append(keys, key)
		}
		values[key] = value
	}
	for key, value := range p.Properties.All() {
		put(key, value)
	}
	for _, key := range slices.Sorted(maps.Keys(once)) {
		if _, has := values[key]; !has {
			put(key, once[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		put(key, set[key])
	}
	changed := *p
	changed.Properties = Properties{}
	for _, key := range keys {
		if !slices.Contains(unset, key) {
			changed.Properties.Own = append(changed.Properties.Own, Property{Key: key, Value: values[key]})
		}
	}
	s.replace(p, &changed)
	return &changed
}

// unsetKeys reads $unset, a list of keys or an object with them.
func unsetKeys(v any) []string {
	switch v := v.(type) {
	case map[string]any:
		return slices.Sorted(maps.Keys(v))
	case []any:
		keys := make([]string, 0, len(v))
		for _, k := range v {
			keys = append(keys, fmt.Sprint(k))
		}
		return keys
	}
	return nil
}
