package driver

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// sentQuery is the part of a query request that the tests look at.
type sentQuery struct {
	Query struct {
		Kind   string         `json:"kind"`
		Query  string         `json:"query"`
		Values map[string]any `json:"values"`
		Name   string         `json:"name"`
	} `json:"query"`
	Refresh       string `json:"refresh"`
	Name          string `json:"name"`
	ClientQueryID string `json:"client_query_id"`
}

func sent(t *testing.T, body string) sentQuery {
	t.Helper()
	var q sentQuery
	require.NoError(t, json.Unmarshal([]byte(body), &q), body)
	return q
}

// eventRows writes an answer with n events, one a second from start on.
func eventRows(start time.Time, n int, cells ...string) string {
	rows := make([]string, n)
	for i := range rows {
		at := start.Add(time.Duration(i) * time.Second)
		rows[i] = fmt.Sprintf(`["%s","signup","u%d"%s,"%s","018f0000-0000-7000-8000-%012d"]`,
			at.Format(time.RFC3339Nano), i, strings.Join(append([]string{""}, cells...), ","), at.Format(wallLayout), i)
	}
	return `{"results":[` + strings.Join(rows, ",") + `],"columns":[],"types":[]}`
}

func TestEventsFirstPage(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 10, 0, 0, 123456000, time.UTC)
	s := newScripted(t, reply(200, eventRows(start, 3, `"pro"`)), reply(200, eventRows(start, 0)))
	c := clientFor(t, s.URL)
	p := EventsParams{
		EventFilter: EventFilter{
			Events: []string{"signup", "it's"}, Person: "ann@example.com", Where: []string{"plan!=free", "person.age>30"},
			After: start.Add(-time.Hour), Before: start.Add(time.Hour),
		},
		Columns: []string{"plan"}, Limit: 2,
	}
	res, err := c.Events(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, []string{"timestamp", "event", "distinct_id", "plan"}, res.Columns)
	require.Len(t, res.Rows, 2)
	require.Equal(t, []any{"2026-03-01T10:00:00.123456Z", "signup", "u0", "pro"}, res.Rows[0])
	require.True(t, res.HasMore)

	q := sent(t, s.bodies[0])
	require.Equal(t, "HogQLQuery", q.Query.Kind)
	require.Equal(t, "force_blocking", q.Refresh)
	require.NotEmpty(t, q.ClientQueryID)
	require.NotEmpty(t, q.Name)
	require.Contains(t, q.Query.Query, "LIMIT 3")
	require.Contains(t, q.Query.Query, "ORDER BY timestamp DESC, uuid DESC")
	for _, text := range []string{"it's", "ann@example.com", "free", "2026"} {
		require.NotContains(t, q.Query.Query, text)
	}
	require.Contains(t, q.Query.Query, "person.properties['age']")
	_, err = hogql.Parse(q.Query.Query)
	require.NoError(t, err)

	// The next page starts right behind the second row.
	p.Cursor = res.CursorAfter(2)
	_, err = c.Events(t.Context(), p)
	require.NoError(t, err)
	q = sent(t, s.bodies[1])
	require.Contains(t, q.Query.Query, "(timestamp, uuid) < (")
	require.Contains(t, fmt.Sprint(q.Query.Values), "2026-03-01 10:00:01.123456")
	require.Contains(t, fmt.Sprint(q.Query.Values), "018f0000-0000-7000-8000-000000000001")
}

func TestEventsCursorBelongsToItsFilters(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, eventRows(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), 2)))
	c := clientFor(t, s.URL)
	res, err := c.Events(t.Context(), EventsParams{Limit: 1})
	require.NoError(t, err)
	_, err = c.Events(t.Context(), EventsParams{Limit: 1, Cursor: res.CursorAfter(1), EventFilter: EventFilter{Events: []string{"x"}}})
	require.ErrorIs(t, err, KindInvalid)
	require.ErrorContains(t, err, "other filters")
	require.Empty(t, res.CursorAfter(0))
}

func TestEventsRefuses(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, eventRows(time.Now(), 0)))
	c := clientFor(t, s.URL)
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for name, p := range map[string]EventsParams{
		"limit":         {Limit: 1001},
		"empty event":   {EventFilter: EventFilter{Events: []string{" "}}},
		"condition":     {EventFilter: EventFilter{Where: []string{"=x"}}},
		"column":        {Columns: []string{""}},
		"control":       {Columns: []string{"a\nb"}},
		"many columns":  {Columns: make([]string, 51)},
		"reversed":      {EventFilter: EventFilter{After: day, Before: day}},
		"before epoch":  {EventFilter: EventFilter{After: day.AddDate(-100, 0, 0), Before: day}},
		"broken cursor": {Cursor: "zzz"},
	} {
		_, err := c.Events(t.Context(), p)
		require.ErrorIs(t, err, KindInvalid, name)
	}
	require.Zero(t, s.count())
}

// Whatever the name of a property, the statement reads that property and
// nothing else.
func TestPropertyNamesAreQuoted(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"plan", "$browser", "weird key", "it's", `back\slash`, `'] OR 1=1 --`, `\'`, `\\'`, "{v0}", "größe", "a.b", "`x`", `"x"`, "/* c */", "''",
	} {
		sel, err := newEventSelect("get_events", EventFilter{}, []string{name}, "")
		require.NoError(t, err, name)
		sql, _ := sel.sql("DESC", 10, "")
		q, err := hogql.Parse(sql)
		require.NoError(t, err, sql)
		sq, ok := q.(*hogql.SelectQuery)
		require.True(t, ok)
		alias, ok := sq.Select[3].(*hogql.Alias)
		require.True(t, ok)
		switch e := alias.Expr.(type) {
		case *hogql.ArrayAccess:
			key, ok := e.Property.(*hogql.Constant)
			require.True(t, ok)
			require.Equal(t, name, key.Value)
		default:
			require.Failf(t, "unexpected expression", "%T for %q", e, name)
		}
	}
}

// fakeEvents answers export statements from a list of times, counts what it
// is asked for, and can refuse long spans.
type fakeEvents struct {
	times   []time.Time
	longest time.Duration // spans beyond it time out
	asked   atomic.Int64
}

func (f *fakeEvents) start(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL
}

func (f *fakeEvents) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var q sentQuery
	_ = json.Unmarshal(body, &q)
	f.asked.Add(1)
	value := func(n string) time.Time {
		t, _ := time.Parse(wallLayout, fmt.Sprint(q.Query.Values[n]))
		return t
	}
	from, to := value("v0"), value("v1")
	if f.longest > 0 && to.Sub(from) > f.longest {
		reply(504, problem("server_error", "error", "Query has hit the max execution time before completing."))(w, r)
		return
	}
	var limit int
	_, _ = fmt.Sscanf(q.Query.Query[strings.LastIndex(q.Query.Query, "LIMIT"):], "LIMIT %d", &limit)
	var rows []string
	for i, at := range f.times {
		id := fmt.Sprintf("018f0000-0000-7000-8000-%012d", i)
		if at.Before(from) || !at.Before(to) || len(rows) == limit {
			continue
		}
		if last, ok := q.Query.Values["v3"].(string); ok && at.Equal(value("v2")) && id <= last {
			continue
		}
		rows = append(rows, fmt.Sprintf(`["%s","e","u","%s","%s"]`, at.Format(time.RFC3339Nano), at.Format(wallLayout), id))
	}
	reply(200, `{"results":[`+strings.Join(rows, ",")+`]}`)(w, r)
}

func TestExportReadsEveryEventOnce(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	end := start.AddDate(0, 0, 30)
	dense := make([]time.Time, 12_000)
	for i := range dense {
		dense[i] = start.Add(time.Duration(i/7) * time.Millisecond) // seven share each instant
	}
	sparse := []time.Time{start, start.Add(time.Microsecond), start.AddDate(0, 0, 29), end.Add(-time.Microsecond), end}
	for name, tt := range map[string]struct {
		fake *fakeEvents
		want int
	}{
		"dense":       {&fakeEvents{times: dense}, 12_000},
		"sparse":      {&fakeEvents{times: sparse}, 4}, // end itself is outside
		"none":        {&fakeEvents{}, 0},
		"slow server": {&fakeEvents{times: sparse, longest: 26 * time.Hour}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := tt.fake
			c := clientFor(t, fake.start(t))
			e, err := c.ExportEvents(t.Context(), ExportEventsParams{EventFilter: EventFilter{After: start, Before: end}})
			require.NoError(t, err)
			require.Equal(t, []string{"uuid", "timestamp", "event", "distinct_id"}, e.Columns)
			seen := map[any]bool{}
			done := 0.0
			for page, err := range e.Pages(t.Context()) {
				require.NoError(t, err)
				require.GreaterOrEqual(t, page.Done, done)
				done = page.Done
				for _, row := range page.Rows {
					require.False(t, seen[row[0]], "%v twice", row)
					seen[row[0]] = true
				}
			}
			require.Len(t, seen, tt.want)
			require.LessOrEqual(t, fake.asked.Load(), int64(120))
		})
	}
}

func TestExportResumes(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	fake := fakeEvents{}
	for i := range 10 {
		fake.times = append(fake.times, start.Add(time.Duration(i/3)*time.Hour))
	}
	c := clientFor(t, fake.start(t))
	p := ExportEventsParams{EventFilter: EventFilter{After: start, Before: start.AddDate(0, 0, 1)}, Max: 4}
	var ids []any
	for range 3 {
		e, err := c.ExportEvents(t.Context(), p)
		require.NoError(t, err)
		for page, err := range e.Pages(t.Context()) {
			require.NoError(t, err)
			for _, row := range page.Rows {
				ids = append(ids, row[0])
			}
			p.Cursor = page.Cursor
		}
	}
	require.Len(t, ids, 10)
	require.Empty(t, p.Cursor)
	for i, id := range ids {
		require.Equal(t, fmt.Sprintf("018f0000-0000-7000-8000-%012d", i), id)
	}
}

func TestExportEndsWithAnError(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(403, problem("authentication_error", "permission_denied", "API key missing required scope 'query:read'")))
	c := clientFor(t, s.URL)
	e, err := c.ExportEvents(t.Context(), ExportEventsParams{})
	require.NoError(t, err)
	pages := 0
	for _, err := range e.Pages(t.Context()) {
		pages++
		require.ErrorIs(t, err, KindForbidden)
	}
	require.Equal(t, 1, pages)
	_, err = c.ExportEvents(t.Context(), ExportEventsParams{Max: -1})
	require.ErrorIs(t, err, KindInvalid)
}
