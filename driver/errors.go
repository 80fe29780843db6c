package driver

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Kind is the short closed list of failures that a program switches on. A Kind
// is itself an error, so that errors.Is(err, driver.KindLimited) works.
type Kind string

// The kinds of [Error].
const (
	KindInvalid         Kind = "invalid"         // bad input, here or by PostHog's 400
	KindUnauthenticated Kind = "unauthenticated" // no key, or PostHog does not know it
	KindForbidden       Kind = "forbidden"       // the key may not do this; see MissingScope
	KindNotFound        Kind = "not_found"       // no such object in this project
	KindConflict        Kind = "conflict"        // changed by somebody else meanwhile
	KindLimited         Kind = "limited"         // a rate window or the concurrency limit is full; see RetryAfter
	KindExhausted       Kind = "exhausted"       // billing quota used up (402); waiting minutes does not help
	KindTooLarge        Kind = "too_large"       // request, answer or query beyond a bound; narrow it
	KindTimeout         Kind = "timeout"         // the deadline passed before an answer
	KindUpstream        Kind = "upstream"        // PostHog answered, but wrongly (5xx, HTML, broken JSON)
	KindUnavailable     Kind = "unavailable"     // PostHog cannot be reached, or its breaker is open
	KindCanceled        Kind = "canceled"        // the caller gave up
)

// Error makes a Kind usable as the target of errors.Is.
func (k Kind) Error() string { return string(k) }

// Error is the one error type of the driver. Its text never holds a key nor
// upstream HTML; PostHog's own words are in Detail, bounded and cleaned.
type Error struct {
	Op           string        // operation, such as "get_cohorts"
	Kind         Kind          //
	Status       int           // HTTP status, 0 when there was no answer
	Code         string        // PostHog's machine code, such as "throttled"
	Detail       string        // PostHog's sentence, or ours where it gave none
	Attr         string        // PostHog's field path for invalid input
	RetryAfter   time.Duration // when to come back; 0 when unknown
	Window       string        // quota window that is full, such as "api_queries_burst"
	MissingScope string        // scope that the key lacks, such as "cohort:read"
	RequestID    string        // our correlation id, sent as X-Request-Id
	Hint         string        // the way out, one sentence
	Err          error         // wrapped cause
}

// Error gives operation, kind and detail in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Op != "" {
		b.WriteString(": ")
	}
	b.WriteString(string(e.Kind))
	if e.Detail != "" {
		b.WriteString(": ")
		b.WriteString(e.Detail)
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry in %s)", secondsText(e.RetryAfter.Seconds()))
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is this error's Kind.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind) //nolint:errorlint // Kind is compared by value on purpose
	return ok && k == e.Kind
}

// KindOf gives the Kind of any error, KindUpstream for one that is not the
// driver's and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindUpstream
}

// invalid is the refusal of an argument before anything is sent.
func invalid(op, attr, detail, hint string) *Error {
	return &Error{Op: op, Kind: KindInvalid, Attr: attr, Detail: detail, Hint: hint}
}

// missingKey is the refusal of a call that needs a personal key when there is
// none. reason, if any, is the credential source's own reason.
func missingKey(app *url.URL, reason error) *Error {
	e := &Error{
		Kind:   KindUnauthenticated,
		Detail: "no personal API key is set",
		Hint:   "Set POSTHOG_PERSONAL_API_KEY to a personal API key (phx_…), created at " + app.String() + "/settings/user-api-keys, and start again.",
		Err:    causeOf(reason),
	}
	if reason != nil {
		e.Detail = cleanText(reason.Error(), maxDetail)
	}
	return e
}

// cause wraps an error of the network, the JSON decoder or another library:
// errors.Is and errors.As see it, but its text, which may repeat a URL or what
// a server said, is only shown cleaned. There is no Unwrap on purpose.
type cause struct{ err error }

// causeOf wraps err; nil stays nil.
func causeOf(err error) error {
	if err == nil {
		return nil
	}
	return &cause{withoutURL(err)}
}

// Error gives the cleaned text.
func (c *cause) Error() string { return cleanText(c.err.Error(), maxDetail) }

// GoString keeps %#v from printing the wrapped error.
func (c *cause) GoString() string { return fmt.Sprintf("%q", c.Error()) }

// Is compares the wrapped error.
func (c *cause) Is(target error) bool { return errors.Is(c.err, target) }

// As finds the wrapped error.
func (c *cause) As(target any) bool { return errors.As(c.err, target) }
