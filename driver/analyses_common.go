package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxAnalysisEvents bounds the series of one analysis: PostHog's screens name
// them with the letters of the alphabet, and a table with more is not read.
const maxAnalysisEvents = 20

// AnalysisEvent is an event that an analysis counts.
type AnalysisEvent struct {
	Event string
	// Filters on the event's properties, such as "plan=pro" or "price>10".
	// Names that start with "person." are properties of the person.
	Filters []string
}

// AnalysisSpan says which time and which people an analysis is about.
type AnalysisSpan struct {
	From time.Time // zero: the analysis' own default before To
	To   time.Time // before here; zero: now, with the present day as far as it is
	// TestAccounts keeps the project's internal and test users in.
	TestAccounts bool
	Fresh        bool // compute again even when PostHog has a recent answer
}

// AnalysisMeta says how an analysis was computed.
type AnalysisMeta struct {
	From, To     time.Time // of the range; To is exclusive
	TimeZone     string    // in which days begin; empty when PostHog does not say
	TestAccounts bool      // internal and test users are in the figures
	ComputedAt   time.Time // zero: just now
}

// analysis is one native query being asked.
type analysis struct {
	c    *Client
	op   string
	zone *time.Location
	now  time.Time
	span AnalysisSpan
	from time.Time
	to   time.Time
	open bool // the range ends now
}

// analyze checks the range. Days is the default length of the range.
func (c *Client) analyze(ctx context.Context, op string, span AnalysisSpan, days int) (*analysis, error) {
	a := &analysis{c: c, op: op, zone: c.Location(ctx), now: time.Now(), span: span, from: span.From, to: span.To}
	if a.to.IsZero() {
		a.to, a.open = a.now, true
	}
	if a.from.IsZero() {
		t := a.to.In(a.zone)
		a.from = time.Date(t.Year(), t.Month(), t.Day()-days, 0, 0, 0, 0, a.zone)
	}
	if !a.from.Before(a.to) {
		return nil, invalid(op, "after", fmt.Sprintf("after %s is not earlier than before %s", a.from.Format(time.RFC3339), a.to.Format(time.RFC3339)),
			"Swap them, or leave before out for now.")
	}
	return a, nil
}

// dateRange writes the range for PostHog, whose ranges include their end. Whole
// days go as days, which PostHog reads in the project's own time zone.
func (a *analysis) dateRange(interval string) map[string]any {
	last := a.to.Add(-time.Microsecond)
	if interval != "hour" && a.midnight(a.from) && (a.open || a.midnight(a.to)) {
		out := map[string]any{"date_from": a.from.In(a.zone).Format(time.DateOnly)}
		if !a.open {
			out["date_to"] = last.In(a.zone).Format(time.DateOnly)
		}
		return out
	}
	return map[string]any{
		"date_from": a.from.UTC().Format(time.RFC3339), "date_to": last.UTC().Format("2006-01-02T15:04:05.000000Z07:00"), "explicitDate": true,
	}
}

func (a *analysis) midnight(t time.Time) bool {
	t = t.In(a.zone)
	return t.Equal(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, a.zone))
}

// run asks PostHog and gives the results in their own form.
func (a *analysis) run(ctx context.Context, node map[string]any) (json.RawMessage, AnalysisMeta, error) {
	refresh := "blocking"
	if a.span.Fresh {
		refresh = "force_blocking"
	}
	node["filterTestAccounts"] = !a.span.TestAccounts
	var answer struct {
		Results     json.RawMessage `json:"results"`
		TimeZone    string          `json:"timezone"`
		Cached      bool            `json:"is_cached"`
		LastRefresh *time.Time      `json:"last_refresh"`
	}
	if err := a.c.runNode(ctx, a.op, node, refresh, &answer); err != nil {
		return nil, AnalysisMeta{}, err
	}
	meta := AnalysisMeta{From: a.from, To: a.to, TimeZone: answer.TimeZone, TestAccounts: a.span.TestAccounts}
	if answer.Cached {
		meta.ComputedAt = deref(answer.LastRefresh)
		record(ctx, func(d *TraceData) { d.CachedByPH = true })
	}
	return answer.Results, meta, nil
}

// unexpected is the error for results that cannot be read.
func (a *analysis) unexpected(err error) error {
	return &Error{Op: a.op, Kind: KindUpstream, Detail: "the result has an unexpected shape: " + cleanText(err.Error(), maxDetail), Err: causeOf(err)}
}

// check refuses an unknown interval and a range with too many of them.
func (a *analysis) check(attr, interval string, known []string, most int) error {
	if !slices.Contains(known, interval) {
		return invalid(a.op, attr, fmt.Sprintf("%s %.40q", attr, interval), "Use one of "+strings.Join(known, ", ")+".")
	}
	if n := a.intervals(interval); n > most {
		return invalid(a.op, attr, fmt.Sprintf("the range has about %d intervals of one %s, more than %d", n, interval, most), "Choose a longer interval or a shorter range.")
	}
	return nil
}

// intervals estimates how many intervals the range has.
func (a *analysis) intervals(interval string) int {
	hours := map[string]float64{"hour": 1, "day": 24, "week": 168, "month": 730}[interval]
	return int(math.Ceil(a.to.Sub(a.from).Hours() / hours))
}

// events reads a list of events as series of a query.
func (a *analysis) events(attr string, list []AnalysisEvent, most int) ([]map[string]any, error) {
	if len(list) < 1 || len(list) > most {
		return nil, invalid(a.op, attr, fmt.Sprintf("%d events", len(list)), fmt.Sprintf("Give 1 to %d events; list_objects shows them.", most))
	}
	out := make([]map[string]any, len(list))
	for i, e := range list {
		where := fmt.Sprintf("%s.%d", attr, i)
		if len(list) == 1 {
			where = attr
		}
		properties, err := a.condition(where, e)
		if err != nil {
			return nil, err
		}
		out[i] = map[string]any{"kind": "EventsNode", "event": e.Event, "name": e.Event}
		if len(properties) > 0 {
			out[i]["properties"] = properties
		}
	}
	return out, nil
}

// condition checks an event's name and reads its filters.
func (a *analysis) condition(attr string, e AnalysisEvent) ([]personFilter, error) {
	if strings.TrimSpace(e.Event) == "" {
		return nil, invalid(a.op, attr, "an event without a name", "Give an event name; list_objects shows them.")
	}
	filters, err := parseFilters(a.op, attr, e.Filters)
	if err != nil {
		return nil, err
	}
	var list []personFilter
	for _, f := range filters {
		list = append(list, nodeFilter(f))
	}
	return list, nil
}

// breakdownNode is the breakdown of a query; values beyond the limit are joined.
func breakdownNode(op, property string, limit int) (map[string]any, error) {
	name, kind := property, "event"
	if rest, ok := strings.CutPrefix(property, "person."); ok {
		name, kind = rest, "person"
	}
	if err := checkPropertyName(op, "breakdown", name); err != nil {
		return nil, err
	}
	return map[string]any{"breakdown": name, "breakdown_type": kind, "breakdown_limit": limit}, nil
}

// MissingEvent is an event name that the project does not know.
type MissingEvent struct {
	Name  string
	Known []string // names that it does know, the most recently seen first
}

// MissingEvent looks for the first of the names that the project has no
// definition of: an analysis of an unknown event answers zero without a word.
// It gives nil when all are known, or when the key may not read definitions.
//
//posthog:operation GET /api/projects/:project_id/event_definitions/
func (c *Client) MissingEvent(ctx context.Context, op string, names []string) (*MissingEvent, error) {
	q := url.Values{"ordering": {"-last_seen_at"}}
	page, err := listOf[eventDefinition](ctx, c, op, "/api/projects/{project}/event_definitions/", q, maxPageRows, "")
	if KindOf(err) == KindForbidden {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	known := make([]string, len(page.Results))
	for i, d := range page.Results {
		known[i] = d.Name
	}
	for _, name := range names {
		if slices.Contains(known, name) {
			continue
		}
		if page.Next != "" { // more than one page: this one may be further back
			q := url.Values{"search": {name}}
			found, err := listOf[eventDefinition](ctx, c, op, "/api/projects/{project}/event_definitions/", q, maxPageRows, "")
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(found.Results, func(d eventDefinition) bool { return d.Name == name }) {
				continue
			}
		}
		return &MissingEvent{Name: name, Known: known}, nil
	}
	return nil, nil
}
