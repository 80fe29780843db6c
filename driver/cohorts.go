package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// Bounds of PostHog's cohort serializer and of its static-cohort batches.
const (
	maxCohortName        = 400
	maxCohortDescription = 1000
	maxCohortPersons     = 1000
)

const cohortsPath = "/api/projects/{project}/cohorts/"

// CohortsParams choose cohorts. ID stands alone.
type CohortsParams struct {
	ID     int64  // one cohort; KindNotFound when there is none
	Search string // part of a name
	Limit  int    // rows of one page, 1 to 500; 0: 50
	Cursor string // of the page before
}

// CohortsResult is one page of cohorts.
type CohortsResult struct {
	Cohorts []Cohort
	Total   *int   // cohorts that match, when PostHog says so
	Cursor  string // of the next page; empty on the last

	pagePlace
}

// Cohort is a saved group of persons.
type Cohort struct {
	ID              int64
	Name            string
	Description     string
	Static          bool            // a fixed list; otherwise recomputed from Filters
	Kind            string          // PostHog's cohort_type, empty on older servers
	Count           *int            // persons; nil until the first calculation
	Calculating     bool            //
	LastCalculation time.Time       // zero when never
	Failures        int             // calculations in a row that failed
	LastError       string          //
	Filters         json.RawMessage // conditions of a dynamic cohort; nil for others
	Query           json.RawMessage // query that a static cohort was made from; nil for others
	Deleted         bool
	CreatedAt       time.Time
}

// Cohorts lists cohorts, or gives the one with an id.
//
//posthog:operation GET /api/projects/:project_id/cohorts/
//posthog:operation GET /api/projects/:project_id/cohorts/:id/
func (c *Client) Cohorts(ctx context.Context, p CohortsParams) (CohortsResult, error) {
	const op = "get_cohorts"
	if p.ID != 0 {
		if p.ID < 0 {
			return CohortsResult{}, invalid(op, "id", fmt.Sprintf("cohort id %d is not positive", p.ID), "Leave id out to list the cohorts.")
		}
		if p.Search != "" || p.Cursor != "" {
			return CohortsResult{}, invalid(op, "id", "id cannot be combined with search or cursor", "Give id alone for one cohort.")
		}
		cohort, err := c.cohort(ctx, op, p.ID)
		if err != nil {
			return CohortsResult{}, err
		}
		one := 1
		return CohortsResult{Cohorts: []Cohort{cohort}, Total: &one}, nil
	}
	q := url.Values{}
	if s := strings.TrimSpace(p.Search); s != "" {
		q.Set("search", s)
	}
	page, err := listOf[cohortRecord](ctx, c, op, cohortsPath, q, p.Limit, p.Cursor)
	if err != nil {
		return CohortsResult{}, err
	}
	out := CohortsResult{
		Cohorts: make([]Cohort, 0, len(page.Results)), Total: page.Count, Cursor: page.Next,
		pagePlace: placeOf(q, p.Limit, p.Cursor, len(page.Results), page.Next),
	}
	for _, rec := range page.Results {
		out.Cohorts = append(out.Cohorts, rec.cohort())
	}
	return out, nil
}

func (c *Client) cohort(ctx context.Context, op string, id int64) (Cohort, error) {
	var rec cohortRecord
	err := c.do(ctx, request{
		op: op, class: ClassRead, bucket: quota.BucketStandard, method: http.MethodGet,
		path: cohortsPath + strconv.FormatInt(id, 10) + "/", idempotent: true,
	}, &rec)
	if err != nil {
		return Cohort{}, cohortMissing(op, id, err)
	}
	return rec.cohort(), nil
}

// cohortMissing says which cohort does not exist and where the ids are.
func cohortMissing(op string, id int64, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != KindNotFound {
		return err
	}
	told := *e
	told.Op, told.Attr = op, "cohort"
	told.Detail = fmt.Sprintf("this project has no cohort %d", id)
	told.Hint = "get_cohorts lists the ids."
	return &told
}

// CreateCohortParams describe a new cohort: exactly one of Where, PersonIDs and
// Query says who is in it.
type CreateCohortParams struct {
	Name        string // required, at most 400 characters
	Description string // at most 1000 characters
	// Where makes a dynamic cohort of persons with properties such as
	// "plan=pro"; Any joins the conditions by OR instead of AND.
	Where []string
	Any   bool
	// PersonIDs makes a static cohort of 1 to 1000 person UUIDs (not distinct
	// ids).
	PersonIDs []string
	// Query makes a static cohort of the persons that a HogQL query selects as
	// person_id.
	Query string
}

// CreateCohort creates a cohort. PostHog fills it in the background: Count is
// nil until then. Twice makes two, so a failed call is never sent again.
//
//posthog:operation POST /api/projects/:project_id/cohorts/
func (c *Client) CreateCohort(ctx context.Context, p CreateCohortParams) (Cohort, error) {
	const op = "create_cohort"
	body, err := cohortBody(op, p)
	if err != nil {
		return Cohort{}, err
	}
	var rec cohortRecord
	err = c.do(ctx, request{
		op: op, class: ClassWrite, bucket: quota.BucketStandard,
		method: http.MethodPost, path: cohortsPath, body: body,
	}, &rec)
	if err != nil {
		return Cohort{}, err
	}
	return rec.cohort(), nil
}

// cohortBody checks the parameters and writes PostHog's form of them.
func cohortBody(op string, p CreateCohortParams) (map[string]any, error) {
	name := strings.TrimSpace(p.Name)
	switch {
	case name == "":
		return nil, invalid(op, "name", "the cohort has no name", `Give a name such as "Paying customers".`)
	case len([]rune(name)) > maxCohortName:
		return nil, invalid(op, "name", fmt.Sprintf("the name has %d characters", len([]rune(name))), fmt.Sprintf("Keep it within %d and put the rest into description.", maxCohortName))
	case len([]rune(p.Description)) > maxCohortDescription:
		return nil, invalid(op, "description", fmt.Sprintf("the description has %d characters", len([]rune(p.Description))), fmt.Sprintf("Keep it within %d.", maxCohortDescription))
	}
	sources := 0
	for _, given := range []bool{len(p.Where) > 0, len(p.PersonIDs) > 0, strings.TrimSpace(p.Query) != ""} {
		if given {
			sources++
		}
	}
	if sources != 1 {
		return nil, invalid(op, "where", fmt.Sprintf("%d of where, person_ids and query are given", sources),
			`Give exactly one: where ["plan=pro"] for a dynamic cohort, person_ids or query for a static one.`)
	}
	body := map[string]any{"name": name}
	if p.Description != "" {
		body["description"] = p.Description
	}
	var err error
	switch {
	case len(p.Where) > 0:
		body["filters"], err = cohortFilters(op, p.Where, p.Any)
	case len(p.PersonIDs) > 0:
		body["is_static"] = true
		body["_create_static_person_ids"], err = cohortPersons(op, p.PersonIDs)
	default:
		body["is_static"] = true
		body["query"] = map[string]any{"kind": "HogQLQuery", "query": strings.TrimSuffix(strings.TrimSpace(p.Query), ";")}
		err = checkCohortQuery(op, p.Query)
	}
	return body, err
}

// cohortFilters nests the conditions as PostHog's cohort editor does: groups
// joined by OR, conditions inside a group joined by AND.
func cohortFilters(op string, where []string, anyOf bool) (map[string]any, error) {
	filters, err := parseFilters(op, "where", where)
	if err != nil {
		return nil, err
	}
	leaves := make([]personFilter, len(filters))
	for i, f := range filters {
		leaves[i] = f.person()
		leaves[i].Negation = new(bool)
	}
	join := "AND"
	if anyOf {
		join = "OR"
	}
	group := map[string]any{"type": join, "values": leaves}
	return map[string]any{"properties": map[string]any{"type": "OR", "values": []any{group}}}, nil
}

func cohortPersons(op string, ids []string) ([]string, error) {
	if len(ids) > maxCohortPersons {
		return nil, invalid(op, "person_ids", fmt.Sprintf("%d person ids are more than %d", len(ids), maxCohortPersons), "Select them with query instead.")
	}
	out := make([]string, 0, len(ids))
	seen := make(map[string]bool, len(ids))
	for _, text := range ids {
		id, err := uuid.Parse(strings.TrimSpace(text))
		if err != nil {
			return nil, invalid(op, "person_ids", fmt.Sprintf("%q is not a person UUID", clip(text)), "Distinct ids do not fit here: get_persons shows a person's UUID as id.")
		}
		if s := id.String(); !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out, nil
}

// cohortRecord is PostHog's form of a cohort.
type cohortRecord struct {
	ID              int64           `json:"id"`
	Name            *string         `json:"name"`
	Description     *string         `json:"description"`
	Static          bool            `json:"is_static"`
	Kind            *string         `json:"cohort_type"`
	Count           *int            `json:"count"`
	Calculating     bool            `json:"is_calculating"`
	LastCalculation *time.Time      `json:"last_calculation"`
	Failures        int             `json:"errors_calculating"`
	LastError       *string         `json:"last_error_message"`
	Filters         json.RawMessage `json:"filters"`
	Query           json.RawMessage `json:"query"`
	Deleted         bool            `json:"deleted"`
	CreatedAt       *time.Time      `json:"created_at"`
}

func (r cohortRecord) cohort() Cohort {
	c := Cohort{
		ID: r.ID, Name: deref(r.Name), Description: deref(r.Description), Static: r.Static, Kind: deref(r.Kind),
		Count: r.Count, Calculating: r.Calculating, LastCalculation: deref(r.LastCalculation),
		Failures: r.Failures, LastError: deref(r.LastError), Deleted: r.Deleted, CreatedAt: deref(r.CreatedAt),
	}
	if !r.Static && !isNull(r.Filters) {
		c.Filters = r.Filters
	}
	if !isNull(r.Query) {
		c.Query = r.Query
	}
	return c
}

// checkCohortQuery refuses a query that PostHog could not make a cohort from:
// it runs in the background, where nobody sees the error. PostHog takes the
// persons from a column named person_id, actor_id, id or distinct_id, or from
// the events or persons table.
func checkCohortQuery(op, sql string) error {
	plan, err := planQuery(op, sql, nil)
	if err != nil {
		return err
	}
	q, err := hogql.Parse(plan.sql)
	if err != nil {
		return nil //nolint:nilerr // only PostHog can judge this one
	}
	if set, ok := q.(*hogql.SelectSetQuery); ok {
		members, _ := setMembers(set)
		if len(members) == 0 {
			return nil
		}
		q = members[0]
	}
	sel, ok := q.(*hogql.SelectQuery)
	if !ok || slices.ContainsFunc(sel.Select, namesPerson) || readsPeople(sel.From) {
		return nil
	}
	return invalid(op, "query", "the query selects no person_id", "Select the persons as person_id: SELECT DISTINCT person_id FROM events WHERE ...")
}

// namesPerson reports a column that PostHog takes for the person, or a star
// that may hold one.
func namesPerson(e hogql.Expr) bool {
	name := ""
	switch e := e.(type) {
	case *hogql.Alias:
		name = e.Name
	case *hogql.Field:
		name = e.Chain[len(e.Chain)-1]
	}
	return slices.Contains([]string{"person_id", "actor_id", "id", "distinct_id", "*"}, name)
}

func readsPeople(from *hogql.JoinExpr) bool {
	if from == nil {
		return false
	}
	f, ok := from.Table.(*hogql.Field)
	return ok && len(f.Chain) == 1 && (f.Chain[0] == "events" || f.Chain[0] == "persons")
}
