package driver

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
)

// refusing answers by the key: "bad" ones with a 401, requests for cohorts with
// a 403, the rest well.
func refusing(sent *int) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		*sent++
		switch {
		case strings.Contains(r.Header.Get("Authorization"), "bad"):
			return response(401, problem("authentication_error", "authentication_failed", "Personal API key found in request Authorization header is invalid.")), nil
		case strings.Contains(r.URL.Path, "/cohorts/"):
			return response(403, problem("authentication_error", "permission_denied", "API key missing required scope 'cohort:read'")), nil
		}
		return response(200, `{}`), nil
	}
}

// TestRefusedKeyRests: after three refusals in a row nothing is sent with the
// key for a minute, and the error is the same, with the time. Another key is
// not concerned.
func TestRefusedKeyRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		cred := &turning{}
		cred.key.Store(new("phx_badkey0000000000"))
		c := clientFor(t, "us", func(cfg *Config) { cfg.Transport, cfg.Credential = refusing(&sent), cred })
		ask := func(r request) *Error {
			e, _ := errors.AsType[*Error](c.do(t.Context(), r, nil))
			return e
		}
		for range 3 {
			e := ask(readRequest())
			require.Equal(t, KindUnauthenticated, e.Kind)
			require.Zero(t, e.RetryAfter)
		}
		require.Equal(t, 3, sent)
		time.Sleep(20 * time.Second)
		e := ask(queryRequest())
		require.Equal(t, KindUnauthenticated, e.Kind)
		require.Equal(t, "query", e.Op)
		require.Equal(t, 401, e.Status)
		require.Equal(t, 40*time.Second, e.RetryAfter)
		require.Contains(t, e.Detail, "3 times in a row")
		require.Contains(t, e.Hint, "personal API key")
		require.Equal(t, 3, sent)

		good := "phx_goodkey000000000"
		cred.key.Store(&good)
		require.Nil(t, ask(queryRequest()), "a new key is asked with at once")
		bad := "phx_badkey0000000000"
		cred.key.Store(&bad)
		time.Sleep(41 * time.Second)
		require.NotNil(t, ask(readRequest()))
		require.Equal(t, 5, sent, "one try a minute")
		require.NotNil(t, ask(readRequest()))
		require.Equal(t, 5, sent)
		require.NoError(t, c.do(t.Context(), captureRequest(), nil), "capture needs no personal key")
	})
}

// TestMissingScopeRestsAlone: what the key may not do rests, the rest goes on.
func TestMissingScopeRestsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		c := clientFor(t, "us", func(cfg *Config) { cfg.Transport = refusing(&sent) })
		for range 6 {
			e, ok := errors.AsType[*Error](c.do(t.Context(), readRequest(), nil))
			require.True(t, ok)
			require.Equal(t, "cohort:read", e.MissingScope)
			require.NoError(t, c.do(t.Context(), queryRequest(), nil))
		}
		require.Equal(t, 3+6, sent)
		require.ErrorIs(t, c.do(t.Context(), writeRequest(), nil), KindForbidden)
		require.Equal(t, 3+6+1, sent, "reading and writing are different scopes")
		time.Sleep(time.Minute)
		require.ErrorIs(t, c.do(t.Context(), readRequest(), nil), KindForbidden)
		require.Equal(t, 3+6+2, sent)
	})
}

// TestRefusalsInARow: a success in between begins the row anew.
func TestRefusalsInARow(t *testing.T) {
	t.Parallel()
	p := newPauses()
	k := testCall(readRequest())
	k.owner = keyID{1}
	refused := &fault{faultAuth, k.newError(KindUnauthenticated, "no")}
	for range 20 {
		p.note(k, refused)
		p.note(k, refused)
		p.note(k, nil)
		require.Nil(t, p.check(k))
	}
	p.note(k, refused)
	p.note(k, &fault{faultServer, k.newError(KindUpstream, "x")})
	p.note(k, refused)
	p.note(k, refused)
	require.NotNil(t, p.check(k), "a failure says nothing about the key")
	require.Len(t, p.rows, 1)
	for i := range 10 * maxPauses {
		k.owner = keyID{2, byte(i), byte(i >> 8)}
		p.note(k, refused)
	}
	require.LessOrEqual(t, len(p.rows), maxPauses)
}

// TestNoKeyIsNoRefusal: a missing key is told at once, every time.
func TestNoKeyIsNoRefusal(t *testing.T) {
	t.Parallel()
	c := clientFor(t, "us", func(cfg *Config) { cfg.Credential = noKey{} })
	for range 5 {
		e, ok := errors.AsType[*Error](c.do(t.Context(), readRequest(), nil))
		require.True(t, ok)
		require.Contains(t, e.Hint, "POSTHOG_PERSONAL_API_KEY")
		require.Zero(t, e.RetryAfter)
	}
}

// noKey is a source that has none.
type noKey struct{}

func (noKey) Key(context.Context) (credential.Secret, error) {
	return credential.Secret{}, errors.New("none")
}

func (noKey) Describe() string { return "test" }
