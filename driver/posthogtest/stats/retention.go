package stats

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

type retentionQuery struct {
	common
	RetentionFilter struct {
		Period             string           `json:"period"`
		TotalIntervals     *int             `json:"totalIntervals"`
		RetentionType      string           `json:"retentionType"`
		RetentionReference string           `json:"retentionReference"`
		TargetEntity       *retentionEntity `json:"targetEntity"`
		ReturningEntity    *retentionEntity `json:"returningEntity"`
		Cumulative         bool             `json:"cumulative"`
		TimeWindowMode     string           `json:"timeWindowMode"`
		MeanCalculation    any              `json:"meanRetentionCalculation"`
		Display            any              `json:"display"`
		DashboardDisplay   any              `json:"dashboardDisplay"`
		ShowTrendLines     any              `json:"showTrendLines"`
	} `json:"retentionFilter"`
	BreakdownFilter *breakdownFilter `json:"breakdownFilter"`
}

// retentionEntity is the event that begins, or that counts as coming back.
type retentionEntity struct {
	ID         *string         `json:"id"`
	Type       string          `json:"type"`
	Kind       string          `json:"kind"`
	Name       *string         `json:"name"`
	CustomName *string         `json:"custom_name"`
	Order      any             `json:"order"`
	UUID       any             `json:"uuid"`
	Properties json.RawMessage `json:"properties"`
}

// defaultTotalIntervals is PostHog's.
const defaultTotalIntervals = 7

func (q *run) entity(e *retentionEntity) (func(*data.Event) bool, error) {
	pageview := "$pageview"
	if e == nil {
		return q.step(&eventsNode{Kind: "EventsNode", Event: &pageview})
	}
	if e.Type != "" && e.Type != "events" {
		return nil, notSupported("the retention entity type %s", strconv.Quote(e.Type))
	}
	return q.step(&eventsNode{Kind: "EventsNode", Event: e.ID, Properties: e.Properties})
}

// retention answers a RetentionQuery: for each interval the people who began
// in it, and how many of them came back in each later interval. Rows are a
// triangle: nobody is counted in an interval that has not begun.
func (q *run) retention() (map[string]any, error) {
	var query retentionQuery
	if err := q.decode(&query); err != nil {
		return nil, err
	}
	filter := &query.RetentionFilter
	firstTime := filter.RetentionType == "retention_first_time"
	switch {
	case filter.Cumulative:
		return nil, notSupported("cumulative retention")
	case filter.TimeWindowMode != "" && filter.TimeWindowMode != "strict_calendar_dates":
		return nil, notSupported("the timeWindowMode %s", strconv.Quote(filter.TimeWindowMode))
	case !firstTime && filter.RetentionType != "" && filter.RetentionType != "retention_recurring":
		return nil, notSupported("the retentionType %s", strconv.Quote(filter.RetentionType))
	case query.BreakdownFilter != nil:
		return nil, notSupported("a retention breakdown")
	}
	total := defaultTotalIntervals
	if filter.TotalIntervals != nil {
		total = *filter.TotalIntervals
	}
	if total < 1 || total > 100 {
		return nil, invalid("totalIntervals is %d; give 1 to 100", total)
	}
	step, err := q.interval(strings.ToLower(filter.Period))
	if err != nil {
		return nil, err
	}
	// Without date_from the rows end with the present interval; the default
	// only has to be a date that exists.
	base, err := q.begin(&query.common, "dStart")
	if err != nil {
		return nil, err
	}
	if query.DateRange.DateFrom == nil || *query.DateRange.DateFrom == "" {
		q.from = step.add(step.start(q.to), 1-total)
	}
	buckets, err := step.buckets(q.from, q.to)
	if err != nil {
		return nil, err
	}
	q.from = buckets[0]
	begins, err := q.entity(filter.TargetEntity)
	if err != nil {
		return nil, err
	}
	returns, err := q.entity(filter.ReturningEntity)
	if err != nil {
		return nil, err
	}
	in := q.events(buckets[0], q.to)
	began, _, err := q.activity(buckets, in, func(e *data.Event) bool { return begins(e) && base(e) })
	if err != nil {
		return nil, err
	}
	if firstTime {
		q.keepFirst(began, buckets[0], func(e *data.Event) bool { return begins(e) && base(e) })
	}
	came, _, err := q.activity(buckets, in, func(e *data.Event) bool { return returns(e) && base(e) })
	if err != nil {
		return nil, err
	}
	period := strings.ToUpper(step.name[:1]) + step.name[1:]
	results := make([]any, len(buckets))
	for row, start := range buckets {
		counts := make([]int, min(total, len(buckets)-row))
		for id, on := range began {
			if !on[row] {
				continue
			}
			counts[0]++
			for k := 1; k < len(counts); k++ {
				if back := came[id]; back != nil && back[row+k] {
					counts[k]++
				}
			}
		}
		values := make([]any, len(counts))
		for k, n := range counts {
			values[k] = map[string]any{"count": n, "label": fmt.Sprintf("%s %d", period, k)}
		}
		results[row] = map[string]any{"date": stamp(start), "label": fmt.Sprintf("%s %d", period, row), "values": values}
	}
	return q.result(results), nil
}

// keepFirst leaves each person only the interval of the first time ever: none
// when that was before the range.
func (q *run) keepFirst(began map[uuid.UUID][]bool, start time.Time, test func(*data.Event) bool) {
	for _, e := range q.snap.Events {
		if !e.Timestamp.Before(start) {
			break
		}
		if began[e.Person.ID] != nil && test(e) {
			delete(began, e.Person.ID)
		}
	}
	for _, on := range began {
		if first := slices.Index(on, true); first >= 0 {
			clear(on[first+1:])
		}
	}
}
