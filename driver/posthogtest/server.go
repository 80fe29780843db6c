package posthogtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// Options configure a [Server]. The zero value is a whole demo PostHog on a
// loopback port with PostHog Cloud's limits.
type Options struct {
	// World is the project to serve; it belongs to the server from then on.
	// Nil generates one from Data.
	World *data.World
	Data  data.Options     // Data.Now defaults to the clock's time
	Clock func() time.Time // default time.Now

	Throttle     Throttle
	Quota        Quota
	Concurrency  int           // API queries at once per project; default 3
	MaxExecution time.Duration // of a query that its client waits for; default 10 s
	MaxAsync     time.Duration // of a query in the background; default 10 min
	// QueryTime says how long a query pretends to take on top of its real
	// time; nil means no time at all.
	QueryTime func(kind, hogql string) time.Duration

	Addr       string // listen address; default 127.0.0.1:0
	NoListener bool   // serve only through Handler and Transport
	LinkHost   string // scheme and host of links in answers; default: what the client asked for
	KeepBodies bool   // keep request bodies in the log; they can hold secrets
}

// Server is an embedded PostHog. All methods are safe for concurrent use.
type Server struct {
	Faults Faults

	store     *data.Store
	projectID int64
	router    *router
	keys      *keyring
	throttles *throttles
	slots     *slots
	queryTime func(kind, hogql string) time.Duration
	maxRun    time.Duration
	maxAsync  time.Duration
	now       func() time.Time
	linkHost  string
	url       string

	flags       *table[data.FeatureFlag]
	experiments *table[data.Experiment]
	results     *resultCache
	tasks       *tasks
	engines     engineCache

	base       context.Context //nolint:containedctx // the server's life, from New to Close
	stop       context.CancelFunc
	running    sync.WaitGroup
	keepBodies bool

	mu      sync.Mutex
	log     []Request
	quota   Quota
	closers []func() error
	closed  bool
}

// New makes a server and, unless told otherwise, starts it on a loopback port.
// The caller must Close it.
func New(o Options) (*Server, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Concurrency == 0 {
		o.Concurrency = 3
	}
	if o.MaxExecution == 0 {
		o.MaxExecution = 10 * time.Second
	}
	if o.MaxAsync == 0 {
		o.MaxAsync = 10 * time.Minute
	}
	if o.Concurrency < 0 || o.MaxExecution < 0 || o.MaxAsync < 0 || o.Throttle.Scale < 0 {
		return nil, errors.New("posthogtest: Concurrency, MaxExecution, MaxAsync and Throttle.Scale must not be negative")
	}
	if o.World == nil {
		if o.Data.Now.IsZero() {
			o.Data.Now = o.Clock()
		}
		var err error
		if o.World, err = data.Generate(o.Data); err != nil {
			return nil, fmt.Errorf("posthogtest: %w", err)
		}
	}
	store, err := data.NewStore(data.StoreConfig{World: o.World, Now: o.Clock})
	if err != nil {
		return nil, fmt.Errorf("posthogtest: %w", err)
	}
	s := &Server{
		store: store, projectID: store.Project().ID, throttles: newThrottles(o.Throttle), quota: o.Quota,
		slots: &slots{limit: o.Concurrency}, queryTime: o.QueryTime, maxRun: o.MaxExecution, maxAsync: o.MaxAsync, now: o.Clock,
		linkHost: o.LinkHost, keepBodies: o.KeepBodies,
		keys: &keyring{secret: map[string]*key{}}, results: newResultCache(), tasks: newTasks(),
		flags:       newTable(store.Flags(), func(f *data.FeatureFlag) *int64 { return &f.ID }),
		experiments: newTable(store.Experiments(), func(e *data.Experiment) *int64 { return &e.ID }),
		url:         "http://127.0.0.1:8000",
	}
	s.router = newRouter(s.routes())
	s.keys.put(&key{secret: demoKey(), label: "demo", scopes: []string{"*"}})
	s.keys.put(&key{secret: demoSecretKey(), label: "demo secret", scopes: []string{"feature_flag:read", "experiment:read"}, project: true})
	s.base, s.stop = context.WithCancel(context.Background())
	if !o.NoListener {
		if err := s.listen(o.Addr); err != nil {
			s.stop()
			return nil, err
		}
	}
	return s, nil
}

func (s *Server) listen(addr string) error {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(s.base, "tcp", addr)
	if err != nil {
		return fmt.Errorf("posthogtest: cannot listen on %q: %w", addr, err)
	}
	s.url = "http://" + l.Addr().String()
	s.serve(l, func() {})
	return nil
}

// enter counts something that Close has to wait for; false when the server is
// closed already.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.running.Add(1)
	}
	return !s.closed
}

// Close ends every connection and running query and waits for them. A second
// call does nothing.
func (s *Server) Close() error {
	s.stop()
	s.mu.Lock()
	closers := s.closers
	s.closers, s.closed = nil, true
	s.mu.Unlock()
	var err error
	for _, c := range closers {
		err = errors.Join(err, c())
	}
	s.running.Wait()
	return err
}

// URL is the server's root for both the app host and the ingest host, as at a
// self-hosted PostHog. With NoListener it names the host that requests through
// [Server.Transport] should use.
func (s *Server) URL() string { return s.url }

// Store gives the records behind the server.
func (s *Server) Store() *data.Store { return s.store }

// ProjectID is the numeric id of the project.
func (s *Server) ProjectID() int64 { return s.projectID }

// ForeignProjectID is a project that exists but belongs to another
// organization: 403 for every key. Any other id does not exist: 404.
func (s *Server) ForeignProjectID() int64 { return s.projectID + 1 }

// PersonalKey is a personal API key with every scope.
func (s *Server) PersonalKey() string { return demoKey() }

// SecretKey is the project secret key, for local evaluation and remote config.
func (s *Server) SecretKey() string { return demoSecretKey() }

// ProjectKey is the project token for capture and flag evaluation.
func (s *Server) ProjectKey() string { return s.store.Project().APIToken }

// AddKey makes a personal API key with scopes such as "query:read" ("*" is
// all), restricted to projects when any are given. The label stands for the
// key in the request log.
func (s *Server) AddKey(label string, scopes []string, projects ...int64) string {
	return s.keys.put(&key{label: label, scopes: scopes, teams: projects})
}

// RevokeKey makes a key invalid: 401 from now on.
func (s *Server) RevokeKey(secret string) { s.keys.drop(secret) }

// SetThrottle changes the rate limits. What was counted so far stays counted.
func (s *Server) SetThrottle(t Throttle) { s.throttles.configure(t) }

// Usage counts a key's requests inside each of PostHog's windows, by the name
// of the throttle, such as "api_queries_burst".
func (s *Server) Usage(secret string) map[string]int { return s.throttles.usage(secret, s.now()) }
