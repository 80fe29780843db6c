package posthogtest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

func TestFlagList(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	keys := func(query string) []string {
		a := c.get("feature_flags/" + query)
		require.Equal(t, 200, a.status, a.text)
		out := []string{}
		for _, f := range a.results(t) {
			out = append(out, f["key"].(string))
		}
		return out
	}
	require.Equal(t, []string{"ai-summaries-test", data.BannerFlag, data.ExportFlag, data.SummariesFlag, data.EditorFlag, data.ChecklistFlag, data.PricingFlag}, keys(""))
	require.Equal(t, []string{"ai-summaries-test", data.SummariesFlag}, keys("?search=summaries"))
	require.Equal(t, []string{"ai-summaries-test", data.ExportFlag}, keys("?active=false"))
	require.Equal(t, []string{data.ChecklistFlag, data.PricingFlag}, keys("?type=experiment&active=true"))
	require.Equal(t, []string{data.BannerFlag, data.ExportFlag, data.SummariesFlag, data.EditorFlag}, keys("?type=boolean"))
	require.Empty(t, keys("?archived=true"))
	require.Equal(t, []string{data.BannerFlag}, keys("?limit=1&offset=1"))

	a := c.get("feature_flags/1/")
	require.Equal(t, data.PricingFlag, a.body["key"])
	require.Contains(t, a.body["filters"], "multivariate")
	for _, id := range []string{"99", "pricing-page-v2"} {
		requireError(t, c.get("feature_flags/"+id+"/"), 404, "invalid_request", "not_found", "Not found.")
	}
}

func TestFlagWrites(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	for name, tt := range map[string]struct{ body, code, attr string }{
		"no key":       {`{"name":"x"}`, "required", "key"},
		"blank key":    {`{"key":""}`, "blank", "key"},
		"odd key":      {`{"key":"a b"}`, "invalid_key", "key"},
		"taken":        {`{"key":"new-editor"}`, "unique", "key"},
		"bad shares":   {`{"key":"k","filters":{"multivariate":{"variants":[{"key":"a","rollout_percentage":50}]}}}`, "invalid_input", "filters"},
		"bad rollout":  {`{"key":"k","filters":{"groups":[{"rollout_percentage":101}]}}`, "invalid_input", "filters"},
		"wrong type":   {`{"key":5}`, "invalid_input", "key"},
		"bad JSON":     {`{"key"`, "parse_error", ""},
		"by group":     {`{"key":"k","filters":{"aggregation_group_type_index":0}}`, "not_supported_by_demo", "filters"},
		"wrong filter": {`{"key":"k","filters":[]}`, "invalid_input", "filters"},
	} {
		a := c.do(http.MethodPost, "feature_flags/", tt.body)
		requireError(t, a, 400, "validation_error", tt.code, "")
		if tt.attr != "" {
			require.Equal(t, tt.attr, a.body["attr"], name)
		}
	}
	f := c.addFlag(`{"key":"mine","name":"Mine","filters":{"groups":[{"properties":[],"rollout_percentage":25}],"payloads":{"true":"1"}}}`)
	require.InDelta(t, 25, f["rollout_percentage"], 0)
	path := "feature_flags/" + textOf(f["id"]) + "/"

	// Filters are replaced as a whole.
	a := c.do(http.MethodPatch, path, `{"filters":{"groups":[]},"version":1}`)
	require.Equal(t, 200, a.status, a.text)
	require.Empty(t, a.body["filters"].(map[string]any)["payloads"])
	require.InDelta(t, 2, a.body["version"], 0)
	requireError(t, c.do(http.MethodPatch, path, `{"name":"late","version":1}`), 409, "server_error", "conflict", "")
	requireError(t, c.do(http.MethodPatch, path, `{"key":"new-editor"}`), 400, "validation_error", "unique", "")
	require.Equal(t, 200, c.do(http.MethodPatch, path, `{"deleted":true}`).status)
	require.Equal(t, 404, c.get(path).status)
	require.Equal(t, 201, c.do(http.MethodPost, "feature_flags/", `{"key":"mine"}`).status, "a deleted flag gives its key free")
	requireError(t, c.do(http.MethodPatch, "feature_flags/1/", `{"deleted":true}`), 400, "validation_error", "invalid_input", "")
}

func TestSecretKeyEndpoints(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s).as(s.SecretKey())
	path := "/api/feature_flag/local_evaluation?send_cohorts&token=" + s.ProjectKey()
	a := c.get(path)
	require.Equal(t, 200, a.status, a.text)
	require.Len(t, a.body["flags"], 7)
	require.NotEmpty(t, a.body["cohorts"])
	require.Contains(t, a.body, "group_type_mapping")
	tag := a.header.Get("Etag")
	require.NotEmpty(t, tag)
	again := c.do(http.MethodGet, path, nil, "If-None-Match", tag)
	require.Equal(t, 304, again.status)
	require.Empty(t, again.text)
	requireError(t, c.as("phs_"+"wrong").get(path), 401, "authentication_error", "authentication_failed", "")
	requireError(t, c.get("/api/feature_flag/local_evaluation?token=phc_other"), 401, "authentication_error", "authentication_failed", "")

	remote := c.get("feature_flags/" + data.BannerFlag + "/remote_config/")
	require.Equal(t, 200, remote.status)
	require.Contains(t, remote.text, `\"color\":\"amber\"`)
	require.Equal(t, 404, c.get("feature_flags/none/remote_config/").status)
}

func TestExperiments(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	rows := c.get("experiments/").results(t)
	require.Len(t, rows, 3)
	for status, want := range map[string]int{"running": 1, "draft": 1, "stopped": 1, "complete": 1, "all": 3, "paused": 0} {
		require.Len(t, c.get("experiments/?status="+status).results(t), want, status)
	}
	requireError(t, c.get("experiments/?status=odd"), 400, "validation_error", "invalid_choice", "")
	require.Len(t, c.get("experiments/?feature_flag_id=1").results(t), 1)
	one := c.get("experiments/1/")
	require.Equal(t, data.PricingFlag, one.body["feature_flag_key"])
	require.NotEmpty(t, one.body["metrics"])
	c.do(http.MethodPatch, "feature_flags/1/", `{"name":"renamed"}`)
	require.Equal(t, "renamed", c.get("experiments/1/").body["feature_flag"].(map[string]any)["name"], "the flag is shown as it is now")
	requireError(t, c.get("experiments/9/"), 404, "invalid_request", "not_found", "Not found.")
	requireError(t, c.get("experiments/1/results/"), 404, "invalid_request", "not_found", "Endpoint not found.")
}
