package tools

import (
	"fmt"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/tools/untrusted"
)

// CatalogueEntry is one tool as the resource posthog://templates lists it.
type CatalogueEntry struct {
	Name    string   `json:"name"`
	Aliases []string `json:"aliases,omitempty"`
	Title   string   `json:"title"`
	Doc     string   `json:"doc"`
	Effect  string   `json:"effect"`
	Params  []string `json:"params,omitempty"` // "limit: integer, 1 to 500, default 50: Rows to return"
}

// Catalogue describes tools in a few words each. A tool whose parameters cannot
// be read is left out; its own test fails.
func Catalogue(list []Tool) []CatalogueEntry {
	out := make([]CatalogueEntry, 0, len(list))
	for _, t := range list {
		params, err := t.Params()
		if err != nil {
			continue
		}
		s := t.Spec()
		e := CatalogueEntry{Name: s.Name, Aliases: s.Aliases, Title: s.Title, Doc: s.Doc, Effect: s.Effect.String()}
		for _, p := range params {
			e.Params = append(e.Params, fmt.Sprintf("%s: %s: %s", p.Name, p.summary(), p.Doc))
		}
		out = append(out, e)
	}
	return out
}

// summary gives type, need, bounds and default in one clause.
func (p Param) summary() string {
	parts := []string{p.typeName()}
	if p.Required {
		parts = append(parts, "required")
	}
	if leaf := *p.leaf(); len(leaf.Enum) > 0 {
		parts = append(parts, "one of "+strings.Join(leaf.Enum, " "))
	} else if b := leaf.bounds(); b != "" {
		parts = append(parts, strings.TrimPrefix(strings.TrimPrefix(b, " from "), " of "))
	}
	if p.MinItems > 0 || p.MaxItems > 0 {
		parts = append(parts, span(p.MinItems, p.MaxItems)+" items")
	}
	if p.Default != nil {
		parts = append(parts, "default "+string(p.Default))
	}
	return strings.Join(parts, ", ")
}

func (p Param) typeName() string {
	switch p.Type {
	case Array:
		return "list of " + p.Items.typeName()
	case DateTime:
		return "date"
	case Any:
		return "any JSON"
	default:
		return string(p.Type)
	}
}

// Reference writes the Markdown page of tools for people, one section a tool in
// the given order.
func Reference(list []Tool) (string, error) {
	var b strings.Builder
	b.WriteString("| tool | title | effect | key scopes |\n|---|---|---|---|\n")
	for _, t := range list {
		s := t.Spec()
		scopes := "none"
		if len(s.Scopes) > 0 {
			scopes = "`" + strings.Join(s.Scopes, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n", s.Name, s.Name, s.Title, s.Effect, scopes)
	}
	for _, t := range list {
		if err := section(&b, t); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func section(b *strings.Builder, t Tool) error {
	s := t.Spec()
	params, err := t.Params()
	if err != nil {
		return fmt.Errorf("tools: %s: %w", s.Name, err)
	}
	fmt.Fprintf(b, "\n## %s\n\n%s.", s.Name, s.Title)
	if len(s.Aliases) > 0 {
		fmt.Fprintf(b, " Formerly also `%s`.", strings.Join(s.Aliases, "`, `"))
	}
	fmt.Fprintf(b, "\n\n%s\n\n", s.Doc)
	h := s.Effect.Hints()
	fmt.Fprintf(b, "Toolset `%s`; effect: %s; hints: read-only %s, destructive %s, idempotent %s, open world %s.\n",
		toolset(s), s.Effect, yes(h.ReadOnly), yes(h.Destructive), yes(h.Idempotent), yes(h.OpenWorld))
	if len(params) == 0 {
		b.WriteString("\nNo parameters.\n")
		return nil
	}
	b.WriteString("\n| parameter | type | description |\n|---|---|---|\n")
	writeParams(b, "", params)
	examples := s.Examples
	if len(examples) == 0 {
		examples = []string{string(SampleArgs(params, false))}
	}
	b.WriteString("\n```json\n" + strings.Join(examples, "\n") + "\n```\n")
	return nil
}

func writeParams(b *strings.Builder, prefix string, params []Param) {
	for _, p := range params {
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", prefix, p.Name, untrusted.Cell(p.summary()), untrusted.Cell(p.Doc))
		writeParams(b, prefix+p.Name+".", p.Fields)
		if p.Items != nil {
			writeParams(b, prefix+p.Name+"[].", p.Items.Fields)
		}
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
