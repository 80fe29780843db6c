package posthogtest

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// maxStaticBatch bounds the persons that one call adds to a static cohort.
const maxStaticBatch = 1000

// storeError turns an error of the record store into the API's: an object that
// is not there, or a value that is not valid.
func storeError(err error, attr string) error {
	if _, missing := errors.AsType[*data.NotFoundError](err); missing {
		return noObject()
	}
	if _, own := errors.AsType[*apiError](err); own {
		return err
	}
	return invalidText("invalid_input", attr, err.Error())
}

func (s *Server) listCohorts(c *call) (*reply, error) {
	kind := c.query.Get("type")
	all := filter(s.store.Cohorts(), func(h data.Cohort) bool {
		return contains(c.query.Get("search"), h.Name) &&
			(kind == "" || kind == "static" && h.IsStatic || kind == "dynamic" && !h.IsStatic) &&
			(!c.flag("hide_behavioral_cohorts") || h.CohortType != "behavioral")
	})
	slices.Reverse(all) // newest first
	return page(c, s.site(c), all)
}

func (s *Server) getCohort(c *call) (*reply, error) {
	cohort, err := s.cohort(c)
	if err != nil {
		return nil, err
	}
	return ok(cohort)
}

func (s *Server) cohort(c *call) (data.Cohort, error) {
	id, err := c.id()
	if err != nil {
		return data.Cohort{}, err
	}
	cohort, err := s.store.Cohort(id)
	if err != nil {
		return data.Cohort{}, storeError(err, "")
	}
	return cohort, nil
}

// cohortInput is what a client may set on a cohort. A nil field was absent.
type cohortInput struct {
	name, description *string
	filters, query    json.RawMessage
	static, deleted   *bool
	persons           []uuid.UUID
}

func (s *Server) readCohort(c *call) (*cohortInput, error) {
	f, err := c.fields()
	if err != nil {
		return nil, err
	}
	in := &cohortInput{}
	var ids []string
	if err := f.readAll(map[string]any{
		"name": &in.name, "description": &in.description, "is_static": &in.static, "deleted": &in.deleted, "_create_static_person_ids": &ids,
	}); err != nil {
		return nil, err
	}
	in.filters, in.query = notNull(f["filters"]), notNull(f["query"])
	if in.persons, err = parseUUIDs(ids, "_create_static_person_ids"); err != nil {
		return nil, err
	}
	if in.filters != nil && in.query != nil {
		return nil, invalid("invalid_input", "query", "Cannot set both filters and query on a cohort.")
	}
	return in, nil
}

func notNull(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

func parseUUIDs(texts []string, attr string) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, len(texts))
	for i, text := range texts {
		var err error
		if ids[i], err = uuid.Parse(text); err != nil {
			return nil, invalid("invalid_input", attr, "%q is not a valid UUID.", text)
		}
	}
	return ids, nil
}

func (s *Server) createCohort(c *call) (*reply, error) {
	in, err := s.readCohort(c)
	if err != nil {
		return nil, err
	}
	if in.name == nil {
		return nil, required("name")
	}
	cohort := data.Cohort{Name: *in.name, Filters: in.filters, Query: in.query, StaticPersons: in.persons}
	if in.description != nil {
		cohort.Description = *in.description
	}
	cohort.IsStatic = in.static != nil && *in.static
	switch {
	case !cohort.IsStatic && in.filters == nil && in.query == nil:
		return nil, invalid("invalid_input", "filters", "Must contain a 'properties' key with type and values")
	case cohort.IsStatic && in.query != nil:
		if cohort.StaticPersons, err = s.personsOfQuery(c, in.query); err != nil {
			return nil, err
		}
	}
	created, err := s.store.CreateCohort(cohort)
	if err != nil {
		return nil, storeError(err, "filters")
	}
	return jsonReply(201, created), nil
}

// personsOfQuery runs the query that a static cohort is made from; its first
// column holds person ids.
func (s *Server) personsOfQuery(c *call, raw json.RawMessage) ([]uuid.UUID, error) {
	node, err := parseNode(raw, "query")
	if err != nil {
		return nil, err
	}
	if node.Kind != "HogQLQuery" {
		return nil, invalid("invalid_input", "query", "Query of kind %s is not supported here.", node.Kind)
	}
	result, err := s.execHogQL(c.r.Context(), node)
	if err != nil {
		return nil, err
	}
	ids := []uuid.UUID{}
	for _, row := range result.rows {
		if text, isText := row[0].(string); isText {
			if id, err := uuid.Parse(text); err == nil {
				ids = append(ids, id)
				continue
			}
		}
		return nil, invalid("invalid_input", "query", "The query must give person ids in its first column.")
	}
	return ids, nil
}

func (s *Server) patchCohort(c *call) (*reply, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	in, err := s.readCohort(c)
	if err != nil {
		return nil, err
	}
	changed, err := s.store.PatchCohort(id, func(h *data.Cohort) error {
		if in.name != nil {
			h.Name = *in.name
		}
		if in.description != nil {
			h.Description = *in.description
		}
		if in.filters != nil && !h.IsStatic {
			h.Filters = in.filters
		}
		if in.deleted != nil {
			h.Deleted = *in.deleted
		}
		return nil
	})
	if err != nil {
		return nil, storeError(err, "filters")
	}
	return ok(changed)
}

func (s *Server) cohortPersons(c *call) (*reply, error) {
	cohort, err := s.cohort(c)
	if err != nil {
		return nil, err
	}
	snap := s.store.Snapshot()
	members, err := snap.Cohort(cohort.ID).Members()
	if err != nil {
		return nil, storeError(err, "")
	}
	people := filter(snap.Persons, func(p *data.Person) bool { _, in := members[p.ID]; return in })
	slices.SortFunc(people, newestFirst)
	return s.personPage(c, people, maxListedIDs)
}

func (s *Server) addToCohort(c *call) (*reply, error) {
	cohort, err := s.cohort(c)
	if err != nil {
		return nil, err
	}
	f, err := c.fields()
	if err != nil {
		return nil, err
	}
	var texts []string
	if err := f.read("person_ids", &texts, "a list of person UUIDs"); err != nil {
		return nil, err
	}
	switch {
	case !cohort.IsStatic:
		return nil, invalid("invalid_input", "", "Can only add users to static cohorts")
	case len(texts) == 0:
		return nil, required("person_ids")
	case len(texts) > maxStaticBatch:
		return nil, invalid("invalid_input", "person_ids", "List size exceeds limit")
	}
	ids, err := parseUUIDs(texts, "person_ids")
	if err != nil {
		return nil, err
	}
	known := map[uuid.UUID]bool{}
	for _, p := range s.store.Snapshot().Persons {
		known[p.ID] = true
	}
	if !slices.ContainsFunc(ids, func(id uuid.UUID) bool { return known[id] }) {
		return nil, invalid("invalid_input", "person_ids", "No valid users to add to cohort")
	}
	_, err = s.store.PatchCohort(cohort.ID, func(h *data.Cohort) error {
		h.StaticPersons = append(h.StaticPersons, ids...)
		return nil
	})
	if err != nil {
		return nil, storeError(err, "")
	}
	return ok(map[string]bool{"success": true})
}

func (s *Server) removeFromCohort(c *call) (*reply, error) {
	cohort, err := s.cohort(c)
	if err != nil {
		return nil, err
	}
	var body struct {
		PersonID string `json:"person_id"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	id, err := uuid.Parse(body.PersonID)
	switch {
	case !cohort.IsStatic:
		return nil, invalid("invalid_input", "", "Can only remove users from static cohorts")
	case body.PersonID == "":
		return nil, required("person_id")
	case err != nil:
		return nil, invalid("invalid_input", "person_id", "Must be a valid UUID.")
	}
	_, err = s.store.PatchCohort(cohort.ID, func(h *data.Cohort) error {
		i := slices.Index(h.StaticPersons, id)
		if i < 0 {
			return notFound("Person is not part of the cohort")
		}
		h.StaticPersons = slices.Delete(h.StaticPersons, i, i+1)
		return nil
	})
	if err != nil {
		return nil, storeError(err, "")
	}
	return ok(map[string]bool{"success": true})
}
