package tools

import (
	"encoding/json"
	"strconv"
)

// InputSchema writes the JSON Schema of parameters: an object that takes no
// other field. The generator of the golden files and tools declared at run time
// share it, so that what is published is what is checked.
func InputSchema(params []Param) (json.RawMessage, error) {
	return appendTree(nil, objectSchema(params)), nil
}

func objectSchema(params []Param) object {
	props, required := object{}, []any{}
	for _, p := range params {
		props = append(props, member{p.Name, p.schema()})
		if p.Required {
			required = append(required, p.Name)
		}
	}
	s := object{{"type", "object"}, {"properties", props}}
	if len(required) > 0 {
		s = append(s, member{"required", required})
	}
	return append(s, member{"additionalProperties", false})
}

func (p Param) schema() object {
	var s object
	add := func(key string, v any) { s = append(s, member{key, v}) }
	switch {
	case p.Type == Object && p.Fields != nil:
		s = objectSchema(p.Fields)
	case p.Type == DateTime:
		add("type", "string")
	case p.Type != Any:
		add("type", string(p.Type))
	}
	if p.Doc != "" {
		add("description", p.Doc)
	}
	if p.Items != nil {
		add("items", p.Items.schema())
	}
	if len(p.Enum) > 0 {
		list := make([]any, len(p.Enum))
		for i, e := range p.Enum {
			list[i] = e
		}
		add("enum", list)
	}
	for _, b := range []struct {
		key string
		val *float64
	}{{"minimum", p.Min}, {"maximum", p.Max}} {
		if b.val != nil {
			add(b.key, json.Number(strconv.FormatFloat(*b.val, 'f', -1, 64)))
		}
	}
	for _, c := range []struct {
		key string
		val int
	}{{"minLength", p.MinLen}, {"maxLength", p.MaxLen}, {"minItems", p.MinItems}, {"maxItems", p.MaxItems}} {
		if c.val > 0 {
			add(c.key, json.Number(strconv.Itoa(c.val)))
		}
	}
	if p.Default != nil {
		add("default", p.Default)
	}
	return s
}

// sample gives a value that the parameter takes, as JSON.
func (p Param) sample() string {
	switch {
	case p.Example != nil:
		return string(p.Example)
	case p.Default != nil:
		return string(p.Default)
	case len(p.Enum) > 0:
		return quote(p.Enum[0])
	}
	switch p.Type {
	case Integer, Number:
		switch {
		case p.Min != nil && (*p.Min > 10 || p.Max != nil && *p.Max < 10):
			return strconv.FormatFloat(*p.Min, 'f', -1, 64)
		case p.Max != nil && *p.Max < 10:
			return strconv.FormatFloat(*p.Max, 'f', -1, 64)
		}
		return "10"
	case Boolean:
		return "true"
	case DateTime:
		return `"-7d"`
	case Array:
		return "[" + p.Items.sample() + "]"
	case Object:
		if p.Fields != nil {
			return string(SampleArgs(p.Fields, false))
		}
		return `{"plan":"pro"}`
	default:
		return `"text"`
	}
}

// SampleArgs gives arguments that a tool takes: the required ones, or all of
// them. Docs show them and tests check them against the schema.
func SampleArgs(params []Param, all bool) json.RawMessage {
	obj := object{}
	for _, p := range params {
		if p.Required || all {
			obj = append(obj, member{p.Name, json.RawMessage(p.sample())})
		}
	}
	return appendTree(nil, obj)
}
