package quota

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"
)

// redisOf gives a fleet member of a server that a test can break.
func redisOf(t *testing.T, server *miniredis.Miniredis, logs *bytes.Buffer) *shared {
	t.Helper()
	cfg := RedisConfig{URL: "redis://" + server.Addr(), Scope: "s", Timeout: time.Second}
	if logs != nil {
		cfg.Logger = slog.New(slog.NewTextHandler(logs, nil))
	}
	s, err := NewRedis(cfg)
	require.NoError(t, err)
	closing(t, s)
	return s.(*shared)
}

func counted(t *testing.T, s Store, windows ...Window) {
	t.Helper()
	require.NoError(t, s.Stamp(t.Context(), grab(t, s, windows...), 0))
}

// fill takes slots until there is none and gives their number.
func fill(t *testing.T, s Store, w Window) (n int) {
	t.Helper()
	for {
		g, err := s.Reserve(t.Context(), Ask{Windows: []Window{w}})
		require.NoError(t, err)
		if !g.OK {
			require.Equal(t, w.Name, g.Window)
			return n
		}
		require.NoError(t, s.Stamp(t.Context(), g.Ticket, 0))
		n++
	}
}

func TestALostRedisLeavesEachItsShare(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	m := Window{"m", 100, time.Minute}
	var logs bytes.Buffer
	a, b := redisOf(t, server, &logs), redisOf(t, server, nil)
	counted(t, b, m)
	for range 30 {
		counted(t, a, m)
	}
	counted(t, b, m)
	server.SetError("LOADING")
	require.Equal(t, 15, fill(t, a, m), "its share, with a margin: 45 of 100 for each of two")
	require.Equal(t, 35-2, fill(t, b, m), "what it had at its latest news, and half of what was free then: 1 + 69/2")
	require.True(t, a.Degraded())
	require.Equal(t, 1, bytes.Count(logs.Bytes(), []byte("level=WARN")), logs.String())
	u := useOf(t, a, m)
	require.Equal(t, 45, u.Used)
	require.Equal(t, 45, u.Limit)

	// Back again: what was sent meanwhile is told before anything is granted.
	server.SetError("")
	time.Sleep(2 * awayFirst)
	require.False(t, mustReserve(t, a, Ask{Windows: []Window{{"m", 45 + 2, time.Minute}}}).OK)
	require.False(t, a.Degraded())
	require.Contains(t, logs.String(), "is back")
	require.Equal(t, 45+2, useOf(t, a, m).Own)
	require.NotZero(t, fill(t, b, m))
	require.Equal(t, 100, useOf(t, a, m).Own)
}

func mustReserve(t *testing.T, s Store, a Ask) Grant {
	t.Helper()
	g, err := s.Reserve(t.Context(), a)
	require.NoError(t, err)
	return g
}

func TestARedisThatForgotIsTold(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	m := Window{"m", 100, time.Minute}
	a, b := redisOf(t, server, nil), redisOf(t, server, nil)
	for range 30 {
		counted(t, a, m)
		counted(t, b, m)
	}
	pending := grab(t, a, m)
	server.FlushAll()
	require.Equal(t, 45-30-1, fill(t, a, m), "b has not told yet what it did")
	require.ErrorIs(t, b.back.(*redisStore).tell(t.Context()), errReset, "b finds out too")
	require.NoError(t, a.Stamp(t.Context(), pending, 0))
	fill(t, b, m)
	require.LessOrEqual(t, useOf(t, a, m).Own, 100)
	require.Equal(t, 45, useOf(t, a, m).Mine)
	require.GreaterOrEqual(t, useOf(t, b, m).Own, 45+30)
}

func TestSlotsOfALostRedis(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	s := redisOf(t, server, nil)
	l := mustLimiter(t, s)
	release, err := l.Hold(t.Context(), "query", 1)
	require.NoError(t, err)
	server.SetError("LOADING")
	again, err := l.Hold(t.Context(), "query", 1)
	require.NoError(t, err, "the bulkhead of the process is bound enough")
	again()
	release()
}

func TestTheEndOfACallIsNoFailureOfTheStore(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	s := redisOf(t, server, nil)
	counted(t, s, Window{"m", 100, time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Reserve(ctx, Ask{Windows: []Window{{"m", 100, time.Minute}}})
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, s.Degraded())
}

func TestWhoUsedMoreLetsOthersGoFirst(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	a, b := redisOf(t, server, nil), redisOf(t, server, nil)
	m := Window{"m", 10, time.Minute}
	counted(t, b, m)
	for range 6 {
		counted(t, a, m)
	}
	ask := Ask{Windows: []Window{m}, Patience: time.Second}
	g := mustReserve(t, a, ask)
	require.False(t, g.OK)
	require.Equal(t, courtesy, g.Wait)
	require.True(t, mustReserve(t, b, ask).OK)
	ask.Waiter = g.Waiter
	require.True(t, mustReserve(t, a, ask).OK)
}

func BenchmarkRedis(b *testing.B) {
	server := realRedis(b)
	s, err := NewRedis(RedisConfig{URL: server.url(), Scope: "b"})
	require.NoError(b, err)
	defer s.Close() //nolint:errcheck // the benchmark is over
	benchStore(b, s)
}
