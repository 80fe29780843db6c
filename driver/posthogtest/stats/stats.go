// Package stats answers PostHog's native analysis queries (funnels, trends,
// retention, lifecycle, stickiness, paths, error tracking, experiments) over the
// embedded PostHog's data.
//
// Each analysis is written plainly from PostHog's documented behaviour, apart
// from the HogQL engine, so that the two can be held against each other. What
// a query asks for and the demo does not do is refused by name with a
// [data.NotSupportedError]; it is never answered by a number that would be
// wrong.
package stats

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// InvalidError says that a query node cannot be read; PostHog answers such a
// node with 400.
type InvalidError struct{ Detail string }

// Error gives the detail.
func (e *InvalidError) Error() string { return e.Detail }

func invalid(format string, args ...any) error {
	return &InvalidError{Detail: fmt.Sprintf(format, args...)}
}

func notSupported(format string, args ...any) error {
	return &data.NotSupportedError{What: fmt.Sprintf(format, args...)}
}

// Run answers one query node: FunnelsQuery, TrendsQuery, RetentionQuery,
// LifecycleQuery, StickinessQuery, PathsQuery, ErrorTrackingQuery,
// ExperimentQuery or ExperimentExposureQuery, bare or inside an InsightVizNode. The result has
// the keys of the query endpoint's answer for that kind, without those of its
// cache. The store gives what is not in the snapshot: settings, experiments
// and issues.
//
// The error is an [InvalidError], a [data.NotSupportedError] or the context's.
func Run(ctx context.Context, snap *data.Snapshot, store *data.Store, node json.RawMessage) (map[string]any, error) {
	var head struct {
		Kind   string          `json:"kind"`
		Source json.RawMessage `json:"source"`
	}
	if err := json.Unmarshal(node, &head); err != nil {
		return nil, invalid("the query is not a JSON object: %v", err)
	}
	q := &run{ctx: ctx, snap: snap, store: store, kind: head.Kind, node: node}
	switch head.Kind {
	case "InsightVizNode":
		if len(head.Source) == 0 {
			return nil, invalid("InsightVizNode has no source")
		}
		return Run(ctx, snap, store, head.Source)
	case "FunnelsQuery":
		return q.funnel()
	case "TrendsQuery":
		return q.trends()
	case "RetentionQuery":
		return q.retention()
	case "LifecycleQuery":
		return q.lifecycle()
	case "StickinessQuery":
		return q.stickiness()
	case "PathsQuery":
		return q.paths()
	case "ErrorTrackingQuery":
		return q.errorTracking()
	case "ExperimentQuery":
		return q.experiment()
	case "ExperimentExposureQuery":
		return q.exposures()
	case "":
		return nil, invalid("the query has no kind")
	}
	return nil, notSupported("the query kind %s", strconv.Quote(head.Kind))
}

// run is one query being answered.
type run struct {
	ctx   context.Context //nolint:containedctx // lives for one call
	snap  *data.Snapshot
	store *data.Store
	kind  string
	node  json.RawMessage

	from, to time.Time // both inclusive; zero from is "all"
}

// ignored are fields that change nothing here: labels and the like.
type ignored struct {
	Kind      json.RawMessage `json:"kind"`
	Name      json.RawMessage `json:"name"`
	Tags      json.RawMessage `json:"tags"`
	Version   json.RawMessage `json:"version"`
	Modifiers json.RawMessage `json:"modifiers"`
	Response  json.RawMessage `json:"response"`
}

// common are the fields that the insight queries share.
type common struct {
	ignored
	Series             []eventsNode    `json:"series"`
	DateRange          dateRange       `json:"dateRange"`
	Properties         json.RawMessage `json:"properties"`
	FilterTestAccounts bool            `json:"filterTestAccounts"`
	Interval           string          `json:"interval"`
	SamplingFactor     *float64        `json:"samplingFactor"`
}

type dateRange struct {
	DateFrom     *string `json:"date_from"`
	DateTo       *string `json:"date_to"`
	ExplicitDate bool    `json:"explicitDate"`
}

// eventsNode is one series or step. A nil Event is every event.
type eventsNode struct {
	Kind             string          `json:"kind"`
	Event            *string         `json:"event"`
	Name             *string         `json:"name"`
	CustomName       *string         `json:"custom_name"`
	Properties       json.RawMessage `json:"properties"`
	FixedProperties  json.RawMessage `json:"fixedProperties"`
	Math             string          `json:"math"`
	MathProperty     string          `json:"math_property"`
	MathPropertyType string          `json:"math_property_type"`
	Version          json.RawMessage `json:"version"`
}

// label is the series' name in results.
func (n *eventsNode) label() string {
	if n.Event == nil {
		return "All events"
	}
	return *n.Event
}

// id is the series' event, or nil.
func (n *eventsNode) id() any {
	if n.Event == nil {
		return nil
	}
	return *n.Event
}

// decode reads the node strictly: null fields count as absent, and a field
// that this package does not know is refused by name, for it might change the
// answer.
func (q *run) decode(into any) error {
	return decodeStrict(q.kind, q.node, into)
}

func decodeStrict(kind string, raw json.RawMessage, into any) error {
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return invalid("%s is not JSON: %v", kind, err)
	}
	clean, err := json.Marshal(withoutNulls(tree))
	if err != nil {
		return invalid("%s is not JSON: %v", kind, err)
	}
	d := json.NewDecoder(bytes.NewReader(clean))
	d.DisallowUnknownFields()
	err = d.Decode(into)
	if err == nil {
		return nil
	}
	if _, field, found := strings.Cut(err.Error(), "unknown field "); found {
		return notSupported("the field %s of %s", field, kind)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return invalid("%s: the field %q must not be a %s", kind, wrong.Field, wrong.Value)
	}
	return invalid("%s: %v", kind, err)
}

func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if value == nil {
				delete(v, key)
			} else {
				v[key] = withoutNulls(value)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i])
		}
	}
	return v
}

// begin checks the shared fields and gives the filter that every event has to
// pass: the query's properties and, when asked, the test-account filters.
func (q *run) begin(c *common, defaultFrom string) (func(*data.Event) bool, error) {
	if c.SamplingFactor != nil && *c.SamplingFactor != 1 {
		return nil, notSupported("the samplingFactor %v", *c.SamplingFactor)
	}
	if err := q.period(&c.DateRange, c.Interval, defaultFrom); err != nil {
		return nil, err
	}
	return q.filter(c.Properties, c.FilterTestAccounts)
}

func (q *run) filter(properties json.RawMessage, withoutTestAccounts bool) (func(*data.Event) bool, error) {
	match, err := q.properties(properties)
	if err != nil || !withoutTestAccounts {
		return match, err
	}
	customers, err := q.snap.EventMatcher(q.store.Project().TestAccountFilters)
	if err != nil {
		return nil, err
	}
	return func(e *data.Event) bool { return match(e) && customers(e) }, nil
}

// step gives the filter of one series or step.
func (q *run) step(n *eventsNode) (func(*data.Event) bool, error) {
	if n.Kind != "EventsNode" && n.Kind != "" {
		return nil, notSupported("the series kind %s", strconv.Quote(n.Kind))
	}
	own, err := q.properties(n.Properties)
	if err != nil {
		return nil, err
	}
	fixed, err := q.properties(n.FixedProperties)
	if err != nil {
		return nil, err
	}
	if n.Event == nil {
		return func(e *data.Event) bool { return own(e) && fixed(e) }, nil
	}
	name := *n.Event
	return func(e *data.Event) bool { return e.Event == name && own(e) && fixed(e) }, nil
}

// propertyGroup is a leaf filter or a group of them.
type propertyGroup struct {
	data.PropertyFilter
	Label           json.RawMessage   `json:"label"`
	CohortName      json.RawMessage   `json:"cohort_name"`
	GroupTypeIndex  json.RawMessage   `json:"group_type_index"`
	GroupValues     []json.RawMessage `json:"values"`
	GroupKeyPresent json.RawMessage   `json:"group_key_names"`
}

// properties compiles a properties field: a list of leaves or groups (all must
// pass), or one group with type AND or OR.
func (q *run) properties(raw json.RawMessage) (func(*data.Event) bool, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) || bytes.Equal(raw, []byte("{}")) {
		return func(*data.Event) bool { return true }, nil
	}
	if raw[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, invalid("properties: %v", err)
		}
		return q.group("AND", list)
	}
	var g propertyGroup
	if err := decodeStrict("a property filter", raw, &g); err != nil {
		return nil, err
	}
	if g.Type == "AND" || g.Type == "OR" {
		return q.group(g.Type, g.GroupValues)
	}
	if g.Key == "" {
		return nil, invalid("a property filter needs a key")
	}
	match, err := q.snap.EventMatcher([]data.PropertyFilter{g.PropertyFilter})
	if _, is := errors.AsType[*data.NotSupportedError](err); err != nil && !is {
		return nil, invalid("%v", err)
	}
	return match, err
}

func (q *run) group(kind string, list []json.RawMessage) (func(*data.Event) bool, error) {
	tests := make([]func(*data.Event) bool, len(list))
	for i, raw := range list {
		var err error
		if tests[i], err = q.properties(raw); err != nil {
			return nil, err
		}
	}
	want := kind == "OR" && len(tests) > 0 // any that passes decides; else any that fails
	return func(e *data.Event) bool {
		for _, test := range tests {
			if test(e) == want {
				return want
			}
		}
		return !want
	}, nil
}
