package capture

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// filled gives the bytes of an outbox file with a few events in it.
func filled(t testing.TB) []byte {
	t.Helper()
	r := &receiver{}
	r.set(always(errors.New("down")))
	o := open(t, r)
	require.NoError(t, o.Add(t.Context(), here(), append(events(6), sized(7, 9000))...))
	closeNow(t, o) // the last one to close folds the log into the file
	b, err := os.ReadFile(o.Path())
	require.NoError(t, err)
	require.Greater(t, len(b), 20_000)
	return b
}

func place(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "outbox.db")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func TestAfterADamagedFileANewOneIsBegun(t *testing.T) {
	t.Parallel()
	good := filled(t)
	broken := map[string][]byte{
		"garbage":       bytes.Repeat([]byte("not a database "), 1000),
		"cut off":       good[:9000],
		"header lost":   append(make([]byte, 100), good[100:]...),
		"page lost":     append(append(bytes.Clone(good[:4096]), make([]byte, 4096)...), good[8192:]...),
		"table renamed": bytes.ReplaceAll(good, []byte("queue"), []byte("qu3ue")),
		"trigger lost":  bytes.Replace(good, []byte("queue_out"), []byte("queue_uot"), 2),
	}
	for name, content := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := place(t, content)
			o := open(t, &receiver{}, at(path))
			ev := event(1)
			require.NoError(t, o.Add(t.Context(), here(), ev))
			require.Equal(t, []string{path}, status(t, o).Damaged)
			require.FileExists(t, path+".2")
			kept, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, content[100:], kept[100:], "nothing of the damaged file is thrown away")
			require.NoError(t, o.Flush(t.Context()))
			require.Equal(t, []State{Accepted}, states(t, o, ev))
		})
	}
}

func TestSeveralFindersOfDamageKeepOneFile(t *testing.T) {
	t.Parallel()
	path := place(t, bytes.Repeat([]byte("garbage!"), 4000))
	r := &receiver{}
	r.set(always(errors.New("down")))
	var wg sync.WaitGroup
	for range 6 {
		o := open(t, r, at(path))
		wg.Go(func() {
			if err := o.Add(context.Background(), here(), event(1)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	o := open(t, r, at(path))
	require.Equal(t, 6, status(t, o).Queued, "nobody wrote into a file that was given up")
	require.Equal(t, []string{path}, status(t, o).Damaged)
	require.FileExists(t, path+".2")
	require.NoFileExists(t, path+".3")
}

func TestAFileThatIsNotOursIsLeftAlone(t *testing.T) {
	t.Parallel()
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	db, err := sql.Open("sqlite", foreign)
	require.NoError(t, err)
	_, err = db.Exec(`CREATE TABLE recipes (name TEXT)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	newer := place(t, filled(t))
	db, err = sql.Open("sqlite", newer)
	require.NoError(t, err)
	_, err = db.Exec(`PRAGMA user_version = 2`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	for path, says := range map[string]string{foreign: "another program", newer: "newer version"} {
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		o := open(t, &receiver{}, at(path))
		var broken *StoreError
		require.ErrorAs(t, o.Add(t.Context(), here(), event(1)), &broken)
		require.ErrorContains(t, broken, says)
		st, err := o.Status(t.Context())
		require.Error(t, err)
		require.Contains(t, st.Problem, says)
		closeNow(t, o)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, before[100:], after[100:], "only the journal mode in its header may change")
	}
}

func TestADamagedEventIsNotSent(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	path := place(t, bytes.Replace(filled(t), []byte(`"event":"e3"`), []byte(`"event":"e9"`), 1))
	o := open(t, r, at(path))
	o.Serve(here())
	require.NoError(t, o.Flush(t.Context()))
	require.Len(t, r.sent(), 6)
	dead, err := o.ListDead(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, dead, 1)
	require.Equal(t, "damaged", dead[0].Kind)
	n, err := o.Requeue(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "it cannot be sent any more")
}

func TestARemovedFileIsNoticed(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	r.set(always(errors.New("down")))
	o := open(t, r)
	require.NoError(t, o.Add(t.Context(), here(), event(1)))
	require.NoError(t, os.RemoveAll(filepath.Dir(o.Path())))
	ev := event(2)
	require.NoError(t, o.Add(t.Context(), here(), ev))
	other := open(t, r, at(o.Path()))
	items, err := other.List(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, items, 1, "what was acknowledged is in the file that the path names")
	require.Equal(t, ev.UUID, items[0].UUID)
}

// FuzzDamagedFile holds the loader to its promise over any damage: no panic,
// and an event that is acknowledged is there and can be sent.
func FuzzDamagedFile(f *testing.F) {
	good := filled(f)
	f.Add(uint32(0), []byte("SQLite"), uint32(len(good)))
	f.Add(uint32(60), []byte{0, 0, 0, 9}, uint32(len(good)))
	f.Add(uint32(100), []byte{13, 0, 0, 255, 255}, uint32(len(good)))
	f.Add(uint32(4096), []byte{0, 1, 2, 3, 4, 5, 6, 7, 8}, uint32(len(good)))
	f.Add(uint32(9000), bytes.Repeat([]byte{255}, 600), uint32(len(good)))
	f.Add(uint32(28), []byte{0, 0, 0, 1}, uint32(5000))
	f.Add(uint32(20_000), []byte(`"`), uint32(len(good)-4096))
	for i := range uint32(12) {
		f.Add(i*2711+17, []byte{0x80, 0xff}, uint32(len(good)))
	}
	f.Fuzz(func(t *testing.T, offset uint32, patch []byte, size uint32) {
		content := bytes.Clone(good)
		copy(content[offset%uint32(len(content)):], patch)
		path := place(t, content[:min(int(size), len(content))])
		r := &receiver{}
		o := open(t, r, at(path))
		ev := event(1)
		if err := o.Add(t.Context(), here(), ev); err != nil {
			var broken *StoreError
			require.ErrorAs(t, err, &broken)
			return
		}
		if err := o.Flush(t.Context()); err != nil {
			return // damage found later is an error too, never a silent loss
		}
		require.Contains(t, r.sent(), ev.UUID)
		status(t, o)
	})
}
