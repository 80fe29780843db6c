package driver

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProjectIsFound(t *testing.T) {
	t.Parallel()
	const one = `{"id":7,"name":"Shop","api_token":"phc_ofproject00","timezone":"Europe/Berlin"}`
	forbidden := reply(403, problem("authentication_error", "permission_denied", "API key missing required scope 'project:read'"))
	cases := []struct {
		name    string
		id      int64
		replies map[string]http.HandlerFunc // by path
		want    ProjectRef
		kind    Kind
		text    string
	}{
		{"configured", 7, map[string]http.HandlerFunc{"/api/projects/7/": reply(200, one)}, ProjectRef{7, "Shop", "Europe/Berlin"}, "", ""},
		{"configured, without project:read", 7, map[string]http.HandlerFunc{"/api/projects/7/": forbidden}, ProjectRef{ID: 7}, "", ""},
		{"configured, unknown", 8, map[string]http.HandlerFunc{"/api/projects/8/": reply(404, problem("invalid_request", "not_found", "Project not found."))}, ProjectRef{}, KindNotFound, "Project not found"},
		{"the only one", 0, map[string]http.HandlerFunc{"/api/projects/": reply(200, `{"results":[`+one+`]}`)}, ProjectRef{7, "Shop", "Europe/Berlin"}, "", ""},
		{"several", 0, map[string]http.HandlerFunc{"/api/projects/": reply(200, `{"results":[`+one+`,{"id":9,"name":"Blog\u202e"}]}`)}, ProjectRef{}, KindInvalid, "the key sees 2 projects: 7 (Shop), 9 (Blog)"},
		{"none", 0, map[string]http.HandlerFunc{"/api/projects/": reply(200, `{"results":[]}`)}, ProjectRef{}, KindInvalid, "no project"},
		{"restricted key", 0, map[string]http.HandlerFunc{"/api/projects/": forbidden, "/api/personal_api_keys/@current/": reply(200, `{"scoped_teams":[42]}`)}, ProjectRef{ID: 42}, "", ""},
		{"restricted to several", 0, map[string]http.HandlerFunc{"/api/projects/": forbidden, "/api/personal_api_keys/@current/": reply(200, `{"scoped_teams":[1,2]}`)}, ProjectRef{}, KindForbidden, "project:read"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, func(w http.ResponseWriter, r *http.Request) { tc.replies[r.URL.Path](w, r) })
			c := clientFor(t, s.URL, func(cfg *Config) { cfg.ProjectID = tc.id })
			got, err := c.Project(t.Context())
			require.Equal(t, tc.kind, KindOf(err), "%v", err)
			if err != nil {
				require.ErrorContains(t, err, tc.text)
				return
			}
			require.Equal(t, tc.want, got)
			n := s.count()
			_, err = c.Project(t.Context())
			require.NoError(t, err)
			require.Equal(t, n, s.count(), "asked once")
			require.Equal(t, tc.want.ID, c.Status().ProjectID)
		})
	}
}

func TestProjectPlaceholder(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{"results":[{"id":12}]}`), reply(200, `{}`))
	c := clientFor(t, s.URL, func(cfg *Config) { cfg.ProjectID = 0 })
	require.NoError(t, c.do(t.Context(), readRequest(), nil))
	require.Equal(t, "/api/projects/12/cohorts/", s.requests[1].URL.Path)
}

func TestProjectToken(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{"id":7,"api_token":"phc_ofproject00"}`))
	configured := clientFor(t, s.URL)
	key, err := configured.projectToken(t.Context())
	require.NoError(t, err)
	require.Equal(t, "phc_projectkeyfortests", key.Reveal())
	require.Zero(t, s.count())

	c := clientFor(t, s.URL, func(cfg *Config) { cfg.ProjectKey = "" })
	for range 2 {
		key, err = c.projectToken(t.Context())
		require.NoError(t, err)
		require.Equal(t, "phc_ofproject00", key.Reveal())
	}
	require.Equal(t, 1, s.count())

	blind := clientFor(t, newScripted(t, reply(403, `{}`)).URL, func(cfg *Config) { cfg.ProjectKey = "" })
	_, err = blind.projectToken(t.Context())
	require.ErrorIs(t, err, KindUnauthenticated)
	e := &Error{}
	require.ErrorAs(t, err, &e)
	require.Contains(t, e.Hint, "POSTHOG_PROJECT_API_KEY")
}

// TestProjectIsSharedByCallers: many callers make one request; one that gives
// up does not take it away from the others; a failure is not remembered.
func TestProjectIsSharedByCallers(t *testing.T) {
	t.Parallel()
	start, gate := make(chan struct{}, 10), make(chan struct{})
	s := newScripted(t, reply(404, problem("invalid_request", "not_found", "Project not found.")), func(w http.ResponseWriter, r *http.Request) {
		start <- struct{}{}
		<-gate
		reply(200, `{"id":7,"name":"Shop"}`)(w, r)
	})
	c := clientFor(t, s.URL)
	_, err := c.Project(t.Context())
	require.ErrorIs(t, err, KindNotFound)

	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := c.Project(ctx)
		require.ErrorIs(t, err, KindCanceled)
	})
	<-start
	for range 5 {
		wg.Go(func() {
			p, err := c.Project(t.Context())
			require.NoError(t, err)
			require.Equal(t, "Shop", p.Name)
		})
	}
	time.Sleep(10 * time.Millisecond) // let them join; correctness does not hang on it
	cancel()
	time.Sleep(10 * time.Millisecond)
	close(gate)
	wg.Wait()
	require.Equal(t, 2, s.count())
}

func TestCloseEndsSharedWork(t *testing.T) {
	t.Parallel()
	s := newScripted(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c := clientFor(t, s.URL)
	time.AfterFunc(20*time.Millisecond, func() { _ = c.Close() })
	_, err := c.Project(t.Context())
	require.ErrorIs(t, err, KindCanceled)
	require.NoError(t, c.Close(), "twice is fine")
}

func TestManyProjectsAreCut(t *testing.T) {
	t.Parallel()
	all := make([]projectRecord, 25)
	for i := range all {
		all[i] = projectRecord{ID: int64(i + 1), Name: strings.Repeat("x", 100)}
	}
	_, err := onlyProject(all)
	require.ErrorContains(t, err, "25 projects")
	require.ErrorContains(t, err, "15 more")
	require.Less(t, len(err.Error()), 1000)
}

// TestKnownProject: any operation that reads the project makes its name known,
// and nothing is asked for it.
func TestKnownProject(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{"id":7,"name":"Lumen Notes","timezone":"Europe/Berlin","api_token":"phc_x"}`))
	c := clientFor(t, s.URL)
	ref, ok := c.KnownProject()
	require.True(t, ok)
	require.Equal(t, ProjectRef{ID: 7}, ref)
	_, err := c.HealthCheck(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, s.count())
	ref, ok = c.KnownProject()
	require.True(t, ok)
	require.Equal(t, ProjectRef{ID: 7, Name: "Lumen Notes", TimeZone: "Europe/Berlin"}, ref)
	require.Equal(t, 1, s.count())

	_, ok = clientFor(t, s.URL, func(cfg *Config) { cfg.ProjectID = 0 }).KnownProject()
	require.False(t, ok)
}
