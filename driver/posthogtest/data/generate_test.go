package data

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shared are the worlds of the tests that only read them.
var shared worlds

// testNow is the fixed clock of the tests.
func testNow() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func generate(t testing.TB, o Options) *World {
	t.Helper()
	if o.Now.IsZero() {
		o.Now = testNow()
	}
	w, err := Generate(o)
	require.NoError(t, err)
	return w
}

func hashOf(t testing.TB, w *World) string {
	t.Helper()
	h := sha256.New()
	s := &Snapshot{Persons: w.Persons, Events: w.Events}
	require.NoError(t, s.WritePersons(context.Background(), h))
	require.NoError(t, s.WriteEvents(context.Background(), h))
	return hex.EncodeToString(h.Sum(nil))
}

// TestGolden holds the whole data set of the default seed. Write the file
// anew with: go test ./driver/posthogtest/data -run Golden -update.
func TestGolden(t *testing.T) {
	t.Parallel()
	w := shared.get(t)[0]
	name := filepath.Join("testdata", "default.sha256")
	got := hashOf(t, w)
	if update := flag.Lookup("update"); update != nil && update.Value.String() == "true" {
		require.NoError(t, os.WriteFile(name, []byte(got+"\n"), 0o600))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(want)), got)
}

func TestGenerateIsDeterministic(t *testing.T) {
	t.Parallel()
	small := Options{Seed: 7, People: 200, Days: 30, TimeZone: "Europe/Berlin"}
	first := hashOf(t, generate(t, small))
	require.Equal(t, first, hashOf(t, generate(t, small)))
	small.Seed = 8
	require.NotEqual(t, first, hashOf(t, generate(t, small)))
}

func TestGenerateRefusesImpossibleOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"Now":      {},
		"People":   {Now: testNow(), People: -1},
		"Days":     {Now: testNow(), Days: 3},
		"TimeZone": {Now: testNow(), TimeZone: "Mars/Olympus"},
	} {
		_, err := Generate(o)
		require.ErrorContains(t, err, name)
	}
}

func TestSizeAndOrder(t *testing.T) {
	t.Parallel()
	w := shared.get(t)[0]
	require.Len(t, w.Persons, DefaultPeople)
	require.InDelta(t, 150_000, len(w.Events), 15_000)
	ids := map[string]bool{}
	for i, e := range w.Events {
		require.NotNil(t, e.Person)
		require.True(t, e.Timestamp.Before(testNow()) && !e.Timestamp.Before(w.Stories.Start))
		require.Equal(t, e.Timestamp, e.Timestamp.Truncate(time.Millisecond))
		require.Contains(t, e.Person.DistinctIDs, e.DistinctID)
		if i > 0 {
			require.Negative(t, compareEvents(w.Events[i-1], e))
		}
	}
	for _, p := range w.Persons {
		for _, d := range p.DistinctIDs {
			require.False(t, ids[d], "distinct id %s has two owners", d)
			ids[d] = true
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		w := generate(b, Options{Seed: 1})
		b.ReportMetric(float64(len(w.Events)), "events")
	}
}
