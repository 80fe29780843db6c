package score

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorder stands in for a test that fails.
type recorder struct{ failures []string }

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func TestReport(t *testing.T) {
	missed := Row{Row: 3, Bar: "p99 < 1 ms", Measured: "p99 2 ms", Seed: 7}
	timing := missed
	timing.Timing = true
	held := missed
	held.OK = true
	for _, c := range []struct {
		name      string
		measuring string
		row       Row
		fails     bool
	}{
		{"a missed bar fails", "", missed, true},
		{"a missed time passes among other tests", "", timing, false},
		{"a missed time fails when measured", "1", timing, true},
		{"a held bar passes", "1", held, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(EnvMeasuring, c.measuring)
			var r recorder
			Report(&r, c.row)
			if !c.fails {
				require.Empty(t, r.failures)
				return
			}
			require.Len(t, r.failures, 1)
			require.Contains(t, r.failures[0], "p99 2 ms (seed 7)")
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	row, ok := Parse(`chaos: {"row":1,"bar":"≥ 95 %","measured":"96.4 %","ok":true,"seed":5}`)
	require.True(t, ok)
	require.Equal(t, Row{Row: 1, Bar: "≥ 95 %", Measured: "96.4 %", OK: true, Seed: 5}, row)
	for _, line := range []string{"", "ok  \tpackage\t0.1s", "chaos: {", `chaos: {"row":0}`, `  chaos: {"row":1}`, "chaos: null"} {
		_, ok := Parse(line)
		require.False(t, ok, "%q", line)
	}
}

func TestSeed(t *testing.T) {
	for text, want := range map[string]uint64{"": 1, "0": 1, "x": 1, "-3": 1, "42": 42} {
		t.Setenv(EnvSeed, text)
		require.Equal(t, want, Seed(), "%q", text)
	}
}
