package quota

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sqliteAt gives a process's view of a file, with a clock that a test can set
// off.
func sqliteAt(t *testing.T, path string, off time.Duration) *sqliteStore {
	t.Helper()
	s := newSQLite(SQLiteConfig{Path: path, Scope: "s"})
	real := s.clock
	s.clock = func() time.Duration { return real() + off }
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestSQLiteOpensNothingBeforeTheFirstRequest(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "q.db")
	s := NewSQLite(SQLiteConfig{Path: path})
	_, err := os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, s.Close())

	s = closing(t, NewSQLite(SQLiteConfig{Path: path}))
	grab(t, s, Window{"m", 1, time.Minute})
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestSQLiteRemembersOverARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "q.db")
	h := Window{"h", 10, time.Hour}
	a := NewSQLite(SQLiteConfig{Path: path})
	require.NoError(t, a.Stamp(t.Context(), grab(t, a, h), 30*time.Minute))
	grab(t, a, h) // killed with this under way
	require.NoError(t, a.Close())

	b := closing(t, NewSQLite(SQLiteConfig{Path: path}))
	u := useOf(t, b, h)
	require.Equal(t, 1, u.Used)
	require.Equal(t, 1, u.Reserved)
	require.Zero(t, u.Mine)
	require.InDelta(t, 3600, u.FullReset.Seconds(), 2)
}

func TestSQLiteSurvivesJumpsOfTheClock(t *testing.T) {
	t.Parallel()
	m, h := Window{"m", 2, time.Minute}, Window{"h", 3, time.Hour}
	cases := map[string]time.Duration{"forward": time.Hour, "back": -time.Hour, "a little": 30 * time.Second}
	for name, off := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "q.db")
			// Two processes that started on either side of the jump.
			a, b := sqliteAt(t, path, 0), sqliteAt(t, path, off)
			require.Zero(t, useOf(t, b, m).Used)
			require.NoError(t, a.Stamp(t.Context(), grab(t, a, m, h), 0))
			require.NoError(t, b.Stamp(t.Context(), grab(t, b, m, h), 0))
			for _, s := range []*sqliteStore{a, b} {
				g, err := s.Reserve(t.Context(), Ask{Windows: []Window{m, h}})
				require.NoError(t, err)
				require.False(t, g.OK, "both requests count for both")
				require.LessOrEqual(t, g.Wait, time.Minute+time.Second, "and no longer than their window")
				require.Equal(t, 2, useOf(t, s, h).Used)
			}
		})
	}
	t.Run("back, and everybody restarts", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "q.db")
		a := sqliteAt(t, path, time.Hour)
		require.NoError(t, a.Stamp(t.Context(), grab(t, a, m), 0))
		b := sqliteAt(t, path, 0)
		u := useOf(t, b, m)
		require.Equal(t, 1, u.Used)
		require.LessOrEqual(t, u.FullReset, time.Minute+time.Second, "a request of the future counts from now")
	})
}

func TestSQLiteMovesADamagedFileAside(t *testing.T) {
	t.Parallel()
	m := Window{"m", 5, time.Minute}
	for name, damage := range map[string]string{"no database": "these are not the rows you are looking for", "half a header": "SQLite format 3\x00\x10"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "q.db")
			require.NoError(t, os.WriteFile(path, []byte(damage), 0o600))
			var logs bytes.Buffer
			s := closing(t, NewSQLite(SQLiteConfig{Path: path, Logger: slog.New(slog.NewTextHandler(&logs, nil))}))
			grab(t, s, m)
			require.False(t, s.Degraded())
			require.Contains(t, logs.String(), "damaged")
			aside, err := filepath.Glob(path + ".damaged-*")
			require.NoError(t, err)
			require.Len(t, aside, 1)
			kept, err := os.ReadFile(aside[0])
			require.NoError(t, err)
			require.Equal(t, damage, string(kept))
		})
	}
}

func TestSQLiteKeepsItsMemoryWhenTheFileGoes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "q.db")
	m := Window{"m", 3, time.Minute}
	s := sqliteAt(t, path, 0)
	pending := grab(t, s, m)
	require.NoError(t, s.Stamp(t.Context(), grab(t, s, m), 0))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.Remove(path+suffix))
	}
	s.looked = 0 // it looks every two seconds
	grab(t, s, m)
	g, err := s.Reserve(t.Context(), Ask{Windows: []Window{m}})
	require.NoError(t, err)
	require.False(t, g.OK)
	require.NoError(t, s.Stamp(t.Context(), pending, 0))
	_, err = os.Stat(path)
	require.NoError(t, err)
}

func TestSQLiteThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	h := Window{"h", 10, time.Hour}
	var logs bytes.Buffer
	s := closing(t, NewSQLite(SQLiteConfig{
		Path: filepath.Join(t.TempDir(), "no", "such", "directory", "q.db"), Logger: slog.New(slog.NewTextHandler(&logs, nil)),
	}))
	ticket := grab(t, s, h)
	require.True(t, s.Degraded())
	require.Equal(t, 1, bytes.Count(logs.Bytes(), []byte("level=WARN")))
	require.NoError(t, s.Stamp(t.Context(), ticket, 0))
	u := useOf(t, s, h)
	require.Equal(t, 6, u.Used, "nobody knows of the last hour: half of it counts as used")
	release, err := mustLimiter(t, s).Hold(t.Context(), "query", 1)
	require.NoError(t, err)
	release()
}

func mustLimiter(t *testing.T, s Store) *Limiter {
	t.Helper()
	l, err := New(Config{Store: s})
	require.NoError(t, err)
	return l
}

func TestSQLiteOfANewerProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "q.db")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.Exec("PRAGMA user_version = 99")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	s := newSQLite(SQLiteConfig{Path: path})
	_, err = s.Reserve(t.Context(), Ask{Windows: []Window{{"m", 1, time.Minute}}})
	require.ErrorContains(t, err, "format 99")
	require.NoError(t, s.Close())
}

func TestSQLiteWaitsForTheLockAsLongAsItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "q.db")
	s := sqliteAt(t, path, 0)
	m := Window{"m", 5, time.Minute}
	grab(t, s, m)
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close() //nolint:errcheck // the test is over
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close() //nolint:errcheck // the test is over
	_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = s.Reserve(ctx, Ask{Windows: []Window{m}})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 500*time.Millisecond)
	_, err = s.Reserve(t.Context(), Ask{Windows: []Window{m}})
	require.ErrorContains(t, err, "lock")
	_, err = conn.ExecContext(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	grab(t, s, m)
}

func TestSQLiteForgetsOldRows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "q.db")
	m := Window{"m", 1000, time.Minute}
	past := sqliteAt(t, path, -3*time.Hour)
	for range 50 {
		require.NoError(t, past.Stamp(t.Context(), grab(t, past, m), 0))
	}
	now := sqliteAt(t, path, 0)
	grab(t, now, m)
	var rows int
	require.NoError(t, now.file.conn.QueryRowContext(t.Context(), "SELECT count(*) FROM entry").Scan(&rows))
	require.LessOrEqual(t, rows, 2)
	require.NotZero(t, rows)
}

// FuzzQuotaFile reads files that hold anything: no panic, no wait beyond a
// window, never more slots than the window has.
func FuzzQuotaFile(f *testing.F) {
	f.Add(int64(1), int64(1), int64(0), int64(0), int64(0), int64(0), "m=60000", int64(0))
	f.Add(int64(2), int64(7), int64(1<<62), int64(-1<<62), int64(1<<62), int64(5), "m=60000,h=3600000", int64(3))
	f.Add(int64(5), int64(0), int64(1), int64(1), int64(1), int64(-4), "m=x,=5,h", int64(-1))
	f.Add(int64(4), int64(-9), int64(1), int64(1), int64(1<<61), int64(9), "m=60000", int64(1<<40))
	f.Fuzz(func(t *testing.T, kind, id, made, at, until, phantoms int64, spec string, learned int64) {
		path := filepath.Join(t.TempDir(), "q.db")
		s := newSQLite(SQLiteConfig{Path: path, Scope: "s"})
		defer s.Close() //nolint:errcheck // the fuzz is over
		m := Window{"m", 3, time.Minute}
		g, err := s.Reserve(t.Context(), Ask{Windows: []Window{m}})
		require.NoError(t, err)
		require.True(t, g.OK)
		_, err = s.file.conn.ExecContext(t.Context(), `INSERT INTO entry (seq, id, scope, kind, owner, priority, made, at, until, phantoms, low, learned, spec, keep)
			VALUES ((SELECT max(seq) + 1 FROM entry), ?, 's', ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, 0)`, id, kind, learned, made, at, until, phantoms, phantoms, learned, spec)
		require.NoError(t, err)
		granted := 1
		for range 4 {
			g, err := s.Reserve(t.Context(), Ask{Windows: []Window{m}})
			require.NoError(t, err)
			if !g.OK {
				require.LessOrEqual(t, g.Wait, forgetLesson+time.Minute)
				break
			}
			granted++
		}
		require.LessOrEqual(t, granted, 3+1) // a foreign row may have ended the first
		_, err = s.Usage(t.Context(), []Window{m})
		require.NoError(t, err)
	})
}

func BenchmarkSQLite(b *testing.B) {
	s := NewSQLite(SQLiteConfig{Path: filepath.Join(b.TempDir(), "q.db"), Scope: "x"})
	defer s.Close() //nolint:errcheck // the benchmark is over
	benchStore(b, s)
}

func BenchmarkMemory(b *testing.B) { benchStore(b, NewMemory()) }

// benchStore takes and ends slots of windows that hold a day's work.
func benchStore(b *testing.B, s Store) {
	windows := []Window{{"m", 1 << 30, time.Minute}, {"h", 1 << 30, time.Hour}}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		g, err := s.Reserve(ctx, Ask{Windows: windows})
		if err != nil || !g.OK {
			b.Fatal(g, err)
		}
		if err := s.Stamp(ctx, g.Ticket, 0); err != nil {
			b.Fatal(err)
		}
	}
}
