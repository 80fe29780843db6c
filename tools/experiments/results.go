package experiments

import (
	"context"
	"fmt"
	"math"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// ResultsIn are the arguments of get_experiment_results.
type ResultsIn struct {
	ID    int64 `json:"id" jsonschema:"Experiment id from get_experiments" min:"1" example:"12"`
	Fresh bool  `json:"fresh,omitempty" jsonschema:"Compute anew, past PostHog's cache"`
}

// ResultsOut is the answer of get_experiment_results: a row per metric and
// variant, and what the figures allow to say.
type ResultsOut struct {
	Experiment string   `json:"experiment" jsonschema:"Name, state and dates"`
	Findings   []string `json:"findings" jsonschema:"Per metric, in plain words"`
	tools.Table

	notices []string
}

// Notices tells which metrics have no result.
func (o *ResultsOut) Notices() []string { return o.notices }

func getExperimentResults() tools.Tool {
	return tools.Op[ResultsIn, ResultsOut]{
		Name: "get_experiment_results", Title: "Get experiment results",
		Doc: "Computes a started experiment's results: per metric and variant the sample size, rate or mean, change against the baseline, " +
			"chance to win or p-value, and significance, with a plain finding. Drafts have none.",
		Effect: tools.Reads, Scopes: []string{"experiment:read", "query:read"}, Class: driver.ClassQuery,
		Examples: []string{`{"id":12}`},
		Run: func(ctx context.Context, ph *driver.Client, in ResultsIn) (ResultsOut, error) {
			res, err := ph.ExperimentResults(ctx, driver.ExperimentResultsParams{ID: in.ID, Fresh: in.Fresh})
			if err != nil {
				return ResultsOut{}, err
			}
			return resultsOut(res), nil
		},
	}
}

func resultsOut(res driver.ExperimentResultsResult) ResultsOut {
	e := res.Experiment
	out := ResultsOut{Experiment: fmt.Sprintf("%s (%s, since %s)", e.Name, e.Status, e.Start.UTC().Format("2006-01-02"))}
	if !e.End.IsZero() {
		out.Experiment = fmt.Sprintf("%s (%s, %s to %s)", e.Name, e.Status, e.Start.UTC().Format("2006-01-02"), e.End.UTC().Format("2006-01-02"))
	}
	var rows [][]any
	missing := 0
	for _, m := range res.Metrics {
		label := m.Name
		if m.Role != "primary" {
			label += " (" + m.Role + ")"
		}
		if m.Problem != "" {
			// A finding and no notice: the text is not all ours.
			out.Findings = append(out.Findings, label+": no result. "+m.Problem)
			missing++
			continue
		}
		out.Findings = append(out.Findings, label+": "+m.Summary)
		for _, v := range m.Variants {
			key := v.Key
			if v.Baseline {
				key += " (baseline)"
			}
			evidence := v.ChanceToWin
			if m.Method == "frequentist" {
				evidence = v.PValue
			}
			rows = append(rows, []any{label, key, v.Samples, v.Sum, figure(v.Mean), figure(v.Delta), figure(evidence), interval(v.Interval), verdict(v)})
		}
	}
	out.Table = tools.NewTable([]string{"metric", "variant", "people", "sum", "mean", "change", evidenceName(res.Metrics), "interval_of_change", "significant"}, rows)
	if missing > 0 {
		out.notices = append(out.notices, fmt.Sprintf("%d of %d metrics have no result; see findings.", missing, len(res.Metrics)))
	}
	out.Units = "mean: rate 0-1 for funnels, else per person; change and interval relative to the baseline (0.1 = +10 %)"
	return out
}

// evidenceName names the column after the method; PostHog uses one method for
// a whole experiment.
func evidenceName(metrics []driver.MetricResult) string {
	for _, m := range metrics {
		if m.Method == "frequentist" {
			return "p_value"
		}
	}
	return "chance_to_win"
}

// figure rounds to what a reader can use.
func figure(f *float64) any {
	if f == nil || math.IsNaN(*f) || math.IsInf(*f, 0) {
		return nil
	}
	return math.Round(*f*1e5) / 1e5
}

func interval(i *[2]float64) any {
	if i == nil {
		return nil
	}
	return fmt.Sprintf("%+.4f..%+.4f", i[0], i[1])
}

func verdict(v driver.VariantResult) any {
	switch {
	case v.Baseline:
		return nil
	case v.Significant == nil:
		return "unknown"
	case *v.Significant:
		return "yes"
	}
	return "no"
}
