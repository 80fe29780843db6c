package posthogtest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// key is one credential of the private API.
type key struct {
	secret string
	label  string
	scopes []string // "*" is every scope
	teams  []int64  // projects that the key is restricted to; none: all
	// project marks a project secret key (phs_), which only a few actions take.
	project bool
}

// allows reports whether the key carries a scope; a write scope satisfies the
// read scope of the same object.
func (k *key) allows(scope string) bool {
	if slices.Contains(k.scopes, "*") || slices.Contains(k.scopes, scope) {
		return true
	}
	object, read := strings.CutSuffix(scope, ":read")
	return read && slices.Contains(k.scopes, object+":write")
}

// keyring holds the keys that the server knows.
type keyring struct {
	mu     sync.Mutex
	secret map[string]*key
	added  int
}

func (r *keyring) find(secret string) *key {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.secret[secret]
}

// put adds a key under its secret, or under a new one when it has none.
func (r *keyring) put(k *key) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k.secret == "" {
		r.added++
		k.secret = "phx_" + "test" + strconv.Itoa(r.added) + strings.Map(func(c rune) rune {
			if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
				return c
			}
			return -1
		}, strings.ToLower(k.label))
	}
	r.secret[k.secret] = k
	return k.secret
}

func (r *keyring) drop(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.secret, secret)
}

// demoKey is the personal key that every server knows. It is put together
// here so that no text in the source looks like a real key.
func demoKey() string { return "phx_" + strings.Repeat("demo", 4) }

// demoSecretKey is the project secret key, likewise.
func demoSecretKey() string { return "phs_" + strings.Repeat("demo", 4) }

// bearer gives the token of an Authorization header, or "".
func bearer(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// authenticate finds the key of a request. Only the Authorization header is
// read; PostHog's other two places (body and query string) leak keys into logs
// and are not offered here.
func (s *Server) authenticate(r *http.Request) (*key, error) {
	token := bearer(r)
	if token == "" {
		return nil, unauthenticated("not_authenticated", "Authentication credentials were not provided.")
	}
	if k := s.keys.find(token); k != nil {
		return k, nil
	}
	return nil, unauthenticated("authentication_failed", "Personal API key found in request Authorization header is invalid.")
}

// authorize checks a key against a route in PostHog's order: may the action be
// used with such a key at all, does the key reach the project, does it carry
// the scopes.
func (s *Server) authorize(k *key, rt *route, params map[string]string) error {
	if k.project && !rt.secretKey {
		return denied("This action does not support project secret API key access")
	}
	if len(rt.scopes) == 0 && !rt.anyKey {
		return denied("This action does not support personal API key access")
	}
	if err := s.checkProject(k, rt, params); err != nil {
		return err
	}
	for _, scope := range rt.scopes {
		if !k.allows(scope) {
			return denied("API key missing required scope '%s'", scope)
		}
	}
	return nil
}

// checkProject resolves the route's project. Besides the demo project one
// other exists, see [Server.ForeignProjectID].
func (s *Server) checkProject(k *key, rt *route, params map[string]string) error {
	text, nested := params["project_id"]
	if !nested {
		if len(k.teams) > 0 && !rt.userRoute {
			return denied("API keys with scoped projects are only supported on project-based endpoints.")
		}
		return nil
	}
	id := s.projectID
	if text != "@current" {
		var err error
		if id, err = strconv.ParseInt(text, 10, 64); err != nil {
			return notFound("Project not found.")
		}
	}
	if id != s.projectID && id != s.ForeignProjectID() {
		return notFound("Project not found.")
	}
	if len(k.teams) > 0 && !slices.Contains(k.teams, id) {
		return denied("API key does not have access to the requested project: ID %d.", id)
	}
	if id != s.projectID {
		return denied("You don't have access to the project.")
	}
	return nil
}
