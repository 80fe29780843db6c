// Command bench measures posthog-mcp beside a bare mcp-go server built in the
// same run: start-up, memory, the tool list's tokens and the cost of a call.
// It prints figures and asserts nothing. Run it with make bench.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"
)

func main() {
	spawns := flag.Int("spawns", 15, "starts of each binary")
	calls := flag.Int("calls", 300, "calls in sequence, and again at once")
	flag.Parse()
	if err := run(context.Background(), *spawns, *calls); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// subject is one binary under measurement.
type subject struct {
	name string
	path string
	args []string
	env  []string
}

func run(ctx context.Context, spawns, calls int) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bare := subject{name: "bare mcp-go", path: filepath.Join(dir, "bare")}
	ours := subject{name: "posthog-mcp", path: filepath.Join(dir, "posthog-mcp"), args: []string{"serve"}}
	if err := build(ctx, bare.path, "./cmd/bench/bare"); err != nil {
		return err
	}
	if err := build(ctx, ours.path, "./cmd/posthog-mcp"); err != nil {
		return err
	}

	tw := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "start-up\tbinary MB\tinitialize ms median (min)\ttools/list ms median (min)\tCPU ms\tRSS MiB")
	medians := map[string]start{}
	runs := map[string][]start{}
	for range spawns { // alternating, so that a noisy moment hits both
		for _, s := range []subject{bare, ours} {
			one, err := spawn(ctx, s)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			runs[s.name] = append(runs[s.name], one)
		}
	}
	for _, s := range []subject{bare, ours} {
		m := median(runs[s.name])
		medians[s.name] = m
		info, err := os.Stat(s.path)
		if err != nil {
			return err
		}
		least := least(runs[s.name])
		fmt.Fprintf(tw, "%s\t%.1f\t%.1f (%.1f)\t%.1f (%.1f)\t%.1f\t%.1f\n", s.name, float64(info.Size())/1e6,
			ms(m.initialize), ms(least.initialize), ms(m.list), ms(least.list), ms(m.cpu), float64(m.rss)/(1<<20))
	}
	b, o := medians[bare.name], medians[ours.name]
	fmt.Fprintf(tw, "ratio of medians\t\t%.2f\t%.2f\t%.2f\t%.2f\n", ratio(o.initialize, b.initialize), ratio(o.list, b.list), ratio(o.cpu, b.cpu), float64(o.rss)/float64(max(b.rss, 1)))
	if err := tw.Flush(); err != nil {
		return err
	}
	if err := tokens(ctx, os.Stdout, ours); err != nil {
		return err
	}
	return callCosts(ctx, os.Stdout, bare, ours, calls)
}

// build makes a static, stripped binary as a release does.
func build(ctx context.Context, out, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg) //nolint:gosec // our own packages
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building %s: %w", pkg, err)
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func ratio(a, b time.Duration) float64 { return float64(a) / float64(max(b, 1)) }

// start is one measured start of a server.
type start struct {
	initialize time.Duration // spawn → initialize answered
	list       time.Duration // spawn → tools/list answered
	cpu        time.Duration // user and system, spawn → exit
	rss        int64         // bytes resident after tools/list; 0 where unknown
}

func median(runs []start) start {
	return start{
		initialize: middle(runs, func(s start) time.Duration { return s.initialize }),
		list:       middle(runs, func(s start) time.Duration { return s.list }),
		cpu:        middle(runs, func(s start) time.Duration { return s.cpu }),
		rss:        middle(runs, func(s start) int64 { return s.rss }),
	}
}

func least(runs []start) start {
	return start{
		initialize: slices.MinFunc(runs, func(a, b start) int { return int(a.initialize - b.initialize) }).initialize,
		list:       slices.MinFunc(runs, func(a, b start) int { return int(a.list - b.list) }).list,
	}
}

func middle[T ~int64](runs []start, of func(start) T) T {
	values := make([]T, len(runs))
	for i, r := range runs {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
