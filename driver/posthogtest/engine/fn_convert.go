package engine

import (
	"math"
	"strings"
	"time"
)

func addConversions(t table) {
	t["toInt"] = accurateCast("toInt", mk(kInt64))
	t["toFloat"] = accurateCast("toFloat", mk(kFloat64))
	t["toUUID"] = accurateCast("toUUID", mk(kUUID))
	t["_toInt64"] = cutCast("_toInt64", mk(kInt64))
	t["_toUInt64"] = cutCast("_toUInt64", mk(kUInt64))
	t["toString"] = toText("toString")
	t["toNullableString"] = func(s *scope, args []*expr) (*expr, error) {
		e, err := toText("toNullableString")(s, args)
		if err != nil {
			return nil, err
		}
		return &expr{t: nullable(e.t), eval: e.eval}, nil
	}
	t["toBool"] = buildToBool
	t["toDate"] = buildToDate
	t["_toDate"] = buildToDate
	t["toDateTime"] = buildToDateTime
	t["toDateTime64"] = buildToDateTime64
	t["parseDateTimeBestEffort"] = func(s *scope, args []*expr) (*expr, error) {
		if err := checkArguments("parseDateTimeBestEffort", "s?**", args); err != nil {
			return nil, err
		}
		return parsedTime(args[0], dateTime64(6, s.r.loc), s.r.loc), nil
	}
	t.simple("toIntOrZero", "s", mk(kInt64), func(a []any) any {
		if v := castText(a[0], mk(kInt64), time.UTC); v != nil {
			return v
		}
		return int64(0)
	})
	t.simple("toFloatOrZero", "s", mk(kFloat64), func(a []any) any {
		if v := castText(a[0], mk(kFloat64), time.UTC); v != nil {
			return v
		}
		return float64(0)
	})
	t["toFloatOrDefault"] = func(s *scope, args []*expr) (*expr, error) {
		if err := checkArguments("toFloatOrDefault", "*?n", args); err != nil {
			return nil, err
		}
		v := accurate(args[0], mk(kFloat64), s.r.loc)
		otherwise := constant(mk(kFloat64), float64(0))
		if len(args) > 1 {
			otherwise = toFloatExpr(args[1])
		}
		return buildCoalesce(s, []*expr{v, otherwise})
	}
	t["toTypeName"] = func(_ *scope, args []*expr) (*expr, error) {
		if err := checkArguments("toTypeName", "*", args); err != nil {
			return nil, err
		}
		return constant(mk(kString), args[0].t.String()), nil
	}
	t["toTimeZone"] = buildToTimeZone
	t["sortableSemVer"] = func(_ *scope, args []*expr) (*expr, error) {
		if err := checkArguments("sortableSemVer", "s", args); err != nil {
			return nil, err
		}
		return &expr{t: arrayOf(mk(kInt64)), eval: func(f *frame) any { return semVer(str(args[0].eval(f))) }}, nil
	}
}

// accurateCast converts exactly or gives NULL.
func accurateCast(name string, to *typ) builder {
	return func(s *scope, args []*expr) (*expr, error) {
		if err := checkArguments(name, "*", args); err != nil {
			return nil, err
		}
		from := args[0].t
		if from.k == kArray || from.k == kTuple || from.k == kInterval || to.k == kUUID && from.k != kString && from.k != kUUID && from.k != kNothing ||
			from.k == kUUID && to.k != kUUID {
			return nil, queryError(codeIllegalType, "Illegal type %s of argument of function %s", from, name)
		}
		if from.k == kUUID {
			return &expr{t: nullable(to), eval: args[0].eval}, nil
		}
		return accurate(args[0], to, s.r.loc), nil
	}
}

// cutCast is toInt64 and toUInt64: floats are cut, bad text is an error.
func cutCast(name string, to *typ) builder {
	sub := table{}
	sub.add(name, "*", func(c *callInfo) (*typ, impl, error) {
		if !c.t[0].isNumber() && c.t[0].k != kString && !c.t[0].isDateOrTime() {
			return nil, nil, c.illegal(0)
		}
		scale := c.t[0].scale
		return to, func(a []any) any {
			v := a[0]
			if s, ok := v.(string); ok {
				if out := castText(s, to, c.loc); out != nil {
					return out
				}
				return queryError("cannot_parse_text", "Cannot parse string %q as %s", s, to)
			}
			if f, ok := v.(float64); ok {
				v = math.Trunc(f)
			}
			if n, ok := v.(int64); ok && to.isUnsigned() {
				return uint64(n) //nolint:gosec // wraps as ClickHouse's toUInt64 does
			}
			if out := wholeNumber(v, to, scale); out != nil {
				return out
			}
			return ofType(bitsOf(v), to)
		}, nil
	})
	return sub[name]
}

func toText(name string) builder {
	sub := table{}
	sub.add(name, "*?s", func(c *callInfo) (*typ, impl, error) {
		from, loc := c.t[0], c.loc
		if from.k == kInterval {
			return nil, nil, c.illegal(0)
		}
		if len(c.args) == 2 {
			tz, err := c.timeZone(1)
			if err != nil {
				return nil, nil, err
			}
			if !from.isDateTime() {
				return nil, nil, c.illegal(0)
			}
			from = &typ{k: from.k, scale: from.scale, tz: tz}
		}
		if from.k == kString {
			return mk(kString), func(a []any) any { return a[0] }, nil
		}
		return mk(kString), func(a []any) any { return text(a[0], from, loc) }, nil
	})
	return sub[name]
}

func buildToBool(s *scope, args []*expr) (*expr, error) {
	sub := table{}
	sub.add("toBool", "*", func(c *callInfo) (*typ, impl, error) {
		switch {
		case c.t[0].isNumber():
			return mk(kBool), func(a []any) any { return truthy(a[0]) }, nil
		case c.t[0].k == kString:
			return mk(kBool), func(a []any) any {
				if v := castText(a[0], mk(kBool), time.UTC); v != nil {
					return v
				}
				return queryError("cannot_parse_bool", "Cannot parse boolean value here: %q, should be 'true' or 'false'", str(a[0]))
			}, nil
		}
		return nil, nil, c.illegal(0)
	})
	return sub["toBool"](s, args)
}

func buildToDate(s *scope, args []*expr) (*expr, error) {
	if err := checkArguments("toDate", "*?s", args); err != nil {
		return nil, err
	}
	from := args[0].t
	if from.k == kString {
		return textDate(args[0]), nil
	}
	sub := table{}
	sub.add("toDate", "*?s", func(c *callInfo) (*typ, impl, error) {
		loc := zone(from.tz, c.loc)
		if len(c.args) == 2 {
			tz, err := c.timeZone(1)
			if err != nil {
				return nil, nil, err
			}
			loc = tz
		}
		if !from.isDateOrTime() && !from.isNumber() {
			return nil, nil, c.illegal(0)
		}
		return mk(kDate), func(a []any) any {
			switch v := a[0].(type) {
			case date:
				return v
			case instant:
				return dateOf(v.in(loc))
			}
			n := max(whole(a[0]), 0)
			if n > 65535 { // seconds, not days
				return dateOf(instant(n * microsPerSecond).in(loc))
			}
			return date(n)
		}, nil
	})
	return sub["toDate"](s, args)
}

// textDate is toDateOrNull.
func textDate(e *expr) *expr {
	return &expr{t: nullable(mk(kDate)), eval: func(f *frame) any {
		if v, ok := e.eval(f).(string); ok {
			return parseDate(v)
		}
		return nil
	}}
}

func parsedTime(e *expr, t *typ, loc *time.Location) *expr {
	at := zone(t.tz, loc)
	return &expr{t: nullable(t), eval: func(f *frame) any {
		v, ok := e.eval(f).(string)
		if !ok {
			return nil
		}
		if out, ok := parseInstant(v, at); ok {
			return out
		}
		return nil
	}}
}

func buildToDateTime(s *scope, args []*expr) (*expr, error) {
	if err := checkArguments("toDateTime", "*?s", args); err != nil {
		return nil, err
	}
	from, tz := args[0].t, s.r.loc
	if from.isDateTime() && from.tz != nil {
		tz = from.tz
	}
	if len(args) == 2 {
		var err error
		if tz, err = (&callInfo{name: "toDateTime", args: args}).timeZone(1); err != nil {
			return nil, err
		}
	}
	if from.k == kString {
		return parsedTime(args[0], dateTime64(6, tz), s.r.loc), nil
	}
	sub := table{}
	sub.add("toDateTime", "*?s", func(c *callInfo) (*typ, impl, error) {
		if !from.isDateOrTime() && !from.isNumber() {
			return nil, nil, c.illegal(0)
		}
		return dateTime(tz), func(a []any) any { return seconds(moment(a[0], tz)) }, nil
	})
	return sub["toDateTime"](s, args)
}

// moment is a date, time or Unix time as an instant.
func moment(v any, loc *time.Location) instant {
	switch v := v.(type) {
	case instant:
		return v
	case date:
		return instantOf(v.time(loc))
	case float64:
		return instant(max(v, 0) * microsPerSecond)
	}
	return instant(max(whole(v), 0) * microsPerSecond)
}

// seconds cuts a moment to whole seconds.
func seconds(v instant) instant { return v - ((v%microsPerSecond)+microsPerSecond)%microsPerSecond }

func buildToDateTime64(s *scope, args []*expr) (*expr, error) {
	if err := checkArguments("toDateTime64", "*?is", args); err != nil {
		return nil, err
	}
	c := &callInfo{name: "toDateTime64", args: args}
	scale, err := c.constantInt(6)
	if err != nil {
		return nil, err
	}
	if scale < 0 || scale > 6 {
		return nil, notSupported("DateTime64 with %d digits", scale)
	}
	rt := dateTime64(int(scale), args[0].t.tz)
	if len(args) == 3 {
		if rt.tz, err = c.timeZone(2); err != nil {
			return nil, err
		}
	}
	tz := zone(rt.tz, s.r.loc)
	unit := instant(math.Pow10(6 - int(scale)))
	e := args[0]
	if e.t.k == kString {
		if !e.fixed {
			return nil, notSupported("toDateTime64 of text that is not a constant (parseDateTimeBestEffort works)")
		}
		at, ok := parseInstant(str(e.val), tz)
		if !ok {
			return nil, queryError("cannot_parse_datetime", "Cannot parse DateTime64: value is %q", str(e.val))
		}
		return constant(rt, at-at%unit), nil
	}
	sub := table{}
	sub.add("toDateTime64", "*?is", func(c *callInfo) (*typ, impl, error) {
		if !e.t.isDateOrTime() && !e.t.isNumber() {
			return nil, nil, c.illegal(0)
		}
		return rt, func(a []any) any {
			at := moment(a[0], tz)
			return at - at%unit
		}, nil
	})
	return sub["toDateTime64"](s, args)
}

// timeZone is argument i as a time zone's name.
func (c *callInfo) timeZone(i int) (*time.Location, error) {
	name, err := c.constantText(i)
	if err != nil {
		return nil, err
	}
	loc, lerr := time.LoadLocation(name)
	if lerr != nil || name == "" || name == "Local" {
		return nil, queryError(codeBadArguments, "Unknown time zone %s", name)
	}
	return loc, nil
}

func buildToTimeZone(s *scope, args []*expr) (*expr, error) {
	sub := table{}
	sub.add("toTimeZone", "Ds", func(c *callInfo) (*typ, impl, error) {
		tz, err := c.timeZone(1)
		if err != nil {
			return nil, nil, err
		}
		return &typ{k: c.t[0].k, scale: c.t[0].scale, tz: tz}, func(a []any) any { return a[0] }, nil
	})
	return sub["toTimeZone"](s, args)
}

// semVer is the first dotted number of a text as a list, for sorting versions.
func semVer(s string) any {
	isDigit := func(i int) bool { return i < len(s) && s[i] >= '0' && s[i] <= '9' }
	for i := range len(s) {
		if !isDigit(i) {
			continue
		}
		end, dots := i, 0
		for {
			for isDigit(end) {
				end++
			}
			if end >= len(s) || s[end] != '.' || !isDigit(end+1) {
				break
			}
			end++
			dots++
		}
		if dots > 0 {
			out := []any{}
			for p := range strings.SplitSeq(s[i:end], ".") {
				n := castText(p, mk(kInt64), time.UTC)
				if n == nil {
					n = int64(0)
				}
				out = append(out, n)
			}
			return out
		}
	}
	return []any{int64(0)}
}
