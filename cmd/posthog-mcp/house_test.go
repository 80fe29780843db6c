package main

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/posthog-mcp/posthog-mcp"

// goList runs go list at the module's root.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}

// Imports run one way: cmd → server → tools, resources, prompts → driver.
func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	rules := []struct {
		under  string   // packages at or below this folder …
		except string   // … but not below this one …
		never  []string // … import none of these, not even through others
	}{
		{"driver", "", []string{module + "/tools", module + "/server", module + "/resources", module + "/prompts", module + "/cmd", "github.com/mark3labs/mcp-go"}},
		{"driver", "driver/posthogtest", []string{module + "/driver/posthogtest"}},
		{"tools", "tools/toolstest", []string{module + "/server", module + "/resources", module + "/prompts", module + "/cmd", module + "/driver/posthogtest", "github.com/mark3labs/mcp-go", "github.com/google/jsonschema-go"}},
		{"resources", "", []string{module + "/server", module + "/cmd", "github.com/mark3labs/mcp-go"}},
		{"prompts", "", []string{module + "/server", module + "/cmd", module + "/driver", module + "/tools", "github.com/mark3labs/mcp-go"}},
		{"server", "", []string{module + "/cmd", module + "/driver/posthogtest"}},
	}
	for _, rule := range rules {
		pkgs := goList(t, "./"+rule.under+"/...")
		require.NotEmpty(t, pkgs, rule.under)
		for _, pkg := range pkgs {
			if rule.except != "" && below(pkg, module+"/"+rule.except) {
				continue
			}
			for _, dep := range goList(t, "-deps", pkg) {
				for _, never := range rule.never {
					require.False(t, below(dep, never), "%s imports %s", pkg, dep)
				}
			}
		}
	}
}

// The areas know tools and driver, not each other.
func TestAreasDoNotImportEachOther(t *testing.T) {
	t.Parallel()
	shared := map[string]bool{"toolstest": true, "untrusted": true}
	for _, pkg := range goList(t, "./tools/...") {
		area, ok := strings.CutPrefix(pkg, module+"/tools/")
		if !ok || shared[area] {
			continue
		}
		for _, dep := range goList(t, "-deps", pkg) {
			other, ok := strings.CutPrefix(dep, module+"/tools/")
			require.False(t, ok && other != area && !shared[other], "tools/%s imports tools/%s", area, other)
		}
	}
}

func below(pkg, root string) bool { return pkg == root || strings.HasPrefix(pkg, root+"/") }

// A newcomer finds their room from the folders and the package comments.
func TestEveryPackageHasAComment(t *testing.T) {
	t.Parallel()
	for _, dir := range goList(t, "-f", "{{.Dir}}", "./...") {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		found := false
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly|parser.ParseComments)
			require.NoError(t, err)
			found = found || file.Doc.Text() != ""
		}
		require.True(t, found, "no package comment in %s", dir)
	}
}

// A file that no longer fits a screenful of screens has two ideas in it.
func TestGoFilesAreShort(t *testing.T) {
	t.Parallel()
	for _, dir := range goList(t, "-f", "{{.Dir}}", "./...") {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			require.LessOrEqual(t, strings.Count(string(text), "\n"), 400, name)
		}
	}
}

// The top level is fixed.
func TestTopLevelHoldsNothingElse(t *testing.T) {
	t.Parallel()
	allowed := strings.Fields("go.mod go.sum cmd server tools driver resources prompts Dockerfile mcp.json.example README.md Makefile .github .ci docs LICENSE CHANGELOG.md SECURITY.md .gitignore .golangci.yml")
	cmd := exec.CommandContext(t.Context(), "git", "ls-files")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Log("not a git checkout: nothing to hold")
		return
	}
	for path := range strings.Lines(string(out)) {
		top, _, _ := strings.Cut(strings.TrimSpace(path), "/")
		require.Contains(t, allowed, top)
	}
}
