package quota

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite" // also registers the "sqlite" driver
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteSchema is the version of the file's format.
const sqliteSchema = 1

// busyFor is how long to wait for the file's lock, which is held for a
// fraction of a millisecond: longer means that something is wrong.
const busyFor = time.Second

// sqliteFile is the open file: one connection with its statements.
type sqliteFile struct {
	db   *sql.DB
	conn *sql.Conn

	beginStmt, commitStmt, sinceStmt, insertStmt, updateStmt *sql.Stmt
}

// openSQLite opens or makes the file, readable by its owner only.
func openSQLite(ctx context.Context, path string) (_ *sqliteFile, err error) {
	if err := makePrivate(path); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dsn := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(abs)}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	f := &sqliteFile{db: db}
	defer func() {
		if err != nil {
			_ = f.close()
		}
	}()
	if f.conn, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	// Several processes that make the file at once are in each other's way.
	if err = whileBusy(ctx, func() error { return f.setUp(ctx) }); err != nil {
		return nil, err
	}
	for _, s := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&f.beginStmt, "BEGIN IMMEDIATE"},
		{&f.commitStmt, "COMMIT"},
		{&f.sinceStmt, `SELECT seq, id, kind, owner, priority, made, at, until, phantoms, low, learned, spec
			FROM entry WHERE seq > ? AND scope = ? ORDER BY seq`},
		{&f.insertStmt, `INSERT INTO entry (seq, id, scope, kind, owner, priority, made, at, until, phantoms, low, learned, spec, keep)
			VALUES ((SELECT coalesce(max(seq), 0) + 1 FROM entry), 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&f.updateStmt, `UPDATE entry SET seq = (SELECT max(seq) + 1 FROM entry), id = ?, kind = ?, made = ?, at = ?, until = ?, low = ?, spec = ?, keep = ?
			WHERE seq = ? RETURNING seq`},
	} {
		if *s.to, err = f.conn.PrepareContext(ctx, s.text); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// makePrivate makes the file when it is not there. One that is there is not
// touched: closing it would end the locks that this process has on it.
func makePrivate(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// setUp prepares the connection and, in a new file, the table.
func (f *sqliteFile) setUp(ctx context.Context) error {
	for _, pragma := range []string{
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = NORMAL", // a crash of the machine may cost the latest rows, never the file
		"PRAGMA journal_size_limit = 1048576",
		"PRAGMA cache_size = -512",
	} {
		if err := f.exec(ctx, pragma); err != nil {
			return err
		}
	}
	version := func() (v int, err error) {
		return v, f.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v)
	}
	v, err := version()
	if err != nil {
		return err
	}
	if v == 0 {
		if err := f.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
			return err
		}
		if v, err = version(); err == nil && v == 0 { // nobody else made it meanwhile
			v, err = sqliteSchema, f.exec(ctx, fmt.Sprintf(`
				CREATE TABLE IF NOT EXISTS entry (
					seq INTEGER PRIMARY KEY, id INTEGER NOT NULL, scope TEXT NOT NULL, kind INTEGER NOT NULL,
					owner INTEGER NOT NULL, priority INTEGER NOT NULL, made INTEGER NOT NULL, at INTEGER NOT NULL,
					until INTEGER NOT NULL, phantoms INTEGER NOT NULL, low INTEGER NOT NULL, learned INTEGER NOT NULL,
					spec TEXT NOT NULL, keep INTEGER NOT NULL);
				PRAGMA user_version = %d`, sqliteSchema))
		}
		if err != nil {
			f.rollback()
			return err
		}
		if err := f.exec(ctx, "COMMIT"); err != nil {
			return err
		}
	}
	if v != sqliteSchema {
		return fmt.Errorf("the file has format %d, this program knows %d; name another file", v, sqliteSchema)
	}
	return nil
}

func (f *sqliteFile) exec(ctx context.Context, text string) error {
	_, err := f.conn.ExecContext(ctx, text)
	return err
}

func (f *sqliteFile) close() error {
	if f.conn == nil {
		return f.db.Close()
	}
	return errors.Join(f.conn.Close(), f.db.Close())
}

// The statements below run on a context without end: one that can end costs a
// goroutine each, and they take microseconds.

// begin takes the write lock.
func (f *sqliteFile) begin(ctx context.Context) error {
	return whileBusy(ctx, func() error {
		_, err := f.beginStmt.ExecContext(context.Background())
		return err
	})
}

// whileBusy tries again while others have the file, as long as ctx lasts.
func whileBusy(ctx context.Context, try func() error) error {
	pause := 200 * time.Microsecond
	for start := time.Now(); ; {
		err := try()
		if !isCode(err, sqlite3.SQLITE_BUSY) {
			return err
		}
		if time.Since(start) > busyFor {
			return fmt.Errorf("another process has held its lock for %s: %w", busyFor, err)
		}
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		pause = min(2*pause, 4*time.Millisecond)
	}
}

func (f *sqliteFile) commit() error {
	_, err := f.commitStmt.ExecContext(context.Background())
	return err
}

func (f *sqliteFile) rollback() {
	_ = f.exec(context.Background(), "ROLLBACK") // fails when nothing was begun
}

// since gives the rows of the scope after a seq.
func (f *sqliteFile) since(scope Scope, seq int64, each func(row)) error {
	rows, err := f.sinceStmt.QueryContext(context.Background(), seq, string(scope))
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err below says it
	for rows.Next() {
		var r row
		var kind, priority, made, at, until, learned int64 // plain numbers are read without reflection
		if err := rows.Scan(&r.seq, &r.id, &kind, &r.owner, &priority, &made, &at, &until, &r.phantoms, &r.limit, &learned, &r.spec); err != nil {
			return err
		}
		r.kind, r.priority, r.learned = rowKind(kind), Priority(priority), learned != 0
		r.made, r.at, r.until = time.Duration(made), time.Duration(at), time.Duration(until)
		if r.id == 0 {
			r.id = r.seq
		}
		each(r)
	}
	return rows.Err()
}

func (f *sqliteFile) insert(scope Scope, r row) (seq int64, err error) {
	res, err := f.insertStmt.ExecContext(context.Background(), string(scope), int(r.kind), r.owner, int(r.priority), int64(r.made),
		int64(r.at), int64(r.until), r.phantoms, r.limit, r.learned, r.spec, int64(r.keep()))
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

func (f *sqliteFile) update(from int64, r row) (seq int64, err error) {
	err = f.updateStmt.QueryRowContext(context.Background(), r.id, int(r.kind), int64(r.made), int64(r.at), int64(r.until), r.limit, r.spec, int64(r.keep()), from).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, errRowGone
	}
	return seq, err
}

// errRowGone says that a row of ours was cleared by somebody.
var errRowGone = errors.New("a row of this process is gone from the file")

// clean deletes what everybody has forgotten. The newest row stays: the next
// one must have a number that nobody has seen.
func (f *sqliteFile) clean(now time.Duration) error {
	_, err := f.conn.ExecContext(context.Background(), "DELETE FROM entry WHERE keep < ? AND seq < (SELECT max(seq) FROM entry)", int64(now))
	return err
}

// isCode tells SQLite's result codes, the extended ones by their base.
func isCode(err error, code int) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == code
}

// withFile runs f on the open file. A damaged file is moved aside and a new
// one begun, once; the model in memory stays.
func (s *sqliteStore) withFile(ctx context.Context, f func() error) error {
	if s.closed {
		return errors.New("the store is closed")
	}
	if now := s.clock(); s.file != nil && now-s.looked > sqliteLook {
		s.looked = now
		if info, err := os.Stat(s.path); err != nil || !os.SameFile(info, s.info) {
			_ = s.shutFile() // somebody moved or deleted it
		}
	}
	for again := false; ; again = true {
		err := s.openFile(ctx)
		if err == nil {
			err = f()
		}
		damaged := isCode(err, sqlite3.SQLITE_CORRUPT) || isCode(err, sqlite3.SQLITE_NOTADB)
		if again || !damaged {
			return err
		}
		if moveErr := s.moveAside(); moveErr != nil {
			return errors.Join(err, moveErr)
		}
	}
}

func (s *sqliteStore) openFile(ctx context.Context) error {
	if s.file != nil {
		return nil
	}
	s.info, _ = os.Stat(s.path)
	f, err := openSQLite(ctx, s.path)
	if err != nil {
		return err
	}
	if s.info, err = os.Stat(s.path); err != nil {
		return errors.Join(err, f.close())
	}
	s.file = f
	if s.last > 0 { // another file than before: its rows have numbers of their own
		s.last, s.synced = 0, 0
		clear(s.open)
		s.ledger.disown()
	}
	return nil
}

// moveAside keeps a damaged file for whoever wants to look at it.
func (s *sqliteStore) moveAside() error {
	_ = s.shutFile()
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // another process has done it
	case err != nil:
		return err
	case s.info != nil && !os.SameFile(info, s.info):
		return nil // and begun a new one
	}
	to := fmt.Sprintf("%s.damaged-%d", s.path, time.Now().Unix())
	if err := os.Rename(s.path, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(s.path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	s.log.LogAttrs(context.Background(), slog.LevelWarn, "the quota file is damaged; it was moved aside and a new one begun",
		slog.String("file", s.path), slog.String("moved_to", to))
	return nil
}
