package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// FunnelParams describe a funnel.
type FunnelParams struct {
	Steps      []FunnelStep // 2 to 20
	From       time.Time    // entry into the funnel from here; zero: 30 days before To
	To         time.Time    // and before here; zero: now
	Order      string       // ordered (default: other events may lie between), strict or unordered
	Window     int          // time to convert from the first step; 0: 14 days
	WindowUnit string       // second, minute, hour, day (default), week or month
	Breakdown  string       // property to split by; "person.plan" for one of the person
	// TestAccounts keeps the project's internal and test users in.
	TestAccounts bool
	Fresh        bool // compute again even when PostHog has a recent answer
}

// FunnelStep is one step.
type FunnelStep struct {
	Event string
	// Filters on the event's properties, such as "plan=pro" or "price>10".
	// Names that start with "person." are properties of the person.
	Filters []string
}

// FunnelResult is one group of steps per breakdown value, or a single one.
type FunnelResult struct {
	Groups []FunnelGroup
	From   time.Time
	To     time.Time
	// Order, Window and WindowUnit are those used, defaults filled in.
	Order      string
	Window     int
	WindowUnit string
	// TestAccounts says whether internal and test users are in the figures.
	TestAccounts bool
	TimeZone     string    // of the project, when PostHog says so
	ComputedAt   time.Time // zero: just now
}

// FunnelGroup is the funnel of one breakdown value.
type FunnelGroup struct {
	Breakdown string // empty without a breakdown
	Steps     []FunnelStepResult
}

// FunnelStepResult says how many people reached a step within the window.
type FunnelStepResult struct {
	Name         string
	Count        int64          // people
	FromPrevious *float64       // share of those of the step before, 0 to 1; nil for the first step and after 0
	FromFirst    *float64       // share of those of the first step, 0 to 1; nil after 0
	MedianTime   *time.Duration // from the step before
	AverageTime  *time.Duration // from the step before
}

// Funnel counts the people who went through the steps in order within the
// window. PostHog computes it per person, so a person is in a step only after
// all steps before.
//
//posthog:operation POST /api/projects/:project_id/query/
func (c *Client) Funnel(ctx context.Context, p FunnelParams) (FunnelResult, error) {
	ctx, cancel := c.withTotal(ctx) // of all its requests
	defer cancel()
	const op = "analyze_funnel"
	node, out, err := funnelNode(op, p, time.Now())
	if err != nil {
		return FunnelResult{}, err
	}
	refresh := "blocking"
	if p.Fresh {
		refresh = "force_blocking"
	}
	var answer struct {
		Results     json.RawMessage `json:"results"`
		TimeZone    string          `json:"timezone"`
		Cached      bool            `json:"is_cached"`
		LastRefresh *time.Time      `json:"last_refresh"`
	}
	if err := c.runNode(ctx, op, node, refresh, &answer); err != nil {
		return FunnelResult{}, err
	}
	groups, err := readFunnel(answer.Results)
	if err != nil {
		return FunnelResult{}, &Error{Op: op, Kind: KindUpstream, Detail: "the funnel in the answer has an unexpected shape: " + cleanText(err.Error(), maxDetail), Err: err}
	}
	out.Groups, out.TimeZone = groups, answer.TimeZone
	if answer.Cached {
		out.ComputedAt = deref(answer.LastRefresh)
		record(ctx, func(d *TraceData) { d.CachedByPH = true })
	}
	return out, nil
}

func funnelNode(op string, p FunnelParams, now time.Time) (map[string]any, FunnelResult, error) {
	out := FunnelResult{From: p.From, To: p.To, Order: p.Order, Window: p.Window, WindowUnit: p.WindowUnit, TestAccounts: p.TestAccounts}
	if out.To.IsZero() {
		out.To = now
	}
	if out.From.IsZero() {
		out.From = out.To.AddDate(0, 0, -30)
	}
	if out.Order == "" {
		out.Order = "ordered"
	}
	if out.Window == 0 {
		out.Window = 14
	}
	if out.WindowUnit == "" {
		out.WindowUnit = "day"
	}
	if err := checkFunnel(op, p, out); err != nil {
		return nil, out, err
	}
	series := make([]any, len(p.Steps))
	for i, s := range p.Steps {
		step := map[string]any{"kind": "EventsNode", "event": s.Event, "name": s.Event}
		filters, err := parseFilters(op, fmt.Sprintf("steps.%d.filters", i), s.Filters)
		if err != nil {
			return nil, out, err
		}
		var list []personFilter
		for _, f := range filters {
			list = append(list, nodeFilter(f))
		}
		if len(list) > 0 {
			step["properties"] = list
		}
		series[i] = step
	}
	node := map[string]any{
		"kind":   "FunnelsQuery",
		"series": series,
		// explicitDate: take the instants as they are; PostHog would stretch
		// them to whole days otherwise.
		"dateRange": map[string]any{
			"date_from": out.From.UTC().Format(time.RFC3339), "date_to": out.To.UTC().Format(time.RFC3339), "explicitDate": true,
		},
		"filterTestAccounts": !p.TestAccounts,
		"funnelsFilter": map[string]any{
			"funnelOrderType": out.Order, "funnelVizType": "steps",
			"funnelWindowInterval": out.Window, "funnelWindowIntervalUnit": out.WindowUnit,
		},
	}
	if p.Breakdown != "" {
		name, kind := p.Breakdown, "event"
		if rest, ok := strings.CutPrefix(name, "person."); ok {
			name, kind = rest, "person"
		}
		node["breakdownFilter"] = map[string]any{"breakdown": name, "breakdown_type": kind, "breakdown_limit": 25}
	}
	return node, out, nil
}

// nodeFilter gives a condition in the form of query nodes.
func nodeFilter(f propertyFilter) personFilter {
	out := f.person()
	if rest, ok := strings.CutPrefix(f.key, "person."); ok && rest != "" {
		out.Key = rest
		return out
	}
	out.Type = "event"
	return out
}

func checkFunnel(op string, p FunnelParams, out FunnelResult) error {
	orders := []string{"ordered", "strict", "unordered"}
	units := []string{"second", "minute", "hour", "day", "week", "month"}
	if n := len(p.Steps); n < 2 || n > 20 {
		return invalid(op, "steps", fmt.Sprintf("%d steps", n), "Give 2 to 20 event names in the order in which people do them.")
	}
	for i, s := range p.Steps {
		if strings.TrimSpace(s.Event) == "" {
			return invalid(op, fmt.Sprintf("steps.%d", i), "a step without an event", "Give an event name; list_objects shows them.")
		}
	}
	switch {
	case !slices.Contains(orders, out.Order):
		return invalid(op, "order", fmt.Sprintf("order %.40q", p.Order), "Use one of "+strings.Join(orders, ", ")+".")
	case !slices.Contains(units, out.WindowUnit):
		return invalid(op, "window", fmt.Sprintf("window unit %.40q", p.WindowUnit), "Use one of "+strings.Join(units, ", ")+".")
	case out.Window < 1 || out.Window > 3600:
		return invalid(op, "window", fmt.Sprintf("a window of %d %ss", p.Window, out.WindowUnit), "Give 1 to 3600 units.")
	case !out.From.Before(out.To):
		return invalid(op, "date_from", fmt.Sprintf("date_from %s is not before date_to %s", out.From.Format(time.RFC3339), out.To.Format(time.RFC3339)), "Swap them, or leave date_to out for now.")
	case strings.TrimSpace(p.Breakdown) == "" && p.Breakdown != "" || p.Breakdown == "person.":
		return invalid(op, "breakdown", fmt.Sprintf("breakdown %q names no property", p.Breakdown), `Use a property such as "plan" or "person.plan".`)
	}
	return nil
}

// funnelRow is one step in PostHog's answer.
type funnelRow struct {
	Name       string        `json:"name"`
	CustomName *string       `json:"custom_name"`
	Order      int           `json:"order"`
	Count      flexibleCount `json:"count"`
	Average    *float64      `json:"average_conversion_time"`
	Median     *float64      `json:"median_conversion_time"`
	Breakdown  any           `json:"breakdown_value"`
}

// flexibleCount reads a count that some servers write as 12.0.
type flexibleCount int64

// UnmarshalJSON reads an integer or a float without a fraction.
func (n *flexibleCount) UnmarshalJSON(raw []byte) error {
	var f float64
	if err := json.Unmarshal(raw, &f); err != nil {
		return err
	}
	*n = flexibleCount(f)
	return nil
}

// readFunnel reads a list of steps, or a list of such lists with a breakdown.
func readFunnel(raw json.RawMessage) ([]FunnelGroup, error) {
	var groups [][]funnelRow
	if err := decodeJSON(raw, &groups); err != nil {
		var steps []funnelRow
		if err := decodeJSON(raw, &steps); err != nil {
			return nil, err
		}
		groups = [][]funnelRow{steps}
	}
	out := make([]FunnelGroup, 0, len(groups))
	for _, rows := range groups {
		if len(rows) == 0 {
			continue
		}
		slices.SortStableFunc(rows, func(a, b funnelRow) int { return a.Order - b.Order })
		g := FunnelGroup{Breakdown: breakdownText(rows[0].Breakdown)}
		for i, r := range rows {
			s := FunnelStepResult{Name: r.Name, Count: int64(r.Count)}
			if r.CustomName != nil && *r.CustomName != "" {
				s.Name = *r.CustomName
			}
			s.FromFirst = share(s.Count, int64(rows[0].Count))
			if i > 0 {
				s.FromPrevious = share(s.Count, int64(rows[i-1].Count))
				s.MedianTime, s.AverageTime = seconds(r.Median), seconds(r.Average)
			}
			g.Steps = append(g.Steps, s)
		}
		out = append(out, g)
	}
	return out, nil
}

// breakdownLabel puts words in place of PostHog's marks for a missing value and
// for the values beyond its limit. Series labels hold them too.
func breakdownLabel(text string) string {
	return strings.NewReplacer(
		"$$_posthog_breakdown_null_$$", "(not set)", "$$_posthog_breakdown_other_$$", "(other)",
	).Replace(text)
}

// breakdownText writes a breakdown value, which PostHog gives as text, number
// or list of one.
func breakdownText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return breakdownLabel(v)
	case []any:
		parts := make([]string, len(v))
		for i, p := range v {
			parts[i] = breakdownText(p)
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}

func share(part, whole int64) *float64 {
	if whole == 0 {
		return nil
	}
	f := float64(part) / float64(whole)
	return &f
}

func seconds(s *float64) *time.Duration {
	if s == nil {
		return nil
	}
	d := time.Duration(*s * float64(time.Second))
	return &d
}
