// Package tools turns driver operations into MCP tools: one record per
// operation, from which schemas, hints, validation, filters, results and docs
// derive. It knows no transport.
package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/posthog-mcp/posthog-mcp/driver"
)

// Op is the record of one operation: a plain function and two typed structs.
// The tags of In's fields are the only place where a parameter is described;
// see [Param] for the tags. Out is a struct of facts that embeds a [Table]
// when it has rows.
type Op[In, Out any] struct {
	Name     string       // snake case, at most 40 characters, the first word a verb
	Aliases  []string     // names of the replaced driver that mean the same tool; catalogue only
	Title    string       // for people, such as "List cohorts"
	Doc      string       // for the model: first sentence says what it answers
	Effect   Effect       //
	Scopes   []string     // PostHog key scopes, such as "cohort:read"; all are needed
	Toolset  string       // "core" when empty
	Class    driver.Class //
	Examples []string     // arguments as JSON objects; shown in docs, checked against the schema
	Own      bool         // the answer is this program's own text, so it is not fenced as untrusted
	MaxChars int          // bound of a result in characters; 0: the registry's

	// Run does the work. In has been decoded strictly and its defaults filled.
	// An error becomes a tool result with isError that says what to do next.
	Run func(ctx context.Context, ph *driver.Client, in In) (Out, error)
}

// Spec gives the record without its function.
func (o Op[In, Out]) Spec() Spec {
	return Spec{
		Name: o.Name, Aliases: o.Aliases, Title: o.Title, Doc: o.Doc, Effect: o.Effect,
		Scopes: o.Scopes, Toolset: o.Toolset, Class: o.Class, Examples: o.Examples,
		Own: o.Own, MaxChars: o.MaxChars,
	}
}

// Params reads the parameters from In's tags, once per type. The error names
// the field whose tags are wrong; every area's test runs into it.
func (o Op[In, Out]) Params() ([]Param, error) { return paramsOf(reflect.TypeFor[In]()) }

// OutType is the type of the answer, for the generator of output schemas.
func (o Op[In, Out]) OutType() reflect.Type { return reflect.TypeFor[Out]() }

// Call decodes and validates the arguments, runs the operation and shapes its
// answer. It never panics and never returns nil.
func (o Op[In, Out]) Call(ctx context.Context, ph *driver.Client, args json.RawMessage) *Result {
	return call(ctx, o, ph, args, func(ctx context.Context, values map[string]any) (any, error) {
		in, err := bind[In](o.Name, values)
		if err != nil {
			return nil, err
		}
		out, err := o.Run(ctx, ph, in)
		if err != nil {
			return nil, err
		}
		return &out, nil
	})
}

// bind moves checked values into the typed struct by way of JSON, so that types
// with their own UnmarshalJSON take part.
func bind[In any](op string, values map[string]any) (In, error) {
	var in In
	raw, err := json.Marshal(values)
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		err = dec.Decode(&in)
	}
	if err != nil {
		return in, &driver.Error{
			Op: op, Kind: driver.KindInvalid, Err: err,
			Detail: fmt.Sprintf("the arguments do not fit this tool: %v", err),
		}
	}
	return in, nil
}
