package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
)

// toolsCmd lists what a host would see.
type toolsCmd struct {
	toolFlags
	JSON bool `name:"json" help:"The whole list with schemas, as JSON."`
}

// Run prints the list. It needs no key and no network.
func (c *toolsCmd) Run(w *world) error {
	registry, err := c.own(slog.New(slog.DiscardHandler))
	if err != nil {
		return &usageError{err}
	}
	if !c.JSON {
		tw := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
		for _, t := range registry.List() {
			s := t.Spec()
			fmt.Fprintf(tw, "%s\t%s\t%s\n", s.Name, s.Effect, s.Title)
		}
		return tw.Flush()
	}
	type tool struct {
		Name        string          `json:"name"`
		Title       string          `json:"title"`
		Description string          `json:"description"`
		Effect      string          `json:"effect"`
		Scopes      []string        `json:"scopes"`
		Input       json.RawMessage `json:"inputSchema"`
		Output      json.RawMessage `json:"outputSchema,omitempty"`
	}
	list := []tool{}
	for _, t := range registry.List() {
		s := t.Spec()
		in, out, err := registry.Schema(s.Name)
		if err != nil {
			return err
		}
		list = append(list, tool{s.Name, s.Title, s.Doc, s.Effect.String(), s.Scopes, in, out})
	}
	return printJSON(w.out, list)
}

func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
