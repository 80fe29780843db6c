// Package posthogtest is an embedded PostHog, in the manner of
// [net/http/httptest]: a server on a loopback port, or none at all, that
// answers the endpoints this program uses with PostHog's shapes, scopes, error
// bodies, paging, rate limits and HogQL, over a generated product with a
// history. Demo mode and most tests run against it; faults are injected with
// [Faults].
//
// A request passes through these steps, each in a file of its own: the request
// log and faults (handler.go, faults.go), the route (route.go, routes.go), the
// key, its project and its scopes (auth.go), the throttles (throttle.go), and
// then the resource's own file. Capture and flag evaluation (capture.go,
// evaluate.go) take the project token and pass no throttle, as at PostHog.
//
// Facts about PostHog's behaviour come from its public source: rate limits
// from posthog/rate_limit.py and Django REST Framework's SimpleRateThrottle,
// permissions from posthog/permissions.py, the query endpoint from
// posthog/api/query.py, capture from rust/capture, flags from
// rust/feature-flags.
package posthogtest
