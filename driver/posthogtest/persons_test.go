package posthogtest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// identified gives a person with an email.
func identified(t *testing.T, s *Server) (*data.Person, string) {
	t.Helper()
	for _, p := range s.Store().Snapshot().Persons {
		if v, ok := p.Properties.Get("email"); ok {
			return p, v.(string)
		}
	}
	require.Fail(t, "nobody has an email")
	return nil, ""
}

func TestPersonsList(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	a := c.get("persons/")
	require.Equal(t, 200, a.status)
	require.NotContains(t, a.body, "count")
	rows := a.results(t)
	require.Len(t, rows, 100)
	require.Equal(t, rows[0]["id"], rows[0]["uuid"])
	require.Equal(t, "person", rows[0]["type"])
	require.Contains(t, rows[0], "last_seen_at")
	require.True(t, slices.IsSortedFunc(rows, func(x, y map[string]any) int {
		return strings.Compare(y["created_at"].(string)[:19], x["created_at"].(string)[:19])
	}), "newest first")
	require.InDelta(t, len(s.Store().Snapshot().Persons), c.get("persons/?include_total=1").body["count"], 0)

	p, email := identified(t, s)
	for _, query := range []string{
		"email=" + url.QueryEscape(email), "distinct_id=" + url.QueryEscape(p.DistinctIDs[len(p.DistinctIDs)-1]), "search=" + url.QueryEscape(strings.ToUpper(email)),
		"properties=" + url.QueryEscape(`[{"key":"email","value":"`+email+`","operator":"exact","type":"person"}]`),
	} {
		rows := c.get("persons/?" + query).results(t)
		require.Len(t, rows, 1, query)
		require.Equal(t, p.ID.String(), rows[0]["id"])
		require.Equal(t, email, rows[0]["name"])
	}
	require.Empty(t, c.get("persons/?email=nobody@example.com").results(t))
	requireError(t, c.get("persons/?properties=x"), 400, "validation_error", "invalid_input", "Properties are unparsable!")
	requireError(t, c.get(`persons/?properties=[{"key":"a","operator":"odd","value":"1"}]`), 400, "validation_error", "invalid_input", "")
}

func TestGetPerson(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	p, _ := identified(t, s)
	for _, id := range []string{p.ID.String(), textOf(p.Number)} {
		a := c.get("persons/" + id + "/")
		require.Equal(t, 200, a.status, a.text)
		require.InDelta(t, p.Number, a.body["id"], 0, "the id is a number here")
		require.Equal(t, p.ID.String(), a.body["uuid"])
	}
	requireError(t, c.get("persons/some-user/"), 400, "validation_error", "invalid_input",
		"The ID provided does not look like a personID. If you are using a distinctId, please use /persons?distinct_id=some-user instead.")
	requireError(t, c.get("persons/99999999/"), 404, "invalid_request", "not_found", "Person not found.")
}

// follow walks a list by its next links and gives the ids and page sizes.
func follow(t *testing.T, c *client, path string) (ids []string, sizes []int) {
	t.Helper()
	for path != "" {
		a := c.get(path)
		require.Equal(t, 200, a.status, a.text)
		rows := a.results(t)
		sizes = append(sizes, len(rows))
		for _, r := range rows {
			ids = append(ids, textOf(r["id"]))
		}
		path = ""
		if next, has := a.body["next"].(string); has {
			require.True(t, strings.HasPrefix(next, c.s.URL()+"/api/projects/"), "absolute: %s", next)
			path = strings.TrimPrefix(next, c.s.URL())
		}
		require.Less(t, len(sizes), 50)
	}
	return ids, sizes
}

func TestPagination(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{Throttle: Throttle{Off: true}})
	c := newClient(t, s)

	// Without a count a full page has a next one, so the last may be empty.
	ids, sizes := follow(t, c, "persons/?limit=50")
	require.Equal(t, []int{50, 50, 50, 0}, sizes)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(ids))), 150)

	// With a count the last page knows that it is the last.
	_, sizes = follow(t, c, "event_definitions/?limit=1&search=a")
	require.NotContains(t, sizes, 0)
	total := c.get("property_definitions/?limit=7")
	ids, _ = follow(t, c, "property_definitions/?limit=7")
	require.Len(t, ids, int(total.body["count"].(float64)))

	a := c.get("feature_flags/?limit=3&offset=2&search=e")
	next, err := url.Parse(a.body["next"].(string))
	require.NoError(t, err)
	require.Equal(t, url.Values{"limit": {"3"}, "offset": {"5"}, "search": {"e"}}, next.Query())
	previous, err := url.Parse(a.body["previous"].(string))
	require.NoError(t, err)
	require.Equal(t, url.Values{"limit": {"3"}, "search": {"e"}}, previous.Query())
	require.Nil(t, c.get("feature_flags/").body["next"])
	require.Len(t, c.get("feature_flags/?limit=0&offset=-1").results(t), 7, "values out of range are the defaults")
	beyond := c.get("feature_flags/?offset=100")
	require.Empty(t, beyond.results(t))
	require.InDelta(t, 7, beyond.body["count"], 0)

	behind := newServer(t, Options{LinkHost: "http://internal.test:8000"})
	require.True(t, strings.HasPrefix(newClient(t, behind).get("persons/?limit=1").body["next"].(string), "http://internal.test:8000/api/"))
}

func TestPropertyValues(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	a := c.get("persons/values/?key=plan")
	require.NotEmpty(t, a.list)
	require.Contains(t, a.list[0], "name")
	a = c.get("events/values/?key=plan&event_name=subscription_started&value=PR")
	require.Equal(t, []any{map[string]any{"name": "pro"}}, a.list)
	requireError(t, c.get("events/values/"), 400, "validation_error", "invalid_input", "")
}

func TestEventsList(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	first := c.get("events/?limit=3&event=$pageview")
	rows := first.results(t)
	require.Len(t, rows, 3)
	require.NotContains(t, first.body, "count")
	require.Greater(t, rows[0]["timestamp"], rows[2]["timestamp"])
	next := strings.TrimPrefix(first.body["next"].(string), s.URL())
	second := c.get(next).results(t)
	require.Less(t, second[0]["timestamp"], rows[2]["timestamp"])

	one := c.get("events/" + rows[0]["id"].(string) + "/")
	require.Equal(t, rows[0], one.body)
	requireError(t, c.get("events/0192a1b0-1111-7000-8000-0000000000ff/"), 404, "invalid_request", "not_found", "")
	requireError(t, c.get("events/x/"), 400, "validation_error", "invalid", "Invalid UUID")
	requireError(t, c.get("events/?after=soon"), 400, "validation_error", "invalid_input", "")
	mine := c.get("events/?limit=1000&distinct_id=" + url.QueryEscape(rows[0]["distinct_id"].(string))).results(t)
	for _, r := range mine {
		require.Equal(t, rows[0]["distinct_id"], r["distinct_id"])
	}
	require.Empty(t, c.get("events/?after=2026-11-23T12:00:00Z").results(t))
	require.Len(t, c.get(`events/?limit=2&properties=[{"key":"email","type":"person","operator":"is_set","value":"is_set"}]`).results(t), 2)
}

func TestCohortPersonsAreLimitedInTheirIDs(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	batch := []any{}
	for i := range 15 {
		batch = append(batch, map[string]any{"event": "$create_alias", "distinct_id": "many", "properties": map[string]any{"alias": "alias-" + textOf(i)}})
	}
	require.Equal(t, 200, c.do(http.MethodPost, "/batch/", map[string]any{"api_key": s.ProjectKey(), "batch": batch}).status)
	person := c.get("persons/?distinct_id=many").results(t)[0]
	require.Len(t, person["distinct_ids"], 16)
	cohort := c.do(http.MethodPost, "cohorts/", map[string]any{"name": "One", "is_static": true, "_create_static_person_ids": []any{person["id"]}})
	rows := c.get("cohorts/" + textOf(cohort.body["id"]) + "/persons/").results(t)
	require.Len(t, rows, 1)
	require.Len(t, rows[0]["distinct_ids"], maxListedIDs)
}
