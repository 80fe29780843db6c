//go:build oracle

package engine

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOracle runs every statement on PostHog's parser and ClickHouse, in the
// folder that ORACLE_DIR names, and compares. UPDATE_GOLDEN=1 also rewrites
// the golden answers.
func TestOracle(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("ORACLE_DIR")
	require.NotEmpty(t, dir, "set ORACLE_DIR to the oracle's folder")
	list := statements(t)
	var in bytes.Buffer
	for _, st := range list {
		line, err := json.Marshal(map[string]any{"id": st.ID, "hogql": st.HogQL, "values": st.Values})
		require.NoError(t, err)
		in.Write(append(line, '\n'))
	}
	sample := filepath.Join(t.TempDir(), "sample.jsonl")
	require.NoError(t, os.WriteFile(sample, gunzip(t, "testdata/sample.jsonl.gz"), 0o600))
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(dir, "run.mjs"), "--data", sample)
	cmd.Dir, cmd.Stdin = dir, &in
	out, err := cmd.Output()
	if failed := (&exec.ExitError{}); !errors.As(err, &failed) { // the exit code only tells that a statement failed
		require.NoError(t, err)
	}
	answers := map[string]answer{}
	var golden bytes.Buffer
	for line := range bytes.SplitSeq(out, []byte("\n")) {
		for _, a := range readLines[answer](t, line) {
			answers[a.ID] = a
			if a.OK {
				golden.Write(append(line, '\n'))
			}
		}
	}
	eng := New(sampleSnapshot())
	for _, st := range list {
		t.Run(st.ID, func(t *testing.T) {
			t.Parallel()
			want := answers[st.ID]
			require.True(t, want.OK, "the oracle refuses %s: %s", st.HogQL, want.Error)
			compareAnswer(t, eng, st, want)
		})
	}
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		var z bytes.Buffer
		w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
		require.NoError(t, err)
		_, err = w.Write(golden.Bytes())
		require.NoError(t, err)
		require.NoError(t, w.Close())
		require.NoError(t, os.WriteFile("testdata/golden.jsonl.gz", z.Bytes(), 0o600))
	}
}
