package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/posthog-mcp/posthog-mcp/driver"
)

// call is the way of every tool call: decode, validate, run, shape.
func call(
	ctx context.Context, t Tool, ph *driver.Client, args json.RawMessage,
	run func(context.Context, map[string]any) (any, error),
) (res *Result) {
	spec := t.Spec()
	ctx, trace := driver.WithTrace(ctx)
	defer func() {
		if p := recover(); p != nil {
			res = panicked(ctx, spec, p)
		}
		res.Trace = trace.Data()
	}()
	params, err := t.Params()
	if err != nil {
		return failed(ctx, spec, nil, err)
	}
	values, err := Decode(spec.Name, params, args)
	if err != nil {
		return failed(ctx, spec, nil, withExample(spec, err))
	}
	out, err := run(ctx, values)
	var status driver.Status
	if ph != nil {
		status = envOf(ctx).watch.look(ph)
	}
	top := head(ph, status)
	if err != nil {
		return failed(ctx, spec, top, err)
	}
	res, err = shape(ctx, spec, top, notices(status, spec.Class, trace.Data()), out)
	if err != nil {
		return failed(ctx, spec, top, err)
	}
	return res
}

// withExample replaces made-up arguments in a refusal by the tool's own example.
func withExample(spec Spec, err error) error {
	if e, ok := errors.AsType[*driver.Error](err); ok && len(spec.Examples) > 0 {
		e.Hint = hintArgs(spec.Examples[0])
	}
	return err
}

// panicked logs what happened where, without the arguments and without a text
// that may quote them, and answers as for any other failure.
func panicked(ctx context.Context, spec Spec, p any) *Result {
	what := fmt.Sprintf("%T", p)
	if fault, ok := p.(runtime.Error); ok {
		what = fault.Error() // Go's own words: types and indices
	}
	envOf(ctx).logger.ErrorContext(ctx, "tool panicked", slog.String("tool", spec.Name),
		slog.String("panic", what), slog.String("stack", string(debug.Stack())))
	return failed(ctx, spec, nil, &driver.Error{
		Op: spec.Name, Kind: driver.KindUpstream,
		Detail: "the tool failed inside this server",
		Hint:   "It is a fault of this server, not of the arguments: do not repeat the call unchanged.",
	})
}

// knower is a client that knows its project without asking for it.
type knower interface {
	KnownProject() (driver.ProjectRef, bool)
}

// head names the project in every answer, so that numbers of two projects are
// never mixed up. It costs no request: before the first one nothing is known.
func head(ph *driver.Client, status driver.Status) object {
	p := driver.ProjectRef{ID: status.ProjectID}
	if k, ok := any(ph).(knower); ok && ph != nil {
		if known, ok := k.KnownProject(); ok {
			p = known
		}
	}
	if p.ID == 0 {
		return nil
	}
	text := strconv.FormatInt(p.ID, 10)
	if p.Name != "" {
		text += " " + bounded(p.Name, 60)
	}
	if p.TimeZone != "" {
		text += ", " + bounded(p.TimeZone, 40)
	}
	return object{{"project", text}}
}
