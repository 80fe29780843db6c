package query

import (
	"testing"

	"github.com/posthog-mcp/posthog-mcp/tools/toolstest"
)

func TestRules(t *testing.T) {
	t.Parallel()
	toolstest.Check(t, Tools())
}
