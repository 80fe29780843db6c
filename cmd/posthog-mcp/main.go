// Command posthog-mcp gives AI agents a PostHog project over the Model Context
// Protocol. This package holds flags, environment and signals, one file a
// command; the work is done in server, tools and driver.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // a scratch image has no zones, and a project has one

	"github.com/alecthomas/kong"
	"github.com/mattn/go-isatty"
)

// Exit codes.
const (
	exitOK    = 0
	exitFail  = 1
	exitUsage = 2
)

// cli is the whole command line.
type cli struct {
	Serve     serveCmd     `cmd:"" help:"Serve MCP: over stdio, or over HTTP with --transport http."`
	Demo      demoCmd      `cmd:"" help:"A guided tour on an embedded PostHog: no key, no network."`
	Call      callCmd      `cmd:"" help:"Call one tool and print its answer."`
	Tools     toolsCmd     `cmd:"" help:"List the tools."`
	Outbox    outboxCmd    `cmd:"" help:"Captured events that wait for PostHog."`
	Templates templatesCmd `cmd:"" help:"Check or begin a team's own templates."`
	Config    configCmd    `cmd:"" help:"Show each setting, its value and where it came from."`
	Version   versionCmd   `cmd:"" help:"Print the version."`
}

// grammar gives the command line to parse. Hosts start serve, and wait: its
// grammar alone is read in a third of the time.
func grammar(args []string) any {
	if args[0] == "serve" {
		return &struct {
			Serve serveCmd `cmd:"" help:"Serve MCP: over stdio, or over HTTP with --transport http."`
		}{}
	}
	return &cli{}
}

// world is what a command may touch of the process.
type world struct {
	in      io.Reader
	out     io.Writer // the protocol's and the answers' stream
	err     io.Writer // logs and messages
	environ func(string) (string, bool)
	inTerm  bool // in is a terminal
	outTerm bool // out is a terminal
	errTerm bool // err is a terminal
}

func main() {
	startWithoutCollecting()
	// Whatever else writes to standard output would break the protocol: from
	// here on only this program's own writer knows the real one.
	out := os.Stdout
	os.Stdout = os.Stderr
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], &world{
		in: os.Stdin, out: out, err: os.Stderr, environ: os.LookupEnv,
		inTerm: isTerminal(os.Stdin), outTerm: isTerminal(out), errTerm: isTerminal(os.Stderr),
	})
	stop()
	os.Exit(code)
}

// startWithoutCollecting holds the garbage collector back for the first second:
// a start makes little garbage, and a host waits for its end. The limit keeps a
// start that does more in bounds.
func startWithoutCollecting() {
	percent := debug.SetGCPercent(-1)
	limit := debug.SetMemoryLimit(48 << 20)
	time.AfterFunc(time.Second, func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	})
}

// run parses the arguments and runs one command. Without arguments it prints
// help on a terminal and serves stdio elsewhere, since hosts start it bare.
func run(ctx context.Context, args []string, w *world) int {
	if len(args) == 0 {
		args = []string{"serve"}
		if w.inTerm {
			args = []string{"--help"}
		}
	}
	exited := -1
	parser, err := kong.New(grammar(args),
		kong.Name("posthog-mcp"),
		kong.Description(description),
		kong.Writers(w.out, w.err),
		kong.Exit(func(code int) { exited = code }),
		kong.Resolvers(environment(w.environ)),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(w),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return report(w, err)
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help has printed
		return exited
	}
	if err != nil {
		fmt.Fprintf(w.err, "posthog-mcp: %s\nRun posthog-mcp --help for the commands and their flags.\n", err)
		return exitUsage
	}
	return report(w, parsed.Run())
}

// usageError is a mistake in flags or settings: exit code 2.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// silentError has been said already; only the exit code is left.
type silentError struct{}

func (silentError) Error() string { return "failed" }

func report(w *world, err error) int {
	if err == nil {
		return exitOK
	}
	if _, ok := errors.AsType[silentError](err); ok {
		return exitFail
	}
	fmt.Fprintf(w.err, "posthog-mcp: %s\n", err)
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return exitFail
}

// environment gives flags their POSTHOG_MCP_ variables: --read-only reads
// POSTHOG_MCP_READ_ONLY. An empty value or an unexpanded ${…}, as some hosts
// pass for a blank field, is not set.
func environment(lookup func(string) (string, bool)) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		name := "POSTHOG_MCP_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		value, ok := lookup(name)
		if !ok || value == "" || strings.HasPrefix(value, "${") {
			return nil, nil //nolint:nilnil // kong's way to say: nothing here
		}
		return value, nil
	})
}

func isTerminal(f *os.File) bool { return isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()) }

const description = `Gives AI agents one PostHog project over the Model Context Protocol: typed tools, a quota that is never exceeded, answers that fit.

  posthog-mcp demo                                  see it work, no key needed
  claude mcp add posthog -- posthog-mcp serve       attach it to Claude Code
  posthog-mcp call query --demo --json '{"query":"SELECT count() FROM events"}'

Settings: POSTHOG_PERSONAL_API_KEY (or _FILE), POSTHOG_PROJECT_ID, POSTHOG_HOST (us, eu or a URL). Every flag also reads POSTHOG_MCP_<FLAG>. posthog-mcp config shows what is in force and why. Exit codes: 0 fine, 1 failed, 2 wrong usage.`
