package templates

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

var toolName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_]{2,39}$`) })

var paramName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`) })

var optionalMark = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`/\*\s*(?:if\s+\w+|end)\s*\*/`) })

var definitionValue = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{(\w*)\}`) })

// check holds a template to what a tool and its statement need.
func (t *Template) check() error {
	for _, c := range []func() error{t.checkHead, t.checkParams, t.checkDefinition, t.checkSQL} {
		if err := c(); err != nil {
			return err
		}
	}
	return nil
}

func (t *Template) fault(line int, format string, args ...any) error {
	return &FileError{File: t.file, Line: line, Reason: fmt.Sprintf(format, args...)}
}

// faultAt is a fault at an offset of the statement.
func (t *Template) faultAt(sql string, at int, format string, args ...any) error {
	before := sql[:min(at, len(sql))]
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return &FileError{File: t.file, Line: t.line + strings.Count(before, "\n"), Column: column, Reason: fmt.Sprintf(format, args...)}
}

// headLine finds the line of the front matter that begins with a text, or has
// it after a brace or dash; the first line when there is none.
func (t *Template) headLine(text string) int {
	for i, line := range strings.Split(t.head, "\n") {
		rest, ok := strings.CutPrefix(strings.TrimLeft(line, " \t-{"), text)
		if ok && (strings.HasSuffix(text, ":") || rest == "" || strings.ContainsAny(rest[:1], ", }")) {
			return i + 2 // the opening fence is the first line
		}
	}
	return 2
}

func (t *Template) checkHead() error {
	switch {
	case !toolName().MatchString(t.Name):
		return t.fault(t.headLine("name:"), "name %q: use 3 to 40 of a-z, 0-9 and _, the first a letter", t.Name)
	case t.Title == "" || len(t.Title) > 60:
		return t.fault(t.headLine("title:"), "title: give 1 to 60 characters")
	case len(t.Doc) < 20 || len(t.Doc) > 600:
		return t.fault(t.headLine("doc:"), "doc: give 20 to 600 characters that say what the tool answers")
	case t.Toolset != "" && !toolName().MatchString(t.Toolset):
		return t.fault(t.headLine("toolset:"), "toolset %q: use 3 to 40 of a-z, 0-9 and _, the first a letter", t.Toolset)
	case strings.TrimSpace(t.sql) == "":
		return t.fault(t.line, "there is no statement after the front matter")
	}
	for _, s := range t.Scopes {
		if object, access, ok := strings.Cut(s, ":"); !ok || object == "" || access != "read" && access != "write" {
			return t.fault(t.headLine("scopes:"), "scope %q: write it as query:read", s)
		}
	}
	return nil
}

func (t *Template) checkParams() error {
	for i, p := range t.Params {
		head := t.headLine("name: " + p.Name)
		input, err := p.input()
		if err != nil {
			return t.fault(head, "parameter %s: %s", p.Name, err)
		}
		switch {
		case !paramName().MatchString(p.Name):
			return t.fault(head, "parameter %q: use at most 40 of a-z, 0-9 and _, the first a letter", p.Name)
		case p.Name == realUsers || strings.HasPrefix(p.Name, "test_account_") || p.Name == "filters":
			return t.fault(head, "parameter %s: the name is taken", p.Name)
		case slices.IndexFunc(t.Params, func(q Param) bool { return q.Name == p.Name }) != i:
			return t.fault(head, "parameter %s is declared twice", p.Name)
		case p.Doc == "" || len(p.Doc) > 150:
			return t.fault(head, "parameter %s: give a doc of 1 to 150 characters", p.Name)
		case p.Required && p.Default != nil:
			return t.fault(head, "parameter %s is required and has a default", p.Name)
		case p.isProperty() && !p.Required && p.Default == nil:
			return t.fault(head, "parameter %s: a property needs a default or required", p.Name)
		case p.Edge != "" && (p.Edge != "end" || p.Type != "date"):
			return t.fault(head, "parameter %s: edge can only be end, for a date", p.Name)
		case p.Name == "limit" && (p.Type != "int" || p.Default == nil || p.Max == nil):
			return t.fault(head, "parameter limit: it must be an int with default and max")
		case p.Min != nil && p.Max != nil && *p.Min > *p.Max:
			return t.fault(head, "parameter %s: min is above max", p.Name)
		}
		for what, v := range map[string]json.RawMessage{"default": input.Default, "example": input.Example} {
			if v == nil {
				continue
			}
			one := input
			one.Required, one.Default = false, nil
			raw, err := json.Marshal(map[string]json.RawMessage{p.Name: v})
			if err != nil {
				return t.fault(head, "parameter %s: %s: %s", p.Name, what, err)
			}
			if _, err := tools.Decode(t.Name, []tools.Param{one}, raw); err != nil {
				return t.fault(head, "parameter %s: its own bounds refuse the %s %s", p.Name, what, v)
			}
		}
	}
	if t.Cursor != "" && !slices.ContainsFunc(t.Params, func(p Param) bool { return p.Name == "cursor" && p.Type == "string" }) {
		return t.fault(t.headLine("cursor:"), "cursor: %s continues a list, but there is no parameter cursor of type string", t.Cursor)
	}
	return nil
}

// checkDefinition holds the definition's values to the parameters, as an answer
// would show the braces of an unknown one.
func (t *Template) checkDefinition() error {
	names := conditions(t.Definition)
	for _, m := range definitionValue().FindAllStringSubmatch(t.Definition, -1) {
		names = append(names, m[1])
	}
	for _, name := range names {
		if !slices.ContainsFunc(t.Params, func(p Param) bool { return p.Name == name }) {
			return t.fault(t.headLine("definition:"), "definition: {%s} is no parameter; parameters are %s", name, t.names())
		}
	}
	return nil
}

// checkSQL parses the statement with all its optional parts and without any,
// and compares its placeholders with the parameters.
func (t *Template) checkSQL() error {
	// To PostHog a mark without its partner is a comment: the part would always
	// be there.
	inner := choose(t.sql, func(string) bool { return true })
	if at := optionalMark().FindStringIndex(inner); at != nil {
		return t.faultAt(inner, at[0], "%s has no partner; an optional part is /* if name */ ... /* end */, none within another", inner[at[0]:at[1]])
	}
	used := map[string]bool{}
	for _, name := range conditions(t.sql) {
		i := slices.IndexFunc(t.Params, func(p Param) bool { return p.Name == name })
		if i < 0 {
			return t.fault(t.line, "an optional part hangs on %s, which is no parameter", name)
		}
		used[name] = true
	}
	for _, all := range []bool{true, false} {
		sql := choose(t.sql, func(string) bool { return all })
		q, err := hogql.Parse(sql)
		if syntax, ok := errors.AsType[*hogql.SyntaxError](err); ok {
			return &FileError{File: t.file, Line: t.line + syntax.Line - 1, Column: syntax.Column, Reason: syntax.Message}
		}
		if err != nil {
			continue // PostHog is the judge of what the parser does not know
		}
		columns := columnsOf(q)
		for _, p := range placeholders(q) {
			i := slices.IndexFunc(t.Params, func(q Param) bool { return q.Name == p.name })
			switch {
			case p.name == "":
				return t.faultAt(sql, p.at, "braces hold an expression; only the name of a parameter is allowed")
			case p.name == realUsers:
			case i < 0:
				return t.faultAt(sql, p.at, "placeholder {%s} is no parameter; parameters are %s", p.name, t.names())
			case t.Params[i].Type == "properties" && !columns[p.at]:
				return t.faultAt(sql, p.at, "{%s} stands for several properties: it can only be a column of the outermost SELECT", p.name)
			case !all && !t.always(i):
				return t.faultAt(sql, p.at, "parameter %s is optional without a default: put its use between /* if %s */ and /* end */", p.name, p.name)
			}
			used[p.name] = true
		}
		if offsets := hogql.Analyze(q).Offsets; len(offsets) > 0 {
			return t.faultAt(sql, offsets[0].Offset, "OFFSET is refused by PostHog: continue after the last row's key instead, with cursor")
		}
	}
	for _, p := range t.Params {
		if !used[p.Name] {
			return t.fault(t.line, "parameter %s is not used in the statement", p.Name)
		}
	}
	return nil
}

// columnsOf gives the places of the outermost SELECT's columns.
func columnsOf(q hogql.Query) map[int]bool {
	places := map[int]bool{}
	if s, ok := q.(*hogql.SelectQuery); ok {
		for _, e := range s.Select {
			places[e.Pos().Start] = true
		}
	}
	return places
}

// always reports whether a parameter has a value in every call.
func (t *Template) always(i int) bool { return t.Params[i].Required || t.Params[i].Default != nil }

func (t *Template) names() string {
	names := make([]string, len(t.Params))
	for i, p := range t.Params {
		names[i] = p.Name
	}
	return strings.Join(names, ", ")
}
