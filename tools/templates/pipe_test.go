//go:build unix

package templates

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTeamDoesNotWaitForAPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.hogql"), 0o600))
	team, err := Open([]string{dir}, nil)
	require.NoError(t, err)
	_, errs := team.Load()
	require.Len(t, errs, 1)
	require.ErrorContains(t, errs[0], "no regular file")
}
