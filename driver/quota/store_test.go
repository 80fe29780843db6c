package quota

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"
)

// maker opens the same store again and again, as processes do. The memory
// store is the same one each time.
type maker func(t *testing.T) Store

// everyStore runs a test against each kind of store, as two processes see it.
func everyStore(t *testing.T, f func(t *testing.T, open maker)) {
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		m := NewMemory()
		f(t, func(*testing.T) Store { return m })
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "q.db")
		f(t, func(t *testing.T) Store { return closing(t, NewSQLite(SQLiteConfig{Path: path, Scope: "s"})) })
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		url := "redis://" + miniredis.RunT(t).Addr()
		f(t, func(t *testing.T) Store { return openRedis(t, url) })
	})
	t.Run("real redis", func(t *testing.T) {
		t.Parallel()
		url := realRedis(t).url()
		f(t, func(t *testing.T) Store { return openRedis(t, url) })
	})
}

func closing(t *testing.T, s Store) Store {
	t.Helper()
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func openRedis(t *testing.T, url string) Store {
	t.Helper()
	s, err := NewRedis(RedisConfig{URL: url, Scope: "s", Timeout: time.Second})
	require.NoError(t, err)
	return closing(t, s)
}

func grab(t *testing.T, s Store, windows ...Window) Ticket {
	t.Helper()
	g, err := s.Reserve(t.Context(), Ask{Windows: windows, Lease: time.Minute})
	require.NoError(t, err)
	require.True(t, g.OK, "%+v", g)
	return g.Ticket
}

func useOf(t *testing.T, s Store, w Window) Usage {
	t.Helper()
	time.Sleep(sqliteStale) // a picture may be this old
	all, err := s.Usage(t.Context(), []Window{w})
	require.NoError(t, err)
	return all[0]
}

func TestStoresCountForEveryProcess(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, open maker) {
		m, h := Window{"m", 3, time.Minute}, Window{"h", 5, time.Hour}
		a, b := open(t), open(t)
		t1, t2, t3 := grab(t, a, m, h), grab(t, b, m, h), grab(t, a, m, h)

		g, err := b.Reserve(t.Context(), Ask{Windows: []Window{m, h}, Patience: time.Second})
		require.NoError(t, err)
		require.False(t, g.OK)
		require.Equal(t, "m", g.Window)
		require.Equal(t, 3, useOf(t, b, m).Reserved)

		require.NoError(t, a.Stamp(t.Context(), t1, 50*time.Second))
		require.NoError(t, b.Stamp(t.Context(), t2, 10*time.Second))
		u := useOf(t, a, m)
		require.Equal(t, 2, u.Used)
		require.Equal(t, 1, u.Reserved)
		require.InDelta(t, 10, u.NextSlot.Seconds(), 1.5)
		g, err = b.Reserve(t.Context(), Ask{Windows: []Window{m, h}})
		require.NoError(t, err)
		require.InDelta(t, 10, g.Wait.Seconds(), 1.5)

		require.NoError(t, a.Release(t.Context(), t3))
		require.Zero(t, useOf(t, b, m).Reserved)
		t4 := grab(t, b, m, h)
		require.NoError(t, b.Stamp(t.Context(), t4, 0))
		u = useOf(t, b, h)
		require.Equal(t, 3, u.Used)
		require.Equal(t, 3, u.Own)
		require.InDelta(t, 3600, u.FullReset.Seconds(), 2)
		require.Positive(t, u.BurnPerMin)

		// Another bucket shares the window, and no more.
		other := Window{"other", 9, time.Minute}
		grab(t, a, other)
		require.Equal(t, 3, useOf(t, b, m).Used)
	})
}

func TestStoresLearnFromRefusals(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, open maker) {
		m, h := Window{"m", 10, time.Minute}, Window{"h", 100, time.Hour}
		a, b := open(t), open(t)
		ticket := grab(t, a, m, h)
		require.NoError(t, a.Refuse(t.Context(), Refusal{
			Ticket: ticket, Window: h, Shut: 10 * time.Second, Phantoms: 99, Limit: 40, Learned: true, For: time.Hour,
		}))
		u := useOf(t, b, h)
		require.True(t, u.Shut)
		require.True(t, u.Learned)
		require.Equal(t, 40, u.Limit)
		require.Zero(t, u.Own, "the window that refused did not count it")
		require.Equal(t, 39, u.Used, "the strangers within the limit that is left")
		require.InDelta(t, 10, u.NextSlot.Seconds(), 2)
		u = useOf(t, b, m)
		require.Equal(t, 1, u.Used, "the other one did")
		require.False(t, u.Shut)

		g, err := b.Reserve(t.Context(), Ask{Windows: []Window{m, h}})
		require.NoError(t, err)
		require.False(t, g.OK)
		require.Equal(t, "h", g.Window)
		require.InDelta(t, 10, g.Wait.Seconds(), 2)

		// A milder lesson does not replace a harder one.
		require.NoError(t, b.Refuse(t.Context(), Refusal{Ticket: grab(t, b, m), Window: m, Limit: 5, For: time.Hour}))
		require.NoError(t, b.Refuse(t.Context(), Refusal{Ticket: grab(t, b, m), Window: m, Limit: 8, For: time.Minute}))
		u = useOf(t, a, m)
		require.Equal(t, 10, u.Limit)
		require.False(t, u.Learned)
		require.Equal(t, 1+5, u.Used, "half is taken to be strangers'")
	})
}

func TestStoresServeWaitersInOrder(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, open maker) {
		w := Window{"m", 2, 700 * time.Millisecond}
		a, b, c := open(t), open(t), open(t)
		if a == b {
			return // one process has its own queue
		}
		require.NoError(t, a.Stamp(t.Context(), grab(t, a, w), 0))
		require.NoError(t, a.Stamp(t.Context(), grab(t, a, w), 0))
		ask := Ask{Windows: []Window{w}, Patience: time.Minute}
		greedy, err := a.Reserve(t.Context(), ask)
		require.NoError(t, err)
		first, err := b.Reserve(t.Context(), ask)
		require.NoError(t, err)
		require.NotZero(t, first.Waiter)
		second, err := c.Reserve(t.Context(), ask)
		require.NoError(t, err)
		time.Sleep(first.Wait)
		// Both slots are free, and both belong to those who had none.
		ask.Waiter = greedy.Waiter
		again, err := a.Reserve(t.Context(), ask)
		require.NoError(t, err)
		require.False(t, again.OK)
		ask.Waiter = second.Waiter
		g, err := c.Reserve(t.Context(), ask)
		require.NoError(t, err)
		require.True(t, g.OK)
		require.NoError(t, b.Withdraw(t.Context(), first.Waiter))
		ask.Waiter = again.Waiter
		g, err = a.Reserve(t.Context(), ask)
		require.NoError(t, err)
		require.True(t, g.OK, "who gave up is not waited for: %+v", g)
	})
}

func TestStoresEndTheSlotsOfTheDead(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, open maker) {
		w := Window{"m", 1, 400 * time.Millisecond}
		a, b := open(t), open(t)
		if a == b {
			return // it dies with its slots
		}
		g, err := a.Reserve(t.Context(), Ask{Windows: []Window{w}, Lease: 300 * time.Millisecond})
		require.NoError(t, err)
		require.True(t, g.OK)
		start := time.Now()
		for {
			g, err := b.Reserve(t.Context(), Ask{Windows: []Window{w}})
			require.NoError(t, err)
			if g.OK {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		require.GreaterOrEqual(t, time.Since(start), 700*time.Millisecond, "it may have been sent at the end of its lease")
		require.Less(t, time.Since(start), 2*time.Second)
	})
}

func TestStoresSharePlaces(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, open maker) {
		a, err := New(Config{Store: open(t)})
		require.NoError(t, err)
		b, err := New(Config{Store: open(t)})
		require.NoError(t, err)
		if _, shared := a.store.(Slots); !shared {
			release, err := a.Hold(t.Context(), "query", 1)
			require.NoError(t, err)
			release()
			return
		}
		one, err := a.Hold(t.Context(), "query", 2)
		require.NoError(t, err)
		two, err := b.Hold(t.Context(), "query", 2)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
		defer cancel()
		_, err = b.Hold(ctx, "query", 2)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		other, err := b.Hold(t.Context(), "other", 1)
		require.NoError(t, err)
		other()
		one()
		one()
		three, err := b.Hold(t.Context(), "query", 2)
		require.NoError(t, err)
		two()
		three()

		// The place of a dead process comes free, unless it is renewed.
		slots := a.store.(Slots)
		id, ok, _, err := slots.TakeSlot(t.Context(), "x", 1, 200*time.Millisecond)
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, slots.RenewSlot(t.Context(), "x", id, 600*time.Millisecond))
		time.Sleep(300 * time.Millisecond)
		_, ok, wait, err := b.store.(Slots).TakeSlot(t.Context(), "x", 1, time.Second)
		require.NoError(t, err)
		require.False(t, ok)
		require.Positive(t, wait)
		time.Sleep(400 * time.Millisecond)
		_, ok, _, err = b.store.(Slots).TakeSlot(t.Context(), "x", 1, time.Second)
		require.NoError(t, err)
		require.True(t, ok)
	})
}

func TestStoresPaceAndRefuseBulk(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, open maker) {
		h := Window{"h", 40, time.Hour}
		s := open(t)
		for range 20 { // twenty at once: the hour would be over in five minutes
			require.NoError(t, s.Stamp(t.Context(), grab(t, s, h), 0))
		}
		g, err := s.Reserve(t.Context(), Ask{Windows: []Window{h}, Priority: Background})
		require.NoError(t, err)
		require.False(t, g.OK)
		require.InDelta(t, 15*60/20, g.Wait.Seconds(), 1.5, "what is left lasts a quarter of an hour")
		for range 16 {
			require.NoError(t, s.Stamp(t.Context(), grab(t, s, h), 0))
		}
		g, err = s.Reserve(t.Context(), Ask{Windows: []Window{h}, Priority: Bulk})
		require.NoError(t, err)
		require.False(t, g.Refuse, "a tenth is left")
		require.NoError(t, s.Stamp(t.Context(), grab(t, s, h), 0))
		g, err = s.Reserve(t.Context(), Ask{Windows: []Window{h}, Priority: Bulk})
		require.NoError(t, err)
		require.True(t, g.Refuse)
		require.InDelta(t, 3600, g.Wait.Seconds(), 5)
	})
}

func TestScopesAreSeparate(t *testing.T) {
	t.Parallel()
	w := Window{"m", 1, time.Minute}
	path := filepath.Join(t.TempDir(), "q.db")
	for _, scope := range []Scope{TeamScope("h", 1), TeamScope("h", 2), KeyScope("h", "1")} {
		grab(t, closing(t, NewSQLite(SQLiteConfig{Path: path, Scope: scope})), w)
	}
	server := miniredis.RunT(t)
	for _, scope := range []Scope{TeamScope("h", 1), KeyScope("h", "phx_secret")} {
		s, err := NewRedis(RedisConfig{URL: "redis://" + server.Addr(), Scope: scope, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		grab(t, closing(t, s), w)
	}
	for _, key := range server.Keys() {
		require.NotContains(t, key, "secret")
		require.Contains(t, key, "{")
		require.Positive(t, server.TTL(key), key)
	}
	_, err := NewRedis(RedisConfig{URL: "redis://user:hunter2@ho st"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}
