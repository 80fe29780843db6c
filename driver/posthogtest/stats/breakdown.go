package stats

import (
	"strconv"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// breakdownFilter splits a result by one property. A list of one is taken in
// either form that PostHog has for it.
type breakdownFilter struct {
	Breakdown     any                   `json:"breakdown"`
	BreakdownType string                `json:"breakdown_type"`
	Limit         *int                  `json:"breakdown_limit"`
	HideOther     bool                  `json:"breakdown_hide_other_aggregation"`
	Breakdowns    []breakdownOfProperty `json:"breakdowns"`
}

type breakdownOfProperty struct {
	Property string `json:"property"`
	Type     string `json:"type"`
}

// defaultBreakdownLimit is PostHog's: the rest is summed up as "other".
const defaultBreakdownLimit = 25

// breakdown reads one value off an event.
type breakdown struct {
	key    string
	person bool
	limit  int
}

// read gives nil when there is no breakdown.
func (f *breakdownFilter) read() (*breakdown, error) {
	if f == nil {
		return nil, nil
	}
	b := &breakdown{limit: defaultBreakdownLimit}
	kind := f.BreakdownType
	switch v := f.Breakdown.(type) {
	case nil:
		if len(f.Breakdowns) == 0 {
			return nil, nil
		}
		if len(f.Breakdowns) > 1 {
			return nil, notSupported("a breakdown by %d properties", len(f.Breakdowns))
		}
		b.key, kind = f.Breakdowns[0].Property, f.Breakdowns[0].Type
	case string:
		b.key = v
	case []any:
		key, ok := "", false
		if len(v) == 1 {
			key, ok = v[0].(string)
		}
		if !ok {
			return nil, notSupported("a breakdown by %d values", len(v))
		}
		b.key = key
	default:
		return nil, notSupported("the breakdown %v", v)
	}
	switch kind {
	case "", "event":
	case "person":
		b.person = true
	default:
		return nil, notSupported("the breakdown type %s", strconv.Quote(kind))
	}
	if f.Limit != nil {
		if *f.Limit < 1 || *f.Limit > 1000 {
			return nil, invalid("breakdown_limit is %d; give 1 to 1000", *f.Limit)
		}
		b.limit = *f.Limit
	}
	return b, nil
}

// of gives the event's value, false when it has none.
func (b *breakdown) of(e *data.Event) (string, bool) {
	properties := &e.Properties
	if b.person {
		properties = &e.Person.Properties
	}
	v, _ := properties.Get(b.key)
	return data.TextOf(v)
}
