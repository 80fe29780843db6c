// Package resources holds what hosts can read without calling a tool: quota,
// health, schema, templates and exported files. It knows no transport.
package resources

import "context"

// The addresses of the fixed resources.
const (
	QuotaURI     = "posthog://quota"
	HealthURI    = "posthog://health"
	SchemaURI    = "posthog://schema"
	TemplatesURI = "posthog://templates"
	ExportsURI   = "posthog://exports/{name}"
)

// JSON is the media type of most resources.
const JSON = "application/json"

// Body is what a read gives.
type Body struct {
	MIMEType string
	Text     string
}

// Resource is one readable thing.
type Resource struct {
	URI      string // an address, or an RFC 6570 template
	Template bool
	Name     string
	Doc      string // says what it costs to read
	MIMEType string
	Read     func(ctx context.Context, uri string) (Body, error)
}
