package posthogtest

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnauthenticated(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	for name, tt := range map[string]struct{ key, code, detail string }{
		"no key":      {"", "not_authenticated", "Authentication credentials were not provided."},
		"unknown key": {"phx_" + "unknown", "authentication_failed", "Personal API key found in request Authorization header is invalid."},
		"project key": {s.ProjectKey(), "authentication_failed", "Personal API key found in request Authorization header is invalid."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := c.as(tt.key).get("annotations/")
			requireError(t, a, 401, "authentication_error", tt.code, tt.detail)
			require.Equal(t, `Bearer resource_metadata="`+s.URL()+`/.well-known/oauth-protected-resource"`, a.header.Get("WWW-Authenticate"))
			require.NotContains(t, a.text, "unknown")
		})
	}
	revoked := s.AddKey("leaver", []string{"*"})
	require.Equal(t, 200, c.as(revoked).get("annotations/").status)
	s.RevokeKey(revoked)
	require.Equal(t, 401, c.as(revoked).get("annotations/").status)
}

// Every route refuses a key that lacks one of its scopes, by the scope's name.
func TestScopesOfEveryRoute(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{Throttle: Throttle{Off: true}})
	c := newClient(t, s)
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, rt := range s.router.routes {
		path := strings.NewReplacer(":project_id", "@current", ":org_id", "@current", ":id", "1").Replace(rt.path)
		for i, missing := range rt.scopes {
			others := append(append([]string{"logs:read"}, rt.scopes[:i]...), rt.scopes[i+1:]...)
			a := c.as(s.AddKey("partial", others)).do(rt.method, path, nil)
			requireError(t, a, 403, "authentication_error", "permission_denied", "API key missing required scope '"+missing+"'")
		}
		if len(rt.scopes) > 0 {
			a := c.as(s.AddKey("enough", rt.scopes)).do(rt.method, path, nil)
			require.NotContains(t, []int{401, 403}, a.status, "%s %s: %s", rt.method, path, a.text)
		}
	}
}

func TestScopeRules(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	writer := c.as(s.AddKey("writer", []string{"cohort:write"}))
	require.Equal(t, 200, writer.get("cohorts/").status, "write satisfies read")
	reader := c.as(s.AddKey("reader", []string{"cohort:read"}))
	requireError(t, reader.do(http.MethodPost, "cohorts/", map[string]any{"name": "x"}), 403, "authentication_error", "permission_denied",
		"API key missing required scope 'cohort:write'")
	requireError(t, reader.get("cohorts/1/persons/"), 403, "authentication_error", "permission_denied", "API key missing required scope 'person:read'")
	requireError(t, c.do(http.MethodPut, "cohorts/", nil), 403, "authentication_error", "permission_denied",
		"This action does not support personal API key access")
	secret := c.as(s.SecretKey())
	require.Equal(t, 200, secret.get("experiments/").status)
	requireError(t, secret.get("cohorts/"), 403, "authentication_error", "permission_denied", "This action does not support project secret API key access")
}

func TestProjectAccess(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	own, foreign := strconv.FormatInt(s.ProjectID(), 10), strconv.FormatInt(s.ForeignProjectID(), 10)
	in := func(id string) string { return "/api/projects/" + id + "/cohorts/" }
	require.Equal(t, 200, c.get(in(own)).status)
	require.Equal(t, 200, c.get(in("@current")).status)
	require.Equal(t, 200, c.get("/api/environments/"+own+"/cohorts/").status)
	requireError(t, c.get(in(foreign)), 403, "authentication_error", "permission_denied", "You don't have access to the project.")
	requireError(t, c.get(in("987654")), 404, "invalid_request", "not_found", "Project not found.")
	requireError(t, c.get(in("seven")), 404, "invalid_request", "not_found", "Project not found.")

	elsewhere := c.as(s.AddKey("elsewhere", []string{"*"}, s.ForeignProjectID()))
	requireError(t, elsewhere.get(in(own)), 403, "authentication_error", "permission_denied",
		"API key does not have access to the requested project: ID "+own+".")
	bound := c.as(s.AddKey("bound", []string{"*"}, s.ProjectID()))
	require.Equal(t, 200, bound.get(in(own)).status)
	const refusal = "API keys with scoped projects are only supported on project-based endpoints."
	requireError(t, bound.get("/api/organizations/@current/"), 403, "authentication_error", "permission_denied", refusal)
	requireError(t, bound.get("/api/projects/"), 403, "authentication_error", "permission_denied", refusal)
	require.Equal(t, 200, bound.get("/api/users/@me/").status)
	require.Equal(t, 200, bound.get("/api/projects/"+own+"/").status)
}

func TestTrailingSlash(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range []string{"/api/projects/@current/cohorts", "/api/users/@me", "/api/nothing/", "/api/projects/@current/cohorts//"} {
		requireError(t, c.get(path), 404, "invalid_request", "not_found", "Endpoint not found.")
	}
	require.Equal(t, 404, c.get("/elsewhere").status)
}

func TestDeleteOfSoftDeletedModels(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	for _, model := range []string{"cohorts", "feature_flags", "insights", "dashboards", "annotations", "experiments"} {
		requireError(t, c.do(http.MethodDelete, model+"/1/", nil), 405, "invalid_request", "method_not_allowed",
			`Hard delete of this model is not allowed. Use a patch API call to set "deleted" to true`)
	}
}

func TestRequestLog(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	c.get("annotations/")
	c.as(s.AddKey("reader", []string{"cohort:read"})).do(http.MethodPost, "cohorts/", map[string]any{"name": "secret"})
	c.as("").get("annotations/")
	log := s.Requests()
	require.Equal(t, []Request{
		{Method: "GET", Path: "/api/projects/@current/annotations/", Status: 200, Key: "demo", Time: noon()},
		{Method: "POST", Path: "/api/projects/@current/cohorts/", Status: 403, Key: "reader", Time: noon()},
		{Method: "GET", Path: "/api/projects/@current/annotations/", Status: 401, Time: noon()},
	}, log)
	s.ResetRequests()
	require.Empty(t, s.Requests())

	keeping := newServer(t, Options{KeepBodies: true})
	newClient(t, keeping).do(http.MethodPost, "cohorts/", `{"name":`)
	require.Equal(t, `{"name":`, string(keeping.Requests()[0].Body))
}
