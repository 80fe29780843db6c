// Package analyses holds PostHog's own analyses as tools: trends, retention,
// paths, lifecycle, stickiness and saved insights. PostHog computes them, so
// that the numbers equal those of its screens.
package analyses

import (
	"context"
	"embed"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

//go:embed schema/*.json
var schemas embed.FS

// toolset is the toolset of these tools.
const toolset = "analytics"

// Tools gives the tools of this area.
func Tools() tools.Set {
	return tools.Set{
		Tools: []tools.Tool{
			analyzeTrends(), analyzeRetention(), analyzeLifecycle(), analyzeStickiness(), analyzePaths(), runInsight(),
		},
		Schemas: schemas,
	}
}

// About says what the numbers of an analysis mean.
type About struct {
	Definition   string `json:"definition" jsonschema:"What is counted"`
	TestAccounts string `json:"test_accounts" jsonschema:"Whether internal and test users are in it"`
	TimeZone     string `json:"timezone,omitempty" jsonschema:"In which days begin"`

	notices []string
}

// Notices tells of an answer from PostHog's cache and of numbers that are not
// final.
func (a *About) Notices() []string { return a.notices }

func about(meta driver.AnalysisMeta, definition string, now time.Time) About {
	a := About{
		Definition: definition, TimeZone: meta.TimeZone,
		TestAccounts: "Internal and test users are left out, as far as the project defines them.",
	}
	if meta.TestAccounts {
		a.TestAccounts = "Internal and test users are included."
	}
	if age := now.Sub(meta.ComputedAt); !meta.ComputedAt.IsZero() && age > time.Minute {
		a.notices = append(a.notices, fmt.Sprintf("PostHog answered from its cache, computed %s ago.", age.Round(time.Minute)))
	}
	return a
}

// period writes a range for people.
func period(meta driver.AnalysisMeta) string {
	return fmt.Sprintf("from %s to %s", meta.From.UTC().Format("2006-01-02T15:04Z"), meta.To.UTC().Format("2006-01-02T15:04Z"))
}

// span reads the dates of a call.
func span(ctx context.Context, ph *driver.Client, after, before tools.Time, testAccounts bool) driver.AnalysisSpan {
	zone, now := ph.Location(ctx), tools.Now(ctx)
	s := driver.AnalysisSpan{From: after.Start(now, zone), To: before.End(now, zone), TestAccounts: testAccounts}
	// A range that reaches into the future ends now: what is not over yet has
	// no numbers.
	if s.To.After(now) {
		s.To = now
	}
	return s
}

func refuse(op, attr, detail, hint string) error {
	return &driver.Error{Op: op, Kind: driver.KindInvalid, Attr: attr, Detail: detail, Hint: hint}
}

const eventHint = "Write an event name, conditions in brackets: purchase[plan=pro, amount>10]."

// readEvent reads event[condition, condition].
func readEvent(op, attr, text string) (driver.AnalysisEvent, error) {
	name, rest, has := strings.Cut(strings.TrimSpace(text), "[")
	e := driver.AnalysisEvent{Event: strings.TrimSpace(name)}
	if !has {
		return e, nil // the driver refuses an empty name
	}
	inner, closed := strings.CutSuffix(rest, "]")
	if !closed || e.Event == "" {
		return e, refuse(op, attr, fmt.Sprintf("event %.60q", text), eventHint)
	}
	for c := range strings.SplitSeq(inner, ",") {
		if c = strings.TrimSpace(c); c == "" {
			return e, refuse(op, attr, fmt.Sprintf("event %.60q", text), eventHint)
		}
		e.Filters = append(e.Filters, c)
	}
	return e, nil
}

// maths lists the words for how a series is counted, with those that people
// use for them.
func maths() map[string]string {
	return map[string]string{
		"total": "total", "count": "total", "dau": "dau", "users": "dau", "unique": "dau",
		"weekly_active": "weekly_active", "wau": "weekly_active", "monthly_active": "monthly_active", "mau": "monthly_active",
		"unique_session": "unique_session", "sessions": "unique_session",
		"sum": "sum", "avg": "avg", "min": "min", "max": "max", "median": "median", "p75": "p75", "p90": "p90", "p95": "p95", "p99": "p99",
	}
}

// readSeries reads event, event:math or event:math(property), with conditions
// in brackets behind. A colon before no such word belongs to the event's name.
func readSeries(op, attr, text string) (driver.TrendSeries, error) {
	e, err := readEvent(op, attr, text)
	s := driver.TrendSeries{AnalysisEvent: e}
	if err != nil {
		return s, err
	}
	at := strings.LastIndex(s.Event, ":")
	if at < 0 {
		return s, nil
	}
	word, property, call := strings.Cut(strings.TrimSpace(s.Event[at+1:]), "(")
	known := maths()[word]
	property, closed := strings.CutSuffix(property, ")")
	switch {
	case call && !closed:
		return s, refuse(op, attr, fmt.Sprintf("series %.60q", text), "Write event:math(property): purchase:sum(amount).")
	case call && known == "":
		known = word // refused by its name
	case known == "":
		return s, nil
	}
	s.Event, s.Math, s.Property = strings.TrimSpace(s.Event[:at]), known, strings.TrimSpace(property)
	return s, nil
}

// missing explains an answer of nothing but zeros: it is an error when one of
// the events does not exist.
func missing(ctx context.Context, ph *driver.Client, op string, events ...string) error {
	m, err := ph.MissingEvent(ctx, op, slices.Compact(events))
	if err != nil || m == nil {
		return err
	}
	return tools.NotFound(op, "event", m.Name, m.Known, "List events with list_objects.")
}

// num is a number for a cell, without digits that nobody reads.
func num(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f)
	}
	return math.Round(f*1e4) / 1e4
}

func sum(list []float64) float64 {
	total := 0.0
	for _, x := range list {
		total += x
	}
	return total
}

// sparkWidth is the longest sparkline; a longer series is averaged down to it.
const sparkWidth = 20

// sparkline draws a series from its own zero to its own largest value.
func sparkline(values []float64) string {
	if len(values) > sparkWidth {
		short := make([]float64, sparkWidth)
		for i := range short {
			part := values[i*len(values)/sparkWidth : (i+1)*len(values)/sparkWidth]
			short[i] = sum(part) / float64(len(part))
		}
		values = short
	}
	levels := []rune("▁▂▃▄▅▆▇█")
	low, high := min(0, slices.Min(append(values, 0))), max(0, slices.Max(append(values, 0)))
	out := make([]rune, len(values))
	for i, v := range values {
		level := 0
		if high > low {
			level = int(math.Round((v - low) / (high - low) * float64(len(levels)-1)))
		}
		out[i] = levels[min(max(level, 0), len(levels)-1)]
	}
	return string(out)
}
