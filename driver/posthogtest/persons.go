package posthogtest

import (
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// listedPerson is a person in a list: the id is the UUID.
type listedPerson struct {
	Type        string         `json:"type"`
	ID          uuid.UUID      `json:"id"`
	UUID        uuid.UUID      `json:"uuid"`
	Name        string         `json:"name"`
	DistinctIDs []string       `json:"distinct_ids"`
	Properties  map[string]any `json:"properties"`
	CreatedAt   time.Time      `json:"created_at"`
	LastSeenAt  *time.Time     `json:"last_seen_at"`
}

// onePerson is a person on their own: the id is a number.
type onePerson struct {
	ID          int64          `json:"id"`
	Name        string         `json:"name"`
	UUID        uuid.UUID      `json:"uuid"`
	DistinctIDs []string       `json:"distinct_ids"`
	Properties  map[string]any `json:"properties"`
	CreatedAt   time.Time      `json:"created_at"`
	LastSeenAt  *time.Time     `json:"last_seen_at"`
}

func propertyMap(p *data.Properties) map[string]any {
	return maps.Collect(p.All())
}

// personName is what PostHog shows for a person: the first of email, name and
// username, else a distinct id.
func personName(p *data.Person) string {
	for _, k := range []string{"email", "name", "username"} {
		if v, ok := p.Properties.Get(k); ok {
			if text := textOf(v); text != "" && v != nil {
				return text
			}
		}
	}
	if len(p.DistinctIDs) > 0 {
		return p.DistinctIDs[0]
	}
	return p.ID.String()
}

// maxListedIDs bounds the distinct ids of a cohort's persons.
const maxListedIDs = 10

func listed(p *data.Person, mostIDs int) listedPerson {
	ids := p.DistinctIDs
	if mostIDs > 0 && len(ids) > mostIDs {
		ids = ids[:mostIDs]
	}
	return listedPerson{
		Type: "person", ID: p.ID, UUID: p.ID, Name: personName(p), DistinctIDs: ids, Properties: propertyMap(&p.Properties), CreatedAt: p.CreatedAt,
	}
}

// newestFirst orders persons as PostHog lists them.
func newestFirst(a, b *data.Person) int {
	if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
		return c
	}
	return strings.Compare(b.ID.String(), a.ID.String())
}

// personPage answers one page of persons; only the page's own rows are built.
func (s *Server) personPage(c *call, people []*data.Person, mostIDs int) (*reply, error) {
	p := pageWithoutCount(c, s.site(c), people)
	out := listBody[listedPerson]{Next: p.Next, Previous: p.Previous, Results: make([]listedPerson, len(p.Results))}
	for i, person := range p.Results {
		out.Results[i] = listed(person, mostIDs)
	}
	if c.flag("include_total") {
		total := len(people)
		out.Count = &total
	}
	return ok(out)
}

func (s *Server) listPersons(c *call) (*reply, error) {
	snap := s.store.Snapshot()
	keep, err := personFilter(snap, c.query)
	if err != nil {
		return nil, err
	}
	people := filter(snap.Persons, keep)
	slices.SortFunc(people, newestFirst)
	return s.personPage(c, people, 0)
}

// personFilter compiles the list's parameters; all of them must hold.
func personFilter(snap *data.Snapshot, q url.Values) (func(*data.Person) bool, error) {
	match := func(*data.Person) bool { return true }
	if text := q.Get("properties"); text != "" {
		var filters []data.PropertyFilter
		if err := json.Unmarshal([]byte(text), &filters); err != nil {
			return nil, invalid("invalid_input", "properties", "Properties are unparsable!")
		}
		for i := range filters {
			if filters[i].Type == "" {
				filters[i].Type = "person"
			}
		}
		var err error
		if match, err = snap.PersonMatcher(filters); err != nil {
			return nil, invalidText("invalid_input", "properties", err.Error())
		}
	}
	email, id, search := q.Get("email"), q.Get("distinct_id"), q.Get("search")
	return func(p *data.Person) bool {
		if email != "" {
			if v, ok := p.Properties.Get("email"); !ok || textOf(v) != email {
				return false
			}
		}
		if id != "" && !slices.Contains(p.DistinctIDs, id) {
			return false
		}
		if search != "" && !contains(search, personTexts(p)...) {
			return false
		}
		return match(p)
	}, nil
}

// personTexts are what search looks at: email, name and distinct ids.
func personTexts(p *data.Person) []string {
	texts := slices.Clone(p.DistinctIDs)
	for _, k := range []string{"email", "name"} {
		if v, ok := p.Properties.Get(k); ok && v != nil {
			texts = append(texts, textOf(v))
		}
	}
	return texts
}

func (s *Server) getPerson(c *call) (*reply, error) {
	text := c.params["id"]
	id, uuidErr := uuid.Parse(text)
	number, numberErr := strconv.ParseInt(text, 10, 64)
	if uuidErr != nil && numberErr != nil {
		return nil, invalid("invalid_input", "",
			"The ID provided does not look like a personID. If you are using a distinctId, please use /persons?distinct_id=%s instead.", text)
	}
	for _, p := range s.store.Snapshot().Persons {
		if uuidErr == nil && p.ID == id || numberErr == nil && p.Number == number {
			return ok(onePerson{
				ID: p.Number, Name: personName(p), UUID: p.ID, DistinctIDs: p.DistinctIDs,
				Properties: propertyMap(&p.Properties), CreatedAt: p.CreatedAt,
			})
		}
	}
	return nil, notFound("Person not found.")
}

// valueRow is one row of a property-value lookup.
type valueRow struct {
	Name  any  `json:"name"`
	Count *int `json:"count,omitempty"`
}

// maxValues bounds a property-value lookup.
const maxValues = 10

// topValues lists the commonest values of a property that hold the text.
func topValues(count map[string]int, raw map[string]any, holding string) []valueRow {
	names := filter(sortedKeys(count), func(n string) bool { return contains(holding, n) })
	slices.SortStableFunc(names, func(a, b string) int { return count[b] - count[a] })
	rows := make([]valueRow, 0, maxValues)
	for _, n := range names[:min(len(names), maxValues)] {
		rows = append(rows, valueRow{Name: raw[n]})
	}
	return rows
}

func (s *Server) personValues(c *call) (*reply, error) {
	k := c.query.Get("key")
	if k == "" {
		return nil, invalid("invalid_input", "", "You must provide a key to get values for")
	}
	count, raw := map[string]int{}, map[string]any{}
	for _, p := range s.store.Snapshot().Persons {
		if v, has := p.Properties.Get(k); has && v != nil {
			count[textOf(v)]++
			raw[textOf(v)] = v
		}
	}
	return ok(topValues(count, raw, c.query.Get("value")))
}

func (s *Server) personCohorts(c *call) (*reply, error) {
	id, err := uuid.Parse(c.query.Get("person_id"))
	if err != nil {
		return nil, invalid("invalid_input", "person_id", "Must be a valid UUID.")
	}
	snap := s.store.Snapshot()
	type row struct {
		ID    int64  `json:"id"`
		Name  string `json:"name"`
		Count *int   `json:"count"`
	}
	out := []row{}
	for _, m := range snap.Cohorts {
		members, err := m.Members()
		if _, unsupported := errors.AsType[*data.NotSupportedError](err); unsupported {
			continue // PostHog leaves a cohort that failed to calculate out as well
		} else if err != nil {
			return nil, err
		}
		if _, in := members[id]; in {
			n := len(members)
			out = append(out, row{m.ID, m.Name, &n})
		}
	}
	return ok(map[string]any{"results": out})
}
