package tools

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// Type is the type of a parameter.
type Type string

// The types of parameters.
const (
	String   Type = "string"
	Integer  Type = "integer"
	Number   Type = "number"
	Boolean  Type = "boolean"
	DateTime Type = "datetime" // ISO 8601 or relative, see [Time]; a string in the schema
	Array    Type = "array"
	Object   Type = "object"
	Any      Type = "any"
)

// Param describes one parameter. Struct fields are described by tags:
//
//	Limit int `json:"limit,omitempty" jsonschema:"Rows" default:"50" min:"1" max:"500"`
//
// json gives the name, and omitempty or omitzero makes it optional; jsonschema
// is the description; enum lists the allowed values with commas (of the items,
// for a list); min and max bound a number; minlen and maxlen bound the
// characters of a string; minitems and maxitems a list; default and example are
// JSON, or plain text for strings, or values with commas for lists of strings.
type Param struct {
	Name     string
	Type     Type
	Doc      string
	Required bool
	Default  json.RawMessage // nil: none
	Example  json.RawMessage // nil: one is made up from the type
	Enum     []string
	Min, Max *float64
	MinLen   int
	MaxLen   int // 0: only the bound of all arguments
	MinItems int
	MaxItems int     // 0: only the bound of all arguments
	Items    *Param  // of an Array
	Fields   []Param // of an Object; nil: any fields
}

var paramCache sync.Map // reflect.Type → paramsResult

type paramsResult struct {
	params []Param
	err    error
}

// paramsOf reads a struct's tags, once per type and only when it is needed.
func paramsOf(t reflect.Type) ([]Param, error) {
	if r, ok := paramCache.Load(t); ok {
		p := r.(paramsResult) //nolint:forcetypeassert // the only type ever stored
		return p.params, p.err
	}
	params, err := readParams(t)
	paramCache.Store(t, paramsResult{params, err})
	return params, err
}

func readParams(t reflect.Type) ([]Param, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("tools: arguments must be a struct, not %s", t)
	}
	params := []Param{}
	for f := range t.Fields() {
		tag := f.Tag.Get("json")
		switch {
		case f.Anonymous && tag == "":
			more, err := readParams(f.Type)
			if err != nil {
				return nil, err
			}
			params = append(params, more...)
			continue
		case !f.IsExported() || tag == "-":
			continue
		}
		p, err := readParam(f, tag)
		if err != nil {
			return nil, fmt.Errorf("tools: %s.%s: %w", t, f.Name, err)
		}
		params = append(params, p)
	}
	return params, nil
}

func readParam(f reflect.StructField, tag string) (Param, error) {
	name, opts, _ := strings.Cut(tag, ",")
	if name == "" {
		return Param{}, fmt.Errorf("no json name")
	}
	p, err := typeOf(f.Type)
	if err != nil {
		return p, err
	}
	p.Name, p.Doc = name, f.Tag.Get("jsonschema")
	p.Required = !strings.Contains(opts, "omitempty") && !strings.Contains(opts, "omitzero")
	return p, p.readTags(f.Tag)
}

// typeOf gives the type of a parameter, without name and bounds.
func typeOf(t reflect.Type) (Param, error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[Time]():
		return Param{Type: DateTime}, nil
	case reflect.TypeFor[json.RawMessage]():
		return Param{Type: Any}, nil
	}
	switch t.Kind() {
	case reflect.String:
		return Param{Type: String}, nil
	case reflect.Bool:
		return Param{Type: Boolean}, nil
	case reflect.Int, reflect.Int64, reflect.Int32:
		return Param{Type: Integer}, nil
	case reflect.Float64:
		return Param{Type: Number}, nil
	case reflect.Interface:
		return Param{Type: Any}, nil
	case reflect.Map:
		return Param{Type: Object}, nil
	case reflect.Struct:
		fields, err := readParams(t)
		return Param{Type: Object, Fields: fields}, err
	case reflect.Slice:
		item, err := typeOf(t.Elem())
		return Param{Type: Array, Items: &item}, err
	default:
		return Param{}, fmt.Errorf("type %s cannot be a parameter", t)
	}
}

// readTags reads bounds, enum, default and example.
func (p *Param) readTags(tag reflect.StructTag) error {
	if v, ok := tag.Lookup("enum"); ok {
		p.leaf().Enum = strings.Split(v, ",")
	}
	for name, to := range map[string]**float64{"min": &p.leaf().Min, "max": &p.leaf().Max} {
		if v, ok := tag.Lookup(name); ok {
			n, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return fmt.Errorf("%s:%q is not a number", name, v)
			}
			*to = &n
		}
	}
	counts := map[string]*int{
		"minlen": &p.leaf().MinLen, "maxlen": &p.leaf().MaxLen,
		"minitems": &p.MinItems, "maxitems": &p.MaxItems,
	}
	for name, to := range counts {
		if v, ok := tag.Lookup(name); ok {
			n, err := strconv.Atoi(v)
			if err != nil {
				return fmt.Errorf("%s:%q is not a count", name, v)
			}
			*to = n
		}
	}
	if err := p.fits(); err != nil {
		return err
	}
	var err error
	if v, ok := tag.Lookup("default"); ok {
		if p.Default, err = p.literal(v); err != nil {
			return fmt.Errorf("default: %w", err)
		}
	}
	if v, ok := tag.Lookup("example"); ok {
		if p.Example, err = p.literal(v); err != nil {
			return fmt.Errorf("example: %w", err)
		}
	}
	return nil
}

// fits refuses bounds that a type cannot have: they would be published but never
// checked.
func (p *Param) fits() error {
	leaf := p.leaf()
	number := leaf.Type == Integer || leaf.Type == Number
	switch {
	case len(leaf.Enum) > 0 && leaf.Type != String:
		return fmt.Errorf("enum does not fit the type %s", leaf.Type)
	case (leaf.Min != nil || leaf.Max != nil) && !number:
		return fmt.Errorf("min and max do not fit the type %s", leaf.Type)
	case (leaf.MinLen > 0 || leaf.MaxLen > 0) && leaf.Type != String:
		return fmt.Errorf("minlen and maxlen do not fit the type %s", leaf.Type)
	case (p.MinItems > 0 || p.MaxItems > 0) && p.Type != Array:
		return fmt.Errorf("minitems and maxitems do not fit the type %s", p.Type)
	}
	return nil
}

// leaf is the parameter that bounds of values apply to: the items of a list.
func (p *Param) leaf() *Param {
	if p.Type == Array && p.Items != nil {
		return p.Items
	}
	return p
}

// literal turns the text of a tag into JSON.
func (p *Param) literal(text string) (json.RawMessage, error) {
	switch p.Type {
	case String, DateTime:
		return appendTree(nil, text), nil
	case Array:
		if strings.HasPrefix(text, "[") {
			break
		}
		list := []json.RawMessage{}
		for item := range strings.SplitSeq(text, ",") {
			raw, err := p.Items.literal(item)
			if err != nil {
				return nil, err
			}
			list = append(list, raw)
		}
		return json.Marshal(list)
	}
	if !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("%q is not JSON", text)
	}
	return json.RawMessage(text), nil
}
