package posthogtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is the fixed clock of tests that need none of their own.
func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// newServer starts a server over a small world without a socket.
func newServer(t *testing.T, o Options) *Server {
	t.Helper()
	if o.Clock == nil {
		o.Clock = noon
	}
	if o.World == nil && o.Data.People == 0 {
		o.Data = data.Options{Seed: 1, People: 150, Days: 30}
	}
	o.NoListener = true
	s, err := New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// client calls a server with one key.
type client struct {
	t    *testing.T
	s    *Server
	http *http.Client
	key  string
}

func newClient(t *testing.T, s *Server) *client {
	t.Helper()
	return &client{t: t, s: s, http: &http.Client{Transport: s.Transport()}, key: s.PersonalKey()}
}

func (c *client) as(key string) *client {
	other := *c
	other.key = key
	return &other
}

// answer is a response with its body decoded, when it is JSON.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
	list   []any
}

// results are the rows of a list.
func (a *answer) results(t *testing.T) []map[string]any {
	t.Helper()
	rows, ok := a.body["results"].([]any)
	require.True(t, ok, "no results in %s", a.text)
	out := make([]map[string]any, len(rows))
	for i := range rows {
		out[i], ok = rows[i].(map[string]any)
		require.True(t, ok)
	}
	return out
}

// try sends a request; path may leave out the project's prefix. Body is JSON,
// a string, or bytes.
func (c *client) try(method, path string, body any, headers ...string) (*answer, error) {
	c.t.Helper()
	var payload io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		payload = strings.NewReader(b)
	case []byte:
		payload = bytes.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		require.NoError(c.t, err)
		payload = bytes.NewReader(encoded)
	}
	if !strings.HasPrefix(path, "/") {
		path = "/api/projects/@current/" + path
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.s.URL()+path, payload)
	require.NoError(c.t, err)
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	out := &answer{status: resp.StatusCode, header: resp.Header, text: string(raw)}
	if json.Unmarshal(raw, &out.body) != nil {
		_ = json.Unmarshal(raw, &out.list)
	}
	return out, nil
}

func (c *client) do(method, path string, body any, headers ...string) *answer {
	c.t.Helper()
	a, err := c.try(method, path, body, headers...)
	require.NoError(c.t, err)
	return a
}

func (c *client) get(path string) *answer {
	c.t.Helper()
	return c.do(http.MethodGet, path, nil)
}

// query runs HogQL and gives the answer.
func (c *client) query(sql string, more ...any) *answer {
	c.t.Helper()
	body := map[string]any{"query": map[string]any{"kind": "HogQLQuery", "query": sql}}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	return c.do(http.MethodPost, "query/", body)
}

// requireError checks the common error shape.
func requireError(t *testing.T, a *answer, status int, kind, code, detail string) {
	t.Helper()
	require.Equal(t, status, a.status, a.text)
	require.Equal(t, kind, a.body["type"])
	require.Equal(t, code, a.body["code"])
	if detail != "" {
		require.Equal(t, detail, a.body["detail"])
	}
	require.Contains(t, a.body, "attr")
}

func projectText(s *Server) string { return strconv.FormatInt(s.ProjectID(), 10) }

// Bounds of waiting for background work outside a bubble.
const (
	pollFor   = 10 * time.Second
	pollEvery = 5 * time.Millisecond
)
