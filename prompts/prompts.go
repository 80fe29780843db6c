// Package prompts holds the persona workflows: short prompts that lead an
// agent from a question to a finished answer in few tool calls. It knows no
// transport; package server registers what [All] gives.
package prompts

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxArgument bounds an argument, in runes: a prompt takes a name or a date
// range, never a document.
const maxArgument = 200

// Argument is one value that a person gives when they pick a prompt.
type Argument struct {
	Name     string
	Doc      string
	Required bool
	Default  string // used when the argument is absent or blank
}

// Prompt is one workflow. Render fills its text.
type Prompt struct {
	Name  string
	Title string
	Doc   string
	Args  []Argument
	// Tools names every tool that the text tells an agent to call, so that a
	// test can hold text and catalogue together.
	Tools []string
	// body is the text with {argument} marks.
	body string
}

// Render fills the prompt's text with the arguments. It refuses an unknown
// argument, a missing required one and one above 200 characters by name.
func (p Prompt) Render(args map[string]string) (string, error) {
	known := make(map[string]Argument, len(p.Args))
	names := make([]string, 0, len(p.Args))
	for _, a := range p.Args {
		known[a.Name] = a
		names = append(names, a.Name)
	}
	for name := range args {
		if _, ok := known[name]; !ok {
			return "", fmt.Errorf("prompt %s has no argument %q; it takes %s", p.Name, clean(name), list(names))
		}
	}
	pairs := make([]string, 0, 2*len(p.Args))
	for _, a := range p.Args {
		value := strings.TrimSpace(clean(args[a.Name]))
		if utf8.RuneCountInString(value) > maxArgument {
			return "", fmt.Errorf("prompt %s: argument %q has %d characters; at most %d are taken", p.Name, a.Name, utf8.RuneCountInString(value), maxArgument)
		}
		if value == "" {
			if a.Required {
				return "", fmt.Errorf("prompt %s needs the argument %q: %s", p.Name, a.Name, a.Doc)
			}
			value = a.Default
		}
		pairs = append(pairs, "{"+a.Name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(p.body), nil
}

// clean drops control and format runes: an argument is one plain line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		default:
			return r
		}
	}, s)
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Find gives the prompt of that name.
func Find(name string) (Prompt, bool) {
	for _, p := range All() {
		if p.Name == name {
			return p, true
		}
	}
	return Prompt{}, false
}
