package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/posthog-mcp/posthog-mcp/server"
	"github.com/posthog-mcp/posthog-mcp/tools"
	"github.com/posthog-mcp/posthog-mcp/tools/templates"
)

// templatesCmd helps with a team's own templates. It needs no key and no
// network.
type templatesCmd struct {
	Check templatesCheckCmd `cmd:"" help:"Check the .hogql files of a directory; exit code 1 when one is wrong."`
	New   templatesNewCmd   `cmd:"" help:"Write a commented template to begin with."`
}

// templatesCheckCmd validates a directory's templates.
type templatesCheckCmd struct {
	Dir []string `arg:"" placeholder:"DIR" help:"Directories with .hogql files."`
}

// Run prints one line a template that is right and one a mistake, with its
// place; advice does not make it fail. Several directories are held together, as serve does: a name may be
// used once.
func (c *templatesCheckCmd) Run(w *world) error {
	team, err := openTemplates(c.Dir)
	if err != nil {
		return &usageError{err}
	}
	_, reports, faults := team.Check()
	for _, fault := range faults {
		fmt.Fprintln(w.out, fault)
	}
	for _, r := range reports {
		for _, advice := range r.Advice {
			fmt.Fprintf(w.out, "advice: %s\n", advice)
		}
	}
	tw := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	total := 0
	for _, r := range reports {
		fmt.Fprintf(tw, "%s\t%s\t%d parameters\tabout %d tokens\n", r.File, r.Spec.Name, r.Params, r.Tokens())
		total += r.Tokens()
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w.out, "%d right, %d wrong; the tools add about %d tokens to every conversation\n", len(reports), len(faults), total)
	switch {
	case len(faults) > 0:
		return silentError{}
	case len(reports) == 0:
		return fmt.Errorf("no .hogql files in %v; posthog-mcp templates new NAME DIR writes one", c.Dir)
	}
	return nil
}

// templatesNewCmd writes a template to begin with.
type templatesNewCmd struct {
	Name string `arg:"" help:"Name of the tool, such as count_trials."`
	Dir  string `arg:"" optional:"" default:"." help:"Directory to write to; this one by default."`
}

// Run writes the file and says what to do next.
func (c *templatesNewCmd) Run(w *world) error {
	file, err := templates.Create(c.Dir, c.Name, toolNames(server.Areas()))
	if err != nil {
		return &usageError{err}
	}
	fmt.Fprintf(w.out, "Wrote %s. Edit it, then: posthog-mcp templates check %s\n", file, c.Dir)
	return nil
}

// openTemplates opens a team's directories, whose templates may not take the
// names of built-in tools.
func openTemplates(dirs []string) (*templates.Team, error) {
	return templates.Open(dirs, toolNames(server.Areas()))
}

// toolNames gives the names and aliases of tools.
func toolNames(sets []tools.Set) []string {
	var names []string
	for _, set := range sets {
		for _, t := range set.Tools {
			s := t.Spec()
			names = append(append(names, s.Name), s.Aliases...)
		}
	}
	return names
}
