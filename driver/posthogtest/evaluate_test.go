package posthogtest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// flags evaluates for one distinct id and gives the flags of a v2 answer.
func (c *client) flags(id string, more map[string]any) map[string]map[string]any {
	c.t.Helper()
	body := map[string]any{"api_key": c.s.ProjectKey(), "distinct_id": id}
	maps.Copy(body, more)
	a := c.do(http.MethodPost, "/flags/?v=2", body)
	require.Equal(c.t, 200, a.status, a.text)
	var out struct {
		Flags map[string]map[string]any `json:"flags"`
	}
	require.NoError(c.t, json.Unmarshal([]byte(a.text), &out))
	return out.Flags
}

func (c *client) addFlag(body string) map[string]any {
	c.t.Helper()
	a := c.do(http.MethodPost, "feature_flags/", body)
	require.Equal(c.t, 201, a.status, a.text)
	return a.body
}

// The vectors come from Python:
//
//	int(hashlib.sha1(f"vector-flag.{id}{salt}".encode()).hexdigest()[:15], 16) / 0xfffffffffffffff
func TestRolloutHashVectors(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	c.addFlag(`{"key":"vector-flag","filters":{"groups":[{"properties":[],"rollout_percentage":60}],
		"multivariate":{"variants":[{"key":"a","rollout_percentage":30},{"key":"b","rollout_percentage":70}]}}}`)
	for _, v := range []struct {
		id               string
		rollout, variant float64
		want             any
	}{
		{"user-0", 0.271621, 0.014108, "a"},
		{"user-1", 0.706032, 0.13656, nil},
		{"user-2", 0.654282, 0.957475, nil},
		{"user-3", 0.419549, 0.343842, "b"},
		{"user-5", 0.548511, 0.455208, "b"},
		{"user-7", 0.253485, 0.331652, "b"},
		{"user-8", 0.616529, 0.849498, nil},
		{"user-10", 0.573708, 0.017562, "a"},
	} {
		require.InDelta(t, v.rollout, data.RolloutHash("vector-flag", v.id, ""), 1e-6)
		require.InDelta(t, v.variant, data.RolloutHash("vector-flag", v.id, "variant"), 1e-6)
		got := c.flags(v.id, nil)["vector-flag"]
		require.Equal(t, v.want, got["variant"], v.id)
		require.Equal(t, v.want != nil, got["enabled"], v.id)
		reason := got["reason"].(map[string]any)
		if v.want == nil {
			require.Equal(t, map[string]any{"code": "out_of_rollout_bound", "condition_index": 0.0, "description": "Out of rollout bound"}, reason)
		} else {
			require.Equal(t, map[string]any{"code": "condition_match", "condition_index": 0.0, "description": "Matched condition set 1"}, reason)
		}
	}
}

func TestFlagShapes(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	a := c.do(http.MethodPost, "/flags/?v=2", map[string]any{"token": s.ProjectKey(), "distinct_id": 17, "key": data.BannerFlag})
	require.Equal(t, 200, a.status)
	require.Equal(t, false, a.body["errorsWhileComputingFlags"])
	require.NotEmpty(t, a.body["requestId"])
	require.InDelta(t, noon().UnixMilli(), a.body["evaluatedAt"], 0)
	flags := a.body["flags"].(map[string]any)
	require.Greater(t, len(flags), 3, "the field key chooses nothing")
	require.NotContains(t, flags, data.ExportFlag, "a flag that is off is not listed")
	banner := flags[data.BannerFlag].(map[string]any)
	require.NotContains(t, banner, "failed")
	metadata := banner["metadata"].(map[string]any)
	payload, isText := metadata["payload"].(string)
	require.True(t, isText, "the payload is JSON inside a string")
	require.True(t, json.Valid([]byte(payload)))
	require.Contains(t, banner, "variant")
	require.Nil(t, banner["variant"])

	for _, filter := range []string{"flag_keys_to_evaluate", "flag_keys"} {
		require.Len(t, c.flags("u", map[string]any{filter: []string{data.BannerFlag, "no-such"}}), 1)
	}
	require.Empty(t, c.flags("u", map[string]any{"disable_flags": true}))

	legacy := c.do(http.MethodPost, "/flags/", map[string]any{"api_key": s.ProjectKey(), "distinct_id": "u"})
	values := legacy.body["featureFlags"].(map[string]any)
	require.Equal(t, true, values[data.BannerFlag])
	require.Contains(t, []any{"control", "test"}, values[data.ChecklistFlag])
	require.JSONEq(t, payload, legacy.body["featureFlagPayloads"].(map[string]any)[data.BannerFlag].(string))
	require.NotContains(t, legacy.body, "flags")
}

func TestFlagErrors(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s).as("")
	for name, tt := range map[string]struct {
		body   any
		status int
		text   string
	}{
		"not JSON":      {`{"api_key":`, 400, "Failed to decode request: "},
		"no token":      {map[string]any{"distinct_id": "u"}, 401, "No API token provided. "},
		"unknown token": {map[string]any{"api_key": "phc_other", "distinct_id": "u"}, 401, "The provided API key is invalid or has expired. "},
		"no id":         {map[string]any{"api_key": s.ProjectKey()}, 400, "The distinct_id field is missing from the request. "},
	} {
		a := c.do(http.MethodPost, "/flags/?v=2", tt.body)
		require.Equal(t, tt.status, a.status, name)
		require.Contains(t, a.header.Get("Content-Type"), "text/plain")
		require.Contains(t, a.text, tt.text)
	}
	require.Equal(t, 405, c.get("/flags/").status)

	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	require.NoError(t, json.NewEncoder(z).Encode(map[string]any{"api_key": s.ProjectKey(), "distinct_id": ""}))
	require.NoError(t, z.Close())
	require.Equal(t, 200, c.do(http.MethodPost, "/flags/?v=2", zipped.Bytes()).status, "an empty id is taken, and gzip is known by its first bytes")

	s.SetQuota(Quota{FeatureFlags: true})
	a := c.do(http.MethodPost, "/flags/?v=2", map[string]any{"api_key": s.ProjectKey(), "distinct_id": "u"})
	require.Equal(t, 200, a.status)
	require.Equal(t, []any{"feature_flags"}, a.body["quotaLimited"])
	require.Empty(t, a.body["flags"])
}

func TestFlagConditions(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	payer := s.Store().Snapshot().Persons[0]
	c.addFlag(`{"key":"pro-only","filters":{"groups":[
		{"properties":[{"key":"tier","type":"person","operator":"exact","value":["Gold"]}],"rollout_percentage":100},
		{"properties":[{"key":"tier","type":"person","operator":"exact","value":"silver"}],"rollout_percentage":100,"variant":"b"}],
		"multivariate":{"variants":[{"key":"a","rollout_percentage":100},{"key":"b","rollout_percentage":0}]},
		"payloads":{"b":"{\"x\":1}"}}}`)
	require.Equal(t, "no_condition_match", c.flags(payer.DistinctIDs[0], nil)["pro-only"]["reason"].(map[string]any)["code"])

	with := func(tier string) map[string]any {
		return map[string]any{"person_properties": map[string]any{"tier": tier}}
	}
	gold := c.flags("nobody", with("gold"))["pro-only"]
	require.Equal(t, "a", gold["variant"], "texts match whatever their case")
	silver := c.flags("nobody", with("Silver"))["pro-only"]
	require.Equal(t, "b", silver["variant"], "a condition may force its variant")
	require.InDelta(t, 1, silver["reason"].(map[string]any)["condition_index"], 0)
	require.Equal(t, `{"x":1}`, silver["metadata"].(map[string]any)["payload"])

	// Stored properties count, and those of the request win over them.
	c.do(http.MethodPost, "/i/v0/e/", map[string]any{"api_key": s.ProjectKey(), "event": "upgrade", "distinct_id": payer.DistinctIDs[0], "properties": map[string]any{"$set": map[string]any{"tier": "gold"}}})
	require.Equal(t, true, c.flags(payer.DistinctIDs[0], nil)["pro-only"]["enabled"])
	require.Equal(t, false, c.flags(payer.DistinctIDs[0], with("tin"))["pro-only"]["enabled"])

	// What cannot be evaluated is failed, not off.
	c.addFlag(`{"key":"odd","filters":{"groups":[{"properties":[{"key":"v","type":"person","operator":"semver_gt","value":"1.0"}],"rollout_percentage":100}]}}`)
	a := c.do(http.MethodPost, "/flags/?v=2", map[string]any{"api_key": s.ProjectKey(), "distinct_id": "u", "person_properties": map[string]any{"v": "2.0"}})
	require.Equal(t, true, a.body["errorsWhileComputingFlags"])
	require.Equal(t, true, a.body["flags"].(map[string]any)["odd"].(map[string]any)["failed"])
}

func TestFlagByCohort(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	people := s.Store().Snapshot().Persons
	member, other := people[0], people[1]
	cohort := c.do(http.MethodPost, "cohorts/", map[string]any{"name": "Chosen", "is_static": true, "_create_static_person_ids": []string{member.ID.String()}})
	require.Equal(t, 201, cohort.status, cohort.text)
	filters := map[string]any{"groups": []any{map[string]any{"properties": []any{map[string]any{"key": "id", "type": "cohort", "value": cohort.body["id"]}}}}}
	require.Equal(t, 201, c.do(http.MethodPost, "feature_flags/", map[string]any{"key": "chosen", "filters": filters}).status)
	require.Equal(t, true, c.flags(member.DistinctIDs[0], nil)["chosen"]["enabled"])
	require.Equal(t, false, c.flags(other.DistinctIDs[0], nil)["chosen"]["enabled"])
	require.Equal(t, false, c.flags("nobody", nil)["chosen"]["enabled"])
}

func TestMatchProperty(t *testing.T) {
	t.Parallel()
	have := map[string]any{"n": 5.0, "text": "Hello World", "yes": true, "yesText": "TRUE", "list": []any{"a"}, "at": "2026-11-20T00:00:00Z", "null": nil}
	for _, tt := range []struct {
		key, op string
		value   any
		want    bool
	}{
		{"text", "exact", "hello world", true},
		{"text", "", []any{"x", "HELLO WORLD"}, true},
		{"text", "is_not", "hello world", false},
		{"none", "is_not", "x", true},
		{"none", "exact", "x", false},
		{"yes", "exact", "true", true},
		{"yes", "exact", []any{"true"}, true},
		{"yesText", "exact", true, true},
		{"n", "exact", "5", true},
		{"n", "gt", "4.5", true},
		{"n", "gte", 5.0, true},
		{"n", "lt", 5.0, false},
		{"n", "lte", 5.0, true},
		{"text", "gt", 1.0, false},
		{"none", "lt", 1.0, false},
		{"text", "icontains", "WORLD", true},
		{"text", "not_icontains", "mars", true},
		{"none", "not_icontains", "mars", true},
		{"text", "regex", "^Hel+o", true},
		{"text", "not_regex", "^Hel+o", false},
		{"text", "regex", "(", false},
		{"none", "not_regex", "x", true},
		{"list", "icontains", "a", true},
		{"null", "is_set", nil, true},
		{"none", "is_set", nil, false},
		{"none", "is_not_set", nil, true},
		{"at", "is_date_before", "2026-11-21", true},
		{"at", "is_date_after", "-7d", true},
		{"at", "is_date_exact", "2026-11-20", true},
		{"text", "is_date_before", "2026-11-21", false},
	} {
		got, err := matchProperty(&data.PropertyFilter{Key: tt.key, Operator: tt.op, Value: tt.value}, have, noon(), time.UTC)
		require.NoError(t, err)
		require.Equal(t, tt.want, got, "%s %s %v", tt.key, tt.op, tt.value)
	}
}
