package tools

import (
	"context"
	"encoding/json"
	"io/fs"
	"reflect"

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

// String names the effect as docs print it.
func (e Effect) String() string {
	switch e {
	case Reads:
		return "reads"
	case Creates:
		return "creates"
	case Updates:
		return "updates"
	case Deletes:
		return "deletes"
	case Writes:
		return "writes a local file"
	default:
		return "unknown"
	}
}

// ChangesPostHog reports whether read-only mode must hide the tool.
func (e Effect) ChangesPostHog() bool { return e != Reads && e != Writes }

// Hints are MCP's four annotations. All of them are always stated, since a host
// takes a missing one for the worst case.
type Hints struct {
	ReadOnly    bool // changes nothing anywhere
	Destructive bool // overwrites or takes away, rather than only adds
	Idempotent  bool // twice is the same as once
	OpenWorld   bool // meets text from outside: anyone can send events with the public key
}

// Hints derives the four annotations.
func (e Effect) Hints() Hints {
	return Hints{
		ReadOnly:    e == Reads,
		Destructive: e == Updates || e == Deletes,
		Idempotent:  e != Creates,
		OpenWorld:   true,
	}
}

// DefaultToolset is the toolset of a tool that names none.
const DefaultToolset = "core"

// Spec is what is known of a tool before it is called.
type Spec struct {
	Name     string
	Aliases  []string
	Title    string
	Doc      string
	Effect   Effect
	Scopes   []string
	Toolset  string
	Class    driver.Class
	Examples []string // arguments as JSON objects
	Own      bool     // the answer holds no text from PostHog
	MaxChars int      // bound of a result; 0: the registry's
}

// Tool is an operation without its types.
type Tool interface {
	Spec() Spec
	// Params are the parameters in the order in which they are declared.
	Params() ([]Param, error)
	// Call never panics and never returns nil: what goes wrong is a Result with
	// IsError that says what to do next.
	Call(ctx context.Context, ph *driver.Client, args json.RawMessage) *Result
}

// Schemer is a Tool that knows its own input schema, because it was declared at
// run time. All others are looked up in the golden files of their Set.
type Schemer interface {
	InputSchema() (json.RawMessage, error)
}

// Set is what one area contributes: its tools and the golden files
// schema/<tool>.json with {"input":…,"output":…} that it embeds.
type Set struct {
	Tools   []Tool
	Schemas fs.FS // holds a directory "schema"; nil when every tool is a Schemer
}

// Untyped is a tool declared at run time, such as a script template: its
// parameters are data instead of a struct. Values reach Run checked and with
// defaults filled, as string, int64, float64, bool, [Time], []any or
// map[string]any (numbers inside are json.Number).
type Untyped struct {
	Of     Spec
	Inputs []Param
	Run    func(ctx context.Context, ph *driver.Client, args map[string]any) (any, error)
}

// Spec gives the record without its function.
func (u Untyped) Spec() Spec { return u.Of }

// Params gives the declared parameters.
func (u Untyped) Params() ([]Param, error) { return u.Inputs, nil }

// InputSchema writes the schema from the parameters.
func (u Untyped) InputSchema() (json.RawMessage, error) { return InputSchema(u.Inputs) }

// Call decodes and validates the arguments, runs the tool and shapes its answer.
// Run answers with a struct (or a pointer to one) as [Op] does.
func (u Untyped) Call(ctx context.Context, ph *driver.Client, args json.RawMessage) *Result {
	return call(ctx, u, ph, args, func(ctx context.Context, values map[string]any) (any, error) {
		out, err := u.Run(ctx, ph, values)
		if err != nil || out == nil {
			return out, err
		}
		return copyOf(out), nil
	})
}

// copyOf gives a pointer to a copy of an answer, which shaping may take apart.
func copyOf(out any) any {
	v := reflect.Indirect(reflect.ValueOf(out))
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return p.Interface()
}
