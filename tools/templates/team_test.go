package templates

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/tools"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

func named(name string) string { return strings.Replace(good, "count_events", name, 1) }

func toolNames(list []tools.Tool) []string {
	names := []string{}
	for _, tool := range list {
		names = append(names, tool.Spec().Name)
	}
	return names
}

func TestTeamLoadsWhatIsRightAndReportsTheRest(t *testing.T) {
	t.Parallel()
	one, two, outside := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, one, "a.hogql", named("team_a"))
	write(t, one, "b.hogql", strings.Replace(named("team_b"), "GROUP BY", "GROUP", 1))
	write(t, one, "c.hogql", named("query"))
	write(t, two, "d.hogql", named("team_a"))
	write(t, two, "e.hogql", named("team_e"))
	write(t, two, "f.hogql", "\xff\xfe")
	write(t, outside, "secret.hogql", named("team_secret"))
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret.hogql"), filepath.Join(two, "g.hogql")))
	require.NoError(t, os.Symlink("e2.txt", filepath.Join(two, "h.hogql")))
	write(t, two, "e2.txt", named("team_linked"))

	team, err := Open([]string{one, two}, []string{"query"})
	require.NoError(t, err)
	list, reports, errs := team.Check()
	require.Equal(t, []string{"team_a", "team_e", "team_linked"}, toolNames(list))
	said := make([]string, len(errs))
	for i, err := range errs {
		said[i] = strings.NewReplacer(one, "ONE", two, "TWO").Replace(err.Error())
	}
	require.Len(t, said, 5)
	require.Regexp(t, `^ONE/b\.hogql:14:\d+: .`, said[0])
	require.Equal(t, "ONE/c.hogql:2: the name query is taken by a built-in tool", said[1])
	require.Equal(t, "TWO/d.hogql:2: the name team_a is taken by ONE/a.hogql", said[2])
	require.Equal(t, "TWO/f.hogql: it is not UTF-8 text", said[3])
	require.Contains(t, said[4], "TWO/g.hogql: ", "nothing outside the directory is read")

	require.Len(t, reports, 3)
	require.Equal(t, one+"/a.hogql", reports[0].File)
	require.Equal(t, 3, reports[0].Params)
	for i, r := range reports {
		require.InEpsilon(t, toolstest.Cost(t, list[i]), r.Tokens(), 0.35, "an estimate, but not a wild one")
	}
}

func TestTeamRefusesDirectoriesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "file", "")
	for _, bad := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "file")} {
		_, err := Open([]string{dir, bad}, nil)
		require.ErrorContains(t, err, fmt.Sprintf("directory %q", bad))
	}
	gone := filepath.Join(dir, "gone")
	require.NoError(t, os.Mkdir(gone, 0o700))
	team, err := Open([]string{gone}, nil)
	require.NoError(t, err)
	require.NoError(t, os.Remove(gone))
	list, errs := team.Load()
	require.Empty(t, list)
	require.Len(t, errs, 1)
	require.ErrorContains(t, errs[0], gone+": the directory cannot be read")
}

func TestCheckAdvises(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "good.hogql", strings.Replace(good, "params:", "definition: Events.\nparams:", 1))
	write(t, dir, "odd.hogql", `---
name: odd_one
title: Odd
doc: Counts all there is in a way that is seldom meant.
---
SELECT
    countt()
FROM events
`)
	team, err := Open([]string{dir}, nil)
	require.NoError(t, err)
	_, reports, errs := team.Check()
	require.Empty(t, errs)
	require.Len(t, reports, 2)
	require.Empty(t, reports[0].Advice)
	said := []string{}
	for _, err := range reports[1].Advice {
		said = append(said, strings.ReplaceAll(err.Error(), dir+"/", ""))
	}
	require.Len(t, said, 4)
	require.Equal(t, "odd.hogql:8:6: events is read without a lower bound on timestamp: that is the whole history", said[0])
	require.Regexp(t, `^odd\.hogql:7:5: the function countt may be unknown to PostHog; near are .*count`, said[1])
	require.Contains(t, said[2], "LIMIT")
	require.Contains(t, said[3], "definition")
}

func TestTeamBounds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range MaxFiles + 1 {
		write(t, dir, fmt.Sprintf("t%03d.hogql", i), named(fmt.Sprintf("team_%03d", i)))
	}
	team, err := Open([]string{dir}, nil)
	require.NoError(t, err)
	list, errs := team.Load()
	require.Len(t, list, MaxFiles)
	require.Len(t, errs, 1)
	require.ErrorContains(t, errs[0], "there are 201 templates; only the first 200")
}

func TestWatchTellsOfEdits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "a.hogql", named("team_a"))
		team, err := Open([]string{dir}, nil)
		require.NoError(t, err)
		type news struct {
			names []string
			errs  []error
		}
		told := make(chan news, 1)
		go team.Watch(t.Context(), team.Fingerprint(), func(list []tools.Tool, errs []error) {
			told <- news{toolNames(list), errs}
		})
		quiet := func() {
			time.Sleep(WatchEvery)
			synctest.Wait()
			require.Empty(t, told)
		}
		look := func() news {
			time.Sleep(WatchEvery)
			synctest.Wait()
			require.Len(t, told, 1)
			return <-told
		}
		quiet()
		quiet()

		write(t, dir, "b.hogql", named("team_b"))
		require.Equal(t, news{names: []string{"team_a", "team_b"}}, look())

		write(t, dir, "b.hogql", "---\nname: x\n---\nSELECT 1")
		broken := look()
		require.Equal(t, []string{"team_a"}, broken.names)
		require.Len(t, broken.errs, 1)

		require.NoError(t, os.Remove(filepath.Join(dir, "b.hogql")))
		require.Equal(t, news{names: []string{"team_a"}}, look())

		// The same size again: the time tells.
		write(t, dir, "a.hogql", named("team_z"))
		require.NoError(t, os.Chtimes(filepath.Join(dir, "a.hogql"), time.Time{}, time.Unix(1, 0)))
		require.Equal(t, []string{"team_z"}, look().names)

		// A directory that is replaced as a whole, as a checkout does.
		require.NoError(t, os.RemoveAll(dir))
		gone := look()
		require.Empty(t, gone.names)
		require.Len(t, gone.errs, 1)
		require.NoError(t, os.Mkdir(dir, 0o700))
		write(t, dir, "n.hogql", named("team_new"))
		require.Equal(t, []string{"team_new"}, look().names)
		quiet()
	})
}

func TestWatchWithoutDirectoriesEnds(t *testing.T) {
	t.Parallel()
	team, err := Open(nil, nil)
	require.NoError(t, err)
	team.Watch(t.Context(), 0, func([]tools.Tool, []error) { t.Error("there is nothing to watch") })
}

func TestCreateWritesATemplateThatWorks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, err := Create(dir, "count_by_day", []string{"query"})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "count_by_day.hogql"), file)
	list, errs := Load(os.DirFS(dir))
	require.Empty(t, errs)
	d := demotest.Start(t, tools.Set{Tools: list})
	a := d.OK(t, "count_by_day", `{"days":7}`)
	require.Len(t, a.Rows, 8, "seven days and the part of today")
	require.Contains(t, a.Fields["definition"], "last 7 days")

	before, err := os.ReadFile(file)
	require.NoError(t, err)
	for says, call := range map[string][2]string{
		"exists and is not overwritten": {dir, "count_by_day"},
		"taken by a built-in tool":      {dir, "query"},
		`name "../x"`:                   {dir, "../x"},
		`none"`:                         {filepath.Join(dir, "none"), "abc"},
	} {
		_, err := Create(call[0], call[1], []string{"query"})
		require.ErrorContains(t, err, says)
	}
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, before, after)
}
