package stats

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

type experimentQuery struct {
	ignored
	ExperimentID int64           `json:"experiment_id"`
	Metric       json.RawMessage `json:"metric"`
}

// experimentMetric is one metric as an experiment has it.
type experimentMetric struct {
	ignored
	UUID             any          `json:"uuid"`
	Goal             string       `json:"goal"`
	MetricType       string       `json:"metric_type"`
	Series           []eventsNode `json:"series"`
	Source           *eventsNode  `json:"source"`
	FunnelOrderType  string       `json:"funnel_order_type"`
	ConversionWindow *float64     `json:"conversion_window"`
	WindowUnit       string       `json:"conversion_window_unit"`
}

// exposure is when a person first saw which variant.
type exposure struct {
	variant string
	at      time.Time
}

// find gives the experiment and sets the range to its life until now.
func (q *run) findExperiment(id int64) (*data.Experiment, error) {
	e := q.store.Experiment(id)
	if e == nil {
		return nil, invalid("experiment %d does not exist", id)
	}
	if e.StartDate == nil {
		return nil, invalid("Experiment has no start date: launch it before asking for results")
	}
	q.from, q.to = *e.StartDate, q.snap.Now
	if e.EndDate != nil {
		q.to = *e.EndDate
	}
	return e, nil
}

// exposed finds each person's first exposure. Someone who saw several variants
// is left out of the comparison, as PostHog does by default, and counted as
// $multiple.
func (q *run) exposed(e *data.Experiment) (people map[uuid.UUID]exposure, order []uuid.UUID, err error) {
	var criteria struct {
		FilterTestAccounts bool            `json:"filterTestAccounts"`
		Handling           string          `json:"multiple_variant_handling"`
		Config             json.RawMessage `json:"exposure_config"`
	}
	if err := decodeStrict("exposure_criteria", e.ExposureCriteria, &criteria); err != nil {
		return nil, nil, err
	}
	if len(criteria.Config) > 0 {
		return nil, nil, notSupported("exposure_config")
	}
	if criteria.Handling != "" && criteria.Handling != "exclude" && criteria.Handling != "first_seen" {
		return nil, nil, notSupported("multiple_variant_handling %s", strconv.Quote(criteria.Handling))
	}
	match, err := q.filter(nil, criteria.FilterTestAccounts)
	if err != nil {
		return nil, nil, err
	}
	people = map[uuid.UUID]exposure{}
	for _, ev := range q.events(q.from, q.to) {
		if ev.Event != "$feature_flag_called" {
			continue
		}
		flag, _ := ev.Properties.Get("$feature_flag")
		response, _ := ev.Properties.Get("$feature_flag_response")
		variant, _ := data.TextOf(response)
		if flag != e.FeatureFlagKey || !slices.ContainsFunc(e.Parameters.FeatureFlagVariants, func(v data.FlagVariant) bool { return v.Key == variant }) || !match(ev) {
			continue
		}
		first, seen := people[ev.Person.ID]
		switch {
		case !seen:
			people[ev.Person.ID] = exposure{variant: variant, at: ev.Timestamp}
			order = append(order, ev.Person.ID)
		case first.variant != variant && criteria.Handling != "first_seen":
			first.variant = multipleVariants
			people[ev.Person.ID] = first
		}
	}
	return people, order, q.ctx.Err()
}

// multipleVariants is the variant of people who saw more than one.
const multipleVariants = "$multiple"

// experiment answers an ExperimentQuery: one metric of one experiment, each
// variant against the first (control).
func (q *run) experiment() (map[string]any, error) {
	var query experimentQuery
	if err := q.decode(&query); err != nil {
		return nil, err
	}
	e, err := q.findExperiment(query.ExperimentID)
	if err != nil {
		return nil, err
	}
	var metric experimentMetric
	if err := decodeStrict("ExperimentMetric", query.Metric, &metric); err != nil {
		return nil, err
	}
	var config struct {
		Method string `json:"method"`
	}
	if err := decodeStrict("stats_config", e.StatsConfig, &config); err != nil {
		return nil, err
	}
	if config.Method != "" && config.Method != "bayesian" {
		return nil, notSupported("the stats method %s", strconv.Quote(config.Method))
	}
	people, order, err := q.exposed(e)
	if err != nil {
		return nil, err
	}
	value, steps, err := q.metric(&metric, people)
	if err != nil {
		return nil, err
	}
	samples, reached := map[string]*sample{}, map[string][]int{}
	for _, v := range e.Parameters.FeatureFlagVariants {
		samples[v.Key], reached[v.Key] = &sample{}, make([]int, steps)
	}
	for _, id := range order {
		s := samples[people[id].variant]
		if s == nil {
			continue
		}
		x, depth := value(id)
		s.add(x)
		for i := range depth {
			reached[people[id].variant][i]++
		}
	}
	return experimentResult(&query, e, samples, reached, steps > 0), nil
}

func experimentResult(query *experimentQuery, e *data.Experiment, samples map[string]*sample, reached map[string][]int, share bool) map[string]any {
	row := func(key string, baseline bool) map[string]any {
		s := samples[key]
		r := map[string]any{"key": key, "number_of_samples": s.n, "sum": s.sum, "sum_squares": s.sumSquares, "validation_failures": s.failures(share, baseline)}
		if share {
			r["step_counts"] = reached[key]
		}
		return r
	}
	variants := e.Parameters.FeatureFlagVariants
	control := variants[0].Key
	if i := slices.IndexFunc(variants, func(v data.FlagVariant) bool { return v.Key == data.VariantControl }); i >= 0 {
		control = variants[i].Key
	}
	results := []any{}
	for _, v := range variants {
		if v.Key == control {
			continue
		}
		r := row(v.Key, false)
		r["method"] = "bayesian"
		if len(samples[control].failures(share, true)) == 0 && len(samples[v.Key].failures(share, false)) == 0 {
			verdict := compare(samples[control], samples[v.Key], share)
			r["chance_to_win"], r["credible_interval"], r["significant"] = verdict.chanceToWin, []float64{verdict.low, verdict.high}, verdict.significant()
		} else {
			r["chance_to_win"], r["credible_interval"], r["significant"] = nil, nil, false
		}
		results = append(results, r)
	}
	return map[string]any{"kind": "ExperimentQuery", "metric": query.Metric, "baseline": row(control, true), "variant_results": results}
}

// metric gives a function from an exposed person to their value and, for a
// funnel, how many of its steps they did after the exposure. Steps is zero for
// a mean.
func (q *run) metric(m *experimentMetric, people map[uuid.UUID]exposure) (value func(uuid.UUID) (float64, int), steps int, err error) {
	window := 100 * 365 * 24 * time.Hour
	if m.ConversionWindow != nil {
		if window, err = (&funnelsFilter{WindowInterval: m.ConversionWindow, WindowIntervalUnit: m.WindowUnit}).window(); err != nil {
			return nil, 0, err
		}
	}
	switch m.MetricType {
	case "funnel":
		if len(m.Series) == 0 {
			return nil, 0, invalid("a funnel metric needs a series")
		}
		value, err = q.funnelMetric(m, people, window)
		return value, len(m.Series), err
	case "mean":
		if m.Source == nil {
			return nil, 0, invalid("a mean metric needs a source")
		}
		value, err = q.meanMetric(m.Source, people, window)
		return value, 0, err
	}
	return nil, 0, notSupported("the metric_type %s", strconv.Quote(m.MetricType))
}

// after calls each with the events that exposed people did from their
// exposure on, within the window.
func (q *run) after(people map[uuid.UUID]exposure, window time.Duration, test func(*data.Event) bool, each func(*data.Event)) error {
	for _, e := range q.events(q.from, q.to) {
		if err := q.ctx.Err(); err != nil {
			return err
		}
		seen, ok := people[e.Person.ID]
		if ok && !e.Timestamp.Before(seen.at) && e.Timestamp.Sub(seen.at) <= window && test(e) {
			each(e)
		}
	}
	return nil
}

func (q *run) funnelMetric(m *experimentMetric, people map[uuid.UUID]exposure, window time.Duration) (func(uuid.UUID) (float64, int), error) {
	if m.FunnelOrderType != "" && m.FunnelOrderType != "ordered" && m.FunnelOrderType != "unordered" {
		return nil, notSupported("funnel_order_type %s", strconv.Quote(m.FunnelOrderType))
	}
	tests := make([]func(*data.Event) bool, len(m.Series))
	for i := range m.Series {
		var err error
		if tests[i], err = q.step(&m.Series[i]); err != nil {
			return nil, err
		}
	}
	hits := map[uuid.UUID][]hit{}
	err := q.after(people, window, func(*data.Event) bool { return true }, func(e *data.Event) {
		var steps []int
		for i, test := range tests {
			if test(e) {
				steps = append(steps, i+1)
			}
		}
		if len(steps) > 0 {
			hits[e.Person.ID] = append(hits[e.Person.ID], hit{at: e.Timestamp, steps: steps})
		}
	})
	return func(id uuid.UUID) (float64, int) {
		w := walkOne(m.FunnelOrderType, hits[id], len(tests), window)
		if w.steps == len(tests) {
			return 1, w.steps
		}
		return 0, w.steps
	}, err
}

func (q *run) meanMetric(source *eventsNode, people map[uuid.UUID]exposure, window time.Duration) (func(uuid.UUID) (float64, int), error) {
	test, err := q.step(source)
	if err != nil {
		return nil, err
	}
	measure, err := source.measure(&chart{run: q, step: interval{unit: 'd'}, total: true})
	if err != nil {
		return nil, err
	}
	did := map[uuid.UUID][]*data.Event{}
	err = q.after(people, window, test, func(e *data.Event) { did[e.Person.ID] = append(did[e.Person.ID], e) })
	return func(id uuid.UUID) (float64, int) { return measure.value(did[id]), 0 }, err
}

// exposures answers an ExperimentExposureQuery: people by variant, day by day
// and in total.
func (q *run) exposures() (map[string]any, error) {
	var query struct {
		ignored
		ExperimentID     int64           `json:"experiment_id"`
		ExperimentName   json.RawMessage `json:"experiment_name"`
		FeatureFlag      json.RawMessage `json:"feature_flag"`
		StartDate        json.RawMessage `json:"start_date"`
		EndDate          json.RawMessage `json:"end_date"`
		ExposureCriteria json.RawMessage `json:"exposure_criteria"`
		Holdout          json.RawMessage `json:"holdout"`
	}
	if err := q.decode(&query); err != nil {
		return nil, err
	}
	e, err := q.findExperiment(query.ExperimentID)
	if err != nil {
		return nil, err
	}
	people, _, err := q.exposed(e)
	if err != nil {
		return nil, err
	}
	step, err := q.interval("day")
	if err != nil {
		return nil, err
	}
	buckets, err := step.buckets(q.from, q.to)
	if err != nil {
		return nil, err
	}
	counts, totals := map[string][]int{}, map[string]int{}
	for _, seen := range people {
		if counts[seen.variant] == nil {
			counts[seen.variant] = make([]int, len(buckets))
		}
		counts[seen.variant][find(buckets, seen.at)]++
		totals[seen.variant]++
	}
	days, _ := step.daysAndLabels(buckets)
	series := []any{}
	variants := slices.Clone(e.Parameters.FeatureFlagVariants)
	for _, v := range append(variants, data.FlagVariant{Key: multipleVariants}) {
		list := counts[v.Key]
		if list == nil {
			continue
		}
		for i := 1; i < len(list); i++ {
			list[i] += list[i-1]
		}
		series = append(series, map[string]any{"variant": v.Key, "days": days, "exposure_counts": list})
	}
	return map[string]any{
		"kind": "ExperimentExposureQuery", "timeseries": series, "total_exposures": totals,
		"date_range": map[string]any{"date_from": stamp(q.from), "date_to": stamp(q.to)},
	}, nil
}
