package engine

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// object is a decoded JSON object that keeps the order of its keys.
type object []data.Property

func (o object) get(key string) (any, bool) {
	for i := range o {
		if o[i].Key == key {
			return o[i].Value, true
		}
	}
	return nil, false
}

// propertiesText is the JSON text of all properties, Base first.
func propertiesText(p *data.Properties) string {
	if p == nil {
		return "{}"
	}
	return string(appendJSON(nil, allProperties(p)))
}

// allProperties flattens the layers of p; a key of an upper layer hides the
// same key below.
func allProperties(p *data.Properties) object {
	var layers []*data.Properties
	for l := p; l != nil; l = l.Base {
		layers = append(layers, l)
	}
	if len(layers) == 1 {
		return object(p.Own)
	}
	var out object
	for _, l := range slices.Backward(layers) {
		for _, kv := range l.Own {
			at := slices.IndexFunc(out, func(o data.Property) bool { return o.Key == kv.Key })
			if at >= 0 {
				out[at].Value = kv.Value
			} else {
				out = append(out, kv)
			}
		}
	}
	return out
}

func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case string:
		return appendJSONString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(b, "null"...)
		}
		return append(b, formatFloat(v)...)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	case json.Number:
		return append(b, v...)
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, e)
		}
		return append(b, ']')
	case object:
		b = append(b, '{')
		for i, kv := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSONString(b, kv.Key), ':')
			b = appendJSON(b, kv.Value)
		}
		return append(b, '}')
	case map[string]any:
		return appendJSON(b, orderedMap(v))
	default:
		return append(b, "null"...)
	}
}

// appendJSONString quotes s as ClickHouse does: slashes stay bare.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		default:
			if c < 0x20 {
				const hex = "0123456789abcdef"
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			} else {
				b = append(b, c)
			}
		}
	}
	return append(b, '"')
}

// parseJSON decodes s keeping the order of keys; ok is false for text that is
// not exactly one JSON value.
func parseJSON(s string) (v any, ok bool) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	v, ok = decodeJSON(d, 0)
	if !ok || d.More() {
		return nil, false
	}
	_, err := d.Token()
	return v, err != nil
}

const maxJSONDepth = 200

func decodeJSON(d *json.Decoder, depth int) (any, bool) {
	t, err := d.Token()
	if err != nil || depth > maxJSONDepth {
		return nil, false
	}
	delim, isDelim := t.(json.Delim)
	if !isDelim {
		return t, true
	}
	switch delim {
	case '[':
		out := []any{}
		for d.More() {
			e, ok := decodeJSON(d, depth+1)
			if !ok {
				return nil, false
			}
			out = append(out, e)
		}
		_, err = d.Token()
		return out, err == nil
	case '{':
		out := object{}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, false
			}
			key, _ := k.(string)
			e, ok := decodeJSON(d, depth+1)
			if !ok {
				return nil, false
			}
			out = append(out, data.Property{Key: key, Value: e})
		}
		_, err = d.Token()
		return out, err == nil
	}
	return nil, false
}

// jsonStep is one step of a JSON path: a key, or an index counting from 1
// (from the end when negative) in an array or an object.
type jsonStep struct {
	key   string
	index int64
	isKey bool
}

// jsonWalk follows path from v, which is a decoded JSON value or a
// *data.Properties.
func jsonWalk(v any, path []jsonStep) (any, bool) {
	for _, s := range path {
		var ok bool
		if v, ok = jsonMember(v, s); !ok {
			return nil, false
		}
	}
	return v, true
}

func jsonMember(v any, s jsonStep) (any, bool) {
	switch v := v.(type) {
	case *data.Properties:
		if s.isKey {
			return v.Get(s.key)
		}
		return jsonMember(allProperties(v), s)
	case object:
		if s.isKey {
			return v.get(s.key)
		}
		if i, ok := jsonIndex(s.index, len(v)); ok {
			return v[i].Value, true
		}
	case map[string]any:
		return jsonMember(orderedMap(v), s)
	case []any:
		if s.isKey {
			return nil, false
		}
		if i, ok := jsonIndex(s.index, len(v)); ok {
			return v[i], true
		}
	}
	return nil, false
}

func jsonIndex(i int64, n int) (int, bool) {
	if i < 0 {
		i += int64(n) + 1
	}
	return int(i) - 1, i >= 1 && i <= int64(n)
}

// propertyText is a JSON value as PostHog's property access gives it: strings
// without their quotes but with their escapes, the rest as JSON text, and NULL
// for null.
func propertyText(v any) any {
	switch s := v.(type) {
	case nil:
		return nil
	case string:
		if plainJSON(s) {
			return v // the boxed string itself: no allocation
		}
		q := appendJSONString(nil, s)
		return string(q[1 : len(q)-1])
	default:
		return string(appendJSON(nil, v))
	}
}

func plainJSON(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' {
			return false
		}
	}
	return utf8.ValidString(s)
}

func jsonNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	}
	return 0, false
}

func orderedMap(m map[string]any) object {
	out := make(object, 0, len(m))
	for k, v := range m {
		out = append(out, data.Property{Key: k, Value: v})
	}
	slices.SortFunc(out, func(a, b data.Property) int { return strings.Compare(a.Key, b.Key) })
	return out
}
