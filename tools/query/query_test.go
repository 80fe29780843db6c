package query

import (
	"testing"

	"github.com/posthog-mcp/posthog-mcp/tools/toolstest"
)

func TestRules(t *testing.T) { toolstest.Check(t, Tools()) }
