package analyses

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// TrendsIn are the arguments of analyze_trends.
type TrendsIn struct {
	Series       []string   `json:"series" jsonschema:"event, event:dau, pay:sum(amount)[plan=pro]" example:"user_signed_up,$pageview:dau"`
	Interval     string     `json:"interval,omitempty" jsonschema:"Per row" enum:"hour,day,week,month" default:"day"`
	After        tools.Time `json:"after,omitzero" jsonschema:"Start: -7d or ISO date" default:"-30d"`
	Before       tools.Time `json:"before,omitzero" jsonschema:"End; now without" example:"2026-03-31"`
	Breakdown    string     `json:"breakdown,omitempty" jsonschema:"plan or person.plan" example:"person.plan"`
	Formula      string     `json:"formula,omitempty" jsonschema:"As A/B*100" example:"A/B*100"`
	Compare      bool       `json:"compare,omitempty" jsonschema:"With period before"`
	TestAccounts bool       `json:"test_accounts,omitempty" jsonschema:"Include internal users"`
}

// TrendsOut is the answer of analyze_trends: a row per interval, or per value
// of the breakdown.
type TrendsOut struct {
	About
	Totals []string `json:"totals,omitempty" jsonschema:"Per series, over the whole range"`
	tools.Table
}

func analyzeTrends() tools.Tool {
	return tools.Op[TrendsIn, TrendsOut]{
		Name: "analyze_trends", Title: "Analyze trends", Toolset: toolset,
		Doc:    "Counts events, unique users (dau, wau, mau), sessions or a sum, avg, p95… over time.",
		Effect: tools.Reads, Scopes: []string{"query:read"}, Class: driver.ClassQuery,
		Examples: []string{`{"series":["user_signed_up","$pageview:dau"],"interval":"week","after":"-8w","compare":true}`},
		Run: func(ctx context.Context, ph *driver.Client, in TrendsIn) (TrendsOut, error) {
			const op = "analyze_trends"
			p := driver.TrendsParams{
				AnalysisSpan: span(ctx, ph, in.After, in.Before, in.TestAccounts),
				Interval:     in.Interval, Breakdown: in.Breakdown, Formula: in.Formula, Compare: in.Compare,
			}
			names := make([]string, len(in.Series))
			for i, text := range in.Series {
				s, err := readSeries(op, fmt.Sprintf("series.%d", i), text)
				if err != nil {
					return TrendsOut{}, err
				}
				p.Series, names[i] = append(p.Series, s), s.Event
			}
			res, err := ph.Trends(ctx, p)
			if err != nil {
				return TrendsOut{}, err
			}
			if empty(res) {
				if err := missing(ctx, ph, op, names...); err != nil {
					return TrendsOut{}, err
				}
			}
			out := trendsOut(res, in, p, tools.Now(ctx))
			out.notices = append(out.notices, unknown(ctx, ph, res, in, names)...)
			return out, nil
		},
	}
}

// empty reports an answer of nothing but zeros.
func empty(res driver.TrendsResult) bool {
	for _, l := range res.Lines {
		for _, v := range l.Values {
			if v != 0 {
				return false
			}
		}
	}
	return true
}

// unknown says which of the series without any number counts an event that does
// not exist. The answer of the others stands, whether or not that can be found
// out.
func unknown(ctx context.Context, ph *driver.Client, res driver.TrendsResult, in TrendsIn, names []string) []string {
	if in.Formula != "" || empty(res) {
		return nil
	}
	seen := map[int]bool{}
	for _, l := range res.Lines {
		for _, v := range l.Values {
			seen[l.Series] = seen[l.Series] || v != 0
		}
	}
	var zero []string
	for i, name := range names {
		if !seen[i] {
			zero = append(zero, name)
		}
	}
	if len(zero) == 0 {
		return nil
	}
	m, err := ph.MissingEvent(ctx, "analyze_trends", zero)
	if err != nil || m == nil {
		return nil
	}
	return []string{fmt.Sprintf("Series %d is zero because this project has no such event; see list_objects.", slices.Index(names, m.Name)+1)}
}

// line is a line of the answer with the same line of the period before.
type line struct {
	driver.TrendLine

	name     string
	additive bool // its values may be added up
	before   *driver.TrendLine
}

// pair joins each line with that of the period before.
func pair(res driver.TrendsResult, in TrendsIn, p driver.TrendsParams) []*line {
	type key struct {
		series    int
		breakdown string
	}
	var lines []*line
	byKey := map[key]*line{}
	at := func(l driver.TrendLine) *line {
		k := key{l.Series, l.Breakdown}
		if byKey[k] == nil {
			own := &line{TrendLine: driver.TrendLine{Series: l.Series, Breakdown: l.Breakdown}, name: in.Formula}
			if in.Formula == "" {
				own.name = in.Series[l.Series]
				math := p.Series[l.Series].Math
				own.additive = math == "" || math == "total" || math == "sum"
			}
			byKey[k], lines = own, append(lines, own)
		}
		return byKey[k]
	}
	for _, l := range res.Lines {
		if l.Previous {
			at(l).before = &l
		} else {
			own := at(l)
			own.Days, own.Values = l.Days, l.Values
		}
	}
	return lines
}

// size is the line's number for the whole range: a sum where that means
// something, else the average of its intervals.
func (l *line) size(values []float64) float64 {
	if l.additive || len(values) == 0 {
		return sum(values)
	}
	return sum(values) / float64(len(values))
}

func trendsOut(res driver.TrendsResult, in TrendsIn, p driver.TrendsParams, now time.Time) TrendsOut {
	what := strings.Join(in.Series, ", ")
	if in.Formula != "" {
		letters := make([]string, len(in.Series))
		for i, s := range in.Series {
			letters[i] = fmt.Sprintf("%c = %s", 'A'+i, s)
		}
		what = in.Formula + " with " + strings.Join(letters, ", ")
	}
	out := TrendsOut{About: about(res.AnalysisMeta, fmt.Sprintf("%s per %s, %s.", what, res.Interval, period(res.AnalysisMeta)), now)}
	lines := pair(res, in, p)
	if in.Breakdown != "" {
		out.Table = byValue(lines, in, res.Cut)
		out.Units = fmt.Sprintf("total: sum of counts and sums; average: per %s, of other math; trend: oldest first", res.Interval)
		if res.Cut {
			out.notices = append(out.notices, "Only the 25 largest values of the breakdown are told apart; the rest is (other).")
		}
	} else {
		out.Table = byTime(lines, in.Compare)
		for _, l := range lines {
			out.Totals = append(out.Totals, l.total(res.Interval, in.Compare))
		}
	}
	if in.Before.IsZero() {
		out.notices = append(out.notices, fmt.Sprintf("The last %s is not over.", res.Interval))
	}
	return out
}

// total says in words what a line sums up to.
func (l *line) total(interval string, compare bool) string {
	size := l.size(l.Values)
	text := fmt.Sprintf("%s: %v", l.name, num(size))
	if !l.additive {
		text += " on average per " + interval
	}
	if compare && l.before != nil {
		before := l.size(l.before.Values)
		text += fmt.Sprintf("; before: %v", num(before))
		if before != 0 {
			text += fmt.Sprintf(" (%+.1f %%)", (size/before-1)*100)
		}
	}
	return text
}

// byTime puts intervals into rows and lines into columns.
func byTime(lines []*line, compare bool) tools.Table {
	columns, rows := []string{"date"}, [][]any{}
	for i, l := range lines {
		name := l.name
		for _, earlier := range columns {
			if earlier == name {
				name = fmt.Sprintf("%s #%d", name, i+1)
			}
		}
		columns = append(columns, name)
		if compare {
			columns = append(columns, name+" before")
		}
	}
	for i, l := range lines {
		for j, day := range l.Days {
			if i == 0 {
				rows = append(rows, []any{day})
			}
			if j >= len(rows) {
				break
			}
			rows[j] = append(rows[j], num(l.Values[j]))
			if !compare {
				continue
			}
			var before any
			if l.before != nil && j < len(l.before.Values) {
				before = num(l.before.Values[j])
			}
			rows[j] = append(rows[j], before)
		}
	}
	return tools.NewTable(columns, rows)
}

// byValue gives a row for each breakdown value, with a drawing of its trend.
func byValue(lines []*line, in TrendsIn, cut bool) tools.Table {
	many := len(in.Series) > 1 && in.Formula == ""
	columns := []string{in.Breakdown}
	if many {
		columns = append(columns, "series")
	}
	columns = append(columns, sizeColumn(lines))
	if in.Compare {
		columns = append(columns, "before")
	}
	columns = append(columns, "trend")
	rows := make([][]any, len(lines))
	for i, l := range lines {
		row := []any{l.Breakdown}
		if many {
			row = append(row, l.name)
		}
		size := num(l.size(l.Values))
		if l.Values == nil && cut {
			size = nil // the value was among the largest only before
		}
		row = append(row, size)
		if in.Compare {
			var before any = int64(0) // a value that nobody had then
			if l.before == nil && cut {
				before = nil // it is in the rest
			} else if l.before != nil {
				before = num(l.size(l.before.Values))
			}
			row = append(row, before)
		}
		rows[i] = append(row, sparkline(l.Values))
	}
	return tools.NewTable(columns, rows)
}

// sizeColumn names the column of the lines' sizes.
func sizeColumn(lines []*line) string {
	sums := 0
	for _, l := range lines {
		if l.additive {
			sums++
		}
	}
	switch sums {
	case len(lines):
		return "total"
	case 0:
		return "average"
	}
	return "total_or_average"
}
