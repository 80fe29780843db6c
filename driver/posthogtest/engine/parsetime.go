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

// parseClock reads hh:mm[:ss[.fraction]][Z|+hh:mm|+hhmm].
func parseClock(s string) (clock, bool) {
	var c clock
	if len(s) < 5 || !digits(s[:2]) || s[2] != ':' || !digits(s[3:5]) {
		return c, false
	}
	h, _ := strconv.Atoi(s[:2])
	m, _ := strconv.Atoi(s[3:5])
	if h > 23 || m > 59 {
		return c, false
	}
	c.micros = int64(h*3600+m*60) * microsPerSecond
	s = s[5:]
	if len(s) >= 3 && s[0] == ':' && digits(s[1:3]) {
		sec, _ := strconv.Atoi(s[1:3])
		if sec > 59 {
			return c, false
		}
		c.micros += int64(sec) * microsPerSecond
		s = s[3:]
		if strings.HasPrefix(s, ".") {
			n := 1
			for n < len(s) && s[n] >= '0' && s[n] <= '9' {
				n++
			}
			if n == 1 {
				return c, false
			}
			frac := (s[1:n] + "000000")[:6]
			us, _ := strconv.Atoi(frac)
			c.micros += int64(us)
			s = s[n:]
		}
	}
	return c.withZone(strings.TrimLeft(s, " "))
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

// parseDay reads YYYY-MM-DD (also with / or . between) and returns the rest.
func parseDay(s string) (d date, rest string, ok bool) {
	if len(s) < 10 || !digits(s[:4]) || !digits(s[5:7]) || !digits(s[8:10]) || s[4] != s[7] {
		return 0, s, false
	}
	switch s[4] {
	case '-', '/', '.':
	default:
		return 0, s, false
	}
	y, _ := strconv.Atoi(s[:4])
	m, _ := strconv.Atoi(s[5:7])
	day, _ := strconv.Atoi(s[8:10])
	t := time.Date(y, time.Month(m), day, 0, 0, 0, 0, time.UTC)
	if int(t.Month()) != m || t.Day() != day || y < 1900 {
		return 0, s, false
	}
	return dateOf(t), s[10:], true
}

// parseInstant reads a moment as parseDateTime64BestEffort does, in loc where
// the text names no zone: ISO 8601 with T or a space, a date alone, a Unix
// time of 10 or 13 digits, or one of a few written forms.
func parseInstant(s string, loc *time.Location) (instant, bool) {
	s = strings.TrimSpace(s)
	if digits(s) {
		return parseUnix(s)
	}
	if whole, frac, ok := strings.Cut(s, "."); ok && len(whole) == 10 && digits(whole) && digits(frac) {
		us, _ := strconv.Atoi((frac + "000000")[:6])
		i, ok := parseUnix(whole)
		return i + instant(us), ok
	}
	d, rest, ok := parseDay(s)
	if !ok {
		return parseWritten(s, loc)
	}
	if rest == "" {
		return instantOf(d.time(loc)), true
	}
	if rest[0] != 'T' && rest[0] != ' ' {
		return 0, false
	}
	c, ok := parseClock(strings.TrimLeft(rest[1:], " "))
	if !ok {
		return 0, false
	}
	if c.zoned {
		return instant(int64(d)*86400*microsPerSecond + c.micros - int64(c.offset)*microsPerSecond), true
	}
	day := d.time(time.UTC).Add(time.Duration(c.micros) * time.Microsecond)
	t := time.Date(day.Year(), day.Month(), day.Day(), day.Hour(), day.Minute(), day.Second(), day.Nanosecond(), loc)
	return instantOf(t), true
}

func parseUnix(s string) (instant, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, false
	}
	switch len(s) {
	case 9, 10:
		return instant(n * microsPerSecond), true
	case 12, 13:
		return instant(n * 1000), true
	}
	switch len(s) {
	case 8: // YYYYMMDD
		t, err := time.ParseInLocation("20060102", s, time.UTC)
		return instantOf(t), err == nil
	case 14: // YYYYMMDDhhmmss
		t, err := time.ParseInLocation("20060102150405", s, time.UTC)
		return instantOf(t), err == nil
	case 4:
		t, err := time.ParseInLocation("2006", s, time.UTC)
		return instantOf(t), err == nil
	}
	return 0, false
}

// parseWritten reads dates with month names.
func parseWritten(s string, loc *time.Location) (instant, bool) {
	for _, layout := range []string{
		"Jan 2, 2006", "January 2, 2006", "2 Jan 2006", "2 January 2006",
		"Jan 2, 2006 15:04:05", "2 Jan 2006 15:04:05", "2 Jan 2006 15:04",
		"Mon, 2 Jan 2006 15:04:05 MST", "Mon, 2 Jan 2006 15:04:05 -0700",
	} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return instantOf(t), true
		}
	}
	return 0, false
}
