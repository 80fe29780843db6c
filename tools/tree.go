package tools

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxDepth bounds the nesting of arguments and answers.
const maxDepth = 32

// object is a JSON object that keeps the order of its fields. A JSON tree is
// nil, bool, json.Number, string, []any or object.
type object []member

type member struct {
	key string
	val any
}

// get gives a field's value.
func (o object) get(key string) (any, bool) {
	for _, m := range o {
		if m.key == key {
			return m.val, true
		}
	}
	return nil, false
}

// parseTree reads one JSON value. It refuses a key given twice, nesting beyond
// maxDepth and anything after the value.
func parseTree(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	v, err := parseValue(dec, 0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more text after the JSON value")
	}
	return v, nil
}

func parseValue(dec *json.Decoder, depth int) (any, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := tok.(json.Delim)
	if !ok {
		return tok, nil
	}
	if depth >= maxDepth {
		return nil, fmt.Errorf("it is nested more than %d levels deep", maxDepth)
	}
	if delim == '[' {
		list := []any{}
		for dec.More() {
			v, err := parseValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.Token()
		return list, err
	}
	return parseObject(dec, depth)
}

func parseObject(dec *json.Decoder, depth int) (any, error) {
	obj := object{}
	seen := map[string]bool{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, _ := tok.(string) // the decoder lets nothing else be a key
		if seen[key] {
			return nil, fmt.Errorf("%s is given twice", quote(key))
		}
		seen[key] = true
		v, err := parseValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		obj = append(obj, member{key, v})
	}
	_, err := dec.Token()
	return obj, err
}

// appendTree writes a tree as compact JSON, without HTML escapes.
func appendTree(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		if v {
			return append(b, "true"...)
		}
		return append(b, "false"...)
	case json.Number:
		return append(b, v...)
	case json.RawMessage:
		return append(b, v...)
	case string:
		return appendString(b, v)
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendTree(b, item)
		}
		return append(b, ']')
	case object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, m.key)
			b = append(b, ':')
			b = appendTree(b, m.val)
		}
		return append(b, '}')
	default:
		return appendTree(b, tree(v))
	}
}

// tree turns a Go value into a tree. Cells are nearly always of the types named
// here, which saves writing and reading them as JSON.
func tree(v any) any {
	switch v := v.(type) {
	case nil, bool, string, json.Number, []any, object:
		return v
	case int:
		return json.Number(strconv.Itoa(v))
	case int64:
		return json.Number(strconv.FormatInt(v, 10))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil // JSON has no such number; ClickHouse divides by zero
		}
		return json.Number(formatFloat(v))
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	raw, err := marshal(v)
	if err != nil {
		return nil
	}
	parsed, err := parseTree(raw)
	if err != nil {
		return nil
	}
	return parsed
}

// formatFloat gives the shortest digits that read back as the same number.
func formatFloat(f float64) string {
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// appendString quotes a string for JSON. json.Marshal would turn < and & into
// six characters each, which costs tokens and protects nobody here.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\t':
			b = append(b, '\\', 't')
		case r < 0x20 || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&0xf])
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

// quote shows a value in an error text: compact JSON, cut to 60 characters.
func quote(v any) string {
	s := string(appendTree(nil, v))
	if r := []rune(s); len(r) > 60 {
		s = string(r[:57]) + "..."
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
