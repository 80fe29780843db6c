package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// TrendsParams describe a trend: numbers over time.
type TrendsParams struct {
	AnalysisSpan
	Series    []TrendSeries // 1 to 20
	Interval  string        // hour, day (default), week or month
	Breakdown string        // property to split by; "person.plan" for one of the person
	Formula   string        // over the series A, B, … such as "A/B*100"; the answer is that alone
	Compare   bool          // also the period of equal length before
}

// TrendSeries is what one line counts.
type TrendSeries struct {
	AnalysisEvent
	Math     string // total (default), dau, weekly_active, monthly_active, unique_session, or an aggregate of Property
	Property string // number that sum, avg, min, max, median, p75, p90, p95 and p99 aggregate
}

// TrendsResult is a list of lines over the same intervals.
type TrendsResult struct {
	AnalysisMeta
	Interval string
	Lines    []TrendLine
	Cut      bool // breakdown values beyond the 25 largest are joined as "(other)"
}

// TrendLine is one line of a trend.
type TrendLine struct {
	Series    int    // index into the series asked for; 0 with a formula
	Breakdown string // value, empty without a breakdown
	Previous  bool   // of the period before
	Days      []string
	Values    []float64 // one for each of Days
}

// breakdownLimit is how many values of a breakdown are told apart.
const breakdownLimit = 25

// Trends computes numbers over time, as PostHog's trends do.
//
//posthog:operation POST /api/projects/:project_id/query/
func (c *Client) Trends(ctx context.Context, p TrendsParams) (TrendsResult, error) {
	const op = "analyze_trends"
	a, err := c.analyze(ctx, op, p.AnalysisSpan, 30)
	if err != nil {
		return TrendsResult{}, err
	}
	if p.Interval == "" {
		p.Interval = "day"
	}
	node, err := a.trendsNode(p)
	if err != nil {
		return TrendsResult{}, err
	}
	raw, meta, err := a.run(ctx, node)
	if err != nil {
		return TrendsResult{}, err
	}
	out := TrendsResult{AnalysisMeta: meta, Interval: p.Interval}
	if out.Lines, err = readTrends(raw, p); err != nil {
		return TrendsResult{}, a.unexpected(err)
	}
	for _, l := range out.Lines {
		out.Cut = out.Cut || p.Breakdown != "" && l.Breakdown == breakdownLabel(breakdownOther)
	}
	return out, nil
}

// breakdownOther is PostHog's mark for the values beyond a breakdown's limit.
const breakdownOther = "$$_posthog_breakdown_other_$$"

func (a *analysis) trendsNode(p TrendsParams) (map[string]any, error) {
	if err := a.check("interval", p.Interval, []string{"hour", "day", "week", "month"}, 1000); err != nil {
		return nil, err
	}
	events := make([]AnalysisEvent, len(p.Series))
	for i, s := range p.Series {
		events[i] = s.AnalysisEvent
	}
	series, err := a.events("series", events, maxAnalysisEvents)
	if err != nil {
		return nil, err
	}
	for i, s := range p.Series {
		if err := a.math(fmt.Sprintf("series.%d", i), s, series[i]); err != nil {
			return nil, err
		}
	}
	node := map[string]any{"kind": "TrendsQuery", "series": series, "interval": p.Interval, "dateRange": a.dateRange(p.Interval)}
	if p.Breakdown != "" {
		if node["breakdownFilter"], err = breakdownNode(a.op, p.Breakdown, breakdownLimit); err != nil {
			return nil, err
		}
	}
	if p.Formula != "" {
		if err := checkFormula(a.op, p.Formula, len(p.Series)); err != nil {
			return nil, err
		}
		node["trendsFilter"] = map[string]any{"formula": p.Formula}
	}
	if p.Compare {
		node["compareFilter"] = map[string]any{"compare": true}
	}
	return node, nil
}

// math writes how a series is aggregated.
func (a *analysis) math(attr string, s TrendSeries, node map[string]any) error {
	plain := []string{"total", "dau", "weekly_active", "monthly_active", "unique_session"}
	numeric := []string{"sum", "avg", "min", "max", "median", "p75", "p90", "p95", "p99"}
	switch {
	case s.Math == "" || slices.Contains(plain, s.Math):
		if s.Property != "" {
			return invalid(a.op, attr, fmt.Sprintf("%s takes no property", s.Math), "Use sum, avg, p95 and the like for numbers in a property.")
		}
		node["math"] = "total"
		if s.Math != "" {
			node["math"] = s.Math
		}
		return nil
	case !slices.Contains(numeric, s.Math):
		return invalid(a.op, attr, fmt.Sprintf("math %.40q", s.Math), "Use one of "+strings.Join(append(plain, numeric...), ", ")+".")
	case s.Property == "":
		return invalid(a.op, attr, s.Math+" of no property", "Name the property: purchase:"+s.Math+"(amount).")
	}
	name, kind := s.Property, "event_properties"
	if rest, ok := strings.CutPrefix(name, "person."); ok {
		name, kind = rest, "person_properties"
	}
	if err := checkPropertyName(a.op, attr, name); err != nil {
		return err
	}
	node["math"], node["math_property"], node["math_property_type"] = s.Math, name, kind
	return nil
}

// checkFormula refuses what is no arithmetic over the series.
func checkFormula(op, formula string, series int) error {
	const hint = "Write arithmetic over the series' letters: A/B*100."
	if len(formula) > 200 {
		return invalid(op, "formula", fmt.Sprintf("a formula of %d characters", len(formula)), hint)
	}
	letters := 0
	for _, r := range strings.ToUpper(formula) {
		switch {
		case r >= 'A' && r <= 'Z':
			if letters++; int(r-'A') >= series {
				return invalid(op, "formula", fmt.Sprintf("the formula names series %c of %d", r, series), hint)
			}
		case !strings.ContainsRune("0123456789.+-*/%() ", r):
			return invalid(op, "formula", fmt.Sprintf("%q in the formula", r), hint)
		}
	}
	if letters == 0 {
		return invalid(op, "formula", "the formula names no series", hint)
	}
	return nil
}

// readTrends reads the lines of an answer.
func readTrends(raw json.RawMessage, p TrendsParams) ([]TrendLine, error) {
	var rows []struct {
		Action *struct {
			Order int `json:"order"`
		} `json:"action"`
		Data      []*float64 `json:"data"`
		Days      []string   `json:"days"`
		Breakdown any        `json:"breakdown_value"`
		Compare   string     `json:"compare_label"`
	}
	if err := json.Unmarshal(raw, &rows); err != nil {
		return nil, err
	}
	lines := make([]TrendLine, len(rows))
	for i, r := range rows {
		if len(r.Days) != len(r.Data) {
			return nil, fmt.Errorf("%d values for %d days", len(r.Data), len(r.Days))
		}
		l := TrendLine{Days: r.Days, Values: make([]float64, len(r.Data)), Previous: r.Compare == "previous"}
		if r.Action != nil && p.Formula == "" {
			l.Series = r.Action.Order
		}
		if l.Series < 0 || l.Series >= len(p.Series) {
			return nil, fmt.Errorf("a line of series %d", l.Series)
		}
		if p.Breakdown != "" {
			l.Breakdown = breakdownText(r.Breakdown)
			if l.Breakdown == "" {
				l.Breakdown = "(not set)"
			}
		}
		for j, v := range r.Data {
			l.Values[j] = deref(v)
		}
		lines[i] = l
	}
	return lines, nil
}
