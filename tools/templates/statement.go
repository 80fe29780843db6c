package templates

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// realUsers is the placeholder for the project's own filter of test accounts.
const realUsers = "real_users"

var optionalPart = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?s)/\*\s*if\s+(\w+)\s*\*/(.*?)/\*\s*end\s*\*/`)
})

// choose keeps the optional parts whose parameter is given and drops the
// others. Blanks take the place of what goes, so that places in errors are
// those of the file.
func choose(sql string, given func(name string) bool) string {
	return optionalPart().ReplaceAllStringFunc(sql, func(part string) string {
		m := optionalPart().FindStringSubmatchIndex(part)
		if given(part[m[2]:m[3]]) {
			return blank(part[:m[4]]) + part[m[4]:m[5]] + blank(part[m[5]:])
		}
		return blank(part)
	})
}

// blank writes spaces in place of everything but line breaks.
func blank(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return ' '
	}, s)
}

// conditions names the parameters that optional parts hang on, each once.
func conditions(sql string) []string {
	var names []string
	for _, m := range optionalPart().FindAllStringSubmatch(sql, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

// expand puts in what cannot be bound: the names of properties, quoted by the
// driver, and the condition for real users. All of it happens in one pass, so
// that no name is read as a placeholder.
func expand(sql string, params []Param, args map[string]any, users string) (string, error) {
	pairs := []string{"{" + realUsers + "}", users}
	for _, p := range params {
		if !p.isProperty() {
			continue
		}
		names, err := texts(args[p.Name])
		if err != nil {
			return "", fmt.Errorf("%s: %w", p.Name, err)
		}
		exprs := make([]string, len(names))
		for i, name := range names {
			if exprs[i], err = driver.PropertyExpr(name); err != nil {
				return "", err
			}
			if p.Type == "properties" {
				exprs[i] += " AS " + alias(p.Name, i)
			}
		}
		pairs = append(pairs, "{"+p.Name+"}", strings.Join(exprs, ", "))
	}
	return strings.NewReplacer(pairs...).Replace(sql), nil
}

// alias names the column of the i-th property of a list.
func alias(param string, i int) string { return fmt.Sprintf("%s_%d", param, i+1) }

func (p Param) isProperty() bool { return p.Type == "property" || p.Type == "properties" }

// texts gives one text or a list of texts as a list.
func texts(v any) ([]string, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{v}, nil
	case []any:
		out := make([]string, len(v))
		for i, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("%v is not text", item)
			}
			out[i] = s
		}
		return out, nil
	}
	return nil, fmt.Errorf("%v is not text", v)
}

// placeholder is one {name} of a statement.
type placeholder struct {
	name string // "" for an expression in braces
	at   int    // byte offset in the statement
}

// placeholders finds them all in a parsed statement.
func placeholders(q hogql.Query) []placeholder {
	var list []placeholder
	hogql.Walk(q, func(n hogql.Node) bool {
		p, ok := n.(*hogql.Placeholder)
		if !ok {
			return true
		}
		found := placeholder{at: p.Start}
		if f, ok := p.Expr.(*hogql.Field); ok {
			found.name = strings.Join(f.Chain, ".")
		}
		list = append(list, found)
		return false
	})
	return list
}
