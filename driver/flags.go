package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// FeatureFlagsParams choose feature flags.
type FeatureFlagsParams struct {
	Key    string // exact key: at most one flag, KindNotFound without it
	Search string // part of a key or description
	Active *bool  // nil: both
	Limit  int    // rows of one page, 1 to 500; 0: 50
	Cursor string // of the page before
}

// FeatureFlagsResult is one page of flags.
type FeatureFlagsResult struct {
	Flags  []FeatureFlag
	Total  *int   // flags that match, when PostHog says so
	Cursor string // of the next page; empty on the last
}

// FeatureFlag is one flag with its release conditions.
type FeatureFlag struct {
	ID          int64
	Key         string
	Description string // PostHog's "name"
	Active      bool
	Archived    bool
	Kind        string // boolean, multivariate or remote_config
	Conditions  []FlagCondition
	Variants    []FlagVariant
	Payloads    map[string]string // by variant key, or "true"; JSON texts
	Experiments []int64           // ids of experiments that use it
	Tags        []string
	CreatedAt   time.Time
	UpdatedAt   time.Time // zero on older servers
}

// FlagCondition is one release condition: everybody to whom all the properties
// apply, of those the percentage.
type FlagCondition struct {
	Properties []PropertyCondition
	Rollout    float64 // percent, 0 to 100
	Variant    string  // given to all of them, past the shares
}

// FlagVariant is one variant of a multivariate flag.
type FlagVariant struct {
	Key     string
	Rollout float64 // percent
}

// PropertyCondition is one filter on a property, a cohort or another flag.
type PropertyCondition struct {
	Key      string          `json:"key"`
	Value    json.RawMessage `json:"value"`
	Operator string          `json:"operator"`
	Type     string          `json:"type"`
	Negation bool            `json:"negation"`
	Cohort   string          `json:"cohort_name"`
}

// String writes the condition as people do: plan is one of ["pro","team"].
func (p PropertyCondition) String() string {
	value := string(p.Value)
	if p.Type == "cohort" {
		name := "cohort " + value
		if p.Negation || p.Operator == "not_in" {
			return "not in " + name
		}
		return "in " + name
	}
	if p.Type == "flag" {
		return fmt.Sprintf("flag %s is %s", p.Key, value)
	}
	op := p.Operator
	switch op {
	case "", "exact":
		op = "="
	case "is_not":
		op = "≠"
	case "gt":
		op = ">"
	case "gte":
		op = "≥"
	case "lt":
		op = "<"
	case "lte":
		op = "≤"
	case "is_set", "is_not_set":
		return p.Key + " " + strings.ReplaceAll(op, "_", " ")
	default:
		op = strings.ReplaceAll(op, "_", " ")
	}
	return fmt.Sprintf("%s %s %s", p.Key, op, value)
}

// String writes the condition in one line: plan = "pro" → 50 %.
func (c FlagCondition) String() string {
	parts := make([]string, 0, len(c.Properties))
	for _, p := range c.Properties {
		parts = append(parts, p.String())
	}
	who := strings.Join(parts, " and ")
	if who == "" {
		who = "everyone"
	}
	text := who + " → " + percent(c.Rollout)
	if c.Variant != "" {
		text += " as " + c.Variant
	}
	return text
}

func percent(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) + " %" }

// FeatureFlags lists feature flags, or gives the one with a key. PostHog bills
// a list call with a personal key like a local evaluation: do not poll it.
//
//posthog:operation GET /api/projects/:project_id/feature_flags/
func (c *Client) FeatureFlags(ctx context.Context, p FeatureFlagsParams) (FeatureFlagsResult, error) {
	ctx, cancel := c.withTotal(ctx) // of all its requests
	defer cancel()
	const op = "get_feature_flags"
	q := url.Values{}
	if p.Active != nil {
		q.Set("active", strconv.FormatBool(*p.Active))
	}
	if p.Key != "" {
		if p.Search != "" || p.Cursor != "" {
			return FeatureFlagsResult{}, invalid(op, "key", "key cannot be combined with search or cursor", "Give key alone for one flag.")
		}
		return c.flagByKey(ctx, op, p.Key)
	}
	if p.Search != "" {
		q.Set("search", p.Search)
	}
	page, err := listOf[flagRecord](ctx, c, op, "/api/projects/{project}/feature_flags/", q, p.Limit, p.Cursor)
	if err != nil {
		return FeatureFlagsResult{}, err
	}
	out := FeatureFlagsResult{Flags: make([]FeatureFlag, 0, len(page.Results)), Total: page.Count, Cursor: page.Next}
	for _, r := range page.Results {
		out.Flags = append(out.Flags, r.flag())
	}
	return out, nil
}

// flagByKey finds a flag by its exact key. PostHog finds by part of a key
// only, so the pages of the search are compared here.
func (c *Client) flagByKey(ctx context.Context, op, key string) (FeatureFlagsResult, error) {
	r := request{
		op: op, class: ClassRead, bucket: quota.BucketStandard, method: "GET", idempotent: true,
		path:  "/api/projects/{project}/feature_flags/",
		query: url.Values{"search": {key}, "limit": {"200"}},
	}
	var similar []string
	for rec, err := range paginate[flagRecord](ctx, c, r, 2000) {
		if err != nil {
			return FeatureFlagsResult{}, err
		}
		if rec.Key == key {
			one := 1
			return FeatureFlagsResult{Flags: []FeatureFlag{rec.flag()}, Total: &one}, nil
		}
		if len(similar) < 5 {
			similar = append(similar, rec.Key)
		}
	}
	hint := "List the flags with get_feature_flags and no key."
	if len(similar) > 0 {
		hint = "Flags with similar keys: " + strings.Join(similar, ", ") + "."
	}
	return FeatureFlagsResult{}, &Error{
		Op: op, Kind: KindNotFound, Attr: "key",
		Detail: fmt.Sprintf("this project has no feature flag with key %.100q", key), Hint: hint,
	}
}

// flagRecord is PostHog's form of a flag.
type flagRecord struct {
	ID       int64  `json:"id"`
	Key      string `json:"key"`
	Name     string `json:"name"`
	Active   bool   `json:"active"`
	Archived bool   `json:"archived"`
	Filters  struct {
		Groups []struct {
			Properties []PropertyCondition `json:"properties"`
			Rollout    *float64            `json:"rollout_percentage"`
			Variant    *string             `json:"variant"`
		} `json:"groups"`
		Multivariate *struct {
			Variants []struct {
				Key     string  `json:"key"`
				Rollout float64 `json:"rollout_percentage"`
			} `json:"variants"`
		} `json:"multivariate"`
		Payloads map[string]json.RawMessage `json:"payloads"`
	} `json:"filters"`
	RemoteConfig bool      `json:"is_remote_configuration"`
	Experiments  []int64   `json:"experiment_set"`
	Tags         []string  `json:"tags"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

func (r flagRecord) flag() FeatureFlag {
	f := FeatureFlag{
		ID: r.ID, Key: r.Key, Description: r.Name, Active: r.Active, Archived: r.Archived, Kind: "boolean",
		Experiments: r.Experiments, Tags: r.Tags, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
	for _, g := range r.Filters.Groups {
		cond := FlagCondition{Properties: g.Properties, Rollout: 100} // no percentage means all
		if g.Rollout != nil {
			cond.Rollout = *g.Rollout
		}
		if g.Variant != nil {
			cond.Variant = *g.Variant
		}
		f.Conditions = append(f.Conditions, cond)
	}
	if m := r.Filters.Multivariate; m != nil && len(m.Variants) > 0 {
		f.Kind = "multivariate"
		for _, v := range m.Variants {
			f.Variants = append(f.Variants, FlagVariant{Key: v.Key, Rollout: v.Rollout})
		}
	}
	if r.RemoteConfig {
		f.Kind = "remote_config"
	}
	for variant, raw := range r.Filters.Payloads {
		if f.Payloads == nil {
			f.Payloads = make(map[string]string, len(r.Filters.Payloads))
		}
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw) // some servers store the plain value
		}
		f.Payloads[variant] = text
	}
	return f
}

// String writes the variant with its share: test 50 %.
func (v FlagVariant) String() string { return v.Key + " " + percent(v.Rollout) }
