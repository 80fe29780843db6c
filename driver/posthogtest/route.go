package posthogtest

import (
	"net/http"
	"strings"
)

// route is one action of the private API.
type route struct {
	method    string
	path      string // with :name segments; always ends in a slash
	scopes    []string
	bucket    bucket
	bucketOf  func(*call) bucket // chooses the bucket by the request, when set
	handle    func(*call) (*reply, error)
	anyKey    bool // every valid key may use it, whatever its scopes
	userRoute bool // exempt from the refusal of project-restricted keys
	secretKey bool // also takes a project secret key (phs_)
	segments  []string
}

// router finds a route by its path and method. PostHog appends no slash: a
// private path without its trailing slash does not exist.
type router struct{ routes []*route }

func newRouter(routes []*route) *router {
	for _, rt := range routes {
		rt.segments = strings.Split(rt.path, "/")
	}
	return &router{routes: routes}
}

// find gives the route and the values of its :name segments. Known is true
// when the path exists under another method.
func (ro *router) find(method, path string) (rt *route, params map[string]string, known bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	got := strings.Split(path, "/")
	if len(got) > 3 && got[2] == "environments" { // the deprecated twin of projects
		got[2] = "projects"
	}
	for _, r := range ro.routes {
		p, ok := match(r.segments, got)
		if !ok {
			continue
		}
		known, params = true, p
		if r.method == method {
			return r, p, true
		}
	}
	return nil, params, known
}

// match compares a route's segments with a path's. A literal route comes
// before the one with a :name in the table, so the first match is the best.
func match(want, got []string) (map[string]string, bool) {
	if len(want) != len(got) {
		return nil, false
	}
	for i, w := range want {
		if isParam := strings.HasPrefix(w, ":"); isParam && got[i] == "" || !isParam && w != got[i] {
			return nil, false
		}
	}
	params := map[string]string{}
	for i, w := range want {
		if name, ok := strings.CutPrefix(w, ":"); ok {
			params[name] = got[i]
		}
	}
	return params, true
}

// serveAPI answers one request of the private API.
func (s *Server) serveAPI(c *call) (*reply, error) {
	rt, params, known := s.router.find(c.r.Method, c.r.URL.Path)
	if !known {
		return nil, notFound("Endpoint not found.")
	}
	k, err := s.authenticate(c.r)
	if err != nil {
		return nil, err
	}
	c.key, c.params = k, params
	if rt == nil { // the path exists, the action does not
		rt = &route{}
	}
	if err := s.authorize(k, rt, params); err != nil {
		return nil, err
	}
	counted := rt.bucket
	if rt.bucketOf != nil {
		counted = rt.bucketOf(c)
	}
	if err := s.throttles.check(counted, c.isHogQL(), k.secret, c.now); err != nil {
		return nil, err
	}
	return rt.handle(c)
}
