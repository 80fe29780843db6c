package quota

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// throttleModel is a state machine: any order of requests of several priorities
// and fates, strangers' requests, pauses and restarts, against PostHog's own
// arithmetic.
type throttleModel struct {
	t        *testing.T
	server   *drf
	limiter  *Limiter
	open     func() Store
	pending  []*Reservation
	wrote    []time.Time
	strange  bool // strangers or a lost log may cause refusals
	refusals int
}

func (m *throttleModel) restart() {
	l, err := New(Config{Store: m.open(), Windows: map[Bucket][]Window{BucketQueries: m.server.windows}})
	require.NoError(m.t, err)
	m.limiter = l
}

// reserve takes a slot, if there is one now.
func (m *throttleModel) reserve(t *rapid.T) {
	p := Priority(rapid.IntRange(0, 2).Draw(t, "priority"))
	ctx, cancel := context.WithTimeout(WithPriority(m.t.Context(), p), time.Millisecond)
	defer cancel()
	r, err := m.limiter.Acquire(ctx, BucketQueries)
	if err != nil {
		var full *FullError
		require.ErrorAs(t, err, &full)
		require.Positive(t, full.RetryAfter)
		require.LessOrEqual(t, full.RetryAfter, 24*time.Hour)
		return
	}
	m.pending, m.wrote = append(m.pending, r), append(m.wrote, time.Now())
}

// finish ends a request in one of its ways.
func (m *throttleModel) finish(t *rapid.T) {
	if len(m.pending) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.pending)-1).Draw(t, "which")
	r, wrote := m.pending[i], m.wrote[i]
	m.pending = append(m.pending[:i], m.pending[i+1:]...)
	m.wrote = append(m.wrote[:i], m.wrote[i+1:]...)
	ctx := m.t.Context()
	if rapid.IntRange(0, 5).Draw(t, "fate") == 0 {
		r.Release(ctx)
		return
	}
	if time.Since(wrote) > 900*time.Millisecond { // it was on its way for a while only
		wrote = time.Now().Add(-900 * time.Millisecond)
	}
	if wait := m.server.arrive(); wait > 0 {
		m.refusals++
		window := r.Refused(ctx, wrote, time.Now(), wait)
		require.NotEmpty(t, window)
		return
	}
	r.Settle(ctx, wrote, time.Now())
}

func (m *throttleModel) check(t *rapid.T) {
	all, err := m.limiter.Snapshot(m.t.Context())
	require.NoError(t, err)
	for _, w := range all {
		require.GreaterOrEqual(t, w.Used, 0)
		require.GreaterOrEqual(t, w.Reserved, 0)
		require.Equal(t, max(0, w.Limit-w.Used-w.Reserved), w.Remaining)
		require.LessOrEqual(t, w.UsedByMe, w.Used)
		if !m.strange {
			require.LessOrEqual(t, w.Used+w.Reserved, w.Limit)
		}
	}
	if !m.strange {
		require.Zero(t, m.refusals, "nobody else was there: PostHog had no reason to refuse")
	}
	for name, h := range m.server.history {
		for _, w := range m.server.windows {
			require.False(t, w.Name == name && len(h) > w.Limit)
		}
	}
}

// TestAnyOrderAgainstTheThrottle walks the state machine on every store that
// can live on fake time.
func TestAnyOrderAgainstTheThrottle(t *testing.T) {
	t.Parallel()
	stores := map[string]func(dir string) func() Store{
		"memory": func(string) func() Store {
			s := NewMemory()
			return func() Store { return s }
		},
		"sqlite": func(dir string) func() Store {
			var latest Store
			return func() Store {
				if latest != nil {
					_ = latest.Close()
				}
				latest = NewSQLite(SQLiteConfig{Path: filepath.Join(dir, "q.db"), Scope: "s"})
				return latest
			}
		},
	}
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				windows := []Window{
					{"a", rapid.IntRange(1, 6).Draw(rt, "short"), 10 * time.Second},
					{"b", rapid.IntRange(4, 20).Draw(rt, "long"), 2 * time.Minute},
				}
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) {
					m := &throttleModel{t: t, server: newDRF(windows), open: store(dir)}
					m.restart()
					defer func() { require.NoError(t, m.limiter.Close()) }()
					rt.Repeat(map[string]func(*rapid.T){
						"reserve": m.reserve,
						"again":   m.reserve,
						"finish":  m.finish,
						"pass":    func(rt *rapid.T) { time.Sleep(time.Duration(rapid.IntRange(1, 900).Draw(rt, "ms")) * time.Millisecond) },
						"stranger": func(rt *rapid.T) {
							if rapid.IntRange(0, 9).Draw(rt, "rare") == 0 {
								m.strange = true
								m.server.arrive()
							}
						},
						"restart": func(*rapid.T) {
							m.pending, m.wrote = nil, nil // they die with the process, unsent
							m.restart()
						},
						"": m.check,
					})
				})
			})
		})
	}
}
