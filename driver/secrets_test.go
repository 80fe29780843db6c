package driver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// texts gives everything of an error that can reach a person or a model.
func texts(t *testing.T, err error) string {
	t.Helper()
	var b strings.Builder
	for e := err; e != nil; e = errors.Unwrap(e) {
		fmt.Fprintf(&b, "%v|%+v|%#v|%s\n", e, e, e, e.Error())
		data, _ := json.Marshal(e)
		b.Write(data)
	}
	return b.String()
}

// TestTheKeyIsNowhere runs every kind of failure, most of them with a PostHog
// or a network that says the key back, and looks for it in errors, logs,
// traces and status.
func TestTheKeyIsNowhere(t *testing.T) {
	t.Parallel()
	echo := func(status int, kind string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			key := r.Header.Get("Authorization")
			if kind == "json" {
				reply(status, problem("x", key, "You sent "+key+" and "+canary))(w, r)
				return
			}
			reply(status, "You sent "+key, "Content-Type: "+kind, "Location: https://h/?key="+canary)(w, r)
		}
	}
	cases := make(map[string]http.RoundTripper)
	for _, status := range []int{200, 302, 400, 401, 402, 403, 404, 409, 413, 418, 429, 500, 503, 504, 512, 513} {
		for _, kind := range []string{"json", "text/plain", "text/html"} {
			h := echo(status, kind)
			cases[fmt.Sprint(status, " ", kind)] = roundTripper(func(r *http.Request) (*http.Response, error) {
				w := newRecorder()
				h(w, r)
				return w.response(), nil
			})
		}
	}
	broken := map[string]error{
		"plain":  errors.New("dial " + canary),
		"url":    &url.Error{Op: "Post", URL: "https://h/?personal_api_key=" + canary, Err: errors.New("no route")},
		"nested": fmt.Errorf("proxy: %w", &url.Error{Op: "Get", URL: "https://" + canary + "@h/", Err: &url.Error{Op: "Get", URL: canary, Err: errors.New("x")}}),
	}
	for name, err := range broken {
		cases["broken "+name] = roundTripper(func(*http.Request) (*http.Response, error) { return nil, err })
	}
	cases["hang"] = roundTripper(func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() })
	for name, rt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logs bytes.Buffer
			c := clientFor(t, "us", func(cfg *Config) {
				cfg.Transport = rt
				cfg.Logger = slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
				cfg.Timeouts = Timeouts{Total: 300 * time.Millisecond, Read: 20 * time.Millisecond, Query: 20 * time.Millisecond}
			})
			ctx, trace := WithTrace(t.Context())
			r := queryRequest()
			r.query = url.Values{"secret_value": {"QueryCanary"}}
			var out struct {
				A int `json:"type"`
			}
			err := c.do(ctx, r, &out)
			require.Error(t, err)
			status, jsonErr := json.Marshal(c.Status())
			require.NoError(t, jsonErr)
			all := texts(t, err) + logs.String() + fmt.Sprintf("%+v", trace.Data()) + string(status) + fmt.Sprintf("%+v", c.wire.cred)
			require.NotContains(t, all, canary[4:])
			require.NotContains(t, all, "QueryCanary")
			require.NotContains(t, all, "<")
			e, ok := errors.AsType[*Error](err)
			require.True(t, ok)
			require.LessOrEqual(t, len(e.Error()), 500)
			require.NotContains(t, e.Hint, "CanaryKey")
		})
	}
}

// recorder collects an answer in memory.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecorder() *recorder { return &recorder{header: http.Header{}, status: 200} }

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }
func (r *recorder) response() *http.Response {
	res := response(r.status, r.body.String())
	res.Header = r.header
	return res
}

// TestErrorsWork: kinds are targets of errors.Is, causes stay reachable.
func TestErrorsWork(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("outer: %w", &Error{Op: "query", Kind: KindTimeout, Detail: "x", RetryAfter: 90 * time.Second, Err: context.DeadlineExceeded})
	require.ErrorIs(t, err, KindTimeout)
	require.NotErrorIs(t, err, KindLimited)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, KindTimeout, KindOf(err))
	require.Equal(t, KindUpstream, KindOf(errors.New("x")))
	require.Equal(t, Kind(""), KindOf(nil))
	require.EqualError(t, err, "outer: query: timeout: x (retry in 1m30s)")
}

func TestNewRefusals(t *testing.T) {
	t.Parallel()
	cases := map[string]Config{
		"not a host":       {Host: "a b"},
		"ingest host":      {IngestHost: "ftp://x"},
		"must be positive": {ProjectID: -1},
		"phc_":             {ProjectKey: canary},
	}
	for want, cfg := range cases {
		_, err := New(cfg)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "Canary")
	}
}
