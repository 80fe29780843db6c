package engine

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// Values at run time are: nil (NULL), bool, uint64, int64, float64, string,
// uuid.UUID, Date, Time, dec, []any (arrays and tuples), *data.Properties (a
// JSON column not yet turned to text) and int64 for an interval. Which one a
// column holds follows from its static type.

// date counts days since 1970-01-01.
type date int64

// instant counts microseconds since 1970-01-01 UTC.
type instant int64

// dec is a Decimal: v / 10^scale, the scale being in the type.
type dec int64

const microsPerSecond = 1_000_000

func instantOf(t time.Time) instant { return instant(t.UnixMicro()) }

func (i instant) in(loc *time.Location) time.Time { return time.UnixMicro(int64(i)).In(loc) }

func (d date) time(loc *time.Location) time.Time {
	return time.Date(1970, 1, 1+int(d), 0, 0, 0, 0, loc)
}

func dateOf(t time.Time) date {
	y, m, d := t.Date()
	return date(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func (d date) String() string { return d.time(time.UTC).Format("2006-01-02") }

// zeroOf is ClickHouse's default value of a type: what a missing right side of
// a join and an aggregate over nothing give.
func zeroOf(t *typ) any {
	if t.null {
		return nil
	}
	switch t.k {
	case kBool:
		return false
	case kUInt8, kUInt16, kUInt32, kUInt64:
		return uint64(0)
	case kInt8, kInt16, kInt32, kInt64, kInterval:
		return int64(0)
	case kFloat64:
		return float64(0)
	case kDecimal:
		return dec(0)
	case kString:
		return ""
	case kUUID:
		return uuid.UUID{}
	case kDate, kDate32:
		return date(0)
	case kDateTime, kDateTime64:
		return instant(0)
	case kArray:
		return []any{}
	case kTuple:
		out := make([]any, len(t.el))
		for i, e := range t.el {
			out[i] = zeroOf(e)
		}
		return out
	default:
		return nil
	}
}

// formatFloat prints a float as ClickHouse does: shortest digits, exponent
// outside 1e-6 .. 1e21.
func formatFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case f == 0:
		if math.Signbit(f) {
			return "-0"
		}
		return "0"
	}
	if a := math.Abs(f); a >= 1e-6 && a < 1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	mant, exp, _ := strings.Cut(s, "e")
	sign := ""
	if exp[0] == '-' {
		sign = "-"
	}
	return mant + "e" + sign + strings.TrimLeft(exp[1:], "0")
}

func formatDec(d dec, scale int) string {
	neg := d < 0
	u := uint64(d)
	if neg {
		u = uint64(-d)
	}
	s := strconv.FormatUint(u, 10)
	if len(s) <= scale {
		s = strings.Repeat("0", scale-len(s)+1) + s
	}
	whole, frac := s[:len(s)-scale], strings.TrimRight(s[len(s)-scale:], "0")
	if frac != "" {
		whole += "." + frac
	}
	if neg {
		return "-" + whole
	}
	return whole
}

func decFloat(d dec, scale int) float64 { return float64(d) / math.Pow10(scale) }

// text is a value as toString gives it; loc is the zone of types without one.
func text(v any, t *typ, loc *time.Location) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case uint64:
		return strconv.FormatUint(v, 10)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return formatFloat(v)
	case dec:
		return formatDec(v, t.scale)
	case uuid.UUID:
		return v.String()
	case date:
		return v.String()
	case instant:
		return timeText(v, t, zone(t.tz, loc))
	case *data.Properties:
		return propertiesText(v)
	case []any:
		return nestedText(v, t, loc)
	default:
		return fmt.Sprint(v)
	}
}

func timeText(v instant, t *typ, loc *time.Location) string {
	tm := v.in(loc)
	s := tm.Format("2006-01-02 15:04:05")
	if t.k == kDateTime64 && t.scale > 0 {
		s += fmt.Sprintf(".%06d", tm.Nanosecond()/1000)[:t.scale+1]
	}
	return s
}

// nestedText prints arrays as ['a',1] and tuples as ('a',1).
func nestedText(v []any, t *typ, loc *time.Location) string {
	var b strings.Builder
	open, end := byte('['), byte(']')
	if t.k == kTuple {
		open, end = '(', ')'
	}
	b.WriteByte(open)
	for i, e := range v {
		if i > 0 {
			b.WriteByte(',')
		}
		et := memberType(t, i)
		s := text(e, et, loc)
		if e != nil && quotedInside(et) {
			s = "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\t", `\t`).Replace(s) + "'"
		}
		b.WriteString(s)
	}
	b.WriteByte(end)
	return b.String()
}

func memberType(t *typ, i int) *typ {
	if t.k == kTuple {
		if i < len(t.el) {
			return t.el[i]
		}
		return mk(kString)
	}
	return t.elem()
}

func quotedInside(t *typ) bool {
	return t.k == kString || t.k == kUUID || t.isDateOrTime()
}

// output is a value in the API's JSON form: times in ISO 8601, tuples as
// arrays, NaN and infinities as null.
func output(v any, t *typ, loc *time.Location) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return v
	case dec:
		return decFloat(v, t.scale)
	case uuid.UUID:
		return v.String()
	case date:
		return v.String()
	case instant:
		tm := v.in(zone(t.tz, loc))
		if t.k == kDateTime64 && tm.Nanosecond() != 0 {
			return tm.Format("2006-01-02T15:04:05.000000Z07:00")
		}
		return tm.Format("2006-01-02T15:04:05Z07:00")
	case *data.Properties:
		return propertiesText(v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = output(e, memberType(t, i), loc)
		}
		return out
	default:
		return v
	}
}
