package tools

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"time"
)

// env is what a registry lends to its tools for one call.
type env struct {
	clock    func() time.Time
	nonce    func() string
	logger   *slog.Logger
	maxChars int
	watch    *watch
}

type envKey struct{}

// envOf gives the registry's settings, or the defaults for a tool called alone.
func envOf(ctx context.Context) env {
	if e, ok := ctx.Value(envKey{}).(env); ok {
		return e
	}
	return newEnv(Config{})
}

func newEnv(cfg Config) env {
	e := env{clock: cfg.Now, nonce: cfg.Nonce, logger: cfg.Logger, maxChars: cfg.MaxChars, watch: &watch{}}
	if e.clock == nil {
		e.clock = time.Now
	}
	if e.nonce == nil {
		e.nonce = randomNonce
	}
	if e.logger == nil {
		e.logger = slog.New(slog.DiscardHandler)
	}
	if e.maxChars == 0 {
		e.maxChars = DefaultMaxChars
	}
	return e
}

func (e env) now() time.Time { return e.clock() }

// randomNonce makes the mark that fences one answer's data: it is drawn after
// the data are known, so that no data can contain it on purpose.
func randomNonce() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails, says crypto/rand
	return hex.EncodeToString(b[:])
}

type outputDirKey struct{}

// WithOutputDir gives a context in which tools may write files into dir. A
// [Registry] sets it from its Config.
func WithOutputDir(ctx context.Context, dir string) context.Context {
	return context.WithValue(ctx, outputDirKey{}, dir)
}

// OutputDir is the directory that files may be written into, "" for none.
func OutputDir(ctx context.Context) string {
	dir, _ := ctx.Value(outputDirKey{}).(string)
	return dir
}

type progressKey struct{}

// WithProgress gives a context whose [Progress] calls reach report. The server
// sets it when the host asked for progress.
func WithProgress(ctx context.Context, report func(done, total float64, message string)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

// Progress tells the host how far a long call is; total 0 means unknown. It
// does nothing when nobody asked.
func Progress(ctx context.Context, done, total float64, message string) {
	if report, ok := ctx.Value(progressKey{}).(func(done, total float64, message string)); ok {
		report(done, total, message)
	}
}
