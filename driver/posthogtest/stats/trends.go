package stats

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

type trendsQuery struct {
	common
	TrendsFilter    trendsFilter     `json:"trendsFilter"`
	BreakdownFilter *breakdownFilter `json:"breakdownFilter"`
	CompareFilter   *struct {
		Compare   bool   `json:"compare"`
		CompareTo string `json:"compare_to"`
	} `json:"compareFilter"`
}

// trendsFilter says what the chart shows. The fields without a use here change
// only how the application draws it.
type trendsFilter struct {
	Display                string `json:"display"`
	Formula                string `json:"formula"`
	AggregationAxisFormat  any    `json:"aggregationAxisFormat"`
	AggregationAxisPrefix  any    `json:"aggregationAxisPrefix"`
	AggregationAxisPostfix any    `json:"aggregationAxisPostfix"`
	DecimalPlaces          any    `json:"decimalPlaces"`
	ShowLegend             any    `json:"showLegend"`
	ShowValuesOnSeries     any    `json:"showValuesOnSeries"`
	ShowPercentStackView   any    `json:"showPercentStackView"`
	ShowLabelsOnSeries     any    `json:"showLabelsOnSeries"`
	ShowAlertThresholds    any    `json:"showAlertThresholdLines"`
	YAxisScaleType         any    `json:"yAxisScaleType"`
	HiddenLegendIndexes    any    `json:"hiddenLegendIndexes"`
	ResultCustomizations   any    `json:"resultCustomizations"`
}

// Values that stand for "no value" and "the rest" in a breakdown.
const (
	breakdownNull  = "$$_posthog_breakdown_null_$$"
	breakdownOther = "$$_posthog_breakdown_other_$$"
)

// trends answers a TrendsQuery: a number for each interval, or one for the
// whole range when the display is a single value.
func (q *run) trends() (map[string]any, error) {
	var query trendsQuery
	if err := q.decode(&query); err != nil {
		return nil, err
	}
	if len(query.Series) == 0 {
		return nil, invalid("a trend needs at least one series")
	}
	if query.CompareFilter != nil && query.CompareFilter.CompareTo != "" {
		return nil, notSupported("compare_to")
	}
	formula, err := readFormula(query.TrendsFilter.Formula, len(query.Series))
	if err != nil {
		return nil, err
	}
	total := false
	switch query.TrendsFilter.Display {
	case "", "ActionsLineGraph", "ActionsBar", "ActionsUnstackedBar", "ActionsAreaGraph":
	case "BoldNumber", "ActionsBarValue", "ActionsPie", "ActionsTable", "WorldMap":
		total = true
	default:
		return nil, notSupported("the display %s", strconv.Quote(query.TrendsFilter.Display))
	}
	base, err := q.begin(&query.common, "-7d")
	if err != nil {
		return nil, err
	}
	step, err := q.interval(query.Interval)
	if err != nil {
		return nil, err
	}
	by, err := query.BreakdownFilter.read()
	if err != nil {
		return nil, err
	}
	c := &chart{run: q, step: step, by: by, total: total, many: len(query.Series) > 1, hideOther: query.BreakdownFilter != nil && query.BreakdownFilter.HideOther}
	results, err := c.lines(&query, formula, base)
	if err != nil || query.CompareFilter == nil || !query.CompareFilter.Compare {
		return q.result(results), err
	}
	before := *q
	before.from, before.to = q.periodBefore(query.DateRange.DateFrom, query.DateRange.DateTo, query.Interval)
	earlier := *c
	earlier.run = &before
	previous, err := earlier.lines(&query, formula, base)
	if err != nil {
		return nil, err
	}
	for _, l := range results {
		l["compare"], l["compare_label"] = true, "current"
	}
	for _, l := range previous {
		l["compare"], l["compare_label"] = true, "previous"
	}
	return q.result(append(results, previous...)), nil
}

// lines computes all series over the chart's range.
func (c *chart) lines(query *trendsQuery, f *formula, base func(*data.Event) bool) ([]map[string]any, error) {
	c.from = c.step.start(c.run.from)
	if query.DateRange.ExplicitDate || c.total {
		c.from = c.run.from
	}
	var err error
	if c.buckets, err = c.step.buckets(c.run.from, c.run.to); err != nil {
		return nil, err
	}
	series := make([][]map[string]any, len(query.Series))
	for i := range query.Series {
		if series[i], err = c.series(&query.Series[i], i, base); err != nil {
			return nil, err
		}
	}
	if f != nil {
		return f.apply(series, c.total)
	}
	return slices.Concat(series...), nil
}

// chart is what the series of one trend share.
type chart struct {
	run       *run
	step      interval
	by        *breakdown
	buckets   []time.Time
	from      time.Time
	total     bool
	many      bool
	hideOther bool
}

// series computes the lines of one series: one, or one for each breakdown
// value, the largest first.
func (c *chart) series(node *eventsNode, order int, base func(*data.Event) bool) ([]map[string]any, error) {
	test, err := c.run.step(node)
	if err != nil {
		return nil, err
	}
	m, err := node.measure(c)
	if err != nil {
		return nil, err
	}
	groups, values := map[string][]*data.Event{}, []string{}
	for _, e := range c.run.events(c.from.AddDate(0, 0, -m.lookBack), c.run.to) {
		if !test(e) || !base(e) {
			continue
		}
		value := ""
		if c.by != nil {
			var has bool
			if value, has = c.by.of(e); !has || value == "" {
				value = breakdownNull
			}
		}
		if groups[value] == nil {
			values = append(values, value)
		}
		groups[value] = append(groups[value], e)
	}
	if c.by == nil {
		return []map[string]any{c.line(node, order, m, groups[""], nil)}, nil
	}
	values = c.limit(groups, values, m)
	lines := make([]map[string]any, 0, len(values))
	for i := range values {
		lines = append(lines, c.line(node, order, m, groups[values[i]], &values[i]))
	}
	return lines, nil
}

// limit orders the values by their size and joins those above the limit.
func (c *chart) limit(groups map[string][]*data.Event, values []string, m *measure) []string {
	size := map[string]float64{}
	for value, events := range groups {
		size[value] = sum(c.points(m, events))
	}
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(cmp.Compare(size[b], size[a]), cmp.Compare(a, b)) })
	if len(values) <= c.by.limit {
		return values
	}
	rest := []*data.Event{}
	for _, value := range values[c.by.limit:] {
		rest = append(rest, groups[value]...)
	}
	values = slices.Clone(values[:c.by.limit])
	if !c.hideOther {
		slices.SortFunc(rest, func(a, b *data.Event) int { return a.Timestamp.Compare(b.Timestamp) })
		groups[breakdownOther] = rest
		values = append(values, breakdownOther)
	}
	return values
}

// points gives the numbers of a line, or the one number of a total.
func (c *chart) points(m *measure, events []*data.Event) []float64 {
	if c.total {
		return []float64{m.value(events)}
	}
	if m.lookBack > 0 {
		return m.active(c, events)
	}
	per := make([][]*data.Event, len(c.buckets))
	for _, e := range events {
		if i := find(c.buckets, e.Timestamp); i >= 0 {
			per[i] = append(per[i], e)
		}
	}
	points := make([]float64, len(per))
	for i := range per {
		points[i] = m.value(per[i])
	}
	return points
}

func sum(list []float64) float64 {
	total := 0.0
	for _, x := range list {
		total += x
	}
	return total
}

// line formats one line of the chart.
func (c *chart) line(node *eventsNode, order int, m *measure, events []*data.Event, value *string) map[string]any {
	points := c.points(m, events)
	label := node.label()
	if node.CustomName != nil {
		label = *node.CustomName
	}
	action := map[string]any{
		"id": node.id(), "type": "events", "order": order, "name": node.label(), "custom_name": node.CustomName, "math": m.name,
		"math_property": emptyNull(node.MathProperty), "math_hogql": nil, "math_group_type_index": nil, "properties": map[string]any{},
	}
	line := map[string]any{"action": action, "order": order}
	if value != nil {
		line["breakdown_value"] = *value
		if c.many {
			label = fmt.Sprintf("%s - %s", label, *value)
		} else {
			label = *value
		}
	}
	line["label"] = label
	if c.total {
		line["data"], line["days"], line["count"], line["aggregated_value"] = []float64{}, []string{}, 0, points[0]
		return line
	}
	line["data"], line["count"] = points, sum(points)
	line["days"], line["labels"] = c.step.daysAndLabels(c.buckets)
	return line
}

func emptyNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// measure turns events into a number.
type measure struct {
	name     string
	lookBack int // days before, of weekly_active and monthly_active
	value    func([]*data.Event) float64
}

// measure reads the series' math.
func (n *eventsNode) measure(c *chart) (*measure, error) {
	m := &measure{name: n.Math}
	// In weeks and months the people of the last 7 or 30 days are those of the
	// interval itself, as at PostHog.
	unit := c.step.unit
	if n.Math == "weekly_active" && (unit == 'w' || unit == 'm') || n.Math == "monthly_active" && unit == 'm' {
		m.name = "dau"
	}
	switch m.name {
	case "", "total":
		m.name = "total"
		m.value = func(events []*data.Event) float64 { return float64(len(events)) }
		return m, nil
	case "dau":
		m.value = distinct(personID)
		return m, nil
	case "unique_session":
		m.value = distinct(func(e *data.Event) any { return e.SessionID })
		return m, nil
	case "weekly_active", "monthly_active":
		m.value = distinct(personID)
		if c.total {
			return nil, notSupported("the math %s as one total", strconv.Quote(n.Math))
		}
		if c.step.unit == 'h' {
			return nil, notSupported("the math %s by the hour", strconv.Quote(n.Math))
		}
		m.lookBack = 6
		if n.Math == "monthly_active" {
			m.lookBack = 29
		}
		return m, nil
	case "sum", "avg", "min", "max", "median", "p75", "p90", "p95", "p99":
	default:
		return nil, notSupported("the math %s", strconv.Quote(n.Math))
	}
	if n.MathProperty == "" {
		return nil, invalid("the math %q needs math_property", n.Math)
	}
	if n.MathPropertyType != "" && n.MathPropertyType != "event_properties" && n.MathPropertyType != "person_properties" {
		return nil, notSupported("the math_property_type %s", strconv.Quote(n.MathPropertyType))
	}
	m.value = func(events []*data.Event) float64 {
		x := reduce(n.Math, n.numbers(events))
		if math.IsNaN(x) {
			return 0
		}
		return x
	}
	return m, nil
}

// numbers reads the math property of the events that have it as a number.
func (n *eventsNode) numbers(events []*data.Event) []float64 {
	var list []float64
	for _, e := range events {
		properties := &e.Properties
		if n.MathPropertyType == "person_properties" {
			properties = &e.Person.Properties
		}
		v, _ := properties.Get(n.MathProperty)
		if x, ok := data.NumberOf(v); ok {
			list = append(list, x)
		}
	}
	return list
}

// reduce aggregates numbers; NaN when there are none.
func reduce(how string, list []float64) float64 {
	if len(list) == 0 {
		return math.NaN()
	}
	switch how {
	case "sum":
		return sum(list)
	case "avg":
		return mean(list)
	case "min":
		return slices.Min(list)
	case "max":
		return slices.Max(list)
	case "median":
		return quantile(list, 0.5)
	default: // p75 and the like
		level, _ := strconv.Atoi(how[1:])
		return quantile(list, float64(level)/100)
	}
}

func personID(e *data.Event) any { return e.Person.ID }

func distinct(of func(*data.Event) any) func([]*data.Event) float64 {
	return func(events []*data.Event) float64 {
		seen := map[any]struct{}{}
		for _, e := range events {
			if id := of(e); id != "" {
				seen[id] = struct{}{}
			}
		}
		return float64(len(seen))
	}
}

// active counts, for each bucket's first day, the people of that day and of
// the days before it that lookBack covers.
func (m *measure) active(c *chart, events []*data.Event) []float64 {
	points := make([]float64, len(c.buckets))
	for i, b := range c.buckets {
		from, to := b.AddDate(0, 0, -m.lookBack), b.AddDate(0, 0, 1)
		low, _ := slices.BinarySearchFunc(events, from, func(e *data.Event, t time.Time) int { return e.Timestamp.Compare(t) })
		high, _ := slices.BinarySearchFunc(events, to, func(e *data.Event, t time.Time) int { return e.Timestamp.Compare(t) })
		points[i] = m.value(events[low:high])
	}
	return points
}
