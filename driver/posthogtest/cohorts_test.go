package posthogtest

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

const payers = `{"properties":{"type":"OR","values":[{"type":"AND","values":[{"key":"plan","type":"person","operator":"exact","value":["pro","team"]}]}]}}`

func TestCohortReads(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	a := c.get("cohorts/")
	rows := a.results(t)
	require.InDelta(t, len(rows), a.body["count"], 0)
	require.Equal(t, "Team", rows[0]["name"], "newest first")
	for _, field := range []string{"id", "name", "filters", "query", "is_static", "count", "is_calculating", "last_calculation", "errors_calculating", "deleted", "created_by"} {
		require.Contains(t, rows[0], field)
	}
	for _, r := range c.get("cohorts/?type=static").results(t) {
		require.Equal(t, true, r["is_static"])
	}
	require.Len(t, c.get("cohorts/?search=payING").results(t), 1)
	for _, r := range c.get("cohorts/?hide_behavioral_cohorts=true").results(t) {
		require.NotEqual(t, "behavioral", r["cohort_type"])
	}
	requireError(t, c.get("cohorts/99/"), 404, "invalid_request", "not_found", "Not found.")
	requireError(t, c.get("cohorts/x/persons/"), 404, "invalid_request", "not_found", "Not found.")

	one := c.get("cohorts/1/")
	members := c.get("cohorts/1/persons/?limit=1000")
	require.NotContains(t, members.body, "count")
	require.InDelta(t, len(members.results(t)), one.body["count"], 0)
	member := members.results(t)[0]
	require.Contains(t, []any{"pro", "team"}, member["properties"].(map[string]any)["plan"])
	found := c.get("persons/cohorts/?person_id=" + member["id"].(string)).results(t)
	require.True(t, slices.ContainsFunc(found, func(r map[string]any) bool { return r["name"] == one.body["name"] }))
}

func TestCohortWrites(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	for name, tt := range map[string]struct{ body, code, attr string }{
		"no name":          {`{"filters":` + payers + `}`, "required", "name"},
		"no filters":       {`{"name":"x"}`, "invalid_input", "filters"},
		"unknown key":      {`{"name":"x","filters":{"properties":{"type":"OR","values":[{"type":"person","key":"a","operator":"exact","value":"b","odd":1}]}}}`, "invalid_input", "filters"},
		"no operator":      {`{"name":"x","filters":{"properties":{"type":"OR","values":[{"type":"person","key":"a","value":"b"}]}}}`, "invalid_input", "filters"},
		"query, dynamic":   {`{"name":"x","query":{"kind":"HogQLQuery","query":"SELECT 1"}}`, "invalid_input", "filters"},
		"filters, query":   {`{"name":"x","is_static":true,"filters":` + payers + `,"query":{"kind":"HogQLQuery","query":"SELECT 1"}}`, "invalid_input", "query"},
		"bad ids":          {`{"name":"x","is_static":true,"_create_static_person_ids":["u1"]}`, "invalid_input", "_create_static_person_ids"},
		"name of a number": {`{"name":5}`, "invalid_input", "name"},
	} {
		a := c.do(http.MethodPost, "cohorts/", tt.body)
		requireError(t, a, 400, "validation_error", tt.code, "")
		require.Equal(t, tt.attr, a.body["attr"], name)
	}
	a := c.do(http.MethodPost, "cohorts/", `{"name":"Payers","description":"who pay","filters":`+payers+`}`)
	require.Equal(t, 201, a.status, a.text)
	require.Equal(t, c.get("cohorts/1/").body["count"], a.body["count"])
	path := "cohorts/" + textOf(a.body["id"]) + "/"
	a = c.do(http.MethodPatch, path, `{"name":"Renamed"}`)
	require.Equal(t, "Renamed", a.body["name"])
	require.Equal(t, "who pay", a.body["description"])
	require.Equal(t, 200, c.do(http.MethodPatch, path, `{"deleted":true}`).status)
	require.Equal(t, 404, c.get(path).status)
}

func TestStaticCohortMembers(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	people := s.Store().Snapshot().Persons
	id := func(i int) string { return people[i].ID.String() }
	a := c.do(http.MethodPost, "cohorts/", map[string]any{"name": "VIP", "is_static": true, "_create_static_person_ids": []string{id(0)}})
	require.Equal(t, 201, a.status, a.text)
	path := "cohorts/" + textOf(a.body["id"]) + "/"
	add := func(ids ...string) *answer {
		return c.do(http.MethodPatch, path+"add_persons_to_static_cohort/", map[string]any{"person_ids": ids})
	}
	stranger := uuid.NewString()
	require.Equal(t, map[string]any{"success": true}, add(id(1), id(2), stranger).body)
	require.InDelta(t, 3, c.get(path).body["count"], 0)
	requireError(t, add(stranger), 400, "validation_error", "invalid_input", "")
	requireError(t, add("u1"), 400, "validation_error", "invalid_input", "")
	requireError(t, add(), 400, "validation_error", "required", "")
	requireError(t, add(slices.Repeat([]string{id(1)}, 1001)...), 400, "validation_error", "invalid_input", "List size exceeds limit")
	requireError(t, c.do(http.MethodPatch, "cohorts/1/add_persons_to_static_cohort/", map[string]any{"person_ids": []string{id(1)}}), 400, "validation_error", "invalid_input", "")
	requireError(t, c.do(http.MethodPost, path+"add_persons_to_static_cohort/", nil), 403, "authentication_error", "permission_denied", "")

	remove := func(person string) *answer {
		return c.do(http.MethodPatch, path+"remove_person_from_static_cohort/", map[string]any{"person_id": person})
	}
	require.Equal(t, map[string]any{"success": true}, remove(id(1)).body)
	requireError(t, remove(id(1)), 404, "invalid_request", "not_found", "")
	require.InDelta(t, 2, c.get(path).body["count"], 0)
}
