package tools

import (
	"context"
	"errors"

	"github.com/posthog-mcp/posthog-mcp/driver"
)

// Fail turns an error into a result that says what to do next.
func Fail(ctx context.Context, spec Spec, err error) *Result {
	e, ok := errors.AsType[*driver.Error](err)
	if !ok {
		e = &driver.Error{Op: spec.Name, Kind: driver.KindUpstream, Detail: "the tool failed", Err: err}
	}
	text := spec.Name + " failed (" + string(e.Kind) + "): " + e.Detail + "\n" + e.Hint
	return &Result{IsError: true, Text: text, Structured: appendTree(nil, object{
		{"error", object{{"kind", string(e.Kind)}, {"message", e.Detail}, {"next", e.Hint}}},
	})}
}
