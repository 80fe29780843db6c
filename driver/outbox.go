package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/capture"
	"github.com/posthog-mcp/posthog-mcp/driver/credential"
)

// OutboxConfig says where captured events are kept until PostHog has answered
// for them. The zero value keeps none: a capture is sent once, and its failure
// is the caller's.
type OutboxConfig struct {
	Path     string // SQLite file, shared by the processes of a machine; "": no outbox
	MaxBytes int64  // of events on disk, waiting and refused ones; 0: 64 MiB
}

const (
	// outboxAnswer is how long a capture waits for PostHog once its events are
	// safe on disk.
	outboxAnswer = 2 * time.Second
	// outboxClose bounds the last attempt to send before the program ends.
	outboxClose = 5 * time.Second
	// outboxResume is when a process looks for what earlier ones left behind:
	// not while it starts.
	outboxResume = 2 * time.Second
	// outboxWindow names the outbox's bound as the window that is full.
	outboxWindow = "capture_outbox"
)

// DefaultOutboxPath is the outbox's place in the user's state directory; ""
// when the environment names none.
func DefaultOutboxPath(lookupEnv func(string) (string, bool)) string {
	for _, place := range []struct{ name, below string }{
		{"XDG_STATE_HOME", ""},
		{"LOCALAPPDATA", ""}, // Windows
		{"HOME", filepath.Join(".local", "state")},
	} {
		dir, ok := lookupEnv(place.name)
		if !ok || !filepath.IsAbs(dir) || place.name == "LOCALAPPDATA" && runtime.GOOS != "windows" {
			continue
		}
		return filepath.Join(dir, place.below, "posthog-mcp", "outbox.db")
	}
	return ""
}

// outbox is the client's door to the capture outbox.
type outbox struct {
	*capture.Outbox
	end     context.CancelFunc
	timer   *time.Timer
	resumed chan struct{}
}

// openOutbox makes the outbox that the configuration asks for, if any.
func (c *Client) openOutbox() error {
	if c.cfg.Outbox.Path == "" {
		return nil
	}
	box, err := capture.Open(c.life, capture.Config{
		Path: c.cfg.Outbox.Path, MaxBytes: c.cfg.Outbox.MaxBytes, Send: c.sendKept, Logger: c.log,
	})
	if err != nil {
		return fmt.Errorf("capture outbox: %w", err)
	}
	ctx, end := context.WithCancel(c.life)
	o := &outbox{Outbox: box, end: end, resumed: make(chan struct{})}
	o.timer = time.AfterFunc(outboxResume, func() {
		defer close(o.resumed)
		c.resumeOutbox(ctx, o)
	})
	c.outbox = o
	return nil
}

// resumeOutbox sends what an earlier process left behind, if there is anything
// and this process has the project's key.
func (c *Client) resumeOutbox(ctx context.Context, o *outbox) {
	waiting, err := o.Waiting(ctx)
	if err == nil && waiting {
		err = c.serveOutbox(ctx, o)
	}
	if err != nil && ctx.Err() == nil {
		c.log.LogAttrs(ctx, slog.LevelWarn, "events of an earlier run wait in the capture outbox", slog.String("path", o.Path()), slog.String("error", err.Error()))
	}
}

func (c *Client) serveOutbox(ctx context.Context, o *outbox) error {
	key, err := c.projectToken(ctx)
	if err != nil {
		return err
	}
	o.Serve(c.destination(key))
	return nil
}

// closeOutbox sends what waits, as far as it goes within outboxClose.
func (c *Client) closeOutbox() {
	o := c.outbox
	if o == nil {
		return
	}
	o.end()
	if !o.timer.Stop() {
		<-o.resumed
	}
	ctx, cancel := context.WithTimeout(c.life, outboxClose)
	defer cancel()
	if err := o.Close(ctx); err != nil { // it is on disk: the next run sends it
		c.log.LogAttrs(ctx, slog.LevelWarn, "captured events are left for the next run", slog.String("path", o.Path()), slog.String("reason", err.Error()))
	}
}

// Outbox gives the capture outbox, nil when there is none.
func (c *Client) Outbox() *capture.Outbox {
	if c.outbox == nil {
		return nil
	}
	return c.outbox.Outbox
}

// FlushOutbox sends now what waits for this project, also what earlier
// processes left behind. A nil error means that nothing is left.
//
//posthog:operation POST /batch/
func (c *Client) FlushOutbox(ctx context.Context) error {
	const op = "flush_outbox"
	if c.outbox == nil {
		return invalid(op, "", "there is no capture outbox", "Start with an outbox path.")
	}
	if err := c.serveOutbox(ctx, c.outbox); err != nil {
		return withOp(err, op)
	}
	return c.outbox.Flush(ctx)
}

func (c *Client) destination(key credential.Secret) capture.Destination {
	return capture.NewDestination(c.ingest.String(), key.Reveal())
}

// sendKept sends one batch of the outbox.
func (c *Client) sendKept(ctx context.Context, dest capture.Destination, events []capture.Event, historical bool) (capture.Answer, error) {
	const op = "send_outbox"
	key, err := c.projectToken(ctx)
	if err != nil {
		return capture.Answer{}, keptFailure(err)
	}
	if c.destination(key) != dest {
		return capture.Answer{}, &capture.Failure{Verdict: capture.Pause, Reason: "this process has another project's key"}
	}
	body := struct {
		APIKey     string            `json:"api_key"`
		Historical bool              `json:"historical_migration"`
		Batch      []json.RawMessage `json:"batch"`
	}{APIKey: key.Reveal(), Historical: historical, Batch: make([]json.RawMessage, len(events))}
	size := 0
	for i, ev := range events {
		body.Batch[i] = ev.Payload
		size += len(ev.Payload)
	}
	var answer []byte
	if err := c.do(ctx, request{
		op: op, class: ClassCapture, target: ingestHost,
		method: "POST", path: "/batch/", body: body, gzip: size > gzipFrom, idempotent: true, plainOK: true,
	}, &answer); err != nil {
		return capture.Answer{}, keptFailure(err)
	}
	a := capture.Answer{Reason: quotaReason}
	if limited := quotaLimited(answer); len(limited) > 0 {
		for _, ev := range events {
			var name struct {
				Event string `json:"event"`
			}
			if json.Unmarshal(ev.Payload, &name) == nil && dropped(name.Event, limited) {
				a.Dropped = append(a.Dropped, ev.UUID)
			}
		}
	}
	return a, nil
}

// keptFailure says what an error of the pipeline means for the events of a
// batch.
func keptFailure(err error) error {
	f := &capture.Failure{Reason: errorDetail(err)}
	if e, ok := errors.AsType[*Error](err); ok {
		f.RetryAfter = e.RetryAfter
	}
	switch KindOf(err) {
	case KindInvalid:
		f.Verdict, f.Reason = capture.Reject, rejectedReason(err)
	case KindTooLarge:
		f.Verdict, f.Reason = capture.Split, rejectedReason(err)
	case KindUnauthenticated, KindForbidden, KindNotFound, KindExhausted:
		f.Verdict = capture.Pause
	default:
		f.Verdict = capture.Retry
	}
	return f
}

// keep puts prepared events into the outbox, waits a short time for PostHog
// and writes down what became of each. It reports false when the outbox cannot
// be used, with the reason: then the events have to be sent directly.
func (c *Client) keep(ctx context.Context, op string, key credential.Secret, ready []wireEvent, historical bool, outcomes []CaptureOutcome) (kept bool, notice string, err error) {
	dest := c.destination(key)
	events, uuids := make([]capture.Event, len(ready)), make([]string, len(ready))
	for i, ev := range ready {
		raw, err := json.Marshal(ev)
		if err != nil {
			return false, "", invalid(op, "properties", err.Error(), "Use strings, finite numbers, booleans, lists and objects.")
		}
		events[i] = capture.Event{UUID: ev.UUID, Time: ev.when, Payload: raw, Historical: historical}
		uuids[i] = ev.UUID
	}
	if err := c.outbox.Add(ctx, dest, events...); err != nil {
		return c.notKept(ctx, op, err)
	}
	wait, cancel := context.WithTimeout(ctx, outboxAnswer)
	defer cancel()
	fates, err := c.outbox.Await(wait, dest, uuids)
	for i, ev := range ready {
		o := &outcomes[ev.index]
		if err != nil { // safe on disk all the same
			o.Status, o.Reason = CaptureQueued, err.Error()
			continue
		}
		switch o.Reason = fates[i].Reason; fates[i].State {
		case capture.Accepted:
			o.Status = CaptureAccepted
		case capture.Rejected:
			o.Status = CaptureRejected
		case capture.QuotaLimited:
			o.Status = CaptureQuotaLimited
		default:
			o.Status = CaptureQueued
			if o.Reason == "" {
				o.Reason = "no answer from PostHog yet"
			}
		}
	}
	return true, "", nil
}

// notKept explains why events are not in the outbox. A full one refuses them;
// without a usable file they are sent directly, as if there were no outbox.
func (c *Client) notKept(ctx context.Context, op string, err error) (bool, string, error) {
	if _, ok := errors.AsType[*capture.FullError](err); ok {
		return false, "", &Error{Op: op, Kind: KindLimited, Window: outboxWindow, Detail: err.Error(), Hint: "Nothing was captured. Make room, then send these events again.", Err: err}
	}
	if ctx.Err() != nil {
		k := &call{request: request{op: op, class: ClassCapture}, url: c.ingest}
		return false, "", k.contextFault(ctx).err
	}
	c.log.LogAttrs(ctx, slog.LevelError, "capture outbox cannot be used; sending directly", slog.String("error", err.Error()))
	return false, cleanText(err.Error(), maxDetail) + ". Sent directly instead: what fails now is not tried again.", nil
}

// queuedWarning tells that events are safe, but not with PostHog yet.
func (c *Client) queuedWarning(n int, reason string) string {
	return fmt.Sprintf("%s kept on disk (%s) and sent as soon as PostHog takes events: %s. Do not send again.", countEvents(n), c.outbox.Path(), reason)
}
