package driver

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func evaluation(t *testing.T, answer string, keys ...string) (EvaluateFlagsResult, map[string]any, *scripted) {
	t.Helper()
	s := newScripted(t, reply(200, answer))
	res, err := clientFor(t, s.URL).EvaluateFlags(t.Context(), EvaluateFlagsParams{
		Keys: keys, DistinctID: "user-1",
		FlagSubject: FlagSubject{Groups: map[string]string{"company": "acme"}, PersonProperties: map[string]any{"plan": "pro"}},
	})
	require.NoError(t, err)
	var body map[string]any
	require.NoError(t, json.Unmarshal([]byte(s.bodies[0]), &body))
	return res, body, s
}

func TestEvaluateFlagsAsksForV2AndForTheRightKeys(t *testing.T) {
	t.Parallel()
	_, body, s := evaluation(t, `{"flags":{}}`, "new-nav", "beta")
	require.Equal(t, "/flags/", s.requests[0].URL.Path)
	require.Equal(t, "2", s.requests[0].URL.Query().Get("v"), "without v=2 the answer has the legacy shape")
	require.Equal(t, []any{"new-nav", "beta"}, body["flag_keys_to_evaluate"])
	for _, ignored := range []string{"key", "keys", "flags"} {
		require.NotContains(t, body, ignored, "PostHog ignores it silently")
	}
	require.Equal(t, "user-1", body["distinct_id"])
	require.Equal(t, "phc_projectkeyfortests", body["api_key"])
	require.Equal(t, map[string]any{"company": "acme"}, body["groups"])
	require.Equal(t, map[string]any{"plan": "pro"}, body["person_properties"])
	require.Equal(t, true, body["geoip_disable"])
	require.Empty(t, s.requests[0].Header.Get("Authorization"))

	_, body, _ = evaluation(t, `{"flags":{}}`)
	require.NotContains(t, body, "flag_keys_to_evaluate")
}

func TestEvaluateFlagsNeverReadsUnknownAsOff(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer  string
		keys    []string
		state   FlagState
		value   any
		reason  string
		warning string
	}{
		"on": {
			answer: `{"flags":{"f":{"key":"f","enabled":true,"reason":{"code":"condition_match","description":"Matched condition set 1"}}}}`,
			state:  FlagOn, value: true, reason: "condition_match",
		},
		"variant": {
			answer: `{"flags":{"f":{"key":"f","enabled":true,"variant":"test","reason":{"code":"condition_match"}}}}`,
			state:  FlagOn, value: "test", reason: "condition_match",
		},
		"off": {
			answer: `{"flags":{"f":{"key":"f","enabled":false,"reason":{"code":"out_of_rollout_bound"}}}}`,
			state:  FlagOff, value: false, reason: "out_of_rollout_bound",
		},
		"failed": {
			answer: `{"errorsWhileComputingFlags":true,"flags":{"f":{"key":"f","enabled":false,"failed":true,"reason":{"code":"database_error"}}}}`,
			state:  FlagUnknown, reason: "database_error", warning: "unknown is not off",
		},
		"failed without the general mark": {
			answer: `{"flags":{"f":{"key":"f","enabled":false,"failed":true}}}`,
			state:  FlagUnknown, reason: "failed", warning: "unknown is not off",
		},
		"left out after errors": {
			answer: `{"errorsWhileComputingFlags":true,"flags":{}}`, keys: []string{"f"},
			state: FlagUnknown, reason: "missing", warning: "incomplete",
		},
		"quota": {
			answer: `{"flags":{},"quotaLimited":["feature_flags"]}`, keys: []string{"f"},
			state: FlagUnknown, reason: "quota_limited", warning: "quota is used up",
		},
		"another quota": {
			answer: `{"flags":{"f":{"key":"f","enabled":true}},"quotaLimited":["recordings"]}`,
			state:  FlagOn, value: true,
		},
		"missing": {
			answer: `{"flags":{}}`, keys: []string{"f"},
			state: FlagUnknown, reason: "missing",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, _, _ := evaluation(t, tt.answer, tt.keys...)
			require.Len(t, res.Flags, 1)
			f := res.Flags[0]
			require.Equal(t, "f", f.Key)
			require.Equal(t, tt.state, f.State)
			require.Equal(t, tt.value, f.Value())
			require.Equal(t, tt.reason, f.Reason)
			if tt.warning == "" {
				require.Empty(t, res.Warning)
				return
			}
			require.Contains(t, res.Warning, tt.warning)
		})
	}
}

func TestEvaluateFlagsDecodesPayloadsTwice(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		raw  string
		want any
		has  bool
	}{
		"object in text": {`"{\"n\":9007199254740993}"`, map[string]any{"n": json.Number("9007199254740993")}, true},
		"text in text":   {`"\"blue\""`, "blue", true},
		"null in text":   {`"null"`, nil, true},
		"plain object":   {`{"a":true}`, map[string]any{"a": true}, true},
		"no JSON inside": {`"blue sky"`, "blue sky", true},
		"absent":         {`null`, nil, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, _, _ := evaluation(t, `{"flags":{"f":{"key":"f","enabled":true,"metadata":{"payload":`+tt.raw+`}}}}`)
			require.Equal(t, tt.want, res.Flags[0].Payload)
			require.Equal(t, tt.has, res.Flags[0].HasPayload)
		})
	}
}

func TestEvaluateFlagsWithoutKeysSortsThem(t *testing.T) {
	t.Parallel()
	res, _, _ := evaluation(t, `{"flags":{"b":{"key":"b","enabled":true},"a":{"key":"a","enabled":false}}}`)
	require.Equal(t, "a", res.Flags[0].Key)
	require.Equal(t, "b", res.Flags[1].Key)
}

func TestEvaluateFlagOfAMissingFlagIsNotFound(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{"flags":{}}`))
	c := clientFor(t, s.URL)
	_, err := c.EvaluateFlag(t.Context(), EvaluateFlagParams{Key: "nope", DistinctID: "u"})
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, KindNotFound, e.Kind)
	require.Contains(t, e.Detail, `"nope"`)
	require.Contains(t, e.Hint, "get_feature_flags")

	s = newScripted(t, reply(200, `{"flags":{},"quotaLimited":["feature_flags"]}`))
	res, err := clientFor(t, s.URL).EvaluateFlag(t.Context(), EvaluateFlagParams{Key: "nope", DistinctID: "u"})
	require.NoError(t, err, "a flag that was not computed may well exist")
	require.Equal(t, FlagUnknown, res.State)
	require.NotEmpty(t, res.Warning)
}

func TestEvaluateFlagRefusesBadArguments(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{"flags":{}}`))
	c := clientFor(t, s.URL)
	for attr, p := range map[string]EvaluateFlagParams{
		"key": {DistinctID: "u"}, "distinct_id": {Key: "f"},
	} {
		_, err := c.EvaluateFlag(t.Context(), p)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, KindInvalid, e.Kind)
		require.Equal(t, attr, e.Attr)
	}
	_, err := c.EvaluateFlags(t.Context(), EvaluateFlagsParams{Keys: []string{"a", " "}, DistinctID: "u"})
	require.ErrorIs(t, err, KindInvalid)
	require.Zero(t, s.count())
}

func TestEvaluateFlagRetriesAndTellsPlainTextErrors(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(503, "unavailable", "Content-Type: text/plain"), reply(200, `{"flags":{"f":{"key":"f","enabled":true}}}`))
	res, err := clientFor(t, s.URL).EvaluateFlag(t.Context(), EvaluateFlagParams{Key: "f", DistinctID: "u"})
	require.NoError(t, err)
	require.Equal(t, FlagOn, res.State)
	require.Equal(t, 2, s.count())

	s = newScripted(t, reply(401, "API key is invalid", "Content-Type: text/plain"))
	_, err = clientFor(t, s.URL).EvaluateFlag(t.Context(), EvaluateFlagParams{Key: "f", DistinctID: "u"})
	require.ErrorIs(t, err, KindUnauthenticated)
}

func TestFlagConditionsReadAsText(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{"count":1,"next":null,"results":[{"id":1,"key":"f","name":"d","active":true,"filters":{
		"groups":[
			{"properties":[{"key":"plan","type":"person","operator":"exact","value":["pro","team"]},{"key":"id","type":"cohort","value":5}],"rollout_percentage":50,"variant":"test"},
			{"properties":[{"key":"email","type":"person","operator":"is_not_set","value":"is_not_set"},{"key":"age","type":"person","operator":"gte","value":18}]},
			{"properties":[]}],
		"multivariate":{"variants":[{"key":"control","rollout_percentage":50},{"key":"test","rollout_percentage":12.5}]},
		"payloads":{"test":"{\"a\":1}","control":{"a":2}}}}]}`))
	res, err := clientFor(t, s.URL).FeatureFlags(t.Context(), FeatureFlagsParams{})
	require.NoError(t, err)
	f := res.Flags[0]
	require.Equal(t, "multivariate", f.Kind)
	require.Equal(t, `plan = ["pro","team"] and in cohort 5 → 50 % as test`, f.Conditions[0].String())
	require.Equal(t, `email is not set and age ≥ 18 → 100 %`, f.Conditions[1].String())
	require.Equal(t, `everyone → 100 %`, f.Conditions[2].String())
	require.Equal(t, "test 12.5 %", f.Variants[1].String())
	require.Equal(t, map[string]string{"test": `{"a":1}`, "control": `{"a":2}`}, f.Payloads)
}

func TestFlagByKeyLooksThroughThePages(t *testing.T) {
	t.Parallel()
	s := newScripted(t,
		reply(200, `{"count":3,"next":"http://internal.proxy/api/projects/7/feature_flags/?limit=200&offset=2&search=nav","results":[{"id":1,"key":"nav-old"},{"id":2,"key":"NAV"}]}`),
		reply(200, `{"count":3,"next":null,"results":[{"id":3,"key":"nav","name":"the one"}]}`),
	)
	c := clientFor(t, s.URL)
	res, err := c.FeatureFlags(t.Context(), FeatureFlagsParams{Key: "nav"})
	require.NoError(t, err)
	require.Len(t, res.Flags, 1)
	require.Equal(t, int64(3), res.Flags[0].ID)

	_, err = c.FeatureFlags(t.Context(), FeatureFlagsParams{Key: "na"})
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, KindNotFound, e.Kind)
	require.Contains(t, e.Hint, "nav", "similar keys help")

	_, err = c.FeatureFlags(t.Context(), FeatureFlagsParams{Key: "nav", Search: "x"})
	require.ErrorIs(t, err, KindInvalid)
	_, err = c.FeatureFlags(t.Context(), FeatureFlagsParams{Limit: 501})
	require.ErrorIs(t, err, KindInvalid)
	_, err = c.FeatureFlags(t.Context(), FeatureFlagsParams{Cursor: "%zz"})
	require.ErrorIs(t, err, KindInvalid)
}
