package driver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds what a Retry-After can ask for: no window of PostHog's
// is longer than an hour.
const maxRetryAfter = time.Hour

// decodeJSON decodes one JSON value with exact numbers. Anything but white
// space after it is an error: the answer would be two answers.
func decodeJSON(data []byte, out any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(out); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// deliver puts the body of a good answer into out. The attempt has already
// checked that it is JSON, unless the request allows plain text.
func deliver(k *call, ans *answer, out any) error {
	switch o := out.(type) {
	case nil:
		return nil
	case *[]byte:
		*o = bytes.Clone(ans.body) // the answer may be kept, or shared
		return nil
	case *json.RawMessage:
		*o = bytes.Clone(ans.body)
		return nil
	}
	if len(bytes.TrimSpace(ans.body)) == 0 || k.plainOK && !json.Valid(ans.body) {
		return nil
	}
	if err := decodeJSON(ans.body, out); err != nil {
		e := k.newError(KindUpstream, "the answer has an unexpected shape: "+cleanText(err.Error(), 160))
		e.Status, e.Err = ans.status, causeOf(err)
		e.Hint = "This PostHog may be newer or older than this program knows; the query tool may still get the data."
		return e
	}
	return nil
}

// answerFault judges a complete answer: nil for one to deliver.
func (k *call) answerFault(ans *answer) *fault {
	if ans.status/100 != 2 && (!k.poll || !isOutcome(ans)) {
		return k.statusFault(ans)
	}
	if k.plainOK || len(bytes.TrimSpace(ans.body)) == 0 && ans.status != http.StatusOK || json.Valid(ans.body) {
		return nil
	}
	e := k.newError(KindUpstream, "the answer is not JSON")
	e.Status = ans.status
	if looksLikeHTML(ans.header.Get("Content-Type"), ans.body) {
		e.Detail = k.url.Host + " answered with a web page where the API should be"
		e.Hint = "Check that POSTHOG_HOST is PostHog's app host and that no proxy or login page stands in between."
	}
	return &fault{faultGarbled, e}
}

// upstreamBody is the error form of PostHog's private API. Some answers have
// several errors in list.
type upstreamBody struct {
	Type   string          `json:"type"`
	Code   string          `json:"code"`
	Detail json.RawMessage `json:"detail"`
	Attr   *string         `json:"attr"`
	List   []struct {
		Code   string          `json:"code"`
		Detail json.RawMessage `json:"detail"`
		Attr   *string         `json:"attr"`
	} `json:"list"`
	Extra struct {
		BillingPeriodEnd string `json:"billing_period_end"`
	} `json:"extra"`
}

// readUpstream takes what can be used out of an error body of any form: JSON,
// plain text, or a page of a proxy, of which nothing is kept. known reports
// PostHog's own form.
func readUpstream(e *Error, ans *answer) (body upstreamBody, known bool) {
	if json.Unmarshal(ans.body, &body) == nil && (body.Type != "" || body.Code != "" || len(body.Detail) > 0) {
		if len(body.List) > 0 {
			first := body.List[0]
			body.Code, body.Detail, body.Attr = first.Code, first.Detail, first.Attr
		}
		e.Code = cleanText(body.Code, 80)
		e.Detail = cleanText(detailText(body.Detail), maxDetail)
		if body.Attr != nil {
			e.Attr = cleanText(*body.Attr, 120)
		}
		return body, true
	}
	if !looksLikeHTML(ans.header.Get("Content-Type"), ans.body) && !json.Valid(ans.body) {
		e.Detail = cleanText(string(ans.body[:min(len(ans.body), 8*maxDetail)]), maxDetail)
	}
	return upstreamBody{}, false
}

// detailText reads a detail, which is nearly always a string.
func detailText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// statusFault maps an answer that is not a success, by section 2.2 of the API
// reference.
func (k *call) statusFault(ans *answer) *fault {
	e := k.newError(KindUpstream, "")
	e.Status = ans.status
	body, known := readUpstream(e, ans)
	f := &fault{faultRequest, e}
	switch s := ans.status; {
	case s < 400:
		f.kind = faultConfig
		e.Code, e.Detail = "", fmt.Sprintf("redirect refused: %s answered %d", k.url.Host, s)
		e.Hint = "Set POSTHOG_HOST to the address that PostHog itself is served from, with https."
	case s == http.StatusUnauthorized:
		f.kind, e.Kind = faultAuth, KindUnauthenticated
		e.Hint = k.unauthenticatedHint()
	case s == http.StatusPaymentRequired:
		e.Kind = KindExhausted
		e.Hint = exhaustedHint(body.Extra.BillingPeriodEnd)
	case s == http.StatusForbidden:
		f.kind, e.Kind = faultAuth, KindForbidden
		e.MissingScope = missingScope(e.Detail)
		e.Hint = forbiddenHint(e)
	case s == http.StatusNotFound:
		e.Kind, e.Hint = KindNotFound, notFoundHint(e, known, k)
	case s == http.StatusConflict:
		e.Kind, e.Hint = KindConflict, "Read the object again and repeat the change on its present state."
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly:
		f.kind = faultServer
	case s == http.StatusRequestEntityTooLarge:
		e.Kind, e.Hint = KindTooLarge, "Send less at once: split the batch or shorten the query."
	case s == http.StatusTooManyRequests:
		f.kind, e.Kind = faultRate, KindLimited
		k.readLimited(f, ans)
	case s < 500:
		e.Kind = KindInvalid
	case tooLargeQuery(s, e, known):
		e.Kind, e.Hint = KindTooLarge, "The same query will fail again: shorten the time range, add filters, or aggregate earlier."
	default:
		f.kind = faultServer
		e.RetryAfter = retryAfter(ans.header)
		e.Hint = "PostHog has a problem of its own; try again in a moment."
	}
	if e.Detail == "" {
		e.Detail = statusText(k.url.Host, ans.status)
	}
	return f
}

// tooLargeQuery reports a 5xx that belongs to the query, not to PostHog's
// health: the same query fails again. A proxy's 504 has no JSON of PostHog's.
func tooLargeQuery(status int, e *Error, known bool) bool {
	switch {
	case strings.Contains(e.Detail, "heavy load"):
		return false
	case e.Code == "clickhouse_memory_limit_exceeded": // 504, 512 or 513, by release
		return true
	case status == http.StatusGatewayTimeout:
		return known
	case status == 512, status == 513:
		return true
	}
	return strings.HasPrefix(e.Detail, "Query size exceeded")
}

// readLimited tells the two refusals of a 429 apart and finds out when to come
// back: Retry-After, else the seconds in the text.
func (k *call) readLimited(f *fault, ans *answer) {
	e := f.err
	e.RetryAfter = retryAfter(ans.header)
	if e.RetryAfter == 0 {
		e.RetryAfter = waitInText(e.Detail)
	}
	if e.RetryAfter == 0 && strings.Contains(strings.ToLower(e.Detail), "concurren") {
		f.kind, e.Window = faultBusy, string(k.class)+"_concurrency"
		e.Hint = "Too many queries run at once in this project; wait for one to end, or combine them."
		return
	}
	e.Hint = "Wait, then repeat; fewer and broader queries use less of the limit."
}

// retryAfter reads both forms of the header. A date counts from the answer's
// own Date, because this machine's clock may be wrong.
func retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if s, err := strconv.ParseFloat(value, 64); err == nil {
		return secondsBounded(s)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return secondsBounded(at.Sub(now).Seconds())
}

// waitInText reads "Expected available in 37 seconds.", which older PostHogs
// say in place of the header.
func waitInText(detail string) time.Duration {
	_, digits, ok := strings.Cut(detail, "available in ")
	if !ok {
		return 0
	}
	n := 0
	for n < len(digits) && digits[n] >= '0' && digits[n] <= '9' {
		n++
	}
	s, err := strconv.ParseFloat(digits[:n], 64)
	if err != nil || !strings.HasPrefix(strings.TrimSpace(digits[n:]), "second") {
		return 0
	}
	return secondsBounded(s)
}

func secondsBounded(s float64) time.Duration {
	if math.IsNaN(s) || s <= 0 {
		return 0
	}
	return time.Duration(min(s, maxRetryAfter.Seconds()) * float64(time.Second))
}

// missingScope finds the scope in "API key missing required scope 'x:read'".
func missingScope(detail string) string {
	_, rest, ok := strings.Cut(detail, "required scope '")
	if !ok {
		return ""
	}
	scope, _, ok := strings.Cut(rest, "'")
	if !ok || len(scope) > 60 || !strings.Contains(scope, ":") {
		return ""
	}
	return scope
}

// isNull reports a missing JSON value.
func isNull(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}
