package driver

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// paths answers by path and remembers the requests of each.
type paths struct {
	*httptest.Server

	mu      sync.Mutex
	answers map[string]http.HandlerFunc
	queries map[string][]string
	bodies  map[string][]string
}

func newPaths(t *testing.T, answers map[string]http.HandlerFunc) *paths {
	t.Helper()
	p := &paths{answers: answers, queries: map[string][]string{}, bodies: map[string][]string{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		p.queries[r.URL.Path] = append(p.queries[r.URL.Path], r.URL.RawQuery)
		p.bodies[r.URL.Path] = append(p.bodies[r.URL.Path], string(body))
		answer, ok := p.answers[r.URL.Path]
		p.mu.Unlock()
		if !ok {
			answer = reply(404, problem("invalid_request", "not_found", "Not found."))
		}
		answer(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

const (
	eventsPath     = "/api/projects/7/event_definitions/"
	propertiesPath = "/api/projects/7/property_definitions/"
	queryPath      = "/api/projects/7/query/"
	groupsPath     = "/api/projects/7/groups_types/"
)

const twoEvents = `{"count":2,"next":null,"results":[` +
	`{"id":"1","name":"signup","description":"A new account","last_seen_at":"2026-03-01T10:00:00Z"},` +
	`{"id":"2","name":"$pageview","description":null,"last_seen_at":null}]}`

const someTables = `{"tables":{"events":{"type":"posthog","fields":{"event":{"name":"event","hogql_value":"event","type":"string"},` +
	`"person":{"name":"person","hogql_value":"person","type":"lazy_table","table":"persons"}}},` +
	`"sessions":{"type":"posthog","fields":{"session_id":{"name":"session_id","hogql_value":"session_id","type":"string"}}},"stripe_charge":{"type":"data_warehouse","fields":{"amount":{"name":"amount","hogql_value":"amount","type":"integer"}}}},"joins":[]}`

func TestListObjectsKinds(t *testing.T) {
	t.Parallel()
	s := newPaths(t, nil)
	c := clientFor(t, s.URL)
	res, err := c.ListObjects(t.Context(), ListObjectsParams{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(res.Objects), 6)
	_, err = c.ListObjects(t.Context(), ListObjectsParams{Kind: "unicorns"})
	require.ErrorIs(t, err, KindInvalid)
	require.ErrorContains(t, err, "unicorns")
	require.Empty(t, s.queries) // neither cost a request
}

func TestListObjectsEvents(t *testing.T) {
	t.Parallel()
	s := newPaths(t, map[string]http.HandlerFunc{
		eventsPath: reply(200, twoEvents),
		queryPath:  reply(200, `{"results":[["signup",1200]],"columns":["event","n"],"types":[]}`),
	})
	c := clientFor(t, s.URL)
	res, err := c.ListObjects(t.Context(), ListObjectsParams{Kind: ObjectEvents, Search: "s"})
	require.NoError(t, err)
	require.Empty(t, res.Warning)
	require.Equal(t, 2, *res.Total)
	require.Equal(t, "A new account", res.Objects[0].Description)
	require.Equal(t, int64(1200), *res.Objects[0].Count)
	require.Zero(t, *res.Objects[1].Count)
	require.Contains(t, s.queries[eventsPath][0], "search=s")
	q := sent(t, s.bodies[queryPath][0])
	require.Equal(t, map[string]any{"v0": "signup", "v1": "$pageview"}, q.Query.Values)
}

func TestListObjectsWithoutVolumes(t *testing.T) {
	t.Parallel()
	s := newPaths(t, map[string]http.HandlerFunc{
		eventsPath: reply(200, twoEvents),
		queryPath:  reply(403, problem("authentication_error", "permission_denied", "API key missing required scope 'query:read'")),
	})
	c := clientFor(t, s.URL)
	res, err := c.ListObjects(t.Context(), ListObjectsParams{Kind: ObjectEvents})
	require.NoError(t, err)
	require.Len(t, res.Objects, 2)
	require.Nil(t, res.Objects[0].Count)
	require.Contains(t, res.Warning, "volumes are missing")
}

func TestListObjectsOtherKinds(t *testing.T) {
	t.Parallel()
	s := newPaths(t, map[string]http.HandlerFunc{
		propertiesPath:             reply(200, `{"count":1,"next":null,"results":[{"name":"plan","property_type":"String"}]}`),
		groupsPath:                 reply(200, `[{"group_type":"company","group_type_index":0}]`),
		"/api/projects/7/cohorts/": reply(200, `{"count":1,"next":null,"results":[`+cohortJSON+`]}`),
		queryPath:                  reply(200, someTables),
	})
	c := clientFor(t, s.URL)
	for kind, want := range map[string]Object{
		ObjectEventProperties:  {Name: "plan", Type: "String"},
		ObjectPersonProperties: {Name: "plan", Type: "String"},
		ObjectGroups:           {Name: "company", Type: "$group_0"},
		ObjectTables:           {Name: "events", Type: "posthog", Description: "2 columns"},
	} {
		res, err := c.ListObjects(t.Context(), ListObjectsParams{Kind: kind})
		require.NoError(t, err, kind)
		require.Equal(t, want, res.Objects[0], kind)
	}
	res, err := c.ListObjects(t.Context(), ListObjectsParams{Kind: ObjectCohorts})
	require.NoError(t, err)
	require.Equal(t, int64(42), *res.Objects[0].Count)

	res, err = c.ListObjects(t.Context(), ListObjectsParams{Kind: ObjectTables, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, "1", res.Cursor)
	res, err = c.ListObjects(t.Context(), ListObjectsParams{Kind: ObjectTables, Limit: 1, Cursor: "2"})
	require.NoError(t, err)
	require.Equal(t, "stripe_charge", res.Objects[0].Name)
	require.Empty(t, res.Cursor)
	res, err = c.ListObjects(t.Context(), ListObjectsParams{Kind: ObjectTables, Limit: 1, Cursor: "9"})
	require.NoError(t, err)
	require.Empty(t, res.Objects)
}

func TestGetFields(t *testing.T) {
	t.Parallel()
	s := newPaths(t, map[string]http.HandlerFunc{
		eventsPath: reply(200, twoEvents),
		propertiesPath: reply(200, `{"count":3,"next":null,"results":[{"name":"plan","property_type":"String"},`+
			`{"name":"it's \\ odd","property_type":null},{"name":"$browser","property_type":"String","description":"d"}]}`),
		groupsPath: reply(200, `[{"group_type":"company","group_type_index":2}]`),
		queryPath:  reply(200, someTables),
	})
	c := clientFor(t, s.URL)
	for object, want := range map[string]struct{ object, table, access string }{
		"signup":         {"event signup", "events", "properties.plan"},
		"event:signup":   {"event signup", "events", "properties.plan"},
		"persons":        {"persons", "persons", "properties.plan"},
		"person":         {"persons", "persons", "properties.plan"},
		"sessions":       {"table sessions", "sessions", "session_id"},
		"groups:company": {"group company", "events", "group_2.properties.plan"},
		"events":         {"table events", "events", "event"},
		"stripe_charge":  {"table stripe_charge", "stripe_charge", "amount"},
		"table:events":   {"table events", "events", "event"},
	} {
		res, err := c.GetFields(t.Context(), FieldsParams{Object: object})
		require.NoError(t, err, object)
		require.Equal(t, want.object, res.Object)
		require.Equal(t, want.table, res.Table)
		require.Equal(t, want.access, res.Fields[0].Access, object)
	}
	res, err := c.GetFields(t.Context(), FieldsParams{Object: "signup"})
	require.NoError(t, err)
	require.Equal(t, `properties['it\'s \\ odd']`, res.Fields[1].Access)
	require.Equal(t, "properties.$browser", res.Fields[2].Access)
	require.Contains(t, s.queries[propertiesPath][len(s.queries[propertiesPath])-1], "event_names=%5B%22signup%22%5D")
}

func TestGetFieldsRefuses(t *testing.T) {
	t.Parallel()
	s := newPaths(t, map[string]http.HandlerFunc{
		eventsPath: reply(200, twoEvents),
		groupsPath: reply(200, `[{"group_type":"company","group_type_index":0}]`),
		queryPath:  reply(200, someTables),
	})
	c := clientFor(t, s.URL)
	for object, kind := range map[string]Kind{
		"": KindInvalid, "  ": KindInvalid, "event:": KindInvalid, "groups": KindInvalid,
		"sign": KindNotFound, "event:events": KindNotFound, "table:nope": KindNotFound, "groups:team": KindNotFound,
	} {
		_, err := c.GetFields(t.Context(), FieldsParams{Object: object})
		require.ErrorIs(t, err, kind, object)
		e := &Error{}
		require.ErrorAs(t, err, &e)
		require.NotEmpty(t, e.Hint, object)
		require.Equal(t, "object", e.Attr)
	}
}

func TestGetFieldsWithoutScope(t *testing.T) {
	t.Parallel()
	s := newPaths(t, map[string]http.HandlerFunc{
		eventsPath: reply(403, problem("authentication_error", "permission_denied", "API key missing required scope 'event_definition:read'")),
	})
	c := clientFor(t, s.URL)
	_, err := c.GetFields(t.Context(), FieldsParams{Object: "signup"})
	e := &Error{}
	require.ErrorAs(t, err, &e)
	require.Equal(t, KindForbidden, e.Kind)
	require.Equal(t, "event_definition:read", e.MissingScope)
}
