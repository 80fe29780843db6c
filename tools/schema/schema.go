// Package schema holds the tools by which an agent learns what a project
// contains: list_objects for the names, get_fields for what they consist of.
// Both look at PostHog as it is now.
package schema

import (
	"embed"

	"github.com/posthog-mcp/posthog-mcp/tools"
)

//go:embed schema/*.json
var schemas embed.FS

// Tools gives the tools of this area.
func Tools() tools.Set {
	return tools.Set{Tools: []tools.Tool{listObjects(), getFields()}, Schemas: schemas}
}
