package posthogtest

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

func (s *Server) listEventDefinitions(c *call) (*reply, error) {
	defs, err := eventsOfType(s.store.EventDefinitions(), c.query.Get("event_type"))
	if err != nil {
		return nil, err
	}
	defs = filter(defs, func(d data.EventDefinition) bool {
		return (!d.Hidden || !c.flag("exclude_hidden")) && contains(c.query.Get("search"), d.Name)
	})
	field, descending := strings.CutPrefix(c.query.Get("ordering"), "-")
	switch field {
	case "":
	case "name":
		slices.SortStableFunc(defs, func(a, b data.EventDefinition) int { return strings.Compare(a.Name, b.Name) })
	case "last_seen_at":
		slices.SortStableFunc(defs, func(a, b data.EventDefinition) int { return a.LastSeenAt.Compare(b.LastSeenAt) })
	default:
		return nil, invalid("invalid_input", "ordering", "Ordering by %s is not supported.", field)
	}
	if descending {
		slices.Reverse(defs)
	}
	return page(c, s.site(c), defs)
}

// eventsOfType keeps the definitions that event_type asks for. There are no
// actions in the demo, so action_event is an empty list.
func eventsOfType(defs []data.EventDefinition, kind string) ([]data.EventDefinition, error) {
	switch kind {
	case "", "event", "all":
		return slices.Clone(defs), nil
	case "event_custom":
		return filter(defs, func(d data.EventDefinition) bool { return d.Custom }), nil
	case "event_posthog":
		return filter(defs, func(d data.EventDefinition) bool { return !d.Custom }), nil
	case "action_event":
		return []data.EventDefinition{}, nil
	}
	return nil, invalid("invalid_choice", "event_type", "%q is not a valid choice.", kind)
}

func (s *Server) getEventDefinition(c *call) (*reply, error) {
	for _, d := range s.store.EventDefinitions() {
		if d.ID.String() == c.params["id"] {
			return ok(d)
		}
	}
	return nil, noObject()
}

// propertyRow is a property definition in a list.
type propertyRow struct {
	data.PropertyDefinition
	// IsSeenOnFilteredEvents is null unless event_names was given.
	IsSeenOnFilteredEvents *bool `json:"is_seen_on_filtered_events"`
}

func (s *Server) listPropertyDefinitions(c *call) (*reply, error) {
	kind := c.query.Get("type")
	if kind == "" {
		kind = "event"
	}
	groupIndex := c.query.Get("group_type_index")
	switch {
	case !slices.Contains([]string{"event", "person", "group", "session"}, kind):
		return nil, invalid("invalid_choice", "type", "%q is not a valid choice.", kind)
	case kind == "group" && groupIndex == "":
		return nil, invalid("invalid_input", "", "`group_type_index` must be set for `group` type")
	case kind != "group" && groupIndex != "":
		return nil, invalid("invalid_input", "", "`group_type_index` must not be set for non-group types")
	}
	var names []string
	if text := c.query.Get("event_names"); text != "" && json.Unmarshal([]byte(text), &names) != nil {
		return nil, invalid("invalid_input", "event_names", "event_names must be a JSON list of event names.")
	}
	rows := []propertyRow{}
	for _, d := range s.store.PropertyDefinitions() {
		row := propertyRow{PropertyDefinition: d}
		if names != nil {
			seen := slices.ContainsFunc(names, func(n string) bool { return slices.Contains(d.Events, n) })
			row.IsSeenOnFilteredEvents = &seen
		}
		if d.Type == kind && c.wantsProperty(&row) {
			rows = append(rows, row)
		}
	}
	return page(c, s.site(c), rows)
}

// wantsProperty applies the list's filters to one definition.
func (c *call) wantsProperty(row *propertyRow) bool {
	seen := row.IsSeenOnFilteredEvents
	switch {
	case c.flag("filter_by_event_names") && seen != nil && !*seen,
		c.flag("is_numerical") && !row.IsNumerical,
		c.flag("exclude_hidden") && row.Hidden,
		c.flag("exclude_core_properties") && strings.HasPrefix(row.Name, "$"):
		return false
	}
	if only := c.query.Get("properties"); only != "" && !slices.Contains(strings.Split(only, ","), row.Name) {
		return false
	}
	return contains(c.query.Get("search"), row.Name)
}

// groupTypes answers the project's group types: none, so an empty array.
func (s *Server) groupTypes(*call) (*reply, error) { return ok([]any{}) }
