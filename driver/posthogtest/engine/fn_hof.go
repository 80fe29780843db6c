package engine

import (
	"slices"
	"sync"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// arrayFunc is a function over one or more arrays and an optional lambda. It
// is given the elements of the first array and the lambda's values, which are
// the elements themselves without a lambda.
type arrayFunc struct {
	lambda bool // the lambda is required
	// build returns the type for element and value types, and the code.
	build func(elem, val *typ) (*typ, func(elems, vals []any) any, error)
}

// arrayFunctions holds the functions that take lambdas by name.
var arrayFunctions = sync.OnceValue(func() map[string]arrayFunc {
	t := map[string]arrayFunc{}
	addSearchLambdas(t)
	addFoldLambdas(t)
	addSortLambdas(t)
	return t
})

// arrayCall compiles name([lambda,] array, ...).
func (s *scope) arrayCall(n *hogql.Call, name string, h arrayFunc) (*expr, error) {
	args := n.Args
	var lam *hogql.Lambda
	if len(args) > 0 {
		lam, _ = args[0].(*hogql.Lambda)
	}
	if lam != nil {
		args = args[1:]
	} else if h.lambda {
		return nil, queryError(codeIllegalType, "First argument of function %s must be a lambda", name)
	}
	if len(args) == 0 || lam == nil && len(args) != 1 {
		return nil, queryError(codeArgumentCount, "Number of arguments for function %s doesn't match: passed %d", name, len(n.Args))
	}
	arrays, err := s.compileAll(args)
	if err != nil {
		return nil, err
	}
	for i, a := range arrays {
		if a.t.k != kArray {
			return nil, queryError(codeIllegalType, "Argument %d of function %s must be array. Found %s instead.", i+1, name, a.t)
		}
	}
	elem := arrays[0].t.elem()
	if lam == nil {
		rt, fn, err := h.build(elem, elem)
		if err != nil {
			return nil, err
		}
		a := arrays[0]
		return fold(&expr{t: rt, eval: func(f *frame) any {
			l, ok := a.eval(f).([]any)
			if !ok {
				return nil
			}
			return f.checked(fn(l, l))
		}}, arrays)
	}
	vars, body, err := s.lambda(name, lam, arrays)
	if err != nil {
		return nil, err
	}
	rt, fn, err := h.build(elem, body.t)
	if err != nil {
		return nil, err
	}
	single := len(arrays) == 1 && len(vars) > 1
	e := &expr{t: rt, eval: func(f *frame) any {
		lists := make([][]any, len(arrays))
		for i, a := range arrays {
			l, ok := a.eval(f).([]any)
			if !ok {
				return nil
			}
			if lists[i] = l; len(l) != len(lists[0]) {
				return f.fail(queryError("sizes_of_arrays_dont_match", "Arrays passed to %s must have equal size", name))
			}
		}
		vals := make([]any, len(lists[0]))
		for i := range vals {
			if single {
				for j, m := range list(lists[0][i]) {
					if j < len(vars) {
						f.vars[vars[j]] = m
					}
				}
			} else {
				for j := range lists {
					f.vars[vars[j]] = lists[j][i]
				}
			}
			vals[i] = body.eval(f)
		}
		if f.err != nil {
			return nil
		}
		return f.checked(fn(lists[0], vals))
	}}
	return e, nil
}

// checked turns an error result into the frame's failure.
func (f *frame) checked(v any) any {
	if err, ok := v.(error); ok {
		return f.fail(err)
	}
	return v
}

// lambda compiles a lambda's body with its arguments bound to slots.
func (s *scope) lambda(name string, lam *hogql.Lambda, arrays []*expr) (slots []int, body *expr, err error) {
	ts := make([]*typ, len(arrays))
	for i, a := range arrays {
		ts[i] = a.t.elem()
	}
	if len(arrays) == 1 && ts[0].k == kTuple && len(lam.Args) > 1 {
		ts = ts[0].el
	}
	if len(lam.Args) != len(ts) {
		return nil, nil, queryError(codeArgumentCount, "The lambda of %s has %d arguments, for %d arrays", name, len(lam.Args), len(ts))
	}
	base := 0
	for _, v := range s.lambdas {
		base = max(base, v.slot+1)
	}
	for i, a := range lam.Args {
		s.lambdas = append(s.lambdas, lambdaVar{name: a, t: ts[i], slot: base + i})
		slots = append(slots, base+i)
	}
	s.nvars = max(s.nvars, base+len(ts))
	body, err = s.compile(lam.Expr)
	s.lambdas = s.lambdas[:len(s.lambdas)-len(lam.Args)]
	if err != nil {
		return nil, nil, err
	}
	return slots, plainText(body), nil
}

func isCondition(t *typ) error {
	if !t.isCondition() {
		return queryError(codeIllegalType, "Unexpected type of lambda: expected UInt8, got %s", t)
	}
	return nil
}

func addSearchLambdas(t map[string]arrayFunc) {
	t["arrayMap"] = arrayFunc{lambda: true, build: func(_, val *typ) (*typ, func(e, v []any) any, error) {
		return arrayOf(val), func(_, v []any) any { return v }, nil
	}}
	t["arrayFilter"] = arrayFunc{lambda: true, build: func(elem, val *typ) (*typ, func(e, v []any) any, error) {
		return arrayOf(elem), func(e, v []any) any {
			out := []any{}
			for i := range e {
				if truthy(v[i]) {
					out = append(out, e[i])
				}
			}
			return out
		}, isCondition(val)
	}}
	test := func(name string, rt *typ, fn func(v []any) any) {
		t[name] = arrayFunc{build: func(_, val *typ) (*typ, func(e, v []any) any, error) {
			return rt, func(_, v []any) any { return fn(v) }, isCondition(val)
		}}
	}
	test("arrayExists", mk(kUInt8), func(v []any) any { return truth(slices.ContainsFunc(v, truthy)) })
	test("arrayAll", mk(kUInt8), func(v []any) any {
		return truth(!slices.ContainsFunc(v, func(x any) bool { return !truthy(x) }))
	})
	test("arrayCount", mk(kUInt32), func(v []any) any {
		n := uint64(0)
		for _, x := range v {
			if truthy(x) {
				n++
			}
		}
		return n
	})
	first := func(v []any) int { return slices.IndexFunc(v, truthy) }
	last := func(v []any) int {
		for i, x := range slices.Backward(v) {
			if truthy(x) {
				return i
			}
		}
		return -1
	}
	for name, find := range map[string]func(v []any) int{"arrayFirst": first, "arrayLast": last} {
		t[name] = arrayFunc{lambda: true, build: func(elem, val *typ) (*typ, func(e, v []any) any, error) {
			return elem, func(e, v []any) any {
				if i := find(v); i >= 0 {
					return e[i]
				}
				return zeroOf(elem)
			}, isCondition(val)
		}}
		t[name+"Index"] = arrayFunc{lambda: true, build: func(_, val *typ) (*typ, func(e, v []any) any, error) {
			return mk(kUInt32), func(_, v []any) any { return uint64(find(v) + 1) }, isCondition(val) //nolint:gosec // from 0
		}}
	}
}

func addFoldLambdas(t map[string]arrayFunc) {
	t["arraySum"] = arrayFunc{build: func(_, val *typ) (*typ, func(e, v []any) any, error) {
		rt, err := sumType(val)
		return rt, func(_, v []any) any { return sumOf(v, rt) }, err
	}}
	t["arrayAvg"] = arrayFunc{build: func(_, val *typ) (*typ, func(e, v []any) any, error) {
		_, err := sumType(val)
		return mk(kFloat64), func(_, v []any) any {
			sum := 0.0
			for _, x := range v {
				sum += float(x)
			}
			return sum / float64(len(v))
		}, err
	}}
	t["arrayProduct"] = arrayFunc{build: func(_, val *typ) (*typ, func(e, v []any) any, error) {
		_, err := sumType(val)
		return mk(kFloat64), func(_, v []any) any {
			out := 1.0
			for _, x := range v {
				out *= float(x)
			}
			return out
		}, err
	}}
	for name, better := range map[string]func(c int) bool{
		"arrayMin": func(c int) bool { return c < 0 }, "arrayMax": func(c int) bool { return c > 0 },
	} {
		t[name] = arrayFunc{build: func(_, val *typ) (*typ, func(e, v []any) any, error) {
			if val.null {
				return nil, nil, notSupported("%s of nullable elements", name)
			}
			return val, func(_, v []any) any {
				if len(v) == 0 {
					return zeroOf(val)
				}
				best := v[0]
				for _, x := range v[1:] {
					if better(compareValues(x, best)) {
						best = x
					}
				}
				return best
			}, nil
		}}
	}
	for name, floor := range map[string]bool{"arrayCumSum": false, "arrayCumSumNonNegative": true} {
		t[name] = arrayFunc{build: func(_, val *typ) (*typ, func(e, v []any) any, error) {
			rt, err := sumType(val)
			return arrayOf(rt), func(_, v []any) any {
				out := make([]any, len(v))
				sum := zeroOf(rt)
				for i, x := range v {
					sum = sumOf([]any{sum, x}, rt)
					if floor && compareNumbers(sum, uint64(0)) < 0 {
						sum = zeroOf(rt)
					}
					out[i] = sum
				}
				return out
			}, err
		}}
	}
	t["arrayFill"] = arrayFunc{lambda: true, build: func(elem, val *typ) (*typ, func(e, v []any) any, error) {
		return arrayOf(elem), func(e, v []any) any {
			out := slices.Clone(e)
			for i := 1; i < len(out); i++ {
				if !truthy(v[i]) {
					out[i] = out[i-1]
				}
			}
			return out
		}, isCondition(val)
	}}
	t["arrayReverseFill"] = arrayFunc{lambda: true, build: func(elem, val *typ) (*typ, func(e, v []any) any, error) {
		return arrayOf(elem), func(e, v []any) any {
			out := slices.Clone(e)
			for i := len(out) - 2; i >= 0; i-- {
				if !truthy(v[i]) {
					out[i] = out[i+1]
				}
			}
			return out
		}, isCondition(val)
	}}
	for name, after := range map[string]bool{"arraySplit": false, "arrayReverseSplit": true} {
		t[name] = arrayFunc{lambda: true, build: func(elem, val *typ) (*typ, func(e, v []any) any, error) {
			return arrayOf(arrayOf(elem)), func(e, v []any) any { return splitWhere(e, v, after) }, isCondition(val)
		}}
	}
}

func splitWhere(e, v []any, after bool) any {
	out := []any{}
	var cur []any
	for i := range e {
		if !after && i > 0 && truthy(v[i]) {
			out, cur = append(out, cur), nil
		}
		cur = append(cur, e[i])
		if after && truthy(v[i]) && i < len(e)-1 {
			out, cur = append(out, cur), nil
		}
	}
	if cur != nil {
		out = append(out, cur)
	}
	return out
}

func sumType(t *typ) (*typ, error) {
	switch {
	case t.null:
		return nil, notSupported("sums over arrays with nullable elements")
	case t.k == kFloat64:
		return t, nil
	case t.isInt():
		return intType(t.isSigned(), 64), nil
	case t.k == kNothing:
		return mk(kUInt64), nil
	}
	return nil, queryError(codeIllegalType, "Array elements of type %s cannot be summed", t)
}

func sumOf(v []any, rt *typ) any {
	if rt.k == kFloat64 {
		sum := 0.0
		for _, x := range v {
			sum += float(x)
		}
		return sum
	}
	sum := int64(0)
	for _, x := range v {
		sum += bitsOf(x)
	}
	return ofType(sum, rt)
}

func addSortLambdas(t map[string]arrayFunc) {
	for name, desc := range map[string]bool{"arraySort": false, "arrayReverseSort": true} {
		t[name] = arrayFunc{build: func(elem, _ *typ) (*typ, func(e, v []any) any, error) {
			return arrayOf(elem), func(e, v []any) any {
				at := make([]int, len(e))
				for i := range at {
					at[i] = i
				}
				slices.SortStableFunc(at, func(a, b int) int { return compareKey(v[a], v[b], sortKey{desc: desc}) })
				out := make([]any, len(e))
				for i, j := range at {
					out[i] = e[j]
				}
				return out
			}, nil
		}}
	}
}
