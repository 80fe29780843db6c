// Package flags holds the tools around feature flags: what they are, and what
// they give one person.
package flags

import (
	"context"
	"embed"
	"encoding/json"
	"slices"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

//go:embed schema/*.json
var schemas embed.FS

// Tools gives the tools of this area.
func Tools() tools.Set {
	return tools.Set{Tools: []tools.Tool{getFeatureFlags(), evaluateFlag(), evaluateFlags()}, Schemas: schemas}
}

// ListIn are the arguments of get_feature_flags.
type ListIn struct {
	Key    string `json:"key,omitempty" jsonschema:"Exact key: one flag with its payloads" maxlen:"400" example:"new-nav"`
	Search string `json:"search,omitempty" jsonschema:"Part of a key or description" maxlen:"400" example:"nav"`
	Active *bool  `json:"active,omitempty" jsonschema:"Only switched on, or only off"`
	Limit  int    `json:"limit,omitempty" jsonschema:"Rows" default:"50" min:"1" max:"500"`
	Cursor string `json:"cursor,omitempty" jsonschema:"Next page" maxlen:"2000" example:"limit=50&offset=50"`
}

// ListOut is the answer of get_feature_flags.
type ListOut struct {
	Payloads map[string]string `json:"payloads,omitempty" jsonschema:"JSON by variant, of one flag"`
	tools.Table
}

func getFeatureFlags() tools.Tool {
	return tools.Op[ListIn, ListOut]{
		Name: "get_feature_flags", Title: "List feature flags",
		Doc: "Lists feature flags with their release conditions and variants, or one by key. " +
			"For one person use evaluate_flag. PostHog bills each call: do not poll.",
		Effect: tools.Reads, Scopes: []string{"feature_flag:read"}, Class: driver.ClassRead,
		Examples: []string{`{"search":"checkout","active":true}`, `{"key":"new-nav"}`},
		Run: func(ctx context.Context, ph *driver.Client, in ListIn) (ListOut, error) {
			p := driver.FeatureFlagsParams{Key: in.Key, Search: in.Search, Active: in.Active, Limit: in.Limit, Cursor: in.Cursor}
			if p.Key != "" && in.Active != nil {
				p.Active = nil // one flag is shown whatever its state
			}
			res, err := ph.FeatureFlags(ctx, p)
			if err != nil {
				return ListOut{}, err
			}
			rows := make([][]any, len(res.Flags))
			for i, f := range res.Flags {
				rows[i] = []any{f.ID, f.Key, state(f), conditions(f), variants(f.Variants), f.Description}
			}
			out := ListOut{Table: tools.NewTable([]string{"id", "key", "state", "conditions", "variants", "description"}, rows)}
			out.Total, out.Cursor, out.HasMore = res.Total, res.Cursor, res.Cursor != ""
			if in.Key != "" && len(res.Flags) == 1 {
				out.Payloads = res.Flags[0].Payloads
			}
			return out, nil
		},
	}
}

func state(f driver.FeatureFlag) string {
	switch {
	case f.Archived:
		return "archived"
	case f.Active:
		return "active"
	}
	return "inactive"
}

func conditions(f driver.FeatureFlag) string {
	parts := make([]string, len(f.Conditions))
	for i, c := range f.Conditions {
		parts[i] = c.String()
	}
	return strings.Join(parts, "; ")
}

func variants(list []driver.FlagVariant) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = v.String()
	}
	return strings.Join(parts, ", ")
}

// SubjectIn is whom a flag is evaluated for.
type SubjectIn struct {
	DistinctID       string            `json:"distinct_id" jsonschema:"Id of the person" example:"user-1"`
	PersonProperties map[string]any    `json:"person_properties,omitempty" jsonschema:"Used in place of the stored ones" example:"{\"plan\":\"pro\"}"`
	Groups           map[string]string `json:"groups,omitempty" jsonschema:"Group type to key" example:"{\"company\":\"acme\"}"`
}

func (s SubjectIn) subject() driver.FlagSubject {
	return driver.FlagSubject{PersonProperties: s.PersonProperties, Groups: s.Groups}
}

// EvaluateIn are the arguments of evaluate_flag.
type EvaluateIn struct {
	Key string `json:"key" jsonschema:"Flag key" example:"new-nav"`
	SubjectIn
}

// EvaluateOut is the answer of evaluate_flag.
type EvaluateOut struct {
	Key         string          `json:"key"`
	State       string          `json:"state" jsonschema:"on, off or unknown; unknown is not off"`
	Variant     string          `json:"variant,omitempty"`
	Reason      string          `json:"reason,omitempty"`
	Description string          `json:"description,omitempty" jsonschema:"The reason in words"`
	Payload     json.RawMessage `json:"payload,omitempty" jsonschema:"Any JSON"`

	warning string
}

// Notices tells that PostHog could not compute the flag.
func (o *EvaluateOut) Notices() []string { return notices(o.warning) }

func notices(warning string) []string {
	if warning == "" {
		return nil
	}
	return []string{warning}
}

func evaluateFlag() tools.Tool {
	return tools.Op[EvaluateIn, EvaluateOut]{
		Name: "evaluate_flag", Title: "Evaluate a feature flag",
		Doc: "Tells what one flag is for one person: on, off or unknown, variant, reason, payload. " +
			"Unknown is not off. It records no exposure.",
		Effect: tools.Reads, Class: driver.ClassFlags,
		Examples: []string{`{"key":"new-nav","distinct_id":"user-1"}`},
		Run: func(ctx context.Context, ph *driver.Client, in EvaluateIn) (EvaluateOut, error) {
			res, err := ph.EvaluateFlag(ctx, driver.EvaluateFlagParams{Key: in.Key, DistinctID: in.DistinctID, FlagSubject: in.subject()})
			if err != nil {
				return EvaluateOut{}, err
			}
			var payload json.RawMessage
			if res.HasPayload {
				if payload, err = json.Marshal(res.Payload); err != nil {
					return EvaluateOut{}, err
				}
			}
			return EvaluateOut{
				Key: res.Key, State: string(res.State), Variant: res.Variant, Reason: res.Reason,
				Description: res.Description, Payload: payload, warning: res.Warning,
			}, nil
		},
	}
}

// EvaluateAllIn are the arguments of evaluate_flags.
type EvaluateAllIn struct {
	SubjectIn
	Keys []string `json:"keys,omitempty" jsonschema:"Flag keys; default all active" maxitems:"200" example:"new-nav,beta"`
}

// EvaluateAllOut is the answer of evaluate_flags.
type EvaluateAllOut struct {
	tools.Table

	warning string
}

// Notices tells that PostHog could not compute some flags.
func (o *EvaluateAllOut) Notices() []string { return notices(o.warning) }

func evaluateFlags() tools.Tool {
	return tools.Op[EvaluateAllIn, EvaluateAllOut]{
		Name: "evaluate_flags", Title: "Evaluate feature flags",
		Doc: "Tells what all active flags, or those named, are for one person: on, off or unknown, variant, reason, payload. " +
			"Unknown is not off.",
		Effect: tools.Reads, Class: driver.ClassFlags,
		Examples: []string{`{"distinct_id":"user-1"}`, `{"distinct_id":"user-1","keys":["new-nav","beta"]}`},
		Run: func(ctx context.Context, ph *driver.Client, in EvaluateAllIn) (EvaluateAllOut, error) {
			res, err := ph.EvaluateFlags(ctx, driver.EvaluateFlagsParams{Keys: in.Keys, DistinctID: in.DistinctID, FlagSubject: in.subject()})
			if err != nil {
				return EvaluateAllOut{}, err
			}
			columns := []string{"key", "state", "variant", "reason"}
			payload := slices.ContainsFunc(res.Flags, func(f driver.FlagEvaluation) bool { return f.HasPayload })
			if payload {
				columns = append(columns, "payload")
			}
			rows := make([][]any, len(res.Flags))
			for i, f := range res.Flags {
				rows[i] = []any{f.Key, string(f.State), f.Variant, f.Reason}
				if payload {
					rows[i] = append(rows[i], f.Payload)
				}
			}
			return EvaluateAllOut{Table: tools.NewTable(columns, rows), warning: res.Warning}, nil
		},
	}
}
