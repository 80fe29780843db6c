// Package score is how a test reports a row of the scoreboard of resilience
// (docs/resilience.md): one line on standard output that cmd/chaos collects.
//
// Tests that report a row run in `go test` like all others. Bars of real time
// (an answer within a millisecond) count there for nothing: a machine that
// runs ten packages at once cannot hold them. They count when cmd/chaos runs
// the test, one package at a time; [Measuring] tells.
package score

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Environment of a test that cmd/chaos runs.
const (
	EnvMeasuring = "CHAOS"      // "1": bars of real time count, rows are measured in full
	EnvSeed      = "CHAOS_SEED" // of faults and load, in decimal
)

// prefix starts the line of a row.
const prefix = "chaos: "

// Row is what a test measured for a row of the scoreboard. Several tests may
// report the same row, each a part of it.
type Row struct {
	Row      int    `json:"row"`
	Bar      string `json:"bar"`      // what must hold
	Measured string `json:"measured"` // figures of this run
	OK       bool   `json:"ok"`
	Timing   bool   `json:"timing,omitempty"` // a bar of real time
	Seed     uint64 `json:"seed,omitempty"`   // 0: nothing was drawn
}

// TB is the part of testing.TB that a report needs.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

// Report prints the row and fails the test when it misses its bar, unless that
// is a bar of real time and nobody is measuring.
func Report(t TB, r Row) {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Errorf("row %d: %v", r.Row, err)
		return
	}
	// Standard output and a line of its own: what a test logs is indented and
	// only shown on failure.
	_, _ = fmt.Fprintf(os.Stdout, "\n%s%s\n", prefix, text)
	if !r.OK && (!r.Timing || Measuring()) {
		t.Errorf("row %d misses its bar: %s; measured %s (seed %d)", r.Row, r.Bar, r.Measured, r.Seed)
	}
}

// Parse finds a row in a line of output.
func Parse(line string) (Row, bool) {
	text, found := strings.CutPrefix(line, prefix)
	if !found {
		return Row{}, false
	}
	var r Row
	if json.Unmarshal([]byte(text), &r) != nil || r.Row < 1 {
		return Row{}, false
	}
	return r, true
}

// Measuring reports that cmd/chaos runs the test.
func Measuring() bool { return os.Getenv(EnvMeasuring) == "1" }

// Seed gives the run's seed; 1 when there is none.
func Seed() uint64 {
	if seed, err := strconv.ParseUint(os.Getenv(EnvSeed), 10, 64); err == nil && seed > 0 {
		return seed
	}
	return 1
}
