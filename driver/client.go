package driver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
)

// Config is what a Client needs. The zero value of a field means its default.
type Config struct {
	Host       string            // app host URL; "us" and "eu" for PostHog Cloud; default "us"
	IngestHost string            // capture and flags host URL; derived from Host when empty
	ProjectID  int64             // 0: the only project that the key sees
	Credential credential.Source // personal API key (phx_) or OAuth token (pha_); nil: none
	ProjectKey string            // project token (phc_), public; empty: read from the project
	Version    string            // of this program, for the User-Agent
	Logger     *slog.Logger      // nil: discard
	Transport  http.RoundTripper // nil: a tuned http.Transport
	Timeouts   Timeouts          //
	AllowHTTP  bool              // plain http to a host that is not this machine
	UseProxy   bool              // honour HTTPS_PROXY and the like
	MaxBody    int64             // bytes of one decompressed answer; 0: 32 MiB
}

// Timeouts bound a call. Zero means the default in brackets.
type Timeouts struct {
	Total   time.Duration // whole call with waits and retries [50 s]
	Read    time.Duration // one attempt of a read, write or flags request [15 s]
	Query   time.Duration // one attempt of a query [45 s]
	Capture time.Duration // one attempt of a capture [10 s]
}

// Client is one PostHog project seen with one key. It is safe for concurrent
// use. Close it when done.
type Client struct {
	cfg     Config
	log     *slog.Logger
	app     *url.URL
	ingest  *url.URL
	wire    *wire
	project *projects
	life    context.Context // ends with Close; for work shared by several callers
	end     context.CancelFunc
	idle    func() // closes idle connections
}

// New checks the configuration and gives a client. It needs no key and no
// network: a call that needs a key says what to set.
func New(cfg Config) (*Client, error) {
	if cfg.Host == "" {
		cfg.Host = "us"
	}
	app, err := parseHost("host", cfg.Host, cfg.AllowHTTP)
	if err != nil {
		return nil, err
	}
	app, _ = appHostOf(app)
	ingest := ingestHostOf(app)
	if cfg.IngestHost != "" {
		if ingest, err = parseHost("ingest host", cfg.IngestHost, cfg.AllowHTTP); err != nil {
			return nil, err
		}
	}
	if cfg.ProjectID < 0 {
		return nil, errors.New("project id must be positive")
	}
	if cfg.ProjectKey != "" {
		if err := credential.CheckProject(cfg.ProjectKey); err != nil {
			return nil, err
		}
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 32 << 20
	}
	cfg.Timeouts = cfg.Timeouts.withDefaults()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Client{cfg: cfg, log: cfg.Logger, app: app, ingest: ingest, idle: func() {}}
	if cfg.Transport == nil {
		t := newTransport(cfg.UseProxy)
		cfg.Transport, c.idle = t, t.CloseIdleConnections
	}
	c.wire = &wire{rt: cfg.Transport, pinned: app, cred: cfg.Credential, userAgent: userAgent(cfg.Version)}
	c.project = &projects{}
	c.life, c.end = context.WithCancel(context.Background())
	return c, nil
}

// Close ends shared work and drops idle connections. Calls still running end
// by themselves; it is safe to call Close twice.
func (c *Client) Close() error {
	c.end()
	c.idle()
	return nil
}

func (t Timeouts) withDefaults() Timeouts {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&t.Total, 50*time.Second)
	set(&t.Read, 15*time.Second)
	set(&t.Query, 45*time.Second)
	set(&t.Capture, 10*time.Second)
	return t
}

// attemptTimeout bounds one attempt of a request of the class.
func (c *Client) attemptTimeout(class Class) time.Duration {
	switch class {
	case ClassQuery:
		return c.cfg.Timeouts.Query
	case ClassCapture:
		return c.cfg.Timeouts.Capture
	}
	return c.cfg.Timeouts.Read
}
