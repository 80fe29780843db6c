package posthogtest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// insightBucket counts a read that calculates as a ClickHouse query.
func insightBucket(c *call) bucket {
	if m, _ := insightMode(c); m != nil {
		return clickhouse
	}
	return standard
}

// insightMode reads the refresh parameter of an insight. Nil means that only
// what is cached is shown, which is the default here.
func insightMode(c *call) (*mode, error) {
	text := c.query.Get("refresh")
	switch text {
	case "", "false", "force_cache":
		return nil, nil
	case "true":
	default:
		text = strconv.Quote(text)
	}
	m, err := refreshMode(json.RawMessage(text), false)
	if err != nil {
		return nil, invalid("invalid_choice", "refresh", "%s is not a valid choice.", text)
	}
	return &m, nil
}

func (s *Server) listInsights(c *call) (*reply, error) {
	saved, shortID := c.query.Get("saved"), c.query.Get("short_id")
	all := filter(s.store.Insights(), func(i data.Insight) bool {
		return contains(c.query.Get("search"), i.Name, i.Description) && (shortID == "" || i.ShortID == shortID) &&
			(saved == "" || i.Saved == c.flag("saved")) && (!c.query.Has("favorited") || i.Favorited)
	})
	slices.SortStableFunc(all, func(a, b data.Insight) int { return int(b.ID - a.ID) })
	if !c.flag("basic") {
		for i := range all {
			s.showCached(&all[i])
		}
	}
	return page(c, s.site(c), all)
}

// insight finds an insight by number or by short id.
func (s *Server) insight(c *call) (*data.Insight, error) {
	want := c.params["id"]
	for _, i := range s.store.Insights() {
		if i.ShortID == want || strconv.FormatInt(i.ID, 10) == want {
			return &i, nil
		}
	}
	return nil, noObject()
}

// source is the query inside an insight's display node.
func source(i *data.Insight) (*queryNode, error) {
	node, err := parseNode(i.Query, "query")
	for err == nil && slices.Contains([]string{"InsightVizNode", "DataVisualizationNode", "DataTableNode"}, node.Kind) {
		var outer struct {
			Source json.RawMessage `json:"source"`
		}
		if err = json.Unmarshal(node.raw, &outer); err == nil {
			node, err = parseNode(outer.Source, "query.source")
		}
	}
	return node, err
}

// showCached fills in the result that is in the cache, if any.
func (s *Server) showCached(i *data.Insight) map[string]any {
	node, err := source(i)
	if err != nil {
		return nil
	}
	entry := s.results.get(cacheKey(node.raw))
	if entry == nil {
		return nil
	}
	i.Result, i.LastRefresh = entry.body["results"], &entry.at
	return entry.answer(true, s.zone())
}

// insightBody is an insight on its own, with what its result came with.
type insightBody struct {
	*data.Insight
	IsCached    bool        `json:"is_cached"`
	HasMore     any         `json:"hasMore,omitempty"`
	Columns     any         `json:"columns,omitempty"`
	Types       any         `json:"types,omitempty"`
	QueryStatus *taskStatus `json:"query_status"`
}

func (s *Server) getInsight(c *call) (*reply, error) {
	i, err := s.insight(c)
	if err != nil {
		return nil, err
	}
	m, err := insightMode(c)
	if err != nil {
		return nil, err
	}
	out := insightBody{Insight: i}
	answer := s.showCached(i)
	out.IsCached = answer != nil
	if m != nil && (answer == nil || !m.cache || c.now.Sub(*i.LastRefresh) >= freshFor) {
		node, err := source(i)
		if err != nil {
			return nil, err
		}
		id, key := strings.ReplaceAll(uuid.NewString(), "-", ""), cacheKey(node.raw)
		if m.async {
			if _, err := s.startTask(node, id, key, nil, true); err != nil {
				return nil, err
			}
			out.QueryStatus = s.tasks.status(id, c.now)
		} else {
			entry, err := s.compute(node, id, key, s.maxRun)
			if err != nil {
				return nil, err
			}
			answer, out.IsCached = entry.answer(false, s.zone()), false
			i.Result, i.LastRefresh = entry.body["results"], &entry.at
		}
	}
	if answer != nil {
		out.HasMore, out.Columns, out.Types = answer["hasMore"], answer["columns"], answer["types"]
	}
	return ok(out)
}

func (s *Server) createInsight(c *call) (*reply, error) {
	in, err := c.fields()
	if err != nil {
		return nil, err
	}
	i := data.Insight{}
	if err := applyInsight(&i, in, s.store.Dashboards()); err != nil {
		return nil, err
	}
	if i.Query == nil {
		return nil, required("query")
	}
	created, err := s.store.CreateInsight(i)
	if err != nil {
		return nil, storeError(err, "query")
	}
	return jsonReply(http.StatusCreated, insightBody{Insight: &created}), nil
}

func (s *Server) patchInsight(c *call) (*reply, error) {
	i, err := s.insight(c)
	if err != nil {
		return nil, err
	}
	in, err := c.fields()
	if err != nil {
		return nil, err
	}
	dashboards := s.store.Dashboards() // before, as the store is locked inside
	changed, err := s.store.PatchInsight(i.ID, func(i *data.Insight) error { return applyInsight(i, in, dashboards) })
	if err != nil {
		return nil, storeError(err, "query")
	}
	return ok(insightBody{Insight: &changed})
}

func applyInsight(i *data.Insight, in fields, dashboards []*data.Dashboard) error {
	var name, description *string
	if err := in.readAll(map[string]any{
		"name": &name, "description": &description, "dashboards": &i.Dashboards, "tags": &i.Tags, "favorited": &i.Favorited, "deleted": &i.Deleted,
	}); err != nil {
		return err
	}
	if name != nil {
		i.Name = *name
	}
	if description != nil {
		i.Description = *description
	}
	for _, id := range i.Dashboards {
		if !slices.ContainsFunc(dashboards, func(d *data.Dashboard) bool { return d.ID == id && !d.Deleted }) {
			return invalid("does_not_exist", "dashboards", "Invalid pk \"%d\" - object does not exist.", id)
		}
	}
	if raw := notNull(in["query"]); raw != nil {
		i.Query = raw
		if _, err := source(i); err != nil {
			return invalid("invalid_input", "query", "The query needs a kind, and so does the source inside it.")
		}
	}
	return nil
}
