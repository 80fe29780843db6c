package engine

import (
	"fmt"
	"math"
	"math/big"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// compile turns an expression into a closure over frames.
func (s *scope) compile(e hogql.Expr) (*expr, error) {
	if s.grouped && !s.inAgg {
		if k := s.groupKey(e); k != nil {
			return k, nil
		}
	}
	switch n := e.(type) {
	case *hogql.Constant:
		return literal(n.Value)
	case *hogql.Field:
		return s.field(n.Chain)
	case *hogql.Alias:
		return s.compile(n.Expr)
	case *hogql.SelectQuery:
		return s.scalar(n)
	case *hogql.SelectSetQuery:
		return s.scalar(n)
	case *hogql.And:
		return s.logic(n.Exprs, true)
	case *hogql.Or:
		return s.logic(n.Exprs, false)
	case *hogql.Not:
		return s.apply("not", n.Expr)
	case *hogql.ArithmeticOperation:
		return s.arithmetic(n)
	case *hogql.CompareOperation:
		return s.compare(n)
	case *hogql.IsDistinctFrom:
		return s.distinctFrom(n)
	case *hogql.BetweenExpr:
		return s.between(n)
	case *hogql.Lambda:
		return nil, queryError(codeIllegalType, "A lambda stands only as an argument of a function such as arrayMap")
	case *hogql.Array:
		return s.apply("array", n.Exprs...)
	case *hogql.Tuple:
		return s.apply("tuple", n.Exprs...)
	case *hogql.ArrayAccess:
		return s.arrayAccess(n)
	case *hogql.ArraySlice:
		return s.slice(n)
	case *hogql.TupleAccess:
		return s.tupleAccess(n)
	case *hogql.TypeCast:
		return s.castTo(n.Expr, n.TypeName)
	case *hogql.TryCast:
		return s.castTo(n.Expr, n.TypeName)
	case *hogql.Call:
		return s.call(n)
	case *hogql.WindowFunction:
		return s.windowCall(n)
	case *hogql.Placeholder:
		return s.placeholder(n)
	case *hogql.Dict:
		parts := []hogql.Expr{&hogql.Constant{Value: "__hx_tag"}, &hogql.Constant{Value: "__hx_obj"}}
		return s.apply("tuple", append(parts, children(n)...)...)
	case *hogql.ColumnsExpr:
		return nil, notSupported("COLUMNS(...) and * EXCLUDE")
	case *computed:
		return n.e, nil
	case nil:
		return nil, queryError(codeNotImplemented, "An expression is missing")
	}
	return nil, notSupported("the construct %s", strings.TrimPrefix(fmt.Sprintf("%T", e), "*hogql."))
}

// groupKey is the reader of a GROUP BY value when e is one of the keys.
func (s *scope) groupKey(e hogql.Expr) *expr {
	if _, ok := e.(*hogql.Constant); ok || len(s.keys) == 0 {
		return nil
	}
	fp := s.fingerprint(e)
	for i := range s.keys {
		if s.keys[i].fp == fp {
			k := s.keys[i].e
			return &expr{t: k.t, fixed: k.fixed, val: k.val, eval: func(f *frame) any { return f.keys[i] }}
		}
	}
	return nil
}

// nothing is the constant NULL.
func nothing() *expr { return constant(&typ{k: kNothing, null: true}, nil) }

func literal(v any) (*expr, error) {
	switch v := v.(type) {
	case nil:
		return nothing(), nil
	case bool:
		return constant(mk(kBool), v), nil
	case string:
		return constant(mk(kString), v), nil
	case int:
		return literal(int64(v))
	case int64:
		if v >= 0 {
			return literal(uint64(v))
		}
		for _, bits := range []int{8, 16, 32} {
			if v >= -(1 << (bits - 1)) {
				return constant(intType(true, bits), v), nil
			}
		}
		return constant(mk(kInt64), v), nil
	case uint64:
		for _, bits := range []int{8, 16, 32} {
			if v < 1<<bits {
				return constant(intType(false, bits), v), nil
			}
		}
		return constant(mk(kUInt64), v), nil
	case float64:
		return constant(mk(kFloat64), v), nil
	case *big.Int:
		if v.IsUint64() {
			return literal(v.Uint64())
		}
		f, _ := new(big.Float).SetInt(v).Float64()
		return constant(mk(kFloat64), f), nil
	case []any:
		items := make([]*expr, len(v))
		for i, e := range v {
			var err error
			if items[i], err = literal(placeholderNumber(e)); err != nil {
				return nil, err
			}
		}
		return buildArray(nil, items)
	}
	return nil, queryError(codeBadArguments, "A placeholder's value of type %T is not a constant", v)
}

// placeholderNumber turns a whole float, which is how JSON numbers arrive,
// into an integer.
func placeholderNumber(v any) any {
	if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f)
	}
	return v
}

func (s *scope) placeholder(n *hogql.Placeholder) (*expr, error) {
	f, ok := n.Expr.(*hogql.Field)
	if !ok {
		return nil, notSupported("placeholders that are expressions")
	}
	name := strings.Join(f.Chain, ".")
	if v, ok := s.r.opts.Values[name]; ok {
		if list, isList := v.([]string); isList {
			items := make([]any, len(list))
			for i, e := range list {
				items[i] = e
			}
			v = items
		}
		return literal(placeholderNumber(v))
	}
	if name == "filters" {
		if s.r.opts.Filters != nil {
			return s.compile(s.r.opts.Filters)
		}
		return constant(mk(kBool), true), nil
	}
	return nil, queryError(codeResolution, "Unresolved placeholder: {%s}", name)
}

// compileAll compiles a list.
func (s *scope) compileAll(list []hogql.Expr) ([]*expr, error) {
	out := make([]*expr, len(list))
	for i, e := range list {
		var err error
		if out[i], err = s.compile(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// apply compiles a call of a plain function on expressions.
func (s *scope) apply(name string, args ...hogql.Expr) (*expr, error) {
	list, err := s.compileAll(args)
	if err != nil {
		return nil, err
	}
	return s.build(name, list)
}

// build makes a call of a plain function on compiled arguments, and evaluates
// it at once when all of them are constants.
func (s *scope) build(name string, args []*expr) (*expr, error) {
	fn, ok := functionTable()[name]
	if !ok {
		return nil, unknownFunction(name)
	}
	for i, a := range args {
		args[i] = plainText(a)
	}
	e, err := fn(s, args)
	if err != nil {
		return nil, err
	}
	return fold(e, args)
}

// fold evaluates e now when its arguments are constants.
func fold(e *expr, args []*expr) (*expr, error) {
	if e.fixed || len(args) == 0 {
		return e, nil
	}
	for _, a := range args {
		if !a.fixed {
			return e, nil
		}
	}
	f := &frame{}
	v := e.eval(f)
	if f.err != nil {
		return nil, f.err
	}
	return constant(e.t, v), nil
}

// plainText turns a JSON column into its text for functions that take values.
func plainText(a *expr) *expr {
	if a.t.json == "" {
		return a
	}
	return &expr{t: mk(kString), root: a, eval: func(f *frame) any { return jsonText(a.eval(f)) }}
}

// logic is AND or OR with ClickHouse's three-valued rules; it stops at the
// first deciding operand.
func (s *scope) logic(list []hogql.Expr, and bool) (*expr, error) {
	args, err := s.compileAll(list)
	if err != nil {
		return nil, err
	}
	return buildLogic(args, and)
}

func buildLogic(args []*expr, and bool) (*expr, error) {
	t := mk(kUInt8)
	isBool := false
	for _, a := range args {
		isBool = isBool || a.t.k == kBool && !a.t.null
		if !a.t.isNumber() && a.t.k != kNothing {
			return nil, queryError(codeIllegalType, "Illegal type (%s) of argument of function %s: a condition is expected", a.t, map[bool]string{true: "and", false: "or"}[and])
		}
		if a.t.null {
			t = nullable(t)
		}
	}
	stop, other := any(uint64(0)), any(uint64(1))
	if !and {
		stop, other = other, stop
	}
	e := &expr{t: t, eval: func(f *frame) any {
		out := other
		for _, a := range args {
			v := a.eval(f)
			if v == nil {
				out = nil
			} else if truthy(v) != and {
				return stop
			}
		}
		return out
	}}
	if isBool {
		e = asBool(e)
	}
	return fold(e, args)
}

// truthy tells whether a condition's value counts as true.
func truthy(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case uint64:
		return v != 0
	case int64:
		return v != 0
	case float64:
		return v != 0
	}
	return false
}

func truth(b bool) any {
	if b {
		return uint64(1)
	}
	return uint64(0)
}

func (s *scope) between(n *hogql.BetweenExpr) (*expr, error) {
	x, err := s.compile(n.Expr)
	if err != nil {
		return nil, err
	}
	low, err := s.compile(n.Low)
	if err != nil {
		return nil, err
	}
	high, err := s.compile(n.High)
	if err != nil {
		return nil, err
	}
	ge, err := s.build("greaterOrEquals", []*expr{x, low})
	if err != nil {
		return nil, err
	}
	le, err := s.build("lessOrEquals", []*expr{x, high})
	if err != nil {
		return nil, err
	}
	both, err := buildLogic([]*expr{ge, le}, true)
	if err != nil || !n.Negated {
		return both, err
	}
	return s.build("not", []*expr{both})
}

func (s *scope) distinctFrom(n *hogql.IsDistinctFrom) (*expr, error) {
	args, err := s.compileAll([]hogql.Expr{n.Left, n.Right})
	if err != nil {
		return nil, err
	}
	l, r, err := comparable2(plainText(args[0]), plainText(args[1]), "isDistinctFrom", s.r)
	if err != nil {
		return nil, err
	}
	e := &expr{t: mk(kUInt8), eval: func(f *frame) any {
		a, b := l.eval(f), r.eval(f)
		same := a == nil && b == nil || a != nil && b != nil && equalValues(a, b)
		return truth(same == n.Negated)
	}}
	return fold(e, args)
}

func (s *scope) arithmetic(n *hogql.ArithmeticOperation) (*expr, error) {
	name := map[string]string{"+": "plus", "-": "minus", "*": "multiply", "/": "divide", "%": "modulo"}[n.Op]
	if c, ok := n.Left.(*hogql.Constant); ok && n.Op == "-" && c.Value == int64(0) && c.Start == c.End {
		return s.apply("negate", n.Right)
	}
	return s.apply(name, n.Left, n.Right)
}

func (s *scope) slice(n *hogql.ArraySlice) (*expr, error) {
	arr, err := s.compile(n.Array)
	if err != nil {
		return nil, err
	}
	from := constant(mk(kUInt8), uint64(1))
	if n.From != nil {
		if from, err = s.compile(n.From); err != nil {
			return nil, err
		}
	}
	args := []*expr{arr, from}
	if n.To != nil {
		to, err := s.compile(n.To)
		if err != nil {
			return nil, err
		}
		width, err := s.build("minus", []*expr{to, from})
		if err != nil {
			return nil, err
		}
		if width, err = s.build("plus", []*expr{width, constant(mk(kUInt8), uint64(1))}); err != nil {
			return nil, err
		}
		args = append(args, width)
	}
	return s.build("arraySlice", args)
}
