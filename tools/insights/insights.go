// Package insights holds the tools around saved charts and queries.
package insights

import (
	"context"
	"embed"
	"encoding/json"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

//go:embed schema/*.json
var schemas embed.FS

// Tools gives the tools of this area.
func Tools() tools.Set {
	return tools.Set{Tools: []tools.Tool{getInsights(), createInsight()}, Schemas: schemas}
}

// ListIn are the arguments of get_insights.
type ListIn struct {
	ID      string `json:"id,omitempty" jsonschema:"One insight: id, short id or URL" maxlen:"300" example:"AbCd1234"`
	Compute bool   `json:"compute,omitempty" jsonschema:"With id: also its result"`
	Search  string `json:"search,omitempty" jsonschema:"Part of a name" maxlen:"400" example:"signups"`
	Limit   int    `json:"limit,omitempty" jsonschema:"Rows" default:"50" min:"1" max:"500"`
	Cursor  string `json:"cursor,omitempty" jsonschema:"Next page" maxlen:"2000" example:"limit=50&offset=50"`
}

// ListOut is the answer of get_insights: a list of insights, or one insight
// with the rows of its result.
type ListOut struct {
	ID          int64           `json:"id,omitempty"`
	ShortID     string          `json:"short_id,omitempty"`
	Name        string          `json:"name,omitempty"`
	Description string          `json:"description,omitempty"`
	Kind        string          `json:"kind,omitempty" jsonschema:"What is computed"`
	URL         string          `json:"url,omitempty"`
	Query       json.RawMessage `json:"query,omitempty" jsonschema:"Stored query node"`
	ComputedAt  string          `json:"computed_at,omitempty" jsonschema:"When PostHog computed the result, UTC"`
	Result      json.RawMessage `json:"result,omitempty" jsonschema:"Result that is no table"`
	tools.Table

	notices []string
}

// Notices tells of a result that is missing or cut.
func (o *ListOut) Notices() []string { return o.notices }

func getInsights() tools.Tool {
	return tools.Op[ListIn, ListOut]{
		Name: "get_insights", Title: "List or read saved insights",
		Doc:    "Lists saved insights (charts and queries), or gives one by id with its query and, with compute, its result as rows.",
		Effect: tools.Reads, Scopes: []string{"insight:read"}, Class: driver.ClassRead,
		Examples: []string{`{"search":"signups"}`, `{"id":"AbCd1234","compute":true}`},
		Run: func(ctx context.Context, ph *driver.Client, in ListIn) (ListOut, error) {
			res, err := ph.Insights(ctx, driver.InsightsParams{ID: in.ID, Compute: in.Compute, Search: in.Search, Limit: in.Limit, Cursor: in.Cursor})
			if err != nil {
				return ListOut{}, err
			}
			if in.ID != "" && len(res.Insights) == 1 {
				return oneInsight(res.Insights[0], in.Compute), nil
			}
			rows := make([][]any, len(res.Insights))
			for i, s := range res.Insights {
				rows[i] = []any{s.ID, s.ShortID, s.Name, s.Kind, day(s.ModifiedAt), s.Description}
			}
			out := ListOut{Table: tools.NewTable([]string{"id", "short_id", "name", "kind", "modified", "description"}, rows)}
			out.Total, out.Cursor, out.HasMore = res.Total, res.Cursor, res.Cursor != ""
			return out, nil
		},
	}
}

func oneInsight(s driver.Insight, compute bool) ListOut {
	out := ListOut{
		ID: s.ID, ShortID: s.ShortID, Name: s.Name, Description: s.Description, Kind: s.Kind, URL: s.URL, Query: s.Query,
	}
	if !s.ComputedAt.IsZero() {
		out.ComputedAt = s.ComputedAt.UTC().Format(time.RFC3339)
	}
	switch {
	case s.Result != nil:
		out.Table = tools.NewTable(s.Result.Columns, s.Result.Rows)
		out.HasMore = s.Truncated
		if s.TimeZone != "" {
			out.Units = "times in " + s.TimeZone
		}
	case compute && len(s.RawResult) > 0 && string(s.RawResult) != "null":
		out.Result = s.RawResult
	case compute:
		out.notices = append(out.notices, "PostHog gave no result for this insight.")
	}
	return out
}

func day(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.DateOnly)
}

// CreateIn are the arguments of create_insight.
type CreateIn struct {
	Name         string          `json:"name" jsonschema:"Name" example:"Weekly signups"`
	SQL          string          `json:"sql,omitempty" jsonschema:"HogQL, or give query" example:"SELECT count() FROM events WHERE timestamp > now() - INTERVAL 7 DAY"`
	Query        json.RawMessage `json:"query,omitempty" jsonschema:"TrendsQuery, FunnelsQuery, RetentionQuery… node" example:"{\"kind\":\"TrendsQuery\",\"series\":[{\"kind\":\"EventsNode\",\"event\":\"signup\"}]}"`
	Description  string          `json:"description,omitempty" jsonschema:"For people" example:"New accounts per week"`
	DashboardIDs []int64         `json:"dashboard_ids,omitempty" jsonschema:"Dashboards to put it on" maxitems:"50"`
}

// CreateOut is the answer of create_insight.
type CreateOut struct {
	ID      int64  `json:"id"`
	ShortID string `json:"short_id"`
	Name    string `json:"name"`
	Kind    string `json:"kind" jsonschema:"What is computed"`
	URL     string `json:"url" jsonschema:"To open it in PostHog"`
}

func createInsight() tools.Tool {
	return tools.Op[CreateIn, CreateOut]{
		Name: "create_insight", Title: "Save an insight",
		Doc: "Saves a chart or query for the team and returns its url. Give HogQL in sql, or a query node in query. " +
			"Each call makes a new insight.",
		Effect: tools.Creates, Scopes: []string{"insight:write"}, Class: driver.ClassWrite,
		Examples: []string{`{"name":"Weekly signups","query":{"kind":"TrendsQuery","series":[{"kind":"EventsNode","event":"signup"}],"interval":"week"}}`},
		Run: func(ctx context.Context, ph *driver.Client, in CreateIn) (CreateOut, error) {
			s, err := ph.CreateInsight(ctx, driver.CreateInsightParams{
				Name: in.Name, SQL: in.SQL, Query: unwrap(in.Query), Description: in.Description, Dashboards: in.DashboardIDs,
			})
			if err != nil {
				return CreateOut{}, err
			}
			return CreateOut{ID: s.ID, ShortID: s.ShortID, Name: s.Name, Kind: s.Kind, URL: s.URL}, nil
		},
	}
}

// unwrap takes a node that a model sent as JSON text.
func unwrap(raw json.RawMessage) json.RawMessage {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return raw
	}
	if inner := strings.TrimSpace(text); strings.HasPrefix(inner, "{") && json.Valid([]byte(inner)) {
		return json.RawMessage(inner)
	}
	return raw
}
