package driver

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// The kinds of objects that can be listed.
const (
	ObjectEvents           = "events"
	ObjectEventProperties  = "event_properties"
	ObjectPersonProperties = "person_properties"
	ObjectGroups           = "groups"
	ObjectCohorts          = "cohorts"
	ObjectTables           = "tables"
)

// volumeTimeout bounds the count of events that decorates a list of their
// names: the list is worth showing without it.
const volumeTimeout = 10 * time.Second

// ListObjectsParams choose what to list.
type ListObjectsParams struct {
	Kind   string // one of the Object kinds; empty: the kinds themselves
	Search string // part of a name
	Limit  int    // rows of one page, 1 to 500; 0: 50
	Cursor string // of the page before
}

// Object is something that can be asked about.
type Object struct {
	Name        string
	Description string
	Type        string    // of a property or table; of a kind: the tool or call that reads it
	ID          int64     // of a cohort or group type
	LastSeen    time.Time // of an event; zero when unknown
	Count       *int64    // events in the last 30 days, or persons of a cohort
}

// ListObjectsResult is one page of objects.
type ListObjectsResult struct {
	Kind    string // as asked; empty for the list of kinds
	Objects []Object
	Total   *int   // objects that match, when PostHog says so
	Cursor  string // of the next page; empty on the last
	Warning string // what is missing from the answer, empty when nothing is

	pagePlace
}

// ListObjects lists what can be asked about: without a kind the kinds of
// objects, which costs nothing, otherwise the objects of that kind.
//
//posthog:operation GET /api/projects/:project_id/event_definitions/
//posthog:operation GET /api/projects/:project_id/property_definitions/
//posthog:operation GET /api/projects/:project_id/groups_types/
//posthog:operation GET /api/projects/:project_id/cohorts/
//posthog:operation POST /api/projects/:project_id/query/
func (c *Client) ListObjects(ctx context.Context, p ListObjectsParams) (ListObjectsResult, error) {
	ctx, cancel := c.withTotal(ctx) // of all its requests
	defer cancel()
	const op = "list_objects"
	switch p.Kind {
	case "":
		return ListObjectsResult{Objects: objectKinds()}, nil
	case ObjectEvents:
		return c.listEvents(ctx, op, p)
	case ObjectEventProperties:
		return c.listProperties(ctx, op, p, "event")
	case ObjectPersonProperties:
		return c.listProperties(ctx, op, p, "person")
	case ObjectGroups:
		return c.listGroupTypes(ctx, op, p)
	case ObjectCohorts:
		return c.listCohortObjects(ctx, op, p)
	case ObjectTables:
		return c.listTables(ctx, op, p)
	}
	var names []string
	for _, k := range objectKinds() {
		names = append(names, k.Name)
	}
	return ListObjectsResult{}, invalid(op, "kind", fmt.Sprintf("there is no kind of object %q", clip(p.Kind)), "Kinds: "+strings.Join(names, ", ")+".")
}

// objectKinds is the part that never changes.
func objectKinds() []Object {
	return []Object{
		{Name: ObjectEvents, Type: "get_fields, get_events, query", Description: "what people did; names, last seen, volume"},
		{Name: ObjectEventProperties, Type: "query", Description: "details of events: properties.NAME"},
		{Name: ObjectPersonProperties, Type: "get_persons, query", Description: "attributes of people: person.properties.NAME"},
		{Name: ObjectGroups, Type: "query", Description: "group types such as company: group_0.properties.NAME"},
		{Name: ObjectCohorts, Type: "get_cohorts, query", Description: "saved groups of people: person_id IN COHORT ID"},
		{Name: ObjectTables, Type: "get_fields, query", Description: "HogQL tables: events, persons, sessions, warehouse tables, views"},
	}
}

// eventDefinition is PostHog's record of an event name.
type eventDefinition struct {
	Name        string     `json:"name"`
	Description *string    `json:"description"`
	LastSeen    *time.Time `json:"last_seen_at"`
}

func (c *Client) listEvents(ctx context.Context, op string, p ListObjectsParams) (ListObjectsResult, error) {
	q := url.Values{"ordering": {"-last_seen_at"}, "exclude_hidden": {"true"}}
	if p.Search != "" {
		q.Set("search", p.Search)
	}
	page, err := listOf[eventDefinition](ctx, c, op, "/api/projects/{project}/event_definitions/", q, p.Limit, p.Cursor)
	if err != nil {
		return ListObjectsResult{}, err
	}
	out := ListObjectsResult{
		Kind: p.Kind, Total: page.Count, Cursor: page.Next,
		pagePlace: placeOf(q, p.Limit, p.Cursor, len(page.Results), page.Next),
	}
	names := make([]string, 0, len(page.Results))
	for _, d := range page.Results {
		out.Objects = append(out.Objects, Object{Name: d.Name, Description: deref(d.Description), LastSeen: deref(d.LastSeen)})
		names = append(names, d.Name)
	}
	volumes, err := c.eventVolumes(ctx, op, names)
	if err != nil {
		if ctx.Err() != nil {
			return ListObjectsResult{}, err
		}
		out.Warning = "The 30-day volumes are missing: " + err.Error()
		return out, nil
	}
	for i := range out.Objects {
		n := volumes[out.Objects[i].Name]
		out.Objects[i].Count = &n
	}
	return out, nil
}

// eventVolumes counts the last 30 days of some events in one query.
func (c *Client) eventVolumes(ctx context.Context, op string, names []string) (map[string]int64, error) {
	if len(names) == 0 {
		return map[string]int64{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, volumeTimeout)
	defer cancel()
	b := newSQLBuilder()
	bound := make([]string, len(names))
	for i, name := range names {
		bound[i] = b.bind(name)
	}
	ans, err := c.runHogQL(ctx, op, statement{
		sql: "SELECT event, count() AS n FROM events WHERE timestamp > now() - INTERVAL 30 DAY AND event IN (" +
			strings.Join(bound, ", ") + ") GROUP BY event LIMIT " + strconv.Itoa(len(names)),
		values: b.values, name: op + " volumes",
	})
	if err != nil {
		return nil, err
	}
	out := make(map[string]int64, len(ans.Results))
	for _, row := range ans.Results {
		if len(row) != 2 {
			continue
		}
		name, _ := row[0].(string)
		if n, ok := row[1].(interface{ Int64() (int64, error) }); ok {
			out[name], _ = n.Int64()
		}
	}
	return out, nil
}

func (c *Client) listProperties(ctx context.Context, op string, p ListObjectsParams, kind string) (ListObjectsResult, error) {
	page, place, err := c.properties(ctx, op, propertyQuery{kind: kind, search: p.Search}, p.Limit, p.Cursor)
	if err != nil {
		return ListObjectsResult{}, err
	}
	out := ListObjectsResult{Kind: p.Kind, Total: page.Count, Cursor: page.Next, pagePlace: place}
	for _, d := range page.Results {
		out.Objects = append(out.Objects, Object{Name: d.Name, Description: deref(d.Description), Type: deref(d.Type)})
	}
	return out, nil
}

// groupType is PostHog's record of a group type; the endpoint gives a plain
// array.
type groupType struct {
	Name  string `json:"group_type"`
	Index int    `json:"group_type_index"`
}

func (c *Client) groupTypes(ctx context.Context, op string) ([]groupType, error) {
	var list []groupType
	err := c.do(ctx, request{
		op: op, class: ClassRead, bucket: quota.BucketStandard, method: http.MethodGet,
		path: "/api/projects/{project}/groups_types/", idempotent: true,
	}, &list)
	return list, err
}

func (c *Client) listGroupTypes(ctx context.Context, op string, p ListObjectsParams) (ListObjectsResult, error) {
	types, err := c.groupTypes(ctx, op)
	if err != nil {
		return ListObjectsResult{}, err
	}
	out := ListObjectsResult{Kind: p.Kind}
	for _, t := range types {
		if contains(t.Name, p.Search) {
			out.Objects = append(out.Objects, Object{Name: t.Name, ID: int64(t.Index), Type: fmt.Sprintf("$group_%d", t.Index)})
		}
	}
	total := len(out.Objects)
	out.Total = &total
	return out, nil
}

func (c *Client) listCohortObjects(ctx context.Context, op string, p ListObjectsParams) (ListObjectsResult, error) {
	page, err := c.Cohorts(ctx, CohortsParams{Search: p.Search, Limit: p.Limit, Cursor: p.Cursor})
	if err != nil {
		return ListObjectsResult{}, withOp(err, op)
	}
	out := ListObjectsResult{Kind: p.Kind, Total: page.Total, Cursor: page.Cursor, pagePlace: page.pagePlace}
	for _, co := range page.Cohorts {
		o := Object{Name: co.Name, Description: co.Description, ID: co.ID, Type: "dynamic"}
		if co.Static {
			o.Type = "static"
		}
		if co.Count != nil {
			n := int64(*co.Count)
			o.Count = &n
		}
		out.Objects = append(out.Objects, o)
	}
	return out, nil
}

func (c *Client) listTables(ctx context.Context, op string, p ListObjectsParams) (ListObjectsResult, error) {
	limit, err := boundedLimit(op, p.Limit, defaultPageRows, maxPageRows)
	if err != nil {
		return ListObjectsResult{}, err
	}
	offset, err := pageOffset(op, p.Cursor)
	if err != nil {
		return ListObjectsResult{}, err
	}
	tables, err := c.databaseSchema(ctx, op)
	if err != nil {
		return ListObjectsResult{}, err
	}
	var all []Object
	for name, t := range tables {
		if contains(name, p.Search) {
			all = append(all, Object{Name: name, Type: t.Type, Description: fmt.Sprintf("%d columns", len(t.Fields))})
		}
	}
	slices.SortFunc(all, func(a, b Object) int { return cmp.Compare(a.Name, b.Name) })
	total := len(all)
	out := ListObjectsResult{Kind: p.Kind, Total: &total}
	out.Objects = all[min(offset, total):min(offset+limit, total)]
	if offset+limit < total {
		out.Cursor = strconv.Itoa(offset + limit)
	}
	out.pagePlace = pagePlace{first: offset, rows: len(out.Objects), next: out.Cursor}
	return out, nil
}

// contains compares without regard to case; an empty part is in everything.
func contains(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(strings.TrimSpace(part)))
}
