package driver

import (
	"context"
	"errors"
	"net/http"

	"github.com/sony/gobreaker/v2"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// tryCheaply makes the trial of a query breaker that was open. A query may run
// for 45 s, and it may be the very one that PostHog chokes on, so it is not the
// one to try with: a query without any data goes first, with the time of a
// read. The call itself follows when that one succeeds.
func (c *Client) tryCheaply(ctx context.Context, br *breaker, k *call) *fault {
	if k.class != ClassQuery || k.probe || br.state() != gobreaker.StateHalfOpen {
		return nil
	}
	probe, err := c.prepare(ctx, request{
		op: k.op, class: ClassQuery, bucket: quota.BucketQueries, method: http.MethodPost, path: nodePath,
		body: map[string]any{
			"query":   map[string]any{"kind": "HogQLQuery", "query": "SELECT 1", "name": "posthog-mcp trial"},
			"refresh": "force_blocking", "name": "posthog-mcp trial",
		},
		idempotent: true, probe: true,
	})
	if e, ok := errors.AsType[*Error](err); ok {
		return &fault{faultLocal, e}
	}
	if e := probe.encode(); e != nil {
		return &fault{faultLocal, e}
	}
	probe.timeout = min(k.timeout, c.cfg.Timeouts.Read)
	_, f := c.attempt(ctx, probe)
	switch {
	case f == nil, f.kind == faultAuth, f.kind == faultRequest:
		return nil // a key that may not query may still compute insights
	case f.verdict() == countsAsFailure:
		return br.refuse(k)
	}
	f.err.RequestID = k.id
	return f
}
