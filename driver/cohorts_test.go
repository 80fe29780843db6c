package driver

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const cohortJSON = `{"id":5,"name":"Payers","description":"","is_static":false,"cohort_type":"person_property","count":42,` +
	`"is_calculating":false,"last_calculation":"2026-03-01T10:00:00Z","errors_calculating":0,"last_error_message":null,"deleted":false,` +
	`"filters":{"properties":{"type":"OR","values":[]}},"query":null,"created_at":"2026-01-01T00:00:00Z","something_new":1}`

func TestCohorts(t *testing.T) {
	t.Parallel()
	s := newScripted(t,
		reply(200, `{"count":2,"next":"http://internal/api/projects/7/cohorts/?limit=1&offset=1&search=pay","results":[`+cohortJSON+`]}`),
		reply(200, cohortJSON),
		reply(404, problem("invalid_request", "not_found", "Not found.")),
	)
	c := clientFor(t, s.URL)
	res, err := c.Cohorts(t.Context(), CohortsParams{Search: "pay", Limit: 1})
	require.NoError(t, err)
	require.Equal(t, 2, *res.Total)
	require.Equal(t, "limit=1&offset=1&search=pay", res.Cursor)
	require.Equal(t, "Payers", res.Cohorts[0].Name)
	require.Equal(t, 42, *res.Cohorts[0].Count)
	require.Nil(t, res.Cohorts[0].Query)
	require.NotNil(t, res.Cohorts[0].Filters)

	res, err = c.Cohorts(t.Context(), CohortsParams{ID: 5})
	require.NoError(t, err)
	require.Len(t, res.Cohorts, 1)
	require.Equal(t, "/api/projects/7/cohorts/5/", s.requests[1].URL.Path)

	_, err = c.Cohorts(t.Context(), CohortsParams{ID: 6})
	require.ErrorIs(t, err, KindNotFound)
	require.ErrorContains(t, err, "no cohort 6")
	for _, p := range []CohortsParams{{ID: -1}, {ID: 5, Search: "x"}, {Limit: 501}, {Cursor: "%zz"}} {
		_, err := c.Cohorts(t.Context(), p)
		require.ErrorIs(t, err, KindInvalid)
	}
	require.Equal(t, 3, s.count())
}

func TestCreateCohortBodies(t *testing.T) {
	t.Parallel()
	const id = "018f2b6e-7c3a-7000-8000-000000000001"
	for name, tt := range map[string]struct {
		p    CreateCohortParams
		body string
	}{
		"all": {
			CreateCohortParams{Name: " Payers ", Where: []string{"plan=pro", "!phone"}},
			`{"name":"Payers","filters":{"properties":{"type":"OR","values":[{"type":"AND","values":[
				{"key":"plan","type":"person","operator":"exact","value":["pro"],"negation":false},
				{"key":"phone","type":"person","operator":"is_not_set","value":"is_not_set","negation":false}]}]}}}`,
		},
		"any": {
			CreateCohortParams{Name: "P", Description: "d", Where: []string{"plan=pro"}, Any: true},
			`{"name":"P","description":"d","filters":{"properties":{"type":"OR","values":[{"type":"OR","values":[
				{"key":"plan","type":"person","operator":"exact","value":["pro"],"negation":false}]}]}}}`,
		},
		"ids": {
			CreateCohortParams{Name: "P", PersonIDs: []string{id, strings.ToUpper(id)}},
			`{"name":"P","is_static":true,"_create_static_person_ids":["` + id + `"]}`,
		},
		"query": {
			CreateCohortParams{Name: "P", Query: "SELECT DISTINCT person_id FROM events WHERE timestamp > now() - INTERVAL 7 DAY"},
			`{"name":"P","is_static":true,"query":{"kind":"HogQLQuery","query":"SELECT DISTINCT person_id FROM events WHERE timestamp > now() - INTERVAL 7 DAY"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, reply(201, cohortJSON))
			c := clientFor(t, s.URL)
			got, err := c.CreateCohort(t.Context(), tt.p)
			require.NoError(t, err)
			require.Equal(t, int64(5), got.ID)
			require.Equal(t, "POST", s.requests[0].Method)
			require.JSONEq(t, tt.body, s.bodies[0])
		})
	}
}

func TestCreateCohortIsNeverSentTwice(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(502, "bad gateway"))
	c := clientFor(t, s.URL)
	_, err := c.CreateCohort(t.Context(), CreateCohortParams{Name: "P", Where: []string{"plan=pro"}})
	require.Error(t, err)
	require.Equal(t, 1, s.count())
}

func TestCreateCohortRefuses(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(201, cohortJSON))
	c := clientFor(t, s.URL)
	for name, p := range map[string]CreateCohortParams{
		"no name":       {Where: []string{"plan=pro"}},
		"long name":     {Name: strings.Repeat("ü", 401), Where: []string{"plan=pro"}},
		"nothing":       {Name: "P"},
		"two sources":   {Name: "P", Where: []string{"plan=pro"}, Query: "SELECT person_id FROM events"},
		"bad condition": {Name: "P", Where: []string{"plan=="}},
		"distinct id":   {Name: "P", PersonIDs: []string{"user-1"}},
		"many ids":      {Name: "P", PersonIDs: make([]string, 1001)},
		"syntax":        {Name: "P", Query: "SELECT person_id FRM events"},
		"placeholder":   {Name: "P", Query: "SELECT person_id FROM events WHERE event = {name}"},
		"no person":     {Name: "P", Query: "SELECT event, count() AS n FROM sessions GROUP BY event"},
		"offset":        {Name: "P", Query: "SELECT person_id FROM events LIMIT 10 OFFSET 5"},
	} {
		_, err := c.CreateCohort(t.Context(), p)
		require.ErrorIs(t, err, KindInvalid, name)
	}
	require.Zero(t, s.count())
}
