package prompts_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/prompts"
)

func TestEveryPromptRendersWithoutMarksLeft(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range prompts.All() {
		require.False(t, seen[p.Name], "twice: %s", p.Name)
		seen[p.Name] = true
		require.LessOrEqual(t, len(p.Args), 2, p.Name)
		require.NotEmpty(t, p.Title, p.Name)
		require.NotEmpty(t, p.Doc, p.Name)
		args := map[string]string{}
		for _, a := range p.Args {
			require.NotEmpty(t, a.Doc, "%s %s", p.Name, a.Name)
			require.True(t, a.Required || a.Default != "", "%s %s", p.Name, a.Name)
			if a.Required {
				args[a.Name] = "VALUE"
			}
		}
		text, err := p.Render(args)
		require.NoError(t, err)
		require.NotContains(t, text, "{", p.Name)
		for _, a := range p.Args {
			if a.Required {
				require.Contains(t, text, "VALUE", p.Name)
			}
		}
		for _, tool := range p.Tools {
			require.Contains(t, text, tool, "%s names %s but does not use it", p.Name, tool)
		}
		require.LessOrEqual(t, len(text), 2500, p.Name)
	}
	require.Len(t, seen, 8)
}

// A prompt's text must not send an agent to a tool that its list leaves out.
func TestTextsNameNoOtherTool(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`\b(?:get|list|analyze|track|evaluate|create|capture|export|identify|trace)_[a-z_]+\b`)
	for _, p := range prompts.All() {
		args := map[string]string{}
		for _, a := range p.Args {
			args[a.Name] = "x"
		}
		text, err := p.Render(args)
		require.NoError(t, err)
		for _, found := range name.FindAllString(text, -1) {
			if found == "get_fields" && !strings.Contains(strings.Join(p.Tools, " "), found) {
				continue // named as a look-up in brackets, not as a step
			}
			require.Contains(t, p.Tools, found, p.Name)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	p, ok := prompts.Find("user_journey")
	require.True(t, ok)
	for _, c := range []struct {
		name string
		args map[string]string
		want string
	}{
		{"missing", nil, `needs the argument "person"`},
		{"blank", map[string]string{"person": " \n"}, `needs the argument "person"`},
		{"unknown", map[string]string{"person": "a", "persn": "b"}, `no argument "persn"`},
		{"long", map[string]string{"person": strings.Repeat("é", 201)}, "201 characters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := p.Render(c.args)
			require.ErrorContains(t, err, c.want)
		})
	}
	_, ok = prompts.Find("nothing")
	require.False(t, ok)
}

func TestArgumentsBecomeOnePlainLine(t *testing.T) {
	t.Parallel()
	p, _ := prompts.Find("user_journey")
	text, err := p.Render(map[string]string{"person": "a\u202eb\x1b[31m\nc@example.com"})
	require.NoError(t, err)
	require.Contains(t, text, "person ab[31m c@example.com did")
}
