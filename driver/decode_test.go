package driver

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answerOf makes an answer; headers are given as "Name: value".
func answerOf(status int, body string, headers ...string) *answer {
	h := http.Header{}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		h.Set(name, value)
	}
	return &answer{status: status, header: h, body: []byte(body)}
}

// TestStatusTable is section 2.2 of the API reference.
func TestStatusTable(t *testing.T) {
	t.Parallel()
	const page = "<html><body>secret stack of a proxy</body></html>"
	cases := []struct {
		name   string
		answer *answer
		want   Error // Kind, Code, Detail, Attr, RetryAfter, MissingScope are compared
		fault  faultKind
		hint   string
	}{
		{"validation", answerOf(400, `{"type":"validation_error","code":"invalid_input","detail":"Human text","attr":"filters__groups"}`),
			Error{Kind: KindInvalid, Code: "invalid_input", Detail: "Human text", Attr: "filters__groups"}, faultRequest, ""},
		{"several fields", answerOf(400, `{"type":"multiple","code":"multiple","detail":"Multiple","attr":null,"list":[{"code":"required","detail":"This field is required.","attr":"name"},{"code":"null","detail":"x","attr":"y"}]}`),
			Error{Kind: KindInvalid, Code: "required", Detail: "This field is required.", Attr: "name"}, faultRequest, ""},
		{"detail that is no string", answerOf(400, `{"type":"validation_error","detail":{"a":["b"]}}`),
			Error{Kind: KindInvalid, Detail: `{"a":["b"]}`}, faultRequest, ""},
		{"plain text of capture", answerOf(400, "event submitted without a distinct_id"),
			Error{Kind: KindInvalid, Detail: "event submitted without a distinct_id"}, faultRequest, ""},
		{"no key", answerOf(401, problem("authentication_error", "not_authenticated", "Authentication credentials were not provided.")),
			Error{Kind: KindUnauthenticated, Code: "not_authenticated", Detail: "Authentication credentials were not provided."}, faultAuth, "POSTHOG_HOST=eu"},
		{"billing", answerOf(402, `{"type":"quota_limited","code":"quota_limit_exceeded","detail":"Used up","extra":{"billing_period_end":"2026-12-01T00:00:00+00:00"}}`),
			Error{Kind: KindExhausted, Code: "quota_limit_exceeded", Detail: "Used up"}, faultRequest, "on 2026-12-01T00:00:00+00:00"},
		{"billing, no date", answerOf(402, problem("invalid_request", "payment_required", "Upgrade")),
			Error{Kind: KindExhausted, Code: "payment_required", Detail: "Upgrade"}, faultRequest, "billing period ends"},
		{"scope", answerOf(403, problem("authentication_error", "permission_denied", "API key missing required scope 'cohort:write'")),
			Error{Kind: KindForbidden, Code: "permission_denied", Detail: "API key missing required scope 'cohort:write'", MissingScope: "cohort:write"}, faultAuth, "the scope cohort:write"},
		{"other project", answerOf(403, problem("authentication_error", "permission_denied", "API key does not have access to the requested project: ID 9.")),
			Error{Kind: KindForbidden, Code: "permission_denied", Detail: "API key does not have access to the requested project: ID 9."}, faultAuth, "POSTHOG_PROJECT_ID"},
		{"not found", answerOf(404, problem("invalid_request", "not_found", "Not found.")),
			Error{Kind: KindNotFound, Code: "not_found", Detail: "Not found."}, faultRequest, "List the objects"},
		{"no such endpoint", answerOf(404, page, "Content-Type: text/html"),
			Error{Kind: KindNotFound, Detail: "us.posthog.com answered 404 Not Found"}, faultRequest, "app host"},
		{"soft delete", answerOf(405, problem("invalid_request", "method_not_allowed", "Hard delete of this model is not allowed.")),
			Error{Kind: KindInvalid, Code: "method_not_allowed", Detail: "Hard delete of this model is not allowed."}, faultRequest, ""},
		{"conflict", answerOf(409, problem("validation_error", "conflict", "Changed")),
			Error{Kind: KindConflict, Code: "conflict", Detail: "Changed"}, faultRequest, "again"},
		{"payload", answerOf(413, "maximum event size exceeded: 2000000"),
			Error{Kind: KindTooLarge, Detail: "maximum event size exceeded: 2000000"}, faultRequest, "less at once"},
		{"stalled upload", answerOf(408, ""), Error{Kind: KindUpstream, Detail: "us.posthog.com answered 408 Request Timeout"}, faultServer, ""},
		{"window, header", answerOf(429, problem("throttled_error", "throttled", "Request was throttled."), "Retry-After: 37"),
			Error{Kind: KindLimited, Code: "throttled", Detail: "Request was throttled.", RetryAfter: 37 * time.Second}, faultRate, ""},
		{"window, text", answerOf(429, problem("throttled_error", "throttled", "Request was throttled. Expected available in 37 seconds.")),
			Error{Kind: KindLimited, Code: "throttled", Detail: "Request was throttled. Expected available in 37 seconds.", RetryAfter: 37 * time.Second}, faultRate, ""},
		{"concurrency", answerOf(429, problem("throttled_error", "throttled", "Exceeded maximum concurrency limit: 3 for key: api:query:per-team:1 and task: x")),
			Error{Kind: KindLimited, Code: "throttled", Detail: "Exceeded maximum concurrency limit: 3 for key: api:query:per-team:1 and task: x", Window: "query_concurrency"}, faultBusy, "at once"},
		{"limit of /flags", answerOf(429, problem("validation_error", "rate_limit_exceeded", "Rate limit exceeded")),
			Error{Kind: KindLimited, Code: "rate_limit_exceeded", Detail: "Rate limit exceeded"}, faultRate, ""},
		{"server", answerOf(500, problem("server_error", "error", "A server error occurred.")),
			Error{Kind: KindUpstream, Code: "error", Detail: "A server error occurred."}, faultServer, "its own"},
		{"query size", answerOf(500, problem("server_error", "error", "Query size exceeded.")),
			Error{Kind: KindTooLarge, Code: "error", Detail: "Query size exceeded."}, faultRequest, "will fail again"},
		{"proxy", answerOf(502, page), Error{Kind: KindUpstream, Detail: "us.posthog.com answered 502 Bad Gateway"}, faultServer, ""},
		{"busy cluster", answerOf(503, problem("server_error", "error", "Queries are a little too busy right now.")),
			Error{Kind: KindUpstream, Code: "error", Detail: "Queries are a little too busy right now."}, faultServer, ""},
		{"database", answerOf(503, problem("server_error", "database_unavailable", "x"), "Retry-After: 1"),
			Error{Kind: KindUpstream, Code: "database_unavailable", Detail: "x", RetryAfter: time.Second}, faultServer, ""},
		{"execution time", answerOf(504, problem("server_error", "error", "Query has hit the max execution time before completing.")),
			Error{Kind: KindTooLarge, Code: "error", Detail: "Query has hit the max execution time before completing."}, faultRequest, "time range"},
		{"gateway", answerOf(504, page), Error{Kind: KindUpstream, Detail: "us.posthog.com answered 504 Gateway Timeout"}, faultServer, ""},
		{"estimate", answerOf(512, problem("server_error", "error", "Estimated query execution time is too long.")),
			Error{Kind: KindTooLarge, Code: "error", Detail: "Estimated query execution time is too long."}, faultRequest, "time range"},
		{"estimate without a body", answerOf(512, ""), Error{Kind: KindTooLarge, Detail: "us.posthog.com answered 512"}, faultRequest, "time range"},
		{"memory", answerOf(513, problem("server_error", "clickhouse_memory_limit_exceeded", "This query ran out of memory.")),
			Error{Kind: KindTooLarge, Code: "clickhouse_memory_limit_exceeded", Detail: "This query ran out of memory."}, faultRequest, "time range"},
		{"memory, older", answerOf(500, problem("server_error", "clickhouse_memory_limit_exceeded", "This query ran out of memory.")),
			Error{Kind: KindTooLarge, Code: "clickhouse_memory_limit_exceeded", Detail: "This query ran out of memory."}, faultRequest, ""},
		{"heavy load", answerOf(513, problem("server_error", "clickhouse_memory_limit_exceeded", "We're under heavy load right now and couldn't finish this query.")),
			Error{Kind: KindUpstream, Code: "clickhouse_memory_limit_exceeded", Detail: "We're under heavy load right now and couldn't finish this query."}, faultServer, ""},
		{"redirect", answerOf(301, page, "Location: https://evil.example/?key=1"),
			Error{Kind: KindUpstream, Detail: "redirect refused: us.posthog.com answered 301"}, faultConfig, "POSTHOG_HOST"},
		{"teapot", answerOf(418, ""), Error{Kind: KindInvalid, Detail: "us.posthog.com answered 418 I'm a teapot"}, faultRequest, ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := testCall(queryRequest()).statusFault(tc.answer)
			require.Equal(t, tc.fault, f.kind)
			got := *f.err
			require.Equal(t, tc.answer.status, got.Status)
			require.Equal(t, "query", got.Op)
			require.Equal(t, "id-1", got.RequestID)
			require.Contains(t, got.Hint, tc.hint)
			require.NotContains(t, got.Error()+got.Hint, "secret")
			require.NotContains(t, got.Error()+got.Hint, "evil")
			got.Op, got.Status, got.RequestID, got.Hint = "", 0, "", ""
			require.Equal(t, tc.want, got)
		})
	}
}

func TestDetailsAreClean(t *testing.T) {
	t.Parallel()
	dirty := "bad\x1b[31m\u202e key phx_CanaryKey0123456789 " + strings.Repeat("x", 1000)
	body, err := json.Marshal(map[string]any{"type": "validation_error", "code": dirty, "detail": dirty, "attr": dirty})
	require.NoError(t, err)
	for _, a := range []*answer{answerOf(400, string(body)), answerOf(400, dirty), answerOf(402, `{"type":"x","extra":{"billing_period_end":"`+"\u202e"+`phx_CanaryKey0123456789"}}`)} {
		e := testCall(queryRequest()).statusFault(a).err
		for _, text := range []string{e.Error(), e.Detail, e.Code, e.Attr, e.Hint} {
			require.LessOrEqual(t, len(text), 400)
			require.NotContains(t, text, "Canary")
			require.NotContains(t, text, "\x1b")
			require.NotContains(t, text, "\u202e")
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	date := "Date: Mon, 23 Nov 2026 10:00:00 GMT"
	cases := []struct {
		headers []string
		want    time.Duration
	}{
		{nil, 0},
		{[]string{"Retry-After: 37"}, 37 * time.Second},
		{[]string{"Retry-After:  1.5 "}, 1500 * time.Millisecond},
		{[]string{"Retry-After: 0"}, 0},
		{[]string{"Retry-After: -5"}, 0},
		{[]string{"Retry-After: NaN"}, 0},
		{[]string{"Retry-After: Inf"}, time.Hour},
		{[]string{"Retry-After: 1e300"}, time.Hour},
		{[]string{"Retry-After: soon"}, 0},
		{[]string{"Retry-After: Mon, 23 Nov 2026 10:00:42 GMT", date}, 42 * time.Second},
		{[]string{"Retry-After: Mon, 23 Nov 2026 09:00:00 GMT", date}, 0},
		{[]string{"Retry-After: Wed, 25 Nov 2026 10:00:00 GMT", date}, time.Hour},
	}
	for _, tc := range cases {
		require.Equal(t, tc.want, retryAfter(answerOf(429, "", tc.headers...).header), "%v", tc.headers)
	}
	texts := map[string]time.Duration{
		"Request was throttled. Expected available in 37 seconds.": 37 * time.Second,
		"Request was throttled. Expected available in 1 second.":   time.Second,
		"Expected available in 99999999999999999999 seconds.":      time.Hour,
		"Expected available in a while.":                           0,
		"Expected available in 5 minutes.":                         0,
		"Expected available in ":                                   0,
		"":                                                         0,
	}
	for text, want := range texts {
		require.Equal(t, want, waitInText(text), text)
	}
}

func TestGoodAnswers(t *testing.T) {
	t.Parallel()
	json200 := answerOf(200, `{"a":9007199254740993}`)
	type shape struct {
		A json.Number `json:"a"`
	}
	var typed shape
	var raw json.RawMessage
	var text []byte
	k := testCall(readRequest())
	require.Nil(t, k.answerFault(json200))
	require.NoError(t, deliver(k, json200, &typed))
	require.Equal(t, json.Number("9007199254740993"), typed.A)
	require.NoError(t, deliver(k, json200, &raw))
	require.JSONEq(t, `{"a":9007199254740993}`, string(raw))
	require.NoError(t, deliver(k, json200, &text))
	require.Equal(t, json200.body, text)
	require.NoError(t, deliver(k, json200, nil))

	require.Nil(t, k.answerFault(answerOf(204, "")))
	require.NoError(t, deliver(k, answerOf(204, ""), &typed))
	require.Equal(t, faultGarbled, k.answerFault(answerOf(200, "")).kind, "200 without a body is no answer")
	for _, bad := range []string{`{"a":`, `{"a":1}{"b":2}`, "Ok", "<html>"} {
		f := k.answerFault(answerOf(200, bad))
		require.NotNil(t, f, bad)
		require.Equal(t, faultGarbled, f.kind)
		require.Equal(t, KindUpstream, f.err.Kind)
	}
	require.Contains(t, k.answerFault(answerOf(200, "<html>")).err.Detail, "web page")

	err := deliver(k, answerOf(200, `{"a":["x"]}`), &typed)
	require.ErrorIs(t, err, KindUpstream)
	require.ErrorContains(t, err, "unexpected shape")

	plain := testCall(captureRequest())
	require.Nil(t, plain.answerFault(answerOf(200, "Ok")))
	require.NoError(t, deliver(plain, answerOf(200, "Ok"), &typed))
	require.NoError(t, deliver(plain, answerOf(200, "1"), &text))
}
