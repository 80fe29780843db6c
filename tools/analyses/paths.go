package analyses

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// PathsIn are the arguments of analyze_paths.
type PathsIn struct {
	Start        string     `json:"start,omitempty" jsonschema:"First step: event, page URL or screen" example:"user_signed_up"`
	End          string     `json:"end,omitempty" jsonschema:"Last step" example:"purchase"`
	Steps        int        `json:"steps,omitempty" jsonschema:"Steps of a path" default:"5"`
	Include      []string   `json:"include,omitempty" jsonschema:"Kinds of steps" enum:"pageviews,screens,events"`
	Exclude      []string   `json:"exclude,omitempty" jsonschema:"Steps to skip" example:"app_opened"`
	After        tools.Time `json:"after,omitzero" jsonschema:"Start: -7d or ISO date" default:"-7d"`
	Before       tools.Time `json:"before,omitzero" jsonschema:"End; now without"`
	Limit        int        `json:"limit,omitempty" jsonschema:"Links" default:"50"`
	TestAccounts bool       `json:"test_accounts,omitempty" jsonschema:"Include internal users"`
}

// PathsOut is the answer of analyze_paths: a row per link between two steps.
type PathsOut struct {
	About
	tools.Table
}

func analyzePaths() tools.Tool {
	return tools.Op[PathsIn, PathsOut]{
		Name: "analyze_paths", Title: "Analyze user paths", Toolset: toolset,
		Doc:    "Counts what people do one after another: links between steps, from a start or up to an end.",
		Effect: tools.Reads, Scopes: []string{"query:read"}, Class: driver.ClassQuery,
		Examples: []string{`{"start":"user_signed_up","include":["events"],"after":"-30d"}`},
		Run: func(ctx context.Context, ph *driver.Client, in PathsIn) (PathsOut, error) {
			const op = "analyze_paths"
			p := driver.PathsParams{
				AnalysisSpan: span(ctx, ph, in.After, in.Before, in.TestAccounts),
				Start:        in.Start, End: in.End, Steps: in.Steps, Include: in.Include, Exclude: in.Exclude, Limit: in.Limit,
			}
			// PostHog skips events only among kinds that are named.
			if len(p.Exclude) > 0 && len(p.Include) == 0 {
				p.Include = []string{"pageviews", "screens", "events"}
			}
			res, err := ph.Paths(ctx, p)
			if err != nil {
				return PathsOut{}, err
			}
			if len(res.Links) == 0 {
				if err := missing(ctx, ph, op, pathEvents(in)...); err != nil {
					return PathsOut{}, err
				}
			}
			return pathsOut(res, in, p, tools.Now(ctx)), nil
		},
	}
}

// pathEvents gives the ends that are events: addresses and paths of pages are
// not, and $pageview is shown by its address.
func pathEvents(in PathsIn) []string {
	var names []string
	for _, name := range []string{in.Start, in.End} {
		if name != "" && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	return names
}

func pathsOut(res driver.PathsResult, in PathsIn, p driver.PathsParams, now time.Time) PathsOut {
	what := "all events, page views by their URL"
	if len(p.Include) > 0 {
		what = strings.Join(p.Include, ", ")
	}
	text := fmt.Sprintf("Steps that follow each other in a path of at most %d steps (%s); half an hour of rest ends a path; %s.", p.Steps, what, period(res.AnalysisMeta))
	switch {
	case in.Start != "" && in.End != "":
		text += fmt.Sprintf(" Paths from %s to %s; ... stands for steps left out.", in.Start, in.End)
	case in.Start != "":
		text += fmt.Sprintf(" Paths from %s on.", in.Start)
	case in.End != "":
		text += fmt.Sprintf(" Paths up to %s.", in.End)
	}
	rows := make([][]any, len(res.Links))
	for i, l := range res.Links {
		rows[i] = []any{l.Step, l.From, l.To, l.Count, num(l.Average.Round(time.Second).Seconds())}
	}
	out := PathsOut{About: about(res.AnalysisMeta, text, now), Table: tools.NewTable([]string{"step", "from", "to", "paths", "average_seconds"}, rows)}
	out.Units = "step: number of from; paths: not people, who may have several"
	if len(rows) >= p.Limit {
		out.notices = append(out.notices, fmt.Sprintf("These are the %d most frequent links; raise limit for more.", p.Limit))
	}
	return out
}
