package tools

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// value checks one value and gives it in the parameter's own type.
func (d *decoder) value(path string, p Param, v any) (any, bool) {
	switch p.Type {
	case Integer, Number:
		return d.number(path, p, v)
	case Boolean:
		return d.boolean(path, p, v)
	case String:
		return d.text(path, p, v)
	case DateTime:
		return d.time(path, p, v)
	case Array:
		return d.list(path, p, v)
	case Object:
		return d.object(path, p, v)
	default:
		return plain(v), true
	}
}

func (d *decoder) wrong(path string, p Param, v any) (any, bool) {
	d.problem(path, "must be %s, such as %s; got %s", p.wants(), p.sample(), describe(v))
	return nil, false
}

func (d *decoder) number(path string, p Param, v any) (any, bool) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	default:
		return d.wrong(path, p, v)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return d.wrong(path, p, v)
	}
	if p.Min != nil && f < *p.Min || p.Max != nil && f > *p.Max {
		d.problem(path, "must be %s; got %s", p.wants(), quote(v))
		return nil, false
	}
	if p.Type == Number {
		return f, true
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return d.wrong(path, p, v)
	}
	return int64(f), true
}

func (d *decoder) boolean(path string, p Param, v any) (any, bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true":
			return true, true
		case "false":
			return false, true
		}
	}
	return d.wrong(path, p, v)
}

func (d *decoder) text(path string, p Param, v any) (any, bool) {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case json.Number: // an id that looks like a number
		s = v.String()
	default:
		return d.wrong(path, p, v)
	}
	n := utf8.RuneCountInString(s)
	switch {
	case len(p.Enum) > 0:
		return d.enum(path, p, s)
	case n < p.MinLen || p.Required && strings.TrimSpace(s) == "":
		d.problem(path, "must have at least %d characters, such as %s; got %s", max(p.MinLen, 1), p.sample(), quote(v))
		return nil, false
	case p.MaxLen > 0 && n > p.MaxLen:
		d.problem(path, "has %d characters; at most %d are taken", n, p.MaxLen)
		return nil, false
	}
	return s, true
}

func (d *decoder) enum(path string, p Param, s string) (any, bool) {
	for _, e := range p.Enum {
		if strings.EqualFold(e, strings.TrimSpace(s)) {
			return e, true
		}
	}
	d.problem(path, "%s is not one of %s%s", quote(s), strings.Join(p.Enum, ", "), nearestIs(s, p.Enum))
	return nil, false
}

func (d *decoder) time(path string, p Param, v any) (any, bool) {
	s, ok := v.(string)
	if !ok {
		return d.wrong(path, p, v)
	}
	t, err := ParseTime(s)
	if err != nil {
		d.problem(path, "%s cannot be used as a date: %v", quote(s), err)
		return nil, false
	}
	if t.IsZero() && p.Required {
		return d.wrong(path, p, v)
	}
	return t, true
}

func (d *decoder) list(path string, p Param, v any) (any, bool) {
	items, ok := v.([]any)
	if !ok {
		if s, isText := v.(string); isText && strings.HasPrefix(strings.TrimSpace(s), "[") {
			if parsed, err := parseTree([]byte(s)); err == nil {
				items, ok = parsed.([]any)
			}
		}
	}
	if !ok {
		items = []any{v}
	}
	if len(items) < p.MinItems || p.MaxItems > 0 && len(items) > p.MaxItems {
		d.problem(path, "must be %s; got %d", p.wants(), len(items))
		return nil, false
	}
	out := make([]any, 0, len(items))
	good := true
	for i, item := range items {
		where := path
		if ok {
			where = path + "[" + strconv.Itoa(i) + "]"
		}
		got, fine := d.value(where, *p.Items, item)
		good = good && fine
		out = append(out, got)
		if len(d.problems) > 2*maxProblems {
			break // a list of thousands of wrong items needs no longer report
		}
	}
	return out, good
}

func (d *decoder) object(path string, p Param, v any) (any, bool) {
	obj, ok := v.(object)
	if s, isText := v.(string); isText {
		if parsed, err := parseTree([]byte(s)); err == nil {
			obj, ok = parsed.(object)
		}
	}
	if !ok {
		return d.wrong(path, p, v)
	}
	if p.Fields == nil {
		return plain(obj), true
	}
	before := len(d.problems)
	values := d.fields(path+".", p.Fields, obj)
	return values, len(d.problems) == before
}

// plain turns a tree into the maps that callers know.
func plain(v any) any {
	switch v := v.(type) {
	case object:
		m := make(map[string]any, len(v))
		for _, f := range v {
			m[f.key] = plain(f.val)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = plain(item)
		}
		return list
	default:
		return v
	}
}

// describe says what was got, by its type and its text.
func describe(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "the boolean " + quote(v)
	case json.Number:
		return "the number " + quote(v)
	case string:
		return "the text " + quote(v)
	case []any:
		return "the list " + quote(v)
	default:
		return "the object " + quote(v)
	}
}

// wants says in a few words what a parameter takes.
func (p Param) wants() string {
	switch p.Type {
	case Integer:
		return "a whole number" + p.bounds()
	case Number:
		return "a number" + p.bounds()
	case Boolean:
		return "true or false"
	case DateTime:
		return "a date, ISO 8601 or relative"
	case Array:
		what := "a list"
		if p.MinItems > 0 || p.MaxItems > 0 {
			what = fmt.Sprintf("a list of %s items", span(p.MinItems, p.MaxItems))
		}
		return what
	case Object:
		return "an object"
	case String:
		if len(p.Enum) > 0 {
			return "one of " + strings.Join(p.Enum, ", ")
		}
		return "text"
	default:
		return "a value"
	}
}

func (p Param) bounds() string {
	num := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	switch {
	case p.Min != nil && p.Max != nil:
		return " from " + num(*p.Min) + " to " + num(*p.Max)
	case p.Min != nil:
		return " of at least " + num(*p.Min)
	case p.Max != nil:
		return " of at most " + num(*p.Max)
	default:
		return ""
	}
}

func span(low, high int) string {
	switch {
	case high == 0:
		return fmt.Sprintf("at least %d", low)
	case low == 0:
		return fmt.Sprintf("at most %d", high)
	default:
		return fmt.Sprintf("%d to %d", low, high)
	}
}
