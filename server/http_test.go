package server_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
	"github.com/posthog-mcp/posthog-mcp/resources"
	"github.com/posthog-mcp/posthog-mcp/server"
)

// startHTTP serves on a loopback port and gives its base URL.
func startHTTP(t *testing.T, s *server.Server, cfg server.HTTPConfig) string {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.ServeHTTP(ctx, ln, cfg) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(15 * time.Second):
			t.Error("the HTTP server did not end")
		}
	})
	return "http://" + ln.Addr().String()
}

// post sends one message with extra headers and gives status, headers and body.
func post(t *testing.T, url, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, res.Header, string(b)
}

// lastFrame gives the last JSON message of a JSON or SSE body.
func lastFrame(t *testing.T, body string) message {
	t.Helper()
	frame := body
	for line := range strings.Lines(body) {
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			frame = data
		}
	}
	return parse(t, frame)
}

func modern(id, method, params string) (string, []string) {
	body := `{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":{` + params + `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`
	return body, []string{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", method}
}

func TestHTTPGuard(t *testing.T) {
	t.Parallel()
	url := startHTTP(t, newServer(t, newProbe()), server.HTTPConfig{
		AllowedHosts: []string{"mcp.example"}, AllowedOrigins: []string{"https://app.example"},
	})
	for _, c := range []struct {
		name    string
		path    string
		headers []string
		body    string
		want    int
	}{
		{"plain client", "/mcp", nil, hello, 200},
		{"own origin", "/mcp", []string{"Origin", url}, hello, 200},
		{"configured origin", "/mcp", []string{"Origin", "https://app.example"}, hello, 200},
		{"configured host", "/mcp", []string{"Host", "mcp.example"}, hello, 200},
		{"foreign origin", "/mcp", []string{"Origin", "https://evil.example"}, hello, 403},
		{"another local app", "/mcp", []string{"Origin", "http://localhost:3000"}, hello, 403},
		{"null origin", "/mcp", []string{"Origin", "null"}, hello, 403},
		{"rebound host", "/mcp", []string{"Host", "evil.example"}, hello, 403},
		{"rebound host with its own origin", "/mcp", []string{"Host", "evil.example", "Origin", "http://evil.example"}, hello, 403},
		{"cross-site without origin", "/mcp", []string{"Sec-Fetch-Site", "cross-site"}, hello, 403},
		{"form post", "/mcp", []string{"Content-Type", "text/plain"}, hello, 415},
		{"sse message from a foreign page", "/message?sessionId=x", []string{"Origin", "https://evil.example"}, hello, 403},
		{"sse message as a form", "/message?sessionId=x", []string{"Content-Type", "application/x-www-form-urlencoded"}, hello, 415},
		{"giant body", "/mcp", nil, strings.Repeat("x", 8<<20+1), 413},
		{"no json", "/mcp", nil, "{", 400},
		{"unknown path", "/nothing", nil, hello, 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, header, body := post(t, url+c.path, c.body, c.headers...)
			require.Equal(t, c.want, status, body)
			require.NotEqual(t, "*", header.Get("Access-Control-Allow-Origin"))
		})
	}
}

func TestSSEStreamIsClosedToOtherOrigins(t *testing.T) {
	t.Parallel()
	url := startHTTP(t, newServer(t, newProbe()), server.HTTPConfig{})
	for origin, want := range map[string]int{"https://evil.example": 403, url: 200, "": 200} {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/sse", nil)
		require.NoError(t, err)
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.Equal(t, want, res.StatusCode, origin)
		require.Empty(t, res.Header.Get("Access-Control-Allow-Origin"))
		cancel()
		_ = res.Body.Close()
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	url := startHTTP(t, newServer(t, newProbe()), server.HTTPConfig{Token: credential.NewSecret("0123456789abcdef")})
	for header, want := range map[string]int{
		"Bearer 0123456789abcdef":  200,
		"Bearer 0123456789abcdeg":  401,
		"Bearer 0123456789abcdef0": 401,
		"0123456789abcdef":         401,
		"":                         401,
	} {
		status, h, _ := post(t, url+"/mcp", hello, "Authorization", header)
		require.Equal(t, want, status, header)
		if want == 401 {
			require.Contains(t, h.Get("WWW-Authenticate"), "Bearer")
		}
	}
	res, err := http.Get(url + "/readyz") //nolint:noctx // a probe
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode)
	require.NoError(t, res.Body.Close())
}

func TestNoTokenNoPublicAddress(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "0.0.0.0:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	require.ErrorContains(t, newServer(t, newProbe()).ServeHTTP(t.Context(), ln, server.HTTPConfig{}), "token")
}

// One client's cancel must not reach another client's call of the same id.
func TestCancelDoesNotCrossClients(t *testing.T) {
	t.Parallel()
	p := newProbe()
	url := startHTTP(t, newServer(t, p), server.HTTPConfig{})
	ctx, hangUp := context.WithCancel(t.Context())
	body, headers := modern("8", "tools/call", `"name":"wait","arguments":{},`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/mcp", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	req.Header.Set("Mcp-Name", "wait")
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
		}
	}()
	<-p.started
	cancelBody := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":8}}`
	for _, extra := range [][]string{nil, {"Mcp-Protocol-Version", "2026-07-28"}, {"Mcp-Protocol-Version", "2026-07-28", "Mcp-Session-Id", "made-up"}} {
		status, _, _ := post(t, url+"/mcp", cancelBody, extra...)
		require.Equal(t, 202, status)
	}
	select {
	case <-p.canceled:
		require.Fail(t, "another client cancelled the call")
	case <-time.After(100 * time.Millisecond):
	}
	hangUp() // the way of this revision
	<-p.canceled
	<-gone
}

func TestLegacySessionLifeCycle(t *testing.T) {
	t.Parallel()
	url := startHTTP(t, newServer(t, newProbe()), server.HTTPConfig{})
	status, header, _ := post(t, url+"/mcp", hello)
	require.Equal(t, 200, status)
	id := header.Get("Mcp-Session-Id")
	require.NotEmpty(t, id)
	status, _, body := post(t, url+"/mcp", callTool("3", "say", `{"word":"hi"}`), "Mcp-Session-Id", id)
	require.Equal(t, 200, status)
	said, isError := text(t, lastFrame(t, body))
	require.False(t, isError)
	require.Contains(t, said, "hi")
	status, _, _ = post(t, url+"/mcp", callTool("3", "say", `{}`), "Mcp-Session-Id", "invented")
	require.Equal(t, 404, status)

	// All five progress notifications come before the answer.
	_, _, body = post(t, url+"/mcp", `{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"count","arguments":{},"_meta":{"progressToken":1}}}`, "Mcp-Session-Id", id)
	require.Equal(t, 5, strings.Count(body, "notifications/progress"))
	require.Equal(t, "4", string(lastFrame(t, body).ID))

	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, url+"/mcp", nil)
	require.NoError(t, err)
	req.Header.Set("Mcp-Session-Id", id)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	status, _, _ = post(t, url+"/mcp", callTool("3", "say", `{}`), "Mcp-Session-Id", id)
	require.Equal(t, 404, status)
}

func TestModernRequestsNeedNoSession(t *testing.T) {
	t.Parallel()
	url := startHTTP(t, newServer(t, newProbe()), server.HTTPConfig{})
	body, headers := modern("1", "server/discover", "")
	status, header, answer := post(t, url+"/mcp", body, headers...)
	require.Equal(t, 200, status, answer)
	require.Empty(t, header.Get("Mcp-Session-Id"))
	require.Contains(t, string(lastFrame(t, answer).Result), "2026-07-28")
	body, headers = modern("2", "resources/read", `"uri":"`+resources.QuotaURI+`",`)
	status, _, answer = post(t, url+"/mcp", body, append(headers, "Mcp-Name", resources.QuotaURI)...)
	require.Equal(t, 200, status, answer)
	result := string(lastFrame(t, answer).Result)
	require.Contains(t, result, `"ttlMs"`)
	require.Contains(t, result, `"private"`)
}

// sseClient opens the older stream and gives its message endpoint.
func sseClient(ctx context.Context, t *testing.T, url string) (endpoint string, events <-chan string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/sse", nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	out := make(chan string, 64)
	go func() {
		defer close(out)
		defer func() { _ = res.Body.Close() }()
		lines := bufio.NewScanner(res.Body)
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				out <- data
			}
		}
	}()
	return url + strings.TrimSpace(<-out), out
}

func TestSSE(t *testing.T) {
	t.Parallel()
	p := newProbe()
	s := newServer(t, p)
	url := startHTTP(t, s, server.HTTPConfig{})
	ctx, hangUp := context.WithCancel(t.Context())
	endpoint, events := sseClient(ctx, t, url)

	status, _, _ := post(t, endpoint, hello)
	require.Equal(t, 202, status)
	require.Contains(t, <-events, `"2025-11-25"`)
	// A client that probes for the newest revision is told the ones that work here.
	body, _ := modern("2", "server/discover", "")
	post(t, endpoint, body)
	require.NotContains(t, <-events, `"supportedVersions":["2026-07-28"`)
	post(t, endpoint, callTool("3", "say", `{"word":"over sse"}`))
	said, _ := text(t, parse(t, <-events))
	require.Contains(t, said, "over sse")

	// mcp-go cuts SSE calls off from the connection; ours end with the session.
	post(t, endpoint, callTool("4", "wait", `{}`))
	<-p.started
	hangUp()
	<-p.canceled
}

func TestSubscriptionOverHTTP(t *testing.T) {
	t.Parallel()
	s := newServer(t, newProbe())
	url := startHTTP(t, s, server.HTTPConfig{})
	body, headers := modern("5", "subscriptions/listen", `"notifications":{"resourceSubscriptions":["`+resources.QuotaURI+`"]},`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/mcp", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	require.Equal(t, 200, res.StatusCode)
	lines := bufio.NewScanner(res.Body)
	next := func() message {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return parse(t, data)
			}
		}
		require.FailNow(t, "the stream ended")
		return message{}
	}
	require.Equal(t, "notifications/subscriptions/acknowledged", next().Method)
	s.Updated(resources.QuotaURI)
	m := next()
	require.Equal(t, "notifications/resources/updated", m.Method)
	require.Contains(t, string(m.Params), resources.QuotaURI)
	// The listener's end, in the cleanup, ends this stream without the client.
}

func TestProbes(t *testing.T) {
	t.Parallel()
	url := startHTTP(t, newServer(t, newProbe()), server.HTTPConfig{})
	for _, path := range []string{"/livez", "/readyz", "/startupz"} {
		res, err := http.Get(url + path) //nolint:noctx // a probe
		require.NoError(t, err)
		b, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, 200, res.StatusCode, path)
		require.Equal(t, "ok\n", string(b))
	}
}
