// Package capture keeps captured events safe until PostHog has answered for
// them: a durable outbox in one SQLite file that all processes of a machine
// share. An event is acknowledged once it is on disk, leaves the outbox only
// on PostHog's answer, and is sent by whichever process holds its lease. What
// PostHog refuses for good is kept as a dead letter with the reason.
//
// The package knows neither HTTP nor keys: how a batch is sent is a [SendFunc].
package capture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Destination is where an event goes: an ingest host and a project token. The
// token itself is never stored, so a process can only send what it has the
// token for.
type Destination struct {
	ID   string // hash of host and token
	Host string // for people to read
}

// NewDestination names the destination of a host and a project token.
func NewDestination(host, token string) Destination {
	sum := sha256.Sum256([]byte(host + "\x00" + token))
	return Destination{ID: hex.EncodeToString(sum[:16]), Host: host}
}

// Event is one event as it is sent. Nothing about it changes once it is added.
type Event struct {
	UUID       string          // identity; adding it twice stores it once
	Time       time.Time       // when it happened; older events are sent first
	Payload    json.RawMessage // the event's JSON object, complete
	Historical bool            // goes to PostHog's import pipeline; never mixed with others in a batch
}

// SendFunc sends one batch to PostHog. A nil error means that PostHog answered
// for every event. An error that is, or wraps, a [Failure] says how to go on;
// any other is treated as passing.
type SendFunc func(ctx context.Context, dest Destination, events []Event, historical bool) (Answer, error)

// Answer is what PostHog said to a batch that it took.
type Answer struct {
	Dropped []string // UUIDs that PostHog dropped for a used-up billing quota
	Reason  string   // why, for people
}

// Verdict says what a failed send means for its events.
type Verdict int

// The verdicts of a [Failure].
const (
	Retry  Verdict = iota // passing: send the same events again later
	Reject                // an event of the batch is wrong; alone, it is refused for good
	Split                 // the batch is too large; alone, the event is
	Pause                 // the destination's key or address is wrong: nothing can go there
)

// Failure is a failed send with its meaning.
type Failure struct {
	Verdict    Verdict
	RetryAfter time.Duration // when PostHog said to come back; 0: unknown
	Reason     string        // one sentence without keys; kept with the event
}

// Error gives the reason.
func (f *Failure) Error() string { return f.Reason }

// Config is what an [Outbox] needs. Zero means the default in brackets.
type Config struct {
	Path        string        // of the SQLite file; its folder is made when missing
	Send        SendFunc      //
	MaxBytes    int64         // payload on disk, waiting and dead, over all processes [64 MiB]
	BatchEvents int           // events per request [500]
	BatchBytes  int           // bytes of payload per request [5 MB]
	Linger      time.Duration // how long a batch that is not full waits for more events [100 ms]
	SendTimeout time.Duration // of one request, with the sender's own retries [15 s]
	Lease       time.Duration // after which another process may take over [SendTimeout + 15 s]
	Backoff     time.Duration // ceiling of the first pause after a failure; doubles [1 s]
	MaxBackoff  time.Duration // largest ceiling of a pause [5 min]
	Pause       time.Duration // of a destination whose key or address is wrong [5 min]
	Poll        time.Duration // how often to look for what other processes left behind [30 s]
	Logger      *slog.Logger  // nil: discard
}

func (c Config) withDefaults() (Config, error) {
	if c.Path == "" {
		return c, errors.New("the outbox needs the path of a file")
	}
	if c.Send == nil {
		return c, errors.New("the outbox needs a function that sends")
	}
	if c.MaxBytes < 0 || c.BatchEvents < 0 || c.BatchBytes < 0 {
		return c, fmt.Errorf("outbox bounds must not be negative: %d bytes, batches of %d events and %d bytes", c.MaxBytes, c.BatchEvents, c.BatchBytes)
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 64 << 20
	}
	if c.BatchEvents == 0 {
		c.BatchEvents = 500
	}
	if c.BatchBytes == 0 {
		c.BatchBytes = 5_000_000
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&c.Linger, 100 * time.Millisecond},
		{&c.SendTimeout, 15 * time.Second},
		{&c.Backoff, time.Second},
		{&c.MaxBackoff, 5 * time.Minute},
		{&c.Pause, 5 * time.Minute},
		{&c.Poll, 30 * time.Second},
	} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	if c.Lease <= 0 {
		c.Lease = c.SendTimeout + 15*time.Second
	}
	if c.Lease > maxAhead {
		return c, fmt.Errorf("outbox lease %s: it must be at most %s", c.Lease, maxAhead)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// ErrClosed is the answer of an outbox after Close.
var ErrClosed = errors.New("the outbox is closed")

// FullError refuses events that would exceed the bound on disk. Nothing of the
// call was stored.
type FullError struct {
	Path             string
	MaxBytes         int64
	Queued, Dead     int
	Bytes, DeadBytes int64
}

// Error names the bound and the way out.
func (e *FullError) Error() string {
	return fmt.Sprintf("the outbox %s is full: %d waiting events (%d bytes) and %d dead letters (%d bytes) of at most %d bytes; "+
		"send what waits with `posthog-mcp outbox flush`, remove dead letters with `posthog-mcp outbox drop --dead`, or raise the bound",
		e.Path, e.Queued, e.Bytes, e.Dead, e.DeadBytes, e.MaxBytes)
}

// StoreError says that the outbox's file could not be used: no space, no
// permission, a newer version's file. Nothing of the call was stored.
type StoreError struct {
	Path string
	Err  error
}

// Error names the file and the reason.
func (e *StoreError) Error() string {
	return fmt.Sprintf("the outbox %s cannot be used: %s", e.Path, e.Err)
}

// Unwrap gives the cause.
func (e *StoreError) Unwrap() error { return e.Err }
