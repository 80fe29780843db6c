package driver

import (
	"net/url"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// target names the host that a request goes to and how it is authenticated.
type target int

const (
	appHost    target = iota // private API, bearer personal key
	ingestHost               // capture and flags, project key in the body
)

// request is one call of the PostHog API before it enters the pipeline.
type request struct {
	op         string       // operation name, for errors and logs
	class      Class        // breaker, bulkhead, attempt timeout
	bucket     quota.Bucket // quota windows it counts in
	target     target       //
	method     string       //
	path       string       // "/api/projects/{project}/cohorts/"; {project} is filled in by do
	query      url.Values   //
	body       any          // marshalled as JSON when not nil
	idempotent bool         // may be sent again after bytes went out
	plainOK    bool         // a 2xx body may be empty or plain text
}
