package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// startTemplates runs posthog-mcp templates with arguments.
func startTemplates(t *testing.T, args ...string) process {
	t.Helper()
	var out, errs bytes.Buffer
	w := &world{in: strings.NewReader(""), out: &out, err: &errs}
	parser, err := kong.New(&templatesCmd{}, kong.Bind(w), kong.Writers(&out, &errs))
	require.NoError(t, err)
	parsed, err := parser.Parse(args)
	require.NoError(t, err)
	return process{report(w, parsed.Run()), out.String(), errs.String()}
}

func TestTemplatesNewAndCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startTemplates(t, "new", "count_trials", dir)
	require.Zero(t, p.code, p.err)
	require.Contains(t, p.out, "Wrote "+filepath.Join(dir, "count_trials.hogql"))

	p = startTemplates(t, "check", dir)
	require.Zero(t, p.code, p.out)
	require.Regexp(t, `count_trials\.hogql +count_trials +3 parameters +about \d+ tokens\n1 right, 0 wrong; .*about \d+ tokens`, p.out)

	p = startTemplates(t, "new", "count_trials", dir)
	require.Equal(t, exitUsage, p.code)
	require.Contains(t, p.err, "not overwritten")
	for _, taken := range []string{"query", "hogql_query"} {
		p = startTemplates(t, "new", taken, dir)
		require.Equal(t, exitUsage, p.code)
		require.Contains(t, p.err, "taken by a built-in tool")
	}

	raw, err := os.ReadFile(filepath.Join(dir, "count_trials.hogql"))
	require.NoError(t, err)
	all := strings.NewReplacer("count_trials", "count_all", "now() - toIntervalDay({days})", "toDateTime(0) + {days}", "timestamp >= ", "timestamp != ").Replace(string(raw))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "all.hogql"), []byte(all), 0o600))
	p = startTemplates(t, "check", dir)
	require.Zero(t, p.code, "advice is no mistake")
	require.Regexp(t, `advice: .*all\.hogql:\d+:\d+: .*whole history`, p.out)
	require.NoError(t, os.Remove(filepath.Join(dir, "all.hogql")))

	broken := strings.NewReplacer("count_trials", "count_others", "{days})", "{weeks})").Replace(string(raw))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "others.hogql"), []byte(broken), 0o600))
	p = startTemplates(t, "check", dir)
	require.Equal(t, exitFail, p.code)
	require.Regexp(t, `others\.hogql:\d+:\d+: placeholder \{weeks\} is no parameter`, p.out)
	require.Contains(t, p.out, "1 right, 1 wrong")
	require.Empty(t, p.err, "all has been said")
}

func TestTemplatesCheckRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startTemplates(t, "check", filepath.Join(dir, "none"))
	require.Equal(t, exitUsage, p.code)
	require.Contains(t, p.err, `none"`)
	p = startTemplates(t, "check", dir)
	require.Equal(t, exitFail, p.code, "a check that looks at the wrong place must not pass")
	require.Contains(t, p.err, "no .hogql files")
}
