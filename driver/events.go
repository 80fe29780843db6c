package driver

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	eventsDefaultLimit = 50
	eventsMaxLimit     = 1000
	maxEventColumns    = 50
)

// EventFilter chooses events. All its conditions are joined by AND.
type EventFilter struct {
	Events []string // names; empty: all
	Person string   // distinct id, person UUID or email; empty: everybody
	// Where holds conditions such as "plan=pro"; "person.plan=pro" looks at the
	// person, "distinct_id=u1", "person_id=..." and "session_id=..." at the event
	// itself.
	Where  []string
	After  time.Time // inclusive; zero: 24 hours before Before
	Before time.Time // exclusive; zero: now
}

// EventsParams are what [Client.Events] takes.
type EventsParams struct {
	EventFilter
	// Columns are properties to add to each event: "plan" of the event,
	// "person.email" of its person; "uuid", "person_id", "session_id" and
	// "properties" (all of them, as JSON) stand for themselves.
	Columns []string
	Limit   int    // 1 to 1000; 0: 50
	Cursor  string // from the last result, with the same filters
}

// EventsResult is one page of events, the newest first.
type EventsResult struct {
	Columns []string // timestamp, event, distinct_id, then the columns asked for
	Rows    [][]any  // cells in that order; timestamps as PostHog writes them, in the project's time zone
	HasMore bool
	After   time.Time // span that was searched
	Before  time.Time

	cursors []string // one per row, continuing after it
}

// CursorAfter gives the cursor that continues after the first n rows, or ""
// when no row follows.
func (r EventsResult) CursorAfter(n int) string {
	if n < 1 || n > len(r.cursors) || n == len(r.cursors) && !r.HasMore {
		return ""
	}
	return r.cursors[n-1]
}

// Events gives events of a span of time, the newest first, always computed
// anew: an event captured a moment ago must not be hidden by a cache.
//
//posthog:operation POST /api/projects/:project_id/query/
func (c *Client) Events(ctx context.Context, p EventsParams) (EventsResult, error) {
	ctx, cancel := c.withTotal(ctx) // of all its requests
	defer cancel()
	const op = "get_events"
	limit, err := boundedLimit(op, p.Limit, eventsDefaultLimit, eventsMaxLimit)
	if err != nil {
		return EventsResult{}, err
	}
	sel, err := newEventSelect(op, p.EventFilter, p.Columns, p.Cursor)
	if err != nil {
		return EventsResult{}, err
	}
	sql, values := sel.sql("DESC", limit+1, "")
	ans, err := c.runHogQL(ctx, op, statement{sql: sql, values: values, name: op, fresh: true})
	if err != nil {
		return EventsResult{}, err
	}
	out := EventsResult{Columns: sel.header(), HasMore: len(ans.Results) > limit}
	out.After, out.Before = sel.span()
	for _, row := range ans.Results[:min(limit, len(ans.Results))] {
		cells, next, err := sel.split(op, row)
		if err != nil {
			return EventsResult{}, err
		}
		out.Rows = append(out.Rows, cells)
		out.cursors = append(out.cursors, next.encode())
	}
	return out, nil
}

// eventSelect builds the statements of one list of events.
type eventSelect struct {
	filter  EventFilter
	where   []propertyFilter
	columns []string
	place   keyset
}

func newEventSelect(op string, f EventFilter, columns []string, cursor string) (*eventSelect, error) {
	s := &eventSelect{filter: f}
	for _, name := range f.Events {
		if strings.TrimSpace(name) == "" {
			return nil, invalid(op, "events", "an event name is empty", "Name events as list_objects shows them, or leave events out for all.")
		}
	}
	var err error
	if s.where, err = parseFilters(op, "where", f.Where); err != nil {
		return nil, err
	}
	if len(columns) > maxEventColumns {
		return nil, invalid(op, "columns", fmt.Sprintf("%d columns are more than %d", len(columns), maxEventColumns), `Ask for fewer, or for "properties" to get them all as one JSON value.`)
	}
	for _, name := range columns {
		name = strings.TrimPrefix(strings.TrimSpace(name), "properties.")
		if err := checkPropertyName(op, "columns", name); err != nil {
			return nil, err
		}
		s.columns = append(s.columns, name)
	}
	print := fingerprint([]any{op, f.Events, f.Person, f.Where})
	if cursor != "" {
		s.place, err = decodeKeyset(op, cursor, print)
		return s, err
	}
	before := f.Before
	if before.IsZero() {
		before = time.Now()
	}
	after := f.After
	if after.IsZero() {
		after = before.Add(-24 * time.Hour)
	}
	if !after.Before(before) {
		return nil, invalid(op, "after", fmt.Sprintf("after %s is not earlier than before %s", after.UTC().Format(time.RFC3339), before.UTC().Format(time.RFC3339)), "Give an earlier after or a later before.")
	}
	for _, t := range []time.Time{after, before} {
		if t.Year() < 1970 || t.Year() > 2199 {
			return nil, invalid(op, "after", fmt.Sprintf("%s is not a date that events can have", t.UTC().Format(time.RFC3339)), "Give dates between 1970 and today.")
		}
	}
	s.place = keyset{From: after.UTC().Format(wallLayout), To: before.UTC().Format(wallLayout), Filter: print}
	return s, nil
}

// header names the visible columns.
func (s *eventSelect) header() []string {
	return append([]string{"timestamp", "event", "distinct_id"}, s.columns...)
}

func (s *eventSelect) span() (after, before time.Time) {
	after, _ = time.Parse(wallLayout, s.place.From)
	before, _ = time.Parse(wallLayout, s.place.To)
	return after, before
}

// sql gives the statement for the rows after the current place in the given
// direction, at most limit of them; until, when not empty, ends the span
// earlier than the list itself. The last two columns are the place of each row.
func (s *eventSelect) sql(direction string, limit int, until string) (string, map[string]any) {
	b := newSQLBuilder()
	var q strings.Builder
	q.WriteString("SELECT timestamp, event, distinct_id")
	for i, name := range s.columns {
		fmt.Fprintf(&q, ", %s AS c%d", b.field(name), i)
	}
	q.WriteString(", toString(toTimeZone(timestamp, 'UTC')) AS place_time, toString(uuid) AS place_uuid FROM events WHERE ")
	from, to := s.place.From, s.place.To
	sign := ">"
	switch {
	case direction == "DESC":
		sign = "<"
		if s.place.Time != "" {
			to = s.place.Time
		}
	case s.place.Time != "":
		from = s.place.Time
	}
	if until != "" {
		to = until
	}
	fmt.Fprintf(&q, "timestamp >= %s AND timestamp %s %s", utcTime(b, from), upper(direction, s.place), utcTime(b, to))
	if s.place.UUID != "" {
		// The bounds on timestamp alone let ClickHouse skip parts of the table;
		// the pair makes the page start right behind the last row.
		fmt.Fprintf(&q, " AND (timestamp, uuid) %s (%s, toUUID(%s))", sign, utcTime(b, s.place.Time), b.bind(s.place.UUID))
	}
	for _, cond := range s.conditions(b) {
		q.WriteString(" AND ")
		q.WriteString(cond)
	}
	fmt.Fprintf(&q, " ORDER BY timestamp %[1]s, uuid %[1]s LIMIT %[2]d", direction, limit)
	return q.String(), b.values
}

// upper gives the sign of the upper bound: the last row's own microsecond may
// hold more rows when going back in time.
func upper(direction string, place keyset) string {
	if direction == "DESC" && place.Time != "" {
		return "<="
	}
	return "<"
}

// utcTime gives a UTC time as an expression that keeps microseconds.
func utcTime(b *sqlBuilder, utc string) string {
	return "toDateTime64(" + b.bind(utc) + ", 6, 'UTC')"
}

// field gives the expression for a column name or the left side of a
// condition: a column of the table where the name is one, else a property.
func (b *sqlBuilder) field(name string) string {
	switch name {
	case "uuid", "person_id":
		return "toString(" + name + ")"
	case "distinct_id", "event", "properties":
		return name
	case "session_id", "$session_id":
		return "$session_id"
	}
	return b.property(name)
}

func (s *eventSelect) conditions(b *sqlBuilder) []string {
	var out []string
	switch len(s.filter.Events) {
	case 0:
	case 1:
		out = append(out, "event = "+b.bind(s.filter.Events[0]))
	default:
		names := make([]string, len(s.filter.Events))
		for i, name := range s.filter.Events {
			names[i] = b.bind(name)
		}
		out = append(out, "event IN ("+strings.Join(names, ", ")+")")
	}
	if who := strings.TrimSpace(s.filter.Person); who != "" {
		ways := []string{"distinct_id = " + b.bind(who)}
		if id, err := uuid.Parse(who); err == nil && len(who) == 36 {
			ways = append(ways, "person_id = toUUID("+b.bind(id.String())+")")
		}
		if strings.Contains(who, "@") {
			ways = append(ways, "person.properties.email = "+b.bind(who))
		}
		out = append(out, "("+strings.Join(ways, " OR ")+")")
	}
	for _, f := range s.where {
		out = append(out, f.hogql(b, b.field(f.key)))
	}
	return out
}

// split takes a row apart into its visible cells and its place.
func (s *eventSelect) split(op string, row []any) ([]any, keyset, error) {
	n := 3 + len(s.columns)
	if len(row) != n+2 {
		return nil, keyset{}, &Error{Op: op, Kind: KindUpstream, Detail: fmt.Sprintf("PostHog gave a row of %d cells instead of %d", len(row), n+2)}
	}
	at, okTime := row[n].(string)
	id, okID := row[n+1].(string)
	t, err := time.Parse("2006-01-02 15:04:05.999999", at)
	if !okTime || !okID || err != nil {
		return nil, keyset{}, &Error{Op: op, Kind: KindUpstream, Detail: "PostHog gave an event without a readable timestamp and uuid"}
	}
	next := s.place
	next.Time, next.UUID = t.Format(wallLayout), id
	return row[:n:n], next, nil
}
