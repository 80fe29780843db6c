package driver

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// HealthState sums a health check up.
type HealthState string

// The states of a health check.
const (
	HealthOK           HealthState = "ok"           // reachable, key good, project readable
	HealthDegraded     HealthState = "degraded"     // it works with limits: see the checks
	HealthDown         HealthState = "down"         // calls fail now
	HealthUnconfigured HealthState = "unconfigured" // something must be set first
)

// Health says whether calls can work now, and if not, why and what to do.
type Health struct {
	State     HealthState
	Summary   string // one sentence
	Host      string // app host
	ProjectID int64  // 0 when unknown
	Project   string // name; empty when unknown
	Latency   time.Duration
	Checks    []HealthCheckItem
	Status    Status // quota, breakers and the like, as they are now
}

// HealthCheckItem is one thing that was looked at.
type HealthCheckItem struct {
	Name   string // host, key or project
	OK     bool
	Known  bool   // false: could not be looked at
	Detail string // what is, and what to do
}

// HealthCheck looks at host, key and project with one cheap request, which it
// does not send at all without a key. PostHog's failures are in the result; an
// error means only that the caller gave up.
//
//posthog:operation GET /api/projects/:project_id/
func (c *Client) HealthCheck(ctx context.Context) (Health, error) {
	const op = "health_check"
	h := Health{Host: c.app.String(), ProjectID: c.cfg.ProjectID}
	var rec projectRecord
	started := time.Now()
	err := c.healthRequest(WithFresh(ctx), op, &rec) // a kept answer tells nothing of now
	h.Latency = time.Since(started)
	h.Status = c.Status()
	var e *Error
	switch {
	case err == nil:
		h.ProjectID, h.Project = rec.ID, rec.Name
		h.add("host", true, "answered in "+strconv.FormatInt(h.Latency.Milliseconds(), 10)+" ms")
		h.add("key", true, "PostHog knows it")
		h.add("project", true, "project "+strconv.FormatInt(rec.ID, 10)+" is readable")
		h.State, h.Summary = HealthOK, "PostHog answers and the key reads the project."
	case ctx.Err() != nil:
		return Health{}, err
	case errors.As(err, &e):
		h.explain(e)
	default:
		h.State, h.Summary = HealthDown, err.Error()
	}
	return h, nil
}

func (c *Client) healthRequest(ctx context.Context, op string, rec *projectRecord) error {
	if c.cfg.ProjectID == 0 {
		if c.knownProject() == 0 { // finding the project is the one request
			found, err := c.resolveProject(ctx, op)
			if err == nil {
				*rec = *found
			}
			return err
		}
	}
	return c.do(ctx, request{
		op: op, class: ClassRead, bucket: quota.BucketStandard, method: "GET", idempotent: true,
		path: "/api/projects/{project}/",
	}, rec)
}

func (h *Health) add(name string, ok bool, detail string) {
	h.Checks = append(h.Checks, HealthCheckItem{Name: name, OK: ok, Known: true, Detail: detail})
}

func (h *Health) unknown(name, detail string) {
	h.Checks = append(h.Checks, HealthCheckItem{Name: name, Detail: detail})
}

// explain says from the error what works and what does not.
func (h *Health) explain(e *Error) {
	told := e.Detail
	if e.Hint != "" {
		told += ". " + e.Hint
	}
	switch {
	case e.Kind == KindUnauthenticated && e.Status == 0:
		h.State, h.Summary = HealthUnconfigured, told
		h.unknown("host", "not asked without a key")
		h.add("key", false, told)
		h.unknown("project", "not asked without a key")
		return
	case e.Kind == KindInvalid && e.Status == 0: // the key sees several projects, or none
		h.State, h.Summary = HealthUnconfigured, told
		h.add("host", true, "answered")
		h.add("key", true, "PostHog knows it")
		h.add("project", false, told)
		return
	case e.Kind == KindLimited && e.Status == 0:
		h.State, h.Summary = HealthDegraded, "The quota of this program's calls is used up for now: "+told
		h.unknown("host", "not asked, to keep within the quota")
		h.unknown("key", "not asked, to keep within the quota")
		h.unknown("project", "not asked, to keep within the quota")
		return
	case e.Status == 0 || e.Kind == KindUpstream || e.Kind == KindUnavailable || e.Kind == KindTimeout:
		h.State, h.Summary = HealthDown, "PostHog does not answer properly: "+told
		h.add("host", false, told)
		h.unknown("key", "the host did not say")
		h.unknown("project", "the host did not say")
		return
	}
	h.add("host", true, "answered in "+strconv.FormatInt(h.Latency.Milliseconds(), 10)+" ms")
	switch e.Kind {
	case KindUnauthenticated:
		h.State, h.Summary = HealthDown, "PostHog refuses the key: "+told
		h.add("key", false, told)
		h.unknown("project", "the key was refused")
	case KindForbidden:
		h.add("key", true, "PostHog knows it")
		if e.MissingScope != "" {
			h.State, h.Summary = HealthDegraded, "PostHog answers and the key is known; it lacks the scope "+e.MissingScope+", so the project itself was not read."
			h.unknown("project", told)
			return
		}
		h.State, h.Summary = HealthDown, "The key may not use this project: "+told
		h.add("project", false, told)
	case KindNotFound:
		h.State, h.Summary = HealthDown, "The key does not see this project: "+told
		h.add("key", true, "PostHog knows it")
		h.add("project", false, told)
	case KindLimited, KindExhausted:
		h.State, h.Summary = HealthDegraded, "PostHog answers but limits calls: "+told
		h.unknown("key", "not told while limited")
		h.unknown("project", "not told while limited")
	default:
		h.State, h.Summary = HealthDegraded, told
		h.unknown("key", told)
		h.unknown("project", told)
	}
}
