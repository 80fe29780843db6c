package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
)

// Bounds of a result, in characters of each of its two forms.
const (
	MinMaxChars     = 1_000 // less holds no table
	DefaultMaxChars = 8_000
	HardMaxChars    = 40_000
)

// Config says which tools a registry offers and how it answers.
type Config struct {
	Sets []Set // of all areas; tools are listed in this order

	Toolsets  []string // offer only these; empty: all
	ReadOnly  bool     // hide what changes PostHog
	Allow     []string // offer only these tools; empty: all
	Deny      []string // never offer these tools
	KeyScopes []string // scopes that the key is known to have, "*" for all; nil: unknown

	OutputDir string // where tools may write files; "": nowhere

	MaxChars int              // bound of a result, MinMaxChars..HardMaxChars; 0: DefaultMaxChars
	Logger   *slog.Logger     // nil: discard
	Now      func() time.Time // nil: time.Now
	Nonce    func() string    // fences data; nil: random
}

// Registry is the one door to the tools: it filters, looks up and calls.
type Registry struct {
	env       env
	outputDir string
	list      []Tool
	byName    map[string]entry
	hidden    map[string]string // name → why it is not offered
	aliases   map[string]string // alias → name
}

type entry struct {
	tool    Tool
	schemas fs.FS
}

// New builds a registry. It refuses two tools of one name and a filter that
// names a tool or toolset that does not exist.
func New(cfg Config) (*Registry, error) {
	if cfg.MaxChars != 0 && (cfg.MaxChars < MinMaxChars || cfg.MaxChars > HardMaxChars) {
		return nil, fmt.Errorf("tools: a result bound of %d characters is outside %d..%d", cfg.MaxChars, MinMaxChars, HardMaxChars)
	}
	r := &Registry{
		env: newEnv(cfg), outputDir: cfg.OutputDir, byName: map[string]entry{},
		hidden: map[string]string{}, aliases: map[string]string{},
	}
	toolsets := map[string]bool{}
	for _, set := range cfg.Sets {
		for _, t := range set.Tools {
			s := t.Spec()
			if _, twice := r.byName[s.Name]; twice || s.Name == "" {
				return nil, fmt.Errorf("tools: two tools are called %q", s.Name)
			}
			toolsets[toolset(s)] = true
			r.byName[s.Name] = entry{tool: t, schemas: set.Schemas}
			for _, a := range s.Aliases {
				if other, twice := r.aliases[a]; twice {
					return nil, fmt.Errorf("tools: %s and %s share the alias %q", other, s.Name, a)
				}
				r.aliases[a] = s.Name
			}
			if why := cfg.hides(s); why != "" {
				r.hidden[s.Name] = why
				continue
			}
			r.list = append(r.list, t)
		}
	}
	for name := range r.aliases {
		if _, clash := r.byName[name]; clash {
			return nil, fmt.Errorf("tools: alias %q is a tool's name as well", name)
		}
	}
	if err := cfg.checkFilters(slices.Sorted(maps.Keys(r.byName)), slices.Sorted(maps.Keys(toolsets))); err != nil {
		return nil, err
	}
	return r, nil
}

func toolset(s Spec) string {
	if s.Toolset == "" {
		return DefaultToolset
	}
	return s.Toolset
}

// hides says why a tool is not offered, "" when it is.
func (cfg Config) hides(s Spec) string {
	if len(cfg.Toolsets) > 0 && !slices.Contains(cfg.Toolsets, toolset(s)) {
		return fmt.Sprintf("its toolset %q is not enabled", toolset(s))
	}
	if cfg.ReadOnly && s.Effect.ChangesPostHog() {
		return "this server is read-only"
	}
	if len(cfg.Allow) > 0 && !slices.Contains(cfg.Allow, s.Name) {
		return "it is not among the allowed tools"
	}
	if slices.Contains(cfg.Deny, s.Name) {
		return "it is among the denied tools"
	}
	if missing := cfg.missingScope(s); missing != "" {
		return fmt.Sprintf("the PostHog key lacks the scope %s", missing)
	}
	return ""
}

// missingScope names the first scope that the key is known to lack. A write
// scope includes its read scope, as in PostHog.
func (cfg Config) missingScope(s Spec) string {
	if cfg.KeyScopes == nil || slices.Contains(cfg.KeyScopes, "*") {
		return ""
	}
	for _, scope := range s.Scopes {
		write := strings.TrimSuffix(scope, ":read") + ":write"
		if !slices.Contains(cfg.KeyScopes, scope) && !slices.Contains(cfg.KeyScopes, write) {
			return scope
		}
	}
	return ""
}

// checkFilters refuses unknown names, since a misspelt deny would be a hole.
func (cfg Config) checkFilters(names, toolsets []string) error {
	var errs []error
	check := func(what string, given, known []string) {
		for _, name := range given {
			if !slices.Contains(known, name) {
				errs = append(errs, fmt.Errorf("tools: no %s %q; known: %s", what, name, strings.Join(known, ", ")))
			}
		}
	}
	check("toolset", cfg.Toolsets, toolsets)
	check("tool", cfg.Allow, names)
	check("tool", cfg.Deny, names)
	return errors.Join(errs...)
}

// List gives the offered tools in the order of their declaration.
func (r *Registry) List() []Tool { return slices.Clone(r.list) }

// Get gives an offered tool by its name.
func (r *Registry) Get(name string) (Tool, bool) {
	e, ok := r.byName[name]
	if _, hidden := r.hidden[name]; hidden || !ok {
		return nil, false
	}
	return e.tool, true
}

// Call runs a tool. What goes wrong, an unknown name included, is a Result with
// IsError; Call never returns nil.
func (r *Registry) Call(ctx context.Context, ph *driver.Client, name string, args json.RawMessage) *Result {
	ctx = context.WithValue(ctx, envKey{}, r.env)
	if r.outputDir != "" {
		ctx = WithOutputDir(ctx, r.outputDir)
	}
	t, ok := r.Get(name)
	if !ok {
		return Fail(ctx, Spec{Name: name, Own: true}, r.unknown(name))
	}
	return t.Call(ctx, ph, args)
}

// unknown explains why a name cannot be called.
func (r *Registry) unknown(name string) error {
	e := &driver.Error{Kind: driver.KindNotFound}
	if why, ok := r.hidden[name]; ok {
		e.Kind = driver.KindForbidden
		e.Detail = fmt.Sprintf("the tool %s is not offered: %s", name, why)
		e.Hint = "The person who runs this server can change that."
		return e
	}
	e.Detail = fmt.Sprintf("there is no tool %q", name)
	if real, ok := r.aliases[name]; ok {
		e.Hint = fmt.Sprintf("It is called %s here.", real)
		return e
	}
	names := make([]string, len(r.list))
	for i, t := range r.list {
		names[i] = t.Spec().Name
	}
	e.Hint = "tools/list names them all."
	if near := Nearest(name, names, 3); len(near) > 0 {
		e.Hint = "Nearest tools: " + strings.Join(near, ", ") + "."
	}
	return e
}

// Schema reads a tool's input and output schema. The output schema may be nil.
func (r *Registry) Schema(name string) (input, output json.RawMessage, err error) {
	e, ok := r.byName[name]
	if !ok {
		return nil, nil, fmt.Errorf("tools: no tool %q", name)
	}
	if s, ok := e.tool.(Schemer); ok {
		input, err = s.InputSchema()
		return input, nil, err
	}
	if e.schemas == nil {
		return nil, nil, fmt.Errorf("tools: %s has no schema: its Set embeds none", name)
	}
	raw, err := fs.ReadFile(e.schemas, "schema/"+name+".json")
	if err != nil {
		return nil, nil, fmt.Errorf("tools: schema of %s: %w", name, err)
	}
	var file struct{ Input, Output json.RawMessage }
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, nil, fmt.Errorf("tools: schema of %s: %w", name, err)
	}
	if file.Input == nil {
		return nil, nil, fmt.Errorf("tools: schema of %s: no input; run its test with UPDATE_GOLDEN=1", name)
	}
	return file.Input, file.Output, nil
}
