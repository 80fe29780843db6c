package engine

import (
	"strconv"
	"strings"
	"time"
)

func addDateFunctions(t table) {
	now := func(s *scope, args []*expr) (*expr, error) {
		return constant(dateTime64(6, s.r.loc), s.r.now), checkArguments("now", "?*+", args)
	}
	t["now"] = now
	t["today"] = func(s *scope, args []*expr) (*expr, error) {
		return constant(mk(kDate), dateOf(s.r.now.in(s.r.loc))), checkArguments("today", "?*", args)
	}
	t["yesterday"] = func(s *scope, args []*expr) (*expr, error) {
		return constant(mk(kDate), dateOf(s.r.now.in(s.r.loc))-1), checkArguments("yesterday", "?*", args)
	}
	for _, unit := range []string{"Year", "Quarter", "Month", "Day", "Hour", "Minute", "Second"} {
		low := strings.ToLower(unit)
		t.add("toStartOf"+unit, "d?s", func(c *callInfo) (*typ, impl, error) { return c.start(low, 1, time.Monday, 1) })
	}
	for name, minutes := range map[string]int64{"toStartOfFiveMinutes": 5, "toStartOfTenMinutes": 10, "toStartOfFifteenMinutes": 15, "timeSlot": 30} {
		t.add(name, "d?s", func(c *callInfo) (*typ, impl, error) { return c.start("minute", minutes, time.Monday, 1) })
	}
	t.add("toMonday", "d?s", func(c *callInfo) (*typ, impl, error) { return c.start("week", 1, time.Monday, 1) })
	t.add("toStartOfISOYear", "d?s", func(c *callInfo) (*typ, impl, error) {
		loc, err := c.zoneOf(0, 1)
		return mk(kDate), func(a []any) any {
			y, _ := local(a[0], loc).ISOWeek()
			return dateOf(startOf(time.Date(y, 1, 4, 0, 0, 0, 0, time.UTC), "week", 1, time.Monday))
		}, err
	})
	t.add("toStartOfWeek", "d?is", func(c *callInfo) (*typ, impl, error) {
		mode, err := c.constantInt(0)
		if err != nil {
			return nil, nil, err
		}
		first := time.Sunday
		if mode&1 != 0 {
			first = time.Monday
		}
		return c.start("week", 1, first, 2)
	})
	t.add("toLastDayOfWeek", "d?is", func(c *callInfo) (*typ, impl, error) {
		mode, err := c.constantInt(0)
		if err != nil {
			return nil, nil, err
		}
		first := time.Sunday
		if mode&1 != 0 {
			first = time.Monday
		}
		rt, fn, err := c.start("week", 1, first, 2)
		return rt, func(a []any) any {
			d, _ := fn(a).(date)
			return d + 6
		}, err
	})
	t.add("toLastDayOfMonth", "d?s", func(c *callInfo) (*typ, impl, error) {
		loc, err := c.zoneOf(0, 1)
		return mk(kDate), func(a []any) any {
			y, m, _ := local(a[0], loc).Date()
			return dateOf(time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC))
		}, err
	})
	addUnitFunctions(t)
	t.add("fromUnixTimestamp", "i", func(*callInfo) (*typ, impl, error) {
		return dateTime(nil), func(a []any) any { return instant(max(whole(a[0]), 0) * microsPerSecond) }, nil
	})
	t.add("fromUnixTimestamp64Milli", "i?s", func(c *callInfo) (*typ, impl, error) {
		rt := dateTime64(3, nil)
		if len(c.args) > 1 {
			var err error
			if rt.tz, err = c.timeZone(1); err != nil {
				return nil, nil, err
			}
		}
		return rt, func(a []any) any { return instant(whole(a[0]) * 1000) }, nil
	})
	t.simple("make_date", "iii", mk(kDate), func(a []any) any {
		y, m, d := int(whole(a[0])), time.Month(whole(a[1])), int(whole(a[2])) //nolint:gosec // checked below
		out := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		if out.Month() != m || out.Day() != d || y < 1970 || y > 2149 {
			return date(0)
		}
		return dateOf(out)
	})
}

// start cuts argument 0 to the start of units; tz is the place of an explicit
// zone.
func (c *callInfo) start(unit string, count int64, first time.Weekday, tz int) (*typ, impl, error) {
	loc, err := c.zoneOf(0, tz)
	if err != nil {
		return nil, nil, err
	}
	rt := mk(kDate)
	switch {
	case unit == "second":
		if c.t[0].k != kDateTime64 {
			return nil, nil, c.illegal(0)
		}
		rt = dateTime64(c.t[0].scale, loc)
	case unit == "day" && c.t[0].isDate():
		rt = dateTime(nil)
	case unit == "day":
		rt = dateTime(loc)
	case subDay(unit):
		if !c.t[0].isDateTime() {
			return nil, nil, c.illegal(0)
		}
		rt = dateTime(loc)
	}
	return rt, cutter(unit, count, first, loc, rt), nil
}

// addUnitFunctions registers addDays, subtractDays, toIntervalDay and so on.
func addUnitFunctions(t table) {
	for _, unit := range []string{"Second", "Minute", "Hour", "Day", "Week", "Month", "Quarter", "Year"} {
		low := strings.ToLower(unit)
		t["add"+unit+"s"] = func(s *scope, args []*expr) (*expr, error) {
			if err := checkArguments("add"+unit+"s", "*n", args); err != nil {
				return nil, err
			}
			return s.moved(args[0], args[1], low, 1)
		}
		t["subtract"+unit+"s"] = func(s *scope, args []*expr) (*expr, error) {
			if err := checkArguments("subtract"+unit+"s", "*n", args); err != nil {
				return nil, err
			}
			return s.moved(args[0], args[1], low, -1)
		}
		t.add("toInterval"+unit, "*", func(c *callInfo) (*typ, impl, error) {
			if c.t[0].k == kString {
				if _, err := strconv.ParseInt(str(c.args[0].val), 10, 64); err != nil || !c.args[0].fixed {
					return nil, nil, c.illegal(0)
				}
				return &typ{k: kInterval, unit: low}, func(a []any) any { return castText(a[0], mk(kInt64), nil) }, nil
			}
			if !c.t[0].isNumber() {
				return nil, nil, c.illegal(0)
			}
			return &typ{k: kInterval, unit: low}, func(a []any) any { return whole(a[0]) }, nil
		})
	}
	for name, sign := range map[string]int64{"timeStampAdd": 1, "timeStampSub": -1} {
		t[name] = func(s *scope, args []*expr) (*expr, error) {
			if len(args) == 2 && args[1].t.k == kInterval {
				return s.moved(args[0], args[1], args[1].t.unit, sign)
			}
			return nil, queryError(codeArgumentCount, "Function %s takes a time and an interval, got %d arguments", name, len(args))
		}
	}
}
