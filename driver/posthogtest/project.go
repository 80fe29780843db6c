package posthogtest

import (
	"slices"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// projectRow is a project inside lists and inside the user's organization.
type projectRow struct {
	ID            int64  `json:"id"`
	UUID          string `json:"uuid"`
	Organization  string `json:"organization"`
	Name          string `json:"name"`
	APIToken      string `json:"api_token"`
	TimeZone      string `json:"timezone"`
	IsDemo        bool   `json:"is_demo"`
	IngestedEvent bool   `json:"ingested_event"`
}

func rowOf(p *data.Project) projectRow {
	return projectRow{
		ID: p.ID, UUID: p.UUID.String(), Organization: p.Organization.String(), Name: p.Name, APIToken: p.APIToken,
		TimeZone: p.TimeZone, IsDemo: p.IsDemo, IngestedEvent: p.IngestedEvent,
	}
}

// organizationBody is an organization with its projects.
type organizationBody struct {
	data.Organization
	Teams    []projectRow `json:"teams"`
	Projects []projectRow `json:"projects"`
}

func (s *Server) organizationBody() organizationBody {
	p := s.store.Project()
	rows := []projectRow{rowOf(&p)}
	return organizationBody{Organization: s.store.Organization(), Teams: rows, Projects: rows}
}

func (s *Server) me(c *call) (*reply, error) {
	u, org, p := s.store.User(), s.organizationBody(), s.store.Project()
	type organizationRow struct {
		ID              string `json:"id"`
		Name            string `json:"name"`
		Slug            string `json:"slug"`
		MembershipLevel int    `json:"membership_level"`
	}
	type body struct {
		data.UserRef
		IsStaff         bool              `json:"is_staff"`
		IsEmailVerified bool              `json:"is_email_verified"`
		Organization    organizationBody  `json:"organization"`
		Team            projectRow        `json:"team"`
		Organizations   []organizationRow `json:"organizations"`
	}
	return ok(body{
		UserRef: u, IsEmailVerified: true, Organization: org, Team: rowOf(&p),
		Organizations: []organizationRow{{org.ID.String(), org.Name, org.Slug, org.MembershipLevel}},
	})
}

func (s *Server) currentKey(c *call) (*reply, error) {
	type body struct {
		ID                  string   `json:"id"`
		Label               string   `json:"label"`
		Value               *string  `json:"value"`
		MaskValue           string   `json:"mask_value"`
		Scopes              []string `json:"scopes"`
		ScopedTeams         []int64  `json:"scoped_teams"`
		ScopedOrganizations []string `json:"scoped_organizations"`
	}
	return ok(body{
		ID: c.key.label, Label: c.key.label, MaskValue: "phx_...", Scopes: slices.Concat([]string{}, c.key.scopes),
		ScopedTeams: slices.Concat([]int64{}, c.key.teams), ScopedOrganizations: []string{},
	})
}

func (s *Server) organizations(c *call) (*reply, error) {
	return page(c, s.site(c), []organizationBody{s.organizationBody()})
}

func (s *Server) organization(c *call) (*reply, error) {
	org := s.organizationBody()
	if id := c.params["org_id"]; id != "@current" && id != org.ID.String() {
		return nil, notFound("Organization not found.")
	}
	return ok(org)
}

func (s *Server) projects(c *call) (*reply, error) {
	if id, nested := c.params["org_id"]; nested && id != "@current" && id != s.store.Organization().ID.String() {
		return nil, notFound("Organization not found.")
	}
	p := s.store.Project()
	return page(c, s.site(c), []projectRow{rowOf(&p)})
}

func (s *Server) project(c *call) (*reply, error) {
	type body struct {
		data.Project
		SecretAPIToken *string  `json:"secret_api_token"` // shown to nobody
		GroupTypes     []string `json:"group_types"`
	}
	return ok(body{Project: s.store.Project(), GroupTypes: []string{}})
}
