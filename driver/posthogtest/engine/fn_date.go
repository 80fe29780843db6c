package engine

import (
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// startOf cuts a wall clock to the start of count units, counted as
// ClickHouse counts them: days from 1970-01-01, weeks from a Monday, months
// and years from year 1970 or 0.
func startOf(t time.Time, unit string, count int64, weekStart time.Weekday) time.Time {
	y, m, d := t.Date()
	loc := t.Location()
	n := int(count)
	switch unit {
	case "second", "minute", "hour":
		secs := map[string]int64{"second": 1, "minute": 60, "hour": 3600}[unit] * count
		midnight := time.Date(y, m, d, 0, 0, 0, 0, loc)
		if 86400%secs == 0 || unit != "second" {
			since := int64(t.Sub(midnight) / time.Second)
			if unit == "hour" && count > 1 || unit == "minute" && count > 60 {
				wall := int64(t.Hour()*3600 + t.Minute()*60 + t.Second())
				return midnight.Add(time.Duration(wall/secs*secs) * time.Second)
			}
			return midnight.Add(time.Duration(since/secs*secs) * time.Second)
		}
		u := t.Unix()
		return time.Unix(u-u%secs, 0).In(loc)
	case "day":
		if n > 1 {
			days := int(dateOf(t))
			return date(days - days%n).time(loc)
		}
		return time.Date(y, m, d, 0, 0, 0, 0, loc)
	case "week":
		back := (int(t.Weekday()) - int(weekStart) + 7) % 7
		if n > 1 {
			const monday = 4 // 1970-01-05
			days := int(dateOf(t)) - monday
			return date(monday + days - days%(7*n)).time(loc)
		}
		return time.Date(y, m, d-back, 0, 0, 0, 0, loc)
	case "month":
		months := y*12 + int(m) - 1
		months -= months % n
		return time.Date(months/12, time.Month(months%12+1), 1, 0, 0, 0, 0, loc)
	case "quarter":
		return startOf(t, "month", 3*count, weekStart)
	default:
		return time.Date(y-y%n, 1, 1, 0, 0, 0, 0, loc)
	}
}

// addUnits moves a wall clock by n units; months keep the day where the month
// has it and else its last day.
func addUnits(t time.Time, unit string, n int64) time.Time {
	switch unit {
	case "second":
		return t.Add(time.Duration(n) * time.Second)
	case "minute":
		return time.Unix(t.Unix()+n*60, int64(t.Nanosecond())).In(t.Location())
	case "hour":
		return time.Unix(t.Unix()+n*3600, int64(t.Nanosecond())).In(t.Location())
	case "millisecond":
		return t.Add(time.Duration(n) * time.Millisecond)
	case "microsecond":
		return t.Add(time.Duration(n) * time.Microsecond)
	case "day":
		return t.AddDate(0, 0, int(n))
	case "week":
		return t.AddDate(0, 0, 7*int(n))
	case "quarter":
		return addUnits(t, "month", 3*n)
	case "year":
		return addUnits(t, "month", 12*n)
	}
	y, m, d := t.Date()
	first := time.Date(y, m+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(d, last)-1)
}

func unitName(s string) (string, bool) {
	switch u := strings.TrimSuffix(strings.ToLower(s), "s"); u {
	case "second", "minute", "hour", "day", "week", "month", "quarter", "year", "millisecond", "microsecond":
		return u, true
	case "", "m":
		if strings.EqualFold(s, "s") || strings.EqualFold(s, "ss") {
			return "second", true
		}
		if strings.EqualFold(s, "m") {
			return "month", true
		}
	case "mi", "n":
		return "minute", true
	case "hh", "h":
		return "hour", true
	case "dd", "d":
		return "day", true
	case "ww", "wk", "w":
		return "week", true
	case "mm":
		return "month", true
	case "qq", "q":
		return "quarter", true
	case "yy", "yyyy", "y":
		return "year", true
	}
	return "", false
}

func subDay(unit string) bool {
	switch unit {
	case "second", "minute", "hour", "millisecond", "microsecond":
		return true
	}
	return false
}

// maxShift bounds how far a time may move: about 285 years in seconds.
const maxShift = 9_000_000_000

// moved is the type and code of a date or time moved by units.
func (s *scope) moved(base, by *expr, unit string, sign int64) (*expr, error) {
	if base.t.k == kString && base.fixed {
		at, ok := parseInstant(str(base.val), s.r.loc)
		if !ok {
			return nil, queryError("cannot_parse_datetime", "Cannot parse DateTime: value is %q", str(base.val))
		}
		base = constant(dateTime64(3, nil), at-at%1000)
	}
	if !base.t.isDateOrTime() {
		return nil, queryError(codeIllegalType, "Illegal type %s of the date in date arithmetic", base.t)
	}
	sub := table{}
	sub.add("plus", "d*", func(c *callInfo) (*typ, impl, error) {
		loc := zone(c.t[0].tz, c.loc)
		rt := c.t[0]
		if unit == "millisecond" || unit == "microsecond" {
			rt = dateTime64(max(rt.scale, map[string]int{"millisecond": 3, "microsecond": 6}[unit]), rt.tz)
		} else if rt.isDate() && subDay(unit) {
			rt = dateTime(nil)
		}
		return rt, func(a []any) any {
			n := whole(a[1]) * sign
			if n > maxShift || n < -maxShift || !subDay(unit) && (n > maxShift/86400 || n < -maxShift/86400) {
				return queryError("argument_out_of_bound", "A shift by %d %ss leaves the range of dates", n, unit)
			}
			if d, ok := a[0].(date); ok {
				if subDay(unit) {
					return instantOf(addUnits(d.time(loc), unit, n))
				}
				return dateOf(addUnits(d.time(time.UTC), unit, n))
			}
			at, _ := a[0].(instant)
			return instantOf(addUnits(at.in(loc), unit, n))
		}, nil
	})
	e, err := sub["plus"](s, []*expr{base, by})
	if err != nil {
		return nil, err
	}
	return fold(e, []*expr{base, by})
}

// timeArithmetic is + and - with dates, times and intervals; nil when neither
// side is one.
func timeArithmetic(s *scope, name string, args []*expr) (*expr, error) {
	l, r := args[0], args[1]
	if l.t.k == kInterval && r.t.isDateOrTime() && name == "plus" {
		l, r = r, l
	}
	if !l.t.isDateOrTime() && (l.t.k != kString || r.t.k != kInterval) {
		if l.t.k == kInterval && r.t.isNumber() && name == "multiply" {
			return nil, notSupported("arithmetic on intervals")
		}
		return nil, nil
	}
	sign := int64(1)
	switch name {
	case "plus":
	case "minus":
		sign = -1
	default:
		return nil, queryError(codeIllegalType, "Illegal types %s and %s of arguments of function %s", l.t, r.t, name)
	}
	switch {
	case r.t.k == kInterval:
		return s.moved(l, r, r.t.unit, sign)
	case r.t.isNumber():
		unit := "second"
		if l.t.isDate() {
			unit = "day"
		}
		return s.moved(l, r, unit, sign)
	case name == "minus" && r.t.isDateOrTime():
		return s.difference(l, r)
	}
	return nil, queryError(codeIllegalType, "Illegal types %s and %s of arguments of function %s", l.t, r.t, name)
}

// difference is a date less a date (days) or a time less a time (seconds).
func (s *scope) difference(l, r *expr) (*expr, error) {
	l, r, err := comparable2(l, r, "minus", s.r)
	if err != nil {
		return nil, err
	}
	sub := table{}
	sub.add("minus", "dd", func(c *callInfo) (*typ, impl, error) {
		switch {
		case c.t[0].isDate():
			return mk(kInt32), func(a []any) any {
				x, _ := a[0].(date)
				y, _ := a[1].(date)
				return int64(x - y)
			}, nil
		case c.t[0].k == kDateTime && c.t[1].k == kDateTime:
			return mk(kInt32), func(a []any) any {
				x, _ := a[0].(instant)
				y, _ := a[1].(instant)
				return int64(x-y) / microsPerSecond
			}, nil
		}
		return decimalType(6), func(a []any) any {
			x, _ := a[0].(instant)
			y, _ := a[1].(instant)
			return dec(x - y)
		}, nil
	})
	return sub["minus"](s, []*expr{l, r})
}

// dateCall compiles the functions whose unit is a constant or an interval.
func (s *scope) dateCall(name string, n *hogql.Call) (*expr, error) {
	args, err := s.compileAll(n.Args)
	if err != nil {
		return nil, err
	}
	for i := range args {
		args[i] = plainText(args[i])
	}
	switch name {
	case "dateAdd", "dateSub":
		sign := map[string]int64{"dateAdd": 1, "dateSub": -1}[name]
		switch {
		case len(args) == 2 && args[1].t.k == kInterval:
			return s.moved(args[0], args[1], args[1].t.unit, sign)
		case len(args) == 2 && args[0].t.k == kInterval:
			return s.moved(args[1], args[0], args[0].t.unit, sign)
		}
		return nil, queryError(codeArgumentCount, "Number of arguments for function %s doesn't match: passed %d", name, len(args))
	}
	e, err := s.dateBuild(name, args)
	if err != nil {
		return nil, err
	}
	return fold(e, args)
}

func constantUnit(name string, e *expr) (string, error) {
	if e.fixed && e.t.k == kString {
		if u, ok := unitName(str(e.val)); ok {
			return u, nil
		}
	}
	return "", queryError(codeBadArguments, "Function %s doesn't support the unit %v", name, e.val)
}
