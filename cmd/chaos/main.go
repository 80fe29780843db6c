// Command chaos runs the scoreboard of resilience (docs/resilience.md) and
// prints it as a table: what must hold, what was measured in this run, and
// whether it held. It ends with status 1 when a row misses its bar.
//
// Every row is a Go test that reports its figures through package score, or in
// its log; chaos runs the tests one after the other, so that rows of real time
// have the machine to themselves. Run it with make chaos.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	held, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	}
	if !held {
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) (held bool, err error) {
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(progress)
	seed := flags.Uint64("seed", 0, "of faults and load; 0 draws one")
	fast := flags.Bool("fast", false, "leave out what takes long")
	which := flags.String("rows", "", "only these rows, such as 1,5-8")
	if err := flags.Parse(args); err != nil {
		return false, err
	}
	rows, err := parseRows(*which)
	if err != nil {
		return false, err
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	start := time.Now()
	var results []result
	for _, s := range suites() {
		if !s.covers(rows) {
			continue
		}
		if *fast && s.slow {
			results = append(results, s.leftOut("takes long; run make chaos")...)
			continue
		}
		fmt.Fprintf(progress, "%s …\n", s)
		results = append(results, s.run(ctx, *seed)...)
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
	}
	held = render(out, pick(results, rows))
	fmt.Fprintf(out, "\nseed %d, %d processors, %s %s/%s, %s\n", *seed, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, time.Since(start).Round(time.Second))
	return held, nil
}

// parseRows reads "1,5-8"; nil means all rows.
func parseRows(text string) (map[int]bool, error) {
	if text == "" {
		return nil, nil
	}
	rows := make(map[int]bool)
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, errA := strconv.Atoi(first)
		b, errB := strconv.Atoi(last)
		if errA != nil || errB != nil || a < 1 || b > lastRow || a > b {
			return nil, fmt.Errorf("rows %q: give numbers from 1 to %d, such as 1,5-8", text, lastRow)
		}
		for n := a; n <= b; n++ {
			rows[n] = true
		}
	}
	return rows, nil
}

// pick keeps the results of the rows, all of them when none are named.
func pick(results []result, rows map[int]bool) []result {
	if rows == nil {
		return results
	}
	var kept []result
	for _, r := range results {
		if rows[r.Row] {
			kept = append(kept, r)
		}
	}
	return kept
}
