package driver

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"syscall"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// faultKind says how the pipeline treats a failed attempt: see its methods.
type faultKind int

const (
	faultRequest  faultKind = iota // PostHog is well and refuses this request, for good
	faultAuth                      // the key is not good enough
	faultRate                      // a rate window of PostHog's is full
	faultBusy                      // too many queries at once
	faultServer                    // PostHog failed
	faultUnsent                    // no connection: PostHog saw nothing
	faultLost                      // the connection broke after bytes went out
	faultGarbled                   // a good status with a body that is none
	faultConfig                    // wrong host: bad certificate, redirect
	faultSlow                      // our own attempt timeout
	faultCanceled                  // the caller gave up
	faultDeadline                  // the call's deadline passed
	faultLocal                     // refused here, before anything was sent
)

// fault is one failed attempt.
type fault struct {
	kind faultKind
	err  *Error
}

// Error makes a fault fit for the breaker, which judges errors.
func (f *fault) Error() string { return f.err.Error() }

// verdict is what a breaker makes of an attempt.
type verdict int

const (
	countsAsSuccess verdict = iota // the server is alive
	countsAsFailure
	countsAsNothing
)

// verdict says what the failure tells about PostHog's health.
func (f *fault) verdict() verdict {
	if f == nil {
		return countsAsSuccess
	}
	switch f.kind {
	case faultRequest:
		return countsAsSuccess
	case faultServer, faultUnsent, faultLost, faultGarbled, faultConfig, faultSlow:
		return countsAsFailure
	}
	return countsAsNothing
}

// retryable says whether another attempt may be made after n of them.
func (f *fault) retryable(idempotent bool, n int) bool {
	switch f.kind {
	case faultRate, faultUnsent:
		return true // PostHog did nothing
	case faultBusy:
		return n == 1
	case faultServer, faultLost, faultSlow:
		return idempotent
	case faultGarbled:
		return idempotent && n == 1
	}
	return false
}

// Causes of the contexts that the pipeline makes, to tell its own timeouts
// from the caller's.
var (
	errAttemptTimeout = errors.New("attempt timeout")
	errTotalTimeout   = errors.New("total timeout")
)

// contextFault explains the end of a context: of an attempt, of the whole call
// or of the caller's own.
func (k *call) contextFault(ctx context.Context) *fault {
	cause := context.Cause(ctx)
	e := k.newError(KindTimeout, "")
	e.Err = ctx.Err()
	switch {
	case errors.Is(cause, errAttemptTimeout):
		e.Detail = "no answer within " + k.timeout.String()
		e.Hint = k.slowHint()
		return &fault{faultSlow, e}
	case errors.Is(ctx.Err(), context.Canceled):
		e.Kind, e.Detail = KindCanceled, "the caller gave up"
		return &fault{faultCanceled, e}
	case errors.Is(cause, errTotalTimeout):
		e.Detail = "no answer within the call's total time"
	default:
		e.Detail = "the caller's deadline passed before an answer"
	}
	e.Hint = k.slowHint()
	return &fault{faultDeadline, e}
}

func (k *call) slowHint() string {
	if k.class == ClassQuery {
		return "Shorten the time range, select fewer columns or add filters, then try again."
	}
	return "Try again; check the connection to " + k.url.Host + " if it goes on."
}

// newError starts an error about this call.
func (k *call) newError(kind Kind, detail string) *Error {
	return &Error{Op: k.op, Kind: kind, Detail: detail, RequestID: k.id}
}

// sendFault explains an attempt that got no complete answer. ctx is the
// attempt's, sent whether PostHog may have seen the request.
func (k *call) sendFault(ctx context.Context, err error, ans *answer, sent bool) *fault {
	if e, ok := errors.AsType[*Error](err); ok { // no key
		e.Op, e.RequestID = k.op, k.id
		return &fault{faultLocal, e}
	}
	if ctx.Err() != nil {
		f := k.contextFault(ctx)
		if f.kind == faultSlow && !sent {
			f.kind, f.err.Kind = faultUnsent, KindUnavailable
			f.err.Detail = "no connection to " + k.url.Host + " within " + k.timeout.String()
		}
		return f
	}
	if ans != nil && ans.status/100 != 2 && !errors.Is(err, errBodyTooLarge) {
		return k.statusFault(ans) // the status tells enough without its body
	}
	switch {
	case errors.Is(err, errBodyTooLarge):
		e := k.newError(KindTooLarge, "PostHog's answer is larger than "+sizeText(k.maxBody))
		e.Hint = "Ask for less: a shorter time range, fewer columns, a smaller limit; or export to a file."
		return &fault{faultRequest, e}
	case errors.Is(err, errBodyBroken):
		e := k.newError(KindUpstream, "PostHog's answer was cut off or damaged")
		e.Err = causeOf(err)
		return &fault{faultGarbled, e}
	}
	text, hint, config := networkText(err, k.url.Host)
	e := k.newError(KindUnavailable, text)
	e.Hint, e.Err = hint, causeOf(err)
	switch {
	case config:
		return &fault{faultConfig, e}
	case !sent:
		return &fault{faultUnsent, e}
	}
	return &fault{faultLost, e}
}

// networkText says in plain words why no answer came. config means that a
// retry cannot help.
func networkText(err error, host string) (text, hint string, config bool) {
	hint = "Check the network and POSTHOG_HOST; try again in a moment."
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate of " + host + " is not valid", "Check POSTHOG_HOST, the clock of this machine and, for a private authority, SSL_CERT_FILE.", true
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return "there is no host " + host, "Check POSTHOG_HOST; behind a proxy set POSTHOG_USE_PROXY=true.", false
		}
		return "the name " + host + " could not be resolved", hint, false
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return host + " refused the connection", hint, false
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection to " + host + " was reset", hint, false
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return host + " does not speak TLS on this port", "Check the scheme and port of POSTHOG_HOST.", true
	}
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() {
		return "connecting to " + host + " took too long", hint, false
	}
	return "the connection to " + host + " failed: " + cleanText(withoutURL(err).Error(), 160), hint, false
}

// withoutURL drops the wrapper that repeats a request's URL: its query may
// hold what nobody should log.
func withoutURL(err error) error {
	for {
		u, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err
		}
		err = u.Err
	}
}

func sizeText(n int64) string {
	const mib = 1 << 20
	if n >= mib {
		return formatInt(n/mib) + " MiB"
	}
	return formatInt(n) + " bytes"
}

// limitedFault is a refusal made here: nothing was sent.
func (k *call) limitedFault(window, detail, hint string, retryAfter time.Duration) *fault {
	e := k.newError(KindLimited, detail)
	e.Window, e.RetryAfter, e.Hint = window, retryAfter, hint
	return &fault{faultLocal, e}
}

// quotaFault explains a refusal of the limiter.
func (k *call) quotaFault(ctx context.Context, err error) *fault {
	if full, ok := errors.AsType[*quota.FullError](err); ok {
		f := k.limitedFault(full.Window, full.Error()+"; nothing was sent", "Come back then, or ask fewer, broader questions: one query can group by what several would filter.", full.RetryAfter)
		f.err.Err = causeOf(err)
		return f
	}
	if ctx.Err() != nil {
		return k.contextFault(ctx)
	}
	e := k.newError(KindUnavailable, cleanText(err.Error(), maxDetail))
	e.Err, e.Hint = causeOf(err), "The store of the shared quota fails; see its setting."
	return &fault{faultLocal, e}
}

// crowdedFault explains that no place came free.
func (k *call) crowdedFault(ctx context.Context) *fault {
	if errors.Is(ctx.Err(), context.Canceled) {
		return k.contextFault(ctx)
	}
	return k.limitedFault(string(k.class)+"_concurrency", "too many "+string(k.class)+" requests are running; no place came free in time",
		"Wait for one to end, or combine several questions in one query.", tooManyWait)
}
