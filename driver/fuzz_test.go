package driver

import (
	"net/http"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzRetryAfter: whatever a header, a clock or a sentence says, the wait is
// between nothing and an hour, and the pause before a retry is no shorter.
func FuzzRetryAfter(f *testing.F) {
	f.Add("37", "", "")
	f.Add("0.5", "Mon, 23 Nov 2026 10:00:00 GMT", "")
	f.Add("Mon, 23 Nov 2026 10:00:37 GMT", "Mon, 23 Nov 2026 10:00:00 GMT", "")
	f.Add("Monday, 23-Nov-26 10:00:37 GMT", "Mon Nov 23 10:00:00 2026", "")
	f.Add("-1", "", "Request was throttled. Expected available in 1 second.")
	f.Add("NaN", "now", "Expected available in 99999999999999999999 seconds.")
	f.Add("1e308", "", "available in seconds")
	f.Add("0x10", "", "available in 7 secondsavailable in 8 seconds")
	f.Fuzz(func(t *testing.T, header, date, detail string) {
		h := http.Header{"Retry-After": {header}, "Date": {date}}
		for _, d := range []time.Duration{retryAfter(h), waitInText(detail)} {
			require.GreaterOrEqual(t, d, time.Duration(0))
			require.LessOrEqual(t, d, maxRetryAfter)
		}
		k := testCall(queryRequest())
		ans := &answer{status: http.StatusTooManyRequests, header: h, body: []byte(`{"type":"throttled_error","detail":"Expected available in ` + header + ` seconds"}`)}
		fault := k.answerFault(ans)
		require.NotNil(t, fault)
		require.Equal(t, KindLimited, fault.err.Kind)
		require.LessOrEqual(t, fault.err.RetryAfter, maxRetryAfter)
		w := RetryConfig{}.withDefaults().waits()
		require.GreaterOrEqual(t, w.next(fault), fault.err.RetryAfter, "never sooner than PostHog asks for")
	})
}

// FuzzAnswer: every answer is either delivered or becomes an error that is fit
// to be shown: of a known kind, bounded, without control characters.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "application/json", `{"results":[[1,9007199254740993]],"next":"https://x/?a=1"}`, false)
	f.Add(200, "text/html", "<html>login</html>", false)
	f.Add(202, "application/json", `{"query_status":{"id":"a","complete":false}}`, true)
	f.Add(400, "application/json", `{"query_status":{"id":"a","error":true,"error_message":"no"}}`, true)
	f.Add(400, "application/json", problem("validation_error", "invalid_input", "bad \u202e\u0000 text"), false)
	f.Add(403, "application/json", problem("authentication_error", "permission_denied", "API key missing required scope 'cohort:read'"), false)
	f.Add(402, "application/json", `{"extra":{"billing_period_end":"2026-12-01"},"code":"quota_limit_exceeded"}`, false)
	f.Add(429, "", `{"detail":[1,2],"list":[{"detail":{}}]}`, false)
	f.Add(500, "text/plain", "\xff\xfe\x1b[31m", false)
	f.Add(513, "application/json", problem("server_error", "clickhouse_memory_limit_exceeded", "heavy load"), false)
	f.Add(204, "", "", false)
	f.Fuzz(func(t *testing.T, status int, contentType, body string, poll bool) {
		if status < 200 || status > 599 {
			return
		}
		r := readRequest()
		r.poll = poll
		k := testCall(r)
		ans := &answer{status: status, header: http.Header{"Content-Type": {contentType}}, body: []byte(body)}
		var shown *Error
		if fault := k.answerFault(ans); fault != nil {
			shown = fault.err
			require.False(t, fault.retryable(false, 1) && fault.kind != faultRate && fault.kind != faultBusy, "a write may have arrived")
		} else {
			require.True(t, status/100 == 2 || poll)
			var page envelope[map[string]any]
			if err := deliver(k, ans, &page); err != nil {
				shown = err.(*Error) //nolint:errorlint,forcetypeassert // deliver gives nothing else
			} else if page.Next != nil {
				_ = nextCursor(*page.Next)
			}
		}
		if shown == nil {
			return
		}
		require.NotEmpty(t, shown.Kind)
		require.LessOrEqual(t, utf8.RuneCountInString(shown.Detail), maxDetail+80)
		for _, text := range []string{shown.Detail, shown.Code, shown.Attr, shown.Hint} {
			require.True(t, utf8.ValidString(text))
			for _, c := range text {
				require.False(t, unicode.IsControl(c), "%q", text)
			}
		}
	})
}
