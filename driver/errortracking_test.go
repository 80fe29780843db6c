package driver

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestErrorIssuesAskForInstants(t *testing.T) {
	t.Parallel()
	s, c := inZone(t, "Europe/Berlin", reply(200, `{"hasMore":true,"results":[{"id":"i","name":null,"status":"active","assignee":{"id":12,"type":"user"},
		"aggregations":{"occurrences":3.0,"users":2,"sessions":1},
		"last_event":{"uuid":"u","properties":"{\"$exception_releases\":{\"b\":{\"version\":\"2.0\"}},\"$app_version\":7}"}}]}`))
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	res, err := c.ErrorIssues(t.Context(), ErrorsParams{
		AnalysisSpan: AnalysisSpan{From: time.Date(2026, 6, 1, 0, 0, 0, 0, berlin), To: time.Date(2026, 6, 2, 0, 0, 0, 0, berlin)}, Search: "x", Cursor: "20",
	})
	require.NoError(t, err)
	require.JSONEq(t, `{"kind":"ErrorTrackingQuery","status":"active","orderBy":"occurrences","orderDirection":"DESC","limit":20,"offset":20,"searchQuery":"x",
		"dateRange":{"date_from":"2026-05-31T22:00:00Z","date_to":"2026-06-01T21:59:59.999999Z"},"filterTestAccounts":true,
		"volumeResolution":1,"withAggregations":true,"withFirstEvent":false,"withLastEvent":true}`, sentNode(t, s.bodies[1]))
	require.Equal(t, "21", res.Cursor)
	i := res.Issues[0]
	require.Equal(t, []any{"user 12", "2.0", int64(3), int64(2), int64(1)}, []any{i.Assignee, i.Release, i.Occurrences, i.Users, i.Sessions})
	for attr, p := range map[string]ErrorsParams{"status": {Status: "open"}, "order": {Order: "cost"}, "limit": {Limit: 1000}, "cursor": {Cursor: "x"}} {
		_, err := c.ErrorIssues(t.Context(), p)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, attr, e.Attr)
	}
}

func TestStacksOfAnyShape(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		properties string
		want       []StackFrame
	}{
		"resolved": {`{"$exception_list":[{"stacktrace":{"frames":[{"resolved_name":"f","mangled_name":"a","source":"x.ts","line":3,"column":4,"in_app":true}]}}]}`,
			[]StackFrame{{Function: "f", File: "x.ts", Line: 3, Column: 4, InApp: true}}},
		"as an SDK sends it, in texts": {`"{\"$exception_list\":\"[{\\\"stacktrace\\\":{\\\"frames\\\":[{\\\"function\\\":\\\"g\\\",\\\"filename\\\":\\\"y.js\\\",\\\"lineno\\\":5}]}}]\"}"`,
			[]StackFrame{{Function: "g", File: "y.js", Line: 5}}},
		"odd fields": {`{"$exception_list":[{"type":7,"stacktrace":{"frames":[{"function":["h"],"line":"z","filename":"w.js"}]}}]}`, []StackFrame{{File: "w.js"}}},
		"no frames":  {`{"$exception_list":[{"type":"E","stacktrace":null}]}`, nil},
	} {
		e := readException(json.RawMessage(c.properties)).event()
		require.Len(t, e.Exceptions, 1, name)
		require.Equal(t, c.want, e.Exceptions[0].Frames, name)
	}
	for _, odd := range []string{``, `null`, `7`, `"text"`, `[]`, `{"$exception_list":7}`} {
		require.Empty(t, readException(json.RawMessage(odd)).event().Exceptions, odd)
	}
}
