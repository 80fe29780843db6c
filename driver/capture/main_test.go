package capture

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain also serves as the program of the tests that need real processes:
// they start this binary again with a role in its environment.
func TestMain(m *testing.M) {
	if role := os.Getenv("CAPTURE_TEST_ROLE"); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m)
}
