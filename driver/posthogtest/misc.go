package posthogtest

import (
	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

func (s *Server) listIssues(c *call) (*reply, error) {
	status := c.query.Get("status")
	return page(c, s.site(c), filter(s.store.Issues(), func(i data.Issue) bool {
		return (status == "" || i.Status == status) && contains(c.query.Get("search"), i.Name, i.Description)
	}))
}

func (s *Server) getIssue(c *call) (*reply, error) {
	id, err := uuid.Parse(c.params["id"])
	if err != nil {
		return nil, noObject()
	}
	for _, i := range s.store.Issues() {
		if i.ID == id {
			return ok(i)
		}
	}
	return nil, noObject()
}

func (s *Server) listSurveys(c *call) (*reply, error) {
	return page(c, s.site(c), s.store.Surveys())
}

// listActions answers the project's actions: it has none.
func (s *Server) listActions(c *call) (*reply, error) { return page(c, s.site(c), []any{}) }

// activityLog answers a plain array; the demo keeps no log of changes.
func (s *Server) activityLog(*call) (*reply, error) { return ok([]any{}) }
