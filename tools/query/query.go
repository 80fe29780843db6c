// Package query holds the tool that runs HogQL.
package query

import (
	"context"
	"embed"
	"fmt"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

//go:embed schema/*.json
var schemas embed.FS

// Tools gives the tools of this area.
func Tools() tools.Set {
	return tools.Set{Tools: []tools.Tool{query()}, Schemas: schemas}
}

// In are the arguments of query.
type In struct {
	Query  string         `json:"query" jsonschema:"One HogQL SELECT; 100 rows without LIMIT, 50000 at most, no OFFSET" minlen:"1" example:"SELECT event, count() AS n FROM events WHERE timestamp > now() - INTERVAL 7 DAY GROUP BY event ORDER BY n DESC LIMIT 10"`
	Values map[string]any `json:"values,omitempty" jsonschema:"Values for {name} placeholders" example:"{}"`
	Fresh  bool           `json:"fresh,omitempty" jsonschema:"Compute anew, past PostHog's cache"`
}

// Out is the answer of query.
type Out struct {
	tools.Table

	notices []string
}

// Notices tells of a cached answer and of rows that may be missing.
func (o *Out) Notices() []string { return o.notices }

func query() tools.Tool {
	return tools.Op[In, Out]{
		Name: "query", Aliases: []string{"hogql_query"}, Title: "Run a HogQL query",
		Doc: "Runs HogQL, PostHog's ClickHouse SQL, and returns rows. Always bound timestamp. " +
			"Properties read as properties.plan, person.properties.email; names are in list_objects and get_fields. " +
			"Put user text into values.",
		Effect: tools.Reads, Scopes: []string{"query:read"}, Class: driver.ClassQuery,
		Examples: []string{`{"query":"SELECT count() AS n FROM events WHERE event = {name} AND timestamp > now() - INTERVAL 1 DAY","values":{"name":"signup"}}`},
		Run: func(ctx context.Context, ph *driver.Client, in In) (Out, error) {
			res, err := ph.Query(ctx, driver.QueryParams{SQL: in.Query, Values: in.Values, Fresh: in.Fresh, Name: "posthog-mcp query"})
			if err != nil {
				return Out{}, err
			}
			out := Out{Table: tools.NewTable(res.Columns, res.Rows)}
			out.HasMore = res.HasMore
			out.Units = units(res)
			out.notices = notices(res, tools.Now(ctx))
			return out, nil
		},
	}
}

// units names the time zone when a column holds times.
func units(res driver.QueryResult) string {
	if res.TimeZone == "" {
		return ""
	}
	for _, t := range res.Types {
		if strings.Contains(t, "DateTime") {
			return "times in " + res.TimeZone
		}
	}
	return ""
}

func notices(res driver.QueryResult, now time.Time) []string {
	var out []string
	switch {
	case res.HasMore && !res.OwnLimit:
		out = append(out, fmt.Sprintf("Only the first %d rows: the query has no LIMIT of its own. Add one, or aggregate.", len(res.Rows)))
	case res.MoreUnknown:
		out = append(out, fmt.Sprintf("%d rows is the most that this query can give; whether more match is not known.", len(res.Rows)))
	}
	out = append(out, res.Notes...)
	if age := now.Sub(res.LastRefresh); res.Cached && !res.LastRefresh.IsZero() && age > time.Minute {
		out = append(out, fmt.Sprintf("PostHog answered from its cache, computed %s ago; fresh=true computes anew.", age.Round(time.Minute)))
	}
	return out
}
