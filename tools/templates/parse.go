package templates

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/posthog-mcp/posthog-mcp/tools"
)

// Template is one file: its front matter and its statement.
type Template struct {
	Name       string   `yaml:"name" json:"name,omitempty"`             // of the tool; snake case
	Title      string   `yaml:"title" json:"title,omitempty"`           // for people
	Doc        string   `yaml:"doc" json:"doc,omitempty"`               // for the model
	Params     []Param  `yaml:"params" json:"params,omitempty"`         //
	Scopes     []string `yaml:"scopes" json:"scopes,omitempty"`         // of the key; query:read when left out
	Toolset    string   `yaml:"toolset" json:"toolset,omitempty"`       // core when left out
	Definition string   `yaml:"definition" json:"definition,omitempty"` // what is counted, in every answer; {name} shows a value
	Units      string   `yaml:"units" json:"units,omitempty"`           // of the columns
	Fresh      bool     `yaml:"fresh" json:"fresh,omitempty"`           // never from PostHog's cache
	Cursor     string   `yaml:"cursor" json:"cursor,omitempty"`         // column whose last value continues the list, for a parameter cursor

	head string
	sql  string
	file string
	line int // of the statement's first line
}

// Param is one parameter of a template.
type Param struct {
	Name string `yaml:"name" json:"name,omitempty"`
	// Type is string, int, float, bool, date (bound as UTC text), list (of
	// strings), property or properties (names, which stand for the properties'
	// values; person.NAME for one of the person).
	Type     string   `yaml:"type" json:"type,omitempty"`
	Doc      string   `yaml:"doc" json:"doc,omitempty"`
	Required bool     `yaml:"required" json:"required,omitempty"`
	Default  any      `yaml:"default" json:"default,omitempty"`
	Example  any      `yaml:"example" json:"example,omitempty"`
	Min      *float64 `yaml:"min" json:"min,omitempty"`
	Max      *float64 `yaml:"max" json:"max,omitempty"`
	Enum     []string `yaml:"enum" json:"enum,omitempty"`
	// Edge is end for a date that is an upper bound: a day then counts to its
	// last moment.
	Edge string `yaml:"edge" json:"edge,omitempty"`
}

const fence = "---"

// parse reads a file without checking the statement.
func parse(file, text string) (*Template, error) {
	head, sql, line, err := split(file, text)
	if err != nil {
		return nil, err
	}
	t := &Template{}
	if err := yaml.UnmarshalWithOptions([]byte(head), t, yaml.Strict()); err != nil {
		return nil, yamlError(file, err)
	}
	t.file, t.head, t.sql, t.line = file, head, sql, line
	return t, nil
}

// split takes the front matter and the statement apart; line is the
// statement's first.
func split(file, text string) (head, sql string, line int, err error) {
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	rest, ok := strings.CutPrefix(text, fence+"\n")
	if !ok {
		return "", "", 0, &FileError{File: file, Line: 1, Reason: "the first line must be --- and start the front matter"}
	}
	head, sql, ok = strings.Cut(rest, "\n"+fence+"\n")
	if !ok {
		return "", "", 0, &FileError{File: file, Line: 1, Reason: "the front matter has no closing line ---"}
	}
	// Before it: both fences and the front matter's last line.
	return head, strings.TrimRight(sql, " \t\n"), strings.Count(head, "\n") + 4, nil
}

// yamlError names the line in the file; the front matter starts at the second.
func yamlError(file string, err error) error {
	e := &FileError{File: file, Line: 1, Reason: err.Error()}
	if y, ok := errors.AsType[yaml.Error](err); ok {
		e.Reason = y.GetMessage()
		if tok := y.GetToken(); tok != nil && tok.Position != nil {
			e.Line = tok.Position.Line + 1
		}
	}
	return e
}

// inputs gives the parameters as tools know them.
func (t *Template) inputs() ([]tools.Param, error) {
	list := make([]tools.Param, len(t.Params))
	for i, p := range t.Params {
		in, err := p.input()
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", p.Name, err)
		}
		list[i] = in
	}
	return list, nil
}

func (p Param) input() (tools.Param, error) {
	in := tools.Param{Name: p.Name, Doc: p.Doc, Required: p.Required, Min: p.Min, Max: p.Max, Enum: p.Enum}
	switch p.Type {
	case "string":
		in.Type = tools.String
	case "property":
		in.Type = tools.String
	case "int":
		in.Type = tools.Integer
	case "float":
		in.Type = tools.Number
	case "bool":
		in.Type = tools.Boolean
	case "date":
		in.Type = tools.DateTime
	case "list", "properties":
		in.Type, in.Enum = tools.Array, nil
		in.Items = &tools.Param{Type: tools.String, Enum: p.Enum}
		if p.Type == "properties" {
			in.MinItems, in.MaxItems = 1, 30
		}
	default:
		return in, fmt.Errorf("type %q is none of string, int, float, bool, date, list, property, properties", p.Type)
	}
	for _, v := range []struct {
		what string
		from any
		to   *json.RawMessage
	}{{"default", p.Default, &in.Default}, {"example", p.Example, &in.Example}} {
		if v.from == nil {
			continue
		}
		raw, err := json.Marshal(v.from)
		if err != nil {
			return in, fmt.Errorf("%s: %w", v.what, err)
		}
		*v.to = raw
	}
	return in, nil
}
