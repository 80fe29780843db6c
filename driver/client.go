package driver

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
	"github.com/posthog-mcp/posthog-mcp/driver/quota"
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
	Timeouts   Timeouts          // of calls and attempts
	AllowHTTP  bool              // plain http to a host that is not this machine
	UseProxy   bool              // honour HTTPS_PROXY and the like
	MaxBody    int64             // bytes of one decompressed answer; 0: 32 MiB

	Quota      quota.Config  // rate windows and where they are kept; PostHog Cloud's, in memory
	State      string        // where the quota is kept, see [OpenState]; "": memory; Quota.Store wins
	QuotaScope string        // whose quota: QuotaByTeam or QuotaByKey; "": the team\'s
	Retry      RetryConfig   // attempts, waits and the retry budget
	Breaker    BreakerConfig // when to stop sending for a while
	Smoothing  Smoothing     // pace of bursts
	Bulkhead   map[Class]int // requests at once; default 3 for ClassQuery, 32 for ClassRead, 16 for each other class
	Cache      CacheConfig   // how long answers are used again
	Outbox     OutboxConfig  // where captured events wait for PostHog; none
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
	project projects

	quota     *quota.Limiter
	budgets   map[target]*retryBudget
	smoothers map[target]*rate.Limiter
	breakers  map[Class]*breaker // a class has one host
	bulkheads map[Class]*bulkhead
	notify    *notifier
	cache     *cache
	flights   *flights
	pauses    *pauses
	outbox    *outbox // nil: captures are sent once, by their callers

	life    context.Context // ends with Close; for work shared by several callers
	end     context.CancelFunc
	working sync.WaitGroup // work that no caller waits for; it ends with life
	idle    func()         // closes idle connections
	closing sync.Once
}

// New checks the configuration and gives a client. It needs no key and no
// network: a call that needs a key says what to set.
func New(cfg Config) (*Client, error) {
	app, ingest, err := cfg.hosts()
	if err != nil {
		return nil, err
	}
	if cfg.ProjectID < 0 {
		return nil, fmt.Errorf("project id %d: it must be positive", cfg.ProjectID)
	}
	if cfg.ProjectKey != "" {
		if err := credential.CheckProject(cfg.ProjectKey); err != nil {
			return nil, err
		}
	}
	cfg.openState(app.String())
	limiter, err := quota.New(cfg.Quota)
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	c := &Client{cfg: cfg, log: cfg.Logger, app: app, ingest: ingest, quota: limiter, idle: func() {}}
	rt := cfg.Transport
	if rt == nil {
		t := newTransport(cfg.UseProxy)
		rt, c.idle = t, t.CloseIdleConnections
	}
	c.wire = &wire{rt: rt, pinned: app, cred: cfg.Credential, userAgent: userAgent(cfg.Version)}
	c.life, c.end = context.WithCancel(context.Background())
	c.notify = newNotifier(c.Status)
	c.cache, c.flights, c.pauses = newCache(cfg.Cache), newFlights(), newPauses()
	c.budgets, c.smoothers = make(map[target]*retryBudget), make(map[target]*rate.Limiter)
	for _, t := range [...]target{appHost, ingestHost} {
		c.budgets[t] = newRetryBudget(cfg.Retry.Budget)
		c.smoothers[t] = cfg.Smoothing.limiter()
	}
	c.breakers, c.bulkheads = make(map[Class]*breaker), make(map[Class]*bulkhead)
	for _, class := range classes() {
		c.breakers[class] = newBreaker(class, cfg.Breaker.forAttempts(c.attemptTimeout(class)), c.breakerChanged(class))
		wait := bulkheadWait
		if class == ClassQuery {
			wait = 0 // queries are slow: worth waiting for as long as the caller does
		}
		c.bulkheads[class] = newBulkhead(class, cfg.Bulkhead[class], wait)
	}
	if err := c.openOutbox(); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// bulkheadWait bounds the queue of every class but queries: the requests ahead
// take a fraction of a second each, or PostHog is in trouble.
const bulkheadWait = time.Second

// hosts reads both host settings.
func (cfg Config) hosts() (app, ingest *url.URL, err error) {
	host := cfg.Host
	if host == "" {
		host = "us"
	}
	if app, err = parseHost("host", host, cfg.AllowHTTP); err != nil {
		return nil, nil, err
	}
	app, _ = appHostOf(app)
	if cfg.IngestHost == "" {
		return app, ingestHostOf(app), nil
	}
	if ingest, err = parseHost("ingest host", cfg.IngestHost, cfg.AllowHTTP); err != nil {
		return nil, nil, err
	}
	return app, ingestHostOf(ingest), nil
}

func (cfg Config) withDefaults() Config {
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 32 << 20
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Timeouts = cfg.Timeouts.withDefaults()
	cfg.Retry = cfg.Retry.withDefaults()
	cfg.Breaker = cfg.Breaker.withDefaults()
	cfg.Cache = cfg.Cache.withDefaults()
	bulkhead := make(map[Class]int)
	for _, class := range classes() {
		switch n := cfg.Bulkhead[class]; {
		case n > 0:
			bulkhead[class] = n
		case class == ClassQuery:
			bulkhead[class] = 3
		case class == ClassRead:
			bulkhead[class] = 32 // 500 reads a second at 50 ms each
		default:
			bulkhead[class] = 16
		}
	}
	cfg.Bulkhead = bulkhead
	return cfg
}

// breakerChanged logs the changes of a breaker and eases the load in when it has
// closed. The breaker's lock is held, so subscribers are told later, by the
// attempt that changed it.
func (c *Client) breakerChanged(class Class) func(from, to gobreaker.State) {
	return func(from, to gobreaker.State) {
		c.log.LogAttrs(c.life, slog.LevelWarn, "breaker changed", slog.String("class", string(class)),
			slog.String("from", from.String()), slog.String("to", to.String()))
		if to == gobreaker.StateClosed {
			c.bulkheads[class].recovered()
		}
	}
}

// Close ends shared work, drops idle connections and closes the quota's store.
// Calls still running end by themselves. It is safe to call Close twice.
func (c *Client) Close() error {
	var err error
	c.closing.Do(func() {
		c.closeOutbox()
		c.end()
		c.working.Wait()
		c.notify.close()
		c.cache.close()
		c.idle()
		err = c.quota.Close()
	})
	return err
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
