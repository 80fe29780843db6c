package driver

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
)

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	_, err := io.WriteString(zw, text)
	require.NoError(t, err)
	require.NoError(t, zw.Close())
	return buf.Bytes()
}

func raw(status int, body []byte, headers ...string) http.HandlerFunc {
	return reply(status, string(body), headers...)
}

func TestBodies(t *testing.T) {
	t.Parallel()
	const limit = 1 << 16
	good := `{"a":"` + strings.Repeat("x", 1000) + `"}`
	bomb := gzipped(t, `{"a":"`+strings.Repeat("x", 100*limit)+`"}`)
	require.Less(t, len(bomb), limit, "small on the wire")
	truncated := gzipped(t, good)
	cases := []struct {
		name  string
		reply http.HandlerFunc
		kind  Kind
		text  string
	}{
		{"plain", reply(200, good), "", ""},
		{"gzip", raw(200, gzipped(t, good), "Content-Encoding: gzip"), "", ""},
		{"exactly the limit", reply(200, `"`+strings.Repeat("x", limit-2)+`"`), "", ""},
		{"one byte more", reply(200, `"`+strings.Repeat("x", limit-1)+`"`), KindTooLarge, "larger than 65536 bytes"},
		{"no content length", func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(bytes.Repeat([]byte("x"), 2*limit))
		}, KindTooLarge, "larger"},
		{"gzip bomb", raw(200, bomb, "Content-Encoding: gzip"), KindTooLarge, "larger"},
		{"truncated gzip", raw(200, truncated[:len(truncated)/2], "Content-Encoding: gzip"), KindUpstream, "cut off or damaged"},
		{"gzip that is none", reply(200, good, "Content-Encoding: gzip"), KindUpstream, "cut off or damaged"},
		{"cut off", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5000")
			_, _ = io.WriteString(w, good)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, KindUpstream, "cut off"},
		{"error status with a damaged body keeps its status", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5000")
			w.WriteHeader(403)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, KindForbidden, "403"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, tc.reply)
			c := clientFor(t, s.URL, func(cfg *Config) { cfg.MaxBody = limit; cfg.Retry.Attempts = 1 })
			var out any
			err := c.do(t.Context(), readRequest(), &out)
			require.Equal(t, tc.kind, KindOf(err), "%v", err)
			if err != nil {
				require.ErrorContains(t, err, tc.text)
				return
			}
			require.NotNil(t, out)
		})
	}
}

// TestTooLargeSaysTheWayOut: the reader learns how to ask for less.
func TestTooLargeSaysTheWayOut(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `"`+strings.Repeat("x", 100)+`"`))
	c := clientFor(t, s.URL, func(cfg *Config) { cfg.MaxBody = 10 })
	err := c.do(t.Context(), queryRequest(), nil)
	e, ok := errors.AsType[*Error](err)
	require.True(t, ok)
	require.Contains(t, e.Hint, "smaller limit")
	require.Equal(t, 1, s.count(), "it would be as large again")
	require.Equal(t, "32 MiB", sizeText(32<<20))
}

// TestSlowBody: a body that trickles ends with the attempt.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	s := newScripted(t, func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := io.WriteString(w, " "); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	c := clientFor(t, s.URL, func(cfg *Config) { cfg.Timeouts.Read = 60 * time.Millisecond; cfg.Retry.Attempts = 1 })
	err := c.do(t.Context(), readRequest(), nil)
	require.ErrorIs(t, err, KindTimeout)
	require.ErrorContains(t, err, "no answer within 60ms")
}

// TestRedirectsCarryNoKey: neither another host nor the same one is followed.
func TestRedirectsCarryNoKey(t *testing.T) {
	t.Parallel()
	thief := newScripted(t, reply(200, `{}`))
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := newScripted(t, reply(status, "", "Location: "+thief.URL+"/?x=1"))
		c := clientFor(t, s.URL)
		err := c.do(t.Context(), queryRequest(), nil)
		require.ErrorIs(t, err, KindUpstream)
		require.ErrorContains(t, err, fmt.Sprintf("redirect refused: %s answered %d", strings.TrimPrefix(s.URL, "http://"), status))
		require.NotContains(t, err.Error(), strings.TrimPrefix(thief.URL, "http://"))
		require.Equal(t, 1, s.count())
	}
	require.Zero(t, thief.count())
}

// TestKeyGoesToThePinnedOriginOnly: even a request that was pointed elsewhere
// by mistake carries no key.
func TestKeyGoesToThePinnedOriginOnly(t *testing.T) {
	t.Parallel()
	other := newScripted(t, reply(200, `{}`))
	c := clientFor(t, "https://posthog.example")
	k := testCall(readRequest())
	u, err := parseHost("x", other.URL, false)
	require.NoError(t, err)
	k.url = u
	_, err = c.wire.send(t.Context(), k, &timeline{})
	require.NoError(t, err)
	require.Empty(t, other.requests[0].Header.Get("Authorization"))
	c.idle()
}

func TestBadCertificateIsNotRetried(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake is the point
	s.StartTLS()
	t.Cleanup(s.Close)
	c := clientFor(t, s.URL)
	ctx, trace := WithTrace(t.Context())
	err := c.do(ctx, readRequest(), nil)
	require.ErrorIs(t, err, KindUnavailable)
	require.ErrorContains(t, err, "certificate")
	require.Equal(t, 50, c.Status().RetryBudget.Remaining)
	require.Zero(t, trace.Data().Attempts)
}

func TestNetworkTexts(t *testing.T) {
	t.Parallel()
	cases := []struct {
		err    error
		text   string
		config bool
	}{
		{&net.DNSError{Err: "no such host", Name: "h", IsNotFound: true}, "there is no host h", false},
		{&net.DNSError{Err: "server misbehaving", Name: "h"}, "could not be resolved", false},
		{context.DeadlineExceeded, "took too long", false},
		{errors.New("weird\x1b phx_CanaryKey0123456789"), "failed: weird phx_***", false},
	}
	for _, tc := range cases {
		text, hint, config := networkText(tc.err, "h")
		require.Contains(t, text, tc.text)
		require.NotEmpty(t, hint)
		require.Equal(t, tc.config, config)
	}
}

// TestTLSOnAPlainPort names the usual mistake.
func TestTLSOnAPlainPort(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{}`))
	c := clientFor(t, "https://"+strings.TrimPrefix(s.URL, "http://"))
	err := c.do(t.Context(), readRequest(), nil)
	require.ErrorIs(t, err, KindUnavailable)
	require.ErrorContains(t, err, "does not speak TLS")
}

func TestTransportSettings(t *testing.T) {
	t.Parallel()
	require.Nil(t, newTransport(false).Proxy, "proxies of the environment are used only when configured")
	require.NotNil(t, newTransport(true).Proxy)
	require.Contains(t, userAgent("1.0"), "posthog-mcp/1.0 (go1.")
	require.Contains(t, userAgent(""), "posthog-mcp/dev ")
}

// TestCustomTransportWithoutTrace: what tells nothing may have sent all, so a
// write is not sent twice.
func TestCustomTransportWithoutTrace(t *testing.T) {
	t.Parallel()
	n := 0
	c := clientFor(t, "us", func(cfg *Config) {
		cfg.Transport = roundTripper(func(*http.Request) (*http.Response, error) { n++; return nil, errors.New("broken") })
	})
	require.ErrorIs(t, c.do(t.Context(), writeRequest(), nil), KindUnavailable)
	require.Equal(t, 1, n)
}

func TestMissingKey(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{}`))
	c := clientFor(t, s.URL, func(cfg *Config) { cfg.Credential = nil; cfg.ProjectID = 0; cfg.IngestHost = s.URL })
	for _, r := range []request{readRequest(), writeRequest(), queryRequest()} {
		err := c.do(t.Context(), r, nil)
		e, ok := errors.AsType[*Error](err)
		require.True(t, ok)
		require.Equal(t, KindUnauthenticated, e.Kind)
		require.Equal(t, r.op, e.Op)
		require.Contains(t, e.Hint, "POSTHOG_PERSONAL_API_KEY")
	}
	require.Zero(t, s.count(), "nothing is asked without a key")
	require.NoError(t, c.do(t.Context(), captureRequest(), nil), "capture needs none")
}

// failing is a source whose key cannot be had.
type failing struct{}

func (failing) Key(context.Context) (credential.Secret, error) {
	return credential.Secret{}, errors.New("vault sealed; run unseal")
}
func (failing) Describe() string { return "vault" }

func TestFailingCredential(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{}`))
	c := clientFor(t, s.URL, func(cfg *Config) { cfg.Credential = failing{} })
	err := c.do(t.Context(), readRequest(), nil)
	require.ErrorIs(t, err, KindUnauthenticated)
	require.ErrorContains(t, err, "vault sealed")
	require.Zero(t, s.count())
	require.Zero(t, c.Status().Windows[0].Used)
	require.Equal(t, 50, c.Status().RetryBudget.Remaining)
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{}`))
	c := clientFor(t, s.URL)
	cases := map[string]struct {
		edit func(*request)
		kind Kind
	}{
		"too large":    {func(r *request) { r.body = strings.Repeat("x", maxPayload) }, KindTooLarge},
		"not JSON":     {func(r *request) { r.body = math.Inf(1) }, KindInvalid},
		"no class":     {func(r *request) { r.class = "" }, KindInvalid},
		"no method":    {func(r *request) { r.method = "" }, KindInvalid},
		"other path":   {func(r *request) { r.path = "/api/projects/{project}/../../x/" }, KindInvalid},
		"no such line": {func(r *request) { r.bucket = "mystery" }, KindUnavailable},
	}
	for name, tc := range cases {
		r := writeRequest()
		tc.edit(&r)
		err := c.do(t.Context(), r, nil)
		require.Equal(t, tc.kind, KindOf(err), "%s: %v", name, err)
		require.Less(t, len(err.Error()), 300)
	}
	require.Zero(t, s.count())
}
