package stats

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

type pathsQuery struct {
	ignored
	DateRange          dateRange       `json:"dateRange"`
	Properties         json.RawMessage `json:"properties"`
	FilterTestAccounts bool            `json:"filterTestAccounts"`
	SamplingFactor     *float64        `json:"samplingFactor"`
	PathsFilter        pathsFilter     `json:"pathsFilter"`
}

type pathsFilter struct {
	IncludeEventTypes []string        `json:"includeEventTypes"`
	ExcludeEvents     []string        `json:"excludeEvents"`
	StartPoint        string          `json:"startPoint"`
	EndPoint          string          `json:"endPoint"`
	StepLimit         *int            `json:"stepLimit"`
	EdgeLimit         *int            `json:"edgeLimit"`
	MinEdgeWeight     *int            `json:"minEdgeWeight"`
	MaxEdgeWeight     *int            `json:"maxEdgeWeight"`
	PathGroupings     []string        `json:"pathGroupings"`
	LocalCleaning     json.RawMessage `json:"localPathCleaningFilters"`
	Replacements      bool            `json:"pathReplacements"`
	ShowFullURLs      any             `json:"showFullUrls"`
}

// Defaults of paths, as PostHog has them.
const (
	defaultStepLimit = 5
	defaultEdgeLimit = 50
	pathPause        = 30 * time.Minute // that begins a new path
)

func (f *pathsFilter) check() error {
	for _, kind := range f.IncludeEventTypes {
		if kind != "$pageview" && kind != "$screen" && kind != "custom_event" {
			return notSupported("the event type %s of paths", strconv.Quote(kind))
		}
	}
	switch {
	case len(f.PathGroupings) > 0:
		return notSupported("pathGroupings")
	case len(f.LocalCleaning) > 0 && !bytes.Equal(f.LocalCleaning, []byte("[]")), f.Replacements:
		return notSupported("path cleaning")
	case f.StepLimit != nil && (*f.StepLimit < 2 || *f.StepLimit > 20):
		return invalid("stepLimit is %d; give 2 to 20", *f.StepLimit)
	case f.EdgeLimit != nil && (*f.EdgeLimit < 1 || *f.EdgeLimit > 10_000):
		return invalid("edgeLimit is %d; give 1 to 10000", *f.EdgeLimit)
	}
	return nil
}

// point is one step of somebody's path.
type point struct {
	item string
	at   time.Time
}

// paths answers a PathsQuery: how often people went from one thing to the next.
// The steps are numbered from the start of each path.
func (q *run) paths() (map[string]any, error) {
	var query pathsQuery
	if err := q.decode(&query); err != nil {
		return nil, err
	}
	f := &query.PathsFilter
	if err := f.check(); err != nil {
		return nil, err
	}
	base, err := q.begin(&common{DateRange: query.DateRange, Properties: query.Properties, FilterTestAccounts: query.FilterTestAccounts, SamplingFactor: query.SamplingFactor}, "-7d")
	if err != nil {
		return nil, err
	}
	edges := map[[2]string]*edge{}
	for _, events := range q.byPerson(base) {
		if err := q.ctx.Err(); err != nil {
			return nil, err
		}
		for _, path := range splitPaths(f.items(events)) {
			f.count(f.limit(compact(path)), edges)
		}
	}
	list := make([]*edge, 0, len(edges))
	for _, e := range edges {
		if (f.MinEdgeWeight == nil || e.count >= *f.MinEdgeWeight) && (f.MaxEdgeWeight == nil || e.count <= *f.MaxEdgeWeight) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *edge) int {
		return cmp.Or(b.count-a.count, strings.Compare(a.source, b.source), strings.Compare(a.target, b.target))
	})
	most := defaultEdgeLimit
	if f.EdgeLimit != nil {
		most = *f.EdgeLimit
	}
	results := []any{}
	for _, e := range reachable(list[:min(most, len(list))]) {
		results = append(results, map[string]any{
			"source": e.source, "target": e.target, "value": e.count,
			"average_conversion_time": e.seconds / float64(e.count) * 1000,
		})
	}
	return q.result(results), nil
}

// byPerson gives each person's events of the range, in time order.
func (q *run) byPerson(base func(*data.Event) bool) map[uuid.UUID][]*data.Event {
	people := map[uuid.UUID][]*data.Event{}
	for _, e := range q.events(data.TruncateTo(q.from.In(q.snap.TimeZone), 'd'), q.to) {
		if base(e) {
			people[e.Person.ID] = append(people[e.Person.ID], e)
		}
	}
	return people
}

// items names what each event is in a path: the address of a page, the name of
// a screen, else the event itself.
func (f *pathsFilter) items(events []*data.Event) []point {
	all := len(f.IncludeEventTypes) == 0
	wants := func(kind string) bool { return slices.Contains(f.IncludeEventTypes, kind) }
	var list []point
	for _, e := range events {
		item := e.Event
		switch {
		case item == "$pageview" && (all && !slices.Contains(f.ExcludeEvents, item) || wants(item)):
			v, _ := e.Properties.Get("$current_url")
			item, _ = data.TextOf(v)
			if len(item) > 1 {
				item = strings.TrimSuffix(item, "/")
			}
		case item == "$screen" && (all && !slices.Contains(f.ExcludeEvents, item) || wants(item)):
			v, _ := e.Properties.Get("$screen_name")
			item, _ = data.TextOf(v)
		case !all && (strings.HasPrefix(item, "$") || !wants("custom_event")):
			continue
		}
		if all || !slices.Contains(f.ExcludeEvents, item) {
			list = append(list, point{item, e.Timestamp})
		}
	}
	return list
}

// splitPaths begins a new path after each pause.
func splitPaths(points []point) [][]point {
	var paths [][]point
	for i, p := range points {
		if i == 0 || p.at.Sub(points[i-1].at) >= pathPause {
			paths = append(paths, nil)
		}
		paths[len(paths)-1] = append(paths[len(paths)-1], p)
	}
	return paths
}

// compact keeps the last of equal points in a row; an empty one at the end goes
// too.
func compact(path []point) []point {
	var out []point
	for i, p := range path {
		next := ""
		if i+1 < len(path) {
			next = path[i+1].item
		}
		if p.item != next {
			out = append(out, p)
		}
	}
	return out
}

// limit cuts a path to what the filter asks for: from the start point, up to
// the end point, and so many steps. Nil when the path does not have the points.
func (f *pathsFilter) limit(path []point) []point {
	most := defaultStepLimit
	if f.StepLimit != nil {
		most = *f.StepLimit
	}
	index := func(path []point, item string) int {
		return slices.IndexFunc(path, func(p point) bool { return p.item == item })
	}
	trim := func(item string) string {
		if len(item) > 1 {
			item = strings.TrimSuffix(item, "/")
		}
		return item
	}
	switch {
	case f.StartPoint != "" && f.EndPoint != "":
		start := index(path, f.StartPoint)
		if start < 0 {
			return nil
		}
		end := index(path[start:], f.EndPoint)
		if end < 0 {
			return nil
		}
		path = path[start : start+end+1]
		if half := most / 2; len(path) > most { // the middle is left out
			return slices.Concat(path[:half], []point{{"...", path[half].at}}, path[len(path)-half:])
		}
		return path
	case f.StartPoint != "":
		start := index(path, trim(f.StartPoint))
		if start < 0 {
			return nil
		}
		path = path[start:]
	case f.EndPoint != "":
		end := index(path, trim(f.EndPoint))
		if end < 0 {
			return nil
		}
		return path[max(0, end+1-most) : end+1]
	}
	return path[:min(most, len(path))]
}

// edge is how often a step followed another.
type edge struct {
	source, target string
	count          int
	seconds        float64 // in all
}

func (*pathsFilter) count(path []point, edges map[[2]string]*edge) {
	for i := 1; i < len(path); i++ {
		source, target := fmt.Sprintf("%d_%s", i, path[i-1].item), fmt.Sprintf("%d_%s", i+1, path[i].item)
		key := [2]string{source, target}
		if edges[key] == nil {
			edges[key] = &edge{source: source, target: target}
		}
		edges[key].count++
		edges[key].seconds += path[i].at.Sub(path[i-1].at).Seconds()
	}
}

// reachable leaves out the edges that hang in the air, because one before them
// is beyond the limit.
func reachable(list []*edge) []*edge {
	seen := map[string]bool{}
	next := []string{}
	for _, e := range list {
		if strings.HasPrefix(e.source, "1_") {
			next = append(next, e.source)
		}
	}
	for len(next) > 0 {
		node := next[0]
		next = next[1:]
		if seen[node] {
			continue
		}
		seen[node] = true
		for _, e := range list {
			if e.source == node {
				next = append(next, e.target)
			}
		}
	}
	return slices.DeleteFunc(list, func(e *edge) bool { return !seen[e.source] })
}
