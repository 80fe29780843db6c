package engine

import (
	"time"
)

// dateBuild builds dateDiff, age, dateTrunc and toStartOfInterval.
func (s *scope) dateBuild(name string, args []*expr) (*expr, error) {
	sub := table{}
	switch name {
	case "dateDiff", "age":
		sub.add(name, "sdd?s", buildDateDiff)
	case "dateTrunc":
		sub.add(name, "sd?s", buildDateTrunc)
	default:
		sub.add(name, "dv?**", buildStartOfInterval)
	}
	return sub[name](s, args)
}

func buildDateDiff(c *callInfo) (*typ, impl, error) {
	unit, err := constantUnit(c.name, c.args[0])
	if err != nil {
		return nil, nil, err
	}
	l1, err := c.zoneOf(1, 3)
	if err != nil {
		return nil, nil, err
	}
	l2, err := c.zoneOf(2, 3)
	if err != nil {
		return nil, nil, err
	}
	wall := func(v any, loc *time.Location) time.Time {
		if d, ok := v.(date); ok {
			return d.time(loc)
		}
		return local(v, loc)
	}
	if c.name == "age" {
		return mk(kInt64), func(a []any) any { return age(unit, wall(a[1], l1), wall(a[2], l2)) }, nil
	}
	return mk(kInt64), func(a []any) any { return dateDiff(unit, wall(a[1], l1), wall(a[2], l2)) }, nil
}

// dateDiff counts the unit boundaries between two wall clocks.
func dateDiff(unit string, a, b time.Time) int64 {
	switch unit {
	case "second":
		return b.Unix() - a.Unix()
	case "minute":
		return floorDiv(b.Unix(), 60) - floorDiv(a.Unix(), 60)
	case "hour":
		_, oa := a.Zone()
		_, ob := b.Zone()
		return floorDiv(b.Unix()+int64(ob), 3600) - floorDiv(a.Unix()+int64(oa), 3600) - floorDiv(int64(ob-oa), 3600)
	case "day":
		return int64(dateOf(b) - dateOf(a))
	case "week":
		return int64(weekIndex(b) - weekIndex(a))
	case "month":
		return int64(monthIndex(b) - monthIndex(a))
	case "quarter":
		return int64(monthIndex(b)/3 - monthIndex(a)/3)
	case "year":
		return int64(b.Year() - a.Year())
	case "millisecond":
		return b.UnixMilli() - a.UnixMilli()
	default:
		return b.UnixMicro() - a.UnixMicro()
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// weekIndex counts weeks that begin on Monday.
func weekIndex(t time.Time) int { return int(floorDiv(int64(dateOf(t))+3, 7)) }

func monthIndex(t time.Time) int { return t.Year()*12 + int(t.Month()) - 1 }

// age counts the full units between two wall clocks.
func age(unit string, a, b time.Time) int64 {
	sign := int64(1)
	if b.Before(a) {
		a, b, sign = b, a, -1
	}
	d := b.Sub(a)
	switch unit {
	case "microsecond":
		return sign * int64(d/time.Microsecond)
	case "millisecond":
		return sign * int64(d/time.Millisecond)
	case "second":
		return sign * int64(d/time.Second)
	case "minute":
		return sign * int64(d/time.Minute)
	case "hour":
		return sign * int64(d/time.Hour)
	case "day":
		return sign * int64(d/(24*time.Hour))
	case "week":
		return sign * int64(d/(7*24*time.Hour))
	}
	months := int64(monthIndex(b) - monthIndex(a))
	if cutMonth(b) < cutMonth(a) {
		months--
	}
	return sign * (months / map[string]int64{"month": 1, "quarter": 3, "year": 12}[unit])
}

// cutMonth is the time since the start of the month, for comparing.
func cutMonth(t time.Time) int64 {
	return int64(t.Day())*86400*microsPerSecond + int64(t.Hour()*3600+t.Minute()*60+t.Second())*microsPerSecond + int64(t.Nanosecond()/1000)
}

func buildDateTrunc(c *callInfo) (*typ, impl, error) {
	unit, err := constantUnit(c.name, c.args[0])
	if err != nil {
		return nil, nil, err
	}
	loc, err := c.zoneOf(1, 2)
	if err != nil {
		return nil, nil, err
	}
	from := c.t[1]
	var rt *typ
	switch {
	case unit == "millisecond" || unit == "microsecond":
		return nil, nil, notSupported("dateTrunc to %s", unit)
	case subDay(unit) || unit == "day":
		switch from.k {
		case kDateTime64:
			rt = dateTime64(0, loc)
		case kDateTime:
			rt = dateTime(loc)
		default:
			rt = dateTime(nil)
		}
	case from.k == kDateTime64 || from.k == kDate32:
		rt = mk(kDate32)
	default:
		rt = mk(kDate)
	}
	return rt, cutter(unit, 1, time.Monday, loc, rt), nil
}

// cutter cuts dates and times to the start of units, giving rt.
func cutter(unit string, count int64, weekStart time.Weekday, loc *time.Location, rt *typ) impl {
	return func(a []any) any {
		var t time.Time
		for _, v := range a {
			switch v := v.(type) {
			case date:
				t = v.time(loc)
			case instant:
				t = v.in(loc)
			}
		}
		t = startOf(t, unit, count, weekStart)
		if rt.isDate() {
			return dateOf(t)
		}
		return instantOf(t)
	}
}

func buildStartOfInterval(c *callInfo) (*typ, impl, error) {
	if len(c.args) > 3 || len(c.args) == 3 && c.t[2].k != kString {
		return nil, nil, notSupported("toStartOfInterval with an origin")
	}
	if !c.args[1].fixed {
		return nil, nil, queryError(codeIllegalType, "The interval of toStartOfInterval must be a constant")
	}
	loc, err := c.zoneOf(0, 2)
	if err != nil {
		return nil, nil, err
	}
	unit, count := c.args[1].t.unit, whole(c.args[1].val)
	if count <= 0 || count > 1_000_000 {
		return nil, nil, queryError("argument_out_of_bound", "Value for the interval of toStartOfInterval must be positive and at most 1000000")
	}
	rt := mk(kDate)
	switch {
	case unit == "millisecond" || unit == "microsecond":
		return nil, nil, notSupported("toStartOfInterval by %s", unit)
	case subDay(unit):
		rt = dateTime(loc)
		if c.t[0].isDate() {
			return nil, nil, c.illegal(0)
		}
	case unit == "day":
		rt = dateTime(loc)
		if c.t[0].isDate() {
			rt = c.t[0]
		}
	}
	return rt, cutter(unit, count, time.Monday, loc, rt), nil
}
