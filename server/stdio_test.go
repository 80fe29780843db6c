package server_test

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/resources"
	"github.com/posthog-mcp/posthog-mcp/server"
)

// The stdio session is a package variable of mcp-go: these tests are not
// parallel, neither with each other nor with themselves.

// session is one stdio conversation.
type session struct {
	t    *testing.T
	in   *io.PipeWriter
	out  chan string
	done chan error
}

func startStdio(ctx context.Context, t *testing.T, s *server.Server) *session {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	c := &session{t: t, in: inW, out: make(chan string, 256), done: make(chan error, 1)}
	go func() {
		c.done <- s.ServeStdio(ctx, inR, outW)
		_ = outW.Close()
		_ = inR.Close()
	}()
	go func() {
		lines := bufio.NewScanner(outR)
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			c.out <- lines.Text()
		}
		close(c.out)
	}()
	t.Cleanup(func() {
		_ = inW.Close()
		_ = outR.Close()
	})
	return c
}

func (c *session) send(lines ...string) {
	c.t.Helper()
	for _, line := range lines {
		_, err := io.WriteString(c.in, line+"\n")
		require.NoError(c.t, err)
	}
}

func (c *session) next() message {
	c.t.Helper()
	select {
	case line, ok := <-c.out:
		require.True(c.t, ok, "the server hung up")
		return parse(c.t, line)
	case <-time.After(10 * time.Second):
		require.FailNow(c.t, "no answer in 10 s")
		return message{}
	}
}

// answerTo skips notifications until the answer to id.
func (c *session) answerTo(id string) message {
	c.t.Helper()
	for {
		if m := c.next(); string(m.ID) == id && m.Method == "" {
			return m
		}
	}
}

func (c *session) wait() error {
	c.t.Helper()
	select {
	case err := <-c.done:
		return err
	case <-time.After(10 * time.Second):
		require.FailNow(c.t, "the server did not end")
		return nil
	}
}

const hello = `{"jsonrpc":"2.0","id":"h","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`

func callTool(id, name, args string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + name + `","arguments":` + args + `}}`
}

func TestStdioConversation(t *testing.T) { //nolint:paralleltest // one stdio session per process
	s := newServer(t, newProbe())
	c := startStdio(t.Context(), t, s)
	c.send(hello)
	require.Contains(t, string(c.answerTo(`"h"`).Result), `"2025-11-25"`)
	c.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
	list := string(c.answerTo("2").Result)
	for _, hint := range []string{"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"} {
		require.Equal(t, 6, strings.Count(list, hint))
	}
	c.send(callTool("3", "say", `{"word":"hi"}`))
	said, isError := text(t, c.answerTo("3"))
	require.Contains(t, said, "hi")
	require.False(t, isError)
	require.NoError(t, c.in.Close())
	require.NoError(t, c.wait())
}

func TestStdioAnswersWhatWasPipedInBeforeItEnds(t *testing.T) { //nolint:paralleltest // one stdio session per process
	s := newServer(t, newProbe())
	var in strings.Builder
	in.WriteString(hello + "\n")
	for i := range 20 {
		in.WriteString(callTool(strconv.Itoa(i), "rest", "{}") + "\n")
	}
	var out strings.Builder
	require.NoError(t, s.ServeStdio(t.Context(), strings.NewReader(in.String()), &out))
	answered := map[string]bool{}
	for line := range strings.Lines(out.String()) {
		m := parse(t, line)
		if string(m.ID) == `"h"` {
			continue
		}
		said, isError := text(t, m)
		require.False(t, isError, said)
		answered[string(m.ID)] = true
	}
	require.Len(t, answered, 20)
}

func TestStdioSurvivesBadInput(t *testing.T) { //nolint:paralleltest // one stdio session per process
	s := newServer(t, newProbe())
	c := startStdio(t.Context(), t, s)
	c.send(hello)
	c.answerTo(`"h"`)
	for _, bad := range []struct {
		line string
		code []int
	}{
		{`{not json`, []int{-32700}},
		{`[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, []int{-32600}},
		{`"text"`, []int{-32700, -32600}},
		{`{"jsonrpc":"1.0","id":1,"method":"ping"}`, []int{-32600}},
		{`{"jsonrpc":"2.0","id":1,"method":"no/such"}`, []int{-32601}},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"nothing"}}`, []int{-32602}},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}`, []int{-32600, -32602, -32700}},
		{strings.Repeat("x", 50_000_000), []int{-32600}},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"say","arguments":` + strings.Repeat("[", 20_000) + `}}`, []int{-32700}},
	} {
		c.send(bad.line)
		m := c.next()
		require.NotNil(t, m.Error, "%.80s", bad.line)
		require.True(t, slices.Contains(bad.code, m.Error.Code), "%.80s: %d %s", bad.line, m.Error.Code, m.Error.Message)
	}
	c.send("", "   ", callTool("9", "say", `{"word":"still here"}`))
	said, _ := text(t, c.answerTo("9"))
	require.Contains(t, said, "still here")
	require.NoError(t, c.in.Close())
	require.NoError(t, c.wait())
}

func TestStdioToolErrorsAreResultsWithoutSecrets(t *testing.T) { //nolint:paralleltest // one stdio session per process
	s := newServer(t, newProbe())
	c := startStdio(t.Context(), t, s)
	c.send(hello)
	c.answerTo(`"h"`)
	for _, call := range []struct{ tool, args, want string }{
		{"break", `{}`, "failed inside this server"},
		{"fail", `{}`, ""},
		{"say", `{"wrod":"x"}`, "wrod"},
		{"say", `{"word":{}}`, "word"},
	} {
		c.send(callTool("5", call.tool, call.args))
		said, isError := text(t, c.answerTo("5"))
		require.True(t, isError, call.tool)
		require.Contains(t, said, call.want)
		require.NotContains(t, said, "secretsecret")
		require.NotContains(t, said, "said <html>")
	}
	require.NoError(t, c.in.Close())
	require.NoError(t, c.wait())
}

func TestStdioCancel(t *testing.T) { //nolint:paralleltest // one stdio session per process
	p := newProbe()
	c := startStdio(t.Context(), t, newServer(t, p))
	c.send(hello, callTool("7", "wait", "{}"))
	<-p.started
	c.send(`{"jsonrpc":"2.0","id":8,"method":"ping"}`)
	c.answerTo("8")
	c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`)
	<-p.canceled
	require.NoError(t, c.in.Close())
	require.NoError(t, c.wait())
}

func TestStdioEndsOnSignalAndOnClosedOutput(t *testing.T) { //nolint:paralleltest // one stdio session per process
	p := newProbe()
	ctx, cancel := context.WithCancel(t.Context())
	c := startStdio(ctx, t, newServer(t, p))
	c.send(hello, callTool("7", "wait", "{}"))
	<-p.started
	cancel()
	<-p.canceled
	require.NoError(t, c.wait())

	inR, inW := io.Pipe()
	defer func() { _ = inW.Close() }()
	done := make(chan error, 1)
	go func() { done <- newServer(t, newProbe()).ServeStdio(t.Context(), inR, brokenPipe{}) }()
	_, err := io.WriteString(inW, hello+"\n")
	require.NoError(t, err)
	require.ErrorIs(t, <-done, io.ErrClosedPipe)
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestStdioProgress(t *testing.T) { //nolint:paralleltest // one stdio session per process
	c := startStdio(t.Context(), t, newServer(t, newProbe()))
	c.send(hello, `{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"count","arguments":{},"_meta":{"progressToken":"p"}}}`)
	steps, answered := 0, false
	for steps < 5 || !answered {
		m := c.next()
		switch {
		case m.Method == "notifications/progress":
			steps++
			require.Contains(t, string(m.Params), `"progressToken":"p"`)
		case string(m.ID) == "3":
			answered = true
		}
	}
	require.NoError(t, c.in.Close())
	require.NoError(t, c.wait())
}

func TestStdioSubscription(t *testing.T) { //nolint:paralleltest // one stdio session per process
	s := newServer(t, newProbe())
	c := startStdio(t.Context(), t, s)
	c.send(hello, `{"jsonrpc":"2.0","id":3,"method":"resources/subscribe","params":{"uri":"`+resources.QuotaURI+`"}}`)
	require.Nil(t, c.answerTo("3").Error)
	s.Updated(resources.HealthURI) // not subscribed: silent
	s.Updated(resources.QuotaURI)
	m := c.next()
	require.Equal(t, "notifications/resources/updated", m.Method)
	require.Contains(t, string(m.Params), resources.QuotaURI)
	c.send(`{"jsonrpc":"2.0","id":4,"method":"resources/unsubscribe","params":{"uri":"` + resources.QuotaURI + `"}}`)
	c.answerTo("4")
	s.Updated(resources.QuotaURI)

	// The stream of revision 2026-07-28 hears of it under its own request id.
	c.send(`{"jsonrpc":"2.0","id":"L","method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["` + resources.QuotaURI + `"]},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`)
	require.Equal(t, "notifications/subscriptions/acknowledged", c.next().Method)
	s.Updated(resources.QuotaURI)
	m = c.next()
	require.Equal(t, "notifications/resources/updated", m.Method)
	require.Contains(t, string(m.Params), `"L"`)
	require.NoError(t, c.in.Close())
	require.NoError(t, c.wait())
}
