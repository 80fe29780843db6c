package capture

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// here is the destination of most tests.
func here() Destination { return NewDestination("https://ingest.example", "phc_tests") }

// event makes an event that happened n seconds after a fixed time.
func event(n int) Event {
	return sized(n, 0)
}

func sized(n, bytes int) Event {
	pad := make([]byte, bytes)
	for i := range pad {
		pad[i] = 'x'
	}
	id := uuid.NewString()
	return Event{
		UUID: id, Time: time.Date(2026, 3, 1, 0, 0, n, 0, time.UTC),
		Payload: json.RawMessage(fmt.Sprintf(`{"event":"e%d","uuid":%q,"properties":{"pad":%q}}`, n, id, pad)),
	}
}

func events(n int) []Event {
	out := make([]Event, n)
	for i := range out {
		out[i] = event(i)
	}
	return out
}

func uuidsOf(events []Event) []string {
	out := make([]string, len(events))
	for i, ev := range events {
		out[i] = ev.UUID
	}
	return out
}

// receiver plays PostHog: it records every batch and answers by a rule.
type receiver struct {
	mu      sync.Mutex
	batches [][]Event
	times   []time.Time
	flags   []bool // historical
	answer  func(n int, events []Event) (Answer, error)
}

func (r *receiver) send(ctx context.Context, _ Destination, events []Event, historical bool) (Answer, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, err
	}
	r.mu.Lock()
	r.batches = append(r.batches, slices.Clone(events))
	r.times = append(r.times, time.Now())
	r.flags = append(r.flags, historical)
	n, answer := len(r.batches), r.answer
	r.mu.Unlock()
	if answer == nil {
		return Answer{}, nil
	}
	return answer(n, events)
}

// set changes the rule of the answers.
func (r *receiver) set(answer func(int, []Event) (Answer, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) sizes() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]int, len(r.batches))
	for i, b := range r.batches {
		out[i] = len(b)
	}
	return out
}

// sent gives the UUIDs of all batches in order.
func (r *receiver) sent() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, b := range r.batches {
		out = append(out, uuidsOf(b)...)
	}
	return out
}

func always(err error) func(int, []Event) (Answer, error) {
	return func(int, []Event) (Answer, error) { return Answer{}, err }
}

// refusing refuses every batch with one of the UUIDs in it.
func refusing(verdict Verdict, bad ...string) func(int, []Event) (Answer, error) {
	return func(_ int, events []Event) (Answer, error) {
		for _, ev := range events {
			if slices.Contains(bad, ev.UUID) {
				return Answer{}, &Failure{Verdict: verdict, Reason: "event is not welcome"}
			}
		}
		return Answer{}, nil
	}
}

// open makes an outbox over r that the test closes.
func open(t testing.TB, r *receiver, edit ...func(*Config)) *Outbox {
	t.Helper()
	cfg := Config{Path: filepath.Join(t.TempDir(), "state", "outbox.db"), Send: r.send, Linger: time.Millisecond}
	for _, e := range edit {
		e(&cfg)
	}
	o, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { closeNow(t, o) })
	return o
}

func at(path string) func(*Config) { return func(c *Config) { c.Path = path } }

// closeNow closes without waiting for anything to be sent.
func closeNow(t testing.TB, o *Outbox) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = o.Close(ctx) // what is left is not the test's concern
}

func status(t testing.TB, o *Outbox) Status {
	t.Helper()
	st, err := o.Status(context.Background())
	require.NoError(t, err)
	return st
}

// states gives the fate of events without waiting for any.
func states(t testing.TB, o *Outbox, events ...Event) []State {
	t.Helper()
	fates, _, err := o.fates(context.Background(), here(), uuidsOf(events))
	require.NoError(t, err)
	out := make([]State, len(fates))
	for i, f := range fates {
		out[i] = f.State
	}
	return out
}
