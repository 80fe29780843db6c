package posthogtest

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// eventBody is an event of the deprecated events endpoint.
type eventBody struct {
	ID            uuid.UUID      `json:"id"`
	DistinctID    string         `json:"distinct_id"`
	Properties    map[string]any `json:"properties"`
	Event         string         `json:"event"`
	Timestamp     time.Time      `json:"timestamp"`
	Person        *eventPerson   `json:"person"`
	Elements      []any          `json:"elements"`
	ElementsChain string         `json:"elements_chain"`
}

type eventPerson struct {
	IsIdentified bool           `json:"is_identified"`
	DistinctIDs  []string       `json:"distinct_ids"`
	Properties   map[string]any `json:"properties"`
}

func eventOf(e *data.Event) eventBody {
	out := eventBody{
		ID: e.UUID, DistinctID: e.DistinctID, Properties: propertyMap(&e.Properties), Event: e.Event, Timestamp: e.Timestamp,
		Elements: []any{}, ElementsChain: e.ElementsChain,
	}
	if p := e.Person; p != nil {
		out.Person = &eventPerson{p.IsIdentified, []string{e.DistinctID}, propertyMap(&p.Properties)}
	}
	return out
}

// listEvents answers newest first, with a link to older ones by time. Without
// "after" the last day is read first, and everything when that is too little.
func (s *Server) listEvents(c *call) (*reply, error) {
	limit := c.intParam("limit", 1, defaultPageSize)
	before, after := c.now.Add(5*time.Second), c.now.AddDate(0, 0, -1)
	if t, err := c.timeParam("before"); err != nil {
		return nil, err
	} else if !t.IsZero() {
		before = t
	}
	given, err := c.timeParam("after")
	if err != nil {
		return nil, err
	}
	if !given.IsZero() {
		after = given
	}
	snap := s.store.Snapshot()
	keep, err := c.eventFilter(snap)
	if err != nil {
		return nil, err
	}
	found := newest(snap.Events, before, after, limit+1, keep)
	if len(found) < limit && given.IsZero() {
		found = newest(snap.Events, before, time.Time{}, limit+1, keep)
	}
	type body struct {
		Next    *string     `json:"next"`
		Results []eventBody `json:"results"`
	}
	out := body{Results: []eventBody{}}
	for _, e := range found[:min(limit, len(found))] {
		out.Results = append(out.Results, eventOf(e))
	}
	if len(found) > limit {
		c.query.Set("before", found[limit-1].Timestamp.Format(time.RFC3339Nano))
		u := s.site(c) + c.r.URL.Path + "?" + c.query.Encode()
		out.Next = &u
	}
	return ok(out)
}

func (c *call) timeParam(name string) (time.Time, error) {
	text := c.query.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	at, valid := parseTime(text)
	if !valid {
		return time.Time{}, invalid("invalid_input", name, "%q is not a valid date.", text)
	}
	return at, nil
}

func (c *call) eventFilter(snap *data.Snapshot) (func(*data.Event) bool, error) {
	var filters []data.PropertyFilter
	if text := c.query.Get("properties"); text != "" {
		if err := json.Unmarshal([]byte(text), &filters); err != nil {
			return nil, invalid("invalid_input", "properties", "Properties are unparsable!")
		}
	}
	match, err := snap.EventMatcher(filters)
	if err != nil {
		return nil, invalidText("invalid_input", "properties", err.Error())
	}
	name, id, person := c.query.Get("event"), c.query.Get("distinct_id"), c.query.Get("person_id")
	return func(e *data.Event) bool {
		return (name == "" || e.Event == name) && (id == "" || e.DistinctID == id) &&
			(person == "" || e.Person != nil && e.Person.ID.String() == person) && match(e)
	}, nil
}

// newest collects at most n events with after < timestamp < before, newest
// first. Events are sorted by time.
func newest(events []*data.Event, before, after time.Time, n int, keep func(*data.Event) bool) []*data.Event {
	out := make([]*data.Event, 0, min(n, len(events)))
	for _, e := range slices.Backward(events) {
		if !e.Timestamp.Before(before) {
			continue
		}
		if !e.Timestamp.After(after) || len(out) == n {
			break
		}
		if keep(e) {
			out = append(out, e)
		}
	}
	return out
}

func (s *Server) getEvent(c *call) (*reply, error) {
	id, err := uuid.Parse(c.params["id"])
	if err != nil {
		return nil, invalid("invalid", "", "Invalid UUID")
	}
	for _, e := range s.store.Snapshot().Events {
		if e.UUID == id {
			return ok(eventOf(e))
		}
	}
	return nil, notFound("No events exist for event UUID " + id.String())
}

func (s *Server) eventValues(c *call) (*reply, error) {
	k, name := c.query.Get("key"), c.query.Get("event_name")
	if k == "" {
		return nil, invalid("invalid_input", "", "You must provide a key to get values for")
	}
	count, raw := map[string]int{}, map[string]any{}
	for _, e := range s.store.Snapshot().Events {
		if name != "" && e.Event != name {
			continue
		}
		if v, has := e.Properties.Get(k); has && v != nil {
			count[textOf(v)]++
			raw[textOf(v)] = v
		}
	}
	return ok(topValues(count, raw, c.query.Get("value")))
}
