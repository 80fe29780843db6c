package engine

import (
	"strconv"
	"strings"
	"time"
)

// local is a date or time as a wall clock in its zone.
func local(v any, loc *time.Location) time.Time {
	switch v := v.(type) {
	case date:
		return v.time(time.UTC)
	case instant:
		return v.in(loc)
	}
	return time.Time{}
}

// zoneOf is the time zone that functions of argument i use: that of an
// explicit last argument at tz, of the argument's type, or the session's.
func (c *callInfo) zoneOf(i, tz int) (*time.Location, error) {
	if tz < len(c.args) {
		return c.timeZone(tz)
	}
	return zone(c.t[i].tz, c.loc), nil
}

func addDateParts(t table) {
	part := func(name string, rt *typ, fn func(time.Time) int) {
		sig := "d?s"
		if name == "toHour" || name == "toMinute" || name == "toSecond" {
			sig = "D?s"
		}
		t.add(name, sig, func(c *callInfo) (*typ, impl, error) {
			loc, err := c.zoneOf(0, 1)
			return rt, func(a []any) any { return uint64(fn(local(a[0], loc))) }, err //nolint:gosec // parts of dates are positive
		})
	}
	u8, u16, u32 := mk(kUInt8), mk(kUInt16), mk(kUInt32)
	part("toYear", u16, time.Time.Year)
	part("toMonth", u8, func(t time.Time) int { return int(t.Month()) })
	part("toQuarter", u8, func(t time.Time) int { return (int(t.Month())-1)/3 + 1 })
	part("toDayOfMonth", u8, time.Time.Day)
	part("toDayOfYear", u16, time.Time.YearDay)
	part("toHour", u8, time.Time.Hour)
	part("toMinute", u8, time.Time.Minute)
	part("toSecond", u8, time.Time.Second)
	part("toISOYear", u16, func(t time.Time) int { y, _ := t.ISOWeek(); return y })
	part("toISOWeek", u8, func(t time.Time) int { _, w := t.ISOWeek(); return w })
	part("toYYYYMM", u32, func(t time.Time) int { return t.Year()*100 + int(t.Month()) })
	part("toYYYYMMDD", u32, func(t time.Time) int { return ymd(t) })
	part("toYYYYMMDDhhmmss", mk(kUInt64), func(t time.Time) int {
		return ymd(t)*1_000_000 + t.Hour()*10_000 + t.Minute()*100 + t.Second()
	})
	t.add("toDayOfWeek", "d?is", func(c *callInfo) (*typ, impl, error) {
		mode, err := c.constantInt(0)
		if err != nil {
			return nil, nil, err
		}
		loc, err := c.zoneOf(0, 2)
		return u8, func(a []any) any {
			wd := uint64(local(a[0], loc).Weekday()) // Sunday is 0
			monday := (wd + 6) % 7
			switch mode & 3 {
			case 0:
				return monday + 1
			case 1:
				return monday
			case 2:
				return wd
			default:
				return wd + 1
			}
		}, err
	})
	t.add("toWeek", "d?is", func(c *callInfo) (*typ, impl, error) {
		mode, err := c.constantInt(0)
		if err != nil {
			return nil, nil, err
		}
		loc, err := c.zoneOf(0, 2)
		return u8, func(a []any) any { _, w := weekOf(local(a[0], loc), mode); return uint64(w) }, err //nolint:gosec // a week
	})
	t.add("toYearWeek", "d?is", func(c *callInfo) (*typ, impl, error) {
		mode, err := c.constantInt(0)
		if err != nil {
			return nil, nil, err
		}
		loc, err := c.zoneOf(0, 2)
		return u32, func(a []any) any {
			y, w := weekOf(local(a[0], loc), mode|2)
			return uint64(y*100 + w) //nolint:gosec // positive
		}, err
	})
	t.add("toUnixTimestamp", "*?s", func(c *callInfo) (*typ, impl, error) {
		if c.t[0].k == kString {
			return u32, func(a []any) any {
				if at, ok := parseInstant(str(a[0]), c.loc); ok {
					return uint64(at / microsPerSecond) //nolint:gosec // after 1970
				}
				return queryError("cannot_parse_datetime", "Cannot parse DateTime: value is %q", str(a[0]))
			}, nil
		}
		if !c.t[0].isDateOrTime() {
			return nil, nil, c.illegal(0)
		}
		loc, err := c.zoneOf(0, 1)
		return u32, func(a []any) any { return uint64(seconds(moment(a[0], loc)) / microsPerSecond) }, err //nolint:gosec // after 1970
	})
	t.add("toUnixTimestamp64Milli", "D", func(c *callInfo) (*typ, impl, error) {
		if c.t[0].k != kDateTime64 {
			return nil, nil, c.illegal(0)
		}
		return mk(kInt64), func(a []any) any {
			at, _ := a[0].(instant)
			return int64(at / 1000)
		}, nil
	})
	t.add("timeZoneOf", "D", func(c *callInfo) (*typ, impl, error) {
		name := zone(c.t[0].tz, c.loc).String()
		return mk(kString), func([]any) any { return name }, nil
	})
	t.add("timeZoneOffset", "D", func(c *callInfo) (*typ, impl, error) {
		loc := zone(c.t[0].tz, c.loc)
		return mk(kInt32), func(a []any) any { _, off := local(a[0], loc).Zone(); return int64(off) }, nil
	})
	t.add("dateName", "sd?s", func(c *callInfo) (*typ, impl, error) {
		unit, err := c.constantText(0)
		if err != nil {
			return nil, nil, err
		}
		loc, err := c.zoneOf(1, 2)
		if err != nil {
			return nil, nil, err
		}
		name := datePartName(unit)
		if name == nil {
			return nil, nil, queryError(codeBadArguments, "%q is not a date part that dateName names", unit)
		}
		return mk(kString), func(a []any) any { return name(local(a[1], loc)) }, nil
	})
	t.add("monthName", "d", func(c *callInfo) (*typ, impl, error) {
		loc := zone(c.t[0].tz, c.loc)
		return mk(kString), func(a []any) any { return local(a[0], loc).Month().String() }, nil
	})
	t.add("toModifiedJulianDay", "s", func(*callInfo) (*typ, impl, error) {
		return nullable(mk(kInt32)), func(a []any) any {
			d, rest, ok := parseDay(str(a[0]))
			if !ok || rest != "" {
				return nil
			}
			return int64(d) + 40587
		}, nil
	})
}

func datePartName(unit string) func(t time.Time) string {
	switch strings.ToLower(unit) {
	case "year":
		return func(t time.Time) string { return strconv.Itoa(t.Year()) }
	case "quarter":
		return func(t time.Time) string { return strconv.Itoa((int(t.Month())-1)/3 + 1) }
	case "month":
		return func(t time.Time) string { return t.Month().String() }
	case "day":
		return func(t time.Time) string { return strconv.Itoa(t.Day()) }
	case "dayofyear":
		return func(t time.Time) string { return strconv.Itoa(t.YearDay()) }
	case "weekday":
		return func(t time.Time) string { return t.Weekday().String() }
	case "hour":
		return func(t time.Time) string { return strconv.Itoa(t.Hour()) }
	case "minute":
		return func(t time.Time) string { return strconv.Itoa(t.Minute()) }
	case "second":
		return func(t time.Time) string { return strconv.Itoa(t.Second()) }
	}
	return nil
}

func ymd(t time.Time) int { return t.Year()*10_000 + int(t.Month())*100 + t.Day() }

// weekOf is MySQL's WEEK(): bit 0 of mode starts weeks on Monday, bit 1
// counts the first days of January to the old year's last week, bit 2 (xor
// bit 0) makes week 1 the first full week.
func weekOf(t time.Time, mode int64) (year, week int) {
	monday := mode&1 != 0
	yearWeek := mode&2 != 0
	firstFull := mode&4 != 0
	if !monday {
		firstFull = !firstFull
	}
	year = t.Year()
	day := func(t time.Time) int { return int(dateOf(t)) }
	jan1 := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
	weekday := func(t time.Time) int { // days since the week's first day
		if monday {
			return (int(t.Weekday()) + 6) % 7
		}
		return int(t.Weekday())
	}
	wd := weekday(jan1)
	if int(t.Month()) == 1 && t.Day() <= 7-wd {
		if !yearWeek && (firstFull && wd != 0 || !firstFull && wd >= 4) {
			return year, 0
		}
		if firstFull && wd != 0 || !firstFull && wd >= 4 {
			// Belongs to the last week of the year before.
			dec31 := time.Date(year-1, 12, 31, 0, 0, 0, 0, time.UTC)
			_, w := weekNumber(dec31, firstFull, weekday)
			return year - 1, w
		}
	}
	y, w := weekNumber(time.Date(year, t.Month(), t.Day(), 0, 0, 0, 0, time.UTC), firstFull, weekday)
	if w >= 53 && yearWeek && !firstFull {
		next := time.Date(year+1, 1, 1, 0, 0, 0, 0, time.UTC)
		if wn := weekday(next); wn < 4 && wn > 0 && day(t) >= day(next)-wn {
			return year + 1, 1
		}
	}
	return y, w
}

func weekNumber(t time.Time, firstFull bool, weekday func(time.Time) int) (year, week int) {
	jan1 := time.Date(t.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	wd := weekday(jan1)
	start := -wd // the day of year on which the week of January 1st begins
	if firstFull && wd != 0 || !firstFull && wd >= 4 {
		start += 7
	}
	return t.Year(), (t.YearDay()-1-start)/7 + 1
}
