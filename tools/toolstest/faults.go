package toolstest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/posthog-mcp/posthog-mcp/tools"
)

// Bounds of a record, in characters.
const (
	minDoc, maxDoc = 60, 600
	maxTitle       = 60
	maxDescription = 150
)

var (
	toolName  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_]{2,39}$`) })
	paramName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_]*$`) })
	scopeName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z_]+:(read|write)$`) })
)

// Faults lists what is wrong with a tool's record and parameters, one sentence
// each; none for a good tool.
func Faults(tool tools.Tool) []string {
	s := tool.Spec()
	var list []string
	fault := func(bad bool, format string, args ...any) {
		if bad {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	fault(!toolName().MatchString(s.Name), "name %q does not match %s", s.Name, toolName())
	for _, a := range s.Aliases {
		fault(!toolName().MatchString(a) || a == s.Name, "alias %q is no other name", a)
	}
	fault(s.Title == "" || len(s.Title) > maxTitle, "title has %d characters, not 1 to %d", len(s.Title), maxTitle)
	n := utf8.RuneCountInString(s.Doc)
	fault(n < minDoc || n > maxDoc, "Doc has %d characters, not %d to %d", n, minDoc, maxDoc)
	fault(strings.TrimSpace(s.Doc) != s.Doc || strings.Contains(s.Doc, "\n"), "Doc is not one trimmed paragraph")
	fault(!strings.HasSuffix(s.Doc, ".") && !strings.HasSuffix(s.Doc, ")"), "Doc does not end as a sentence does")
	fault(s.Effect.String() == "unknown", "effect %d is unknown", s.Effect)
	for _, scope := range s.Scopes {
		fault(!scopeName().MatchString(scope), "scope %q is not of the form object:read", scope)
		fault(!s.Effect.ChangesPostHog() && strings.HasSuffix(scope, ":write"), "a tool that only reads asks for the scope %s", scope)
	}
	h := s.Effect.Hints()
	fault(h.ReadOnly && (h.Destructive || !h.Idempotent), "hints contradict each other")

	params, err := tool.Params()
	if err != nil {
		return append(list, err.Error())
	}
	return append(list, paramFaults("", params)...)
}

func paramFaults(prefix string, params []tools.Param) []string {
	var list []string
	seen := map[string]bool{}
	for _, p := range params {
		path := prefix + p.Name
		fault := func(bad bool, what string) {
			if bad {
				list = append(list, path+" "+what)
			}
		}
		fault(seen[p.Name], "is declared twice")
		seen[p.Name] = true
		fault(!paramName().MatchString(p.Name), "is not in snake case")
		fault(p.Doc == "", "has no description (jsonschema tag)")
		fault(len(p.Doc) > maxDescription, fmt.Sprintf("has a description of more than %d characters", maxDescription))
		fault(p.Required && p.Default != nil, "is required and has a default")
		fault(p.Min != nil && p.Max != nil && *p.Min > *p.Max, "has a minimum above its maximum")
		list = append(list, paramFaults(path+".", p.Fields)...)
		if p.Items != nil {
			list = append(list, paramFaults(path+"[].", p.Items.Fields)...)
		}
	}
	return list
}

// outputFaults lists what is wrong with an answer's schema. A list of objects
// repeats its keys in each item, where a tools.Table says the same in half the
// tokens; a property whose schema is the bare word true makes the TypeScript SDK
// refuse the whole list of tools.
func outputFaults(output []byte) []string {
	var s struct {
		Properties map[string]json.RawMessage
	}
	if err := json.Unmarshal(output, &s); err != nil {
		return []string{err.Error()}
	}
	var list []string
	for name, raw := range s.Properties {
		var p jsonschema.Schema
		switch err := json.Unmarshal(raw, &p); {
		case slices.Contains([]string{"project", "notice", "data", "error"}, name):
			list = append(list, name+" is a field that shaping adds itself")
		case err != nil:
			list = append(list, name+": "+err.Error())
		case raw[0] != '{':
			list = append(list, name+" can be anything; describe it with a jsonschema tag")
		case p.Items != nil && p.Items.Type == "object":
			list = append(list, name+" is a list of objects; use a tools.Table")
		}
	}
	slices.Sort(list)
	return list
}
