package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// InsightsParams choose saved insights.
type InsightsParams struct {
	ID      string // one insight: numeric id, 8-character short id, or its URL
	Search  string // part of a name or description
	Compute bool   // with ID: also give the result, computed now if PostHog has no fresh one
	Limit   int    // rows of one page, 1 to 500; 0: 50
	Cursor  string // of the page before
}

// InsightsResult is one page of insights.
type InsightsResult struct {
	Insights []Insight
	Total    *int   // insights that match, when PostHog says so
	Cursor   string // of the next page; empty on the last
}

// Insight is a saved chart or query.
type Insight struct {
	ID          int64
	ShortID     string
	Name        string // as given, else PostHog's own summary
	Description string
	Kind        string          // of what is computed, such as TrendsQuery or HogQLQuery
	Query       json.RawMessage // the stored node; only for one insight
	Dashboards  []int64
	Tags        []string
	CreatedAt   time.Time
	ModifiedAt  time.Time
	URL         string // for people, on the app host

	Result     *InsightTable   // nil unless asked for, and for kinds that are no table
	RawResult  json.RawMessage // what PostHog computed; nil unless asked for
	ComputedAt time.Time       // of the result
	TimeZone   string          // of the dates in the result
	Truncated  bool            // PostHog has more rows than the result
}

// InsightTable is an insight's result as rows.
type InsightTable struct {
	Columns []string
	Rows    [][]any
}

// CreateInsightParams describe an insight to save: a HogQL statement or a
// query node, not both.
type CreateInsightParams struct {
	Name        string          // required, at most 400 characters
	Description string          //
	SQL         string          // HogQL
	Query       json.RawMessage // TrendsQuery, FunnelsQuery, RetentionQuery and the like
	Dashboards  []int64         // ids of dashboards to put it on
	Tags        []string        //
}

// Insights lists saved insights without results, or gives one by id, with its
// result when asked for.
//
//posthog:operation GET /api/projects/:project_id/insights/
//posthog:operation GET /api/projects/:project_id/insights/:id/
func (c *Client) Insights(ctx context.Context, p InsightsParams) (InsightsResult, error) {
	ctx, cancel := c.withTotal(ctx) // of all its requests
	defer cancel()
	const op = "get_insights"
	projectID, err := c.projectID(ctx, op)
	if err != nil {
		return InsightsResult{}, err
	}
	if p.ID != "" {
		rec, err := c.insight(ctx, op, p.ID, p.Compute)
		if err != nil {
			return InsightsResult{}, err
		}
		in := rec.insight(c.insightURL(projectID, rec.ShortID))
		in.Query = rec.Query
		if p.Compute {
			in.RawResult, in.ComputedAt, in.TimeZone, in.Truncated = rec.Result, deref(rec.LastRefresh), rec.TimeZone, rec.HasMore
			in.Result = tabulate(in.Kind, rec.Result, rec.Columns)
		}
		one := 1
		return InsightsResult{Insights: []Insight{in}, Total: &one}, nil
	}
	if p.Compute {
		return InsightsResult{}, invalid(op, "id", "a result was asked for without an id", "Give the id of one insight, or list insights without results.")
	}
	// basic: without results, which the list would otherwise carry. saved:
	// without the scratch insights that PostHog keeps for every edited chart.
	q := url.Values{"basic": {"true"}, "saved": {"true"}}
	if p.Search != "" {
		q.Set("search", p.Search)
	}
	page, err := listOf[insightRecord](ctx, c, op, "/api/projects/{project}/insights/", q, p.Limit, p.Cursor)
	if err != nil {
		return InsightsResult{}, err
	}
	out := InsightsResult{Insights: make([]Insight, 0, len(page.Results)), Total: page.Count, Cursor: page.Next}
	for _, r := range page.Results {
		out.Insights = append(out.Insights, r.insight(c.insightURL(projectID, r.ShortID)))
	}
	return out, nil
}

func (c *Client) insight(ctx context.Context, op, ref string, compute bool) (insightRecord, error) {
	id, err := insightID(op, ref)
	if err != nil {
		return insightRecord{}, err
	}
	r := request{
		op: op, class: ClassRead, bucket: quota.BucketStandard, method: "GET", idempotent: true,
		path: "/api/projects/{project}/insights/" + url.PathEscape(id) + "/",
		// Said in full, because PostHog's default differs from that of its
		// query endpoint: here nothing is computed unless asked for.
		query: url.Values{"refresh": {"force_cache"}},
	}
	if compute {
		r.class, r.bucket = ClassQuery, quota.BucketClickHouse
		r.query = url.Values{"refresh": {"blocking"}}
	}
	var rec insightRecord
	if err := c.do(ctx, r, &rec); err != nil {
		return rec, notFound(err, "id", fmt.Sprintf("this project has no insight %q", id), "Find it with get_insights and search.")
	}
	return rec, nil
}

// insightID reads an id, a short id, or the URL that people copy.
func insightID(op, ref string) (string, error) {
	id := strings.TrimSpace(ref)
	if _, rest, ok := strings.Cut(id, "/insights/"); ok {
		id, _, _ = strings.Cut(rest, "/")
		id, _, _ = strings.Cut(id, "?")
	}
	ok := id != "" && len(id) <= 40
	for _, r := range id {
		ok = ok && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}
	if !ok {
		return "", invalid(op, "id", fmt.Sprintf("%.60q is no insight id", ref), "Give the number or the 8-character short id that get_insights lists.")
	}
	return id, nil
}

// CreateInsight saves an insight and gives it with its URL. It is not sent
// twice: a second one would appear.
//
//posthog:operation POST /api/projects/:project_id/insights/
func (c *Client) CreateInsight(ctx context.Context, p CreateInsightParams) (Insight, error) {
	const op = "create_insight"
	name := strings.TrimSpace(p.Name)
	if n := len([]rune(name)); n == 0 || n > 400 {
		return Insight{}, invalid(op, "name", fmt.Sprintf("a name of %d characters", n), "Give a name of 1 to 400 characters.")
	}
	query, err := insightQuery(op, p.SQL, p.Query)
	if err != nil {
		return Insight{}, err
	}
	projectID, err := c.projectID(ctx, op)
	if err != nil {
		return Insight{}, err
	}
	body := struct {
		Name        string   `json:"name"`
		Description string   `json:"description,omitempty"`
		Query       any      `json:"query"`
		Dashboards  []int64  `json:"dashboards,omitempty"`
		Tags        []string `json:"tags,omitempty"`
		Saved       bool     `json:"saved"`
	}{name, p.Description, query, p.Dashboards, p.Tags, true}
	var rec insightRecord
	err = c.do(ctx, request{
		op: op, class: ClassWrite, bucket: quota.BucketStandard, method: "POST",
		path: "/api/projects/{project}/insights/", body: body,
	}, &rec)
	if err != nil {
		return Insight{}, err
	}
	in := rec.insight(c.insightURL(projectID, rec.ShortID))
	in.Query = rec.Query
	return in, nil
}

func (c *Client) insightURL(project int64, shortID string) string {
	if shortID == "" {
		return ""
	}
	return c.app.JoinPath("project", strconv.FormatInt(project, 10), "insights", shortID).String()
}

// insightRecord is PostHog's form of an insight.
type insightRecord struct {
	ID          int64           `json:"id"`
	ShortID     string          `json:"short_id"`
	Name        *string         `json:"name"`
	DerivedName *string         `json:"derived_name"`
	Description *string         `json:"description"`
	Query       json.RawMessage `json:"query"`
	Dashboards  []int64         `json:"dashboards"`
	Tags        []string        `json:"tags"`
	CreatedAt   time.Time       `json:"created_at"`
	ModifiedAt  time.Time       `json:"last_modified_at"`
	LastRefresh *time.Time      `json:"last_refresh"`
	Result      json.RawMessage `json:"result"`
	Columns     []string        `json:"columns"`
	HasMore     bool            `json:"hasMore"`
	TimeZone    string          `json:"timezone"`
}

func (r insightRecord) insight(link string) Insight {
	in := Insight{
		ID: r.ID, ShortID: r.ShortID, Name: deref(r.Name), Description: deref(r.Description), Kind: nodeKind(r.Query),
		Dashboards: r.Dashboards, Tags: r.Tags, CreatedAt: r.CreatedAt, ModifiedAt: r.ModifiedAt, URL: link,
	}
	if in.Name == "" {
		in.Name = deref(r.DerivedName)
	}
	return in
}

// nodeKind names what a stored node computes, below its display wrappers.
func nodeKind(raw json.RawMessage) string {
	for range 3 {
		var node struct {
			Kind   string          `json:"kind"`
			Source json.RawMessage `json:"source"`
		}
		if json.Unmarshal(raw, &node) != nil {
			return ""
		}
		if isNull(node.Source) || !isWrapper(node.Kind) {
			return node.Kind
		}
		raw = node.Source
	}
	return ""
}

func isWrapper(kind string) bool {
	return kind == "InsightVizNode" || kind == "DataVisualizationNode" || kind == "DataTableNode"
}
