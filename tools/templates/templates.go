// Package templates holds analyses with parameters: HogQL files with a front
// matter, and analyze_funnel, which PostHog computes natively.
//
// A file starts with a line ---, then YAML (see [Template]), a line ---, and one
// HogQL statement. A placeholder {name} stands for the parameter of that name
// and travels as a bound value, never as text. Beyond that a statement may hold
//
//	/* if name */ ... /* end */   a part that is left out when name was not given
//	{real_users}                  on events: false for internal and test users
//
// The definition may hold optional parts too. A parameter called limit is the number of rows; one more is asked for, so
// that the answer can say whether more exist.
package templates

import (
	"embed"
	"encoding/json"
	"io/fs"

	"github.com/posthog-mcp/posthog-mcp/tools"
)

//go:embed schema/*.json
var schemas embed.FS

//go:embed builtin/*.hogql
var builtin embed.FS

// index holds the front matters of the built-in files as JSON. This package's
// test derives it from the files: reading YAML would cost a millisecond of every
// start.
//
//go:embed builtin/index.json
var index []byte

// Tools gives the templates that come with this program. Their files are
// checked by this package's tests and not at every start.
func Tools() tools.Set {
	set := tools.Set{Tools: []tools.Tool{analyzeFunnel()}, Schemas: schemas}
	var list []*Template
	if err := json.Unmarshal(index, &list); err != nil {
		return set // embedded: a test has read it
	}
	for _, t := range list {
		t.file = "builtin/" + t.Name + ".hogql"
		raw, err := fs.ReadFile(builtin, t.file)
		if err != nil {
			continue
		}
		if _, t.sql, t.line, err = split(t.file, string(raw)); err == nil {
			set.Tools = append(set.Tools, t.tool())
		}
	}
	return set
}
