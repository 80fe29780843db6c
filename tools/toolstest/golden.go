package toolstest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// updating reports whether golden files are to be rewritten.
func updating() bool { return os.Getenv("UPDATE_GOLDEN") != "" }

// Golden compares got with the file testdata/<name> of the package under test.
// UPDATE_GOLDEN=1 rewrites the file.
func Golden(t testing.TB, name, got string) {
	t.Helper()
	golden(t, filepath.Join("testdata", name), []byte(got))
}

func golden(t testing.TB, path string, got []byte) {
	t.Helper()
	got = append(bytes.TrimRight(got, "\n"), '\n')
	if updating() {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, got, 0o600))
		return
	}
	want, err := os.ReadFile(path) //nolint:gosec // a path of the test's own
	require.NoError(t, err, "UPDATE_GOLDEN=1 go test writes it")
	require.Equal(t, string(want), string(got), "%s is stale; UPDATE_GOLDEN=1 go test rewrites it", path)
}
