package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// EvaluateFlagParams ask what one flag is for one person.
type EvaluateFlagParams struct {
	Key        string // flag key; required
	DistinctID string // required
	FlagSubject
}

// EvaluateFlagsParams ask what several flags are for one person.
type EvaluateFlagsParams struct {
	Keys       []string // flag keys; empty means every active flag
	DistinctID string   // required
	FlagSubject
}

// FlagSubject is what the conditions of a flag may look at beside the stored
// person.
type FlagSubject struct {
	Groups           map[string]string         // group type to group key, such as "company": "acme"
	PersonProperties map[string]any            // used in place of the stored ones for this call
	GroupProperties  map[string]map[string]any // by group type
}

// FlagState is the answer to "is it on?". There are three, not two.
type FlagState string

// The states of an evaluated flag.
const (
	FlagOn      FlagState = "on"
	FlagOff     FlagState = "off"
	FlagUnknown FlagState = "unknown" // not computed: never to be read as off
)

// FlagEvaluation is one flag's value for one person.
type FlagEvaluation struct {
	Key         string
	State       FlagState
	Variant     string // of a multivariate flag that is on
	Reason      string // PostHog's code, such as "condition_match", or "missing" or "quota_limited"
	Description string // the reason in words
	Payload     any    // decoded JSON (numbers as json.Number), nil when there is none
	HasPayload  bool   // a payload may be null
}

// Value is what an SDK would give: the variant, true or false; nil when
// unknown.
func (e FlagEvaluation) Value() any {
	switch {
	case e.State == FlagUnknown:
		return nil
	case e.State == FlagOn && e.Variant != "":
		return e.Variant
	}
	return e.State == FlagOn
}

// EvaluateFlagsResult is what EvaluateFlags gives.
type EvaluateFlagsResult struct {
	Flags []FlagEvaluation // in the order of the keys asked for, else by key
	// Warning is set when PostHog could not compute everything.
	Warning string
}

// EvaluateFlagResult is what EvaluateFlag gives.
type EvaluateFlagResult struct {
	FlagEvaluation
	Warning string
}

// EvaluateFlag computes one flag for one person on PostHog's side. It records
// no $feature_flag_called event, so it does not disturb experiments. A flag
// that PostHog failed to compute is unknown, never off; one that the project
// does not have (or has switched off, archived or bound to another context) is
// KindNotFound.
//
//posthog:operation POST /flags/
func (c *Client) EvaluateFlag(ctx context.Context, p EvaluateFlagParams) (EvaluateFlagResult, error) {
	const op = "evaluate_flag"
	if strings.TrimSpace(p.Key) == "" {
		return EvaluateFlagResult{}, invalid(op, "key", "no flag key", "Give the key of a flag; get_feature_flags lists them.")
	}
	flags, warning, err := c.evaluate(ctx, op, []string{p.Key}, p.DistinctID, p.FlagSubject)
	if err != nil {
		return EvaluateFlagResult{}, err
	}
	if flags[0].Reason == reasonMissing && warning == "" {
		return EvaluateFlagResult{}, &Error{
			Op: op, Kind: KindNotFound, Attr: "key",
			Detail: fmt.Sprintf("PostHog has no value for flag %.100q: it does not exist, or is inactive, archived or bound to another evaluation context", p.Key),
			Hint:   "Look it up with get_feature_flags. Do not read this as off.",
		}
	}
	return EvaluateFlagResult{FlagEvaluation: flags[0], Warning: warning}, nil
}

// EvaluateFlags computes all active flags, or those named, for one person.
// A named flag that PostHog does not answer for is in the result as unknown.
//
//posthog:operation POST /flags/
func (c *Client) EvaluateFlags(ctx context.Context, p EvaluateFlagsParams) (EvaluateFlagsResult, error) {
	const op = "evaluate_flags"
	if i := slices.IndexFunc(p.Keys, func(k string) bool { return strings.TrimSpace(k) == "" }); i >= 0 {
		return EvaluateFlagsResult{}, invalid(op, fmt.Sprintf("keys.%d", i), "an empty flag key", "Leave keys out to evaluate every active flag.")
	}
	flags, warning, err := c.evaluate(ctx, op, p.Keys, p.DistinctID, p.FlagSubject)
	return EvaluateFlagsResult{Flags: flags, Warning: warning}, err
}

const (
	reasonMissing      = "missing"
	reasonQuotaLimited = "quota_limited"
)

// flagsAnswer is the v=2 answer of /flags/.
type flagsAnswer struct {
	Errors       bool                  `json:"errorsWhileComputingFlags"`
	Flags        map[string]flagDetail `json:"flags"`
	QuotaLimited []string              `json:"quotaLimited"`
}

type flagDetail struct {
	Key     string  `json:"key"`
	Enabled bool    `json:"enabled"`
	Variant *string `json:"variant"`
	Failed  bool    `json:"failed"`
	Reason  *struct {
		Code        string `json:"code"`
		Description string `json:"description"`
	} `json:"reason"`
	Metadata *struct {
		Payload json.RawMessage `json:"payload"`
	} `json:"metadata"`
}

func (c *Client) evaluate(ctx context.Context, op string, keys []string, distinctID string, s FlagSubject) ([]FlagEvaluation, string, error) {
	if strings.TrimSpace(distinctID) == "" {
		return nil, "", invalid(op, "distinct_id", "distinct_id is empty", "Give the id of one person; get_persons lists some.")
	}
	if n := len([]rune(distinctID)); n > maxDistinctIDChars {
		return nil, "", invalid(op, "distinct_id", fmt.Sprintf("distinct_id of %d characters", n),
			fmt.Sprintf("PostHog cuts it at %d, which would be another person. Give the true id.", maxDistinctIDChars))
	}
	key, err := c.projectToken(ctx)
	if err != nil {
		return nil, "", withOp(err, op)
	}
	// The filter's name matters: PostHog ignores "key" and "keys" silently and
	// evaluates every flag.
	body := struct {
		APIKey           string                    `json:"api_key"`
		DistinctID       string                    `json:"distinct_id"`
		Keys             []string                  `json:"flag_keys_to_evaluate,omitempty"`
		Groups           map[string]string         `json:"groups,omitempty"`
		PersonProperties map[string]any            `json:"person_properties,omitempty"`
		GroupProperties  map[string]map[string]any `json:"group_properties,omitempty"`
		NoGeoIP          bool                      `json:"geoip_disable"`
	}{key.Reveal(), distinctID, keys, s.Groups, s.PersonProperties, s.GroupProperties, true}
	var answer flagsAnswer
	err = c.do(ctx, request{
		op: op, class: ClassFlags, target: ingestHost,
		method: "POST", path: "/flags/", query: url.Values{"v": {"2"}}, body: body,
		idempotent: true,
	}, &answer)
	if err != nil {
		return nil, "", err
	}
	flags, warning := readFlags(answer, keys)
	return flags, warning, nil
}

// readFlags turns PostHog's answer into values, with unknown wherever PostHog
// did not compute one.
func readFlags(a flagsAnswer, keys []string) ([]FlagEvaluation, string) {
	limited := slices.Contains(a.QuotaLimited, "feature_flags")
	if len(keys) == 0 {
		for k := range a.Flags {
			keys = append(keys, k)
		}
		slices.Sort(keys)
	}
	flags := make([]FlagEvaluation, 0, len(keys))
	unknown := 0
	for _, k := range keys {
		d, ok := a.Flags[k]
		e := FlagEvaluation{Key: k, State: FlagUnknown, Reason: reasonMissing}
		switch {
		case ok:
			e = readFlag(k, d)
		case limited:
			e.Reason, e.Description = reasonQuotaLimited, "not computed: the project's feature flag quota is used up"
		case a.Errors:
			e.Description = "not computed: PostHog had an error"
		default:
			e.Description = "no such active flag in this project or evaluation context"
		}
		if e.State == FlagUnknown && e.Reason != reasonMissing {
			unknown++
		}
		flags = append(flags, e)
	}
	switch {
	case limited:
		return flags, "The project's feature flag quota is used up: PostHog computed nothing. Unknown is not off."
	case a.Errors && len(flags) == 0:
		return flags, "PostHog had errors while computing flags and returned none. That is not the same as off; ask again shortly."
	case a.Errors || unknown > 0:
		return flags, "PostHog had errors while computing flags: the list may be incomplete and unknown is not off; ask again shortly."
	}
	return flags, ""
}

func readFlag(key string, d flagDetail) FlagEvaluation {
	e := FlagEvaluation{Key: key, State: FlagOff}
	if d.Reason != nil {
		e.Reason, e.Description = d.Reason.Code, d.Reason.Description
	}
	switch {
	case d.Failed:
		// The answer says enabled:false here, which is a default and no value.
		e.State = FlagUnknown
		if e.Reason == "" {
			e.Reason = "failed"
		}
		return e
	case d.Enabled:
		e.State = FlagOn
		if d.Variant != nil {
			e.Variant = *d.Variant
		}
	}
	if d.Metadata != nil {
		e.Payload, e.HasPayload = decodePayload(d.Metadata.Payload)
	}
	return e
}

// decodePayload reads a flag's payload: JSON inside a JSON string, or on some
// servers the plain value.
func decodePayload(raw json.RawMessage) (any, bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, false
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return decodeNumbers(raw)
	}
	if v, ok := decodeNumbers([]byte(text)); ok {
		return v, true
	}
	return text, true // a payload that somebody stored as plain text
}

// decodeNumbers decodes one JSON value and keeps numbers as they are written.
func decodeNumbers(raw []byte) (any, bool) {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil || dec.More() {
		return nil, false
	}
	return v, true
}
