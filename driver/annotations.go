package driver

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// maxAnnotationChars is PostHog's own limit.
const maxAnnotationChars = 8192

// AnnotationsParams choose annotations.
type AnnotationsParams struct {
	Search string // part of the text
	Limit  int    // rows of one page, 1 to 500; 0: 50
	Cursor string // of the page before
}

// AnnotationsResult is one page of annotations.
type AnnotationsResult struct {
	Annotations []Annotation
	Total       *int   // annotations that match, when PostHog says so
	Cursor      string // of the next page; empty on the last
}

// Annotation is a note on a point in time, such as a release.
type Annotation struct {
	ID          int64
	Content     string
	Date        time.Time // the moment it marks; zero when it has none
	Scope       string    // project, organization, dashboard, dashboard_item or tag
	DashboardID int64     // of scope dashboard; 0 otherwise
	InsightID   int64     // of scope dashboard_item; 0 otherwise
	InsightName string
	CreatedBy   string // first name or email
	CreatedAt   time.Time
}

// CreateAnnotationParams describe an annotation.
type CreateAnnotationParams struct {
	Content     string    // required, at most 8192 characters
	Date        time.Time // the moment it marks; zero means now
	Scope       string    // project (default), organization, dashboard or dashboard_item
	DashboardID int64     // with scope dashboard
	InsightID   int64     // numeric id of an insight, with scope dashboard_item
}

// Annotations lists annotations, newest first.
//
//posthog:operation GET /api/projects/:project_id/annotations/
func (c *Client) Annotations(ctx context.Context, p AnnotationsParams) (AnnotationsResult, error) {
	q := url.Values{}
	if p.Search != "" {
		q.Set("search", p.Search)
	}
	page, err := listOf[annotationRecord](ctx, c, "get_annotations", "/api/projects/{project}/annotations/", q, p.Limit, p.Cursor)
	if err != nil {
		return AnnotationsResult{}, err
	}
	out := AnnotationsResult{Annotations: make([]Annotation, 0, len(page.Results)), Total: page.Count, Cursor: page.Next}
	for _, r := range page.Results {
		out.Annotations = append(out.Annotations, r.annotation())
	}
	return out, nil
}

// CreateAnnotation adds a note to a point in time. It is not sent twice: a
// second one would appear.
//
//posthog:operation POST /api/projects/:project_id/annotations/
func (c *Client) CreateAnnotation(ctx context.Context, p CreateAnnotationParams) (Annotation, error) {
	const op = "create_annotation"
	if p.Scope == "" {
		p.Scope = "project"
	}
	if p.Date.IsZero() {
		p.Date = time.Now()
	}
	if err := checkAnnotation(op, p); err != nil {
		return Annotation{}, err
	}
	body := map[string]any{
		"content": p.Content, "date_marker": p.Date.UTC().Format(time.RFC3339), "scope": p.Scope, "creation_type": "USR",
	}
	if p.InsightID != 0 {
		body["dashboard_item"] = p.InsightID
	}
	if p.DashboardID != 0 {
		body["dashboard_id"] = p.DashboardID
	}
	var rec annotationRecord
	err := c.do(ctx, request{
		op: op, class: ClassWrite, bucket: quota.BucketStandard, method: "POST",
		path: "/api/projects/{project}/annotations/", body: body,
	}, &rec)
	if err != nil {
		return Annotation{}, err
	}
	return rec.annotation(), nil
}

func checkAnnotation(op string, p CreateAnnotationParams) error {
	scopes := []string{"project", "organization", "dashboard", "dashboard_item"}
	switch n := len([]rune(p.Content)); {
	case strings.TrimSpace(p.Content) == "":
		return invalid(op, "content", "the text is empty", `Give a text such as "v2 released".`)
	case n > maxAnnotationChars:
		return invalid(op, "content", fmt.Sprintf("a text of %d characters", n), fmt.Sprintf("Keep it within %d characters.", maxAnnotationChars))
	case p.Date.Year() < 1970 || p.Date.Year() > 2200:
		return invalid(op, "date", "date "+p.Date.Format(time.DateOnly), "Give the day that the annotation marks.")
	case !slices.Contains(scopes, p.Scope):
		return invalid(op, "scope", fmt.Sprintf("scope %.40q", p.Scope), "Use one of "+strings.Join(scopes, ", ")+".")
	case p.Scope == "dashboard" && p.DashboardID <= 0:
		return invalid(op, "dashboard_id", "scope dashboard without a dashboard", "Give the dashboard's id as dashboard_id, or use scope project.")
	case p.Scope == "dashboard_item" && p.InsightID <= 0:
		return invalid(op, "insight_id", "scope dashboard_item without an insight", "Give the insight's numeric id from get_insights as insight_id, or use scope project.")
	case p.Scope != "dashboard" && p.DashboardID != 0:
		return invalid(op, "dashboard_id", "a dashboard with scope "+p.Scope, "Use scope dashboard.")
	case p.Scope != "dashboard_item" && p.InsightID != 0:
		return invalid(op, "insight_id", "an insight with scope "+p.Scope, "Use scope dashboard_item.")
	}
	return nil
}

// annotationRecord is PostHog's form of an annotation.
type annotationRecord struct {
	ID          int64      `json:"id"`
	Content     *string    `json:"content"`
	Date        *time.Time `json:"date_marker"`
	Scope       string     `json:"scope"`
	DashboardID *int64     `json:"dashboard_id"`
	InsightID   *int64     `json:"dashboard_item"`
	InsightName *string    `json:"insight_name"`
	CreatedBy   *struct {
		FirstName string `json:"first_name"`
		Email     string `json:"email"`
	} `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`
}

func (r annotationRecord) annotation() Annotation {
	a := Annotation{
		ID: r.ID, Content: deref(r.Content), Date: deref(r.Date), Scope: r.Scope,
		DashboardID: deref(r.DashboardID), InsightID: deref(r.InsightID), InsightName: deref(r.InsightName), CreatedAt: r.CreatedAt,
	}
	if r.CreatedBy != nil {
		if a.CreatedBy = r.CreatedBy.FirstName; a.CreatedBy == "" {
			a.CreatedBy = r.CreatedBy.Email
		}
	}
	return a
}
