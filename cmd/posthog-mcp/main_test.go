package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// process is one run of the program with its streams.
type process struct {
	code     int
	out, err string
}

// start runs the program in this process with an environment of its own.
func start(t *testing.T, env map[string]string, stdin string, args ...string) process {
	t.Helper()
	var out, errs bytes.Buffer
	w := &world{
		in: strings.NewReader(stdin), out: &out, err: &errs,
		environ: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	}
	code := run(t.Context(), args, w)
	return process{code, out.String(), errs.String()}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  map[string]string
		args []string
		code int
		out  string
		err  string
	}{
		{"help", nil, []string{"--help"}, 0, "claude mcp add", ""},
		{"help of a command", nil, []string{"serve", "--help"}, 0, "--listen", ""},
		{"version", nil, []string{"version"}, 0, "posthog-mcp ", ""},
		{"unknown command", nil, []string{"srve"}, 2, "", "srve"},
		{"unknown flag", nil, []string{"serve", "--listn", "x"}, 2, "", "--listn"},
		{"unknown transport", nil, []string{"serve", "--transport", "smoke"}, 2, "", "smoke"},
		{"host that is no URL", nil, []string{"serve", "--host", "ht tp://x"}, 2, "", "ht tp://x"},
		{"plain http beyond this machine", nil, []string{"serve", "--host", "http://posthog.example"}, 2, "", "posthog.example"},
		{"key of the wrong kind", map[string]string{"POSTHOG_PERSONAL_API_KEY": "phc_" + "abcdefgh"}, []string{"call", "query"}, 2, "", "POSTHOG_PROJECT_API_KEY"},
		{"project that is no number", map[string]string{"POSTHOG_PROJECT_ID": "acme"}, []string{"call", "query"}, 2, "", "acme"},
		{"unknown toolset", nil, []string{"tools", "--toolsets", "everything"}, 2, "", "everything"},
		{"unknown denied tool", nil, []string{"tools", "--deny-tool", "qery"}, 2, "", "qery"},
		{"arguments that are no JSON", nil, []string{"call", "query", "--demo", "--json", "{"}, 2, "", "not valid JSON"},
		{"short token", nil, []string{"serve", "--transport", "http", "--listen", "127.0.0.1:0", "--auth-token-file", os.DevNull}, 2, "", "16 characters"},
		{"public address without a token", nil, []string{"serve", "--transport", "http", "--listen", "0.0.0.0:0"}, 1, "", "token"},
		{"address that cannot be had", nil, []string{"serve", "--transport", "http", "--listen", "192.0.2.1:1"}, 2, "", "192.0.2.1:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, c.env, "", c.args...)
			require.Equal(t, c.code, p.code, p.out+p.err)
			require.Contains(t, p.out, c.out)
			require.Contains(t, p.err, c.err)
			if c.code != 0 {
				require.Empty(t, p.out, "standard output is for answers")
			}
		})
	}
}

// Hosts start the binary bare, and some pass blank or unexpanded settings.
func TestBareStartServesStdio(t *testing.T) { //nolint:paralleltest // one stdio session per process
	env := map[string]string{
		"POSTHOG_PERSONAL_API_KEY": "${user_config.api_key}", "POSTHOG_HOST": "", "POSTHOG_PROJECT_ID": "${user_config.project_id}",
		"POSTHOG_MCP_READ_ONLY": "true", "POSTHOG_MCP_TOOLSETS": "",
	}
	p := start(t, env, strings.Join([]string{
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`,
		`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`,
		`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"get_cohorts","arguments":{}}}`,
	}, "\n"))
	require.Equal(t, 0, p.code, p.err)
	answers := map[string]string{}
	for line := range strings.Lines(p.out) {
		var m struct {
			ID     json.RawMessage
			Result json.RawMessage
		}
		require.NoError(t, json.Unmarshal([]byte(line), &m), "not a frame: %q", line)
		answers[string(m.ID)] = string(m.Result)
	}
	require.Len(t, answers, 3)
	require.Contains(t, answers["2"], `"get_cohorts"`)
	require.NotContains(t, answers["2"], `"create_cohort"`, "read-only hides what writes")
	require.Contains(t, answers["3"], `"isError":true`)
	require.Contains(t, answers["3"], "POSTHOG_PERSONAL_API_KEY", "the first call says what to set")
}

func TestHelpOnATerminal(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	w := &world{in: strings.NewReader(""), out: &out, err: &errs, environ: func(string) (string, bool) { return "", false }, inTerm: true}
	require.Equal(t, 0, run(t.Context(), nil, w))
	require.Contains(t, out.String(), "posthog-mcp demo")
}

func TestConfigMasksKeysAndNamesSources(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "settings.env")
	require.NoError(t, os.WriteFile(file, []byte("POSTHOG_PROJECT_ID=7\n"), 0o600))
	p := start(t, map[string]string{"POSTHOG_CLI_TOKEN": "phx_" + "canarycanarycanary", "POSTHOG_HOST": "https://eu.i.posthog.com"}, "",
		"config", "--settings-file", file, "--timeout", "40s")
	require.Equal(t, 0, p.code, p.err)
	require.NotContains(t, p.out+p.err, "canary")
	for _, want := range []string{"env POSTHOG_CLI_TOKEN", "https://eu.posthog.com", "settings.env", "flag --timeout"} {
		require.Contains(t, p.out, want)
	}
	p = start(t, nil, "", "config", "--json")
	require.True(t, json.Valid([]byte(p.out)))
}

func TestCall(t *testing.T) {
	t.Parallel()
	p := start(t, nil, `{"query":"SELECT count() AS n FROM events"}`, "call", "query", "--demo", "--json", "-", "--format", "json")
	require.Equal(t, 0, p.code, p.err)
	var r struct {
		Columns []string
		Rows    [][]float64
	}
	require.NoError(t, json.Unmarshal([]byte(p.out), &r))
	require.Equal(t, []string{"n"}, r.Columns)
	require.Greater(t, r.Rows[0][0], 100_000.0)

	p = start(t, nil, "", "call", "qery", "--demo")
	require.Equal(t, 1, p.code)
	require.Contains(t, p.err, "query")
	require.Empty(t, p.out)
}

func TestToolsListsEverything(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "", "tools", "--json")
	var list []struct {
		Name  string
		Input json.RawMessage `json:"inputSchema"`
	}
	require.NoError(t, json.Unmarshal([]byte(p.out), &list))
	require.Len(t, list, 27)
	every := start(t, nil, "", "tools", "--toolsets", "all")
	require.Equal(t, 0, every.code, every.err)
	require.Greater(t, strings.Count(every.out, "\n"), len(list))
	p = start(t, nil, "", "tools", "--read-only")
	require.Contains(t, p.out, "get_cohorts")
	require.NotContains(t, p.out, "create_cohort")
}

func TestTeamTemplatesAreToolsAndEditsAreTakenUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, nil, "", "templates", "new", "count_trials", dir)
	require.Equal(t, 0, p.code, p.err)
	p = start(t, nil, "", "templates", "check", dir)
	require.Equal(t, 0, p.code, p.out)
	p = start(t, nil, "", "tools", "--templates", dir, "--toolsets", "all")
	require.Equal(t, 0, p.code, p.err)
	require.Contains(t, p.out, "count_trials")

	w := &world{in: strings.NewReader(""), out: io.Discard, err: io.Discard, environ: func(string) (string, bool) { return "", false }}
	app, err := assemble(t.Context(), connectFlags{Demo: true, Seed: 1}, toolFlags{Templates: []string{dir}, Toolsets: []string{"all"}}, w, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer app.close()
	p = start(t, nil, "", "templates", "new", "count_payers", dir)
	require.Equal(t, 0, p.code, p.err)
	require.Eventually(t, func() bool {
		_, ok := app.current.Load().Get("count_payers")
		return ok && app.server.MCP().GetTool("count_payers") != nil
	}, 10*time.Second, 50*time.Millisecond)
}

func TestDemoTour(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "", "demo")
	require.Equal(t, 0, p.code, p.err)
	require.Empty(t, p.err)
	for _, want := range []string{
		"list_objects", "user_signed_up", "analyze_funnel", "onboarding_completed", "identify_power_users",
		"limt", "does not parse", "api_queries_burst", "claude mcp add",
	} {
		require.Contains(t, p.out, want)
	}
}

func TestDemoDump(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, nil, "", "demo", "--dump", dir)
	require.Equal(t, 0, p.code, p.err)
	for name := range strings.Lines(p.out) {
		info, err := os.Stat(strings.TrimSpace(name))
		require.NoError(t, err)
		require.Greater(t, info.Size(), int64(100_000))
	}
}

// lines is a stream that a test reads while the program writes it.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestServeHTTPUntilSignal(t *testing.T) {
	t.Parallel()
	ctx, signal := context.WithCancel(t.Context())
	var out bytes.Buffer
	said := make(lines, 100)
	w := &world{in: strings.NewReader(""), out: &out, err: said, environ: func(string) (string, bool) { return "", false }}
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"serve", "--demo", "--transport", "http", "--listen", "127.0.0.1:0"}, w)
	}()
	address := regexp.MustCompile(`http://([0-9.:]+)/mcp`).FindStringSubmatch(<-said)
	require.Len(t, address, 2)
	res, err := http.Get("http://" + address[1] + "/readyz") //nolint:noctx // a probe
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
	http.DefaultClient.CloseIdleConnections()
	signal()
	require.Equal(t, 0, <-done)
	require.Empty(t, out.String(), "standard output is for answers")
}
