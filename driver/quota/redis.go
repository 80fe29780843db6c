package quota

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// redisTimeout bounds one command: a store that is slower than this is no
	// help to a caller.
	redisTimeout = 50 * time.Millisecond
	// redisDial bounds the making of a connection.
	redisDial = 500 * time.Millisecond
	// redisBeat is how often a process says that it is alive, a third of the
	// time after which it counts as gone.
	redisBeat = 5 * time.Second
	// redisPoll is how long a waiter trusts what the server said.
	redisPoll = time.Second
)

//go:embed lua/reserve.lua
var luaReserve string

//go:embed lua/settle.lua
var luaSettle string

//go:embed lua/usage.lua
var luaUsage string

//go:embed lua/slot.lua
var luaSlot string

//go:embed lua/beat.lua
var luaBeat string

// RedisConfig configures [NewRedis].
type RedisConfig struct {
	URL     string        // redis://[user:password@]host:port/db, rediss:// for TLS
	Scope   Scope         // whose quota
	Timeout time.Duration // of one command; 0: 50 ms
	Logger  *slog.Logger  // told when the server is lost and found; nil: nobody
}

// redisStore is the Store of a fleet. Every call is one script over all windows
// of the request, on the server's clock, so that no clocks are compared.
type redisStore struct {
	client  *redis.Client
	timeout time.Duration
	prefix  string // of all keys: the hash tag keeps them in one slot of a cluster
	owner   string

	reserve, settle, usage, slot, beat *redis.Script

	onReset func() // the log was lost; set before use
	start   sync.Once
	end     context.CancelFunc
	life    context.Context
	beats   sync.WaitGroup

	mu        sync.Mutex
	epoch     string // of the server's log; "" until known
	alive     int
	connected bool
	queue     map[int64]string // our places in the queue, by waiter
	waiters   int64
}

// NewRedis gives the store of a fleet, on one Redis (7 or later, or a service
// like it). Nothing is sent before the first request. While the server is away,
// this process keeps to its share of the windows, and Degraded is true.
func NewRedis(cfg RedisConfig) (Store, error) {
	back, err := newRedis(cfg)
	if err != nil {
		return nil, err
	}
	s := newShared(back, cfg.Logger)
	back.onReset = s.reset
	return s, nil
}

func newRedis(cfg RedisConfig) (*redisStore, error) {
	opts, err := redis.ParseURL(cfg.URL)
	if err != nil { // its text may quote the password
		return nil, errors.New("the Redis address is not of the form redis://[user:password@]host:port/db")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = redisTimeout
	}
	opts.DialTimeout, opts.ReadTimeout, opts.WriteTimeout, opts.PoolTimeout = redisDial, cfg.Timeout, cfg.Timeout, cfg.Timeout
	opts.ContextTimeoutEnabled = true
	opts.MaxRetries = -1 // a second try is the fallback's
	opts.PoolSize, opts.MaxIdleConns, opts.DialerRetries = 8, 2, 1
	opts.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	opts.DisableIdentity = true
	logging.Disable() // the library's own lines on stderr; this store tells of every loss itself
	s := &redisStore{
		client: redis.NewClient(opts), timeout: cfg.Timeout, prefix: "posthog-mcp:{" + string(cfg.Scope) + "}:",
		owner: strconv.FormatInt(rand.Int64(), 36), onReset: func() {}, alive: 1, queue: make(map[int64]string),
		reserve: redis.NewScript(luaReserve), settle: redis.NewScript(luaSettle), usage: redis.NewScript(luaUsage),
		slot: redis.NewScript(luaSlot), beat: redis.NewScript(luaBeat),
	}
	s.life, s.end = context.WithCancel(context.Background())
	return s, nil
}

// Name is "redis".
func (s *redisStore) Name() string { return "redis" }

// Degraded is false: [NewRedis] wraps the store in its fallback.
func (s *redisStore) Degraded() bool { return false }

// Close ends the connections.
func (s *redisStore) Close() error {
	s.end()
	s.beats.Wait()
	return s.client.Close()
}

// run runs a script, loading it where the server does not know it. The first
// command after a loss gets the time to connect.
func (s *redisStore) run(ctx context.Context, script *redis.Script, keys []string, args []any) ([]string, error) {
	if s.life.Err() != nil {
		return nil, errors.New("the store is closed")
	}
	s.mu.Lock()
	timeout := s.timeout
	if !s.connected {
		timeout = max(timeout, redisDial)
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out, err := script.Run(ctx, s.client, keys, args...).Result()
	s.mu.Lock()
	s.connected = err == nil
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s.start.Do(func() { s.beats.Go(s.keepAlive) })
	switch out := out.(type) {
	case string:
		return []string{out}, nil
	case []any:
		texts := make([]string, len(out))
		for i, v := range out {
			texts[i], _ = v.(string)
		}
		return texts, nil
	}
	return nil, fmt.Errorf("the script answered with a %T", out)
}

func (s *redisStore) key(name string) string { return s.prefix + name }

func (s *redisStore) windowKeys(keys []string, windows []Window) []string {
	for _, w := range windows {
		keys = append(keys, s.key("log:"+w.Name), s.key("strangers:"+w.Name))
	}
	return keys
}

func micros(d time.Duration) int64 { return int64((d + time.Microsecond - 1) / time.Microsecond) }

// fromMicros reads a number of microseconds.
func fromMicros(text string) time.Duration {
	n, _ := strconv.ParseInt(text, 10, 64) // the script writes whole numbers
	return time.Duration(n) * time.Microsecond
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// Reserve takes a slot in every window or in none.
func (s *redisStore) Reserve(ctx context.Context, a Ask) (Grant, error) {
	s.mu.Lock()
	epoch, place := s.epoch, s.queue[a.Waiter]
	s.mu.Unlock()
	keys := s.windowKeys([]string{s.key("clock"), s.key("alive"), s.key("queue"), s.key("notes")}, a.Windows)
	args := make([]any, 0, 9+4*len(a.Windows))
	args = append(args, s.owner, epoch, int(a.Priority), micros(lease(a)), micros(a.Patience), place, a.Ahead, "|"+strings.ReplaceAll(specOf(a.Windows), ",", "|"), a.Used)
	for _, w := range a.Windows {
		args = append(args, w.Name, w.Limit, a.Priority.Share(w.Limit), micros(w.Per))
	}
	out, err := s.run(ctx, s.reserve, keys, args)
	if err != nil {
		return Grant{}, err
	}
	if len(out) < 3 || out[0] != "-1" && len(out) != 8+len(a.Windows) {
		return Grant{}, errors.New("the script's answer is too short")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch, s.alive = out[1], number(out[2])
	if out[0] == "-1" {
		return Grant{}, errReset
	}
	g := Grant{OK: out[0] == "1", Wait: fromMicros(out[4]), Refuse: out[6] == "1", Poll: redisPoll}
	for _, n := range out[8:] {
		g.Taken = append(g.Taken, number(n))
	}
	if g.OK {
		delete(s.queue, a.Waiter)
		g.Ticket.Windows = a.Windows
		g.Ticket.ID, err = strconv.ParseInt(out[3], 10, 64)
		return g, err
	}
	if i := number(out[5]); i > 0 && i <= len(a.Windows) {
		g.Window = a.Windows[i-1].Name
	} else {
		g.Window = a.Windows[0].Name // only others are ahead
	}
	if g.Waiter = a.Waiter; g.Waiter == 0 && out[7] != "" {
		s.waiters++
		g.Waiter = s.waiters
	}
	if g.Waiter != 0 {
		s.queue[g.Waiter] = out[7]
	}
	return g, nil
}

// Withdraw leaves the queue of processes.
func (s *redisStore) Withdraw(ctx context.Context, waiter int64) error {
	s.mu.Lock()
	place := s.queue[waiter]
	delete(s.queue, waiter)
	s.mu.Unlock()
	if place == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.client.ZRem(ctx, s.key("queue"), place).Err()
}
