package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"
)

// Workers and queue of the stdio transport. mcp-go's own 5 workers would hold
// back calls that the driver's limiter allows; its full queue would stall
// pings and cancellations.
const (
	stdioWorkers = 64
	stdioQueue   = 10_000
)

// endGrace is how long the end of input is held back for calls still running:
// a little more than the driver's total deadline.
const endGrace = 55 * time.Second

// ServeStdio serves one client over newline-delimited JSON-RPC until the input
// ends or ctx is done; both are a normal end and give nil. Only protocol
// frames are written to out. The end of input is held back until the calls in
// flight are answered, so that a piped request gets its answer. mcp-go keeps
// the stdio session in a package variable: one ServeStdio at a time per process.
func (s *Server) ServeStdio(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	fw := &frameWriter{out: out, onError: func(err error) { cancel(err) }}
	fr := newFrameReader(ctx, in, fw, endGrace)
	fw.answered = fr.answered

	transport := mcpserver.NewStdioServer(s.mcp)
	transport.SetErrorLogger(slog.NewLogLogger(s.log.Handler(), slog.LevelWarn))
	for _, opt := range []mcpserver.StdioOption{
		mcpserver.WithWorkerPoolSize(stdioWorkers),
		mcpserver.WithQueueSize(stdioQueue),
	} {
		opt(transport)
	}
	err := transport.Listen(ctx, fr, fw)
	if werr := fw.failed(); werr != nil {
		return &outputError{werr}
	}
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// outputError says that the client no longer reads.
type outputError struct{ err error }

func (e *outputError) Error() string { return "standard output is closed: " + e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }
