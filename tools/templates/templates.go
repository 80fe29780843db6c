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
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

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

// FileError says what is wrong with a template file.
type FileError struct {
	File   string
	Line   int // from 1; 0 when the file as a whole is meant
	Reason string
}

// Error gives file, line and reason in one line.
func (e *FileError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// Load reads the *.hogql files at the root of a directory, in the order of
// their names. A file that is wrong is reported as a *FileError and the others
// still load.
func Load(dir fs.FS) ([]tools.Tool, []error) {
	var list []tools.Tool
	var errs []error
	from := map[string]string{}
	for _, name := range files(dir, ".") {
		t, err := load(dir, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if first, twice := from[t.Name]; twice {
			errs = append(errs, &FileError{File: name, Line: 1, Reason: fmt.Sprintf("the name %s is taken by %s", t.Name, first)})
			continue
		}
		from[t.Name] = name
		list = append(list, t.tool())
	}
	return list, errs
}

// load reads and checks one file.
func load(dir fs.FS, name string) (*Template, error) {
	raw, err := readFile(dir, name)
	if err != nil {
		return nil, err
	}
	t, err := parse(name, raw)
	if err != nil {
		return nil, err
	}
	return t, t.check()
}

const maxFile = 256 << 10

func readFile(dir fs.FS, name string) (string, error) {
	info, err := fs.Stat(dir, name)
	if err == nil && info.Size() > maxFile {
		return "", &FileError{File: name, Reason: fmt.Sprintf("%d bytes are more than the %d of a template", info.Size(), maxFile)}
	}
	raw, err := fs.ReadFile(dir, name)
	if err != nil {
		return "", &FileError{File: name, Reason: err.Error()}
	}
	return string(raw), nil
}

// files lists the template files of a directory, sorted.
func files(dir fs.FS, root string) []string {
	entries, err := fs.ReadDir(dir, root)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".hogql") && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, path.Join(root, e.Name()))
		}
	}
	slices.Sort(names)
	return names
}
