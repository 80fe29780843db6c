package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/capture"
)

// outboxFlags say where captured events are kept until PostHog answers.
type outboxFlags struct {
	Outbox   string `placeholder:"FILE" help:"Where captured events wait for PostHog; default: posthog-mcp/outbox.db in the user's state directory."`
	NoOutbox bool   `help:"Keep no captured events on disk: what PostHog does not take at once fails."`
}

// outboxConfig places the outbox. The demo keeps none: its PostHog ends with it.
func (f outboxFlags) outboxConfig(w *world, demo bool, log *slog.Logger) driver.OutboxConfig {
	switch {
	case f.NoOutbox || demo && f.Outbox == "":
		return driver.OutboxConfig{}
	case f.Outbox != "":
		return driver.OutboxConfig{Path: f.Outbox}
	}
	path := driver.DefaultOutboxPath(w.environ)
	if path == "" {
		log.Info("no state directory for the capture outbox; events are sent directly", "set", "HOME or --outbox")
	}
	return driver.OutboxConfig{Path: path}
}

// outboxCmd shows and manages what waits.
type outboxCmd struct {
	List    outboxListCmd    `cmd:"" default:"withargs" help:"Show what waits and what PostHog refused."`
	Flush   outboxFlushCmd   `cmd:"" help:"Send now what waits for this project."`
	Drop    outboxDropCmd    `cmd:"" help:"Remove events for good."`
	Requeue outboxRequeueCmd `cmd:"" help:"Give refused events a new chance."`
}

// outboxBase opens the outbox with the settings of every other command.
type outboxBase struct {
	connectFlags
	logFlags
}

func (f outboxBase) open(w *world) (*driver.Client, *capture.Outbox, error) {
	log := f.logger(w)
	cfg, err := f.driverConfig(w, log)
	if err != nil {
		return nil, nil, &usageError{err}
	}
	client, err := driver.New(cfg)
	if err != nil {
		return nil, nil, &usageError{err}
	}
	if client.Outbox() == nil {
		_ = client.Close()
		return nil, nil, &usageError{errors.New("there is no outbox: give --outbox FILE")}
	}
	return client, client.Outbox(), nil
}

type outboxListCmd struct {
	outboxBase
	Limit int  `default:"50" help:"At most so many of each."`
	JSON  bool `name:"json" help:"As JSON."`
}

// Run prints the state. It needs no key and no network.
func (c *outboxListCmd) Run(ctx context.Context, w *world) error {
	client, box, err := c.open(w)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	st, err := box.Status(ctx)
	if err != nil {
		return err
	}
	waiting, err := box.List(ctx, c.Limit)
	if err != nil {
		return err
	}
	dead, err := box.ListDead(ctx, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(w.out, struct {
			capture.Status
			Waiting     []capture.Item `json:"waiting"`
			DeadLetters []capture.Item `json:"dead_letters"`
		}{st, waiting, dead})
	}
	return printOutbox(w.out, st, waiting, dead)
}

func printOutbox(out io.Writer, st capture.Status, waiting, dead []capture.Item) error {
	tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "%s: %d waiting (%d bytes), %d dead letters (%d bytes), at most %d bytes\n", st.Path, st.Queued, st.Bytes, st.Dead, st.DeadBytes, st.MaxBytes)
	for _, file := range st.Damaged {
		fmt.Fprintf(tw, "DAMAGED: the events in %s are not sent; recover what is in it, or delete it\n", file)
	}
	for _, d := range st.Destinations {
		if d.LastError == "" {
			continue
		}
		state := "trouble"
		if d.Paused {
			state = "PAUSED"
		}
		fmt.Fprintf(tw, "%s: %s at %s: %q, next try %s\n", d.Host, state, when(d.LastErrorAt), d.LastError, when(d.NextTry))
	}
	for i, it := range waiting {
		if i == 0 {
			fmt.Fprintln(tw, "\nWAITING\tEVENT\tHOST\tTIMESTAMP\tATTEMPTS")
		}
		fmt.Fprintf(tw, "%s\t%q\t%s\t%s\t%d\n", it.UUID, it.Event, it.Host, it.Time.Format(time.RFC3339), it.Attempts)
	}
	for i, it := range dead {
		if i == 0 {
			fmt.Fprintln(tw, "\nDEAD LETTER\tEVENT\tHOST\tTIMESTAMP\tREASON")
		}
		fmt.Fprintf(tw, "%s\t%q\t%s\t%s\t%s: %q\n", it.UUID, it.Event, it.Host, it.Time.Format(time.RFC3339), it.Kind, it.Reason)
	}
	return tw.Flush()
}

func when(t *time.Time) string {
	if t == nil {
		return "unknown"
	}
	return t.Format(time.RFC3339)
}

type outboxFlushCmd struct {
	outboxBase
	Wait time.Duration `default:"1m" help:"Longest time to wait for PostHog."`
}

// Run sends what waits; exit code 1 when something is left.
func (c *outboxFlushCmd) Run(ctx context.Context, w *world) error {
	client, box, err := c.open(w)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	before, err := box.Status(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	if before.Queued > 0 {
		if err := client.FlushOutbox(ctx); err != nil {
			return err
		}
	}
	after, err := box.Status(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.out, "%d events sent, %d new dead letters, %d waiting for other projects\n",
		before.Queued-after.Queued-(after.Dead-before.Dead), after.Dead-before.Dead, after.Queued)
	return err
}

type outboxDropCmd struct {
	outboxBase
	UUID    []string `arg:"" optional:"" help:"Events to remove, waiting or dead."`
	Dead    bool     `help:"Remove every dead letter."`
	Waiting bool     `help:"Remove every waiting event. They are lost."`
}

// Run removes what was named, and nothing without a name.
func (c *outboxDropCmd) Run(ctx context.Context, w *world) error {
	if len(c.UUID) == 0 && !c.Dead && !c.Waiting {
		return &usageError{errors.New("outbox drop: name UUIDs, or give --dead or --waiting")}
	}
	client, box, err := c.open(w)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	total := 0
	for _, part := range []struct {
		on   bool
		drop func() (int, error)
	}{
		{len(c.UUID) > 0, func() (int, error) { return box.Drop(ctx, c.UUID...) }},
		{c.Dead, func() (int, error) { return box.DropDead(ctx) }},
		{c.Waiting, func() (int, error) { return box.DropQueued(ctx) }},
	} {
		if !part.on {
			continue
		}
		n, err := part.drop()
		if err != nil {
			return err
		}
		total += n
	}
	_, err = fmt.Fprintf(w.out, "%d events removed\n", total)
	return err
}

type outboxRequeueCmd struct {
	outboxBase
	UUID []string `arg:"" optional:"" help:"Dead letters to send again; default: all."`
}

// Run moves dead letters back to the events that wait.
func (c *outboxRequeueCmd) Run(ctx context.Context, w *world) error {
	client, box, err := c.open(w)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	n, err := box.Requeue(ctx, c.UUID...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.out, "%d events wait again; posthog-mcp outbox flush sends them now\n", n)
	return err
}
