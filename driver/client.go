package driver

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
)

// Config is what a Client needs. The zero value of a field means its default.
type Config struct {
	Host       string            // app host URL; "us" and "eu" for PostHog Cloud; default "us"
	IngestHost string            // capture and flags host URL; derived from Host when empty
	ProjectID  int64             // 0: the only project that the key sees
	Credential credential.Source // personal API key (phx_) or OAuth token (pha_); nil: none
	ProjectKey string            // project token (phc_), public; empty: read from the project
	Version    string            // of this program, for the User-Agent
	Logger     *slog.Logger      // nil: discard
	Transport  http.RoundTripper // nil: a tuned http.Transport
	Timeouts   Timeouts          //
	// Quota: filled in by the pipeline's owner (store, limits per bucket).
}

// Timeouts bound a call. Zero means the default in brackets.
type Timeouts struct {
	Total   time.Duration // whole call with waits and retries [50 s]
	Read    time.Duration // one attempt of a read, write or flags request [15 s]
	Query   time.Duration // one attempt of a query [45 s]
	Capture time.Duration // one attempt of a capture [10 s]
}
