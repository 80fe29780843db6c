package driver

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// ProjectInfo is the project that the client works on and what its key may do.
// It never holds a key.
type ProjectInfo struct {
	ID            int64
	Name          string // empty when the key lacks project:read
	TimeZone      string // IANA name; empty when the key lacks project:read
	Organization  string // id
	Host          string // app host
	IngestHost    string // capture and flags host
	HasProjectKey bool   // capture and flag evaluation are possible
	TestAccounts  []PropertyCondition
	KeyLabel      string   // as its owner named it; empty when unknown
	Scopes        []string // of the key, "*" for all; nil when PostHog does not tell
	ScopedTeams   []int64  // projects that the key is restricted to; nil when not or unknown
	Notes         []string // what could not be learnt, and why
}

// ProjectInfo tells about the project and, where PostHog lets a key ask for
// itself, about the key's scopes. What the key may not read is in Notes; the
// error is not nil only when the project itself cannot be reached.
//
//posthog:operation GET /api/projects/:project_id/
//posthog:operation GET /api/personal_api_keys/@current/
func (c *Client) ProjectInfo(ctx context.Context) (ProjectInfo, error) {
	ctx, cancel := c.withTotal(ctx) // of all its requests
	defer cancel()
	const op = "get_project_info"
	id, err := c.projectID(ctx, op)
	if err != nil {
		return ProjectInfo{}, err
	}
	info := ProjectInfo{
		ID: id, Host: c.app.String(), IngestHost: c.ingest.String(), HasProjectKey: c.cfg.ProjectKey != "",
	}
	var rec struct {
		Name         string              `json:"name"`
		Organization json.RawMessage     `json:"organization"`
		TimeZone     string              `json:"timezone"`
		APIToken     string              `json:"api_token"`
		TestFilters  []PropertyCondition `json:"test_account_filters"`
	}
	err = c.do(ctx, request{
		op: op, class: ClassRead, bucket: quota.BucketStandard, method: "GET", idempotent: true,
		path: "/api/projects/{project}/",
	}, &rec)
	var refused *Error
	switch {
	case err == nil:
		info.Name, info.TimeZone, info.TestAccounts = rec.Name, rec.TimeZone, rec.TestFilters
		info.Organization = organizationID(rec.Organization)
		info.HasProjectKey = info.HasProjectKey || rec.APIToken != ""
	case errors.As(err, &refused) && refused.MissingScope != "":
		info.Notes = append(info.Notes, "Name and time zone are unknown: the key lacks the scope "+refused.MissingScope+".")
	default:
		return ProjectInfo{}, err
	}
	if !info.HasProjectKey {
		info.Notes = append(info.Notes, "No project API key is known, so events cannot be captured and flags cannot be evaluated: set POSTHOG_PROJECT_API_KEY.")
	}
	var key struct {
		Label       string   `json:"label"`
		Scopes      []string `json:"scopes"`
		ScopedTeams []int64  `json:"scoped_teams"`
	}
	err = c.do(ctx, request{
		op: op, class: ClassRead, bucket: quota.BucketStandard, method: "GET", idempotent: true,
		path: "/api/personal_api_keys/@current/",
	}, &key)
	switch {
	case err == nil:
		info.KeyLabel, info.Scopes, info.ScopedTeams = key.Label, key.Scopes, key.ScopedTeams
		slices.Sort(info.Scopes)
	case ctx.Err() != nil:
		return ProjectInfo{}, err
	default:
		info.Notes = append(info.Notes, "The key's scopes are unknown: PostHog does not let this key ask ("+errorDetail(err)+").")
	}
	return info, nil
}

// organizationID reads the organization of a project, an id or an object.
func organizationID(raw json.RawMessage) string {
	var id string
	if json.Unmarshal(raw, &id) == nil {
		return strings.TrimSpace(id)
	}
	var object struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(raw, &object) // older servers leave it out
	return object.ID
}

// Location is the project's time zone, in which PostHog counts days. It is UTC
// when the zone is unknown: without project:read, for instance.
func (c *Client) Location(ctx context.Context) *time.Location {
	ref, err := c.Project(ctx)
	if err != nil || ref.TimeZone == "" {
		return time.UTC
	}
	zone, err := time.LoadLocation(ref.TimeZone)
	if err != nil {
		return time.UTC
	}
	return zone
}
