package stats

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

type errorTrackingQuery struct {
	ignored
	DateRange          dateRange       `json:"dateRange"`
	OrderBy            string          `json:"orderBy"`
	OrderDirection     string          `json:"orderDirection"`
	Status             string          `json:"status"`
	IssueID            string          `json:"issueId"`
	SearchQuery        string          `json:"searchQuery"`
	FilterGroup        json.RawMessage `json:"filterGroup"`
	FilterTestAccounts bool            `json:"filterTestAccounts"`
	Assignee           any             `json:"assignee"`
	VolumeResolution   *int            `json:"volumeResolution"`
	WithAggregations   bool            `json:"withAggregations"`
	WithFirstEvent     bool            `json:"withFirstEvent"`
	WithLastEvent      bool            `json:"withLastEvent"`
	Limit              *int            `json:"limit"`
	Offset             int             `json:"offset"`
}

// defaultIssueLimit is how many issues a page has.
const defaultIssueLimit = 50

func (e *errorTrackingQuery) check() error {
	switch e.OrderBy {
	case "last_seen", "first_seen", "occurrences", "users", "sessions":
	case "":
		return invalid("ErrorTrackingQuery needs orderBy")
	default:
		return notSupported("orderBy %s", strconv.Quote(e.OrderBy))
	}
	if e.OrderDirection != "" && e.OrderDirection != "ASC" && e.OrderDirection != "DESC" {
		return invalid("orderDirection is %q; give ASC or DESC", e.OrderDirection)
	}
	if e.VolumeResolution == nil || *e.VolumeResolution < 0 || *e.VolumeResolution > 200 {
		return invalid("ErrorTrackingQuery needs a volumeResolution of 0 to 200")
	}
	if e.Assignee != nil {
		return notSupported("assignee")
	}
	if e.Offset < 0 || e.Limit != nil && (*e.Limit < 1 || *e.Limit > 1000) {
		return invalid("limit must be 1 to 1000 and offset not negative")
	}
	return nil
}

// occurrences is what the range's exceptions say about one issue.
type occurrences struct {
	issue           data.Issue
	events          []*data.Event
	users, sessions map[any]struct{}
}

// errorTracking answers an ErrorTrackingQuery: the issues that occurred in the
// range, with counts.
func (q *run) errorTracking() (map[string]any, error) {
	var query errorTrackingQuery
	if err := q.decode(&query); err != nil {
		return nil, err
	}
	if err := query.check(); err != nil {
		return nil, err
	}
	if err := q.period(&query.DateRange, "hour", "-7d"); err != nil {
		return nil, err
	}
	match, err := q.filter(query.FilterGroup, query.FilterTestAccounts)
	if err != nil {
		return nil, err
	}
	found, err := q.issues(&query, match)
	if err != nil {
		return nil, err
	}
	query.sort(found)
	limit := defaultIssueLimit
	if query.Limit != nil {
		limit = *query.Limit
	}
	page := found[min(query.Offset, len(found)):]
	more := len(page) > limit
	results := []any{}
	for _, o := range page[:min(limit, len(page))] {
		results = append(results, q.issueRow(&query, o))
	}
	return map[string]any{"results": results, "columns": []string{"error"}, "hasMore": more, "limit": limit, "offset": query.Offset, "modifiers": map[string]any{}}, nil
}

// issues collects the exceptions that pass, by issue.
func (q *run) issues(query *errorTrackingQuery, match func(*data.Event) bool) ([]*occurrences, error) {
	known := map[string]*occurrences{}
	for _, issue := range q.store.Issues() {
		if (query.Status == "" || query.Status == "all" || query.Status == issue.Status) && (query.IssueID == "" || query.IssueID == issue.ID.String()) {
			known[issue.ID.String()] = &occurrences{issue: issue, users: map[any]struct{}{}, sessions: map[any]struct{}{}}
		}
	}
	words := strings.Fields(strings.ToLower(query.SearchQuery))
	var found []*occurrences
	for _, e := range q.events(q.from, q.to) {
		if err := q.ctx.Err(); err != nil {
			return nil, err
		}
		if e.Event != "$exception" || !match(e) {
			continue
		}
		id, _ := e.Properties.Get("$exception_issue_id")
		text, _ := data.TextOf(id)
		o := known[text]
		if o == nil || !mentions(o, e, words) {
			continue
		}
		if o.events == nil {
			found = append(found, o)
		}
		o.events = append(o.events, e)
		o.users[e.Person.ID] = struct{}{}
		if e.SessionID != "" {
			o.sessions[e.SessionID] = struct{}{}
		}
	}
	return found, nil
}

// mentions says whether every word occurs in the issue's or exception's texts.
func mentions(o *occurrences, e *data.Event, words []string) bool {
	if len(words) == 0 {
		return true
	}
	text := o.issue.Name + "\n" + o.issue.Description
	for _, key := range []string{"$exception_types", "$exception_values", "$exception_sources", "$exception_functions"} {
		v, _ := e.Properties.Get(key)
		part, _ := data.TextOf(v)
		text += "\n" + part
	}
	v, _ := e.Person.Properties.Get("email")
	email, _ := data.TextOf(v)
	text = strings.ToLower(text + "\n" + email)
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

func (e *errorTrackingQuery) sort(list []*occurrences) {
	slices.SortStableFunc(list, func(a, b *occurrences) int {
		c := 0
		switch e.OrderBy {
		case "first_seen":
			c = a.issue.FirstSeen.Compare(b.issue.FirstSeen)
		case "last_seen":
			c = a.events[len(a.events)-1].Timestamp.Compare(b.events[len(b.events)-1].Timestamp)
		case "occurrences":
			c = cmp.Compare(len(a.events), len(b.events))
		case "users":
			c = cmp.Compare(len(a.users), len(b.users))
		case "sessions":
			c = cmp.Compare(len(a.sessions), len(b.sessions))
		}
		if e.OrderDirection != "ASC" {
			c = -c
		}
		return cmp.Or(c, strings.Compare(a.issue.ID.String(), b.issue.ID.String()))
	})
}

func (q *run) issueRow(query *errorTrackingQuery, o *occurrences) map[string]any {
	last := o.events[len(o.events)-1]
	lib, _ := last.Properties.Get("$lib")
	row := map[string]any{
		"id": o.issue.ID.String(), "name": o.issue.Name, "description": o.issue.Description, "status": o.issue.Status, "assignee": nil,
		"first_seen": stamp(o.issue.FirstSeen), "last_seen": stamp(last.Timestamp), "library": lib,
		"source": firstOf(last, "$exception_sources"), "function": firstOf(last, "$exception_functions"),
	}
	if query.WithAggregations {
		row["aggregations"] = map[string]any{
			"occurrences": len(o.events), "users": len(o.users), "sessions": len(o.sessions),
			"volume_buckets": q.volume(o.events, *query.VolumeResolution),
		}
	}
	if query.WithFirstEvent {
		row["first_event"] = exceptionEvent(o.events[0])
	}
	if query.WithLastEvent {
		row["last_event"] = exceptionEvent(last)
	}
	return row
}

func firstOf(e *data.Event, key string) any {
	v, _ := e.Properties.Get(key)
	if list, ok := v.([]any); ok && len(list) > 0 {
		return list[0]
	}
	return nil
}

// volume counts the events in equal parts of the range.
func (q *run) volume(events []*data.Event, parts int) []any {
	buckets := make([]any, parts)
	counts := make([]int, parts)
	width := q.to.Sub(q.from) / time.Duration(max(parts, 1))
	for _, e := range events {
		if parts > 0 {
			counts[min(int(e.Timestamp.Sub(q.from)/max(width, 1)), parts-1)]++
		}
	}
	for i := range buckets {
		buckets[i] = map[string]any{"label": stamp(q.from.Add(time.Duration(i) * width)), "value": counts[i]}
	}
	return buckets
}

// exceptionEvent is an event as the issue's first or last is told, its
// properties as JSON text.
func exceptionEvent(e *data.Event) map[string]any {
	text, err := json.Marshal(maps.Collect(e.Properties.All()))
	if err != nil {
		text = []byte("{}")
	}
	return map[string]any{"uuid": e.UUID.String(), "distinct_id": e.DistinctID, "timestamp": stamp(e.Timestamp), "properties": string(text)}
}
