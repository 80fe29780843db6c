package posthogtest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// flagsRequest is the body of POST /flags. Other fields are ignored silently,
// among them "key", which clients send by mistake to choose a flag.
type flagsRequest struct {
	APIKey           *string         `json:"api_key"`
	Token            *string         `json:"token"`
	DollarToken      *string         `json:"$token"`
	DistinctID       json.RawMessage `json:"distinct_id"`
	DollarDistinctID json.RawMessage `json:"$distinct_id"`
	KeysToEvaluate   []string        `json:"flag_keys_to_evaluate"`
	FlagKeys         []string        `json:"flag_keys"`
	PersonProperties map[string]any  `json:"person_properties"`
	DisableFlags     bool            `json:"disable_flags"`
}

// flagResult is one evaluated flag in the v2 shape.
type flagResult struct {
	Key      string       `json:"key"`
	Enabled  bool         `json:"enabled"`
	Variant  *string      `json:"variant"`
	Failed   bool         `json:"failed,omitempty"`
	Reason   flagReason   `json:"reason"`
	Metadata flagMetadata `json:"metadata"`
}

type flagReason struct {
	Code           string `json:"code"`
	ConditionIndex *int   `json:"condition_index"`
	Description    string `json:"description,omitempty"`
}

type flagMetadata struct {
	ID            int64   `json:"id"`
	Version       int     `json:"version"`
	Description   *string `json:"description"`
	Payload       *string `json:"payload"` // a JSON text: encoded twice on the wire
	HasExperiment bool    `json:"has_experiment"`
}

// evaluate answers POST /flags in its v2 shape, or in the legacy one without
// ?v=2. Errors are plain text.
func (s *Server) evaluate(c *call) *reply {
	if c.r.Method != http.MethodPost {
		return textReply(http.StatusMethodNotAllowed, "Method Not Allowed")
	}
	body, err := inflate(c.body, maxSingleBody)
	if err != nil {
		return textReply(http.StatusBadRequest, "Failed to decode request: invalid gzip data. Please check your request format and try again.")
	}
	var q flagsRequest
	if err := json.Unmarshal(body, &q); err != nil {
		return textReply(http.StatusBadRequest, "Failed to decode request: invalid JSON. Please check your request format and try again.")
	}
	token := firstOf(q.APIKey, q.Token, q.DollarToken)
	switch {
	case token == nil:
		return textReply(http.StatusUnauthorized, "No API token provided. Please include a valid API token in your request.")
	case *token != s.ProjectKey():
		return textReply(http.StatusUnauthorized, "The provided API key is invalid or has expired. Please check your API key and try again.")
	}
	id, given := q.distinctID()
	if !given {
		return textReply(http.StatusBadRequest, "The distinct_id field is missing from the request. Please include a valid identifier.")
	}
	version := c.query.Get("v")
	if version == "" {
		version = c.query.Get("version")
	}
	answer := map[string]any{"errorsWhileComputingFlags": false, "requestId": uuid.NewString(), "evaluatedAt": c.now.UnixMilli()}
	var results []flagResult
	switch {
	case s.quotaNow().FeatureFlags:
		answer["quotaLimited"] = []string{"feature_flags"}
	case !q.DisableFlags:
		results = s.evaluateAll(c, &q, id)
		answer["errorsWhileComputingFlags"] = slices.ContainsFunc(results, func(r flagResult) bool { return r.Failed })
	}
	if version == "" {
		addLegacy(answer, results)
	} else {
		flags := map[string]flagResult{}
		for _, r := range results {
			flags[r.Key] = r
		}
		answer["flags"] = flags
	}
	return jsonReply(http.StatusOK, answer)
}

func firstOf(texts ...*string) *string {
	for _, t := range texts {
		if t != nil {
			return t
		}
	}
	return nil
}

// distinctID reads a string or a number. The empty string counts as given.
func (q *flagsRequest) distinctID() (string, bool) {
	raw := q.DistinctID
	if raw == nil {
		raw = q.DollarDistinctID
	}
	if raw == nil || string(raw) == "null" {
		return "", false
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	if r := []rune(text); len(r) > maxDistinctID {
		text = string(r[:maxDistinctID])
	}
	return text, true
}

// addLegacy writes the shape of answers without ?v=2: values, and payloads
// apart.
func addLegacy(answer map[string]any, results []flagResult) {
	values, payloads := map[string]any{}, map[string]string{}
	for _, r := range results {
		values[r.Key] = r.Enabled
		if r.Variant != nil {
			values[r.Key] = *r.Variant
		}
		if r.Metadata.Payload != nil {
			payloads[r.Key] = *r.Metadata.Payload
		}
	}
	answer["featureFlags"], answer["featureFlagPayloads"] = values, payloads
}

// evaluateAll evaluates the active flags that the request names, or all.
func (s *Server) evaluateAll(c *call, q *flagsRequest, id string) []flagResult {
	only := q.KeysToEvaluate
	if only == nil {
		only = q.FlagKeys
	}
	subject := &flagSubject{id: id, properties: map[string]any{}, snap: s.store.Snapshot()}
	if subject.person = s.store.PersonByDistinctID(id); subject.person != nil && !c.flag("only_use_override_person_properties") {
		maps.Insert(subject.properties, subject.person.Properties.All())
	}
	maps.Copy(subject.properties, q.PersonProperties)
	var out []flagResult
	for _, f := range s.flags.list() {
		if f.Active && !f.Deleted && !f.Archived && (only == nil || slices.Contains(only, f.Key)) {
			out = append(out, subject.result(f))
		}
	}
	return out
}

// flagSubject is who flags are evaluated for.
type flagSubject struct {
	id         string
	properties map[string]any
	person     *data.Person // nil when the distinct id is unknown
	snap       *data.Snapshot
}

func (u *flagSubject) result(f *data.FeatureFlag) flagResult {
	out := flagResult{Key: f.Key, Metadata: flagMetadata{ID: f.ID, Version: f.Version, HasExperiment: len(f.ExperimentSet) > 0}}
	out.Reason = flagReason{Code: "no_condition_match", Description: "No matching condition set"}
	for _, i := range conditionOrder(f) {
		reason, err := u.condition(f, &f.Filters.Groups[i])
		if err != nil {
			out.Failed = true
			out.Reason = flagReason{Code: "unsupported_condition", ConditionIndex: &i, Description: err.Error()}
			return out
		}
		if reason == "condition_match" {
			out.Enabled = true
			out.Reason = flagReason{Code: reason, ConditionIndex: &i, Description: "Matched condition set " + strconv.Itoa(i+1)}
			u.pick(f, &f.Filters.Groups[i], &out)
			return out
		}
		// "Out of rollout" tells more than "no match" and is not overwritten by it.
		if reason == "out_of_rollout_bound" {
			out.Reason = flagReason{Code: reason, ConditionIndex: &i, Description: "Out of rollout bound"}
		} else if out.Reason.Code == reason {
			out.Reason.ConditionIndex = &i
		}
	}
	return out
}

// conditionOrder puts the conditions that force a variant before the others.
func conditionOrder(f *data.FeatureFlag) []int {
	order := make([]int, len(f.Filters.Groups))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return boolRank(f.Filters.Groups[a].Variant) - boolRank(f.Filters.Groups[b].Variant)
	})
	return order
}

func boolRank(variant *string) int {
	if variant != nil {
		return 0
	}
	return 1
}

// condition says why a release condition matches or does not.
func (u *flagSubject) condition(f *data.FeatureFlag, g *data.FlagCondition) (string, error) {
	for i := range g.Properties {
		in, err := u.property(&g.Properties[i])
		if err != nil {
			return "", err
		}
		if !in {
			return "no_condition_match", nil
		}
	}
	if g.RolloutPercentage != nil && *g.RolloutPercentage < 100 &&
		data.RolloutHash(f.Key, u.id, "") > *g.RolloutPercentage/100 {
		return "out_of_rollout_bound", nil
	}
	return "condition_match", nil
}

func (u *flagSubject) property(p *data.PropertyFilter) (bool, error) {
	switch p.Type {
	case "", "person":
		in, err := matchProperty(p, u.properties, u.snap.Now, u.snap.TimeZone)
		return in != p.Negation, err
	case "cohort":
		number, _ := data.NumberOf(p.Value)
		cohort := u.snap.Cohort(int64(number))
		if cohort == nil {
			return false, errUnknowable
		}
		members, err := cohort.Members()
		if err != nil {
			return false, err
		}
		in := false
		if u.person != nil {
			_, in = members[u.person.ID]
		}
		return in != (p.Negation || p.Operator == "not_in"), nil
	}
	return false, errUnknowable
}

// pick chooses the variant and the payload of a matched flag.
func (u *flagSubject) pick(f *data.FeatureFlag, g *data.FlagCondition, out *flagResult) {
	payload := "true"
	if m := f.Filters.Multivariate; m != nil {
		variant := f.VariantFor(u.id)
		if g.Variant != nil && slices.ContainsFunc(m.Variants, func(v data.FlagVariant) bool { return v.Key == *g.Variant }) {
			variant = *g.Variant
		}
		if variant != "" {
			out.Variant, payload = &variant, variant
		}
	}
	if text, ok := f.Filters.Payloads[payload]; ok {
		out.Metadata.Payload = &text
	}
}
