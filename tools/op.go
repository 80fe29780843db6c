// Package tools turns driver operations into MCP tools: one record per
// operation, from which schemas, hints, validation, filters, results and docs
// derive. It knows no transport.
package tools

import (
	"context"

	"github.com/posthog-mcp/posthog-mcp/driver"
)

// Effect says what a tool does to PostHog. All four MCP hints derive from it.
type Effect int

// The effects of tools.
const (
	Reads   Effect = iota // changes nothing
	Creates               // adds an object or events; twice makes two
	Updates               // changes an object; twice is the same as once
	Deletes               // takes something away
	Writes                // writes a local file, changes nothing in PostHog
)

// Op is the record of one operation: a plain function and two typed structs.
// The fields' json and jsonschema tags are the only place where a parameter is
// described.
type Op[In, Out any] struct {
	Name    string       // snake case, at most 40 characters, the first word a verb
	Aliases []string     // names of the replaced driver that mean the same tool; catalogue only
	Title   string       // for people, such as "List cohorts"
	Doc     string       // for the model: first sentence says what it answers
	Effect  Effect       //
	Scopes  []string     // PostHog key scopes, such as "cohort:read"; all are needed
	Toolset string       // "core" when empty
	Class   driver.Class //

	// Run does the work. In has been decoded strictly and its defaults filled.
	// An error becomes a tool result with isError that says what to do next.
	Run func(ctx context.Context, ph *driver.Client, in In) (Out, error)
}
