package engine

import (
	"strconv"
	"strings"
	"time"
)

// kind is the family of a value's type, named as ClickHouse names it.
type kind uint8

const (
	kNothing kind = iota
	kBool
	kUInt8
	kUInt16
	kUInt32
	kUInt64
	kInt8
	kInt16
	kInt32
	kInt64
	kFloat64
	kDecimal
	kString
	kUUID
	kDate
	kDate32
	kDateTime
	kDateTime64
	kInterval
	kArray
	kTuple
	kLambda
	kSet // the right side of IN: never a column
)

// typ is the static type of an expression. A typ is shared and never changed
// once made.
type typ struct {
	k     kind
	null  bool
	el    []*typ         // element of an array, members of a tuple
	names []string       // member names of a named tuple
	tz    *time.Location // time zone of a DateTime, nil for the session's
	scale int            // digits after the point of a DateTime64 or Decimal
	unit  string         // unit of an Interval: second, minute, ... year
	label string         // name to print instead, of an Enum read as text
	json  string         // whose property definitions a JSON column uses: event, person
}

func mk(k kind) *typ { return &typ{k: k} }

func nullable(t *typ) *typ {
	if t.null || t.k == kArray || t.k == kTuple {
		return t
	}
	c := *t
	c.null, c.json = true, ""
	return &c
}

func notNull(t *typ) *typ {
	if !t.null {
		return t
	}
	c := *t
	c.null = false
	return &c
}

func arrayOf(t *typ) *typ             { return &typ{k: kArray, el: []*typ{t}} }
func tupleOf(ts ...*typ) *typ         { return &typ{k: kTuple, el: ts} }
func dateTime(tz *time.Location) *typ { return &typ{k: kDateTime, tz: tz} }
func dateTime64(scale int, tz *time.Location) *typ {
	return &typ{k: kDateTime64, scale: scale, tz: tz}
}
func decimalType(scale int) *typ { return &typ{k: kDecimal, scale: scale} }

func (t *typ) elem() *typ {
	if t.k == kArray {
		return t.el[0]
	}
	return &typ{k: kNothing, null: true}
}

func (t *typ) isUnsigned() bool { return t.k >= kUInt8 && t.k <= kUInt64 || t.k == kBool }
func (t *typ) isSigned() bool   { return t.k >= kInt8 && t.k <= kInt64 }
func (t *typ) isInt() bool      { return t.k >= kBool && t.k <= kInt64 }
func (t *typ) isNumber() bool   { return t.k >= kBool && t.k <= kDecimal }

// isCondition tells the types that if, multiIf and lambdas test.
func (t *typ) isCondition() bool { return t.k == kBool || t.k == kUInt8 || t.k == kNothing }
func (t *typ) isDateOrTime() bool {
	return t.k == kDate || t.k == kDate32 || t.k == kDateTime || t.k == kDateTime64
}
func (t *typ) isDate() bool     { return t.k == kDate || t.k == kDate32 }
func (t *typ) isDateTime() bool { return t.k == kDateTime || t.k == kDateTime64 }

// bits is the width of an integer type.
func (t *typ) bits() int {
	switch t.k {
	case kBool, kUInt8, kInt8:
		return 8
	case kUInt16, kInt16:
		return 16
	case kUInt32, kInt32:
		return 32
	default:
		return 64
	}
}

func intType(signed bool, bits int) *typ {
	k := kUInt8
	if signed {
		k = kInt8
	}
	switch bits {
	case 8:
	case 16:
		k++
	case 32:
		k += 2
	default:
		k += 3
	}
	return mk(k)
}

// String is the type's name as ClickHouse prints it.
func (t *typ) String() string {
	s := t.bare()
	if t.null {
		return "Nullable(" + s + ")"
	}
	return s
}

func (t *typ) bare() string {
	switch t.k {
	case kNothing:
		return "Nothing"
	case kBool:
		return "Bool"
	case kUInt8, kUInt16, kUInt32, kUInt64:
		return "UInt" + strconv.Itoa(t.bits())
	case kInt8, kInt16, kInt32, kInt64:
		return "Int" + strconv.Itoa(t.bits())
	case kFloat64:
		return "Float64"
	case kDecimal:
		return "Decimal(18, " + strconv.Itoa(t.scale) + ")"
	case kString:
		if t.label != "" {
			return t.label
		}
		return "String"
	case kUUID:
		return "UUID"
	case kDate:
		return "Date"
	case kDate32:
		return "Date32"
	case kDateTime:
		if t.tz == nil {
			return "DateTime"
		}
		return "DateTime('" + t.tz.String() + "')"
	case kDateTime64:
		if t.tz == nil {
			return "DateTime64(" + strconv.Itoa(t.scale) + ")"
		}
		return "DateTime64(" + strconv.Itoa(t.scale) + ", '" + t.tz.String() + "')"
	case kInterval:
		return "Interval" + strings.ToUpper(t.unit[:1]) + t.unit[1:]
	case kArray:
		return "Array(" + t.el[0].String() + ")"
	case kTuple:
		parts := make([]string, len(t.el))
		for i, e := range t.el {
			parts[i] = e.String()
			if i < len(t.names) {
				parts[i] = t.names[i] + " " + parts[i]
			}
		}
		return "Tuple(" + strings.Join(parts, ", ") + ")"
	default:
		return "Function"
	}
}

// superType is the least type that holds every value of the given types, or
// nil when there is none.
func superType(ts ...*typ) *typ {
	var out *typ
	null := false
	for _, t := range ts {
		null = null || t.null
		if t.k == kNothing {
			continue
		}
		if out == nil {
			out = notNull(t)
			continue
		}
		if out = superOfTwo(out, notNull(t)); out == nil {
			return nil
		}
	}
	if out == nil {
		return &typ{k: kNothing, null: null}
	}
	if null {
		return nullable(out)
	}
	return out
}

func superOfTwo(a, b *typ) *typ {
	switch {
	case a.k == b.k && a.k != kArray && a.k != kTuple && a.k != kDateTime64 && a.k != kDecimal && a.k != kInterval:
		if a.json != b.json {
			return mk(a.k)
		}
		return a
	case a.k == kDecimal || b.k == kDecimal:
		if a.k == b.k && a.scale == b.scale {
			return a
		}
		return nil
	case a.k == kBool && b.k == kUInt8, a.k == kUInt8 && b.k == kBool:
		return a // Bool is a UInt8 by another name: the first one names the type
	case a.isInt() && b.isInt():
		return superInt(a, b)
	case a.isNumber() && b.isNumber():
		if a.k == kFloat64 || b.k == kFloat64 {
			// ClickHouse finds no common type for a 64-bit integer and a float
			// except that literals adapt; the engine takes the float.
			return mk(kFloat64)
		}
		return nil
	case a.isDateOrTime() && b.isDateOrTime():
		return superTime(a, b)
	case a.k == kArray && b.k == kArray:
		if e := superType(a.el[0], b.el[0]); e != nil {
			return arrayOf(e)
		}
		return nil
	case a.k == kTuple && b.k == kTuple && len(a.el) == len(b.el):
		el := make([]*typ, len(a.el))
		for i := range el {
			if el[i] = superType(a.el[i], b.el[i]); el[i] == nil {
				return nil
			}
		}
		return tupleOf(el...)
	case a.k == kInterval && b.k == kInterval && a.unit == b.unit:
		return a
	}
	return nil
}

func superInt(a, b *typ) *typ {
	if a.k == kBool {
		a = mk(kUInt8)
	}
	if b.k == kBool {
		b = mk(kUInt8)
	}
	if a.isSigned() == b.isSigned() {
		return intType(a.isSigned(), max(a.bits(), b.bits()))
	}
	s, u := a, b
	if b.isSigned() {
		s, u = b, a
	}
	if u.bits() == 64 {
		return nil
	}
	return intType(true, max(s.bits(), u.bits()*2))
}

func superTime(a, b *typ) *typ {
	tz := a.tz
	if tz == nil {
		tz = b.tz
	}
	switch {
	case a.k == kDateTime64 || b.k == kDateTime64:
		return dateTime64(max(a.scale, b.scale), tz)
	case a.k == kDateTime || b.k == kDateTime:
		return dateTime(tz)
	default:
		return mk(kDate32)
	}
}
