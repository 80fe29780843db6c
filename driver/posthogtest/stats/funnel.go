package stats

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

type funnelsQuery struct {
	common
	FunnelsFilter   funnelsFilter    `json:"funnelsFilter"`
	BreakdownFilter *breakdownFilter `json:"breakdownFilter"`
}

type funnelsFilter struct {
	OrderType              string   `json:"funnelOrderType"`
	WindowInterval         *float64 `json:"funnelWindowInterval"`
	WindowIntervalUnit     string   `json:"funnelWindowIntervalUnit"`
	VizType                string   `json:"funnelVizType"`
	AggregateByHogQL       string   `json:"funnelAggregateByHogQL"`
	BreakdownAttribution   string   `json:"breakdownAttributionType"`
	Exclusions             []any    `json:"exclusions"`
	StepReference          any      `json:"funnelStepReference"`
	Layout                 any      `json:"layout"`
	BinCount               any      `json:"binCount"`
	HiddenLegendBreakdowns any      `json:"hiddenLegendBreakdowns"`
	ResultCustomizations   any      `json:"resultCustomizations"`
	ShowValuesOnSeries     any      `json:"showValuesOnSeries"`
}

// window is the conversion window; PostHog's default is 14 days.
func (f *funnelsFilter) window() (time.Duration, error) {
	units := map[string]time.Duration{
		"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour,
		"week": 7 * 24 * time.Hour, "month": 30 * 24 * time.Hour,
	}
	unit, n := 24*time.Hour, 14.0
	if f.WindowIntervalUnit != "" {
		var ok bool
		if unit, ok = units[f.WindowIntervalUnit]; !ok {
			return 0, invalid("funnelWindowIntervalUnit is %q; give second, minute, hour, day, week or month", f.WindowIntervalUnit)
		}
	}
	if f.WindowInterval != nil {
		n = *f.WindowInterval
	}
	if n <= 0 || n*unit.Hours() > 24*366*10 {
		return 0, invalid("funnelWindowInterval is %v; give a positive number of at most ten years", n)
	}
	return time.Duration(n * float64(unit)), nil
}

func (f *funnelsFilter) check() error {
	if f.VizType != "" && f.VizType != "steps" {
		return notSupported("the funnelVizType %s", strconv.Quote(f.VizType))
	}
	if len(f.Exclusions) > 0 {
		return notSupported("funnel exclusions")
	}
	switch f.AggregateByHogQL {
	case "", "person_id", "properties.$session_id":
	default:
		return notSupported("funnelAggregateByHogQL %s", strconv.Quote(f.AggregateByHogQL))
	}
	switch f.OrderType {
	case "", "ordered", "strict", "unordered":
	default:
		return invalid("funnelOrderType is %q; give ordered, strict or unordered", f.OrderType)
	}
	switch f.BreakdownAttribution {
	case "", "first_touch", "last_touch", "all_events":
		return nil
	}
	return notSupported("breakdownAttributionType %s", strconv.Quote(f.BreakdownAttribution))
}

// hit is one event of a person as the funnel sees it: when, and which steps it
// matches, ascending. Other events (strict funnels) match none.
type hit struct {
	at    time.Time
	steps []int
	value string
	has   bool
}

// funnel answers a FunnelsQuery: per step the people who came so far, in one
// go within the window, and how long the step took them.
func (q *run) funnel() (map[string]any, error) {
	var query funnelsQuery
	if err := q.decode(&query); err != nil {
		return nil, err
	}
	filter := &query.FunnelsFilter
	if len(query.Series) < 2 {
		return nil, invalid("Funnels require at least two steps.")
	}
	if err := filter.check(); err != nil {
		return nil, err
	}
	window, err := filter.window()
	if err != nil {
		return nil, err
	}
	by, err := query.BreakdownFilter.read()
	if err != nil {
		return nil, err
	}
	hits, err := q.hits(&query, by)
	if err != nil {
		return nil, err
	}
	var walks []walk
	for _, key := range hits.order {
		list := hits.of[key]
		for _, group := range attribute(list, by, filter.BreakdownAttribution) {
			if w := walkOne(filter.OrderType, group.hits, len(query.Series), window); w.steps > 0 {
				w.value = group.value
				walks = append(walks, w)
			}
		}
	}
	return q.result(funnelResults(&query, walks, by)), nil
}

// hitsByKey keeps the people in the order of their first event, so that
// results do not hang on the order of a map.
type hitsByKey struct {
	of    map[any][]hit
	order []any
}

// hits collects what each person (or session) did.
func (q *run) hits(query *funnelsQuery, by *breakdown) (*hitsByKey, error) {
	base, err := q.begin(&query.common, "-7d")
	if err != nil {
		return nil, err
	}
	tests := make([]func(*data.Event) bool, len(query.Series))
	for i := range query.Series {
		if query.Series[i].Math != "" && query.Series[i].Math != "total" {
			return nil, notSupported("the math %s of a funnel step", strconv.Quote(query.Series[i].Math))
		}
		if tests[i], err = q.step(&query.Series[i]); err != nil {
			return nil, err
		}
	}
	found := &hitsByKey{of: map[any][]hit{}}
	strict := query.FunnelsFilter.OrderType == "strict"
	for _, e := range q.events(q.from, q.to) {
		if err := q.ctx.Err(); err != nil {
			return nil, err
		}
		var steps []int
		for i, test := range tests {
			if test(e) {
				steps = append(steps, i+1)
			}
		}
		if len(steps) == 0 && !strict || !base(e) {
			continue
		}
		var key any = e.Person.ID
		if query.FunnelsFilter.AggregateByHogQL == "properties.$session_id" {
			if key = e.SessionID; key == "" {
				continue
			}
		}
		h := hit{at: e.Timestamp, steps: steps}
		if by != nil {
			h.value, h.has = by.of(e)
		}
		if found.of[key] == nil {
			found.order = append(found.order, key)
		}
		found.of[key] = append(found.of[key], h)
	}
	return found, nil
}

// valueHits is what counts for one breakdown value.
type valueHits struct {
	value string
	hits  []hit
}

// attribute gives a person's breakdown value: that of their first (or last)
// event that has one, or each value with its own events.
func attribute(list []hit, by *breakdown, attribution string) []valueHits {
	if by == nil {
		return []valueHits{{hits: list}}
	}
	if attribution == "all_events" {
		var groups []valueHits
		for _, h := range list {
			i := slices.IndexFunc(groups, func(g valueHits) bool { return g.value == h.value })
			if i < 0 {
				i, groups = len(groups), append(groups, valueHits{value: h.value})
			}
			groups[i].hits = append(groups[i].hits, h)
		}
		return groups
	}
	one := valueHits{hits: list}
	for _, h := range list {
		if h.has && (one.value == "" || attribution == "last_touch") {
			one.value = h.value
		}
	}
	return []valueHits{one}
}

// funnelResults counts the walks: one list of steps, or one for each breakdown
// value.
func funnelResults(query *funnelsQuery, walks []walk, by *breakdown) any {
	if len(walks) == 0 {
		return []any{}
	}
	if by == nil {
		return funnelSteps(query, walks, nil)
	}
	groups := map[string][]walk{}
	for _, w := range walks {
		groups[w.value] = append(groups[w.value], w)
	}
	type row struct {
		value string
		walks []walk
		reach []int // how many ended at each step, the last step first
	}
	var rows []row
	for value, of := range groups {
		r := row{value: value, walks: of, reach: make([]int, len(query.Series))}
		for _, w := range of {
			r.reach[len(r.reach)-w.steps]++
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(slices.Compare(b.reach, a.reach), cmp.Compare(a.value, b.value))
	})
	results := []any{}
	var rest []walk
	for i, r := range rows {
		if i < by.limit {
			results = append(results, funnelSteps(query, r.walks, []string{r.value}))
		} else {
			rest = append(rest, r.walks...)
		}
	}
	if len(rest) > 0 && !query.BreakdownFilter.HideOther {
		results = append(results, funnelSteps(query, rest, []string{"Other"}))
	}
	return results
}

func funnelSteps(query *funnelsQuery, walks []walk, value []string) []any {
	steps := make([]any, len(query.Series))
	for i := range query.Series {
		count, times := 0, []float64{}
		for _, w := range walks {
			if w.steps <= i {
				continue
			}
			count++
			if i > 0 && w.times[i-1] > 0 {
				times = append(times, w.times[i-1])
			}
		}
		node := &query.Series[i]
		step := map[string]any{
			"action_id": node.id(), "name": node.label(), "custom_name": node.CustomName, "order": i, "people": []any{}, "count": count, "type": "events",
			"average_conversion_time": orNull(mean(times)), "median_conversion_time": orNull(quantile(times, 0.5)),
		}
		if value != nil {
			step["breakdown"], step["breakdown_value"] = value, value
		}
		steps[i] = step
	}
	return steps
}

// orNull makes null of NaN, which JSON does not have.
func orNull(x float64) any {
	if math.IsNaN(x) {
		return nil
	}
	return x
}

func mean(list []float64) float64 {
	sum := 0.0
	for _, x := range list {
		sum += x
	}
	return sum / float64(len(list))
}

// quantile interpolates between neighbours, as ClickHouse does; NaN for an
// empty list.
func quantile(list []float64, level float64) float64 {
	if len(list) == 0 {
		return math.NaN()
	}
	list = slices.Sorted(slices.Values(list))
	at := level * float64(len(list)-1)
	low := int(at)
	if low+1 == len(list) {
		return list[low]
	}
	return list[low] + (at-float64(low))*(list[low+1]-list[low])
}
