package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// RetentionParams ask how many people come back.
type RetentionParams struct {
	TestAccounts bool          // keep the project's internal and test users in
	Fresh        bool          // compute again even when PostHog has a recent answer
	Target       AnalysisEvent // what puts somebody into a group
	Returning    AnalysisEvent // what counts as coming back; without an event: Target
	FirstTime    bool          // only the first time ever counts, else every period with the target event
	Period       string        // day, week (default) or month
	Periods      int           // groups, and periods looked at, 2 to 60; 0: 8
	To           time.Time     // the last group is the one of this time; zero: now
}

// RetentionResult is a triangle: the later a group began, the fewer periods it
// has had.
type RetentionResult struct {
	AnalysisMeta
	Period string
	Groups []RetentionGroup
}

// RetentionGroup is the people who began in one period.
type RetentionGroup struct {
	Start string // day on which the period begins, in the project's time zone
	// Counts of people: those who began, then those of them who came back one
	// period later, and so on. The last one is of a period that is not over,
	// when the range ends now.
	Counts []int64
}

// Retention counts the people who come back, as PostHog's retention does.
//
//posthog:operation POST /api/projects/:project_id/query/
func (c *Client) Retention(ctx context.Context, p RetentionParams) (RetentionResult, error) {
	const op = "analyze_retention"
	if p.Period == "" {
		p.Period = "week"
	}
	if p.Periods == 0 {
		p.Periods = 8
	}
	if p.Periods < 2 || p.Periods > 60 {
		return RetentionResult{}, invalid(op, "periods", fmt.Sprintf("%d periods", p.Periods), "Give 2 to 60.")
	}
	a, err := c.analyze(ctx, op, AnalysisSpan{To: p.To, TestAccounts: p.TestAccounts, Fresh: p.Fresh}, 1)
	if err != nil {
		return RetentionResult{}, err
	}
	last := a.to.Add(-time.Microsecond).In(a.zone)
	day := time.Date(last.Year(), last.Month(), last.Day(), 0, 0, 0, 0, a.zone)
	switch p.Period {
	case "day":
		a.from = day.AddDate(0, 0, 1-p.Periods)
	case "week":
		a.from = day.AddDate(0, 0, 7*(1-p.Periods))
	case "month":
		a.from = time.Date(day.Year(), day.Month()+time.Month(1-p.Periods), 1, 0, 0, 0, 0, a.zone)
	default:
		return RetentionResult{}, invalid(op, "period", fmt.Sprintf("period %.40q", p.Period), "Use day, week or month.")
	}
	if p.Returning.Event == "" {
		p.Returning = p.Target
	}
	target, err := a.entity("target", p.Target)
	if err != nil {
		return RetentionResult{}, err
	}
	returning, err := a.entity("returning", p.Returning)
	if err != nil {
		return RetentionResult{}, err
	}
	kind := "retention_recurring"
	if p.FirstTime {
		kind = "retention_first_time"
	}
	raw, meta, err := a.run(ctx, map[string]any{
		"kind":      "RetentionQuery",
		"dateRange": map[string]any{"date_from": a.from.Format(time.DateOnly), "date_to": day.Format(time.DateOnly)},
		"retentionFilter": map[string]any{
			"period": strings.ToUpper(p.Period[:1]) + p.Period[1:], "totalIntervals": p.Periods,
			"retentionType": kind, "targetEntity": target, "returningEntity": returning,
		},
	})
	if err != nil {
		return RetentionResult{}, err
	}
	out := RetentionResult{AnalysisMeta: meta, Period: p.Period}
	if out.Groups, err = readRetention(raw, a.zone); err != nil {
		return RetentionResult{}, a.unexpected(err)
	}
	return out, nil
}

// entity writes an event in the form that retention has of its own.
func (a *analysis) entity(attr string, e AnalysisEvent) (map[string]any, error) {
	properties, err := a.condition(attr, e)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"id": e.Event, "name": e.Event, "type": "events", "kind": "EventsNode"}
	if len(properties) > 0 {
		out["properties"] = properties
	}
	return out, nil
}

func readRetention(raw json.RawMessage, zone *time.Location) ([]RetentionGroup, error) {
	var rows []struct {
		Date   string `json:"date"`
		Values []struct {
			Count flexibleCount `json:"count"`
		} `json:"values"`
	}
	if err := json.Unmarshal(raw, &rows); err != nil {
		return nil, err
	}
	groups := make([]RetentionGroup, len(rows))
	for i, r := range rows {
		groups[i].Start = r.Date
		if at, err := time.Parse(time.RFC3339, r.Date); err == nil {
			groups[i].Start = at.In(zone).Format(time.DateOnly)
		}
		for _, v := range r.Values {
			groups[i].Counts = append(groups[i].Counts, int64(v.Count))
		}
	}
	return groups, nil
}

// LifecycleParams ask who of an event's people is new, came back or went.
type LifecycleParams struct {
	AnalysisSpan
	Event    AnalysisEvent
	Interval string // day, week (default) or month
}

// LifecycleResult has a number for each interval in each list.
type LifecycleResult struct {
	AnalysisMeta
	Interval     string
	Days         []string
	New          []float64 // first seen in the interval
	Returning    []float64 // did it in the interval before as well
	Resurrecting []float64 // did it before, but not in the interval before
	Dormant      []float64 // did it in the interval before and not in this one; not positive
}

// Lifecycle splits the people who did an event into new, returning,
// resurrecting and dormant ones, as PostHog's lifecycle does.
//
//posthog:operation POST /api/projects/:project_id/query/
func (c *Client) Lifecycle(ctx context.Context, p LifecycleParams) (LifecycleResult, error) {
	const op = "analyze_lifecycle"
	a, err := c.analyze(ctx, op, p.AnalysisSpan, 56)
	if err != nil {
		return LifecycleResult{}, err
	}
	if p.Interval == "" {
		p.Interval = "week"
	}
	if err := a.check("interval", p.Interval, []string{"day", "week", "month"}, 400); err != nil {
		return LifecycleResult{}, err
	}
	series, err := a.events("event", []AnalysisEvent{p.Event}, 1)
	if err != nil {
		return LifecycleResult{}, err
	}
	raw, meta, err := a.run(ctx, map[string]any{"kind": "LifecycleQuery", "series": series, "interval": p.Interval, "dateRange": a.dateRange(p.Interval)})
	if err != nil {
		return LifecycleResult{}, err
	}
	out := LifecycleResult{AnalysisMeta: meta, Interval: p.Interval}
	var rows []struct {
		Status string    `json:"status"`
		Data   []float64 `json:"data"`
		Days   []string  `json:"days"`
	}
	if err := json.Unmarshal(raw, &rows); err != nil {
		return LifecycleResult{}, a.unexpected(err)
	}
	lists := map[string]*[]float64{"new": &out.New, "returning": &out.Returning, "resurrecting": &out.Resurrecting, "dormant": &out.Dormant}
	for _, r := range rows {
		list := lists[r.Status]
		if list == nil {
			return LifecycleResult{}, a.unexpected(fmt.Errorf("the status %.40q", r.Status))
		}
		*list, out.Days = r.Data, r.Days
	}
	for _, list := range lists {
		if len(*list) != len(out.Days) {
			return LifecycleResult{}, a.unexpected(fmt.Errorf("%d values for %d days", len(*list), len(out.Days)))
		}
	}
	return out, nil
}

// StickinessParams ask on how many days people do something.
type StickinessParams struct {
	AnalysisSpan
	Events     []AnalysisEvent // 1 to 20
	Interval   string          // hour, day (default), week or month
	Cumulative bool            // people who did it in at least so many intervals, else in exactly so many
}

// StickinessResult gives people by number of intervals, one list an event.
type StickinessResult struct {
	AnalysisMeta
	Interval string
	// People holds, for each event, the people who did it in one interval, in
	// two, and so on.
	People [][]float64
}

// Stickiness counts people by the number of intervals in which they did
// something, as PostHog's stickiness does.
//
//posthog:operation POST /api/projects/:project_id/query/
func (c *Client) Stickiness(ctx context.Context, p StickinessParams) (StickinessResult, error) {
	const op = "analyze_stickiness"
	a, err := c.analyze(ctx, op, p.AnalysisSpan, 30)
	if err != nil {
		return StickinessResult{}, err
	}
	if p.Interval == "" {
		p.Interval = "day"
	}
	if err := a.check("interval", p.Interval, []string{"hour", "day", "week", "month"}, 400); err != nil {
		return StickinessResult{}, err
	}
	series, err := a.events("events", p.Events, maxAnalysisEvents)
	if err != nil {
		return StickinessResult{}, err
	}
	node := map[string]any{"kind": "StickinessQuery", "series": series, "interval": p.Interval, "dateRange": a.dateRange(p.Interval)}
	if p.Cumulative {
		node["stickinessFilter"] = map[string]any{"computedAs": "cumulative"}
	}
	raw, meta, err := a.run(ctx, node)
	if err != nil {
		return StickinessResult{}, err
	}
	var rows []struct {
		Data []float64 `json:"data"`
	}
	if err := json.Unmarshal(raw, &rows); err != nil {
		return StickinessResult{}, a.unexpected(err)
	}
	if len(rows) != len(p.Events) {
		return StickinessResult{}, a.unexpected(fmt.Errorf("%d series for %d events", len(rows), len(p.Events)))
	}
	out := StickinessResult{AnalysisMeta: meta, Interval: p.Interval}
	for _, r := range rows {
		out.People = append(out.People, r.Data)
	}
	return out, nil
}
