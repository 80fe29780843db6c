package hogql

import (
	"errors"
	"slices"
	"strings"
)

// Info is what can be known of a query without running it. Lists are in the
// order of first appearance and hold each entry once.
type Info struct {
	// Query is the tree; nil when Unparsed is set.
	Query Query
	// Unparsed names the construct for which the query could not be analysed;
	// everything else is then empty, and PostHog alone can check the query.
	Unparsed string
	// Limit is the LIMIT of the outermost query; nil without one. PostHog then
	// cuts at 100 rows.
	Limit *Limit
	// Offsets are the places of OFFSET anywhere in the query, in subqueries,
	// members of a UNION and LIMIT BY too: PostHog refuses them for API keys.
	// SAMPLE ... OFFSET is not one.
	Offsets []Place
	// Tables are the tables that are read, not the CTEs, as they are written.
	Tables []string
	// Events are the names that the event column is compared with by = and IN.
	Events []string
	// EventProperties and PersonProperties are the first keys below properties.
	EventProperties  []string
	PersonProperties []string
	// Functions are the functions called, also those that an operator or a
	// keyword syntax stands for: toIntervalDay, multiIf, concat.
	Functions []string
	// UnknownFunctions are those that KnownFunction does not know.
	UnknownFunctions []UnknownFunction
	// Placeholders are the names in {braces}, dotted names in full.
	Placeholders []string
	// Cohorts are the ids and names behind IN COHORT and NOT IN COHORT.
	Cohorts []string
	// UnboundedEvents are the places where events is read without a lower
	// bound on timestamp in WHERE: such a query scans the whole history.
	UnboundedEvents []Place
	// Notes are sentences on what PostHog does otherwise than the text of the
	// query suggests.
	Notes []string
}

// Limit is what a LIMIT clause says.
type Limit struct {
	// N is the number of rows (or percent) when Known is true.
	N     int64
	Known bool
	// Placeholder is the name when the LIMIT is {name}.
	Placeholder string
	// Percent is true for LIMIT 10 %.
	Percent bool
}

// Place is a position in the statement.
type Place struct {
	Offset int // in bytes
	Line   int // from 1; 0 when the source text was not given
	Column int // from 1, in characters; 0 likewise
}

// UnknownFunction is a call of a function that HogQL does not expose as far as
// this package knows.
type UnknownFunction struct {
	Name    string
	Place   Place
	Nearest []string // up to five, best first
}

// Inspect parses and analyses a statement. The error is a *SyntaxError, which
// means that PostHog would refuse the statement; a statement that is beyond
// this package is no error but has Info.Unparsed set.
func Inspect(sql string) (*Info, error) {
	p := &parser{sql: sql, tokens: lex(sql)}
	q, err := p.statement()
	if unsupported, ok := errors.AsType[*UnsupportedError](err); ok {
		return &Info{Unparsed: unsupported.Construct}, nil
	}
	if err != nil {
		return nil, err
	}
	info := Analyze(q)
	place := func(at *Place) { at.Line, at.Column = lineColumn(sql, at.Offset) }
	for i := range info.Offsets {
		place(&info.Offsets[i])
	}
	for i := range info.UnboundedEvents {
		place(&info.UnboundedEvents[i])
	}
	for i := range info.UnknownFunctions {
		place(&info.UnknownFunctions[i].Place)
	}
	if len(p.droppedOrder) > 0 {
		info.note("PostHog ignores an ORDER BY that follows LIMIT or parentheses: order inside, or wrap the query in SELECT * FROM (...) ORDER BY")
	}
	return info, nil
}

// Analyze returns what can be known of a parsed query. Places have no line and
// column.
func Analyze(q Query) *Info {
	info := &Info{Query: q, Limit: ownLimit(q)}
	a := &analysis{info: info}
	a.walk(q)
	if set, ok := q.(*SelectSetQuery); ok && set.Limit == nil {
		if last, ok := set.Subsequent[len(set.Subsequent)-1].Query.(*SelectQuery); ok && last.Limit != nil && last.End == set.End {
			info.note("the LIMIT belongs to the last SELECT only: to limit the whole UNION, put each SELECT in parentheses")
		}
	}
	return info
}

// MissingValues compares the placeholders with the values to be sent: missing
// are those without a value, unused the values without a placeholder, sorted.
// {filters} and {variables...} are filled in by PostHog.
func (i *Info) MissingValues(values map[string]any) (missing, unused []string) {
	for _, name := range i.Placeholders {
		first, _, _ := strings.Cut(name, ".")
		if first == "filters" || first == "variables" {
			continue
		}
		if _, ok := values[name]; !ok {
			if _, ok := values[first]; !ok {
				missing = append(missing, name)
			}
		}
	}
	for name := range values {
		used := slices.ContainsFunc(i.Placeholders, func(p string) bool { return p == name || strings.HasPrefix(p, name+".") })
		if !used && i.Unparsed == "" {
			unused = append(unused, name)
		}
	}
	slices.Sort(unused)
	return missing, unused
}

func (i *Info) note(text string) { addOnce(&i.Notes, text) }

func addOnce(list *[]string, s string) {
	if s != "" && !slices.Contains(*list, s) {
		*list = append(*list, s)
	}
}

// ownLimit returns the outermost LIMIT.
func ownLimit(q Query) *Limit {
	var e Expr
	l := &Limit{}
	switch v := q.(type) {
	case *SelectQuery:
		e, l.Percent = v.Limit, v.LimitPercent
	case *SelectSetQuery:
		e, l.Percent = v.Limit, v.LimitPercent
	}
	switch v := e.(type) {
	case nil:
		return nil
	case *Constant:
		if v.Value == nil { // LIMIT NULL is no limit
			return nil
		}
		l.N, l.Known = v.Value.(int64)
	case *Placeholder:
		l.Placeholder = placeholderName(v)
	}
	return l
}

// placeholderName returns what stands between the braces.
func placeholderName(p *Placeholder) string {
	if f, ok := p.Expr.(*Field); ok {
		return strings.Join(f.Chain, ".")
	}
	w := &printer{afterNot: -1}
	w.expr(p.Expr, levelTop)
	return w.b.String()
}
