package quota

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// shareOf is the part of its share that a process uses without the store,
	// in percent: at the moment of the loss the shares were not quite even.
	shareOf = 90
	// awayFirst and awayMost bound how long a failed store is left alone.
	awayFirst = 250 * time.Millisecond
	awayMost  = 5 * time.Second
	// awayPoll is how soon a waiter looks whether the store is back.
	awayPoll = 500 * time.Millisecond
	// settleFor is how long after a shared log was lost the others may take to
	// bring back what they know.
	settleFor = 6 * time.Second
	// courtesy is how long a process that has used more than its share lets the
	// others go first.
	courtesy = 50 * time.Millisecond
	// courteous stands for the place in the queue of who has done so.
	courteous = -1
	// pushChunk bounds the requests of one push.
	pushChunk = 500
)

// backend is a store that several processes share and that can fail.
type backend interface {
	Store
	Slots
	// push adds requests of this process that the store does not know.
	push(ctx context.Context, all []past) error
	// live counts the processes that use the store, this one included.
	live() int
}

// past is some requests of one window, by how long ago they were counted, and
// by their times on this process's clock: a second push of one is no second
// request.
type past struct {
	window Window
	ages   []time.Duration
	times  []time.Duration
}

// unsent is a request that the store has not heard of.
type unsent struct {
	windows []Window
	at      time.Duration // on the local log's clock
}

// errReset says that the shared log was lost or is brand new; what this
// process knows must be pushed before anything is taken.
var errReset = errors.New("the shared log has begun anew")

// shared puts a store that can fail on top of this process's own log, which
// runs all the time. While the store is away a process keeps to its share of
// every window: it never stops and never opens up. When the store is back it
// hears of the requests made meanwhile before it grants the next.
type shared struct {
	back  backend
	local *memory // requests of this process alone
	log   *slog.Logger

	standIn bool // for a better store: always degraded

	mu      sync.Mutex
	remote  map[int64]int64 // ticket of the store, by that of the local log
	unsent  []unsent        // made while the store was away
	seen    map[string]seen // what was taken at the latest contact, by window
	alive   int             // processes then
	reached bool            // the store was there at least once
	away    bool
	lost    time.Time // since when it is away
	retry   time.Time // not before
	pause   time.Duration
	trying  bool
	young   time.Time // until then the shared log may lack what others know
}

// seen is how many slots of a window were taken, by whom.
type seen struct{ own, others int }

func newShared(back backend, log *slog.Logger) *shared {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	local := newMemory()
	local.ledger.cautious = true // until the store has told what others did
	return &shared{back: back, local: local, log: log, remote: make(map[int64]int64), seen: make(map[string]seen), alive: 1}
}

// Name is that of the store.
func (s *shared) Name() string { return s.back.Name() }

// Degraded reports that the store is away, or stands in for a better one.
func (s *shared) Degraded() bool { return s.standIn || s.isAway() }

func (s *shared) isAway() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away
}

// Close closes the store.
func (s *shared) Close() error { return s.back.Close() }

// usable reports whether to ask the store now. While it is away one call at a
// time finds out whether it is back, and then brings the news.
func (s *shared) usable(ctx context.Context) bool {
	s.mu.Lock()
	if !s.away {
		s.mu.Unlock()
		return true
	}
	if s.trying || time.Now().Before(s.retry) {
		s.mu.Unlock()
		return false
	}
	s.trying = true
	news := s.unsent
	s.mu.Unlock()
	err := s.pushAll(ctx, s.local.pasts(news))
	if errors.Is(err, errReset) {
		s.unsettle()
		err = s.pushAll(ctx, s.local.past())
	}
	s.mu.Lock()
	s.trying = false
	if err == nil {
		s.unsent = s.unsent[len(news):]
	}
	s.mu.Unlock()
	if err != nil {
		s.failed(ctx, err)
		return false
	}
	s.worked()
	return true
}

// pushAll brings requests of this process to the store.
func (s *shared) pushAll(ctx context.Context, all []past) error {
	if len(all) == 0 {
		return s.back.push(ctx, nil) // to see whether it is there
	}
	for _, p := range all {
		for i := 0; i < len(p.ages); i += pushChunk {
			end := min(len(p.ages), i+pushChunk)
			if err := s.back.push(ctx, []past{{p.window, p.ages[i:end], p.times[i:end]}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// worked notes that the store answered.
func (s *shared) worked() {
	s.mu.Lock()
	first, back := !s.reached, s.away
	s.reached, s.away, s.pause = true, false, 0
	s.mu.Unlock()
	if first {
		s.local.trust()
	}
	if back {
		s.log.LogAttrs(context.Background(), slog.LevelInfo, "the shared quota store is back", slog.String("store", s.back.Name()))
	}
}

// failed notes that the store did not answer. The end of the caller's own time
// is no failure.
func (s *shared) failed(ctx context.Context, err error) {
	if spent(ctx) != nil {
		return
	}
	s.mu.Lock()
	now := time.Now()
	news := !s.away
	if news {
		s.away, s.lost, s.pause = true, now, awayFirst
		s.alive = max(1, s.back.live())
	} else {
		s.pause = min(2*s.pause, awayMost)
	}
	s.retry = now.Add(s.pause)
	s.mu.Unlock()
	if !news {
		return
	}
	s.log.LogAttrs(context.Background(), slog.LevelWarn, "the shared quota store fails; this process keeps to its own share",
		slog.String("store", s.back.Name()), slog.String("error", err.Error()))
}

// Reserve asks the store, or the local log while it is away. The local log has
// a say in any case: what this process knows for certain is never overrun.
func (s *shared) Reserve(ctx context.Context, a Ask) (Grant, error) {
	if !s.usable(ctx) {
		return s.reserveAlone(ctx, a)
	}
	if g := s.local.check(a); !g.OK && a.Ahead == 0 && g.Wait > 0 {
		g.Waiter, g.Poll = a.Waiter, awayPoll
		return g, nil
	}
	a.Used = s.local.mine(a.Windows)
	switch {
	case a.Waiter == courteous:
		a.Waiter = 0
	case a.Waiter == 0 && a.Ahead == 0 && a.Patience > courtesy && s.over(a):
		return Grant{Wait: courtesy, Window: a.Windows[0].Name, Waiter: courteous}, nil
	}
	g, err := s.reserveThere(ctx, a)
	if errors.Is(err, errReset) {
		if err = s.pushAll(ctx, s.local.past()); err == nil || errors.Is(err, errReset) {
			s.unsettle()
			g, err = s.reserveThere(ctx, a)
		}
	}
	if err != nil {
		if spent := spent(ctx); spent != nil {
			return Grant{}, spent
		}
		s.failed(ctx, err)
		return s.reserveAlone(ctx, a)
	}
	s.worked()
	s.note(a.Windows, g.Taken)
	if !g.OK {
		return g, nil
	}
	mine := s.local.takeNow(a.Windows, forever)
	s.mu.Lock()
	s.remote[mine.ID] = g.Ticket.ID
	s.mu.Unlock()
	g.Ticket = mine
	return g, nil
}

// over reports that this process has used more of a half-used window than its
// share, while others are there.
func (s *shared) over(a Ask) bool {
	live := s.back.live()
	if live < 2 {
		return false
	}
	longest := slices.MaxFunc(a.Windows, func(a, b Window) int { return cmp.Compare(a.Per, b.Per) })
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.seen[longest.Name]
	return a.Used*live >= longest.Limit && 2*(at.own+at.others) >= longest.Limit
}

// reserveThere asks the store. While others may still have to bring what they
// know, no more than this process's share is asked for.
func (s *shared) reserveThere(ctx context.Context, a Ask) (Grant, error) {
	if s.unsettled() {
		own := a
		own.Windows = s.share(a.Windows)
		if g := s.local.check(own); !g.OK {
			g.Waiter, g.Poll, g.Taken = a.Waiter, awayPoll, nil
			return g, nil
		}
	}
	return s.back.Reserve(ctx, a)
}

// unsettle begins the time in which others bring what they know.
func (s *shared) unsettle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.young = time.Now().Add(settleFor)
}

// unsettled reports that others may still have to bring their requests.
func (s *shared) unsettled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.young.IsZero() && time.Now().Before(s.young)
}

// note remembers what others have taken.
func (s *shared) note(windows []Window, taken []int) {
	own, live := s.local.taken(windows), s.back.live()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !time.Now().Before(s.young) {
		s.alive = live
	}
	for i, n := range taken {
		s.seen[windows[i].Name] = seen{own[i], max(0, n-own[i])}
	}
}

// reserveAlone asks the local log for a slot of this process's share.
func (s *shared) reserveAlone(ctx context.Context, a Ask) (Grant, error) {
	windows := a.Windows
	a.Windows = s.share(windows)
	g, err := s.local.Reserve(ctx, a)
	if g.Ticket.Windows != nil {
		g.Ticket.Windows = windows
	}
	g.Poll, g.Waiter = awayPoll, 0
	return g, err
}

// share gives windows of which this process may fill all: its part of each
// and, until the store's latest news have left the window, no more than what
// the others left.
func (s *shared) share(windows []Window) []Window {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Window, len(windows))
	live := max(1, s.alive)
	if !s.away {
		live = max(live, s.back.live()) // not all may be back yet
	}
	for i, w := range windows {
		most := w.Limit / live * shareOf / 100
		if live == 1 {
			most = w.Limit
		}
		if s.reached && s.away && time.Since(s.lost) < w.Per {
			// The others keep what they had; what was free is divided.
			at := s.seen[w.Name]
			most = min(most, at.own+max(0, w.Limit-at.own-at.others)/live)
		}
		out[i] = w
		out[i].Limit = max(1, most)
	}
	return out
}

// reset brings everything that this process knows to a shared log that began
// anew.
func (s *shared) reset() {
	s.unsettle()
	if err := s.pushAll(context.Background(), s.local.past()); err != nil && !errors.Is(err, errReset) {
		s.failed(context.Background(), err)
	}
}
