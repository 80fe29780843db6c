package tools

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver"
)

// Bounds of arguments and of what is said about them.
const (
	maxArgsBytes = 4 << 20
	maxProblems  = 5
)

// Decode checks arguments against their parameters and fills the defaults in.
// It is strict, since a misspelt argument that is ignored gives a wrong answer,
// but takes what models often send: a number or a boolean as text, one value for
// a list, a list or an object as JSON text, null for "not given". The error
// tells up to five problems at once.
func Decode(op string, params []Param, args json.RawMessage) (map[string]any, error) {
	d := decoder{}
	values := map[string]any{}
	if obj, ok := d.root(args); ok {
		values = d.fields("", params, obj)
	}
	if len(d.problems) > 0 {
		return nil, d.err(op, params)
	}
	return values, nil
}

// decoder collects what is wrong, so that a model can mend all of it at once.
type decoder struct {
	problems []string
	attr     string // first argument at fault
}

func (d *decoder) problem(path, format string, args ...any) {
	if d.attr == "" {
		d.attr = path
	}
	text := fmt.Sprintf(format, args...)
	if path != "" {
		text = path + ": " + text
	}
	d.problems = append(d.problems, text)
}

// root reads the arguments as a whole.
func (d *decoder) root(args json.RawMessage) (object, bool) {
	if len(args) > maxArgsBytes {
		d.problem("", "the arguments are %d bytes long; at most %d are taken", len(args), maxArgsBytes)
		return nil, false
	}
	if len(strings.TrimSpace(string(args))) == 0 {
		return object{}, true
	}
	v, err := parseTree(args)
	if err != nil {
		d.problem("", "the arguments cannot be read: %v", err)
		return nil, false
	}
	switch v := v.(type) {
	case nil:
		return object{}, true
	case object:
		return v, true
	default:
		d.problem("", "the arguments must be one JSON object such as {\"limit\":10}, not %s", quote(v))
		return nil, false
	}
}

// fields checks the fields of an object against its parameters.
func (d *decoder) fields(prefix string, params []Param, obj object) map[string]any {
	for _, m := range obj {
		if !slices.ContainsFunc(params, func(p Param) bool { return p.Name == m.key }) {
			d.unknown(prefix, m.key, params)
		}
	}
	values := make(map[string]any, len(params))
	for _, p := range params {
		v, given := obj.get(p.Name)
		switch {
		case given && v != nil:
			if got, ok := d.value(prefix+p.Name, p, v); ok {
				values[p.Name] = got
			}
		case p.Default != nil:
			def, err := parseTree(p.Default)
			if err != nil {
				d.problem(prefix+p.Name, "its default is broken: %v", err)
				continue
			}
			if got, ok := d.value(prefix+p.Name, p, def); ok {
				values[p.Name] = got
			}
		case p.Required:
			d.problem(prefix+p.Name, "is required: %s, such as %s", p.wants(), p.sample())
		}
	}
	return values
}

func (d *decoder) unknown(prefix, key string, params []Param) {
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Name
	}
	if len(names) == 0 {
		d.problem(prefix+clip(key, 60), "is unknown; this tool takes no arguments")
		return
	}
	d.problem(prefix+clip(key, 60), "is unknown%s; known: %s", nearestIs(key, names), strings.Join(names, ", "))
}

// err gives the problems as one error.
func (d *decoder) err(op string, params []Param) error {
	list := d.problems
	if len(list) > maxProblems {
		more := len(list) - maxProblems
		list = append(slices.Clone(list[:maxProblems]), fmt.Sprintf("and %d more", more))
	}
	detail := strings.Join(list, "\n- ")
	if len(list) > 1 {
		detail = "\n- " + detail
	}
	e := &driver.Error{Op: op, Kind: driver.KindInvalid, Attr: d.attr, Detail: clip(detail, maxList)}
	if sample := string(SampleArgs(params, false)); sample != "{}" {
		e.Hint = hintArgs(sample)
	}
	return e
}

func hintArgs(example string) string { return "Arguments that work: " + clip(example, 200) }

// clip cuts a text to n characters and shows that it did.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
