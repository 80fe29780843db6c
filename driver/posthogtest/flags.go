package posthogtest

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

func (s *Server) listFlags(c *call) (*reply, error) {
	tags := []string{}
	if text := c.query.Get("tags"); text != "" && json.Unmarshal([]byte(text), &tags) != nil {
		return nil, invalid("invalid_input", "tags", "tags must be a JSON list.")
	}
	all := filter(s.flags.list(), func(f *data.FeatureFlag) bool {
		return !f.Deleted && f.Archived == c.flag("archived") && contains(c.query.Get("search"), f.Key, f.Name) &&
			activeAs(f, c.query.Get("active")) && typedAs(f, c.query.Get("type")) &&
			!slices.ContainsFunc(tags, func(t string) bool { return !slices.Contains(f.Tags, t) })
	})
	slices.Reverse(all) // newest first
	return page(c, s.site(c), all)
}

func activeAs(f *data.FeatureFlag, want string) bool {
	switch want {
	case "true":
		return f.Active
	case "false":
		return !f.Active
	case "STALE":
		return f.Status == "STALE"
	}
	return true
}

func typedAs(f *data.FeatureFlag, want string) bool {
	multivariate := f.Filters.Multivariate != nil && len(f.Filters.Multivariate.Variants) > 0
	switch want {
	case "boolean":
		return !multivariate
	case "multivariant":
		return multivariate
	case "experiment":
		return len(f.ExperimentSet) > 0
	case "remote_config":
		return false // the demo has none
	}
	return true
}

func (s *Server) getFlag(c *call) (*reply, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	f := s.flags.get(id)
	if f == nil || f.Deleted {
		return nil, noObject()
	}
	return ok(f)
}

func (s *Server) createFlag(c *call) (*reply, error) {
	in, err := c.fields()
	if err != nil {
		return nil, err
	}
	user := s.store.User()
	f := &data.FeatureFlag{
		Active: true, CreatedBy: &user, CreatedAt: c.now, UpdatedAt: c.now, Version: 1, Tags: []string{}, ExperimentSet: []int64{},
		EvaluationRuntime: "all", Status: "ACTIVE",
	}
	if _, given := in["key"]; !given {
		return nil, required("key")
	}
	if err := applyFlag(f, in); err != nil {
		return nil, err
	}
	if err := s.flags.add(f, func(old *data.FeatureFlag) error { return sameKey(old, f) }); err != nil {
		return nil, err
	}
	return jsonReply(http.StatusCreated, f), nil
}

func sameKey(old, f *data.FeatureFlag) error {
	if old.Key == f.Key && !old.Deleted {
		return invalid("unique", "key", "There is already a feature flag with this key.")
	}
	return nil
}

func (s *Server) patchFlag(c *call) (*reply, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	in, err := c.fields()
	if err != nil {
		return nil, err
	}
	var version *int
	if err := in.read("version", &version, "a valid integer"); err != nil {
		return nil, err
	}
	others := s.flags.list()
	changed, err := s.flags.update(id, func(f *data.FeatureFlag) error {
		if f.Deleted {
			return noObject()
		}
		if version != nil && *version != f.Version {
			return &apiError{
				status: http.StatusConflict, kind: "server_error", code: "conflict",
				detail: "The feature flag was updated by " + f.CreatedBy.Email + " since you started editing it. Please refresh and try again.",
			}
		}
		key := f.Key
		if err := applyFlag(f, in); err != nil {
			return err
		}
		for _, old := range others {
			if old.ID != id && f.Key != key {
				if err := sameKey(old, f); err != nil {
					return err
				}
			}
		}
		if f.Deleted && slices.ContainsFunc(s.experiments.list(), func(e *data.Experiment) bool { return e.FeatureFlagKey == f.Key && e.Status == "running" }) {
			return invalid("invalid_input", "", "Cannot delete a feature flag that is linked to active experiment(s). Please delete the experiment(s) first.")
		}
		f.Version++
		f.UpdatedAt = c.now
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ok(changed)
}

// applyFlag sets the fields that a client sent. Filters are replaced as a
// whole, as at PostHog.
func applyFlag(f *data.FeatureFlag, in fields) error {
	if err := in.readAll(map[string]any{
		"key": &f.Key, "name": &f.Name, "active": &f.Active, "deleted": &f.Deleted, "archived": &f.Archived, "tags": &f.Tags,
		"ensure_experience_continuity": &f.EnsureExperienceContinuity, "evaluation_runtime": &f.EvaluationRuntime,
	}); err != nil {
		return err
	}
	if f.Key == "" {
		return invalid("blank", "key", "This field may not be blank.")
	}
	if strings.ContainsFunc(f.Key, func(r rune) bool {
		return r != '-' && r != '_' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	}) {
		return invalid("invalid_key", "key", "Only letters, numbers, hyphens (-) & underscores (_) are allowed.")
	}
	if raw, given := in["filters"]; given {
		if err := byPersonOnly(raw); err != nil {
			return err
		}
		filters := data.FlagFilters{}
		if err := in.read("filters", &filters, "a valid set of filters"); err != nil {
			return err
		}
		f.Filters = filters
	}
	f.Status = "ACTIVE"
	if !f.Active {
		f.Status = "INACTIVE"
	}
	return normalizeFilters(f)
}

// byPersonOnly refuses what the demo does not evaluate, rather than to
// evaluate the flag without it.
func byPersonOnly(raw json.RawMessage) error {
	var extra struct {
		Group   *int  `json:"aggregation_group_type_index"`
		Super   []any `json:"super_groups"`
		Holdout []any `json:"holdout_groups"`
	}
	if json.Unmarshal(raw, &extra) == nil && (extra.Group != nil || len(extra.Super) > 0 || len(extra.Holdout) > 0) {
		return invalidText("not_supported_by_demo", "filters", "not supported by the demo data: flags by group, early access and holdouts")
	}
	return nil
}

// normalizeFilters fills in empty lists and checks the variants' shares.
func normalizeFilters(f *data.FeatureFlag) error {
	filters := &f.Filters
	filters.Groups = slices.Clone(filters.Groups)
	if filters.Groups == nil {
		filters.Groups = []data.FlagCondition{}
	}
	f.RolloutPercentage = nil
	for i := range filters.Groups {
		g := &filters.Groups[i]
		if g.Properties == nil {
			g.Properties = []data.PropertyFilter{}
		}
		if p := g.RolloutPercentage; p != nil && (*p < 0 || *p > 100) {
			return invalid("invalid_input", "filters", "Rollout percentage must be between 0 and 100.")
		}
		if f.RolloutPercentage == nil {
			f.RolloutPercentage = g.RolloutPercentage
		}
	}
	if filters.Payloads == nil {
		filters.Payloads = map[string]string{}
	}
	if filters.Multivariate == nil || len(filters.Multivariate.Variants) == 0 {
		return nil
	}
	sum := 0.0
	for _, v := range filters.Multivariate.Variants {
		sum += v.RolloutPercentage
	}
	if math.Abs(sum-100) > 1e-6 {
		return invalid("invalid_input", "filters", "Invalid variant definitions: Variant rollout percentages must sum to 100.")
	}
	return nil
}

// remoteConfig answers the raw payload of a flag, by id or key.
func (s *Server) remoteConfig(c *call) (*reply, error) {
	want := c.params["id"]
	for _, f := range s.flags.list() {
		if f.Deleted || f.Key != want && strconv.FormatInt(f.ID, 10) != want {
			continue
		}
		payload, has := f.Filters.Payloads["true"]
		if !has {
			payload = "null"
		}
		return jsonReply(http.StatusOK, payload), nil
	}
	return nil, noObject()
}

// localEvaluation answers the definitions that SDKs evaluate on their side.
// Its ETag makes an unchanged answer a 304.
func (s *Server) localEvaluation(c *call) (*reply, error) {
	if token := c.query.Get("token"); token != "" && token != s.ProjectKey() {
		return nil, unauthenticated("authentication_failed", "Project API key is invalid.")
	}
	flags := filter(s.flags.list(), func(f *data.FeatureFlag) bool { return !f.Deleted && !f.Archived })
	cohorts := map[string]json.RawMessage{}
	if c.query.Has("send_cohorts") {
		for _, h := range s.store.Cohorts() {
			var body struct {
				Properties json.RawMessage `json:"properties"`
			}
			if !h.IsStatic && json.Unmarshal(h.Filters, &body) == nil && body.Properties != nil {
				cohorts[strconv.FormatInt(h.ID, 10)] = body.Properties
			}
		}
	}
	r := jsonReply(http.StatusOK, map[string]any{"flags": flags, "group_type_mapping": map[string]string{}, "cohorts": cohorts})
	tag := etag(r.body)
	if c.r.Header.Get("If-None-Match") == tag {
		r = &reply{status: http.StatusNotModified, header: http.Header{}}
	}
	r.header.Set("ETag", tag)
	return r, nil
}
