package engine

import (
	"encoding/json"
	"math"
	"strconv"
	"sync"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// jsonBuilder makes a call of a JSON function; its first argument may be a
// JSON column that has not been turned to text.
type jsonBuilder func(s *scope, name string, args []*expr) (*expr, error)

// jsonFunctions holds the functions over JSON text by name.
var jsonFunctions = sync.OnceValue(func() map[string]jsonBuilder {
	t := map[string]jsonBuilder{}
	str := mk(kString)
	t["JSONHas"] = jsonCall(mk(kUInt8), uint64(0), func(any) any { return uint64(1) })
	t["JSONLength"] = jsonCall(mk(kUInt64), uint64(0), jsonLength)
	t["JSONExtract"] = jsonExtract
	t["JSONExtractString"] = jsonCall(str, "", jsonString)
	t["JSONExtractInt"] = jsonCall(mk(kInt64), int64(0), func(v any) any { return jsonInt(v, mk(kInt64)) })
	t["JSONExtractUInt"] = jsonCall(mk(kUInt64), uint64(0), func(v any) any { return jsonInt(v, mk(kUInt64)) })
	t["JSONExtractFloat"] = jsonCall(mk(kFloat64), float64(0), func(v any) any {
		if v, ok := v.(string); ok {
			if f, ok := parseFloat(v).(float64); ok {
				return f
			}
		}
		f, _ := jsonNumber(v)
		return f
	})
	t["JSONExtractBool"] = jsonCall(mk(kUInt8), uint64(0), func(v any) any {
		if f, ok := jsonNumber(v); ok {
			return truth(f != 0)
		}
		b, _ := v.(bool)
		return truth(b)
	})
	t["JSONExtractRaw"] = jsonCall(str, "", func(v any) any { return rawJSON(v) })
	t["JSONType"] = jsonCall(&typ{k: kString, label: "Enum8('Null' = 0, 'String' = 34, 'Array' = 91, 'Bool' = 98, 'Double' = 100, 'Int64' = 105, 'UInt64' = 117, 'Object' = 123)"}, "Null", jsonType)
	t["JSONExtractArrayRaw"] = jsonCall(arrayOf(str), []any{}, func(v any) any {
		out := []any{}
		l, _ := v.([]any)
		for _, e := range l {
			out = append(out, rawJSON(e))
		}
		return out
	})
	t["JSONExtractKeys"] = jsonCall(arrayOf(str), []any{}, func(v any) any {
		out := []any{}
		for _, kv := range asObject(v) {
			out = append(out, kv.Key)
		}
		return out
	})
	t["JSONExtractKeysAndValuesRaw"] = jsonCall(arrayOf(tupleOf(str, str)), []any{}, func(v any) any {
		out := []any{}
		for _, kv := range asObject(v) {
			out = append(out, []any{kv.Key, rawJSON(kv.Value)})
		}
		return out
	})
	t["isValidJSON"] = func(s *scope, name string, args []*expr) (*expr, error) {
		sub := table{}
		sub.add(name, "s", func(*callInfo) (*typ, impl, error) {
			return mk(kUInt8), func(a []any) any { _, ok := parseJSON(textOfJSON(a[0])); return truth(ok) }, nil
		})
		return sub[name](s, args)
	}
	t["JSONArrayLength"] = func(s *scope, name string, args []*expr) (*expr, error) {
		sub := table{}
		sub.add(name, "s", func(*callInfo) (*typ, impl, error) {
			return nullable(mk(kUInt64)), func(a []any) any {
				if l, ok := jsonValue(a[0]).([]any); ok {
					return uint64(len(l))
				}
				return nil
			}, nil
		})
		return sub[name](s, args)
	}
	t["toJSONString"] = func(s *scope, name string, args []*expr) (*expr, error) {
		if len(args) == 1 && args[0].t.json != "" {
			a := args[0]
			return &expr{t: str, eval: func(f *frame) any {
				return string(appendJSONString(nil, textOfJSON(a.eval(f))))
			}}, nil
		}
		sub := table{}
		sub.add(name, "*", func(c *callInfo) (*typ, impl, error) {
			return str, func(a []any) any { return string(appendJSON(nil, jsonCell(a[0], c.t[0], c))) }, nil
		})
		return sub[name](s, args)
	}
	return t
})

// jsonCell is a value as toJSONString prints it.
func jsonCell(v any, t *typ, c *callInfo) any {
	switch v := v.(type) {
	case []any:
		if t.k == kTuple {
			out := object{}
			for i, e := range v {
				out = append(out, data.Property{Key: strconv.Itoa(i + 1), Value: jsonCell(e, memberType(t, i), c)})
			}
			return out
		}
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = jsonCell(e, memberType(t, i), c)
		}
		return out
	case nil, string, bool, float64, int64, uint64:
		return v
	}
	return text(v, t, c.loc)
}

// jsonCall is fn(json, path...): absent where the path leads nowhere.
func jsonCall(rt *typ, absent any, get func(v any) any) jsonBuilder {
	return func(_ *scope, name string, args []*expr) (*expr, error) {
		if len(args) == 0 {
			return nil, queryError(codeArgumentCount, "Function %s requires at least one argument", name)
		}
		base := args[0]
		if base.t.k == kNothing && base.t.null {
			return base, nil
		}
		if base.t.k != kString {
			return nil, queryError(codeIllegalType, "The first argument of function %s should be a string containing JSON, illegal type: %s", name, base.t)
		}
		t := rt
		for _, a := range args[1:] {
			if a.t.k != kString && !a.t.isInt() {
				return nil, queryError(codeIllegalType, "The argument of function %s must be a string or an integer, not %s", name, a.t)
			}
			if a.t.null {
				t = nullable(t)
			}
		}
		if base.t.null {
			t = nullable(t)
		}
		path := make([]jsonStep, len(args)-1)
		return &expr{t: t, eval: func(f *frame) any {
			v := base.eval(f)
			if v == nil {
				return zeroOf(t)
			}
			for i, a := range args[1:] {
				switch p := jsonText(a.eval(f)).(type) {
				case nil:
					return nil
				case string:
					path[i] = jsonStep{key: p, isKey: true}
				default:
					path[i] = jsonStep{index: bitsOf(p)}
				}
			}
			root, ok := jsonRoot(v)
			if !ok {
				return absent
			}
			m, ok := jsonWalk(root, path)
			if !ok {
				return absent
			}
			return get(m)
		}}, nil
	}
}

func jsonRoot(v any) (any, bool) {
	if p, ok := v.(*data.Properties); ok {
		return p, true
	}
	s, _ := v.(string)
	return parseJSON(s)
}

func asObject(v any) object {
	switch v := v.(type) {
	case *data.Properties:
		return allProperties(v)
	case object:
		return v
	case map[string]any:
		return orderedMap(v)
	}
	return nil
}

func rawJSON(v any) string {
	if p, ok := v.(*data.Properties); ok {
		return propertiesText(p)
	}
	return string(appendJSON(nil, v))
}

func jsonLength(v any) any {
	if l, ok := v.([]any); ok {
		return uint64(len(l))
	}
	return uint64(len(asObject(v)))
}

func jsonInt(v any, t *typ) any {
	switch x := v.(type) {
	case string:
		if n := castText(x, t, nil); n != nil {
			return n
		}
		f, ok := parseFloat(x).(float64)
		if !ok {
			return zeroOf(t)
		}
		return jsonInt(f, t)
	case json.Number:
		if n := castText(string(x), t, nil); n != nil {
			return n
		}
	}
	f, ok := jsonNumber(v)
	if !ok || math.IsNaN(f) || math.Abs(f) >= 1<<63 || t.isUnsigned() && f < 0 {
		return zeroOf(t)
	}
	return ofType(int64(f), t) // the fraction is cut
}

func jsonType(v any) any {
	switch x := v.(type) {
	case nil:
		return "Null"
	case string:
		return "String"
	case bool:
		return "Bool"
	case []any:
		return "Array"
	case json.Number:
		if _, err := x.Int64(); err == nil {
			return "Int64"
		}
		return "Double"
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return "Int64"
		}
		return "Double"
	}
	return "Object"
}
