package templates

import (
	"fmt"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// advice looks for what PostHog takes and the author hardly means. The
// statement has been checked.
func (t *Template) advice(file string) []error {
	info, err := hogql.Inspect(choose(t.sql, func(string) bool { return true }))
	if err != nil || info.Unparsed != "" {
		return nil // only PostHog can judge it
	}
	var list []error
	add := func(at hogql.Place, format string, args ...any) {
		fault := &FileError{File: file, Line: t.line, Reason: fmt.Sprintf(format, args...)}
		if at.Line > 0 {
			fault.Line, fault.Column = t.line+at.Line-1, at.Column
		}
		list = append(list, fault)
	}
	for _, at := range info.UnboundedEvents {
		add(at, "events is read without a lower bound on timestamp: that is the whole history")
	}
	for _, f := range info.UnknownFunctions {
		near := ""
		if len(f.Nearest) > 0 {
			near = "; near are " + strings.Join(f.Nearest, ", ")
		}
		add(f.Place, "the function %s may be unknown to PostHog%s", f.Name, near)
	}
	if info.Limit == nil {
		add(hogql.Place{}, "without LIMIT PostHog cuts at 100 rows; a parameter limit also tells whether more exist")
	}
	for _, text := range info.Notes {
		add(hogql.Place{}, "%s", text)
	}
	if t.Definition == "" {
		add(hogql.Place{}, "without definition an answer does not say what it counts")
	}
	return list
}
