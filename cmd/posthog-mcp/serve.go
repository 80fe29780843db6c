package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
	"github.com/posthog-mcp/posthog-mcp/server"
)

// serveCmd serves one of the transports.
type serveCmd struct {
	connectFlags
	toolFlags
	logFlags
	Transport            string   `enum:"stdio,http,sse" default:"stdio" help:"stdio, or http (Streamable HTTP at /mcp and the older SSE at /sse, on one listener; sse is an older name for the same)."`
	Listen               string   `default:"127.0.0.1:8420" placeholder:"ADDR" help:"Address for --transport http. Anything but loopback needs a token."`
	AuthTokenFile        string   `placeholder:"FILE" help:"File with the bearer token that clients must send."`
	AllowUnauthenticated bool     `help:"Serve without a token on an address that is not loopback."`
	AllowedHost          []string `placeholder:"HOST" help:"Further Host header values to serve."`
	AllowedOrigin        []string `placeholder:"URL" help:"Web origins that may use this server."`
}

// Run serves until the host hangs up or a signal arrives.
func (c *serveCmd) Run(ctx context.Context, w *world) error {
	log := c.logger(w)
	app, err := assemble(ctx, c.connectFlags, c.toolFlags, w, log)
	if err != nil {
		return err
	}
	defer app.close()
	if c.Transport == "stdio" {
		if w.inTerm {
			fmt.Fprintln(w.err, "posthog-mcp speaks MCP on standard input now; press Ctrl-D to end. posthog-mcp --help lists the commands.")
		}
		return app.server.ServeStdio(ctx, w.in, w.out)
	}
	cfg := server.HTTPConfig{
		AllowUnauthenticated: c.AllowUnauthenticated,
		AllowedHosts:         c.AllowedHost,
		AllowedOrigins:       c.AllowedOrigin,
	}
	if c.AuthTokenFile != "" {
		if cfg.Token, err = readToken(c.AuthTokenFile); err != nil {
			return &usageError{err}
		}
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return &usageError{fmt.Errorf("--listen %s: %w", c.Listen, err)}
	}
	defer func() { _ = ln.Close() }()
	fmt.Fprintf(w.err, "serving MCP at http://%s/mcp (Streamable HTTP) and http://%s/sse (older SSE)\n", ln.Addr(), ln.Addr())
	return app.server.ServeHTTP(ctx, ln, cfg)
}

func readToken(path string) (credential.Secret, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return credential.Secret{}, fmt.Errorf("--auth-token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < 16 {
		return credential.Secret{}, errors.New("--auth-token-file " + path + ": a token has at least 16 characters; make one with: openssl rand -hex 32")
	}
	return credential.NewSecret(token), nil
}
