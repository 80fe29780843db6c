package hogql

import (
	"slices"
	"strconv"
	"strings"
)

// analysis collects an Info while it walks a tree.
type analysis struct {
	info *Info
	ctes []string // those that are visible, innermost last
	// scopes are the SELECTs around the place, innermost last.
	scopes []*scope
}

// scope is what one SELECT reads, by the name under which its columns go.
type scope struct {
	tables map[string]string // alias, or name, to table; "" for a subquery or CTE
	// bounded is true when the SELECT has a lower bound on timestamp, or reads
	// from a place that has one.
	bounded bool
}

func (a *analysis) walk(n Node) { Walk(n, a.visit) }

// visit looks at one node and reports whether what is in it is to be walked.
func (a *analysis) visit(n Node) bool {
	switch v := n.(type) {
	case *SelectQuery:
		a.selectQuery(v)
		return false
	case *SelectSetQuery:
		a.selectSet(v)
		return false
	case *JoinExpr:
		a.table(v)
	case *LimitByExpr:
		a.offset(v.Offset)
	case *Field:
		a.property(v.Chain)
	case *ArrayAccess:
		a.access(v)
	case *CompareOperation:
		a.compare(v)
	case *Call:
		a.call(v)
	case *WindowFunction:
		a.function(v.Name, v.Start, false)
		if v.Filter != nil || v.Distinct {
			a.info.note("PostHog ignores FILTER and DISTINCT in a function with OVER: use sumIf(...) and its kin instead")
		}
	case *Placeholder:
		addOnce(&a.info.Placeholders, placeholderName(v))
		_, name := v.Expr.(*Field)
		return !name
	}
	return true
}

func (a *analysis) offset(e Expr) {
	if e != nil {
		a.info.Offsets = append(a.info.Offsets, Place{Offset: e.Pos().Start})
	}
}

func (a *analysis) selectSet(q *SelectSetQuery) {
	visible := len(a.ctes)
	if first := firstSelect(q); first != nil { // PostHog shows them to all members
		a.nameCTEs(first)
	}
	a.walk(q.Initial)
	for _, s := range q.Subsequent {
		a.walk(s.Query)
	}
	a.ctes = a.ctes[:visible]
	a.offset(q.Offset)
	for _, e := range []Expr{q.Limit, q.Offset} {
		if e != nil {
			a.walk(e)
		}
	}
}

func (a *analysis) nameCTEs(q *SelectQuery) {
	for _, c := range q.CTEs {
		a.ctes = append(a.ctes, c.Name)
	}
}

func (a *analysis) selectQuery(q *SelectQuery) {
	visible := len(a.ctes)
	a.nameCTEs(q)
	s := &scope{tables: map[string]string{}}
	s.bounded = hasTimeBound(q) || len(a.scopes) > 0 && a.scopes[len(a.scopes)-1].bounded
	for j := q.From; j != nil; j = j.Next {
		name, table := j.Alias, ""
		if f, ok := j.Table.(*Field); ok && j.TableArgs == nil && !a.isCTE(f.Chain) {
			table = strings.Join(f.Chain, ".")
			if name == "" {
				name = f.Chain[len(f.Chain)-1]
			}
		}
		s.tables[name] = table
	}
	for _, c := range q.CTEs { // not under this SELECT's bound: it has its own rows
		a.walk(c)
	}
	a.scopes = append(a.scopes, s)
	walker{func(n Node) bool {
		if n == Node(q) {
			return true
		}
		if _, ok := n.(*CTE); ok {
			return false
		}
		return a.visit(n)
	}}.node(q)
	a.scopes = a.scopes[:len(a.scopes)-1]
	a.offset(q.Offset)
	a.ctes = a.ctes[:visible]
}

func (a *analysis) isCTE(chain []string) bool {
	return len(chain) == 1 && slices.Contains(a.ctes, chain[0])
}

// table notes a table that is read, and events without a time bound.
func (a *analysis) table(j *JoinExpr) {
	f, ok := j.Table.(*Field)
	if !ok || j.TableArgs != nil || a.isCTE(f.Chain) {
		return
	}
	name := strings.Join(f.Chain, ".")
	addOnce(&a.info.Tables, name)
	if isEvents(name) && !a.scopes[len(a.scopes)-1].bounded {
		a.info.UnboundedEvents = append(a.info.UnboundedEvents, Place{Offset: f.Start})
	}
}

func isEvents(table string) bool { return table == "events" || table == "posthog.events" }

// property notes properties.x and person.properties.x.
func (a *analysis) property(chain []string) {
	i := slices.Index(chain, "properties")
	if i < 0 || i+1 >= len(chain) || chain[i+1] == "*" {
		return
	}
	switch a.owner(chain[:i]) {
	case "person":
		addOnce(&a.info.PersonProperties, chain[i+1])
	case "event":
		addOnce(&a.info.EventProperties, chain[i+1])
	}
}

// owner says whose properties stand behind the path: "event", "person" or ""
// when that is unknown or something else.
func (a *analysis) owner(path []string) string {
	if len(path) > 0 && path[len(path)-1] == "person" {
		return "person"
	}
	if len(a.scopes) == 0 {
		return ""
	}
	tables := a.scopes[len(a.scopes)-1].tables
	if len(path) == 0 {
		owners := map[string]bool{}
		for _, t := range tables {
			owners[tableOwner(t)] = true
		}
		switch { // events and persons joined: an unqualified name is ambiguous
		case owners["event"]:
			return "event"
		case owners["person"]:
			return "person"
		}
		return ""
	}
	return tableOwner(tables[path[0]])
}

func tableOwner(table string) string {
	switch strings.TrimPrefix(table, "posthog.") {
	case "events":
		return "event"
	case "persons", "raw_persons":
		return "person"
	}
	return ""
}

// access notes properties['x'].
func (a *analysis) access(v *ArrayAccess) {
	f, ok := v.Array.(*Field)
	key, isText := v.Property.(*Constant)
	if !ok || !isText || f.Chain[len(f.Chain)-1] != "properties" {
		return
	}
	if name, ok := key.Value.(string); ok {
		a.property(append(slices.Clone(f.Chain), name))
	}
}

// compare notes event = 'x', event IN (...) and IN COHORT.
func (a *analysis) compare(c *CompareOperation) {
	switch c.Op {
	case "==":
		left, right := c.Left, c.Right
		if !isColumn(left, "event") {
			left, right = right, left
		}
		if isColumn(left, "event") {
			a.events(right)
		}
	case "in":
		if isColumn(c.Left, "event") {
			a.events(c.Right)
		}
	case "in cohort", "not in cohort":
		if v, ok := c.Right.(*Constant); ok {
			switch cohort := v.Value.(type) {
			case int64:
				addOnce(&a.info.Cohorts, strconv.FormatInt(cohort, 10))
			case string:
				addOnce(&a.info.Cohorts, cohort)
			}
		}
	}
}

// isColumn reports whether e is the column of that name, alone or behind a
// table's name.
func isColumn(e Expr, name string) bool {
	f, ok := e.(*Field)
	return ok && len(f.Chain) <= 2 && f.Chain[len(f.Chain)-1] == name
}

func (a *analysis) events(e Expr) {
	switch v := e.(type) {
	case *Constant:
		if name, ok := v.Value.(string); ok {
			addOnce(&a.info.Events, name)
		}
	case *Tuple:
		for _, item := range v.Exprs {
			a.events(item)
		}
	case *Array:
		for _, item := range v.Exprs {
			a.events(item)
		}
	}
}

func (a *analysis) call(c *Call) {
	a.function(c.Name, c.Start, c.form == callSynthetic)
	if (strings.HasPrefix(c.Name, "JSONExtract") || c.Name == "JSONHas") && len(c.Args) > 1 {
		f, isField := c.Args[0].(*Field)
		key, isText := c.Args[1].(*Constant)
		if isField && isText && f.Chain[len(f.Chain)-1] == "properties" {
			if name, ok := key.Value.(string); ok {
				a.property(append(slices.Clone(f.Chain), name))
			}
		}
	}
}

// function notes a call. What an operator stands for is known to exist.
func (a *analysis) function(name string, start int, synthetic bool) {
	canonical, _, ok := KnownFunction(name)
	if ok {
		name = canonical
	}
	addOnce(&a.info.Functions, name)
	if ok || synthetic || slices.Contains(a.ctes, name) {
		return
	}
	for _, u := range a.info.UnknownFunctions {
		if u.Name == name {
			return
		}
	}
	a.info.UnknownFunctions = append(a.info.UnknownFunctions, UnknownFunction{Name: name, Place: Place{Offset: start}, Nearest: NearestFunctions(name)})
}
