package posthogtest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/engine"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/stats"
)

// errCancelled ends a query that DELETE /query/:id/ stopped.
var errCancelled = errors.New("query cancelled")

// execute runs one query inside the concurrency and the time limit. The client
// going away does not stop it, as at PostHog: only a cancel does.
func (s *Server) execute(ctx context.Context, node *queryNode, id string, most time.Duration) (body map[string]any, err error) {
	// Queries are arbitrary text: a fault of the engine must not end a program
	// that merely embeds it.
	defer func() {
		if recover() != nil {
			body, err = nil, serverError(http.StatusInternalServerError, "error", "ClickHouse error while executing query.")
		}
	}()
	if err := s.slots.acquire(ctx, s.projectID, id); err != nil {
		return nil, s.queryError(err)
	}
	defer s.slots.release()
	if s.queryTime != nil {
		if err := pretend(ctx, s.queryTime(node.Kind, sqlOf(node)), most); err != nil {
			return nil, s.queryError(err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if node.Kind == "HogQLQuery" {
		var result *hogqlResult
		if result, err = s.execHogQL(ctx, node); err == nil {
			body = result.body()
		}
	} else {
		body, err = stats.Run(ctx, s.store.Snapshot(), s.store, node.raw)
	}
	if err != nil {
		if errors.Is(err, context.Canceled) {
			err = context.Cause(ctx) // says who cancelled
		}
		return nil, s.queryError(err)
	}
	return body, nil
}

func sqlOf(node *queryNode) string {
	var q struct {
		Query string `json:"query"`
	}
	_ = json.Unmarshal(node.raw, &q) // a node without SQL has none
	return q.Query
}

// pretend lets a query take time, up to the execution limit.
func pretend(ctx context.Context, d, most time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(min(d, most))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if d >= most {
		return context.DeadlineExceeded
	}
	return nil
}

// queryError words an error as the query endpoint does.
func (s *Server) queryError(err error) error {
	if _, worded := errors.AsType[*apiError](err); worded {
		return err
	}
	if e, is := errors.AsType[*engine.QueryError](err); is {
		code := e.Code
		if code == "resolution_error" || code == "query_error" || code == "" {
			code = "invalid_input" // what PostHog finds before ClickHouse has no code of its own
		}
		return invalidText(code, "", e.Message)
	}
	if e, is := errors.AsType[*hogql.SyntaxError](err); is {
		return invalidText("invalid_input", "", e.Error())
	}
	if text, is := notSupported(err); is {
		return invalidText("not_supported_by_demo", "", text)
	}
	switch {
	case errors.Is(err, errCancelled):
		return invalidText("query_was_cancelled", "", "Query was cancelled.")
	case errors.Is(err, context.DeadlineExceeded):
		return serverError(http.StatusGatewayTimeout, "error",
			"Query has hit the max execution time before completing. See our docs for how to improve your query performance. You may need to materialize.")
	case errors.Is(err, context.Canceled): // the server is closing
		return serverError(http.StatusServiceUnavailable, "error", "The server is shutting down.")
	}
	// What is left are complaints about the query node itself.
	return invalidText("invalid_input", "", err.Error())
}

// userMessage is what an async query's status says of an error: nothing when
// the fault is not the query's.
func userMessage(err error) *string {
	if e, is := errors.AsType[*apiError](err); is && e.status == http.StatusBadRequest {
		return &e.detail
	}
	return nil
}

// notSupported recognises the demo's refusals.
func notSupported(err error) (string, bool) {
	if e, is := errors.AsType[*engine.NotSupportedError](err); is {
		return e.Error(), true
	}
	if e, is := errors.AsType[*data.NotSupportedError](err); is {
		return e.Error(), true
	}
	if e, is := errors.AsType[*hogql.UnsupportedError](err); is {
		return "not supported by the demo data: " + e.Construct, true
	}
	return "", false
}
