package driver

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// canary is a key that must appear nowhere but in the Authorization header.
const canary = "phx_CanaryKey0123456789abcdef"

// scripted answers requests with one handler after the other, the last for
// ever, and remembers what came.
type scripted struct {
	*httptest.Server

	mu       sync.Mutex
	steps    []http.HandlerFunc
	requests []*http.Request
	bodies   []string
}

func newScripted(t *testing.T, steps ...http.HandlerFunc) *scripted {
	t.Helper()
	s := &scripted{steps: steps}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *scripted) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	step := s.steps[0]
	if len(s.steps) > 1 {
		s.steps = s.steps[1:]
	}
	s.requests = append(s.requests, r)
	s.bodies = append(s.bodies, string(body))
	s.mu.Unlock()
	step(w, r)
}

func (s *scripted) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// reply answers with a status, a body and headers given as "Name: value".
func reply(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// problem is PostHog's error body.
func problem(kind, code, detail string) string {
	return fmt.Sprintf(`{"type":%q,"code":%q,"detail":%q,"attr":null}`, kind, code, detail)
}

// clientFor gives a client of the server with fast retries. Every call asks the
// server, unless edit turns the cache on.
func clientFor(t *testing.T, host string, edit ...func(*Config)) *Client {
	t.Helper()
	cred, err := credential.Static(canary, "test")
	require.NoError(t, err)
	cfg := Config{
		Host: host, ProjectID: 7, Credential: cred, ProjectKey: "phc_projectkeyfortests",
		Retry:     RetryConfig{Base: time.Millisecond, Cap: 5 * time.Millisecond},
		Smoothing: Smoothing{PerSecond: -1},
		Cache:     CacheConfig{Off: true},
	}
	for _, f := range edit {
		f(&cfg)
	}
	c, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// readRequest is an idempotent read.
func readRequest() request {
	return request{op: "get_cohorts", class: ClassRead, bucket: quota.BucketStandard, method: http.MethodGet, path: "/api/projects/{project}/cohorts/", idempotent: true}
}

func writeRequest() request {
	return request{op: "create_cohort", class: ClassWrite, bucket: quota.BucketStandard, method: http.MethodPost, path: "/api/projects/{project}/cohorts/", body: map[string]any{"name": "x"}}
}

func queryRequest() request {
	return request{op: "query", class: ClassQuery, bucket: quota.BucketQueries, method: http.MethodPost, path: "/api/projects/{project}/query/", body: map[string]any{"query": "<x>"}, idempotent: true}
}

// hogqlRequest is a query as an agent asks it.
func hogqlRequest() request {
	return hogqlRequestOf("SELECT event, count() AS n FROM events WHERE timestamp >= {from} GROUP BY event ORDER BY n DESC LIMIT 50")
}

func hogqlRequestOf(sql string) request {
	r := nodeRequest("query", map[string]any{"kind": "HogQLQuery", "query": sql, "values": map[string]any{"from": "2026-11-01 00:00:00"}, "name": "x"}, "blocking")
	return r
}

func captureRequest() request {
	return request{op: "capture_event", class: ClassCapture, target: ingestHost, method: http.MethodPost, path: "/i/v0/e/", body: map[string]any{"event": "x"}, idempotent: true, plainOK: true, gzip: true}
}

// roundTripper makes a transport of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// response is an in-memory answer, for tests on fake time.
func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// testCall is a call as prepare makes it.
func testCall(r request) *call {
	return &call{request: r, id: "id-1", url: &url.URL{Scheme: "https", Host: "us.posthog.com", Path: "/x"}, maxBody: 1 << 20, timeout: time.Second}
}

// mustWindows gives the windows of a regime.
func mustWindows(t *testing.T, regime string) map[quota.Bucket][]quota.Window {
	t.Helper()
	w, err := rateLimits(regime)
	require.NoError(t, err)
	return w
}
