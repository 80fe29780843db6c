package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
)

// HTTPConfig is what the HTTP transports need beside the server.
type HTTPConfig struct {
	// Token, when set, is asked of every MCP request as a bearer token. It is
	// needed on any address but loopback.
	Token credential.Secret
	// AllowUnauthenticated lets a listener on another address than loopback
	// serve without a token: for a private network that guards itself.
	AllowUnauthenticated bool
	// AllowedHosts are Host header values (without port) taken besides loopback names.
	AllowedHosts []string
	// AllowedOrigins are Origin header values taken besides the server's own.
	AllowedOrigins []string
}

// Bounds of the HTTP listener. There is no write timeout: answers stream.
const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 10 * time.Second
	sessionIdle   = 30 * time.Minute
	maxHeader     = 64 << 10
	keepAlive     = 25 * time.Second
)

// ServeHTTP serves Streamable HTTP at /mcp, the older SSE pair at /sse and
// /message, and the health endpoints, until ctx is done; then it drains for at
// most 10 seconds. It refuses a listener beyond loopback without a token.
func (s *Server) ServeHTTP(ctx context.Context, ln net.Listener, cfg HTTPConfig) error {
	loopback := isLoopback(ln.Addr())
	if !loopback && cfg.Token.IsZero() && !cfg.AllowUnauthenticated {
		return fmt.Errorf("refusing to serve on %s without a token: anybody who reaches it could read the PostHog project; set --auth-token-file, listen on 127.0.0.1, or pass --allow-unauthenticated", ln.Addr())
	}
	drain := make(chan struct{})
	srv := &http.Server{
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          s.errorLog(),
	}
	streamable := mcpserver.NewStreamableHTTPServer(s.mcp,
		mcpserver.WithStreamableHTTPServer(srv), // so that Shutdown ends late sessions too
		mcpserver.WithStateful(true),
		mcpserver.WithSessionIdleTTL(sessionIdle),
		mcpserver.WithHeartbeatInterval(keepAlive),
		mcpserver.WithStreamableHTTPLogger(s.log),
		mcpserver.WithEventStore(newEventStore()),
		// The guard checks Host and Origin itself, for every transport alike.
		mcpserver.WithDisableLocalhostProtection(true),
	)
	legacy := mcpserver.NewSSEServer(s.mcp,
		mcpserver.WithStaticBasePath(""),
		mcpserver.WithUseFullURLForMessageEndpoint(false),
		mcpserver.WithKeepAlive(true),
		mcpserver.WithKeepAliveInterval(keepAlive),
		mcpserver.WithSSEDisableLocalhostProtection(true),
		// A client that negotiates 2026-07-28 over SSE fails on every call:
		// that revision needs headers which this transport does not carry.
		mcpserver.WithSSEContextFunc(func(ctx context.Context, _ *http.Request) context.Context {
			return s.detached(mcpserver.WithSupportedProtocolVersions(ctx, mcp.LegacyProtocolVersions()))
		}),
	)
	g := &guard{cfg: cfg, loopback: loopback, drain: drain, log: s.log}
	mux := http.NewServeMux()
	mux.Handle("/mcp", g.wrap(streamable))
	mux.Handle("GET /sse", g.wrap(withoutWildcardOrigin(legacy.SSEHandler())))
	mux.Handle("POST /message", g.wrap(legacy.MessageHandler()))
	s.health(mux)

	srv.Handler = mux

	drained := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(drained)
		s.draining.Store(true)
		close(drain)
		legacy.CloseSessions()
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if err := streamable.Shutdown(within); err != nil {
			_ = srv.Close()
		}
	})
	s.log.InfoContext(ctx, "serving MCP over HTTP", "address", ln.Addr().String(), "token", !cfg.Token.IsZero())
	err := srv.Serve(ln)
	if stop() { // Serve failed by itself
		return err
	}
	<-drained
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// health mounts the probes. They need no token and tell nothing: alive, ready
// to take calls (an unreachable PostHog is degraded, not unready), started.
func (s *Server) health(mux *http.ServeMux) {
	answer := func(ok func() bool) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			if !ok() {
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = w.Write([]byte("draining\n"))
				return
			}
			_, _ = w.Write([]byte("ok\n"))
		}
	}
	always := func() bool { return true }
	mux.HandleFunc("GET /livez", answer(always))
	mux.HandleFunc("GET /startupz", answer(always))
	mux.HandleFunc("GET /readyz", answer(func() bool { return !s.draining.Load() }))
}
