package capture

import (
	"flag"
	"fmt"
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
	flag.Parse()
	if os.Getenv("CHAOS_ROUNDS") == "" && flag.Lookup("rapid.checks").Value.String() == flag.Lookup("rapid.checks").DefValue {
		// Every step of the model waits for a real disk; make chaos walks on.
		if err := flag.Set("rapid.checks", "8"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	goleak.VerifyTestMain(m)
}
