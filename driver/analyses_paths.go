package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PathsParams ask what people do one after another.
type PathsParams struct {
	AnalysisSpan
	Start   string   // paths from this event, page address or screen on
	End     string   // paths up to it
	Steps   int      // steps of a path, 2 to 20; 0: 5
	Include []string // pageviews, screens, events (those of the product); empty: all events, $pageview as address
	Exclude []string // events or addresses to skip; only with Include
	Limit   int      // links, the most frequent first, 1 to 500; 0: 50
}

// PathsResult is the links of all paths.
type PathsResult struct {
	AnalysisMeta
	Links []PathLink
	Limit int // links asked for
}

// PathLink is how often one step followed another. A path ends after half an
// hour without an event; somebody with several paths is counted in each.
type PathLink struct {
	Step     int // of From: 1 is the first of a path
	From, To string
	Count    int64
	Average  time.Duration // between the two
}

// Paths counts which steps follow each other, as PostHog's paths do.
//
//posthog:operation POST /api/projects/:project_id/query/
func (c *Client) Paths(ctx context.Context, p PathsParams) (PathsResult, error) {
	const op = "analyze_paths"
	a, err := c.analyze(ctx, op, p.AnalysisSpan, 7)
	if err != nil {
		return PathsResult{}, err
	}
	filter, err := a.pathsFilter(&p)
	if err != nil {
		return PathsResult{}, err
	}
	raw, meta, err := a.run(ctx, map[string]any{"kind": "PathsQuery", "dateRange": a.dateRange("day"), "pathsFilter": filter})
	if err != nil {
		return PathsResult{}, err
	}
	out := PathsResult{AnalysisMeta: meta, Limit: p.Limit}
	var rows []struct {
		Source  string        `json:"source"`
		Target  string        `json:"target"`
		Value   flexibleCount `json:"value"`
		Average float64       `json:"average_conversion_time"` // milliseconds
	}
	if err := json.Unmarshal(raw, &rows); err != nil {
		return PathsResult{}, a.unexpected(err)
	}
	for _, r := range rows {
		step, from, ok := numbered(r.Source)
		_, to, also := numbered(r.Target)
		if !ok || !also {
			return PathsResult{}, a.unexpected(fmt.Errorf("a link from %q to %q", r.Source, r.Target))
		}
		out.Links = append(out.Links, PathLink{
			Step: step, From: from, To: to, Count: int64(r.Value), Average: time.Duration(r.Average * float64(time.Millisecond)),
		})
	}
	return out, nil
}

// pathsFilter checks the parameters, fills in defaults and writes the filter.
func (a *analysis) pathsFilter(p *PathsParams) (map[string]any, error) {
	if p.Steps == 0 {
		p.Steps = 5
	}
	if p.Limit == 0 {
		p.Limit = 50
	}
	switch {
	case p.Steps < 2 || p.Steps > 20:
		return nil, invalid(a.op, "steps", fmt.Sprintf("%d steps", p.Steps), "Give 2 to 20.")
	case p.Limit < 1 || p.Limit > 500:
		return nil, invalid(a.op, "limit", fmt.Sprintf("limit %d", p.Limit), "Give 1 to 500.")
	case len(p.Exclude) > 0 && len(p.Include) == 0:
		return nil, invalid(a.op, "exclude", "exclude without include", "PostHog skips events only among the kinds in include, such as pageviews and events.")
	case len(p.Exclude) > 100:
		return nil, invalid(a.op, "exclude", fmt.Sprintf("%d events to exclude", len(p.Exclude)), "Give at most 100.")
	}
	filter := map[string]any{"stepLimit": p.Steps, "edgeLimit": p.Limit}
	kinds := map[string]string{"pageviews": "$pageview", "screens": "$screen", "events": "custom_event"}
	var include []string
	for _, name := range p.Include {
		if kinds[name] == "" {
			return nil, invalid(a.op, "include", fmt.Sprintf("include %.40q", name), "Use pageviews, screens, events.")
		}
		if !slices.Contains(include, kinds[name]) {
			include = append(include, kinds[name])
		}
	}
	if len(include) > 0 {
		filter["includeEventTypes"] = include
	}
	if len(p.Exclude) > 0 {
		filter["excludeEvents"] = p.Exclude
	}
	if p.Start != "" {
		filter["startPoint"] = p.Start
	}
	if p.End != "" {
		filter["endPoint"] = p.End
	}
	return filter, nil
}

// numbered takes a step such as 2_purchase apart.
func numbered(text string) (step int, item string, ok bool) {
	number, item, ok := strings.Cut(text, "_")
	step, err := strconv.Atoi(number)
	return step, item, ok && err == nil
}
