package posthogtest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// apiError is an error of the private API in its common shape: type, code,
// detail and attr, with the HTTP status apart.
type apiError struct {
	status     int
	kind       string // "type" in the body
	code       string
	detail     string
	attr       string // null in the body when empty
	extra      map[string]any
	retryAfter int // seconds; 0 sends no header
	challenge  bool
}

func (e *apiError) Error() string { return strconv.Itoa(e.status) + " " + e.code + ": " + e.detail }

type errorBody struct {
	Type   string         `json:"type"`
	Code   string         `json:"code"`
	Detail string         `json:"detail"`
	Attr   *string        `json:"attr"`
	Extra  map[string]any `json:"extra,omitempty"`
}

// reply turns the error into an answer. Site is the server's own URL for the
// challenge that comes with 401.
func (e *apiError) reply(site string) *reply {
	body := errorBody{Type: e.kind, Code: e.code, Detail: e.detail, Extra: e.extra}
	if e.attr != "" {
		body.Attr = &e.attr
	}
	r := jsonReply(e.status, body)
	if e.retryAfter > 0 {
		r.header.Set("Retry-After", strconv.Itoa(e.retryAfter))
	}
	if e.challenge {
		r.header.Set("WWW-Authenticate", `Bearer resource_metadata="`+site+`/.well-known/oauth-protected-resource"`)
	}
	return r
}

// errorReply answers any error; one that is not an apiError is a server error,
// as an unhandled exception would be.
func errorReply(err error, site string) *reply {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e.reply(site)
	}
	return (&apiError{
		status: http.StatusInternalServerError, kind: "server_error", code: "error", detail: "A server error occurred.",
	}).reply(site)
}

func invalid(code, attr, format string, args ...any) *apiError {
	return &apiError{
		status: http.StatusBadRequest, kind: "validation_error", code: code, attr: attr, detail: fmt.Sprintf(format, args...),
	}
}

// invalidText is invalid for a message that is not a format.
func invalidText(code, attr, detail string) *apiError { return invalid(code, attr, "%s", detail) }

func required(attr string) *apiError { return invalidText("required", attr, "This field is required.") }

func notFound(detail string) *apiError {
	return &apiError{status: http.StatusNotFound, kind: "invalid_request", code: "not_found", detail: detail}
}

func noObject() *apiError { return notFound("Not found.") }

func denied(format string, args ...any) *apiError {
	return &apiError{
		status: http.StatusForbidden, kind: "authentication_error", code: "permission_denied", detail: fmt.Sprintf(format, args...),
	}
}

func unauthenticated(code, detail string) *apiError {
	return &apiError{
		status: http.StatusUnauthorized, kind: "authentication_error", code: code, detail: detail, challenge: true,
	}
}

func serverError(status int, code, detail string) *apiError {
	return &apiError{status: status, kind: "server_error", code: code, detail: detail}
}

func asSyntax(err error) (*hogql.SyntaxError, bool) { return errors.AsType[*hogql.SyntaxError](err) }

// etag names an answer's content.
func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}
