package engine

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// coerce converts e's values to t, a supertype of its type.
func coerce(e *expr, t *typ) *expr {
	if e.t.String() == t.String() && e.t.json == t.json {
		return e
	}
	if e.t.json != "" {
		e = plainText(e)
	}
	conv := converter(e.t, t)
	out := &expr{t: t, fixed: e.fixed, eval: e.eval}
	if conv != nil {
		out.eval = func(f *frame) any { return conv(e.eval(f)) }
	}
	if e.fixed {
		v := out.eval(&frame{})
		return constant(t, v)
	}
	return out
}

// converter changes a value of type from into the supertype to; nil when the
// values are the same already.
func converter(from, to *typ) func(any) any {
	switch {
	case from.k == kNothing:
		return nil
	case to.k == kFloat64 && from.k != kFloat64:
		scale := from.scale
		return func(v any) any { return toFloat(v, scale) }
	case to.isSigned() && from.isUnsigned():
		return func(v any) any {
			switch v := v.(type) {
			case uint64:
				return int64(v) //nolint:gosec // the supertype is wide enough
			case bool:
				if v {
					return int64(1)
				}
				return int64(0)
			}
			return v
		}
	case to.k == kBool && from.k != kBool:
		return func(v any) any {
			if v == nil {
				return nil
			}
			return truthy(v)
		}
	case to.isUnsigned() && from.k == kBool && to.k != kBool:
		return func(v any) any {
			if v == nil {
				return nil
			}
			return normal(v)
		}
	case to.isUnsigned() && from.isSigned():
		return func(v any) any { return normal(v) }
	case to.isDateTime() && from.isDate():
		loc := zone(to.tz, time.UTC)
		return func(v any) any {
			if d, ok := v.(date); ok {
				return instantOf(d.time(loc))
			}
			return v
		}
	case to.k == kArray && from.k == kArray:
		inner := converter(from.el[0], to.el[0])
		if inner == nil {
			return nil
		}
		return func(v any) any { return mapList(v, func(_ int, e any) any { return inner(e) }) }
	case to.k == kTuple && from.k == kTuple:
		inner := make([]func(any) any, len(to.el))
		need := false
		for i := range inner {
			inner[i] = converter(from.el[i], to.el[i])
			need = need || inner[i] != nil
		}
		if !need {
			return nil
		}
		return func(v any) any {
			return mapList(v, func(i int, e any) any {
				if inner[i] == nil {
					return e
				}
				return inner[i](e)
			})
		}
	}
	return nil
}

func mapList(v any, f func(int, any) any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = f(i, e)
	}
	return out
}

// toFloat is a number, time or bool as a float; scale is a Decimal's.
func toFloat(v any, scale int) any {
	switch v := v.(type) {
	case nil:
		return nil
	case float64:
		return v
	case uint64:
		return float64(v)
	case int64:
		return float64(v)
	case bool:
		if v {
			return float64(1)
		}
		return float64(0)
	case dec:
		return decFloat(v, scale)
	case date:
		return float64(v)
	case instant:
		return float64(v) / microsPerSecond
	}
	return nil
}

func number(v any, t *typ) float64 {
	f, _ := toFloat(v, t.scale).(float64)
	return f
}

func toFloatExpr(e *expr) *expr {
	if e.t.k == kFloat64 {
		return e
	}
	t := mk(kFloat64)
	if e.t.null {
		t = nullable(t)
	}
	scale := e.t.scale
	out := &expr{t: t, eval: func(f *frame) any { return toFloat(e.eval(f), scale) }}
	if e.fixed {
		return constant(t, out.eval(&frame{}))
	}
	return out
}

// castText reads text as type t exactly, or gives NULL.
func castText(v any, t *typ, loc *time.Location) any {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	switch {
	case t.k == kFloat64:
		return parseFloat(s)
	case t.k == kBool:
		switch strings.ToLower(s) {
		case "true", "1", "t", "y", "yes", "on", "enable", "enabled":
			return true
		case "false", "0", "f", "n", "no", "off", "disable", "disabled":
			return false
		}
		return nil
	case t.isUnsigned():
		n, err := strconv.ParseUint(s, 10, t.bits())
		if err != nil {
			return nil
		}
		return n
	case t.isSigned():
		n, err := strconv.ParseInt(s, 10, t.bits())
		if err != nil {
			return nil
		}
		return n
	case t.k == kUUID:
		id, err := uuid.Parse(s)
		if err != nil || len(s) != 36 {
			return nil
		}
		return id
	case t.isDate():
		if d, rest, ok := parseDay(s); ok && rest == "" {
			return d
		}
		return nil
	case t.isDateTime():
		if at, ok := parseInstant(s, zone(t.tz, loc)); ok {
			return at
		}
		return nil
	case t.k == kString:
		return v
	}
	return nil
}

func parseFloat(s string) any {
	if s == "" || strings.ContainsAny(s, "_xXpP ") {
		return nil
	}
	switch strings.ToLower(strings.TrimLeft(s, "+-")) {
	case "inf", "infinity":
		if s[0] == '-' {
			return math.Inf(-1)
		}
		return math.Inf(1)
	case "nan":
		return math.NaN()
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil
	}
	return f
}

// accurate is accurateCastOrNull: a conversion that loses nothing, or NULL.
func accurate(e *expr, to *typ, loc *time.Location) *expr {
	from := e.t
	return &expr{t: nullable(to), eval: func(f *frame) any {
		v := e.eval(f)
		if s, ok := v.(string); ok && from.k == kString {
			return castText(s, to, loc)
		}
		if to.k == kFloat64 {
			return toFloat(v, from.scale)
		}
		return wholeNumber(v, to, from.scale)
	}}
}

// wholeNumber converts exactly to an integer type, or gives NULL.
func wholeNumber(v any, to *typ, scale int) any {
	switch x := v.(type) {
	case nil:
		return nil
	case date:
		v = int64(x)
	case instant:
		v = int64(x) / microsPerSecond
	case dec:
		v = math.Trunc(decFloat(x, scale))
	}
	switch x := normal(v).(type) {
	case uint64:
		if to.isUnsigned() {
			if to.bits() < 64 && x>>to.bits() != 0 {
				return nil
			}
			return x
		}
		if x > math.MaxInt64 || to.bits() < 64 && x>>(to.bits()-1) != 0 {
			return nil
		}
		return int64(x)
	case int64:
		if to.isUnsigned() || to.bits() < 64 && x < -(1<<(to.bits()-1)) {
			return nil
		}
		return x
	case float64:
		if x != math.Trunc(x) || math.Abs(x) >= 1<<63 {
			return nil
		}
		return wholeNumber(int64(x), to, 0)
	}
	return nil
}

// castTo compiles x::type.
func (s *scope) castTo(e hogql.Expr, name string) (*expr, error) {
	fn := map[string]string{
		"int": "toInt", "integer": "toInt", "bigint": "toInt", "int64": "toInt", "smallint": "toInt",
		"float": "toFloat", "float64": "toFloat", "double": "toFloat", "real": "toFloat", "numeric": "toFloat", "decimal": "toFloat",
		"string": "toString", "text": "toString", "varchar": "toString", "char": "toString",
		"bool": "toBool", "boolean": "toBool",
		"date": "toDate", "datetime": "toDateTime", "timestamp": "toDateTime", "timestamptz": "toDateTime",
		"uuid": "toUUID",
	}[strings.ToLower(name)]
	if fn == "" {
		return nil, queryError(codeNotImplemented, "Unsupported type cast to '%s'", name)
	}
	return s.apply(fn, e)
}
