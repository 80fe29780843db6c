package driver

import (
	"context"
	"sync"
	"time"
)

// Trace collects what the pipeline did for one tool call: it feeds the log
// line, the notice in the answer and the error text. Safe for concurrent use.
type Trace struct {
	mu   sync.Mutex
	data TraceData
}

// TraceData is a copy of what a [Trace] has seen.
type TraceData struct {
	Requests   int           // calls of the pipeline
	Attempts   int           // HTTP requests sent
	QuotaWait  time.Duration // time spent waiting for quota and slots
	Status     int           // last HTTP status
	RequestIDs []string      // our correlation ids
	Stale      bool          // an answer came from the cache after PostHog failed
	Age        time.Duration // age of the oldest cached answer used; 0 when all are fresh
	CachedByPH bool          // PostHog itself answered from its cache
}

type traceKey struct{}

// WithTrace gives a context whose calls are recorded in the returned Trace.
func WithTrace(ctx context.Context) (context.Context, *Trace) {
	t := &Trace{}
	return context.WithValue(ctx, traceKey{}, t), t
}

// Data gives a copy of what was recorded so far.
func (t *Trace) Data() TraceData {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.data
	d.RequestIDs = append([]string(nil), d.RequestIDs...)
	return d
}

// record applies f to the trace of ctx, if it has one.
func record(ctx context.Context, f func(*TraceData)) {
	t, ok := ctx.Value(traceKey{}).(*Trace)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.data)
}
