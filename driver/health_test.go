package driver

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProjectInfo(t *testing.T) {
	t.Parallel()
	s := newScripted(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "personal_api_keys") {
			reply(200, `{"label":"agent","scopes":["query:read","cohort:read"],"scoped_teams":[7],"value":null}`)(w, r)
			return
		}
		reply(200, `{"id":7,"name":"Demo","organization":"0199-org","timezone":"Europe/Berlin","api_token":"phc_secretish123456","secret_api_token":"phs_verysecret123456",
			"test_account_filters":[{"key":"email","type":"person","operator":"not_icontains","value":"@acme.com"}]}`)(w, r)
	})
	info, err := clientFor(t, s.URL).ProjectInfo(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Demo", info.Name)
	require.Equal(t, "Europe/Berlin", info.TimeZone)
	require.Equal(t, "0199-org", info.Organization)
	require.Equal(t, []string{"cohort:read", "query:read"}, info.Scopes)
	require.Equal(t, []int64{7}, info.ScopedTeams)
	require.True(t, info.HasProjectKey)
	require.Equal(t, `email not icontains "@acme.com"`, info.TestAccounts[0].String())
	require.Empty(t, info.Notes)
	require.Equal(t, 2, s.count())
}

func TestProjectInfoWithoutScopes(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(403, problem("authentication_error", "permission_denied", "API key missing required scope 'project:read'")))
	info, err := clientFor(t, s.URL, func(c *Config) { c.ProjectKey = "" }).ProjectInfo(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(7), info.ID)
	require.Len(t, info.Notes, 3)
	require.Contains(t, info.Notes[0], "project:read")
	require.Contains(t, info.Notes[1], "POSTHOG_PROJECT_API_KEY")
	require.Contains(t, info.Notes[2], "scopes are unknown")
	require.Nil(t, info.Scopes)

	s = newScripted(t, reply(404, problem("invalid_request", "not_found", "Project not found.")))
	_, err = clientFor(t, s.URL).ProjectInfo(t.Context())
	require.ErrorIs(t, err, KindNotFound)
}

func TestHealthCheck(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer http.HandlerFunc
		state  HealthState
		want   string
		checks []string // name=verdict
	}{
		"ok": {
			reply(200, `{"id":7,"name":"Demo","timezone":"UTC"}`), HealthOK, "the key reads the project",
			[]string{"host=ok", "key=ok", "project=ok"},
		},
		"bad key": {
			reply(401, problem("authentication_error", "authentication_failed", "Personal API key found in request Authorization header is invalid.")),
			HealthDown, "refuses the key", []string{"host=ok", "key=failed", "project=unknown"},
		},
		"scope": {
			reply(403, problem("authentication_error", "permission_denied", "API key missing required scope 'project:read'")),
			HealthDegraded, "project:read", []string{"host=ok", "key=ok", "project=unknown"},
		},
		"other project": {
			reply(403, problem("authentication_error", "permission_denied", "API key does not have access to the requested project: ID 7.")),
			HealthDown, "may not use this project", []string{"host=ok", "key=ok", "project=failed"},
		},
		"no such project": {
			reply(404, problem("invalid_request", "not_found", "Project not found.")),
			HealthDown, "does not see this project", []string{"host=ok", "key=ok", "project=failed"},
		},
		"throttled": {
			reply(429, problem("throttled_error", "throttled", "Request was throttled. Expected available in 3000 seconds."), "Retry-After: 3000"),
			HealthDegraded, "limits calls", []string{"host=ok", "key=unknown", "project=unknown"},
		},
		"html": {
			reply(502, "<html><body>bad gateway</body></html>", "Content-Type: text/html"),
			HealthDown, "does not answer properly", []string{"host=failed", "key=unknown", "project=unknown"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, tt.answer)
			h, err := clientFor(t, s.URL).HealthCheck(t.Context())
			require.NoError(t, err, "PostHog's trouble is the answer, not an error")
			require.Equal(t, tt.state, h.State)
			require.Contains(t, h.Summary, tt.want)
			require.NotContains(t, h.Summary, "<html")
			require.Equal(t, tt.checks, verdicts(h))
			require.NotEmpty(t, h.Status.Advice)
			require.NotContains(t, h.Summary, canary)
		})
	}
}

func verdicts(h Health) []string {
	var out []string
	for _, c := range h.Checks {
		switch {
		case !c.Known:
			out = append(out, c.Name+"=unknown")
		case c.OK:
			out = append(out, c.Name+"=ok")
		default:
			out = append(out, c.Name+"=failed")
		}
	}
	return out
}

func TestHealthCheckIsOneRequest(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{"id":7,"name":"Demo"}`))
	_, err := clientFor(t, s.URL).HealthCheck(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, s.count())

	s = newScripted(t, reply(200, `{"results":[{"id":9,"name":"Only"}]}`))
	h, err := clientFor(t, s.URL, func(c *Config) { c.ProjectID = 0 }).HealthCheck(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(9), h.ProjectID)
	require.Equal(t, 1, s.count(), "finding the project is the one request")

	s = newScripted(t, reply(200, `{"results":[{"id":9,"name":"A"},{"id":10,"name":"B"}]}`))
	h, err = clientFor(t, s.URL, func(c *Config) { c.ProjectID = 0 }).HealthCheck(t.Context())
	require.NoError(t, err)
	require.Equal(t, HealthUnconfigured, h.State)
	require.Contains(t, h.Summary, "POSTHOG_PROJECT_ID")
}

func TestHealthCheckWithoutKeyOrNetwork(t *testing.T) {
	t.Parallel()
	c, err := New(Config{Host: "us", ProjectID: 7})
	require.NoError(t, err)
	defer c.Close() //nolint:errcheck // never fails
	h, err := c.HealthCheck(t.Context())
	require.NoError(t, err)
	require.Equal(t, HealthUnconfigured, h.State)
	require.Contains(t, h.Summary, "POSTHOG_PERSONAL_API_KEY")
	require.Equal(t, []string{"host=unknown", "key=failed", "project=unknown"}, verdicts(h))

	h, err = clientFor(t, "http://127.0.0.1:1").HealthCheck(t.Context())
	require.NoError(t, err)
	require.Equal(t, HealthDown, h.State)
	require.Equal(t, []string{"host=failed", "key=unknown", "project=unknown"}, verdicts(h))

	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err = clientFor(t, "http://127.0.0.1:1").HealthCheck(ctx)
	require.Error(t, err, "the caller gave up")
}

func TestLocation(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"id":7,"timezone":"Europe/Berlin"}`: "Europe/Berlin",
		`{"id":7,"timezone":"Mars/Olympus"}`:  "UTC",
		`{"id":7}`:                            "UTC",
	} {
		s := newScripted(t, reply(200, body))
		require.Equal(t, want, clientFor(t, s.URL).Location(t.Context()).String())
	}
	require.Equal(t, time.UTC, clientFor(t, "http://127.0.0.1:1").Location(t.Context()))
}
