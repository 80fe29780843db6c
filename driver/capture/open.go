package capture

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite" // registers the driver "sqlite"
)

// SQLite's primary result codes that decide how to go on.
const (
	codeCorrupt = 11
	codeNotADB  = 26
)

// errDamaged marks a file that is no outbox any more.
var errDamaged = errors.New("the file is damaged")

// damaged reports whether an error means that the file itself is broken,
// rather than the disk full or the folder read-only.
func damaged(err error) bool {
	if errors.Is(err, errDamaged) {
		return true
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code()&0xff == codeCorrupt || e.Code()&0xff == codeNotADB)
}

// store is an open outbox file.
type store struct {
	db   *sql.DB
	base string      // the outbox's path
	path string      // this file, see current
	file os.FileInfo // which file it is, to notice when it is replaced
}

// current gives the file in use. A damaged file stays where it is, since other
// processes may have it open, and SQLite removes its log by name; the next one
// has a number: outbox.db, outbox.db.2 and so on.
func current(path string) (file string, n int) {
	file, n = path, 1
	for {
		next := generation(path, n+1)
		if _, err := os.Stat(next); err != nil {
			return file, n
		}
		file, n = next, n+1
	}
}

func generation(path string, n int) string {
	if n <= 1 {
		return path
	}
	return fmt.Sprintf("%s.%d", path, n)
}

// openStore opens or makes the outbox. After a damaged file a new one is
// begun; lost names the damaged one, "" when there was none.
func openStore(ctx context.Context, path string) (s *store, lost string, err error) {
	for range 4 {
		file, n := current(path)
		s, err = openFile(ctx, file)
		if err == nil {
			s.base = path
			return s, lost, nil
		}
		if !damaged(err) {
			return nil, lost, err
		}
		lost = file
		f, makeErr := os.OpenFile(generation(path, n+1), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		switch {
		case makeErr == nil:
			if err := f.Close(); err != nil {
				return nil, lost, err
			}
		case !errors.Is(makeErr, os.ErrExist): // else another process was faster
			return nil, lost, errors.Join(err, makeErr)
		}
	}
	return nil, lost, err
}

// openFile opens the file and makes sure that it is a sound outbox of ours.
func openFile(ctx context.Context, path string) (*store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// Events hold personal data: nobody else may read them.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // one writer at a time is all that SQLite offers
	s := &store{db: db, path: path, file: info}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// dsn names the file for the driver. FULL makes every commit of a write-ahead
// log reach the disk; without it an acknowledged event could vanish with the
// power.
func dsn(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // a drive letter
		path = "/" + path
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: "_txlock=immediate&_pragma=busy_timeout(10000)" +
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=fullfsync(1)&_pragma=trusted_schema(0)"}
	return u.String()
}

// prepare checks what kind of file it is and makes the tables of an empty one.
func (s *store) prepare(ctx context.Context) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var app, version, tables int
	if err := tx.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`).Scan(&app, &version, &tables); err != nil {
		return err
	}
	switch {
	case app == 0 && version == 0 && tables == 0:
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("%s; PRAGMA application_id = %d; PRAGMA user_version = %d", schema, applicationID, schemaVersion)); err != nil {
			return err
		}
	case app != applicationID:
		return errors.New("it is a database of another program; choose another path")
	case version > schemaVersion:
		return fmt.Errorf("it was written by a newer version (format %d, this one knows %d); update posthog-mcp or choose another path", version, schemaVersion)
	case version != schemaVersion:
		return fmt.Errorf("%w: format %d", errDamaged, version)
	default:
		if err := check(ctx, tx); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// check reads the whole file once: it is small, and a damaged page found now
// costs less than one found after events were promised to be safe in it.
func check(ctx context.Context, tx *sql.Tx) error {
	var verdict string
	if err := tx.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, verdict)
	}
	for _, probe := range probes() {
		rows, err := tx.QueryContext(ctx, probe)
		if err == nil {
			err = errors.Join(rows.Err(), rows.Close())
		}
		if err != nil {
			return damagedUnless(ctx, err)
		}
	}
	var objects int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND name IN ('queue_in', 'queue_out', 'dead_in', 'dead_out')`).Scan(&objects); err != nil {
		return err
	}
	if objects != 4 {
		return fmt.Errorf("%w: %d of 4 triggers", errDamaged, objects)
	}
	if _, err := tx.ExecContext(ctx, recount); err != nil {
		return damagedUnless(ctx, err)
	}
	return nil
}

// damagedUnless takes a failed statement for damage, except when it was the
// caller who gave up or the disk that is full.
func damagedUnless(ctx context.Context, err error) error {
	const codeError = 1 // no such table, no such column
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code()&0xff == codeError && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return err
}

// replaced reports whether the outbox is in another file by now, or in none:
// then what is written here would not be sent.
func (s *store) replaced() bool {
	file, _ := current(s.base)
	return file != s.path || s.removed()
}

// removed reports whether the name means another file by now, or none.
func (s *store) removed() bool {
	info, err := os.Stat(s.path)
	return err != nil || !os.SameFile(info, s.file)
}

func (s *store) close() error {
	if s.removed() {
		s.leaveLog()
	}
	return s.db.Close()
}

// leaveLog keeps SQLite from removing the log by its name, which may be that
// of another file's log by now.
func (s *store) leaveLog() {
	ctx := context.Background()
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return // closed already
	}
	defer func() { _ = conn.Close() }()
	_ = conn.Raw(func(c any) error {
		if fc, ok := c.(sqlite.FileControl); ok {
			_, err := fc.FileControlPersistWAL("main", 1)
			return err
		}
		return nil
	})
}
