package engine

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

func isNil(e hogql.Expr) bool { return e == nil }

// children are the direct sub-expressions of e; those of a subquery are not
// among them, it being evaluated on its own.
func children(e hogql.Expr) []hogql.Expr {
	switch n := e.(type) {
	case *hogql.Alias:
		return []hogql.Expr{n.Expr}
	case *hogql.And:
		return n.Exprs
	case *hogql.Or:
		return n.Exprs
	case *hogql.Not:
		return []hogql.Expr{n.Expr}
	case *hogql.ArithmeticOperation:
		return []hogql.Expr{n.Left, n.Right}
	case *hogql.CompareOperation:
		return []hogql.Expr{n.Left, n.Right}
	case *hogql.IsDistinctFrom:
		return []hogql.Expr{n.Left, n.Right}
	case *hogql.BetweenExpr:
		return []hogql.Expr{n.Expr, n.Low, n.High}
	case *hogql.Lambda:
		return []hogql.Expr{n.Expr}
	case *hogql.Array:
		return n.Exprs
	case *hogql.Tuple:
		return n.Exprs
	case *hogql.GroupingSet:
		return n.Exprs
	case *hogql.Dict:
		var out []hogql.Expr
		for _, it := range n.Items {
			out = append(out, it.Key, it.Value)
		}
		return out
	case *hogql.ArrayAccess:
		return []hogql.Expr{n.Array, n.Property}
	case *hogql.ArraySlice:
		return nonNil(n.Array, n.From, n.To)
	case *hogql.TupleAccess:
		return []hogql.Expr{n.Tuple}
	case *hogql.TypeCast:
		return []hogql.Expr{n.Expr}
	case *hogql.TryCast:
		return []hogql.Expr{n.Expr}
	case *hogql.Call:
		out := append(append([]hogql.Expr{}, n.Params...), n.Args...)
		out = append(out, orderExprs(n.OrderBy)...)
		return append(out, nonNil(n.Filter)...)
	case *hogql.ExprCall:
		return append([]hogql.Expr{n.Expr}, n.Args...)
	case *hogql.WindowFunction:
		out := append(append([]hogql.Expr{}, n.Exprs...), n.Args...)
		out = append(out, nonNil(n.Filter)...)
		if n.Over != nil {
			out = append(out, n.Over.PartitionBy...)
			out = append(out, orderExprs(n.Over.OrderBy)...)
		}
		return out
	case *hogql.NamedArgument:
		return []hogql.Expr{n.Value}
	}
	return nil
}

func nonNil(list ...hogql.Expr) []hogql.Expr {
	var out []hogql.Expr
	for _, e := range list {
		if e != nil {
			out = append(out, e)
		}
	}
	return out
}

func orderExprs(list []*hogql.OrderExpr) []hogql.Expr {
	out := make([]hogql.Expr, len(list))
	for i, o := range list {
		out[i] = o.Expr
	}
	return out
}

// walk visits e and its sub-expressions until visit returns false for a node,
// whose children are then left out.
func walk(e hogql.Expr, visit func(hogql.Expr) bool) {
	if e == nil || !visit(e) {
		return
	}
	for _, c := range children(e) {
		walk(c, visit)
	}
}

// fingerprint is a text that two expressions of this scope share only when
// they mean the same: aliases are replaced by what they stand for and columns
// by their table. GROUP BY keys and repeated aggregates are found by it.
func (s *scope) fingerprint(e hogql.Expr) string {
	var b strings.Builder
	s.print(&b, e)
	return b.String()
}

func (s *scope) print(b *strings.Builder, e hogql.Expr) {
	switch n := e.(type) {
	case *hogql.Constant:
		fmt.Fprintf(b, "%T:%#v", n.Value, n.Value)
	case *hogql.Field:
		s.printField(b, n.Chain)
	case *hogql.Alias:
		s.print(b, n.Expr)
	case *hogql.ArrayAccess:
		if s.printAccess(b, n.Array, n.Property) {
			return
		}
		s.printList(b, "[]", n)
	case *hogql.TupleAccess:
		s.printList(b, "."+strconv.FormatInt(n.Index, 10), n)
	case *hogql.ArithmeticOperation:
		s.printList(b, n.Op, n)
	case *hogql.CompareOperation:
		s.printList(b, n.Op, n)
	case *hogql.IsDistinctFrom:
		s.printList(b, fmt.Sprint("distinct", n.Negated), n)
	case *hogql.BetweenExpr:
		s.printList(b, fmt.Sprint("between", n.Negated), n)
	case *hogql.Lambda:
		for _, a := range n.Args {
			s.lambdas = append(s.lambdas, lambdaVar{name: a, slot: -1})
		}
		s.printList(b, "lambda "+strings.Join(n.Args, ","), n)
		s.lambdas = s.lambdas[:len(s.lambdas)-len(n.Args)]
	case *hogql.ArraySlice:
		s.printList(b, fmt.Sprint("slice", n.From != nil, n.To != nil), n)
	case *hogql.TypeCast:
		s.printList(b, "cast "+n.TypeName, n)
	case *hogql.TryCast:
		s.printList(b, "try "+n.TypeName, n)
	case *hogql.Call:
		s.printList(b, fmt.Sprint(canonicalName(n.Name), len(n.Params), n.Distinct, n.Filter != nil, len(n.OrderBy)), n)
	case *hogql.And, *hogql.Or, *hogql.Not, *hogql.Array, *hogql.Tuple, *hogql.Dict:
		s.printList(b, fmt.Sprintf("%T", n), n)
	case *hogql.Placeholder:
		b.WriteString("{")
		s.print(b, n.Expr)
		b.WriteString("}")
	default: // subqueries and windows: the same only when they are one node
		fmt.Fprintf(b, "%p", e)
	}
}

func (s *scope) printList(b *strings.Builder, op string, e hogql.Expr) {
	b.WriteString(op)
	b.WriteByte('(')
	for i, c := range children(e) {
		if i > 0 {
			b.WriteByte(',')
		}
		s.print(b, c)
	}
	b.WriteByte(')')
}

func (s *scope) printField(b *strings.Builder, chain []string) {
	r, err := s.resolve(chain)
	switch {
	case err != nil:
		fmt.Fprintf(b, "?%q", chain)
	case r.lambda != nil:
		fmt.Fprintf(b, "λ%q", chain)
	case r.exp > 0:
		fmt.Fprintf(b, "exp%d%q", r.exp, r.rest)
	case r.alias > 0:
		d := s.aliases[r.alias-1]
		old := s.limit
		s.limit = d.limit
		s.print(b, d.expr)
		s.limit = old
		printSteps(b, r.rest)
	case r.env != nil:
		s.print(b, r.env)
		printSteps(b, r.rest)
	default:
		fmt.Fprintf(b, "t%d.%s", r.table.slot, r.rest[0])
		printSteps(b, r.rest[1:])
	}
}

func printSteps(b *strings.Builder, steps []string) {
	for _, st := range steps {
		fmt.Fprintf(b, ".%q", st)
	}
}

// printAccess prints x['key'] as x.key: both are one property.
func (s *scope) printAccess(b *strings.Builder, array, property hogql.Expr) bool {
	c, ok := property.(*hogql.Constant)
	if !ok {
		return false
	}
	key, ok := c.Value.(string)
	if !ok {
		return false
	}
	s.print(b, array)
	printSteps(b, []string{key})
	return true
}
