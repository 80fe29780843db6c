package data

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files anew")
	flag.Parse()
	if code := m.Run(); code != 0 {
		os.Exit(code)
	}
	goleak.VerifyTestMain(noTests{})
}

// noTests lets goleak look for leaks after the tests have run.
type noTests struct{}

func (noTests) Run() int { return 0 }
