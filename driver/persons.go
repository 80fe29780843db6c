package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

const (
	personsDefaultLimit = 50
	personsMaxLimit     = 500
)

// PersonsParams choose persons. Email, DistinctID, Search and Where narrow each
// other; CohortID stands alone.
type PersonsParams struct {
	Email      string   // exact
	DistinctID string   // exact, any id of the person
	Search     string   // part of an email or name, or a distinct id
	Where      []string // conditions on person properties such as "plan=pro"
	CohortID   int64    // members of a cohort; 0: not asked
	Limit      int      // 1 to 500; 0: 50
	Cursor     string   // from the last result, with the same filters
}

// Person is one person with all properties.
type Person struct {
	UUID        string
	Name        string // PostHog's display name: email, name or a distinct id
	DistinctIDs []string
	Properties  map[string]any // numbers are json.Number
	CreatedAt   time.Time
	LastSeenAt  time.Time // zero when PostHog does not say
}

// PersonsResult is one page of persons, the newest first.
type PersonsResult struct {
	Persons []Person
	HasMore bool
	Cursor  string // of the next page, "" on the last

	offset int
}

// CursorAfter gives the cursor that continues after the first n persons, or ""
// when none follows.
func (r PersonsResult) CursorAfter(n int) string {
	if n < 1 || n > len(r.Persons) || n == len(r.Persons) && !r.HasMore {
		return ""
	}
	return strconv.Itoa(r.offset + n)
}

// Persons lists persons, or the members of a cohort. It asks PostHog for one
// more than the limit: a full page alone does not prove that another follows.
//
//posthog:operation GET /api/projects/:project_id/persons/
//posthog:operation GET /api/projects/:project_id/cohorts/:id/persons/
func (c *Client) Persons(ctx context.Context, p PersonsParams) (PersonsResult, error) {
	const op = "get_persons"
	limit, err := boundedLimit(op, p.Limit, personsDefaultLimit, personsMaxLimit)
	if err != nil {
		return PersonsResult{}, err
	}
	offset, err := pageOffset(op, p.Cursor)
	if err != nil {
		return PersonsResult{}, err
	}
	r := request{
		op: op, class: ClassRead, bucket: quota.BucketPersons, method: http.MethodGet,
		path: "/api/projects/{project}/persons/", idempotent: true,
	}
	if r.query, err = personsQuery(op, p); err != nil {
		return PersonsResult{}, err
	}
	if p.CohortID != 0 {
		r.bucket = quota.BucketClickHouse
		r.path = "/api/projects/{project}/cohorts/" + strconv.FormatInt(p.CohortID, 10) + "/persons/"
	}
	r.query.Set("limit", strconv.Itoa(limit+1))
	if offset > 0 {
		r.query.Set("offset", strconv.Itoa(offset))
	}
	page, err := listPage[personRecord](ctx, c, r)
	if err != nil {
		if p.CohortID != 0 {
			err = cohortMissing(op, p.CohortID, err)
		}
		return PersonsResult{}, err
	}
	out := PersonsResult{HasMore: len(page.Results) > limit, offset: offset}
	for _, rec := range page.Results[:min(limit, len(page.Results))] {
		out.Persons = append(out.Persons, rec.person())
	}
	out.Cursor = out.CursorAfter(len(out.Persons))
	return out, nil
}

// personsQuery turns the filters into PostHog's parameters.
func personsQuery(op string, p PersonsParams) (url.Values, error) {
	q := url.Values{}
	set := func(name, value string) {
		if v := strings.TrimSpace(value); v != "" {
			q.Set(name, v)
		}
	}
	set("email", p.Email)
	set("distinct_id", p.DistinctID)
	set("search", p.Search)
	filters, err := parseFilters(op, "where", p.Where)
	if err != nil {
		return nil, err
	}
	if p.CohortID < 0 {
		return nil, invalid(op, "cohort", fmt.Sprintf("cohort id %d is not positive", p.CohortID), "get_cohorts lists the ids.")
	}
	if p.CohortID != 0 && (len(q) > 0 || len(filters) > 0) {
		return nil, invalid(op, "cohort", "a cohort's members cannot be filtered further here",
			"Ask for the cohort alone, or use query: SELECT ... FROM persons WHERE id IN COHORT "+strconv.FormatInt(p.CohortID, 10)+" AND ...")
	}
	if len(filters) > 0 {
		list := make([]personFilter, len(filters))
		for i, f := range filters {
			list[i] = f.person()
		}
		raw, err := json.Marshal(list)
		if err != nil {
			return nil, invalid(op, "where", "the conditions are not text", filterHint)
		}
		q.Set("properties", string(raw))
	}
	return q, nil
}

// personRecord is PostHog's form of a person in lists.
type personRecord struct {
	ID          any            `json:"id"` // UUID in lists, a number elsewhere
	UUID        string         `json:"uuid"`
	Name        string         `json:"name"`
	DistinctIDs []string       `json:"distinct_ids"`
	Properties  map[string]any `json:"properties"`
	CreatedAt   *time.Time     `json:"created_at"`
	LastSeenAt  *time.Time     `json:"last_seen_at"`
}

func (r personRecord) person() Person {
	p := Person{UUID: r.UUID, Name: r.Name, DistinctIDs: r.DistinctIDs, Properties: r.Properties}
	if id, ok := r.ID.(string); ok && p.UUID == "" {
		p.UUID = id
	}
	if r.CreatedAt != nil {
		p.CreatedAt = *r.CreatedAt
	}
	if r.LastSeenAt != nil {
		p.LastSeenAt = *r.LastSeenAt
	}
	return p
}
