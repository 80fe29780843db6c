package driver

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// ProjectRef is the project that a client works on. Name and TimeZone are
// empty when the key lacks project:read.
type ProjectRef struct {
	ID       int64  `json:"id"`
	Name     string `json:"name,omitempty"`
	TimeZone string `json:"timezone,omitempty"` // IANA name, such as "Europe/Berlin"
}

// projectRecord is what the driver reads of a project.
type projectRecord struct {
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	APIToken string `json:"api_token"`
	TimeZone string `json:"timezone"`
}

// projects remembers the resolved project.
type projects struct {
	mu  sync.Mutex
	rec *projectRecord
}

// Project gives the project that this client works on: the configured one, or
// the only one that the key sees.
//
//posthog:operation GET /api/projects/
//posthog:operation GET /api/projects/:project_id/
func (c *Client) Project(ctx context.Context) (ProjectRef, error) {
	rec, err := c.resolveProject(ctx, "get_project_info")
	if err != nil {
		return ProjectRef{}, err
	}
	return ProjectRef{ID: rec.ID, Name: rec.Name, TimeZone: rec.TimeZone}, nil
}

// projectID gives the id for a path, without a request when it is configured.
func (c *Client) projectID(ctx context.Context, op string) (int64, error) {
	if c.cfg.ProjectID != 0 {
		return c.cfg.ProjectID, nil
	}
	rec, err := c.resolveProject(ctx, op)
	if err != nil {
		return 0, err
	}
	return rec.ID, nil
}

// projectToken gives the project API key (phc_) for capture and flags: the
// configured one, or the project's own, read once.
func (c *Client) projectToken(ctx context.Context) (credential.Secret, error) {
	if c.cfg.ProjectKey != "" {
		return credential.NewSecret(c.cfg.ProjectKey), nil
	}
	rec, err := c.resolveProject(ctx, "get_project_info")
	if err != nil {
		return credential.Secret{}, err
	}
	if rec.APIToken == "" {
		return credential.Secret{}, &Error{Kind: KindUnauthenticated, Detail: "no project API key is set and the personal key may not read it", Hint: "Set POSTHOG_PROJECT_API_KEY to the project's key (phc_…), or give the personal key the scope project:read."}
	}
	return credential.NewSecret(rec.APIToken), nil
}

func (c *Client) resolveProject(ctx context.Context, op string) (*projectRecord, error) {
	c.project.mu.Lock()
	defer c.project.mu.Unlock()
	if c.project.rec != nil {
		return c.project.rec, nil
	}
	r := request{op: op, class: ClassRead, bucket: quota.BucketStandard, method: http.MethodGet, idempotent: true}
	if c.cfg.ProjectID != 0 {
		r.path = "/api/projects/{project}/"
		rec := &projectRecord{}
		switch err := c.do(ctx, r, rec); {
		case KindOf(err) == KindForbidden:
			rec = &projectRecord{ID: c.cfg.ProjectID}
		case err != nil:
			return nil, err
		}
		c.project.rec = rec
		return rec, nil
	}
	r.path = "/api/projects/"
	page, err := listPage[projectRecord](ctx, c, r)
	if err != nil {
		return nil, err
	}
	if len(page.Results) == 1 {
		c.project.rec = &page.Results[0]
		return c.project.rec, nil
	}
	names := make([]string, 0, len(page.Results))
	for _, p := range page.Results {
		names = append(names, fmt.Sprintf("%d (%s)", p.ID, cleanText(p.Name, 40)))
	}
	return nil, invalid(op, "project_id", fmt.Sprintf("the key sees %d projects: %s", len(names), strings.Join(names, ", ")), "Set POSTHOG_PROJECT_ID to one of them.")
}
