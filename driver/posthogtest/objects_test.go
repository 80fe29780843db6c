package posthogtest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIdentity(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	me := c.get("/api/users/@me/")
	require.Equal(t, 200, me.status)
	require.InDelta(t, s.ProjectID(), me.body["team"].(map[string]any)["id"], 0)
	require.NotEmpty(t, me.body["organization"].(map[string]any)["teams"])
	org := c.get("/api/organizations/@current/")
	require.Equal(t, org.body["id"], me.body["organization"].(map[string]any)["id"])
	require.Equal(t, org.body, c.get("/api/organizations/"+org.body["id"].(string)+"/").body)
	require.Equal(t, 404, c.get("/api/organizations/0192a1b0-0000-7000-8000-0000000000ff/").status)
	for _, path := range []string{"/api/projects/", "/api/organizations/@current/projects/"} {
		rows := c.get(path).results(t)
		require.Len(t, rows, 1)
		require.Equal(t, s.ProjectKey(), rows[0]["api_token"])
	}
	project := c.get("/api/projects/@current/")
	require.Equal(t, "UTC", project.body["timezone"])
	require.NotContains(t, project.text, s.SecretKey())
	require.Contains(t, project.body, "test_account_filters")
	k := c.as(s.AddKey("narrow", []string{"query:read"}, s.ProjectID())).get("/api/personal_api_keys/@current/")
	require.Equal(t, []any{"query:read"}, k.body["scopes"])
	require.Equal(t, []any{float64(s.ProjectID())}, k.body["scoped_teams"])
	require.NotContains(t, k.text, "phx_test")
}

func TestEventDefinitions(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	names := func(query string) []string {
		a := c.get("event_definitions/" + query)
		require.Equal(t, 200, a.status, a.text)
		out := []string{}
		for _, r := range a.results(t) {
			out = append(out, r["name"].(string))
		}
		return out
	}
	all := names("")
	require.Contains(t, all, "$pageview")
	require.Contains(t, all, "user_signed_up")
	require.ElementsMatch(t, all, append(names("?event_type=event_custom"), names("?event_type=event_posthog")...))
	for _, n := range names("?event_type=event_custom") {
		require.False(t, strings.HasPrefix(n, "$"), n)
	}
	require.Empty(t, names("?event_type=action_event"))
	require.Equal(t, []string{"user_signed_up"}, names("?search=signed_UP"))
	require.IsNonDecreasing(t, names("?ordering=name"))
	require.IsNonIncreasing(t, names("?ordering=-name"))
	requireError(t, c.get("event_definitions/?event_type=odd"), 400, "validation_error", "invalid_choice", "")
	requireError(t, c.get("event_definitions/?ordering=odd"), 400, "validation_error", "invalid_input", "")
	row := c.get("event_definitions/?search=user_signed_up").results(t)[0]
	require.Equal(t, row, c.get("event_definitions/"+row["id"].(string)+"/").body)

	c.do(http.MethodPost, "/i/v0/e/", map[string]any{"api_key": s.ProjectKey(), "event": "brand_new", "distinct_id": "u", "properties": map[string]any{"shade": "red"}})
	require.Equal(t, []string{"brand_new"}, names("?search=brand_new"))
	require.Len(t, c.get("property_definitions/?search=shade").results(t), 1)
}

func TestPropertyDefinitions(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	rows := c.get("property_definitions/?limit=1000").results(t)
	require.NotEmpty(t, rows)
	require.Nil(t, rows[0]["is_seen_on_filtered_events"])
	person := c.get("property_definitions/?type=person&search=email").results(t)
	require.Equal(t, "email", person[0]["name"])
	require.Equal(t, "String", person[0]["property_type"])

	some := c.get(`property_definitions/?event_names=["subscription_started"]&filter_by_event_names=true&limit=1000`).results(t)
	require.NotEmpty(t, some)
	require.Less(t, len(some), len(rows))
	for _, r := range some {
		require.Equal(t, true, r["is_seen_on_filtered_events"])
	}
	for _, r := range c.get("property_definitions/?is_numerical=true&exclude_core_properties=true").results(t) {
		require.Equal(t, "Numeric", r["property_type"])
		require.False(t, strings.HasPrefix(r["name"].(string), "$"))
	}
	require.Empty(t, c.get("property_definitions/?type=group&group_type_index=0").results(t))
	requireError(t, c.get("property_definitions/?type=group"), 400, "validation_error", "invalid_input", "`group_type_index` must be set for `group` type")
	requireError(t, c.get("property_definitions/?group_type_index=0"), 400, "validation_error", "invalid_input", "`group_type_index` must not be set for non-group types")
	requireError(t, c.get("property_definitions/?type=odd"), 400, "validation_error", "invalid_choice", "")
	requireError(t, c.get("property_definitions/?event_names=signup"), 400, "validation_error", "invalid_input", "")
}

func TestAnnotations(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	before := c.get("annotations/").results(t)
	for name, tt := range map[string]struct{ body, code, attr string }{
		"long":      {`{"content":"` + strings.Repeat("é", 8193) + `"}`, "max_length", "content"},
		"scope":     {`{"content":"x","scope":"galaxy"}`, "invalid_choice", "scope"},
		"recording": {`{"content":"x","scope":"recording"}`, "invalid_input", "scope"},
		"tags":      {`{"content":"x","scope":"project","tags":["a"]}`, "invalid_input", "tags"},
		"date":      {`{"content":"x","date_marker":"yesterday"}`, "invalid_input", "date_marker"},
		"creation":  {`{"content":"x","creation_type":"BOT"}`, "invalid_choice", "creation_type"},
		"insight":   {`{"content":"x","dashboard_item":999}`, "does_not_exist", "dashboard_item"},
	} {
		a := c.do(http.MethodPost, "annotations/", tt.body)
		requireError(t, a, 400, "validation_error", tt.code, "")
		require.Equal(t, tt.attr, a.body["attr"], name)
	}
	a := c.do(http.MethodPost, "annotations/", `{"content":"Version 2","date_marker":"2026-11-22T10:00:00+02:00","scope":"project","creation_type":"GIT"}`)
	require.Equal(t, 201, a.status, a.text)
	require.Equal(t, "2026-11-22T08:00:00Z", a.body["date_marker"])
	path := "annotations/" + textOf(a.body["id"]) + "/"
	require.Equal(t, a.body, c.get(path).body)
	require.Len(t, c.get("annotations/?search=version+2").results(t), 1)
	require.Equal(t, "Version 3", c.do(http.MethodPatch, path, `{"content":"Version 3","scope":"dashboard_item","dashboard_item":2}`).body["content"])
	require.Equal(t, "Signup funnel", c.get(path).body["insight_name"])
	require.Equal(t, 200, c.do(http.MethodPatch, path, `{"deleted":true}`).status)
	require.Equal(t, 404, c.get(path).status)
	require.Len(t, c.get("annotations/").results(t), len(before))
}

func TestInsightObjects(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	rows := c.get("insights/?basic=true").results(t)
	require.Greater(t, rows[0]["id"], rows[1]["id"])
	for _, r := range rows {
		require.Nil(t, r["result"])
	}
	require.Len(t, c.get("insights/?search=funnel").results(t), 1)
	short := rows[0]["short_id"].(string)
	require.Equal(t, rows[0]["id"], c.get("insights/?short_id=" + short).results(t)[0]["id"])
	require.Equal(t, rows[0]["id"], c.get("insights/" + short + "/").body["id"])
	require.Equal(t, 404, c.get("insights/none/").status)

	for name, body := range map[string]string{
		"no query":     `{"name":"x"}`,
		"no kind":      `{"query":{"a":1}}`,
		"no source":    `{"query":{"kind":"InsightVizNode"}}`,
		"no dashboard": `{"query":{"kind":"TrendsQuery"},"dashboards":[99]}`,
	} {
		require.Equal(t, 400, c.do(http.MethodPost, "insights/", body).status, name)
	}
	a := c.do(http.MethodPost, "insights/", `{"name":"New","query":{"kind":"InsightVizNode","source":{"kind":"TrendsQuery","series":[{"kind":"EventsNode","event":"$pageview"}]}},"dashboards":[1]}`)
	require.Equal(t, 201, a.status, a.text)
	require.Len(t, a.body["short_id"], 8)
	require.Nil(t, a.body["result"])
	tiles := c.get("dashboards/1/").body["tiles"].([]any)
	require.Equal(t, "New", tiles[len(tiles)-1].(map[string]any)["insight"].(map[string]any)["name"])
	path := "insights/" + textOf(a.body["id"]) + "/"
	require.Equal(t, "Old", c.do(http.MethodPatch, path, `{"name":"Old"}`).body["name"])
	require.Equal(t, 200, c.do(http.MethodPatch, path, `{"deleted":true}`).status)
	require.Equal(t, 404, c.get(path).status)
	require.Len(t, c.get("dashboards/").results(t), 1)
	require.Equal(t, 404, c.get("dashboards/9/").status)
}

// An insight shows what is cached unless it is asked to calculate; only a
// calculation counts as a ClickHouse query.
func TestInsightRefresh(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	path := "insights/lnDauWk1/"
	a := c.get(path)
	require.Nil(t, a.body["result"])
	require.Equal(t, false, a.body["is_cached"])
	a = c.get(path + "?refresh=blocking")
	require.Equal(t, 200, a.status, a.text)
	require.NotEmpty(t, a.body["result"])
	require.Equal(t, false, a.body["is_cached"])
	result := a.body["result"]
	a = c.get(path)
	require.Equal(t, true, a.body["is_cached"])
	require.Equal(t, result, a.body["result"])
	require.Equal(t, 1, s.Usage(s.PersonalKey())["clickhouse_burst"])
	require.Equal(t, 2, s.Usage(s.PersonalKey())["burst"])
	requireError(t, c.get(path+"?refresh=odd"), 400, "validation_error", "invalid_choice", "")
	dashboard := c.get("dashboards/1/").body["tiles"].([]any)[0].(map[string]any)
	require.Equal(t, true, dashboard["is_cached"])

	status := c.get("insights/lnFunnl2/?refresh=async").body["query_status"].(map[string]any)
	require.Eventually(t, func() bool { return c.get("query/"+status["id"].(string)+"/").status == 200 }, pollFor, pollEvery)
}

func TestOtherLists(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	issues := c.get("error_tracking/issues/").results(t)
	require.NotEmpty(t, issues)
	require.Equal(t, issues[0], c.get("error_tracking/issues/"+issues[0]["id"].(string)+"/").body)
	require.Equal(t, 404, c.get("error_tracking/issues/1/").status)
	require.Empty(t, c.get("error_tracking/issues/?status=archived").results(t))
	require.Len(t, c.get("surveys/").results(t), 1)
	require.Empty(t, c.get("actions/").results(t))
	require.Equal(t, "[]", c.get("activity_log/").text)
	require.Equal(t, "[]", c.get("groups_types/").text)
}
