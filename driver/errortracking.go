package driver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// ErrorsParams choose issues of error tracking.
type ErrorsParams struct {
	AnalysisSpan
	Status string // active (default), resolved, suppressed, archived, pending_release or all
	Search string // words of name, message, file, function or e-mail
	Order  string // occurrences (default), users, sessions, last_seen or first_seen; the largest or newest first
	Limit  int    // rows of one page, 1 to 100; 0: 20
	Cursor string // of the page before
}

// ErrorsResult is one page of issues.
type ErrorsResult struct {
	AnalysisMeta
	Issues []ErrorIssue
	Cursor string // of the next page; empty on the last
	Offset int    // issues on the pages before
}

// ErrorIssue is a group of exceptions that are the same error. Its counts are
// of the range asked for.
type ErrorIssue struct {
	ID          string
	Name        string // type of the exception
	Description string // its message
	Status      string
	Assignee    string // "user 12" or "role …"; empty: nobody
	Library     string // SDK, such as web
	Source      string // file in which it is thrown
	Function    string
	Release     string    // of the last occurrence; empty when events do not say
	FirstSeen   time.Time // ever
	LastSeen    time.Time // in the range
	Occurrences int64
	Users       int64
	Sessions    int64
	URL         string // for people, on the app host
}

// ErrorIssues lists the issues that occurred in a range, with their counts.
//
//posthog:operation POST /api/projects/:project_id/query/
func (c *Client) ErrorIssues(ctx context.Context, p ErrorsParams) (ErrorsResult, error) {
	const op = "list_errors"
	if p.Status == "" {
		p.Status = "active"
	}
	if p.Order == "" {
		p.Order = "occurrences"
	}
	if p.Limit == 0 {
		p.Limit = 20
	}
	states := []string{"active", "resolved", "suppressed", "archived", "pending_release", "all"}
	orders := []string{"occurrences", "users", "sessions", "last_seen", "first_seen"}
	switch {
	case !slices.Contains(states, p.Status):
		return ErrorsResult{}, invalid(op, "status", fmt.Sprintf("status %.40q", p.Status), "Use one of "+strings.Join(states, ", ")+".")
	case !slices.Contains(orders, p.Order):
		return ErrorsResult{}, invalid(op, "order", fmt.Sprintf("order %.40q", p.Order), "Use one of "+strings.Join(orders, ", ")+".")
	case p.Limit < 1 || p.Limit > 100:
		return ErrorsResult{}, invalid(op, "limit", fmt.Sprintf("limit %d", p.Limit), "Give 1 to 100 and page with the cursor.")
	}
	offset, err := pageOffset(op, p.Cursor)
	if err != nil {
		return ErrorsResult{}, err
	}
	a, err := c.analyze(ctx, op, p.AnalysisSpan, 7)
	if err != nil {
		return ErrorsResult{}, err
	}
	node := map[string]any{"orderBy": p.Order, "orderDirection": "DESC", "status": p.Status, "limit": p.Limit, "offset": offset}
	if p.Search != "" {
		node["searchQuery"] = p.Search
	}
	rows, more, meta, err := a.issues(ctx, node)
	if err != nil {
		return ErrorsResult{}, err
	}
	out := ErrorsResult{AnalysisMeta: meta, Offset: offset}
	for _, r := range rows {
		issue := r.issue()
		issue.URL = c.issueURL(ctx, issue.ID)
		out.Issues = append(out.Issues, issue)
	}
	if more {
		out.Cursor = strconv.Itoa(offset + len(rows))
	}
	return out, nil
}

// issues runs an ErrorTrackingQuery. Its dates are instants: PostHog reads days
// in UTC here, whatever the project's time zone is.
func (a *analysis) issues(ctx context.Context, node map[string]any) ([]issueRow, bool, AnalysisMeta, error) {
	dates := map[string]any{"date_from": a.from.UTC().Format(time.RFC3339)}
	if !a.open {
		dates["date_to"] = a.to.Add(-time.Microsecond).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
	}
	node["kind"], node["dateRange"], node["volumeResolution"] = "ErrorTrackingQuery", dates, 1
	node["withAggregations"], node["withFirstEvent"], node["withLastEvent"] = true, false, true
	node["filterTestAccounts"] = !a.span.TestAccounts
	refresh := "blocking"
	if a.span.Fresh {
		refresh = "force_blocking"
	}
	var answer struct {
		Results     []issueRow `json:"results"`
		More        bool       `json:"hasMore"`
		TimeZone    string     `json:"timezone"`
		Cached      bool       `json:"is_cached"`
		LastRefresh *time.Time `json:"last_refresh"`
	}
	if err := a.c.runNode(ctx, a.op, node, refresh, &answer); err != nil {
		return nil, false, AnalysisMeta{}, err
	}
	meta := AnalysisMeta{From: a.from, To: a.to, TimeZone: answer.TimeZone, TestAccounts: a.span.TestAccounts}
	if answer.Cached {
		meta.ComputedAt = deref(answer.LastRefresh)
		record(ctx, func(d *TraceData) { d.CachedByPH = true })
	}
	return answer.Results, answer.More, meta, nil
}

// issueRow is PostHog's form of an issue with counts.
type issueRow struct {
	ID          string         `json:"id"`
	Name        *string        `json:"name"`
	Description *string        `json:"description"`
	Status      string         `json:"status"`
	Assignee    *issueAssignee `json:"assignee"`
	Library     *string        `json:"library"`
	Source      *string        `json:"source"`
	Function    *string        `json:"function"`
	FirstSeen   *time.Time     `json:"first_seen"`
	LastSeen    *time.Time     `json:"last_seen"`
	Counts      struct {
		Occurrences flexibleCount `json:"occurrences"`
		Users       flexibleCount `json:"users"`
		Sessions    flexibleCount `json:"sessions"`
	} `json:"aggregations"`
	LastEvent *struct {
		UUID       string          `json:"uuid"`
		DistinctID string          `json:"distinct_id"`
		Timestamp  *time.Time      `json:"timestamp"`
		Properties json.RawMessage `json:"properties"`
	} `json:"last_event"`
}

type issueAssignee struct {
	ID   any    `json:"id"`
	Type string `json:"type"`
}

// String is such as "user 12", empty for nobody.
func (a *issueAssignee) String() string {
	if a == nil || a.ID == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%s %v", a.Type, a.ID))
}

func (r issueRow) issue() ErrorIssue {
	out := ErrorIssue{
		ID: r.ID, Name: deref(r.Name), Description: deref(r.Description), Status: r.Status, Assignee: r.Assignee.String(),
		Library: deref(r.Library), Source: deref(r.Source), Function: deref(r.Function),
		FirstSeen: deref(r.FirstSeen), LastSeen: deref(r.LastSeen),
		Occurrences: int64(r.Counts.Occurrences), Users: int64(r.Counts.Users), Sessions: int64(r.Counts.Sessions),
	}
	if r.LastEvent != nil {
		out.Release = readException(r.LastEvent.Properties).release()
	}
	return out
}

func (c *Client) issueURL(ctx context.Context, id string) string {
	project, err := c.projectID(ctx, "list_errors")
	if err != nil || id == "" {
		return ""
	}
	return c.app.JoinPath("project", strconv.FormatInt(project, 10), "error_tracking", id).String()
}

// ErrorParams choose one issue.
type ErrorParams struct {
	AnalysisSpan
	ID string // of the issue, or its URL
}

// ErrorResult is one issue with the stack of its last occurrence in the range.
type ErrorResult struct {
	AnalysisMeta
	Issue ErrorIssue
	// Last is nil when the error did not occur in the range.
	Last *ErrorEvent
}

// ErrorEvent is one occurrence of an error.
type ErrorEvent struct {
	UUID       string
	DistinctID string
	At         time.Time
	URL        string // page, empty outside of browsers
	Browser    string
	OS         string
	Exceptions []Exception // in PostHog's order: an error and its causes
}

// Exception is one exception of a chain.
type Exception struct {
	Type    string
	Message string
	Handled bool
	Frames  []StackFrame // in PostHog's order
}

// StackFrame is one call on the stack.
type StackFrame struct {
	Function string
	File     string
	Line     int64
	Column   int64
	InApp    bool // the project's own code, no library
}

// ErrorIssue gives one issue: what it is, its counts in the range and the stack of
// its last occurrence there.
//
//posthog:operation GET /api/projects/:project_id/error_tracking/issues/:id/
//posthog:operation POST /api/projects/:project_id/query/
func (c *Client) ErrorIssue(ctx context.Context, p ErrorParams) (ErrorResult, error) {
	const op = "get_error"
	id, err := issueID(op, p.ID)
	if err != nil {
		return ErrorResult{}, err
	}
	a, err := c.analyze(ctx, op, p.AnalysisSpan, 30)
	if err != nil {
		return ErrorResult{}, err
	}
	var known issueRow
	err = c.do(ctx, request{
		op: op, class: ClassRead, bucket: quota.BucketStandard, method: "GET", idempotent: true,
		path: "/api/projects/{project}/error_tracking/issues/" + url.PathEscape(id) + "/",
	}, &known)
	if err != nil {
		return ErrorResult{}, notFound(err, "id", "this project has no error "+id, "Find it with list_errors.")
	}
	rows, _, meta, err := a.issues(ctx, map[string]any{
		"issueId": id, "orderBy": "last_seen", "orderDirection": "DESC", "status": "all", "limit": 1, "offset": 0,
	})
	if err != nil {
		return ErrorResult{}, err
	}
	out := ErrorResult{AnalysisMeta: meta, Issue: known.issue()}
	if len(rows) > 0 {
		out.Issue = rows[0].issue()
		out.Issue.Status, out.Issue.Assignee = known.Status, known.Assignee.String() // never from a cache
		if e := rows[0].LastEvent; e != nil {
			out.Last = readException(e.Properties).event()
			out.Last.UUID, out.Last.DistinctID, out.Last.At = e.UUID, e.DistinctID, deref(e.Timestamp)
		}
	}
	out.Issue.URL = c.issueURL(ctx, id)
	return out, nil
}

// issueID reads an issue's id or the URL that people copy.
func issueID(op, ref string) (string, error) {
	text := strings.TrimSpace(ref)
	if _, rest, ok := strings.Cut(text, "/error_tracking/"); ok {
		text = rest
		if end := strings.IndexAny(text, "/?#"); end >= 0 {
			text = text[:end]
		}
	}
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 {
		return "", invalid(op, "id", fmt.Sprintf("%.60q is no id of an error", ref), "Give the id that list_errors shows, or the URL of the issue.")
	}
	return id.String(), nil
}

// isTree reports JSON that begins as an object or list.
func isTree(raw []byte) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && (raw[0] == '{' || raw[0] == '[')
}
