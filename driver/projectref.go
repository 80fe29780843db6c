package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/singleflight"

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

// projects remembers the resolved project. Callers that need it at the same
// time share one request.
type projects struct {
	rec    atomic.Pointer[projectRecord]
	flight singleflight.Group
}

// projectPath is the endpoint of the project itself.
const projectPath = "/api/projects/{project}/"

// projectOp names the operation of requests that find the project.
const projectOp = "get_project_info"

// Project gives the project that this client works on: the configured one, or
// the only one that the key sees.
//
//posthog:operation GET /api/projects/
//posthog:operation GET /api/projects/:project_id/
//posthog:operation GET /api/personal_api_keys/@current/
func (c *Client) Project(ctx context.Context) (ProjectRef, error) {
	rec, err := c.resolveProject(ctx, projectOp)
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
	rec, err := c.resolveProject(ctx, projectOp)
	if err != nil {
		return credential.Secret{}, err
	}
	if rec.APIToken == "" {
		return credential.Secret{}, &Error{Op: projectOp, Kind: KindUnauthenticated, Detail: "no project API key is set and the personal key may not read it", Hint: "Set POSTHOG_PROJECT_API_KEY to the project's key (phc_…), or give the personal key the scope project:read."}
	}
	return credential.NewSecret(rec.APIToken), nil
}

// KnownProject gives the project as far as it is known, without asking
// PostHog. ok is false when not even its id is.
func (c *Client) KnownProject() (ref ProjectRef, ok bool) {
	if rec := c.project.rec.Load(); rec != nil {
		return ProjectRef{ID: rec.ID, Name: rec.Name, TimeZone: rec.TimeZone}, true
	}
	return ProjectRef{ID: c.cfg.ProjectID}, c.cfg.ProjectID != 0
}

// learn remembers the project when any operation has read it.
func (p *projects) learn(k *call, ans *answer) {
	if k.path != projectPath || k.method != http.MethodGet || p.rec.Load() != nil {
		return
	}
	rec := &projectRecord{}
	if json.Unmarshal(ans.body, rec) == nil && rec.ID > 0 {
		p.rec.CompareAndSwap(nil, rec)
	}
}

// knownProject gives the project's id without asking PostHog; 0 when unknown.
func (c *Client) knownProject() int64 {
	if rec := c.project.rec.Load(); rec != nil {
		return rec.ID
	}
	return c.cfg.ProjectID
}

// resolveProject gives the project, from PostHog the first time. The shared
// request outlives a caller that gives up, but not the client.
func (c *Client) resolveProject(ctx context.Context, op string) (*projectRecord, error) {
	if rec := c.project.rec.Load(); rec != nil {
		return rec, nil
	}
	done := c.project.flight.DoChan("", func() (any, error) {
		shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		defer context.AfterFunc(c.life, cancel)()
		rec, err := c.readProject(shared)
		if err != nil {
			return nil, err
		}
		c.project.rec.Store(rec)
		return rec, nil
	})
	select {
	case res := <-done:
		if res.Err != nil {
			return nil, withOp(res.Err, op)
		}
		rec, _ := res.Val.(*projectRecord)
		return rec, nil
	case <-ctx.Done():
		k := &call{request: request{op: op, class: ClassRead}, url: c.app}
		return nil, k.contextFault(ctx).err
	}
}

// withOp gives a shared error to one of its callers, under its operation.
func withOp(err error, op string) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return &Error{Op: op, Kind: KindUpstream, Detail: cleanText(err.Error(), maxDetail), Err: causeOf(err)}
	}
	own := *e
	own.Op = op
	return &own
}

// readProject asks PostHog for the configured project, or for the projects
// that the key sees.
func (c *Client) readProject(ctx context.Context) (*projectRecord, error) {
	r := request{op: projectOp, class: ClassRead, bucket: quota.BucketStandard, method: http.MethodGet, idempotent: true}
	if c.cfg.ProjectID != 0 {
		r.path = projectPath
		rec := &projectRecord{}
		switch err := c.do(ctx, r, rec); {
		case KindOf(err) == KindForbidden:
			return &projectRecord{ID: c.cfg.ProjectID}, nil // works without project:read
		case err != nil:
			return nil, err
		}
		return rec, nil
	}
	r.path = "/api/projects/"
	page, err := listPage[projectRecord](ctx, c, r)
	switch {
	case KindOf(err) == KindForbidden:
		return c.projectOfKey(ctx, err)
	case err != nil:
		return nil, err
	}
	return onlyProject(page.Results)
}

// projectOfKey asks what the key itself is restricted to: such a key may not
// list projects.
func (c *Client) projectOfKey(ctx context.Context, listErr error) (*projectRecord, error) {
	var key struct {
		Teams []int64 `json:"scoped_teams"`
	}
	err := c.do(ctx, request{
		op: projectOp, class: ClassRead, bucket: quota.BucketStandard, method: http.MethodGet,
		path: "/api/personal_api_keys/@current/", idempotent: true,
	}, &key)
	if err != nil || len(key.Teams) != 1 {
		e := *(listErr.(*Error)) //nolint:errorlint,forcetypeassert // do gives nothing else
		e.Hint = "Set POSTHOG_PROJECT_ID: this key may not list projects."
		return nil, &e
	}
	return &projectRecord{ID: key.Teams[0]}, nil
}

// onlyProject refuses to guess between several projects.
func onlyProject(all []projectRecord) (*projectRecord, error) {
	if len(all) == 1 {
		return &all[0], nil
	}
	if len(all) == 0 {
		return nil, invalid(projectOp, "project_id", "the key sees no project", "Give the key access to a project, or use another key.")
	}
	const shown = 10
	names := make([]string, 0, shown)
	for _, p := range all[:min(len(all), shown)] {
		names = append(names, fmt.Sprintf("%d (%s)", p.ID, cleanText(p.Name, 40)))
	}
	if len(all) > shown {
		names = append(names, fmt.Sprintf("%d more", len(all)-shown))
	}
	return nil, invalid(projectOp, "project_id", fmt.Sprintf("the key sees %d projects: %s", len(all), strings.Join(names, ", ")), "Set POSTHOG_PROJECT_ID to one of them.")
}
