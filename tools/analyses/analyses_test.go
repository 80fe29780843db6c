package analyses

import (
	"testing"

	"github.com/posthog-mcp/posthog-mcp/tools/toolstest"
)

func TestTools(t *testing.T) {
	t.Parallel()
	toolstest.Check(t, Tools())
}
