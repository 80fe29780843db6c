package posthogtest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// queryRequest is the body of POST /query/.
type queryRequest struct {
	Query         json.RawMessage `json:"query"`
	Refresh       json.RawMessage `json:"refresh"`
	ClientQueryID *string         `json:"client_query_id"`
	Name          *string         `json:"name"`
	Async         bool            `json:"async"`
}

// mode says whether an answer may come from the cache and who computes it.
type mode struct{ cache, async, lazy bool }

// queryNode is a query by its kind; raw is the whole node.
type queryNode struct {
	Kind string `json:"kind"`
	raw  json.RawMessage
}

// malformed is how the API answers a body that does not fit its model.
func malformed(where, what string) error {
	return invalid("parse_error", "", "JSON parse error - 1 validation error for QueryRequest\n%s\n  %s", where, what)
}

func parseNode(raw json.RawMessage, where string) (*queryNode, error) {
	n := &queryNode{raw: raw}
	if bytes.TrimSpace(raw) == nil || string(raw) == "null" {
		return nil, malformed(where, "Field required")
	}
	if err := json.Unmarshal(raw, n); err != nil {
		return nil, malformed(where, "Input should be a valid dictionary")
	}
	if n.Kind == "" {
		return nil, malformed(where, "Unable to extract tag using discriminator 'kind'")
	}
	return n, nil
}

// refreshMode reads the refresh field. The query endpoint never refuses to
// compute, so force_cache and nothing at all mean blocking.
func refreshMode(raw json.RawMessage, async bool) (mode, error) {
	m := mode{cache: true, async: async}
	switch strings.TrimSpace(string(raw)) {
	case "", "null", "false", `"force_cache"`, `"blocking"`:
	case `"async"`, `"async_except_on_cache_miss"`:
		m.async = true
	case `"lazy_async"`:
		m.async, m.lazy = true, true
	case "true", `"force_blocking"`:
		m.cache = false
	case `"force_async"`:
		m.cache, m.async = false, true
	default:
		return m, malformed("refresh", "Input should be 'async', 'async_except_on_cache_miss', 'blocking', 'force_async', 'force_blocking', 'force_cache' or 'lazy_async'")
	}
	return m, nil
}

func (s *Server) runQuery(c *call) (*reply, error) {
	var body queryRequest
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	node, err := parseNode(body.Query, "query")
	if err != nil {
		return nil, err
	}
	m, err := refreshMode(body.Refresh, body.Async)
	if err != nil {
		return nil, err
	}
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	if body.ClientQueryID != nil && *body.ClientQueryID != "" {
		id = *body.ClientQueryID
	}
	if answer, err := s.describe(c, node); answer != nil || err != nil {
		return answer, err
	}
	return s.answerQuery(c, node, m, id)
}

// answerQuery serves a query from the cache, computes it, or starts it in the
// background.
func (s *Server) answerQuery(c *call, node *queryNode, m mode, id string) (*reply, error) {
	key := cacheKey(node.raw)
	entry := s.results.get(key)
	if m.cache && entry != nil {
		age := c.now.Sub(entry.at)
		if age < freshFor || m.lazy && age < lazyFor {
			return ok(entry.answer(true, s.zone()))
		}
	}
	if s.quotaNow().APIQueries {
		return nil, &apiError{
			status: http.StatusPaymentRequired, kind: "quota_limited", code: "api_queries_quota_exceeded",
			detail: "You have exceeded your API queries quota for this billing period.",
		}
	}
	if m.async {
		return s.startTask(node, id, key, entry, !m.cache)
	}
	computed, err := s.compute(node, id, key, s.maxRun)
	if err != nil {
		return nil, err
	}
	return ok(computed.answer(false, s.zone()))
}

// zone is the project's time zone.
func (s *Server) zone() string { return s.store.Project().TimeZone }

// compute runs a query for at most the given time and caches the answer.
func (s *Server) compute(node *queryNode, id, key string, most time.Duration) (*cached, error) {
	ctx, end := s.tasks.begin(s.base, id)
	defer end()
	started := s.now()
	body, err := s.execute(ctx, node, id, most)
	s.tasks.logRun(id, node, started, s.now(), err)
	if err != nil {
		return nil, err
	}
	entry := &cached{key: key, at: s.now(), body: body}
	if !neverCached(node) {
		s.results.put(entry)
	}
	return entry, nil
}

// neverCached reports whether a query reads the schema, which is always read
// afresh.
func neverCached(node *queryNode) bool {
	return bytes.Contains(node.raw, []byte("information_schema"))
}
