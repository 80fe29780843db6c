package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/posthog-mcp/posthog-mcp/resources"
)

// demoCmd shows the product on made-up data.
type demoCmd struct {
	Seed uint64 `default:"1" help:"Seed of the made-up data."`
	Dump string `placeholder:"DIR" help:"Write people and events as NDJSON into DIR instead, to check answers with another engine."`
}

// Run takes the tour, or writes the data set.
func (c *demoCmd) Run(ctx context.Context, w *world) error {
	if c.Dump != "" {
		return c.dump(w)
	}
	start := time.Now()
	app, err := assemble(ctx, connectFlags{Demo: true, Seed: c.Seed}, toolFlags{}, w, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer app.close()
	mc, err := client.NewInProcessClient(app.server.MCP())
	if err != nil {
		return err
	}
	defer func() { _ = mc.Close() }()
	t := &tour{ctx: ctx, out: w.out, client: mc, colour: w.outTerm}
	t.head("An embedded PostHog is ready")
	t.say("%s of made-up data in %d ms, served on loopback; nothing leaves this machine.", app.demo.Store().Project().Name, time.Since(start).Milliseconds())
	return t.run()
}

func (c *demoCmd) dump(w *world) error {
	world, err := data.Generate(data.Options{Seed: c.Seed, Now: time.Now()})
	if err != nil {
		return err
	}
	store, err := data.NewStore(data.StoreConfig{World: world})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dump, 0o700); err != nil {
		return &usageError{fmt.Errorf("--dump %s: %w", c.Dump, err)}
	}
	if err := store.Dump(c.Dump); err != nil {
		return err
	}
	for _, name := range []string{"persons.ndjson", "events.ndjson"} {
		fmt.Fprintln(w.out, filepath.Join(c.Dump, name))
	}
	return nil
}

func demoCredential(srv *posthogtest.Server) (credential.Source, error) {
	return credential.Static(srv.PersonalKey(), "the demo")
}

// tour is a visit by a real MCP client, told as it happens.
type tour struct {
	ctx    context.Context
	out    io.Writer
	client *client.Client
	colour bool
}

func (t *tour) run() error {
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	hello.Params.ClientInfo = mcp.Implementation{Name: "posthog-mcp demo", Version: buildVersion()}
	if _, err := t.client.Initialize(t.ctx, hello); err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	list, err := t.client.ListTools(t.ctx, mcp.ListToolsRequest{})
	if err != nil {
		return fmt.Errorf("listing tools: %w", err)
	}
	names := make([]string, len(list.Tools))
	for i, tool := range list.Tools {
		names[i] = tool.Name
	}
	t.head(fmt.Sprintf("A client connects and finds %d tools", len(names)))
	t.say("%s", wrap(strings.Join(names, ", "), 96))

	steps := []struct {
		title, tool string
		args        map[string]any
		fails       bool
	}{
		{"Which events exist? Never guess a name", "list_objects", map[string]any{"kind": "events", "search": "sign"}, false},
		{"Any question, in HogQL, values bound and never pasted", "query", map[string]any{
			"query":  "SELECT properties.plan AS plan, count() AS subscriptions, uniq(person_id) AS people FROM events WHERE event = {event} AND timestamp > now() - INTERVAL 30 DAY GROUP BY plan ORDER BY subscriptions DESC",
			"values": map[string]any{"event": "subscription_started"},
		}, false},
		{"Where are people lost? PostHog's own funnel, step by step", "analyze_funnel", map[string]any{
			"steps": []string{"signup_started", "user_signed_up", "onboarding_completed", "subscription_started"},
		}, false},
		{"Who are the keenest people?", "identify_power_users", map[string]any{"limit": 5}, false},
		{"A mistake gets an answer that teaches", "query", map[string]any{"query": "SELECT cuont() FROM events WHERE timestamp > now() - INTERVAL 1 DAY", "limt": 5}, true},
		{"So does HogQL that cannot be parsed, before any quota is spent", "query", map[string]any{"query": "SELECT event, count( FROM events"}, true},
	}
	for _, s := range steps {
		if err := t.call(s.title, s.tool, s.args, s.fails); err != nil {
			return err
		}
	}
	if err := t.quota(); err != nil {
		return err
	}
	t.head("Attach it")
	self, err := os.Executable()
	if err != nil || strings.HasPrefix(self, os.TempDir()) {
		self = "posthog-mcp" // go run's own binary is gone in a moment
		t.say("Install it first:   go install ./cmd/posthog-mcp")
	}
	t.say("This demo:          claude mcp add posthog-demo -- %s serve --demo", self)
	t.say("Your project:       export POSTHOG_PERSONAL_API_KEY=…   (Settings → Personal API keys; read scopes are enough)")
	t.say("                    claude mcp add posthog -e 'POSTHOG_PERSONAL_API_KEY=${POSTHOG_PERSONAL_API_KEY}' -e POSTHOG_HOST=eu -- %s serve --read-only", self)
	t.say("What is in force:   %s config", self)
	return nil
}

func (t *tour) call(title, tool string, args map[string]any, fails bool) error {
	t.head(title)
	var typed strings.Builder // as a person would type it: no \u003e
	enc := json.NewEncoder(&typed)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(args); err != nil {
		return err
	}
	t.dim("→ %s %s", tool, strings.TrimSpace(typed.String()))
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, args
	start := time.Now()
	res, err := t.client.CallTool(t.ctx, req)
	if err != nil {
		return fmt.Errorf("%s: %w", tool, err)
	}
	for _, c := range res.Content {
		if text, ok := c.(mcp.TextContent); ok {
			t.say("%s", text.Text)
		}
	}
	t.dim("  %d ms", time.Since(start).Milliseconds())
	if res.IsError != fails {
		return errors.New("the tour's call of " + tool + " did not go as it should")
	}
	return nil
}

func (t *tour) quota() error {
	t.head("The quota is a resource; reading it costs nothing")
	t.dim("→ resources/read %s", resources.QuotaURI)
	req := mcp.ReadResourceRequest{}
	req.Params.URI = resources.QuotaURI
	res, err := t.client.ReadResource(t.ctx, req)
	if err != nil {
		return fmt.Errorf("reading the quota: %w", err)
	}
	text, ok := res.Contents[0].(mcp.TextResourceContents)
	if !ok {
		return errors.New("the quota is not text")
	}
	var q struct {
		Advice  string `json:"advice"`
		Windows []struct {
			Class     string  `json:"class"`
			Name      string  `json:"name"`
			Seconds   float64 `json:"window_s"`
			Limit     int     `json:"limit"`
			Used      int     `json:"used"`
			Remaining int     `json:"remaining"`
			State     string  `json:"state"`
		} `json:"windows"`
	}
	if err := json.Unmarshal([]byte(text.Text), &q); err != nil {
		return fmt.Errorf("reading the quota: %w", err)
	}
	for _, win := range q.Windows {
		if win.Used > 0 {
			t.say("%-24s %4d of %4d used in %4.0f s, %s", win.Name, win.Used, win.Limit, win.Seconds, win.State)
		}
	}
	t.say("%s", q.Advice)
	return nil
}

func (t *tour) head(text string) {
	if t.colour {
		fmt.Fprintf(t.out, "\n\x1b[1m%s\x1b[0m\n", text)
		return
	}
	fmt.Fprintf(t.out, "\n%s\n%s\n", text, strings.Repeat("-", len([]rune(text))))
}

func (t *tour) say(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

func (t *tour) dim(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if t.colour {
		text = "\x1b[2m" + text + "\x1b[0m"
	}
	fmt.Fprintln(t.out, text)
}

// wrap breaks a line at spaces.
func wrap(text string, width int) string {
	var b strings.Builder
	n := 0
	for word := range strings.FieldsSeq(text) {
		if n > 0 && n+1+len(word) > width {
			b.WriteByte('\n')
			n = 0
		} else if n > 0 {
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += len(word)
	}
	return b.String()
}
