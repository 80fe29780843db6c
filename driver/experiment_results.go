package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// ExperimentResultsParams choose an experiment.
type ExperimentResultsParams struct {
	ID    int64 // required
	Fresh bool  // compute again even when PostHog has a recent answer
}

// ExperimentResultsResult has one entry per metric.
type ExperimentResultsResult struct {
	Experiment Experiment
	Metrics    []MetricResult
}

// MetricResult says how the variants did on one metric.
type MetricResult struct {
	Name     string
	Role     string // primary, secondary or shared
	Type     string // funnel, mean, ratio; or the legacy kind
	Goal     string // decrease when lower is better, else increase or empty
	Method   string // bayesian or frequentist
	Variants []VariantResult
	Summary  string // in plain words
	Problem  string // why there is no result; the other metrics may have one
}

// VariantResult is one variant's figures. Pointers are nil where PostHog gave
// no figure.
type VariantResult struct {
	Key         string
	Baseline    bool
	Samples     int64       // people exposed to the variant
	Sum         float64     // conversions, or the sum of the measured values
	Mean        *float64    // conversion rate for funnels (0 to 1), mean per person, or the ratio
	Delta       *float64    // relative change against the baseline: 0.12 is +12 %
	ChanceToWin *float64    // bayesian: 0 to 1
	PValue      *float64    // frequentist
	Interval    *[2]float64 // of Delta: credible (bayesian) or confidence (frequentist)
	Significant *bool
	Problems    []string // such as "not enough exposures"
}

// ExperimentResults computes an experiment's metrics, each with one query in
// the background, since they often take longer than PostHog lets a call wait.
// A draft has no results: KindInvalid. A metric that fails has its Problem, and
// the error is not nil only when all of them failed.
//
//posthog:operation GET /api/projects/:project_id/experiments/:id/
//posthog:operation POST /api/projects/:project_id/query/
//posthog:operation GET /api/projects/:project_id/query/:id/
//posthog:operation DELETE /api/projects/:project_id/query/:id/
func (c *Client) ExperimentResults(ctx context.Context, p ExperimentResultsParams) (ExperimentResultsResult, error) {
	const op = "get_experiment_results"
	if p.ID <= 0 {
		return ExperimentResultsResult{}, invalid(op, "id", fmt.Sprintf("experiment id %d", p.ID), "Give an id from get_experiments.")
	}
	ctx, cancel := c.withTotal(ctx) // of all metrics together
	defer cancel()
	e, err := c.experiment(ctx, op, p.ID)
	if err != nil {
		return ExperimentResultsResult{}, err
	}
	if e.Start.IsZero() {
		return ExperimentResultsResult{}, invalid(op, "id",
			fmt.Sprintf("experiment %d (%s) is a draft: it has not started, so it has no results", e.ID, cleanText(e.Name, 80)),
			"Start it in PostHog, or pick a running or finished one with get_experiments.")
	}
	if len(e.Metrics) == 0 {
		return ExperimentResultsResult{}, invalid(op, "id",
			fmt.Sprintf("experiment %d (%s) has no metrics", e.ID, cleanText(e.Name, 80)),
			"Add a metric to it in PostHog.")
	}
	refresh := "async"
	if p.Fresh {
		refresh = "force_async"
	}
	out := ExperimentResultsResult{Experiment: e, Metrics: make([]MetricResult, len(e.Metrics))}
	failures := make([]error, len(e.Metrics))
	var g errgroup.Group
	g.SetLimit(2) // of the project's three places: one stays free for a person's question
	for i, m := range e.Metrics {
		g.Go(func() error {
			out.Metrics[i], failures[i] = c.metricResult(ctx, op, e, m, refresh)
			return nil
		})
	}
	_ = g.Wait() // failures are kept per metric
	if err := ctx.Err(); err != nil {
		return ExperimentResultsResult{}, pollError(op, err, c.cfg.Timeouts.Total)
	}
	if !slices.Contains(failures, nil) {
		return ExperimentResultsResult{}, failures[0]
	}
	return out, nil
}

func (c *Client) metricResult(ctx context.Context, op string, e Experiment, m ExperimentMetric, refresh string) (MetricResult, error) {
	out := MetricResult{Name: m.Name, Role: m.Role, Type: m.Type, Goal: m.Goal}
	node, err := metricNode(op, e, m)
	var answer metricAnswer
	if err == nil {
		err = c.runNodeAsync(ctx, op, node, refresh, &answer)
	}
	if err != nil {
		out.Problem = errorDetail(err)
		if e, ok := errors.AsType[*Error](err); ok && e.Hint != "" {
			out.Problem += ". " + e.Hint
		}
		return out, err
	}
	out.Method, out.Variants = answer.read(m.Type)
	if len(out.Variants) == 0 {
		out.Problem = "PostHog answered without figures for any variant"
		return out, nil
	}
	out.Summary = conclude(out)
	return out, nil
}

// metricNode is the query for a metric: the metric verbatim inside an
// ExperimentQuery; the metrics of old experiments are queries themselves.
func metricNode(op string, e Experiment, m ExperimentMetric) (any, error) {
	if m.Type == "ExperimentTrendsQuery" || m.Type == "ExperimentFunnelsQuery" {
		node := map[string]any{}
		if err := decodeJSON(m.Query, &node); err != nil {
			return nil, &Error{Op: op, Kind: KindUpstream, Detail: "the metric is not a query", Err: err}
		}
		node["experiment_id"] = e.ID
		return node, nil
	}
	return map[string]any{"kind": "ExperimentQuery", "experiment_id": e.ID, "metric": m.Query}, nil
}

// metricAnswer is PostHog's answer in both forms: baseline and
// variant_results, or the older variants, probability and credible_intervals.
type metricAnswer struct {
	Baseline *variantStats  `json:"baseline"`
	Variants []variantStats `json:"variant_results"`

	LegacyVariants []struct {
		Key      string  `json:"key"`
		Count    float64 `json:"count"`
		Exposure float64 `json:"absolute_exposure"`
		Success  float64 `json:"success_count"`
		Failure  float64 `json:"failure_count"`
	} `json:"variants"`
	Probability map[string]float64    `json:"probability"`
	Significant *bool                 `json:"significant"`
	Intervals   map[string][2]float64 `json:"credible_intervals"`
}

type variantStats struct {
	Key            string      `json:"key"`
	Method         string      `json:"method"`
	Samples        int64       `json:"number_of_samples"`
	Sum            float64     `json:"sum"`
	DenominatorSum *float64    `json:"denominator_sum"`
	ChanceToWin    *float64    `json:"chance_to_win"`
	Credible       *[2]float64 `json:"credible_interval"`
	PValue         *float64    `json:"p_value"`
	Confidence     *[2]float64 `json:"confidence_interval"`
	Significant    *bool       `json:"significant"`
	Failures       []string    `json:"validation_failures"`
}

func (a metricAnswer) read(metricType string) (method string, out []VariantResult) {
	if a.Baseline == nil {
		return a.readLegacy()
	}
	out = append(out, a.Baseline.result(metricType))
	out[0].Baseline = true
	for _, v := range a.Variants {
		r := v.result(metricType)
		if method == "" {
			method = v.Method
		}
		r.Delta = relative(r.Mean, out[0].Mean)
		out = append(out, r)
	}
	return method, out
}

func (s variantStats) result(metricType string) VariantResult {
	r := VariantResult{
		Key: s.Key, Samples: s.Samples, Sum: s.Sum,
		ChanceToWin: s.ChanceToWin, PValue: s.PValue, Interval: s.Credible, Significant: s.Significant,
	}
	if s.Confidence != nil {
		r.Interval = s.Confidence
	}
	divisor := float64(s.Samples)
	if metricType == "ratio" && s.DenominatorSum != nil {
		divisor = *s.DenominatorSum
	}
	if divisor > 0 {
		mean := s.Sum / divisor
		r.Mean = &mean
	}
	for _, f := range s.Failures {
		r.Problems = append(r.Problems, strings.ReplaceAll(f, "-", " "))
	}
	return r
}

// readLegacy reads the answer for an old experiment. Its intervals are of the
// rate itself, not of the change, so they are left out.
func (a metricAnswer) readLegacy() (string, []VariantResult) {
	var out []VariantResult
	for _, v := range a.LegacyVariants {
		r := VariantResult{Key: v.Key, Baseline: v.Key == "control", Significant: a.Significant}
		if v.Success+v.Failure > 0 {
			r.Samples, r.Sum = int64(v.Success+v.Failure), v.Success
		} else {
			r.Samples, r.Sum = int64(v.Exposure), v.Count
		}
		if r.Samples > 0 {
			mean := r.Sum / float64(r.Samples)
			r.Mean = &mean
		}
		if p, ok := a.Probability[v.Key]; ok {
			r.ChanceToWin = &p
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(x, y VariantResult) int {
		switch {
		case x.Baseline == y.Baseline:
			return 0
		case x.Baseline:
			return -1
		}
		return 1
	})
	for i := range out {
		if out[0].Baseline && i > 0 {
			out[i].Delta = relative(out[i].Mean, out[0].Mean)
		}
	}
	return "bayesian", out
}

func relative(mean, base *float64) *float64 {
	if mean == nil || base == nil || *base == 0 {
		return nil
	}
	d := *mean / *base - 1
	return &d
}
