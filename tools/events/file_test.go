package events

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
)

func now() time.Time { return time.Date(2026, 3, 1, 10, 20, 30, 0, time.UTC) }

func rows() [][]any {
	return [][]any{
		{"id-1", json.Number("9007199254740993"), nil, `{"b":1, "a":"<x>"}`},
		{"=HYPERLINK(\"http://evil\")", json.Number("-5"), true, "not json"},
		{"-1+2", "a,\"b\"\nc", []any{"x", json.Number("1")}, nil},
	}
}

func written(t *testing.T, format string) (string, string) {
	t.Helper()
	dir := t.TempDir()
	f, err := createFile(dir, format, []string{"uuid", "a", "b", "properties"}, now())
	require.NoError(t, err)
	require.NoError(t, f.write(rows()))
	require.Empty(t, visible(t, dir), "an unfinished file must not look like a whole one")
	path, size, err := f.keep()
	require.NoError(t, err)
	f.discard() // after keep: nothing
	require.Equal(t, []string{filepath.Base(path)}, visible(t, dir))
	require.Regexp(t, `^events-20260301-102030-[0-9a-f]{8}\.`+format+`$`, filepath.Base(path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, size, info.Size())
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	raw, err := os.ReadFile(path) //nolint:gosec // the test's own file
	require.NoError(t, err)
	return path, string(raw)
}

// visible lists the files that a person would see.
func visible(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestNDJSON(t *testing.T) {
	t.Parallel()
	_, text := written(t, "ndjson")
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	require.Len(t, lines, 3)
	require.Equal(t, `{"uuid":"id-1","a":9007199254740993,"b":null,"properties":{"b":1,"a":"<x>"}}`, lines[0])
	for _, l := range lines {
		require.True(t, json.Valid([]byte(l)), l)
	}
	require.Contains(t, lines[1], `"properties":"not json"`)
}

func TestCSV(t *testing.T) {
	t.Parallel()
	_, text := written(t, "csv")
	records, err := csv.NewReader(bytes.NewBufferString(text)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{
		{"uuid", "a", "b", "properties"},
		{"id-1", "9007199254740993", "", `{"b":1, "a":"<x>"}`},
		{`'=HYPERLINK("http://evil")`, "-5", "true", "not json"},
		{"'-1+2", "a,\"b\"\nc", `["x",1]`, ""},
	}, records)
}

func TestDiscardLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := createFile(dir, "csv", []string{"uuid"}, now())
	require.NoError(t, err)
	f.discard()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestDirectoryIsMadeForThisUserAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "folder")
	f, err := createFile(dir, "csv", []string{"uuid"}, now())
	require.NoError(t, err)
	f.discard()
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

func TestNoDirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := createFile(filepath.Join(file, "below"), "csv", []string{"uuid"}, now())
	require.ErrorIs(t, err, driver.KindUnavailable)
	require.ErrorContains(t, err, "output directory")
}
