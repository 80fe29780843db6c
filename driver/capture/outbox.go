package capture

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Outbox is one process's door to the shared outbox file. It is safe for
// concurrent use. Close it when done.
type Outbox struct {
	cfg  Config
	turn chan struct{} // held by whoever sends: one batch at a time
	wake chan struct{} // something changed for the sender
	quit chan struct{} // closed: the sender ends after its batch
	done chan struct{} // closed when the sender has ended

	life context.Context // ends when Close has run out of time
	end  context.CancelFunc

	mu      sync.Mutex
	store   *store // nil until first used
	lanes   map[string]*lane
	changed chan struct{} // closed and replaced whenever the fate of events is known
	started bool
	closed  bool // nothing is added any more
	shut    bool // the file is not opened any more

	opening chan struct{} // held by whoever opens or closes the file
}

// lane is a destination as this process serves it.
type lane struct {
	dest     Destination
	ready    time.Time // when lingering for more events ends; zero: look now
	added    int       // events added since the last look
	bytes    int       // payload added since the last look
	hold     time.Time // nothing is sent before: a failure, or a pause
	paused   bool      // the hold is one for a wrong key or address
	failures int       // in a row
	problem  string    // of the last failure; "" after a success
}

// Open makes an outbox. It touches no file and starts no goroutine before the
// first event: a process that captures nothing pays nothing.
func Open(_ context.Context, cfg Config) (*Outbox, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	o := &Outbox{
		cfg: cfg, turn: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}), changed: make(chan struct{}), opening: make(chan struct{}, 1),
		lanes: make(map[string]*lane),
	}
	o.life, o.end = context.WithCancel(context.Background())
	return o, nil
}

// Path is where the outbox keeps its events.
func (o *Outbox) Path() string { return o.cfg.Path }

// exists reports whether there is a file: asking for the state of an outbox
// that was never used should not make one.
func (o *Outbox) exists() bool {
	file, _ := current(o.cfg.Path)
	_, err := os.Stat(file)
	return err == nil
}

// use gives the open store, opening it at the first call and again after the
// file was replaced under us.
func (o *Outbox) use(ctx context.Context) (*store, error) {
	select {
	case o.opening <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-o.opening }()
	o.mu.Lock()
	s, shut := o.store, o.shut
	o.mu.Unlock()
	if shut {
		return nil, ErrClosed
	}
	if s != nil && !s.replaced() {
		return s, nil
	}
	if s != nil {
		o.forget(s)
	}
	s, lost, err := openStore(ctx, o.cfg.Path)
	if lost != "" {
		o.cfg.Logger.LogAttrs(ctx, slog.LevelError, "capture outbox is damaged; a new file is begun and the events in the old one are not sent",
			slog.String("damaged", lost))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		return nil, &StoreError{o.cfg.Path, err}
	}
	o.store = s
	return s, nil
}

// forget closes a store that is of no use any more.
func (o *Outbox) forget(s *store) {
	o.mu.Lock()
	if o.store == s {
		o.store = nil
	}
	o.mu.Unlock()
	_ = s.close()
}

// failed turns an error of the store into the package's own. After damage the
// file is opened, and so examined, anew.
func (o *Outbox) failed(s *store, err error) error {
	if err == nil {
		return nil
	}
	if full, ok := errors.AsType[*FullError](err); ok {
		return full
	}
	if damaged(err) {
		o.forget(s)
	}
	return &StoreError{o.cfg.Path, err}
}

// Add returns when the events are on disk: from then on they survive the end
// of the process and of the machine. All are stored, or none. An event whose
// UUID waits already is not stored again. The error is a [FullError], a
// [StoreError] or [ErrClosed].
func (o *Outbox) Add(ctx context.Context, dest Destination, events ...Event) error {
	bytes := 0
	for _, ev := range events {
		if ev.UUID == "" || len(ev.Payload) == 0 {
			return fmt.Errorf("an event for the outbox needs a UUID and a payload; UUID %q has %d bytes", ev.UUID, len(ev.Payload))
		}
		bytes += len(ev.Payload)
	}
	if o.isClosed() {
		return ErrClosed
	}
	if err := o.keep(ctx, dest, events); err != nil {
		return err
	}
	o.serve(dest, len(events), bytes)
	return nil
}

// keep stores the events in the file that is the outbox at the end of it: it
// may turn out damaged, or be given up by another process, meanwhile.
func (o *Outbox) keep(ctx context.Context, dest Destination, events []Event) error {
	var err error
	for range 4 {
		var s *store
		if s, err = o.use(ctx); err != nil {
			return err
		}
		err = o.failed(s, s.add(ctx, dest, events, o.cfg.MaxBytes))
		if err == nil && !s.replaced() {
			return nil
		}
		if err != nil && !damaged(err) {
			return err
		}
	}
	if err == nil {
		err = &StoreError{o.cfg.Path, errors.New("the file is removed again and again")}
	}
	return err
}

// Serve makes this process send what waits for a destination, also what other
// processes left behind. Add does so too.
func (o *Outbox) Serve(dest Destination) { o.serve(dest, 0, 0) }

func (o *Outbox) serve(dest Destination, added, bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.lanes[dest.ID]
	if l == nil {
		l = &lane{dest: dest}
		o.lanes[dest.ID] = l
	}
	if added > 0 && l.added == 0 {
		l.ready = time.Now().Add(o.cfg.Linger)
	}
	l.added, l.bytes = l.added+added, l.bytes+bytes
	if l.added >= o.cfg.BatchEvents || l.bytes >= o.cfg.BatchBytes || added == 0 {
		l.ready = time.Time{}
	}
	if !o.started && !o.closed {
		o.started = true
		go o.run()
	}
	o.nudge()
}

// nudge wakes the sender.
func (o *Outbox) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *Outbox) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// announce tells those who wait that the fate of some events is known.
func (o *Outbox) announce() {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
}

// Close sends what waits for the destinations of this process until ctx ends
// and leaves the rest on disk. Add refuses from its beginning on. The error
// says what is left; it is safe to call Close twice.
func (o *Outbox) Close(ctx context.Context) error {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		<-o.done
		return nil
	}
	o.closed = true
	started := o.started
	o.mu.Unlock()
	close(o.quit)
	var err error
	if started {
		err = o.Flush(ctx)
	} else {
		close(o.done)
	}
	o.end() // a request still running gives up; its events stay
	<-o.done
	o.opening <- struct{}{}
	defer func() { <-o.opening }()
	o.mu.Lock()
	s := o.store
	o.store, o.shut = nil, true
	o.mu.Unlock()
	if s != nil {
		err = errors.Join(err, s.close())
	}
	return err
}
