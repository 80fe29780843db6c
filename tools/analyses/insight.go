package analyses

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// InsightIn are the arguments of run_insight.
type InsightIn struct {
	ID string `json:"id" jsonschema:"Id, short id or pasted URL" maxlen:"300" example:"AbCd1234"`
}

// InsightOut is the answer of run_insight.
type InsightOut struct {
	Name       string          `json:"name"`
	Kind       string          `json:"kind" jsonschema:"What is computed"`
	URL        string          `json:"url,omitempty"`
	ComputedAt string          `json:"computed_at,omitempty" jsonschema:"UTC"`
	Result     json.RawMessage `json:"result,omitempty" jsonschema:"Result that is no table"`
	tools.Table

	notices []string
}

// Notices tells of a result that is missing.
func (o *InsightOut) Notices() []string { return o.notices }

func runInsight() tools.Tool {
	return tools.Op[InsightIn, InsightOut]{
		Name: "run_insight", Title: "Run a saved insight", Toolset: toolset,
		Doc:    "Computes a saved insight, as its screen in PostHog shows it, and gives its result as rows. Find insights with get_insights.",
		Effect: tools.Reads, Scopes: []string{"insight:read"}, Class: driver.ClassQuery,
		Examples: []string{`{"id":"AbCd1234"}`},
		Run: func(ctx context.Context, ph *driver.Client, in InsightIn) (InsightOut, error) {
			id, err := insightRef(ctx, ph, in.ID)
			if err != nil {
				return InsightOut{}, err
			}
			res, err := ph.Insights(ctx, driver.InsightsParams{ID: id, Compute: true})
			if err != nil {
				return InsightOut{}, err
			}
			s := res.Insights[0]
			out := InsightOut{Name: s.Name, Kind: s.Kind, URL: s.URL}
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
			case len(s.RawResult) > 0 && string(s.RawResult) != "null":
				out.Result = s.RawResult
			default:
				out.notices = append(out.notices, "PostHog gave no result for this insight.")
			}
			return out, nil
		},
	}
}

// insightRef takes the id out of a URL as people copy it, and refuses the URL
// of another project: short ids are told apart by project only.
func insightRef(ctx context.Context, ph *driver.Client, text string) (string, error) {
	id := strings.TrimSpace(text)
	head, rest, is := strings.Cut(id, "/insights/")
	if !is {
		return id, nil
	}
	if _, project, has := strings.Cut(head, "/project/"); has {
		want, err := strconv.ParseInt(project, 10, 64)
		if ref, unknown := ph.Project(ctx); err == nil && unknown == nil && ref.ID != want {
			return "", refuse("run_insight", "id", fmt.Sprintf("the URL is of project %d, but this is project %d", want, ref.ID),
				"Paste the URL of an insight of this project, or find one with get_insights.")
		}
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return rest, nil
}
