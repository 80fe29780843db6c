package posthogtest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// stored gives the events of a name.
func stored(s *Server, name string) []*data.Event {
	return filter(s.Store().Snapshot().Events, func(e *data.Event) bool { return e.Event == name })
}

func TestCaptureForms(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s).as("")
	k := s.ProjectKey()
	for path, body := range map[string]string{
		"/i/v0/e/":  `{"api_key":"` + k + `","event":"made","distinct_id":"u1"}`,
		"/i/v0/e":   `{"token":"` + k + `","event":"made","properties":{"distinct_id":"u2"}}`,
		"/e/":       `[{"$token":"` + k + `","event":"made","distinct_id":3}]`,
		"/capture/": `{"event":"made","$distinct_id":"u4","properties":{"token":"` + k + `"}}`,
		"/batch/":   `{"api_key":"` + k + `","batch":[{"event":"made","distinct_id":"u5"},{"event":"made","distinct_id":"u6"}]}`,
		"/batch":    `{"batch":[{"api_key":"` + k + `","event":"made","distinct_id":"u7"}]}`,
	} {
		a := c.do(http.MethodPost, path, body)
		require.Equal(t, 200, a.status, "%s: %s", path, a.text)
		require.Equal(t, map[string]any{"status": "Ok"}, a.body)
	}
	ids := map[string]bool{}
	for _, e := range stored(s, "made") {
		ids[e.DistinctID] = true
		require.Equal(t, noon(), e.Timestamp)
		_, has := e.Properties.Get("token")
		require.False(t, has)
	}
	require.Equal(t, map[string]bool{"u1": true, "u2": true, "3": true, "u4": true, "u5": true, "u6": true, "u7": true}, ids)
	require.Equal(t, 204, c.do(http.MethodPost, "/e/?beacon=1", `{"api_key":"`+k+`","event":"made","distinct_id":"u"}`).status)
	require.Equal(t, 405, c.get("/batch/").status)
}

func TestCaptureRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s).as("")
	k := s.ProjectKey()
	single := func(rest string) string { return `{"api_key":"` + k + `",` + rest + `}` }
	for name, tt := range map[string]struct {
		body   string
		status int
		text   string
	}{
		"empty":         {``, 400, "failed to parse request: "},
		"not JSON":      {`{"event":`, 400, "failed to parse request: "},
		"no name":       {single(`"distinct_id":"u"`), 400, "failed to parse request: "},
		"empty name":    {single(`"event":"","distinct_id":"u"`), 400, "event submitted with an empty event name"},
		"no id":         {single(`"event":"e"`), 400, "event submitted without a distinct_id"},
		"null id":       {single(`"event":"e","distinct_id":null`), 400, "event submitted without a distinct_id"},
		"empty id":      {single(`"event":"e","distinct_id":""`), 400, "event submitted without a distinct_id"},
		"bad uuid":      {single(`"event":"e","distinct_id":"u","uuid":"x"`), 400, "failed to parse request: "},
		"bad time":      {single(`"event":"e","distinct_id":"u","timestamp":"soon"`), 400, "event submitted with invalid timestamp"},
		"no events":     {`{"api_key":"` + k + `","batch":[]}`, 400, "request holds no event"},
		"no token":      {`{"event":"e","distinct_id":"u"}`, 401, "event submitted without an api_key"},
		"two tokens":    {`[{"event":"e","distinct_id":"u","token":"a"},{"event":"e","distinct_id":"u","token":"b"}]`, 401, "batch submitted with inconsistent api_key values"},
		"personal key":  {`{"api_key":"phx_` + `abc","event":"e","distinct_id":"u"}`, 401, "API key is not valid: personal_api_key"},
		"empty token":   {`{"api_key":"","event":"e","distinct_id":"u"}`, 401, "API key is not valid: empty"},
		"long token":    {`{"api_key":"` + strings.Repeat("x", 65) + `","event":"e","distinct_id":"u"}`, 401, "API key is not valid: too_long"},
		"foreign token": {`{"api_key":"clé","event":"e","distinct_id":"u"}`, 401, "API key is not valid: not_ascii"},
		"torn gzip":     {"\x1f\x8b\x08rest", 400, "failed to decode request: invalid gzip data"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := c.do(http.MethodPost, "/i/v0/e/", tt.body)
			require.Equal(t, tt.status, a.status, a.text)
			require.Contains(t, a.text, tt.text)
			require.Contains(t, a.header.Get("Content-Type"), "text/plain")
		})
	}
}

// One bad event refuses its batch; nothing of it is stored.
func TestBatchIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	a := c.do(http.MethodPost, "/batch/", map[string]any{"api_key": s.ProjectKey(), "batch": []any{
		map[string]any{"event": "whole", "distinct_id": "u"}, map[string]any{"event": "whole"},
	}})
	require.Equal(t, 400, a.status)
	require.Empty(t, stored(s, "whole"))
}

func TestCaptureSizes(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	event := func(n int) string {
		return fmt.Sprintf(`{"event":"big","distinct_id":"u","properties":{"x":%q}}`, strings.Repeat("x", n))
	}
	post := func(path, events string) *answer {
		return c.do(http.MethodPost, path, `{"api_key":"`+s.ProjectKey()+`","batch":[`+events+`]}`)
	}
	require.Equal(t, 200, post("/batch/", event(maxEventSize-200)).status)
	a := post("/batch/", event(maxEventSize+1))
	require.Equal(t, 413, a.status)
	require.Contains(t, a.text, "maximum event size exceeded")
	three := strings.Join([]string{event(900_000), event(900_000), event(900_000)}, ",")
	require.Equal(t, 413, post("/i/v0/e/", three).status, "one event's route takes 2 MB")
	require.Equal(t, 200, post("/batch/", three).status)

	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := z.Write(make([]byte, maxCaptureBody+1))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.Equal(t, 413, c.do(http.MethodPost, "/batch/", bomb.Bytes(), "Content-Encoding", "gzip").status, "what is inside the gzip counts")
}

func TestCaptureTimes(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	at := func(name, timestamp, sentAt string) time.Time {
		body := map[string]any{"api_key": s.ProjectKey(), "batch": []any{map[string]any{"event": name, "distinct_id": "u", "timestamp": timestamp}}}
		if sentAt != "" {
			body["sent_at"] = sentAt
		}
		require.Equal(t, 200, c.do(http.MethodPost, "/batch/", body).status)
		found := stored(s, name)
		require.Len(t, found, 1)
		return found[0].Timestamp
	}
	require.Equal(t, noon().Add(-time.Hour), at("plain", "2026-11-23T11:00:00Z", ""))
	require.Equal(t, noon().Add(-time.Hour), at("zoned", "2026-11-23T13:00:00+02:00", ""))
	require.Equal(t, noon().Add(-5*time.Minute), at("skewed", "2026-11-23T10:55:00Z", "2026-11-23T11:00:00Z"), "the client's clock is an hour late")
	require.Equal(t, noon().Add(22*time.Hour), at("ahead", "2026-11-24T10:00:00Z", ""))
	require.Equal(t, noon(), at("far ahead", "2026-11-24T12:00:00Z", ""))
}

func TestCaptureQuotaAndForeignTokens(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	post := func(token string) *answer {
		return c.do(http.MethodPost, "/i/v0/e/", map[string]any{"api_key": token, "event": "lost", "distinct_id": "u"})
	}
	require.Equal(t, map[string]any{"status": "Ok"}, post("phc_ofAnotherProject").body, "a well-formed wrong token is not told")
	s.SetQuota(Quota{Events: true})
	require.Equal(t, map[string]any{"status": "Ok", "quota_limited": []any{"events"}}, post(s.ProjectKey()).body)
	s.SetQuota(Quota{Events: true, Silent: true})
	require.Equal(t, map[string]any{"status": "Ok"}, post(s.ProjectKey()).body)
	require.Empty(t, stored(s, "lost"))
	s.SetQuota(Quota{})
	post(s.ProjectKey())
	require.Len(t, stored(s, "lost"), 1)
}

func TestCaptureMakesAndChangesPersons(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	send := func(body map[string]any) {
		body["api_key"] = s.ProjectKey()
		require.Equal(t, 200, c.do(http.MethodPost, "/i/v0/e/", body).status)
	}
	send(map[string]any{"event": "seen", "distinct_id": "anon-1"})
	send(map[string]any{
		"event": "$identify", "distinct_id": "kim", "properties": map[string]any{"$anon_distinct_id": "anon-1"},
		"$set": map[string]any{"email": "kim@example.com"}, "$set_once": map[string]any{"first": "yes"},
	})
	rows := c.get("persons/?email=kim@example.com").results(t)
	require.Len(t, rows, 1)
	require.ElementsMatch(t, []any{"kim", "anon-1"}, rows[0]["distinct_ids"])
	require.Equal(t, map[string]any{"email": "kim@example.com", "first": "yes"}, rows[0]["properties"])

	uuid := "0192a1b0-1111-7000-8000-000000000001"
	for range 2 { // a retry
		send(map[string]any{"event": "once", "distinct_id": "kim", "uuid": uuid, "timestamp": "2026-11-23T10:00:00Z"})
	}
	require.Len(t, stored(s, "once"), 1)
}
