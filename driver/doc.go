// Package driver is the PostHog client below the tools: typed methods, typed
// errors and one request pipeline that survives PostHog's bad days and never
// exceeds its quota. It knows nothing of MCP.
//
// A call goes one way: method → [request] → pipeline (deadline, retry, breaker,
// quota, bulkhead, attempt timeout, transport) → PostHog → typed result.
package driver
