package data

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Names of the files that [Snapshot.Dump] writes.
const (
	DumpPersons = "persons.ndjson"
	DumpEvents  = "events.ndjson"
)

// Dump writes what the store holds now, as [Snapshot.Dump] does.
func (s *Store) Dump(dir string) error { return s.Snapshot().Dump(context.Background(), dir) }

// Dump writes the snapshot into a directory as two files of JSON lines, one
// person or event a line, so that any other engine can be asked the same
// questions. The directory is made if need be; each file (mode 0600) appears
// only when it is complete.
func (s *Snapshot) Dump(ctx context.Context, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if err := writeFile(root, DumpPersons, func(w io.Writer) error { return s.WritePersons(ctx, w) }); err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	if err := writeFile(root, DumpEvents, func(w io.Writer) error { return s.WriteEvents(ctx, w) }); err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	return nil
}

// writeFile writes beside the name and renames at the end.
func writeFile(root *os.Root, name string, write func(io.Writer) error) error {
	partial := name + ".partial"
	f, err := root.OpenFile(partial, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = root.Rename(partial, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(partial))
	}
	return nil
}

// WritePersons writes one JSON line a person: kind, id, created_at,
// distinct_ids, is_identified and properties.
func (s *Snapshot) WritePersons(ctx context.Context, w io.Writer) error {
	var line lineWriter
	for _, p := range s.Persons {
		if err := ctx.Err(); err != nil {
			return err
		}
		line.begin("person")
		line.value("id", p.ID.String())
		line.time("created_at", p.CreatedAt)
		line.value("distinct_ids", p.DistinctIDs)
		line.value("is_identified", p.IsIdentified)
		line.properties(&p.Properties)
		if err := line.end(w); err != nil {
			return err
		}
	}
	return nil
}

// WriteEvents writes one JSON line an event: kind, uuid, event, timestamp,
// created_at, distinct_id, person_id, elements_chain and properties.
func (s *Snapshot) WriteEvents(ctx context.Context, w io.Writer) error {
	var line lineWriter
	for _, e := range s.Events {
		if err := ctx.Err(); err != nil {
			return err
		}
		line.begin("event")
		line.value("uuid", e.UUID.String())
		line.value("event", e.Event)
		line.time("timestamp", e.Timestamp)
		line.time("created_at", e.CreatedAt)
		line.value("distinct_id", e.DistinctID)
		line.value("person_id", e.Person.ID.String())
		if e.ElementsChain != "" {
			line.value("elements_chain", e.ElementsChain)
		}
		line.properties(&e.Properties)
		if err := line.end(w); err != nil {
			return err
		}
	}
	return nil
}

// lineWriter builds one JSON object after another in the same buffer.
type lineWriter struct {
	buf []byte
	err error
}

func (l *lineWriter) begin(kind string) {
	l.buf = append(l.buf[:0], `{"kind":"`+kind+`"`...)
}

func (l *lineWriter) time(key string, t time.Time) {
	l.buf = append(l.buf, `,"`+key+`":"`...)
	l.buf = t.UTC().AppendFormat(l.buf, "2006-01-02T15:04:05.000000Z")
	l.buf = append(l.buf, '"')
}

func (l *lineWriter) value(key string, v any) {
	l.buf = append(l.buf, ',')
	l.json(key)
	l.buf = append(l.buf, ':')
	l.json(v)
}

func (l *lineWriter) json(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		l.err = err
	}
	l.buf = append(l.buf, b...)
}

func (l *lineWriter) properties(p *Properties) {
	l.buf = append(l.buf, `,"properties":`...)
	mark := len(l.buf)
	for key, value := range p.All() {
		l.value(key, value)
	}
	if len(l.buf) == mark {
		l.buf = append(l.buf, '{')
	} else {
		l.buf[mark] = '{' // the first comma
	}
	l.buf = append(l.buf, '}')
}

func (l *lineWriter) end(w io.Writer) error {
	if l.err != nil {
		return l.err
	}
	l.buf = append(l.buf, '}', '\n')
	_, err := w.Write(l.buf)
	return err
}
