package driver

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnnotations(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{"count":2,"next":null,"results":[
		{"id":2,"content":"v2","date_marker":"2026-03-01T10:00:00Z","scope":"project","created_by":{"first_name":"","email":"a@example.com"}},
		{"id":1,"content":null,"date_marker":null,"scope":"dashboard_item","dashboard_item":7,"insight_name":"Signups","created_by":null}]}`))
	res, err := clientFor(t, s.URL).Annotations(t.Context(), AnnotationsParams{Search: "v2"})
	require.NoError(t, err)
	require.Equal(t, "v2", s.requests[0].URL.Query().Get("search"))
	require.Equal(t, "a@example.com", res.Annotations[0].CreatedBy)
	require.True(t, res.Annotations[1].Date.IsZero())
	require.Equal(t, int64(7), res.Annotations[1].InsightID)
	require.Empty(t, res.Cursor)
}

func TestCreateAnnotation(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(201, `{"id":3,"content":"v2","date_marker":"2026-03-01T09:00:00Z","scope":"project"}`))
	a, err := clientFor(t, s.URL).CreateAnnotation(t.Context(), CreateAnnotationParams{Content: "v2", Date: time.Date(2026, 3, 1, 10, 0, 0, 0, time.FixedZone("", 3600))})
	require.NoError(t, err)
	require.Equal(t, int64(3), a.ID)
	require.JSONEq(t, `{"content":"v2","date_marker":"2026-03-01T09:00:00Z","scope":"project","creation_type":"USR"}`, s.bodies[0])

	s = newScripted(t, reply(201, `{"id":4}`))
	_, err = clientFor(t, s.URL).CreateAnnotation(t.Context(), CreateAnnotationParams{Content: "x", Scope: "dashboard_item", InsightID: 7})
	require.NoError(t, err)
	require.Contains(t, s.bodies[0], `"dashboard_item":7`)
}

func TestCreateAnnotationRefusesBadArguments(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(503, ""))
	c := clientFor(t, s.URL)
	for name, tt := range map[string]struct {
		p    CreateAnnotationParams
		attr string
	}{
		"empty":          {CreateAnnotationParams{Content: "\n"}, "content"},
		"long":           {CreateAnnotationParams{Content: strings.Repeat("ä", 8193)}, "content"},
		"old":            {CreateAnnotationParams{Content: "x", Date: time.Date(1066, 1, 1, 0, 0, 0, 0, time.UTC)}, "date"},
		"recording":      {CreateAnnotationParams{Content: "x", Scope: "recording"}, "scope"},
		"no dashboard":   {CreateAnnotationParams{Content: "x", Scope: "dashboard"}, "dashboard_id"},
		"no insight":     {CreateAnnotationParams{Content: "x", Scope: "dashboard_item"}, "insight_id"},
		"idle dashboard": {CreateAnnotationParams{Content: "x", DashboardID: 3}, "dashboard_id"},
		"idle insight":   {CreateAnnotationParams{Content: "x", InsightID: 3}, "insight_id"},
	} {
		_, err := c.CreateAnnotation(t.Context(), tt.p)
		var e *Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, KindInvalid, e.Kind, name)
		require.Equal(t, tt.attr, e.Attr, name)
	}
	require.Zero(t, s.count())
	_, err := c.CreateAnnotation(t.Context(), CreateAnnotationParams{Content: strings.Repeat("ä", 8192)})
	require.Error(t, err)
	require.Equal(t, 1, s.count(), "a write is never sent twice")
}
