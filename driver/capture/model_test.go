package capture

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// world is the model: what must be true of every event that was acknowledged,
// whatever two processes, PostHog, an operator and the clock do.
type world struct {
	path  string
	procs [2]*Outbox

	events  []Event
	acked   map[string]bool // acknowledged events
	dropped map[string]bool // by the operator

	// PostHog's side. The lock is never held over a use of the outbox, which
	// may wait for the clock of the bubble.
	mu       sync.Mutex
	accepted map[string]int  // how often PostHog took it
	wrong    map[string]bool // events that PostHog refuses
	billed   map[string]bool // events that PostHog drops for its quota
	down     *Failure        // PostHog's present trouble
}

func (w *world) send(_ context.Context, _ Destination, events []Event, _ bool) (Answer, error) {
	time.Sleep(20 * time.Millisecond)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil {
		return Answer{}, w.down
	}
	for _, ev := range events {
		if w.wrong[ev.UUID] {
			return Answer{}, &Failure{Verdict: Reject, Reason: "wrong"}
		}
	}
	a := Answer{Reason: "quota"}
	for _, ev := range events {
		if w.billed[ev.UUID] {
			a.Dropped = append(a.Dropped, ev.UUID)
			continue
		}
		w.accepted[ev.UUID]++
	}
	return a, nil
}

func (w *world) start(t require.TestingT, i int) {
	o, err := Open(context.Background(), Config{Path: w.path, Send: w.send, BatchEvents: 8, MaxBytes: 20_000})
	require.NoError(t, err)
	o.Serve(here())
	w.procs[i] = o
}

func (w *world) stop(i int) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = w.procs[i].Close(ctx) // tells what is left; the model knows
	w.procs[i] = nil
}

// check compares the outbox with the model.
func (w *world) check(t *rapid.T) {
	synctest.Wait()
	o := w.procs[0]
	st, err := o.Status(context.Background())
	require.NoError(t, err)
	queue, err := o.List(context.Background(), 10_000)
	require.NoError(t, err)
	dead, err := o.ListDead(context.Background(), 10_000)
	require.NoError(t, err)
	require.Len(t, queue, st.Queued)
	require.Len(t, dead, st.Dead)
	where := make(map[string]State)
	var bytes int64
	for _, it := range queue {
		where[it.UUID] = Queued
		bytes += int64(it.Bytes)
	}
	for _, it := range dead {
		require.NotContains(t, where, it.UUID, "waiting and dead at once")
		where[it.UUID] = Rejected
		bytes += int64(it.Bytes)
	}
	require.Equal(t, bytes, st.Bytes+st.DeadBytes, "the totals are exact")
	require.LessOrEqual(t, bytes, int64(20_000))
	accepted := w.took()
	for id := range w.acked {
		_, kept := where[id]
		require.True(t, kept || accepted[id] > 0 || w.dropped[id], "acknowledged event %s is lost", id)
	}
	for id := range where {
		require.Contains(t, w.acked, id, "an event from nowhere")
	}
}

// took gives how often PostHog took each event.
func (w *world) took() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.accepted)
}

// ph changes PostHog's side.
func (w *world) ph(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) add(t *rapid.T) {
	o := w.procs[rapid.IntRange(0, 1).Draw(t, "process")]
	var batch []Event
	for range rapid.IntRange(1, 6).Draw(t, "events") {
		ev := sized(len(w.events), rapid.SampledFrom([]int{0, 300}).Draw(t, "size"))
		switch rapid.IntRange(0, 9).Draw(t, "sort") {
		case 0:
			w.ph(func() { w.wrong[ev.UUID] = true })
		case 1:
			w.ph(func() { w.billed[ev.UUID] = true })
		case 2:
			if len(w.events) > 0 {
				ev = rapid.SampledFrom(w.events).Draw(t, "again")
			}
		}
		batch = append(batch, ev)
	}
	err := o.Add(context.Background(), here(), batch...)
	if full, ok := errors.AsType[*FullError](err); ok {
		require.LessOrEqual(t, full.Bytes+full.DeadBytes, full.MaxBytes)
		return
	}
	require.NoError(t, err)
	for _, ev := range batch {
		w.events = append(w.events, ev)
		w.acked[ev.UUID] = true
		delete(w.dropped, ev.UUID)
	}
}

// TestOutboxAgainstModel walks random ways through the life of an outbox. Each
// way has a bubble of its own, so hours of it take milliseconds.
func TestOutboxAgainstModel(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		var failure any // rapid stops by a panic, which must not leave the bubble
		synctest.Test(t, func(*testing.T) {
			defer func() { failure = recover() }()
			walk(rt, dir)
		})
		if failure != nil {
			panic(failure)
		}
	})
}

func walk(t *rapid.T, dir string) {
	sub, err := os.MkdirTemp(dir, "")
	require.NoError(t, err)
	w := &world{
		path: filepath.Join(sub, "outbox.db"), acked: map[string]bool{}, dropped: map[string]bool{},
		accepted: map[string]int{}, wrong: map[string]bool{}, billed: map[string]bool{},
	}
	defer func() {
		for i := range w.procs {
			w.stop(i)
		}
	}()
	w.start(t, 0)
	w.start(t, 1)
	crashed := false
	t.Repeat(map[string]func(*rapid.T){
		"":    w.check,
		"add": w.add,
		"advance": func(t *rapid.T) {
			time.Sleep(time.Duration(rapid.IntRange(1, 400_000).Draw(t, "ms")) * time.Millisecond)
		},
		"restart": func(t *rapid.T) {
			i := rapid.IntRange(0, 1).Draw(t, "process")
			w.stop(i)
			w.start(t, i)
		},
		"crash with a lease": func(t *rapid.T) { // of a third process
			s, err := w.procs[0].use(context.Background())
			require.NoError(t, err)
			_, err = s.claim(context.Background(), here(), w.procs[0].cfg, false)
			require.NoError(t, err)
		},
		"crash after sending": func(t *rapid.T) {
			s, err := w.procs[0].use(context.Background())
			require.NoError(t, err)
			c, err := s.claim(context.Background(), here(), w.procs[0].cfg, false)
			require.NoError(t, err)
			w.ph(func() {
				for _, r := range c.rows {
					if !w.wrong[r.UUID] && !w.billed[r.UUID] {
						w.accepted[r.UUID]++
						crashed = true
					}
				}
			})
		},
		"trouble": func(t *rapid.T) {
			down := rapid.SampledFrom([]*Failure{
				nil, nil, {Verdict: Retry, Reason: "down"}, {Verdict: Retry, RetryAfter: time.Minute, Reason: "limited"},
				{Verdict: Pause, Reason: "key"}, {Verdict: Split, Reason: "large"},
			}).Draw(t, "failure")
			w.ph(func() { w.down = down })
		},
		"drop": func(t *rapid.T) {
			dead, err := w.procs[1].ListDead(context.Background(), 3)
			require.NoError(t, err)
			queue, err := w.procs[1].List(context.Background(), 2)
			require.NoError(t, err)
			var ids []string
			for _, it := range slices.Concat(dead, queue) {
				ids = append(ids, it.UUID)
			}
			_, err = w.procs[0].Drop(context.Background(), ids...)
			require.NoError(t, err)
			for _, id := range ids {
				w.dropped[id] = true // or it is being sent right now and stays
			}
		},
		"requeue": func(t *rapid.T) {
			_, err := w.procs[0].Requeue(context.Background())
			require.NoError(t, err)
		},
		"flush": func(*rapid.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_ = w.procs[1].Flush(ctx) // may leave something; the model knows
		},
	})
	// In the end PostHog is well, and everything is settled.
	w.ph(func() { w.down = nil })
	time.Sleep(15 * time.Minute)
	w.check(t)
	st, err := w.procs[0].Status(context.Background())
	require.NoError(t, err)
	require.Zero(t, st.Queued, "nothing waits for ever")
	accepted := w.took()
	for id := range maps.Keys(w.wrong) {
		require.Zero(t, accepted[id])
	}
	if !crashed {
		for id, n := range accepted {
			if !w.again(id) {
				require.Equal(t, 1, n, "event %s was sent %d times", id, n)
			}
		}
	}
}

// again reports whether an event was added more than once: after it was sent,
// that is a new wish.
func (w *world) again(id string) bool {
	n := 0
	for _, ev := range w.events {
		if ev.UUID == id {
			n++
		}
	}
	return n > 1
}
