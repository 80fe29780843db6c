package server

import (
	"github.com/posthog-mcp/posthog-mcp/tools"
	"github.com/posthog-mcp/posthog-mcp/tools/analyses"
	"github.com/posthog-mcp/posthog-mcp/tools/annotations"
	"github.com/posthog-mcp/posthog-mcp/tools/capture"
	"github.com/posthog-mcp/posthog-mcp/tools/cohorts"
	errortools "github.com/posthog-mcp/posthog-mcp/tools/errors"
	"github.com/posthog-mcp/posthog-mcp/tools/events"
	"github.com/posthog-mcp/posthog-mcp/tools/experiments"
	"github.com/posthog-mcp/posthog-mcp/tools/flags"
	"github.com/posthog-mcp/posthog-mcp/tools/insights"
	"github.com/posthog-mcp/posthog-mcp/tools/persons"
	"github.com/posthog-mcp/posthog-mcp/tools/project"
	"github.com/posthog-mcp/posthog-mcp/tools/query"
	"github.com/posthog-mcp/posthog-mcp/tools/schema"
	"github.com/posthog-mcp/posthog-mcp/tools/templates"
)

// Areas gives the tools of every area, in the order in which hosts list them:
// what an agent needs first comes first.
func Areas() []tools.Set {
	return []tools.Set{
		schema.Tools(),
		query.Tools(),
		events.Tools(),
		templates.Tools(),
		analyses.Tools(),
		errortools.Tools(),
		persons.Tools(),
		cohorts.Tools(),
		insights.Tools(),
		experiments.Tools(),
		flags.Tools(),
		annotations.Tools(),
		capture.Tools(),
		project.Tools(),
	}
}
