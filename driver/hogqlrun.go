package driver

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// maxQueryRows is PostHog's MAX_SELECT_RETURNED_ROWS: a larger LIMIT is cut to
// it without a word.
const maxQueryRows = 50_000

// statement is one HogQL statement ready to be sent: its text holds no caller's
// value, they all travel in values.
type statement struct {
	sql    string
	values map[string]any
	name   string // label in PostHog's query log
	fresh  bool   // compute, whatever PostHog has cached
}

// hogqlAnswer is what POST /query/ gives for a HogQLQuery.
type hogqlAnswer struct {
	Columns     []string          `json:"columns"`
	Types       []json.RawMessage `json:"types"`
	Results     [][]any           `json:"results"`
	HasMore     *bool             `json:"hasMore"`
	Limit       *int              `json:"limit"`
	Cached      bool              `json:"is_cached"`
	LastRefresh *time.Time        `json:"last_refresh"`
	TimeZone    string            `json:"timezone"`
}

// runHogQL sends one statement.
func (c *Client) runHogQL(ctx context.Context, op string, s statement) (hogqlAnswer, error) {
	node := map[string]any{"kind": "HogQLQuery", "query": s.sql, "name": s.name}
	if len(s.values) > 0 {
		node["values"] = s.values
	}
	id, err := uuid.NewV7()
	if err != nil {
		return hogqlAnswer{}, &Error{Op: op, Kind: KindUpstream, Detail: "no random numbers for a query id", Err: err}
	}
	refresh := "blocking"
	if s.fresh {
		refresh = "force_blocking"
	}
	var out hogqlAnswer
	err = c.do(ctx, request{
		op: op, class: ClassQuery, bucket: quota.BucketQueries,
		method: http.MethodPost, path: "/api/projects/{project}/query/",
		body:       map[string]any{"query": node, "name": s.name, "client_query_id": id.String(), "refresh": refresh},
		idempotent: true,
	}, &out)
	if err != nil {
		return hogqlAnswer{}, err
	}
	if out.Cached {
		record(ctx, func(d *TraceData) { d.CachedByPH = true })
	}
	return out, nil
}

// typeNames reads PostHog's types: [name, type] pairs, plain strings on older
// servers.
func typeNames(raw []json.RawMessage) []string {
	out := make([]string, len(raw))
	for i, r := range raw {
		var pair []string
		if json.Unmarshal(r, &pair) == nil && len(pair) > 1 {
			out[i] = pair[1]
			continue
		}
		var plain string
		if json.Unmarshal(r, &plain) == nil {
			out[i] = plain
		}
	}
	return out
}
