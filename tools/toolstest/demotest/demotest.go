// Package demotest runs the tools of one area against the embedded PostHog, the
// way a host would: through a registry, with JSON in and both forms of a result
// out. Only tests link it.
package demotest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/credential"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/posthog-mcp/posthog-mcp/tools"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest"
)

// Now is the time in every demo: the data end there.
func Now() time.Time { return time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC) }

// Demo is an embedded PostHog with a small project and the tools on top of it.
type Demo struct {
	PostHog  *posthogtest.Server
	Registry *tools.Registry
	Client   *driver.Client
}

// Start makes a demo of 300 people over 40 days, without rate limits, and
// closes it when the test ends.
func Start(t *testing.T, set tools.Set) *Demo {
	t.Helper()
	ph, err := posthogtest.New(posthogtest.Options{
		Data:     data.Options{Seed: 1, Now: Now(), People: 300, Days: 40},
		Clock:    Now,
		Throttle: posthogtest.Throttle{Off: true},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ph.Close()) })
	reg, err := tools.New(tools.Config{Sets: []tools.Set{set}, Now: Now, Nonce: func() string { return "n" }})
	require.NoError(t, err)
	d := &Demo{PostHog: ph, Registry: reg}
	d.Client = d.ClientWith(t, ph.PersonalKey())
	return d
}

// ClientWith gives a client with another key and quick retries.
func (d *Demo) ClientWith(t *testing.T, key string) *driver.Client {
	t.Helper()
	cred, err := credential.Static(key, "test")
	require.NoError(t, err)
	c, err := driver.New(driver.Config{
		Host: d.PostHog.URL(), ProjectID: d.PostHog.ProjectID(), Credential: cred,
		Retry:     driver.RetryConfig{Base: time.Millisecond, Cap: 5 * time.Millisecond},
		Smoothing: driver.Smoothing{PerSecond: -1},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// Answer is a result with its structured form decoded.
type Answer struct {
	*tools.Result
	Fields  map[string]any
	Columns []string
	Rows    [][]any
	Cursor  string
}

// Call runs a tool and holds the result to its schema.
func (d *Demo) Call(t *testing.T, name, args string) Answer {
	t.Helper()
	return d.CallWith(t.Context(), t, d.Client, name, args)
}

// CallWith runs a tool with a context and client of the caller's.
func (d *Demo) CallWith(ctx context.Context, t *testing.T, c *driver.Client, name, args string) Answer {
	t.Helper()
	res := d.Registry.Call(ctx, c, name, json.RawMessage(args))
	tool, ok := d.Registry.Get(name)
	require.True(t, ok, name)
	toolstest.Conforms(t, tool, res)
	a := Answer{Result: res}
	require.NoError(t, json.Unmarshal(res.Structured, &a.Fields))
	var table struct {
		Columns []string
		Rows    [][]any
		Cursor  string
	}
	require.NoError(t, json.Unmarshal(res.Structured, &table))
	a.Columns, a.Rows, a.Cursor = table.Columns, table.Rows, table.Cursor
	return a
}

// OK runs a tool that must succeed.
func (d *Demo) OK(t *testing.T, name, args string) Answer {
	t.Helper()
	a := d.Call(t, name, args)
	require.False(t, a.IsError, "%s %s: %s", name, args, a.Text)
	return a
}

// Refused runs a tool that must fail with a kind and say a text.
func (d *Demo) Refused(t *testing.T, kind driver.Kind, says, name, args string) Answer {
	t.Helper()
	return d.refused(t, d.Client, kind, says, name, args)
}

// WithoutScopes runs a tool with a key that has only the scopes given: it must
// fail and name the scope that is missing.
func (d *Demo) WithoutScopes(t *testing.T, missing string, scopes []string, name, args string) {
	t.Helper()
	c := d.ClientWith(t, d.PostHog.AddKey("narrow", scopes))
	d.refused(t, c, driver.KindForbidden, missing, name, args)
}

func (d *Demo) refused(t *testing.T, c *driver.Client, kind driver.Kind, says, name, args string) Answer {
	t.Helper()
	a := d.CallWith(t.Context(), t, c, name, args)
	require.True(t, a.IsError, "%s %s: %s", name, args, a.Text)
	fault, ok := a.Fields["error"].(map[string]any)
	require.True(t, ok)
	require.Equal(t, string(kind), fault["kind"], a.Text)
	require.Contains(t, a.Text, says)
	require.NotEmpty(t, fault["next"])
	return a
}

// SurvivesFault strikes the first request to a path with a 503 and expects the
// call to succeed all the same.
func (d *Demo) SurvivesFault(t *testing.T, path, name, args string) Answer {
	t.Helper()
	before := d.PostHog.Faults.Counts()["once"]
	remove := d.PostHog.Faults.Add(posthogtest.Fault{
		Name: "once", Path: path, Kind: posthogtest.FaultStatus, Status: 503, Count: 1,
		Body: `{"type":"server_error","code":"error","detail":"Try again.","attr":null}`,
	})
	defer remove()
	a := d.OK(t, name, args)
	require.Equal(t, before+1, d.PostHog.Faults.Counts()["once"], "the fault did not strike")
	return a
}
