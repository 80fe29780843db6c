package analyses

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// RetentionIn are the arguments of analyze_retention.
type RetentionIn struct {
	Target       string     `json:"target" jsonschema:"First event, with conditions: user_signed_up[plan=pro]" example:"user_signed_up"`
	Returning    string     `json:"returning,omitempty" jsonschema:"Event of coming back; target without" example:"note_created"`
	Type         string     `json:"type,omitempty" jsonschema:"first_time: first target ever" enum:"first_time,recurring" default:"first_time"`
	Period       string     `json:"period,omitempty" jsonschema:"Length" enum:"day,week,month" default:"week"`
	Periods      int        `json:"periods,omitempty" jsonschema:"Groups, and periods followed" default:"8" min:"2" max:"60"`
	Before       tools.Time `json:"before,omitzero" jsonschema:"End; now without" example:"2026-03-31"`
	TestAccounts bool       `json:"test_accounts,omitempty" jsonschema:"Include internal users"`
}

// RetentionOut is the answer of analyze_retention: a row per group of people
// who began in the same period.
type RetentionOut struct {
	About
	Rates []string `json:"rates,omitempty" jsonschema:"Share who came back, over all groups with that period complete"`
	tools.Table
}

func analyzeRetention() tools.Tool {
	return tools.Op[RetentionIn, RetentionOut]{
		Name: "analyze_retention", Title: "Analyze retention", Toolset: toolset,
		Doc: "Counts how many of the people who did the target event in a period did the returning event in each later period, " +
			"and the overall rates.",
		Effect: tools.Reads, Scopes: []string{"query:read"}, Class: driver.ClassQuery,
		Examples: []string{`{"target":"user_signed_up","returning":"note_created","period":"week"}`},
		Run: func(ctx context.Context, ph *driver.Client, in RetentionIn) (RetentionOut, error) {
			const op = "analyze_retention"
			s := span(ctx, ph, tools.Time{}, in.Before, in.TestAccounts)
			p := driver.RetentionParams{TestAccounts: in.TestAccounts, FirstTime: in.Type == "first_time", Period: in.Period, Periods: in.Periods, To: s.To}
			if p.To.IsZero() {
				p.To = tools.Now(ctx)
			}
			var err error
			if p.Target, err = readEvent(op, "target", in.Target); err != nil {
				return RetentionOut{}, err
			}
			if p.Returning = p.Target; in.Returning != "" {
				if p.Returning, err = readEvent(op, "returning", in.Returning); err != nil {
					return RetentionOut{}, err
				}
			}
			res, err := ph.Retention(ctx, p)
			if err != nil {
				return RetentionOut{}, err
			}
			if nobodyReturned(res) {
				if err := missing(ctx, ph, op, p.Target.Event, p.Returning.Event); err != nil {
					return RetentionOut{}, err
				}
			}
			return retentionOut(ctx, res, in), nil
		},
	}
}

func nobodyReturned(res driver.RetentionResult) bool {
	for _, g := range res.Groups {
		for _, n := range g.Counts[min(1, len(g.Counts)):] {
			if n > 0 {
				return false
			}
		}
	}
	return true
}

func retentionOut(ctx context.Context, res driver.RetentionResult, in RetentionIn) RetentionOut {
	back := in.Returning
	if back == "" {
		back = in.Target
	}
	first := "for the first time ever"
	if in.Type == "recurring" {
		first = "at least once"
	}
	out := RetentionOut{About: about(res.AnalysisMeta, fmt.Sprintf("People who did %s %s in a %s, and how many of them did %s so many %ss later.",
		in.Target, first, res.Period, back, res.Period), tools.Now(ctx))}
	columns, rows := []string{"start", "people"}, make([][]any, len(res.Groups))
	for i, g := range res.Groups {
		rows[i] = []any{g.Start}
		for k, n := range g.Counts {
			rows[i] = append(rows[i], n)
			if k+1 == len(columns) {
				columns = append(columns, fmt.Sprintf("%s_%d", res.Period, k))
			}
		}
	}
	for i := range rows { // later groups have had fewer periods
		for len(rows[i]) < len(columns) {
			rows[i] = append(rows[i], nil)
		}
	}
	out.Table = tools.NewTable(columns, rows)
	out.Units = "people"
	out.Rates = rates(res)
	out.notices = append(out.notices, fmt.Sprintf("The last %s of each row may not be over.", res.Period))
	return out
}

// rates gives the share of people who came back in the first, second, …
// period after, over the groups for which that period is over.
func rates(res driver.RetentionResult) []string {
	var out []string
	for k := 1; ; k++ {
		var people, back int64
		// The last cell of each row is of the period that runs at the end.
		for _, g := range res.Groups {
			if k < len(g.Counts)-1 {
				people, back = people+g.Counts[0], back+g.Counts[k]
			}
		}
		if people == 0 {
			return out
		}
		out = append(out, fmt.Sprintf("%s %d: %.1f %% (%d of %d)", res.Period, k, float64(back)/float64(people)*100, back, people))
	}
}

// LifecycleIn are the arguments of analyze_lifecycle.
type LifecycleIn struct {
	Event        string     `json:"event" jsonschema:"Event, with conditions: purchase[plan=pro]" example:"note_created"`
	Interval     string     `json:"interval,omitempty" jsonschema:"Interval" enum:"day,week,month" default:"week"`
	After        tools.Time `json:"after,omitzero" jsonschema:"Start: -8w or ISO date" default:"-8w"`
	Before       tools.Time `json:"before,omitzero" jsonschema:"End; now without" example:"2026-03-31"`
	TestAccounts bool       `json:"test_accounts,omitempty" jsonschema:"Include internal users"`
}

// LifecycleOut is the answer of analyze_lifecycle: a row per interval.
type LifecycleOut struct {
	About
	tools.Table
}

func analyzeLifecycle() tools.Tool {
	return tools.Op[LifecycleIn, LifecycleOut]{
		Name: "analyze_lifecycle", Title: "Analyze user lifecycle", Toolset: toolset,
		Doc: "Splits the people active by an event in each interval into new, returning (active in the interval before), " +
			"resurrecting (back after a pause), and counts those who went dormant.",
		Effect: tools.Reads, Scopes: []string{"query:read"}, Class: driver.ClassQuery,
		Examples: []string{`{"event":"note_created","interval":"week"}`},
		Run: func(ctx context.Context, ph *driver.Client, in LifecycleIn) (LifecycleOut, error) {
			const op = "analyze_lifecycle"
			e, err := readEvent(op, "event", in.Event)
			if err != nil {
				return LifecycleOut{}, err
			}
			res, err := ph.Lifecycle(ctx, driver.LifecycleParams{AnalysisSpan: span(ctx, ph, in.After, in.Before, in.TestAccounts), Event: e, Interval: in.Interval})
			if err != nil {
				return LifecycleOut{}, err
			}
			rows, all := make([][]any, len(res.Days)), 0.0
			for i, day := range res.Days {
				active := res.New[i] + res.Returning[i] + res.Resurrecting[i]
				rows[i] = []any{day, num(active), num(res.New[i]), num(res.Returning[i]), num(res.Resurrecting[i]), num(math.Abs(res.Dormant[i]))}
				all += active - res.Dormant[i]
			}
			if all == 0 {
				if err := missing(ctx, ph, op, e.Event); err != nil {
					return LifecycleOut{}, err
				}
			}
			out := LifecycleOut{
				About: about(res.AnalysisMeta, fmt.Sprintf("People who did %s per %s, %s; dormant: active the %s before, not in this one.",
					in.Event, res.Interval, period(res.AnalysisMeta), res.Interval), tools.Now(ctx)),
				Table: tools.NewTable([]string{"date", "active", "new", "returning", "resurrecting", "dormant"}, rows),
			}
			out.Units = "people"
			if in.Before.IsZero() {
				out.notices = append(out.notices, fmt.Sprintf("The last %s is not over: many of its dormant people may still come.", res.Interval))
			}
			return out, nil
		},
	}
}

// StickinessIn are the arguments of analyze_stickiness.
type StickinessIn struct {
	Events       []string   `json:"events" jsonschema:"Events, with conditions: purchase[plan=pro]" minitems:"1" maxitems:"20" example:"note_created"`
	Interval     string     `json:"interval,omitempty" jsonschema:"Interval" enum:"hour,day,week,month" default:"day"`
	After        tools.Time `json:"after,omitzero" jsonschema:"Start: -7d or ISO date" default:"-30d"`
	Before       tools.Time `json:"before,omitzero" jsonschema:"End; now without" example:"2026-03-31"`
	Cumulative   bool       `json:"cumulative,omitempty" jsonschema:"In at least so many intervals"`
	TestAccounts bool       `json:"test_accounts,omitempty" jsonschema:"Include internal users"`
}

// StickinessOut is the answer of analyze_stickiness: a row per number of
// intervals.
type StickinessOut struct {
	About
	tools.Table
}

func analyzeStickiness() tools.Tool {
	return tools.Op[StickinessIn, StickinessOut]{
		Name: "analyze_stickiness", Title: "Analyze stickiness", Toolset: toolset,
		Doc:    "Counts people by how many days (or hours, weeks, months) of the range they did an event on: who uses it once, who daily.",
		Effect: tools.Reads, Scopes: []string{"query:read"}, Class: driver.ClassQuery,
		Examples: []string{`{"events":["note_created"],"after":"-14d"}`},
		Run: func(ctx context.Context, ph *driver.Client, in StickinessIn) (StickinessOut, error) {
			const op = "analyze_stickiness"
			p := driver.StickinessParams{AnalysisSpan: span(ctx, ph, in.After, in.Before, in.TestAccounts), Interval: in.Interval, Cumulative: in.Cumulative}
			var names []string
			for i, text := range in.Events {
				e, err := readEvent(op, fmt.Sprintf("events.%d", i), text)
				if err != nil {
					return StickinessOut{}, err
				}
				p.Events, names = append(p.Events, e), append(names, e.Event)
			}
			res, err := ph.Stickiness(ctx, p)
			if err != nil {
				return StickinessOut{}, err
			}
			all := 0.0
			for _, people := range res.People {
				all += sum(people)
			}
			if all == 0 {
				if err := missing(ctx, ph, op, names...); err != nil {
					return StickinessOut{}, err
				}
			}
			return stickinessOut(ctx, res, in), nil
		},
	}
}

func stickinessOut(ctx context.Context, res driver.StickinessResult, in StickinessIn) StickinessOut {
	how := "exactly"
	if in.Cumulative {
		how = "at least"
	}
	out := StickinessOut{About: about(res.AnalysisMeta, fmt.Sprintf("People who did %s in %s so many %ss, %s.",
		strings.Join(in.Events, ", "), how, res.Interval, period(res.AnalysisMeta)), tools.Now(ctx))}
	columns, rows := []string{res.Interval + "s"}, [][]any{}
	for i, people := range res.People {
		name := in.Events[i]
		if slices.Contains(columns, name) {
			name = fmt.Sprintf("%s #%d", name, i+1)
		}
		columns = append(columns, name)
		for j, n := range people {
			if j == len(rows) {
				rows = append(rows, []any{j + 1})
			}
			rows[j] = append(rows[j], num(n))
		}
	}
	out.Table = tools.NewTable(columns, rows)
	out.Units = "people"
	return out
}
