package templates

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/tools"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

// TestThePagesExamplesRun loads the templates that docs/templates.md shows,
// makes the calls it shows and compares the answers it shows.
// UPDATE_GOLDEN=1 writes the answers into the page.
func TestThePagesExamplesRun(t *testing.T) {
	t.Parallel()
	const page = "../../docs/templates.md"
	raw, err := os.ReadFile(page)
	require.NoError(t, err)
	example := regexp.MustCompile("(?s)```hogql\n(.*?)```\n\nCall: `(\\w+) (\\{.*?\\})`\n\n```answer\n(.*?)```\n")
	found := example.FindAllStringSubmatch(string(raw), -1)
	require.Len(t, found, 3)
	require.Equal(t, 3, strings.Count(string(raw), "```hogql\n"), "an example without a call and an answer")
	dir := fstest.MapFS{}
	for _, m := range found {
		dir[m[2]+".hogql"] = &fstest.MapFile{Data: []byte(m[1])}
	}
	list, errs := Load(dir)
	require.Empty(t, errs)
	require.Len(t, list, len(found))
	d := demotest.Start(t, tools.Set{Tools: list})
	text := string(raw)
	for _, m := range found {
		a := d.OK(t, m[2], m[3])
		require.NotEmpty(t, a.Rows, m[2])
		got := strings.TrimSpace(a.Text) + "\n"
		if os.Getenv("UPDATE_GOLDEN") != "" {
			text = strings.Replace(text, m[3]+"`\n\n```answer\n"+m[4]+"```", m[3]+"`\n\n```answer\n"+got+"```", 1)
			continue
		}
		require.Equal(t, m[4], got, "%s: the page is stale: UPDATE_GOLDEN=1 go test writes it", m[2])
	}
	if text != string(raw) {
		require.NoError(t, os.WriteFile(page, []byte(text), 0o600))
	}
}
