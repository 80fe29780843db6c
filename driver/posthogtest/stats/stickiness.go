package stats

import (
	"fmt"
	"strconv"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

type stickinessQuery struct {
	common
	IntervalCount    *int `json:"intervalCount"`
	StickinessFilter struct {
		Display              string `json:"display"`
		ComputedAs           string `json:"computedAs"`
		StickinessCriteria   any    `json:"stickinessCriteria"`
		ShowLegend           any    `json:"showLegend"`
		ShowValuesOnSeries   any    `json:"showValuesOnSeries"`
		HiddenLegendIndexes  any    `json:"hiddenLegendIndexes"`
		ResultCustomizations any    `json:"resultCustomizations"`
	} `json:"stickinessFilter"`
}

// stickiness answers a StickinessQuery: how many people did it in exactly one
// interval, in two, and so on (or in at least so many, when cumulative).
func (q *run) stickiness() (map[string]any, error) {
	var query stickinessQuery
	if err := q.decode(&query); err != nil {
		return nil, err
	}
	if query.StickinessFilter.StickinessCriteria != nil {
		return nil, notSupported("stickinessCriteria")
	}
	if query.IntervalCount != nil && *query.IntervalCount != 1 {
		return nil, notSupported("the intervalCount %d", *query.IntervalCount)
	}
	cumulative := query.StickinessFilter.ComputedAs == "cumulative"
	if as := query.StickinessFilter.ComputedAs; !cumulative && as != "" && as != "non_cumulative" {
		return nil, invalid("computedAs is %q; give cumulative or non_cumulative", as)
	}
	if len(query.Series) == 0 {
		return nil, invalid("a stickiness needs at least one series")
	}
	base, err := q.begin(&query.common, "-7d")
	if err != nil {
		return nil, err
	}
	step, err := q.interval(query.Interval)
	if err != nil {
		return nil, err
	}
	buckets, err := step.buckets(q.from, q.to)
	if err != nil {
		return nil, err
	}
	results := []any{}
	for order := range query.Series {
		node := &query.Series[order]
		if node.Math != "" && node.Math != "dau" && node.Math != "total" {
			return nil, notSupported("the math %s of a stickiness", strconv.Quote(node.Math))
		}
		test, err := q.step(node)
		if err != nil {
			return nil, err
		}
		active, _, err := q.activity(buckets, q.events(buckets[0], q.to), func(e *data.Event) bool { return test(e) && base(e) })
		if err != nil {
			return nil, err
		}
		counts, days, labels := make([]int, len(buckets)), make([]int, len(buckets)), make([]string, len(buckets))
		for _, on := range active {
			n := 0
			for _, here := range on {
				if here {
					n++
				}
			}
			counts[n-1]++
		}
		for i := range buckets {
			days[i], labels[i] = i+1, fmt.Sprintf("%d %ss", i+1, step.name)
			if i == 0 {
				labels[i] = "1 " + step.name
			}
			if cumulative {
				labels[i] += " or more"
			}
		}
		if cumulative {
			for i := len(counts) - 2; i >= 0; i-- {
				counts[i] += counts[i+1]
			}
		}
		results = append(results, map[string]any{
			"count": len(active), "data": counts, "days": days, "label": node.label(), "labels": labels,
			"action": map[string]any{"order": order, "type": "events", "name": node.label(), "id": node.id()},
		})
	}
	return q.result(results), nil
}
