package driver

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// insightQuery makes the node that PostHog stores: the statement or the node,
// inside the wrapper that says how to show it.
func insightQuery(op, sql string, query json.RawMessage) (any, error) {
	sql = strings.TrimSpace(sql)
	switch {
	case sql != "" && !isNull(query):
		return nil, invalid(op, "query", "both sql and query were given", "Give one of them.")
	case sql != "":
		if err := checkInsightSQL(op, "sql", sql); err != nil {
			return nil, err
		}
		return map[string]any{
			"kind":   "DataVisualizationNode",
			"source": map[string]any{"kind": "HogQLQuery", "query": sql},
		}, nil
	case isNull(query):
		return nil, invalid(op, "sql", "neither sql nor query was given", `Give HogQL in sql, or a node such as {"kind":"TrendsQuery","series":[{"kind":"EventsNode","event":"signup"}]} in query.`)
	}
	var node map[string]any
	if err := decodeJSON(query, &node); err != nil {
		return nil, invalid(op, "query", "query is not a JSON object", `Give a node such as {"kind":"TrendsQuery","series":[...]}.`)
	}
	kind, _ := node["kind"].(string)
	if isWrapper(kind) {
		inner := nodeKind(query)
		if inner == "HogQLQuery" {
			return node, checkInsightSQL(op, "query", innerSQL(node))
		}
		return node, checkNodeKind(op, inner)
	}
	if kind == "HogQLQuery" {
		return map[string]any{"kind": "DataVisualizationNode", "source": node}, checkInsightSQL(op, "query", innerSQL(node))
	}
	if err := checkNodeKind(op, kind); err != nil {
		return nil, err
	}
	if series, ok := node["series"].([]any); needsSeries(kind) && (!ok || len(series) == 0) {
		return nil, invalid(op, "query.series", kind+" without series", `Add "series":[{"kind":"EventsNode","event":"signup"}].`)
	}
	return map[string]any{"kind": "InsightVizNode", "source": node}, nil
}

func insightKinds() []string {
	return []string{"TrendsQuery", "FunnelsQuery", "RetentionQuery", "PathsQuery", "StickinessQuery", "LifecycleQuery"}
}

func needsSeries(kind string) bool {
	return slices.Contains([]string{"TrendsQuery", "FunnelsQuery", "StickinessQuery", "LifecycleQuery"}, kind)
}

func checkNodeKind(op, kind string) error {
	if slices.Contains(insightKinds(), kind) {
		return nil
	}
	return invalid(op, "query.kind", fmt.Sprintf("query kind %.60q", kind), "Use "+strings.Join(insightKinds(), ", ")+", or HogQL in sql.")
}

// innerSQL gives the statement of a node, below its wrappers.
func innerSQL(node map[string]any) string {
	for range 3 {
		source, ok := node["source"].(map[string]any)
		if !ok {
			break
		}
		node = source
	}
	sql, _ := node["query"].(string)
	return sql
}

// checkInsightSQL refuses what can be seen to be no single readable statement,
// because PostHog stores a broken insight without a word.
func checkInsightSQL(op, attr, sql string) error {
	_, err := hogql.Parse(sql)
	if syntax, ok := errors.AsType[*hogql.SyntaxError](err); ok {
		return invalid(op, attr, "the statement does not parse: "+cleanText(syntax.Error(), maxDetail), "Correct it and try it with query first.")
	}
	return nil
}
