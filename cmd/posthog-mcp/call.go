package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// callCmd runs one tool without an MCP host, for scripts and for a first look.
type callCmd struct {
	connectFlags
	toolFlags
	logFlags
	Tool   string `arg:"" help:"Name of the tool; posthog-mcp tools lists them."`
	JSON   string `name:"json" default:"{}" placeholder:"{...}" help:"Arguments as a JSON object; - reads standard input, @FILE a file."`
	Format string `enum:"text,json" default:"text" help:"text as a model reads it, or the structured content as json."`
}

// Run prints the answer. A tool that answers with an error prints it on
// standard error and gives exit code 1.
func (c *callCmd) Run(ctx context.Context, w *world) error {
	args, err := c.arguments(w)
	if err != nil {
		return &usageError{err}
	}
	app, err := assemble(ctx, c.connectFlags, c.toolFlags, w, c.logger(w))
	if err != nil {
		return err
	}
	defer app.close()
	res := app.registry.Call(ctx, app.client, c.Tool, args)
	body := res.Text
	if c.Format == "json" && res.Structured != nil {
		body = string(res.Structured)
	}
	if res.IsError {
		fmt.Fprintln(w.err, body)
		return silentError{}
	}
	_, err = fmt.Fprintln(w.out, body)
	return err
}

func (c *callCmd) arguments(w *world) (json.RawMessage, error) {
	text := c.JSON
	switch {
	case text == "-":
		b, err := io.ReadAll(io.LimitReader(w.in, 8<<20))
		if err != nil {
			return nil, err
		}
		text = string(b)
	case strings.HasPrefix(text, "@"):
		b, err := os.ReadFile(text[1:])
		if err != nil {
			return nil, fmt.Errorf("--json %s: %w", text, err)
		}
		text = string(b)
	}
	if !json.Valid([]byte(text)) {
		return nil, errors.New("--json is not valid JSON; quote it for the shell, such as --json '{\"limit\":5}'")
	}
	return json.RawMessage(text), nil
}
