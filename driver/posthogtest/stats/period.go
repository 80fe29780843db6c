package stats

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// period resolves the query's date range in the project's time zone. A range
// ends with the day that date_to names (now's, when it is absent), except that
// an hourly query without date_to ends now.
func (q *run) period(r *dateRange, interval, defaultFrom string) error {
	from := defaultFrom
	if r.DateFrom != nil && *r.DateFrom != "" {
		from = *r.DateFrom
	}
	start, err := data.ParseDate(from, q.snap.Now, q.snap.TimeZone)
	if err != nil {
		return invalid("date_from: %v", err)
	}
	q.from = start.At
	if from == "all" {
		q.from = q.snap.Now
		if len(q.snap.Events) > 0 {
			q.from = q.snap.Events[0].Timestamp
		}
	}
	if r.DateTo == nil || *r.DateTo == "" {
		q.to = q.snap.Now.In(q.snap.TimeZone)
		if interval != "hour" {
			q.to = endOfDay(q.to)
		}
	} else {
		end, err := data.ParseDate(*r.DateTo, q.snap.Now, q.snap.TimeZone)
		if err != nil {
			return invalid("date_to: %v", err)
		}
		if q.to = end.At; end.DayOnly && !r.ExplicitDate {
			q.to = endOfDay(end.At)
		}
	}
	if q.to.Before(q.from) {
		return invalid("date_to is before date_from")
	}
	return nil
}

// periodBefore gives the range of equal length before the query's, with the
// same times of day. The usual -7d and -14d, which PostHog stretches by the
// present day, are compared with the seven or fourteen days before.
func (q *run) periodBefore(dateFrom, dateTo *string, interval string) (from, to time.Time) {
	wall := func(t time.Time) time.Time {
		t = t.In(q.snap.TimeZone)
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	}
	at := func(day, clock time.Time) time.Time {
		return time.Date(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), clock.Second(), clock.Nanosecond(), q.snap.TimeZone)
	}
	first, last := wall(q.from), wall(q.to)
	length := last.Sub(first)
	start := first.Add(-length)
	if dateFrom != nil && dateTo == nil && (interval == "" || interval == "day") {
		if days, is := strings.CutSuffix(*dateFrom, "d"); is {
			if n, err := strconv.Atoi(days); err == nil && n%7 == 0 {
				start = start.AddDate(0, 0, 1)
			}
		}
	}
	start = wall(at(start, first))
	return at(start, first), at(start.Add(length), last)
}

func endOfDay(t time.Time) time.Time {
	return data.TruncateTo(t, 'd').AddDate(0, 0, 1).Add(-time.Microsecond)
}

// events gives those from one time to another, both inclusive. Events are
// sorted by time, so that is one slice.
func (q *run) events(from, to time.Time) []*data.Event {
	all := q.snap.Events
	low := sort.Search(len(all), func(i int) bool { return !all[i].Timestamp.Before(from) })
	high := sort.Search(len(all), func(i int) bool { return all[i].Timestamp.After(to) })
	return all[low:max(low, high)]
}

// interval is the length of a bucket.
type interval struct {
	name string // hour, day, week or month
	unit byte   // as data.TruncateTo has it
	loc  *time.Location
}

func (q *run) interval(name string) (interval, error) {
	units := map[string]byte{"": 'd', "hour": 'h', "day": 'd', "week": 'w', "month": 'm'}
	unit, ok := units[name]
	if !ok {
		return interval{}, notSupported("the interval %s", strconv.Quote(name))
	}
	if name == "" {
		name = "day"
	}
	return interval{name: name, unit: unit, loc: q.snap.TimeZone}, nil
}

// start gives the start of the bucket that holds a time.
func (i interval) start(t time.Time) time.Time { return data.TruncateTo(t.In(i.loc), i.unit) }

// add moves a bucket's start by n buckets.
func (i interval) add(t time.Time, n int) time.Time {
	switch i.unit {
	case 'h':
		return t.Add(time.Duration(n) * time.Hour)
	case 'w':
		return t.AddDate(0, 0, 7*n)
	case 'm':
		return t.AddDate(0, n, 0)
	}
	return t.AddDate(0, 0, n)
}

// maxBuckets bounds a result; PostHog has bounds of its own.
const maxBuckets = 10_000

// buckets lists the starts of the buckets from one time to another.
func (i interval) buckets(from, to time.Time) ([]time.Time, error) {
	var list []time.Time
	for t := i.start(from); !t.After(to); t = i.add(t, 1) {
		if list = append(list, t); len(list) > maxBuckets {
			return nil, invalid("the date range has more than %d intervals; choose a longer interval", maxBuckets)
		}
	}
	return list, nil
}

// find gives the index of the bucket that holds a time, or -1.
func find(buckets []time.Time, t time.Time) int {
	i, exact := slices.BinarySearchFunc(buckets, t, time.Time.Compare)
	if exact {
		return i
	}
	return i - 1
}

// day is a bucket's start in the days field of a result.
func (i interval) day(t time.Time) string {
	if i.unit == 'h' {
		return t.Format(time.DateTime)
	}
	return t.Format(time.DateOnly)
}

// label is a bucket's start in the labels field of a result.
func (i interval) label(t time.Time) string {
	if i.unit == 'h' {
		return t.Format("2-Jan-2006 15:04")
	}
	return t.Format("2-Jan-2006")
}

func (i interval) daysAndLabels(buckets []time.Time) (days, labels []string) {
	for _, b := range buckets {
		days, labels = append(days, i.day(b)), append(labels, i.label(b))
	}
	return days, labels
}

// result wraps results as the insight queries are answered.
func (q *run) result(results any) map[string]any {
	return map[string]any{
		"results":             results,
		"modifiers":           map[string]any{},
		"resolved_date_range": map[string]any{"date_from": stamp(q.from), "date_to": stamp(q.to)},
	}
}

func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.999999Z07:00") }
