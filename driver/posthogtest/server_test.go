package posthogtest

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

func TestServerOnASocket(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Data: data.Options{People: 20, Days: 7}})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(s.URL(), "http://127.0.0.1:"))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/api/users/@me/", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+s.PersonalKey())
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)

	host := strings.TrimPrefix(s.URL(), "http://")
	_, err = New(Options{Addr: host, Data: data.Options{People: 20, Days: 7}})
	require.ErrorContains(t, err, "cannot listen on \""+host)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "twice is fine")
	_, err = net.DialTimeout("tcp", host, time.Second)
	require.Error(t, err)
}

func TestClosedServer(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	require.NoError(t, s.Close())
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/users/@me/", nil))
	require.Equal(t, 503, w.Code)
	_, err := newClient(t, s).try(http.MethodGet, "cohorts/", nil)
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{
		{Concurrency: -1},
		{MaxExecution: -time.Second},
		{Throttle: Throttle{Scale: -1}},
		{Data: data.Options{People: -5}},
		{Data: data.Options{TimeZone: "Mars/Olympus"}},
	} {
		s, err := New(o)
		require.Error(t, err)
		require.Nil(t, s)
	}
}

// Without a connection to break, faults fall back on what a handler can do.
func TestHandlerWithoutConnection(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	get := func() *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, flagsPath, nil)
		r.Header.Set("Authorization", "Bearer "+s.PersonalKey())
		s.Handler().ServeHTTP(w, r)
		return w
	}
	require.Equal(t, 200, get().Code)
	whole := get().Body.Len()
	remove := s.Faults.Add(Fault{Kind: FaultTruncate})
	require.Equal(t, whole/2, get().Body.Len())
	remove()
	for _, kind := range []FaultKind{FaultReset, FaultResetBody} {
		remove = s.Faults.Add(Fault{Kind: kind})
		require.PanicsWithValue(t, http.ErrAbortHandler, func() { get() })
		remove()
	}
}

// Every endpoint that the driver says it calls is served here.
func TestDriverOperationsAreServed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../*.go")
	require.NoError(t, err)
	line, seen := regexp.MustCompile(`^//posthog:operation (\S+) (\S+)$`), 0
	ro := newServer(t, Options{}).router
	for _, name := range files {
		file, err := os.Open(name)
		require.NoError(t, err)
		for lines := bufio.NewScanner(file); lines.Scan(); {
			m := line.FindStringSubmatch(lines.Text())
			if m == nil {
				continue
			}
			seen++
			if !strings.HasPrefix(m[2], "/api/") {
				require.True(t, isCapturePath(m[2]) || m[2] == "/flags/", m[2])
				continue
			}
			rt, _, _ := ro.find(m[1], strings.NewReplacer(":project_id", "1", ":id", "1").Replace(m[2]))
			require.NotNil(t, rt, "%s %s", m[1], m[2])
		}
		require.NoError(t, file.Close())
	}
	require.Greater(t, seen, 10)
}

// Answers of some size are compressed for clients that take it.
func TestCompressedAnswers(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	require.Contains(t, c.do(http.MethodGet, "feature_flags/", nil, "Accept-Encoding", "gzip").text[:2], "\x1f\x8b")
	require.True(t, strings.HasPrefix(c.do(http.MethodGet, "feature_flags/", nil, "Accept-Encoding", "identity").text, "{"))
}
