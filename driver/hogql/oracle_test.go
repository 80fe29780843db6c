//go:build oracle

package hogql

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOracleParser parses the corpus, our own statements and generated ones
// with PostHog's parser and compares the trees. ORACLE_DIR is a folder with
// parse.mjs and its node_modules; UPDATE_GOLDEN=1 rewrites the golden file.
func TestOracleParser(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("ORACLE_DIR")
	require.NotEmpty(t, dir, "set ORACLE_DIR to the folder with parse.mjs and its node_modules")

	fixed := append(readStatements(t, "corpus.jsonl"), readStatements(t, "statements.jsonl")...)
	golden := askOracle(t, dir, fixed)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		writeGolden(t, golden)
	}
	compareGolden(t, golden)

	for seed := range uint64(4) {
		compareGolden(t, askOracle(t, dir, generateStatements(seed, 150)))
	}
}

// askOracle runs parse.mjs over the statements.
func askOracle(t *testing.T, dir string, statements []string) []goldenCase {
	t.Helper()
	var in, out, stderr bytes.Buffer
	for i, s := range statements {
		line, err := json.Marshal(map[string]string{"id": fmt.Sprint(i), "hogql": s})
		require.NoError(t, err)
		in.Write(append(line, '\n'))
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(dir, "parse.mjs"), "--ast")
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, &in, &out, &stderr
	if err := cmd.Run(); err != nil && out.Len() == 0 {
		t.Fatalf("parse.mjs: %v\n%s", err, stderr.String())
	}
	cases := decodeGolden(t, &out)
	require.Len(t, cases, len(statements), "PostHog's parser stopped early: %s", stderr.String())
	for i := range cases {
		cases[i].HogQL = statements[i]
	}
	return cases
}

func writeGolden(t *testing.T, cases []goldenCase) {
	t.Helper()
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	require.NoError(t, err)
	for _, c := range cases {
		line, err := json.Marshal(c)
		require.NoError(t, err)
		_, err = z.Write(append(line, '\n'))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	require.NoError(t, os.WriteFile(goldenFile(), buf.Bytes(), 0o600))
}
