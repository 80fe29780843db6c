package posthogtest

import (
	"slices"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

func (s *Server) listDashboards(c *call) (*reply, error) {
	all := []data.Dashboard{}
	for _, d := range s.store.Dashboards() {
		if !d.Deleted && contains(c.query.Get("search"), d.Name, d.Description) {
			all = append(all, *d)
		}
	}
	return page(c, s.site(c), all)
}

// tile is one insight on a dashboard.
type tile struct {
	ID          int64          `json:"id"`
	Order       int            `json:"order"`
	Insight     *data.Insight  `json:"insight"`
	Layouts     map[string]any `json:"layouts"`
	Color       *string        `json:"color"`
	IsCached    bool           `json:"is_cached"`
	LastRefresh any            `json:"last_refresh"`
}

func (s *Server) getDashboard(c *call) (*reply, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	for _, d := range s.store.Dashboards() {
		if d.ID == id && !d.Deleted {
			return ok(s.dashboardBody(d))
		}
	}
	return nil, noObject()
}

// dashboardBody is a dashboard with its tiles: the insights it began with and
// those that were put on it since. Results are those in the cache.
func (s *Server) dashboardBody(d *data.Dashboard) any {
	type body struct {
		data.Dashboard
		Tiles []tile `json:"tiles"`
	}
	out := body{Dashboard: *d, Tiles: []tile{}}
	for _, i := range s.store.Insights() {
		if !slices.Contains(d.InsightIDs, i.ID) && !slices.Contains(i.Dashboards, d.ID) {
			continue
		}
		t := tile{ID: i.ID, Order: len(out.Tiles), Insight: &i, Layouts: map[string]any{}}
		t.IsCached = s.showCached(&i) != nil
		if i.LastRefresh != nil {
			t.LastRefresh = *i.LastRefresh
		}
		out.Tiles = append(out.Tiles, t)
	}
	return out
}
