package posthogtest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// No body may crash the server or make it answer with a fault of its own.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{Throttle: Throttle{Off: true}})
	c := newClient(t, s)
	bodies := []string{
		"", " ", "null", "[]", "[1]", "[null]", `"x"`, "5", "{", "}", "{}{}", `{"":null}`, "\x00", "\xff\xfe", "\x1f\x8b\x08", "\x1f\x8b\x08\x00\x00\x00\x00\x00",
		`{"batch":null}`, `{"batch":{}}`, `{"batch":[null]}`, `{"batch":[[]],"api_key":"k"}`, `{"api_key":5}`, `{"distinct_id":{},"api_key":"` + s.ProjectKey() + `"}`,
		`{"query":[]}`, `{"query":{"kind":5}}`, `{"query":{"kind":"HogQLQuery","query":5}}`, `{"query":{"kind":"HogQLQuery","query":""}}`,
		`{"query":{"kind":"HogQLQuery","query":"SELECT {x}","values":{"x":{"y":[{}]}}}}`, `{"query":{"kind":"HogQLQuery","query":"SELECT 1","values":[]}}`,
		`{"query":{"kind":"HogQLQuery","query":"SELECT 1","filters":[]}}`, `{"query":{"kind":"HogQLQuery","query":"SELECT 1","filters":{"dateRange":{"date_from":"x"}}}}`,
		`{"query":{"kind":"HogQLQuery","query":"SELECT ` + strings.Repeat("(", 5000) + `"}}`, `{"query":{"kind":"InsightVizNode","source":{"kind":"InsightVizNode"}}}`,
		`{"query":{"kind":"FunnelsQuery","series":[null]}}`, `{"query":{"kind":"HogQLMetadata"}}`, `{"query":{"kind":"ExperimentQuery","experiment_id":"x"}}`,
		`{"name":null,"filters":null}`, `{"name":"x","filters":{"properties":null}}`, `{"name":"x","filters":{"properties":{"type":"OR","values":[{}]}}}`,
		`{"key":"k","filters":{"groups":[null]}}`, `{"key":"k2","filters":{"groups":[{"properties":[{"type":"cohort","value":"x"}]}]}}`,
		`{"content":null,"tags":null,"dashboard_item":-1}`, `{"person_ids":[null]}`, `{"person_id":5}`, `{"dashboards":[null],"query":{"kind":"x"}}`,
		strings.Repeat("[", 20_000), `{"a":` + strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_001),
	}
	paths := map[string]string{"/i/v0/e/": http.MethodPost, "/batch/": http.MethodPost, "/flags/?v=2": http.MethodPost, "/flags/": http.MethodPost}
	for _, rt := range s.router.routes {
		if rt.method == http.MethodPost || rt.method == http.MethodPatch {
			paths[strings.NewReplacer(":project_id", "@current", ":id", "5").Replace(rt.path)] = rt.method
		}
	}
	for path, method := range paths {
		for _, body := range bodies {
			a, err := c.try(method, path, body)
			require.NoError(t, err, "%s %.80q", path, body)
			require.Less(t, a.status, 500, "%s %.80q: %s", path, body, a.text)
		}
	}
	// What was accepted on the way is still evaluated and listed.
	for _, path := range []string{"cohorts/", "feature_flags/", "insights/", "dashboards/1/", "annotations/", "experiments/"} {
		require.Equal(t, 200, c.get(path).status, path)
	}
	c.flags("u", nil)
}

func TestHostilePaths(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{Throttle: Throttle{Off: true}})
	c := newClient(t, s)
	for _, path := range []string{
		"/", "//", "/api/", "/api//", "/api/projects//cohorts/", "/api/projects/1/cohorts/%2e%2e/", "/api/projects/-1/cohorts/", "/api/projects/99999999999999999999/cohorts/",
		"/api/projects/1/cohorts/9223372036854775808/", "/api/projects/1/persons/%00/", "/api/projects/1/persons/?limit=99999999999999999999", "/api/projects/1/persons/?limit=9223372036854775807&offset=9223372036854775807",
		"/api/projects/1/events/?limit=9223372036854775807", "/api/projects/1/query/%2F/", "/api/projects/1/insights/%E0%A4/?refresh=x",
	} {
		a, err := c.try(http.MethodGet, path, nil)
		require.NoError(t, err, path)
		require.Less(t, a.status, 500, "%s: %s", path, a.text)
	}
}
