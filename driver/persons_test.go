package driver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// people writes a page of n persons, starting with the number first.
func people(first, n int) string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"id":"018f0000-0000-7000-8000-%012d","name":"p%d","distinct_ids":["u%d"],"properties":{"plan":"pro","seats":9007199254740993},"created_at":"2026-03-01T10:00:00Z"}`, first+i, first+i, first+i)
	}
	return `{"next":null,"previous":null,"results":[` + strings.Join(rows, ",") + `]}`
}

func TestPersonsAsksForOneMore(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, people(0, 4)), reply(200, people(3, 2)))
	c := clientFor(t, s.URL)
	res, err := c.Persons(t.Context(), PersonsParams{Limit: 3, Search: " ann ", Where: []string{"plan=pro"}})
	require.NoError(t, err)
	require.Len(t, res.Persons, 3)
	require.True(t, res.HasMore)
	require.Equal(t, "3", res.Cursor)
	require.Equal(t, "2", res.CursorAfter(2))
	require.Equal(t, "018f0000-0000-7000-8000-000000000000", res.Persons[0].UUID)
	require.Equal(t, "9007199254740993", fmt.Sprint(res.Persons[0].Properties["seats"]))
	q := s.requests[0].URL.Query()
	require.Equal(t, "/api/projects/7/persons/", s.requests[0].URL.Path)
	require.Equal(t, "4", q.Get("limit"))
	require.Equal(t, "ann", q.Get("search"))
	require.JSONEq(t, `[{"key":"plan","type":"person","operator":"exact","value":["pro"]}]`, q.Get("properties"))

	res, err = c.Persons(t.Context(), PersonsParams{Limit: 3, Cursor: res.Cursor})
	require.NoError(t, err)
	require.Len(t, res.Persons, 2)
	require.False(t, res.HasMore)
	require.Empty(t, res.Cursor)
	require.Empty(t, res.CursorAfter(2))
	require.Equal(t, "4", res.CursorAfter(1))
	require.Equal(t, "3", s.requests[1].URL.Query().Get("offset"))
}

func TestPersonsOfACohort(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, people(0, 1)), reply(404, problem("invalid_request", "not_found", "Not found.")))
	c := clientFor(t, s.URL)
	_, err := c.Persons(t.Context(), PersonsParams{CohortID: 5})
	require.NoError(t, err)
	require.Equal(t, "/api/projects/7/cohorts/5/persons/", s.requests[0].URL.Path)
	_, err = c.Persons(t.Context(), PersonsParams{CohortID: 99})
	require.ErrorIs(t, err, KindNotFound)
	require.ErrorContains(t, err, "no cohort 99")
}

func TestPersonsRefuses(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, people(0, 0)))
	c := clientFor(t, s.URL)
	for name, p := range map[string]PersonsParams{
		"limit":           {Limit: 501},
		"cursor":          {Cursor: "abc"},
		"condition":       {Where: []string{"plan==pro"}},
		"negative cohort": {CohortID: -1},
		"cohort and more": {CohortID: 1, Search: "ann"},
	} {
		_, err := c.Persons(t.Context(), p)
		require.ErrorIs(t, err, KindInvalid, name)
	}
	require.Zero(t, s.count())
}
