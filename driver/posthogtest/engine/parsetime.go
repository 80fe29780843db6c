package engine

import (
	"strconv"
	"strings"
	"time"
)

// clock is a time of day with an optional zone offset.
type clock struct {
	micros int64
	offset int // seconds east of UTC
	zoned  bool
}

// number2 reads one or two digits.
func number2(s string) (n int, rest string, ok bool) {
	i := 0
	for i < len(s) && i < 2 && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, s[i:], i > 0
}

// parseClock reads h[:m[:s[.fraction]]] [AM|PM] [zone]. Parts beyond their
// range carry over, as ClickHouse lets them.
func parseClock(s string) (clock, bool) {
	var c clock
	parts := [3]int{}
	rest := s
	for i := range parts {
		if i > 0 {
			if !strings.HasPrefix(rest, ":") {
				break
			}
			rest = rest[1:]
		}
		var ok bool
		if parts[i], rest, ok = number2(rest); !ok {
			return c, false
		}
	}
	if strings.HasPrefix(rest, ".") {
		n := 1
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		if n == 1 {
			return c, false
		}
		us, _ := strconv.Atoi((rest[1:n] + "000000")[:6])
		c.micros = int64(us)
		rest = rest[n:]
	}
	rest = strings.TrimLeft(rest, " ")
	if len(rest) >= 2 {
		half := strings.ToUpper(rest[:2])
		if half == "AM" && parts[0] == 12 {
			parts[0] = 0
		}
		if half == "PM" && parts[0] < 12 {
			parts[0] += 12
		}
		if half == "AM" || half == "PM" {
			rest = strings.TrimLeft(rest[2:], " ")
		}
	}
	c.micros += int64(parts[0]*3600+parts[1]*60+parts[2]) * microsPerSecond
	return c.withZone(rest)
}

func (c clock) withZone(s string) (clock, bool) {
	switch {
	case s == "":
		return c, true
	case s == "Z" || s == "UTC" || s == "GMT":
		c.zoned = true
		return c, true
	case (s[0] == '+' || s[0] == '-') && len(s) >= 3 && digits(s[1:3]):
		rest := strings.TrimPrefix(s[3:], ":")
		minutes := 0
		if rest != "" {
			if len(rest) != 2 || !digits(rest) {
				return c, false
			}
			minutes, _ = strconv.Atoi(rest)
		}
		hours, _ := strconv.Atoi(s[1:3])
		c.offset = hours*3600 + minutes*60
		if s[0] == '-' {
			c.offset = -c.offset
		}
		c.zoned = true
		return c, true
	}
	return c, false
}

// looseDay reads year, month and day, with one or two digits for the latter
// and -, / or . between, or YYYYMMDD.
func looseDay(s string) (y, m, d int, rest string, ok bool) {
	if len(s) < 6 || !digits(s[:4]) {
		return 0, 0, 0, s, false
	}
	y, _ = strconv.Atoi(s[:4])
	if len(s) >= 8 && digits(s[4:8]) {
		m, _ = strconv.Atoi(s[4:6])
		d, _ = strconv.Atoi(s[6:8])
		return y, m, d, s[8:], true
	}
	sep := s[4]
	if sep != '-' && sep != '/' && sep != '.' {
		return 0, 0, 0, s, false
	}
	m, rest, ok = number2(s[5:])
	if !ok || rest == "" || rest[0] != sep {
		return 0, 0, 0, s, false
	}
	d, rest, ok = number2(rest[1:])
	return y, m, d, rest, ok
}

// validDay is a real day of the calendar.
func validDay(y, m, d int) (date, bool) {
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	return dateOf(t), int(t.Month()) == m && t.Day() == d && y >= 1900 && y < 2300
}

// parseDay reads a day of the calendar and returns what follows it.
func parseDay(s string) (date, string, bool) {
	y, m, d, rest, ok := looseDay(s)
	if !ok {
		return 0, s, false
	}
	day, ok := validDay(y, m, d)
	return day, rest, ok
}

// lastDate is the end of ClickHouse's Date, 2149-06-06.
const lastDate = date(65535)

// parseDate is toDateOrNull: a day, alone or with hh:mm:ss. February 30 is
// March 2, and a day or month that cannot be is 1970-01-01.
func parseDate(s string) any {
	y, m, d, rest, ok := looseDay(s)
	if !ok {
		return nil
	}
	if rest != "" {
		if len(rest) != 9 || rest[0] != ' ' && rest[0] != 'T' || rest[3] != ':' || rest[6] != ':' {
			return nil
		}
		if _, ok := parseClock(rest[1:]); !ok || len(s) != 19 {
			return nil
		}
	}
	if m < 1 || m > 12 || d < 1 || d > 31 {
		return date(0)
	}
	return min(max(dateOf(time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)), 0), lastDate)
}

// parseInstant reads a moment as parseDateTime64BestEffort does, in loc where
// the text names no zone: ISO 8601 with T or a space, a date alone, day first
// with slashes, a Unix time of 10 or 13 digits, or a few written forms. Text
// of another kind is no moment.
func parseInstant(s string, loc *time.Location) (instant, bool) {
	s = strings.TrimSpace(s)
	if digits(s) {
		return parseUnix(s, loc)
	}
	if whole, frac, ok := strings.Cut(s, "."); ok && len(whole) == 10 && digits(whole) && digits(frac) {
		us, _ := strconv.Atoi((frac + "000000")[:6])
		i, ok := parseUnix(whole, loc)
		return i + instant(us), ok
	}
	d, rest, ok := bestEffortDay(s)
	if !ok {
		return 0, false
	}
	var c clock
	if rest != "" {
		switch rest[0] {
		case 'T', ' ', ',':
			c, ok = parseClock(strings.TrimLeft(rest[1:], " "))
		default:
			c, ok = c.withZone(rest)
		}
		if !ok {
			return 0, false
		}
	}
	if c.zoned {
		return instant(int64(d)*86400*microsPerSecond + c.micros - int64(c.offset)*microsPerSecond), true
	}
	day := d.time(time.UTC).Add(time.Duration(c.micros) * time.Microsecond)
	t := time.Date(day.Year(), day.Month(), day.Day(), day.Hour(), day.Minute(), day.Second(), day.Nanosecond(), loc)
	return instantOf(t), true
}

// bestEffortDay reads the date at the start of s.
func bestEffortDay(s string) (date, string, bool) {
	if d, rest, ok := parseDay(s); ok {
		return d, rest, true
	}
	if len(s) == 7 && s[4] == '-' && digits(s[:4]) && digits(s[5:]) { // YYYY-MM
		return parseDay(s + "-01")
	}
	if d, rest, ok := number2(s); ok && strings.HasPrefix(rest, "/") {
		if m, rest, ok := number2(rest[1:]); ok && len(rest) >= 5 && rest[0] == '/' && digits(rest[1:5]) {
			y, _ := strconv.Atoi(rest[1:5])
			day, ok := validDay(y, m, d)
			return day, rest[5:], ok
		}
		return 0, s, false
	}
	return writtenDay(s)
}

// writtenDay reads dates with month names: Jan 2 2026, 2 January 2026.
func writtenDay(s string) (date, string, bool) {
	if day, rest, ok := strings.Cut(s, ", "); ok && len(day) == 3 {
		s = rest // the name of a weekday
	}
	words := strings.SplitN(s, " ", 4)
	if len(words) < 3 {
		return 0, s, false
	}
	rest := ""
	if len(words) == 4 {
		rest = " " + words[3]
	}
	text := strings.TrimSuffix(words[0], ",") + " " + strings.TrimSuffix(words[1], ",") + " " + strings.TrimSuffix(words[2], ",")
	for _, layout := range []string{"Jan 2 2006", "January 2 2006", "2 Jan 2006", "2 January 2006"} {
		if t, err := time.Parse(layout, text); err == nil {
			return dateOf(t), rest, true
		}
	}
	return 0, s, false
}

func parseUnix(s string, loc *time.Location) (instant, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, false
	}
	var layout string
	switch len(s) {
	case 9, 10:
		return instant(n * microsPerSecond), true
	case 12, 13:
		return instant(n * 1000), true
	case 4:
		layout = "2006"
	case 8:
		layout = "20060102"
	case 14:
		layout = "20060102150405"
	default:
		return 0, false
	}
	t, err := time.ParseInLocation(layout, s, loc)
	return instantOf(t), err == nil
}
