package data

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Date is a parsed date_from, date_to or date filter value.
type Date struct {
	At time.Time
	// DayOnly is true when no time of day was given: the bound is a whole day.
	DayOnly bool
}

// ParseDate reads the dates of PostHog's query nodes: relative (-7d, -1m, -2w,
// -3h, -1y, -4q, also with Start or End as in -1mStart), anchored (dStart,
// wStart, mStart, qStart, yStart and the same with End), now, and ISO dates
// and times. A time without a zone is in loc. "all" is the zero time.
func ParseDate(text string, now time.Time, loc *time.Location) (Date, error) {
	now = now.In(loc)
	switch text {
	case "all":
		return Date{DayOnly: true}, nil
	case "now":
		return Date{At: now}, nil
	}
	if at, ok := parseTimeText(text, loc); ok {
		return Date{At: at, DayOnly: len(text) == len(time.DateOnly)}, nil
	}
	bad := fmt.Errorf("date %q is not understood; use -7d, -1m, mStart, all, 2026-11-01 or 2026-11-01T10:00:00Z", text)
	rest, anchor := text, ""
	if r, ok := strings.CutSuffix(text, "Start"); ok {
		rest, anchor = r, "Start"
	} else if r, ok := strings.CutSuffix(text, "End"); ok {
		rest, anchor = r, "End"
	}
	if rest == "" {
		return Date{}, bad
	}
	unit, count := rest[len(rest)-1], 0
	if number := rest[:len(rest)-1]; number != "" && number != "-" {
		n, err := strconv.Atoi(number)
		if err != nil || n > 10_000 || n < -10_000 {
			return Date{}, bad
		}
		count = n
	} else if anchor == "" {
		return Date{}, bad
	}
	at, ok := shift(now, count, unit)
	if !ok {
		return Date{}, bad
	}
	if anchor != "" {
		start := TruncateTo(at, unit)
		if anchor == "End" {
			end, _ := shift(start, 1, unit)
			return Date{At: end.Add(-time.Microsecond)}, nil
		}
		return Date{At: start, DayOnly: unit != 'h'}, nil
	}
	switch unit {
	case 'h':
		return Date{At: TruncateTo(at, 'h')}, nil
	case 'M', 's':
		return Date{At: at}, nil
	}
	return Date{At: TruncateTo(at, 'd'), DayOnly: true}, nil
}

// shift moves a time by calendar units. A month is shortened to its last day,
// as PostHog does: one month before 31 March is 28 or 29 February.
func shift(t time.Time, n int, unit byte) (time.Time, bool) {
	var months int
	switch unit {
	case 's':
		return t.Add(time.Duration(n) * time.Second), true
	case 'M':
		return t.Add(time.Duration(n) * time.Minute), true
	case 'h':
		return t.Add(time.Duration(n) * time.Hour), true
	case 'd':
		return t.AddDate(0, 0, n), true
	case 'w':
		return t.AddDate(0, 0, 7*n), true
	case 'm':
		months = n
	case 'q':
		months = 3 * n
	case 'y':
		months = 12 * n
	default:
		return time.Time{}, false
	}
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1), true
}

// TruncateTo gives the start of the hour (h), day (d), week (w, on Sunday, as
// a project's default week starts), month (m), quarter (q) or year (y) that
// holds t, in t's location. Other units give t.
func TruncateTo(t time.Time, unit byte) time.Time {
	y, m, d := t.Date()
	switch unit {
	case 'h':
		return time.Date(y, m, d, t.Hour(), 0, 0, 0, t.Location())
	case 'd':
	case 'w':
		d -= int(t.Weekday())
	case 'm':
		d = 1
	case 'q':
		m, d = m-(m-1)%3, 1
	case 'y':
		m, d = time.January, 1
	default:
		return t
	}
	return time.Date(y, m, d, 0, 0, 0, 0, t.Location())
}

// parseTimeText reads an ISO date or time; without a zone it is in loc.
func parseTimeText(text string, loc *time.Location) (time.Time, bool) {
	if len(text) < len(time.DateOnly) || text[4] != '-' {
		return time.Time{}, false
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano, "2006-01-02T15:04:05", time.DateTime, "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02 15:04:05Z07:00"} {
		if t, err := time.ParseInLocation(layout, text, loc); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
