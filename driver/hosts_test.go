package driver

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseHost(t *testing.T) {
	t.Parallel()
	good := map[string]string{
		"us":                              "https://us.posthog.com",
		"EU":                              "https://eu.posthog.com",
		"us.posthog.com":                  "https://us.posthog.com",
		"https://US.PostHog.com/":         "https://us.posthog.com",
		" https://ph.example:8443/base/ ": "https://ph.example:8443/base",
		"http://localhost:8000":           "http://localhost:8000",
		"http://127.0.0.1:1":              "http://127.0.0.1:1",
		"http://[::1]:1":                  "http://[::1]:1",
		"http://app.localhost":            "http://app.localhost",
	}
	for in, want := range good {
		u, err := parseHost("host", in, false)
		require.NoError(t, err, in)
		require.Equal(t, want, u.String())
	}
	bad := map[string]string{
		"":                                    "not a host",
		"https://":                            "not a host",
		"://x":                                "not a host",
		"a b":                                 "not a host",
		"https://user:secret@ph.example":      "not allowed",
		"https://ph.example/?x=1":             "query or fragment",
		"https://ph.example/#x":               "query or fragment",
		"https://ph.example/a/../b":           "not plain",
		"https://ph.example//b":               "not plain",
		"https://ph.example/%2e%2e/b":         "not plain",
		"ftp://ph.example":                    "scheme",
		"http://ph.example":                   "in the clear",
		"http://127.0.0.1.evil.example":       "in the clear",
		"phx_CanaryKey0123456789abcdef@x y":   "not a host",
		"https://phx_CanaryKey0123456789@h.x": "not allowed",
	}
	for in, want := range bad {
		_, err := parseHost("POSTHOG_HOST", in, false)
		require.ErrorContains(t, err, want, in)
		require.ErrorContains(t, err, "POSTHOG_HOST")
		require.NotContains(t, err.Error(), "secret")
		require.NotContains(t, err.Error(), "Canary")
	}
	u, err := parseHost("host", "http://ph.example", true)
	require.NoError(t, err)
	require.Equal(t, "http", u.Scheme)
}

func TestHostMapping(t *testing.T) {
	t.Parallel()
	cases := []struct{ in, app, ingest string }{
		{"us", "https://us.posthog.com", "https://us.i.posthog.com"},
		{"eu", "https://eu.posthog.com", "https://eu.i.posthog.com"},
		{"https://us.i.posthog.com", "https://us.posthog.com", "https://us.i.posthog.com"},
		{"https://eu.i.posthog.com", "https://eu.posthog.com", "https://eu.i.posthog.com"},
		{"https://app.posthog.com", "https://us.posthog.com", "https://us.i.posthog.com"},
		{"https://posthog.example", "https://posthog.example", "https://posthog.example"},
		{"https://my.us.posthog.com.example", "https://my.us.posthog.com.example", "https://my.us.posthog.com.example"},
		{"http://localhost:8000/x", "http://localhost:8000/x", "http://localhost:8000/x"},
	}
	for _, tc := range cases {
		app, ingest, err := Config{Host: tc.in}.hosts()
		require.NoError(t, err)
		require.Equal(t, tc.app, app.String())
		require.Equal(t, tc.ingest, ingest.String())
	}
	app, ingest, err := Config{Host: "https://ph.example", IngestHost: "https://us.posthog.com"}.hosts()
	require.NoError(t, err)
	require.Equal(t, "https://ph.example", app.String())
	require.Equal(t, "https://us.i.posthog.com", ingest.String())
	_, _, err = Config{IngestHost: "ftp://x"}.hosts()
	require.ErrorContains(t, err, "ingest host")
}

func TestSameOrigin(t *testing.T) {
	t.Parallel()
	base := "https://us.posthog.com"
	cases := map[string]bool{
		"https://us.posthog.com/x":      true,
		"https://US.posthog.com:443":    true,
		"http://us.posthog.com":         false,
		"https://us.posthog.com:444":    false,
		"https://us.posthog.com.evil.x": false,
		"https://eu.posthog.com":        false,
	}
	a, err := url.Parse(base)
	require.NoError(t, err)
	for text, want := range cases {
		b, err := url.Parse(text)
		require.NoError(t, err)
		require.Equal(t, want, sameOrigin(a, b), text)
	}
}

func TestJoinURL(t *testing.T) {
	t.Parallel()
	base := &url.URL{Scheme: "https", Host: "h", Path: "/b"}
	u, err := joinURL(base, "/api/x/"+url.PathEscape("a b/ü%2e")+"/", url.Values{"q": {"1&2"}})
	require.NoError(t, err)
	require.Equal(t, "https://h/b/api/x/a%20b%2F%C3%BC%252e/?q=1%262", u.String())
	for _, bad := range []string{"api/", "/a/../b", "/a/%2e%2e/b", "/a/./b", "/a?x=1", "/a#b", "/a\\b", "/a/%zz"} {
		_, err := joinURL(base, bad, nil)
		require.Error(t, err, bad)
	}
}
