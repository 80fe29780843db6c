// Package server is the MCP face of posthog-mcp: it gives the registry's tools,
// the resources and the prompts to hosts over stdio, SSE and Streamable HTTP,
// and guards the HTTP side. The list of areas is assembled here.
package server

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/resources"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// Config is what a Server is made of. Client and Registry are needed.
type Config struct {
	Client    *driver.Client
	Registry  *tools.Registry
	Resources []resources.Resource
	Version   string       // of this program
	Logger    *slog.Logger // nil: discard
	OutputDir string       // where exports go; named in the instructions
	ReadOnly  bool         // said in the instructions
	Demo      bool         // the project is the embedded demo; said in the instructions
}

// Server is one MCP server, for any number of transports.
type Server struct {
	cfg      Config
	mcp      *mcpserver.MCPServer
	log      *slog.Logger
	subs     *subscriptions
	calls    *callTable
	registry atomic.Pointer[tools.Registry]
	draining atomic.Bool
	stop     func()
}

// New builds the server. It does no network and no reflection.
func New(cfg Config) (*Server, error) {
	if cfg.Client == nil || cfg.Registry == nil {
		return nil, errors.New("server: Config needs a Client and a Registry")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, log: cfg.Logger, subs: newSubscriptions(), calls: newCallTable()}
	hooks := &mcpserver.Hooks{}
	s.subs.hook(hooks, s.isResource)
	hooks.AddOnUnregisterSession(func(_ context.Context, session mcpserver.ClientSession) {
		s.calls.cancel(session.SessionID())
	})
	s.mcp = mcpserver.NewMCPServer("posthog-mcp", cfg.Version,
		mcpserver.WithTitle("PostHog"),
		mcpserver.WithInstructions(s.instructions()),
		mcpserver.WithToolCapabilities(true),
		mcpserver.WithPromptCapabilities(false),
		mcpserver.WithResourceCapabilities(true, false),
		mcpserver.WithLogging(),
		mcpserver.WithHooks(hooks),
		// Lists depend on the key and the filters, so no shared cache may keep
		// them. The quota changes by the second.
		mcpserver.WithCacheHints(300_000, mcp.CacheScopePrivate),
		mcpserver.WithMethodCacheHints(mcp.MethodResourcesRead, 2_000, mcp.CacheScopePrivate),
	)
	if err := s.Offer(cfg.Registry); err != nil {
		return nil, err
	}
	s.addResources()
	s.addPrompts()
	s.stop = cfg.Client.OnStatusChange(func() { s.Updated(resources.QuotaURI) })
	return s, nil
}

// MCP gives the server to an in-process client.
func (s *Server) MCP() *mcpserver.MCPServer { return s.mcp }

// Updated tells the subscribers of a resource that it changed.
func (s *Server) Updated(uri string) { s.subs.updated(uri) }

// Close ends what New started. It does not close the driver.
func (s *Server) Close() { s.stop() }

func (s *Server) isResource(uri string) bool {
	for _, r := range s.cfg.Resources {
		if r.URI == uri {
			return true
		}
	}
	return false
}

func (s *Server) errorLog() *log.Logger {
	return slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)
}
