package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// ExperimentsParams choose experiments.
type ExperimentsParams struct {
	ID     int64  // one experiment; KindNotFound without it
	Status string // draft, running, paused, stopped, complete or all; empty: all
	Search string // part of a name
	Limit  int    // rows of one page, 1 to 500; 0: 50
	Cursor string // of the page before
}

// ExperimentsResult is one page of experiments.
type ExperimentsResult struct {
	Experiments []Experiment
	Total       *int   // experiments that match, when PostHog says so
	Cursor      string // of the next page; empty on the last
}

// Experiment is an A/B test on a feature flag.
type Experiment struct {
	ID          int64
	Name        string
	Description string
	FlagKey     string
	Status      string // draft, running, paused, stopped or complete
	Start       time.Time
	End         time.Time // zero while it runs
	Archived    bool
	Variants    []FlagVariant
	Metrics     []ExperimentMetric
	Conclusion  string // such as "won"; what people decided
	Comment     string // on the conclusion
}

// ExperimentMetric is one metric of an experiment.
type ExperimentMetric struct {
	Name  string
	Role  string          // primary, secondary or shared
	Type  string          // funnel, mean, ratio; or the legacy kind
	Goal  string          // decrease when lower is better, else increase or empty
	Query json.RawMessage // PostHog's node, verbatim
}

// Experiments lists experiments, newest first, or gives one by id.
//
//posthog:operation GET /api/projects/:project_id/experiments/
//posthog:operation GET /api/projects/:project_id/experiments/:id/
func (c *Client) Experiments(ctx context.Context, p ExperimentsParams) (ExperimentsResult, error) {
	const op = "get_experiments"
	if p.ID != 0 {
		e, err := c.experiment(ctx, op, p.ID)
		if err != nil {
			return ExperimentsResult{}, err
		}
		one := 1
		return ExperimentsResult{Experiments: []Experiment{e}, Total: &one}, nil
	}
	q := url.Values{}
	if p.Status != "" && p.Status != "all" {
		if known := experimentStates(); !slices.Contains(known, p.Status) {
			return ExperimentsResult{}, invalid(op, "status", fmt.Sprintf("status %.40q", p.Status), "Use one of "+strings.Join(known, ", ")+" or all.")
		}
		q.Set("status", p.Status)
	}
	if p.Search != "" {
		q.Set("search", p.Search)
	}
	page, err := listOf[experimentRecord](ctx, c, op, "/api/projects/{project}/experiments/", q, p.Limit, p.Cursor)
	if err != nil {
		return ExperimentsResult{}, err
	}
	out := ExperimentsResult{Experiments: make([]Experiment, 0, len(page.Results)), Total: page.Count, Cursor: page.Next}
	for _, r := range page.Results {
		out.Experiments = append(out.Experiments, r.experiment())
	}
	return out, nil
}

func experimentStates() []string {
	return []string{"draft", "running", "paused", "stopped", "complete"}
}

func (c *Client) experiment(ctx context.Context, op string, id int64) (Experiment, error) {
	if id < 0 {
		return Experiment{}, invalid(op, "id", fmt.Sprintf("experiment id %d", id), "Give an id from get_experiments.")
	}
	var rec experimentRecord
	err := c.do(ctx, request{
		op: op, class: ClassRead, bucket: quota.BucketStandard, method: "GET", idempotent: true,
		path: "/api/projects/{project}/experiments/" + strconv.FormatInt(id, 10) + "/",
	}, &rec)
	if err != nil {
		return Experiment{}, notFound(err, "id", fmt.Sprintf("this project has no experiment %d", id), "List the experiments with get_experiments.")
	}
	return rec.experiment(), nil
}

// notFound says of a 404 what was looked for and where to look; any other
// error stays as it is.
func notFound(err error, attr, detail, hint string) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != KindNotFound {
		return err
	}
	told := *e
	told.Attr, told.Detail, told.Hint = attr, detail, hint
	return &told
}

// experimentRecord is PostHog's form of an experiment.
type experimentRecord struct {
	ID           int64             `json:"id"`
	Name         string            `json:"name"`
	Description  string            `json:"description"`
	FlagKey      string            `json:"feature_flag_key"`
	Flag         *flagRecord       `json:"feature_flag"`
	Start        *time.Time        `json:"start_date"`
	End          *time.Time        `json:"end_date"`
	Archived     bool              `json:"archived"`
	Status       string            `json:"status"`
	Metrics      []json.RawMessage `json:"metrics"`
	Secondary    []json.RawMessage `json:"metrics_secondary"`
	SavedMetrics []struct {
		Name  string          `json:"name"`
		Query json.RawMessage `json:"query"`
	} `json:"saved_metrics"`
	Parameters *struct {
		Variants []struct {
			Key     string  `json:"key"`
			Rollout float64 `json:"rollout_percentage"`
		} `json:"feature_flag_variants"`
	} `json:"parameters"`
	Conclusion *string `json:"conclusion"`
	Comment    *string `json:"conclusion_comment"`
}

func (r experimentRecord) experiment() Experiment {
	e := Experiment{
		ID: r.ID, Name: r.Name, Description: r.Description, FlagKey: r.FlagKey,
		Archived: r.Archived, Status: r.Status, Conclusion: deref(r.Conclusion), Comment: deref(r.Comment),
		Start: deref(r.Start), End: deref(r.End),
	}
	if e.Status == "" { // older servers leave it to the dates
		switch {
		case r.Start == nil:
			e.Status = "draft"
		case r.End == nil:
			e.Status = "running"
		default:
			e.Status = "complete"
		}
	}
	if r.Flag != nil {
		e.Variants = r.Flag.flag().Variants
		if e.FlagKey == "" {
			e.FlagKey = r.Flag.Key
		}
	}
	if len(e.Variants) == 0 && r.Parameters != nil {
		for _, v := range r.Parameters.Variants {
			e.Variants = append(e.Variants, FlagVariant{Key: v.Key, Rollout: v.Rollout})
		}
	}
	for i, raw := range r.Metrics {
		e.Metrics = append(e.Metrics, readMetric(raw, "", "primary", i))
	}
	for i, raw := range r.Secondary {
		e.Metrics = append(e.Metrics, readMetric(raw, "", "secondary", i))
	}
	for i, m := range r.SavedMetrics {
		e.Metrics = append(e.Metrics, readMetric(m.Query, m.Name, "shared", i))
	}
	return e
}

// readMetric names a metric: as people did, else by what it measures.
func readMetric(raw json.RawMessage, name, role string, index int) ExperimentMetric {
	var head struct {
		Kind   string          `json:"kind"`
		Type   string          `json:"metric_type"`
		Goal   string          `json:"goal"`
		Name   string          `json:"name"`
		Series []metricSource  `json:"series"`
		Source *metricSource   `json:"source"`
		Query  json.RawMessage `json:"query"` // some lists wrap the node
	}
	_ = json.Unmarshal(raw, &head) // an odd metric keeps its place and gets a number for a name
	if head.Kind == "" && len(head.Query) > 0 {
		return readMetric(head.Query, name, role, index)
	}
	m := ExperimentMetric{Name: name, Role: role, Type: head.Type, Goal: head.Goal, Query: raw}
	if m.Type == "" {
		m.Type = head.Kind
	}
	if m.Name == "" {
		m.Name = head.Name
	}
	if m.Name == "" {
		if head.Source != nil {
			head.Series = append(head.Series, *head.Source)
		}
		var steps []string
		for _, s := range head.Series {
			if n := s.name(); n != "" {
				steps = append(steps, n)
			}
		}
		m.Name = strings.Join(steps, " → ")
	}
	if m.Name == "" {
		m.Name = fmt.Sprintf("%s metric %d", role, index+1)
	}
	return m
}

// metricSource is an event, action or table that a metric counts.
type metricSource struct {
	Event      string `json:"event"`
	CustomName string `json:"custom_name"`
	Name       string `json:"name"`
	Table      string `json:"table_name"`
}

func (s metricSource) name() string {
	for _, n := range []string{s.CustomName, s.Event, s.Name, s.Table} {
		if n != "" {
			return n
		}
	}
	return ""
}

// deref gives the value, or the zero value for null.
func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
