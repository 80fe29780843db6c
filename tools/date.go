package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Time is a point in time as people and models write it: an ISO 8601 date
// (2026-03-01) or date and time (2026-03-01T14:30:00Z; without an offset it is
// in the project's time zone), now, today, yesterday, or relative: -24h, -30min,
// -7d, -2w, -1m (month), -1q, -1y. It has been checked when a tool sees it.
//
// Days, weeks, months, quarters and years count from midnight in the time zone
// given, hours and minutes from now, as in PostHog's own date ranges.
type Time struct{ text string }

// ParseTime checks the text. The error says what is wrong in one clause.
func ParseTime(text string) (Time, error) {
	t := Time{text: strings.TrimSpace(text)}
	if t.text == "" {
		return t, nil
	}
	_, _, err := t.resolve(time.Now(), time.UTC)
	return t, err
}

// IsZero reports whether nothing was given.
func (t Time) IsZero() bool { return t.text == "" }

// String is the text as it was given.
func (t Time) String() string { return t.text }

// MarshalJSON gives the text as it was given.
func (t Time) MarshalJSON() ([]byte, error) { return json.Marshal(t.text) }

// UnmarshalJSON checks the text.
func (t *Time) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return fmt.Errorf("a date must be text: %w", err)
	}
	parsed, err := ParseTime(text)
	*t = parsed
	return err
}

// Start is the instant at which the range begins that t names: midnight for a
// day. It is zero when t is.
func (t Time) Start(now time.Time, zone *time.Location) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	at, _, err := t.resolve(now, zone)
	if err != nil {
		return time.Time{}
	}
	return at
}

// End is the instant before which the range ends that t names: the next
// midnight for a day, so that a date as upper bound includes that day. It is
// zero when t is.
func (t Time) End(now time.Time, zone *time.Location) time.Time {
	at := t.Start(now, zone)
	if at.IsZero() {
		return at
	}
	if _, wholeDay, _ := t.resolve(now, zone); wholeDay {
		return at.AddDate(0, 0, 1)
	}
	return at
}

var relative = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^-(\d{1,5})(min|h|d|w|m|q|y)$`)
})

// resolve gives the instant and whether it stands for a whole day.
func (t Time) resolve(now time.Time, zone *time.Location) (time.Time, bool, error) {
	now = now.In(zone)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone)
	switch strings.ToLower(t.text) {
	case "now":
		return now, false, nil
	case "today":
		return midnight, true, nil
	case "yesterday":
		return midnight.AddDate(0, 0, -1), true, nil
	}
	if m := relative().FindStringSubmatch(t.text); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return now, false, err
		}
		return back(now, midnight, n, m[2])
	}
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999",
		"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02 15:04:05.999999999Z07:00",
		"2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00",
	} {
		if at, err := time.ParseInLocation(layout, t.text, zone); err == nil {
			return at, false, nil
		}
	}
	at, err := time.ParseInLocation(time.DateOnly, t.text, zone)
	if err != nil {
		return at, false, fmt.Errorf("%s", dateFault(t.text))
	}
	return at, true, nil
}

// back goes n units into the past.
func back(now, midnight time.Time, n int, unit string) (time.Time, bool, error) {
	switch unit {
	case "min":
		return now.Add(-time.Duration(n) * time.Minute), false, nil
	case "h":
		return now.Add(-time.Duration(n) * time.Hour), false, nil
	case "d":
		return midnight.AddDate(0, 0, -n), true, nil
	case "w":
		return midnight.AddDate(0, 0, -7*n), true, nil
	case "m":
		return addMonths(midnight, -n), true, nil
	case "q":
		return addMonths(midnight, -3*n), true, nil
	default:
		return addMonths(midnight, -12*n), true, nil
	}
}

// addMonths keeps to the last day of a shorter month, where AddDate would run
// over into the next one.
func addMonths(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, 0, 0, 0, 0, t.Location())
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

// dateFault says what is wrong with a text that is no date.
func dateFault(text string) string {
	if len(text) >= len(time.DateOnly) && text[4] == '-' && text[7] == '-' {
		if _, err := time.Parse(time.DateOnly, text[:10]); err != nil && strings.Contains(err.Error(), "out of range") {
			return "there is no such day in the calendar"
		}
	}
	return "it is neither ISO 8601 (2026-03-01, 2026-03-01T14:30:00Z) nor relative (-7d, -24h, -1m, today, now)"
}

// Now is the clock of the call, which demo data and tests set.
func Now(ctx context.Context) time.Time { return envOf(ctx).now() }
