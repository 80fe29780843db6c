package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/posthog-mcp/posthog-mcp/driver"
)

// call is the way of every tool call: decode, validate, run, shape.
func call(
	ctx context.Context, t Tool, ph *driver.Client, args json.RawMessage,
	run func(context.Context, map[string]any) (any, error),
) (res *Result) {
	spec := t.Spec()
	defer func() {
		if p := recover(); p != nil {
			envOf(ctx).logger.ErrorContext(ctx, "tool panicked", slog.String("tool", spec.Name),
				slog.String("panic", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
			res = Fail(ctx, spec, &driver.Error{
				Op: spec.Name, Kind: driver.KindUpstream,
				Detail: "the tool failed inside this server",
				Hint:   "It is a fault of this server, not of the arguments; do not repeat the call unchanged.",
			})
		}
	}()
	params, err := t.Params()
	if err != nil {
		return Fail(ctx, spec, err)
	}
	values, err := Decode(spec.Name, params, args)
	if err != nil {
		return Fail(ctx, spec, err)
	}
	out, err := run(ctx, values)
	if err != nil {
		return Fail(ctx, spec, err)
	}
	res, err = shape(ctx, spec, out)
	if err != nil {
		return Fail(ctx, spec, err)
	}
	return res
}
