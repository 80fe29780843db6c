package posthogtest

import (
	"slices"
	"strconv"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

func (s *Server) listExperiments(c *call) (*reply, error) {
	status, flagID := c.query.Get("status"), c.query.Get("feature_flag_id")
	if status != "" && !slices.Contains([]string{"draft", "running", "paused", "stopped", "complete", "all"}, status) {
		return nil, invalid("invalid_choice", "status", "%q is not a valid choice.", status)
	}
	if status == "complete" { // the older name
		status = "stopped"
	}
	all := []data.Experiment{}
	for _, e := range s.experiments.list() {
		row := s.withFlag(e)
		if !e.Deleted && e.Archived == c.flag("archived") && (status == "" || status == "all" || e.Status == status) &&
			(flagID == "" || row.FeatureFlag != nil && strconv.FormatInt(row.FeatureFlag.ID, 10) == flagID) && contains(c.query.Get("search"), e.Name) {
			all = append(all, row)
		}
	}
	slices.Reverse(all) // newest first
	return page(c, s.site(c), all)
}

// withFlag gives an experiment with its flag as it is now.
func (s *Server) withFlag(e *data.Experiment) data.Experiment {
	row := *e
	for _, f := range s.flags.list() {
		if f.Key == e.FeatureFlagKey {
			row.FeatureFlag = f
		}
	}
	return row
}

func (s *Server) getExperiment(c *call) (*reply, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	e := s.experiments.get(id)
	if e == nil || e.Deleted {
		return nil, noObject()
	}
	return ok(s.withFlag(e))
}
