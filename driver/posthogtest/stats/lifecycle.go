package stats

import (
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

type lifecycleQuery struct {
	common
	LifecycleFilter struct {
		ShowLegend           any      `json:"showLegend"`
		ShowValuesOnSeries   any      `json:"showValuesOnSeries"`
		ToggledLifecycles    []string `json:"toggledLifecycles"`
		Stacked              any      `json:"stacked"`
		ResultCustomizations any      `json:"resultCustomizations"`
	} `json:"lifecycleFilter"`
}

// statuses of a lifecycle, in the order of the result.
func statuses() []string { return []string{"new", "returning", "resurrecting", "dormant"} }

// lifecycle answers a LifecycleQuery: for each interval how many people were
// new (first seen in it), returning (active in the one before as well),
// resurrecting (came back after a pause), and dormant (active before, not any
// more; a negative number).
func (q *run) lifecycle() (map[string]any, error) {
	var query lifecycleQuery
	if err := q.decode(&query); err != nil {
		return nil, err
	}
	if len(query.Series) != 1 {
		return nil, invalid("a lifecycle needs exactly one series, not %d", len(query.Series))
	}
	base, err := q.begin(&query.common, "-7d")
	if err != nil {
		return nil, err
	}
	step, err := q.interval(query.Interval)
	if err != nil {
		return nil, err
	}
	node := &query.Series[0]
	if node.Math != "" && node.Math != "total" {
		return nil, notSupported("the math %s of a lifecycle", strconv.Quote(node.Math))
	}
	test, err := q.step(node)
	if err != nil {
		return nil, err
	}
	buckets, err := step.buckets(q.from, q.to)
	if err != nil {
		return nil, err
	}
	before := step.add(buckets[0], -1)
	end := step.add(buckets[len(buckets)-1], 1).Add(-time.Microsecond)
	active, created, err := q.activity(append([]time.Time{before}, buckets...), q.events(before, end), func(e *data.Event) bool { return test(e) && base(e) && hasProfile(e) })
	if err != nil {
		return nil, err
	}
	counts := map[string][]float64{}
	for _, status := range statuses() {
		counts[status] = make([]float64, len(buckets))
	}
	for id, on := range active {
		previous := -2 // the index of the active interval before; -2 for long ago
		if start := step.start(created[id]); !start.Before(before) {
			previous = find(append([]time.Time{before}, buckets...), start)
		}
		first := true
		for i, here := range on {
			switch {
			case here && i > 0:
				counts[status(i, previous, first)][i-1]++
			case !here && i > 0 && on[i-1]:
				counts["dormant"][i-1]--
			}
			if here {
				previous, first = i, false
			}
		}
	}
	results := []any{}
	days, labels := step.daysAndLabels(buckets)
	for _, status := range statuses() {
		results = append(results, map[string]any{
			"action": map[string]any{"id": node.id(), "name": node.label(), "type": "events", "order": 0, "math": "total"},
			"label":  fmt.Sprintf("%s - %s", node.label(), status), "status": status,
			"data": counts[status], "count": sum(counts[status]), "days": days, "labels": labels,
		})
	}
	return q.result(results), nil
}

// status of an active interval i. Before somebody's first activity, their
// previous interval is the one they were created in.
func status(i, previous int, first bool) string {
	switch {
	case first && previous == i:
		return "new"
	case previous == i-1:
		return "returning"
	}
	return "resurrecting"
}

// hasProfile is false for events that were sent without a person profile.
func hasProfile(e *data.Event) bool {
	v, _ := e.Properties.Get("$process_person_profile")
	return v != false
}

// activity gives, for each person, in which buckets they have an event that
// passes, and when they were created.
func (q *run) activity(buckets []time.Time, events []*data.Event, test func(*data.Event) bool) (active map[uuid.UUID][]bool, created map[uuid.UUID]time.Time, err error) {
	active, created = map[uuid.UUID][]bool{}, map[uuid.UUID]time.Time{}
	for _, e := range events {
		if err := q.ctx.Err(); err != nil {
			return nil, nil, err
		}
		if !test(e) {
			continue
		}
		id := e.Person.ID
		if active[id] == nil {
			active[id], created[id] = make([]bool, len(buckets)), e.Person.CreatedAt
		}
		if i := find(buckets, e.Timestamp); i >= 0 {
			active[id][i] = true
		}
	}
	return active, created, nil
}
