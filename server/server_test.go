package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/resources"
	"github.com/posthog-mcp/posthog-mcp/server"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer is what the test tools give.
type answer struct {
	Word string `json:"word"`
}

// probe is a set of tools that need no PostHog, and what they saw.
type probe struct {
	canceled chan struct{} // a wait tool was cancelled
	started  chan struct{} // a wait tool runs
}

func newProbe() *probe {
	return &probe{canceled: make(chan struct{}, 16), started: make(chan struct{}, 16)}
}

func (p *probe) set() tools.Set {
	word := []tools.Param{{Name: "word", Type: tools.String, Doc: "What to say."}}
	tool := func(name string, params []tools.Param, run func(context.Context, map[string]any) (any, error)) tools.Tool {
		return tools.Untyped{
			Of:     tools.Spec{Name: name, Title: name, Doc: "A tool of the tests that does what its name says.", Own: true},
			Inputs: params,
			Run: func(ctx context.Context, _ *driver.Client, args map[string]any) (any, error) {
				return run(ctx, args)
			},
		}
	}
	return tools.Set{Tools: []tools.Tool{
		tool("say", word, func(_ context.Context, args map[string]any) (any, error) {
			s, _ := args["word"].(string)
			return answer{Word: s}, nil
		}),
		tool("wait", nil, func(ctx context.Context, _ map[string]any) (any, error) {
			p.started <- struct{}{}
			<-ctx.Done()
			p.canceled <- struct{}{}
			return nil, &driver.Error{Op: "wait", Kind: driver.KindCanceled, Detail: "given up", Err: ctx.Err()}
		}),
		tool("rest", nil, func(ctx context.Context, _ map[string]any) (any, error) {
			select {
			case <-time.After(300 * time.Millisecond):
				return answer{Word: "rested"}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}),
		tool("count", nil, func(ctx context.Context, _ map[string]any) (any, error) {
			for i := range 5 {
				tools.Progress(ctx, float64(i+1), 5, "step")
			}
			return answer{Word: "counted"}, nil
		}),
		tool("break", nil, func(context.Context, map[string]any) (any, error) { panic("phx_secretsecret") }),
		tool("fail", nil, func(context.Context, map[string]any) (any, error) {
			return nil, errors.New("upstream said <html> phx_secretsecret")
		}),
	}}
}

// newServer gives a server on test tools; no PostHog is behind it.
func newServer(t *testing.T, p *probe) *server.Server {
	t.Helper()
	ph, err := driver.New(driver.Config{Host: "http://127.0.0.1:1"})
	require.NoError(t, err)
	registry, err := tools.New(tools.Config{Sets: []tools.Set{p.set()}})
	require.NoError(t, err)
	s, err := server.New(server.Config{
		Client: ph, Registry: registry, Version: "test", Logger: slog.New(slog.DiscardHandler),
		Resources: resources.All(resources.Config{Client: ph, Registry: func() *tools.Registry { return registry }, OutputDir: t.TempDir()}),
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Close()
		require.NoError(t, ph.Close())
	})
	return s
}

// message is any JSON-RPC message from the server.
type message struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func parse(t *testing.T, line string) message {
	t.Helper()
	var m message
	require.NoError(t, json.Unmarshal([]byte(line), &m), "not a frame: %.200q", line)
	require.Equal(t, "2.0", m.JSONRPC)
	return m
}

// text gives a tool result's text and whether it is an error.
func text(t *testing.T, m message) (string, bool) {
	t.Helper()
	require.Nil(t, m.Error, "protocol error")
	var r struct {
		Content []struct{ Text string }
		IsError bool
	}
	require.NoError(t, json.Unmarshal(m.Result, &r))
	require.NotEmpty(t, r.Content)
	return r.Content[0].Text, r.IsError
}

func TestInstructionsAreShort(t *testing.T) {
	t.Parallel()
	s := newServer(t, newProbe())
	raw := s.MCP().HandleMessage(t.Context(), json.RawMessage(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`))
	b, err := json.Marshal(raw)
	require.NoError(t, err)
	var r struct{ Instructions string }
	require.NoError(t, json.Unmarshal(parse(t, string(b)).Result, &r))
	require.NotEmpty(t, r.Instructions)
	require.LessOrEqual(t, len(r.Instructions), 1500)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	_, err := server.New(server.Config{})
	require.ErrorContains(t, err, "Client")
}
