package hogql

import (
	"slices"
	"strings"
)

// hasTimeBound reports whether a SELECT keeps out old rows: a condition that
// every row must meet compares timestamp with something from below. {filters}
// counts, because PostHog puts the date range there.
func hasTimeBound(q *SelectQuery) bool {
	t := timeBound{derived: map[string]bool{}}
	for _, e := range q.Select {
		if alias, ok := e.(*Alias); ok && t.isTime(alias.Expr) {
			t.derived[alias.Name] = true
		}
	}
	for _, e := range []Expr{q.Prewhere, q.Where} {
		if e != nil && t.bounds(e) {
			return true
		}
	}
	for j := q.From; j != nil; j = j.Next {
		if j.Constraint != nil && !j.Constraint.Using && t.bounds(j.Constraint.Expr) {
			return true
		}
	}
	return false
}

// timeBound looks for a lower bound on timestamp.
type timeBound struct {
	derived map[string]bool // aliases of expressions over timestamp
}

// bounds reports whether the condition e is or contains a lower bound that
// holds for every row.
func (t timeBound) bounds(e Expr) bool {
	switch v := e.(type) {
	case *And:
		return slices.ContainsFunc(v.Exprs, t.bounds)
	case *Or:
		return t.all(v.Exprs)
	case *Alias:
		return t.bounds(v.Expr)
	case *BetweenExpr:
		return !v.Negated && t.isTime(v.Expr)
	case *Placeholder:
		first, _, _ := strings.Cut(placeholderName(v), ".")
		return first == "filters"
	case *CompareOperation:
		return t.compares(v.Op, v.Left, v.Right)
	case *Call:
		return t.callBounds(v)
	}
	return false
}

// all reports whether each of the conditions bounds.
func (t timeBound) all(list []Expr) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(e Expr) bool { return !t.bounds(e) })
}

// compares reports whether left op right bounds timestamp from below.
func (t timeBound) compares(op string, left, right Expr) bool {
	switch op {
	case "==", "in":
		return t.isTime(left) || t.isTime(right)
	case ">", ">=":
		return t.isTime(left) || t.isAge(right)
	case "<", "<=":
		return t.isTime(right) || t.isAge(left)
	}
	return false
}

// callBounds reads the comparisons that are written as functions.
func (t timeBound) callBounds(c *Call) bool {
	switch c.Name {
	case "and":
		return slices.ContainsFunc(c.Args, t.bounds)
	case "or":
		return t.all(c.Args)
	}
	op := map[string]string{"equals": "==", "greater": ">", "greaterOrEquals": ">=", "less": "<", "lessOrEquals": "<="}[c.Name]
	return op != "" && len(c.Args) == 2 && t.compares(op, c.Args[0], c.Args[1])
}

// isTime reports whether e grows with timestamp: the column itself, a
// conversion or truncation of it, or it plus or minus an interval.
func (t timeBound) isTime(e Expr) bool {
	switch v := e.(type) {
	case *Field:
		if len(v.Chain) == 1 && t.derived[v.Chain[0]] {
			return true
		}
		return len(v.Chain) <= 2 && v.Chain[len(v.Chain)-1] == "timestamp"
	case *Alias:
		return t.isTime(v.Expr)
	case *TypeCast:
		return t.isTime(v.Expr)
	case *ArithmeticOperation:
		return (v.Op == "+" || v.Op == "-") && t.isTime(v.Left)
	case *Call:
		return growsWithTime(v.Name) && slices.ContainsFunc(v.Args, t.isTime)
	case *Tuple: // (timestamp, uuid) > (...), as keyset pages have it
		return len(v.Exprs) > 0 && t.isTime(v.Exprs[0])
	}
	return false
}

// isAge reports whether e is the distance from timestamp to a later time.
func (t timeBound) isAge(e Expr) bool {
	c, ok := e.(*Call)
	if !ok || !isAgeFunction(c.Name) || len(c.Args) != 3 {
		return false
	}
	return t.isTime(c.Args[1])
}

// growsWithTime reports whether a function of a time converts or truncates it.
func growsWithTime(name string) bool {
	if isAgeFunction(name) {
		return false
	}
	return strings.HasPrefix(name, "to") || strings.HasPrefix(strings.ToLower(name), "date") || name == "assumeNotNull" || name == "timezone"
}

func isAgeFunction(name string) bool {
	return name == "dateDiff" || name == "date_diff" || name == "age"
}
