package engine

import (
	"encoding/json"
	"strings"
	"time"
)

// jsonExtract is JSONExtract(json, path..., type): the value at the path as
// the type that the last argument names.
func jsonExtract(s *scope, name string, args []*expr) (*expr, error) {
	if len(args) < 2 || !args[len(args)-1].fixed || args[len(args)-1].t.k != kString {
		return nil, queryError(codeBadArguments, "The last argument of function %s must be a constant string naming a type", name)
	}
	text := str(args[len(args)-1].val)
	t := parseType(text)
	if t == nil {
		return nil, notSupported("%s to the type %s", name, text)
	}
	zero := zeroOf(t)
	return jsonCall(t, zero, func(v any) any {
		if out := jsonAs(v, t); out != nil {
			return out
		}
		return zero
	})(s, name, args[:len(args)-1])
}

// parseType reads the type names that JSONExtract knows here.
func parseType(name string) *typ {
	if inner, ok := strings.CutPrefix(name, "Array("); ok && strings.HasSuffix(inner, ")") {
		if e := parseType(strings.TrimSuffix(inner, ")")); e != nil {
			return arrayOf(e)
		}
		return nil
	}
	if inner, ok := strings.CutPrefix(name, "Nullable("); ok && strings.HasSuffix(inner, ")") {
		if e := parseType(strings.TrimSuffix(inner, ")")); e != nil && e.k != kArray {
			return nullable(e)
		}
		return nil
	}
	for k := kBool; k <= kString; k++ {
		if t := mk(k); t.k != kDecimal && t.bare() == name {
			return t
		}
	}
	return nil
}

// jsonAs converts a JSON value, or gives nil.
func jsonAs(v any, t *typ) any {
	switch {
	case v == nil:
		return nil
	case t.k == kArray:
		l, ok := v.([]any)
		if !ok {
			return nil
		}
		out := make([]any, len(l))
		for i, e := range l {
			if out[i] = jsonAs(e, t.elem()); out[i] == nil {
				out[i] = zeroOf(t.elem())
			}
		}
		return out
	case t.k == kString:
		return jsonString(v)
	case t.k == kBool:
		if f, ok := jsonNumber(v); ok {
			return f != 0
		}
		if b, ok := v.(bool); ok {
			return b
		}
		return nil
	case t.k == kFloat64:
		if s, ok := v.(string); ok {
			return castText(s, t, time.UTC)
		}
		if f, ok := jsonNumber(v); ok {
			return f
		}
		return nil
	}
	if s, ok := v.(string); ok {
		return castText(s, t, time.UTC)
	}
	if f, ok := jsonNumber(v); ok {
		return wholeNumber(f, t, 0)
	}
	return nil
}

// jsonString is a JSON value as text: strings bare, the rest as JSON.
func jsonString(v any) any {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		f, _ := v.Float64()
		return formatFloat(f)
	}
	return rawJSON(v)
}
