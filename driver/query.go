package driver

import (
	"context"
	"fmt"
	"time"
)

// QueryParams are what [Client.Query] takes.
type QueryParams struct {
	SQL    string         // one HogQL statement
	Values map[string]any // for its {name} placeholders: strings, numbers, booleans, null, and lists of those
	Fresh  bool           // compute, whatever PostHog has cached
	Name   string         // label in PostHog's query log; "posthog-mcp query" when empty
}

// QueryResult is the answer to a HogQL query.
type QueryResult struct {
	Columns     []string
	Types       []string  // ClickHouse types in the order of Columns, "" where PostHog gave none
	Rows        [][]any   // numbers are json.Number
	HasMore     bool      // more rows exist than Rows holds
	MoreUnknown bool      // whether more rows exist cannot be known
	Limit       int       // the limit in force, 0 when unknown
	OwnLimit    bool      // Limit is the query's own
	Cached      bool      // PostHog answered from its cache
	LastRefresh time.Time // when PostHog computed the answer; zero when it does not say
	TimeZone    string    // of times in the rows
	Notes       []string  // what PostHog does otherwise than the text of the query suggests
}

// Query runs one HogQL statement. Before it spends quota it refuses what
// PostHog would refuse: a syntax error (with line and column), an OFFSET, a
// placeholder without its value. What only PostHog can judge is passed on.
//
// A statement with its own LIMIT n is sent with n+1, so that HasMore is true
// exactly when more rows exist; PostHog itself tells that only for statements
// without a LIMIT.
//
//posthog:operation POST /api/projects/:project_id/query/
func (c *Client) Query(ctx context.Context, p QueryParams) (QueryResult, error) {
	const op = "query"
	plan, err := planQuery(op, p.SQL, p.Values)
	if err != nil {
		return QueryResult{}, err
	}
	name := p.Name
	if name == "" {
		name = "posthog-mcp query"
	}
	ans, err := c.runHogQL(ctx, op, statement{sql: plan.sql, values: plan.values, name: name, fresh: p.Fresh})
	if err != nil {
		return QueryResult{}, plan.teach(err)
	}
	out := QueryResult{
		Columns: ans.Columns, Types: typeNames(ans.Types), Rows: ans.Results, Limit: plan.limit, OwnLimit: plan.own,
		Cached: ans.Cached, LastRefresh: deref(ans.LastRefresh), TimeZone: ans.TimeZone,
	}
	if plan.info != nil {
		out.Notes = plan.info.Notes
	}
	if len(out.Columns) == 0 && len(out.Rows) > 0 {
		for i := range out.Rows[0] {
			out.Columns = append(out.Columns, fmt.Sprintf("column_%d", i+1))
		}
	}
	switch {
	case plan.counted && len(out.Rows) > plan.limit:
		out.Rows, out.HasMore = out.Rows[:plan.limit], true
	case plan.counted:
		out.MoreUnknown = plan.unsure && len(out.Rows) == plan.limit
	case ans.HasMore != nil:
		out.HasMore = *ans.HasMore
		if ans.Limit != nil {
			out.Limit = *ans.Limit
		}
	default:
		// The limit is full, or not known, and one more could not be asked for.
		out.MoreUnknown = len(out.Rows) > 0 && len(out.Rows) >= plan.limit
	}
	return out, nil
}
