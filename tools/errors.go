package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools/untrusted"
)

// Bounds of an error's parts, in characters. Together with the rest an error
// stays below 1,000, or 1,500 when it lists what is wrong with arguments.
const (
	maxMessage = 500
	maxList    = 950 // message that lists wrong arguments
	maxNext    = 350
)

// Fail turns an error into a result that says what failed, what to do next and
// when. The error's own text is shown only where it is the driver's or a tool's
// sentence, without keys, and cleaned.
func Fail(ctx context.Context, spec Spec, err error) *Result {
	return failed(ctx, spec, nil, err)
}

func failed(_ context.Context, spec Spec, head object, err error) *Result {
	e := asDriver(spec, err)
	message, next := message(e), next(e, spec)
	retry := seconds(e)

	fields := object{{"kind", string(e.Kind)}, {"message", message}, {"next", next}}
	for _, m := range []member{
		{"at", bounded(maskKeys(e.Attr), 100)}, {"window", e.Window},
		{"missing_scope", bounded(maskKeys(e.MissingScope), 60)}, {"request_id", e.RequestID},
	} {
		if m.val != "" {
			fields = append(fields, m)
		}
	}
	if retry > 0 {
		fields = append(fields, member{"retry_after_s", json.Number(strconv.Itoa(retry))})
	}

	var b strings.Builder
	fmt.Fprintf(&b, "%s failed (%s): %s\nNext: %s", untrusted.Line(untrusted.Cut(spec.Name, 60)), e.Kind, message, next)
	if e.RequestID != "" {
		fmt.Fprintf(&b, "\nRequest id: %s", e.RequestID)
	}
	for _, m := range head {
		fmt.Fprintf(&b, "\n%s: %s", m.key, inline(m.val))
	}
	return &Result{
		IsError:    true,
		Text:       b.String(),
		Structured: appendTree(nil, append(object{{"error", fields}}, head...)),
	}
}

// asDriver finds the driver's error, or makes one of what is left.
func asDriver(spec Spec, err error) *driver.Error {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return e
	}
	e := &driver.Error{Op: spec.Name, Err: err}
	switch {
	case errors.Is(err, context.Canceled):
		e.Kind = driver.KindCanceled
	case errors.Is(err, context.DeadlineExceeded):
		e.Kind = driver.KindTimeout
	default:
		e.Kind, e.Detail = driver.KindUpstream, err.Error()
	}
	return e
}

// message says what failed and names the value at fault.
func message(e *driver.Error) string {
	text := e.Detail
	if text == "" {
		text = ordinary(e.Kind)
	}
	text = maskKeys(text)
	if e.Kind == driver.KindInvalid && e.Status == 0 {
		// Our own list of wrong arguments, one a line.
		return untrusted.Cut(untrusted.Clean(untrusted.Cut(text, maxList)), maxList)
	}
	text = bounded(text, maxMessage)
	if e.Attr != "" && !strings.Contains(text, e.Attr) {
		text += fmt.Sprintf(" (at %s)", bounded(maskKeys(e.Attr), 100))
	}
	return text
}

// bounded cleans a text and keeps it to one line of n characters.
func bounded(s string, n int) string {
	return untrusted.Cut(untrusted.Line(untrusted.Cut(s, n)), n)
}

// ordinary is what to say of a failure that came without a sentence.
func ordinary(k driver.Kind) string {
	switch k {
	case driver.KindInvalid:
		return "PostHog did not accept the arguments"
	case driver.KindUnauthenticated:
		return "there is no PostHog key, or PostHog does not know it"
	case driver.KindForbidden:
		return "the PostHog key may not do this"
	case driver.KindNotFound:
		return "there is no such object in this project"
	case driver.KindConflict:
		return "somebody else changed the object meanwhile"
	case driver.KindLimited:
		return "PostHog's rate limit is used up for now"
	case driver.KindExhausted:
		return "the project's billing quota is used up"
	case driver.KindTooLarge:
		return "the request or its answer is too large"
	case driver.KindTimeout:
		return "no answer came in time"
	case driver.KindUnavailable:
		return "PostHog cannot be reached"
	case driver.KindCanceled:
		return "the call was cancelled"
	case driver.KindUpstream:
		fallthrough
	default:
		return "PostHog answered wrongly"
	}
}

// next names the call to make next and when: the error's own hint, or what
// usually helps.
func next(e *driver.Error, spec Spec) string {
	hint := bounded(maskKeys(e.Hint), maxNext-100)
	scope := bounded(maskKeys(e.MissingScope), 60)
	if hint == "" {
		hint = usual(e.Kind, scope, spec)
	}
	if scope != "" && !strings.Contains(hint, scope) {
		hint += " The missing scope is " + scope + "."
	}
	if s := seconds(e); s > 0 {
		hint += fmt.Sprintf(" Retry in %d s", s)
		if e.Window != "" {
			hint += " (window " + e.Window + ")"
		}
		hint += "."
	}
	return hint
}

func usual(kind driver.Kind, scope string, spec Spec) string {
	switch kind {
	case driver.KindInvalid:
		return "Correct the arguments and call again."
	case driver.KindUnauthenticated:
		return "Ask the user to set POSTHOG_PERSONAL_API_KEY to a valid personal API key (phx_…)."
	case driver.KindForbidden:
		if scope != "" {
			return "Ask the user to add the scope " + scope + " to the key (PostHog, settings, personal API keys)."
		}
		return "Ask the user for a key that may do this; repeating the call does not help."
	case driver.KindNotFound:
		return "Look up the id or name with the tool that lists such objects, then call again."
	case driver.KindConflict:
		return "Read the object again, then repeat the change."
	case driver.KindLimited:
		return "Wait; meanwhile do without calls of this kind."
	case driver.KindExhausted:
		return "Waiting does not help; tell the user to raise the limit in PostHog's billing settings."
	case driver.KindTooLarge:
		return "Narrow the date range, or ask for fewer rows or columns."
	case driver.KindCanceled:
		return "Call again if the answer is still wanted."
	case driver.KindTimeout, driver.KindUpstream, driver.KindUnavailable:
	}
	if spec.Effect.ChangesPostHog() {
		return "It is not known whether PostHog did it: look before repeating the call."
	}
	if kind == driver.KindTimeout {
		return "Narrow the request (shorter date range, fewer rows) and call again."
	}
	return "Call again once; if it fails again, health_check shows what works."
}

// seconds rounds up, since coming back early is refused again.
func seconds(e *driver.Error) int { return int(math.Ceil(e.RetryAfter.Seconds())) }

var keyPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`ph[a-z]_[A-Za-z0-9_-]{6,}|(?i)bearer +[A-Za-z0-9._~+/=-]{6,}`)
})

// maskKeys is the last of several filters that keep keys out of texts.
func maskKeys(s string) string {
	if s == "" {
		return s
	}
	return keyPattern().ReplaceAllString(s, "[secret]")
}
