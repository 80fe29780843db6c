package posthogtest

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// maxAnnotation is the longest annotation in characters.
const maxAnnotation = 8192

func (s *Server) listAnnotations(c *call) (*reply, error) {
	all := filter(s.store.Annotations(), func(a data.Annotation) bool { return contains(c.query.Get("search"), a.Content) })
	slices.SortStableFunc(all, func(a, b data.Annotation) int { return b.DateMarker.Compare(a.DateMarker) })
	return page(c, s.site(c), all)
}

func (s *Server) getAnnotation(c *call) (*reply, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	for _, a := range s.store.Annotations() {
		if a.ID == id {
			return ok(a)
		}
	}
	return nil, noObject()
}

func (s *Server) createAnnotation(c *call) (*reply, error) {
	in, err := c.fields()
	if err != nil {
		return nil, err
	}
	a := data.Annotation{CreationType: "USR", Scope: "dashboard_item", Tags: []string{}}
	if err := applyAnnotation(&a, in, s.store.Insights()); err != nil {
		return nil, err
	}
	created, err := s.store.CreateAnnotation(a)
	if err != nil {
		return nil, storeError(err, "")
	}
	return jsonReply(http.StatusCreated, created), nil
}

func (s *Server) patchAnnotation(c *call) (*reply, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	in, err := c.fields()
	if err != nil {
		return nil, err
	}
	insights := s.store.Insights() // before, as the store is locked inside
	changed, err := s.store.PatchAnnotation(id, func(a *data.Annotation) error { return applyAnnotation(a, in, insights) })
	if err != nil {
		return nil, storeError(err, "")
	}
	return ok(changed)
}

func applyAnnotation(a *data.Annotation, in fields, insights []data.Insight) error {
	var date *string
	if err := in.readAll(map[string]any{
		"content": &a.Content, "creation_type": &a.CreationType, "scope": &a.Scope, "dashboard_item": &a.DashboardItem, "dashboard_id": &a.DashboardID,
		"tags": &a.Tags, "emoji": &a.Emoji, "hidden_in_user_interface": &a.HiddenInUI, "deleted": &a.Deleted, "date_marker": &date,
	}); err != nil {
		return err
	}
	if date != nil {
		at, valid := parseTime(*date)
		if !valid {
			return invalid("invalid_input", "date_marker", "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].")
		}
		a.DateMarker = at
	}
	switch scopes := []string{"dashboard_item", "dashboard", "project", "organization", "recording", "tag"}; {
	case utf8.RuneCountInString(a.Content) > maxAnnotation:
		return invalid("max_length", "content", "Ensure this field has no more than %d characters.", maxAnnotation)
	case strings.ContainsRune(a.Content, 0):
		return invalid("null_characters_not_allowed", "content", "Null characters are not allowed.")
	case a.CreationType != "USR" && a.CreationType != "GIT":
		return invalid("invalid_choice", "creation_type", "%q is not a valid choice.", a.CreationType)
	case !slices.Contains(scopes, a.Scope):
		return invalid("invalid_choice", "scope", "%q is not a valid choice.", a.Scope)
	case a.Scope == "recording":
		return invalid("invalid_input", "scope", "Recording scope is deprecated")
	case len(a.Tags) > 0 && a.Scope != "tag":
		return invalid("invalid_input", "tags", "Tags can only be set on annotations with scope tag.")
	}
	return linkInsight(a, insights)
}

// linkInsight fills in what PostHog shows of an annotation's insight.
func linkInsight(a *data.Annotation, insights []data.Insight) error {
	a.InsightShortID, a.InsightName = nil, nil
	if a.DashboardItem == nil {
		return nil
	}
	for _, i := range insights {
		if i.ID == *a.DashboardItem {
			a.InsightShortID, a.InsightName = &i.ShortID, &i.Name
			return nil
		}
	}
	return invalid("does_not_exist", "dashboard_item", "Invalid pk \"%d\" - object does not exist.", *a.DashboardItem)
}
