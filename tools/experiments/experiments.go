// Package experiments holds the tools around A/B tests.
package experiments

import (
	"context"
	"embed"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

//go:embed schema/*.json
var schemas embed.FS

// Tools gives the tools of this area.
func Tools() tools.Set {
	return tools.Set{Tools: []tools.Tool{getExperiments(), getExperimentResults()}, Schemas: schemas}
}

// ListIn are the arguments of get_experiments.
type ListIn struct {
	ID     int64  `json:"id,omitempty" jsonschema:"One experiment with its metrics" min:"1" example:"12"`
	Status string `json:"status,omitempty" jsonschema:"Only in this state" enum:"draft,running,paused,stopped,complete" example:"running"`
	Search string `json:"search,omitempty" jsonschema:"Part of a name" maxlen:"400" example:"pricing"`
	Limit  int    `json:"limit,omitempty" jsonschema:"Rows" default:"50" min:"1" max:"500"`
	Cursor string `json:"cursor,omitempty" jsonschema:"Next page" maxlen:"2000" example:"limit=50&offset=50"`
}

// ListOut is the answer of get_experiments.
type ListOut struct {
	Metrics     []string `json:"metrics,omitempty" jsonschema:"Role, type and name, of one experiment"`
	Description string   `json:"description,omitempty" jsonschema:"Of one experiment"`
	Conclusion  string   `json:"conclusion,omitempty" jsonschema:"What people decided, of one experiment"`
	tools.Table
}

func getExperiments() tools.Tool {
	return tools.Op[ListIn, ListOut]{
		Name: "get_experiments", Title: "List experiments",
		Doc: "Lists experiments (A/B tests) with state, flag, dates and variants, or one with its metrics. " +
			"For results use get_experiment_results.",
		Effect: tools.Reads, Scopes: []string{"experiment:read"}, Class: driver.ClassRead,
		Examples: []string{`{"status":"running"}`, `{"id":12}`},
		Run: func(ctx context.Context, ph *driver.Client, in ListIn) (ListOut, error) {
			res, err := ph.Experiments(ctx, driver.ExperimentsParams{ID: in.ID, Status: in.Status, Search: in.Search, Limit: in.Limit, Cursor: in.Cursor})
			if err != nil {
				return ListOut{}, err
			}
			rows := make([][]any, len(res.Experiments))
			for i, e := range res.Experiments {
				status := e.Status
				if e.Archived {
					status += ", archived"
				}
				rows[i] = []any{e.ID, e.Name, status, e.FlagKey, day(e.Start), day(e.End), variants(e.Variants), len(e.Metrics)}
			}
			out := ListOut{Table: tools.NewTable([]string{"id", "name", "status", "flag", "start", "end", "variants", "metrics"}, rows)}
			out.Units = "dates in UTC"
			out.Total, out.Cursor, out.HasMore = res.Total, res.Cursor, res.Cursor != ""
			if in.ID != 0 && len(res.Experiments) == 1 {
				e := res.Experiments[0]
				out.Description, out.Conclusion = e.Description, strings.TrimSpace(e.Conclusion+" "+e.Comment)
				for _, m := range e.Metrics {
					out.Metrics = append(out.Metrics, strings.TrimSpace(m.Role+" "+m.Type)+": "+m.Name)
				}
			}
			return out, nil
		},
	}
}

func variants(list []driver.FlagVariant) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = v.String()
	}
	return strings.Join(parts, ", ")
}

func day(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.DateOnly)
}
