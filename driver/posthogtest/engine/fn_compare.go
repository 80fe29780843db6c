package engine

import "strings"

func addCompareFunctions(t table) {
	for name, keep := range map[string]func(c int) bool{
		"equals":          func(c int) bool { return c == 0 },
		"notEquals":       func(c int) bool { return c != 0 },
		"less":            func(c int) bool { return c < 0 },
		"greater":         func(c int) bool { return c > 0 },
		"lessOrEquals":    func(c int) bool { return c <= 0 },
		"greaterOrEquals": func(c int) bool { return c >= 0 },
	} {
		t[name] = comparison(name, keep)
	}
	t["not"] = func(_ *scope, args []*expr) (*expr, error) {
		if err := checkArguments("not", "b", args); err != nil {
			return nil, err
		}
		rt, a := mk(kUInt8), args[0]
		if a.t.k == kNothing {
			return a, nil
		}
		if a.t.null {
			rt = nullable(rt)
		}
		e := &expr{t: rt, eval: func(f *frame) any {
			v := a.eval(f)
			if v == nil {
				return nil
			}
			return truth(!truthy(v))
		}}
		if a.t.k == kBool {
			e = asBool(e)
		}
		return e, nil
	}
	t.add("xor", "bb", func(c *callInfo) (*typ, impl, error) {
		if c.t[0].k == kBool || c.t[1].k == kBool {
			return mk(kBool), func(a []any) any { return truthy(a[0]) != truthy(a[1]) }, nil
		}
		return mk(kUInt8), func(a []any) any { return truth(truthy(a[0]) != truthy(a[1])) }, nil
	})
	t["isNull"] = nullTest(true)
	t["isNotNull"] = nullTest(false)
	t["greatest"] = extreme(func(c int) bool { return c > 0 })
	t["least"] = extreme(func(c int) bool { return c < 0 })
}

// asBool turns 0 and 1 into a Bool.
func asBool(e *expr) *expr {
	t := mk(kBool)
	if e.t.null {
		t = nullable(t)
	}
	out := &expr{t: t, eval: func(f *frame) any {
		v := e.eval(f)
		if v == nil {
			return nil
		}
		return truthy(v)
	}}
	if e.fixed {
		return constant(t, out.eval(&frame{}))
	}
	return out
}

func comparison(name string, keep func(c int) bool) builder {
	return func(s *scope, args []*expr) (*expr, error) {
		if len(args) != 2 {
			return nil, queryError(codeArgumentCount, "Number of arguments for function %s doesn't match: passed %d, should be 2", name, len(args))
		}
		l, r, err := comparable2(args[0], args[1], name, s.r)
		if err != nil {
			return nil, err
		}
		rt := mk(kUInt8)
		if l.t.null || r.t.null {
			rt = nullable(rt)
		}
		if l.t.k == kNothing || r.t.k == kNothing {
			return nothing(), nil
		}
		nan := keep(1) && keep(-1) // only != holds for NaN
		return &expr{t: rt, eval: func(f *frame) any {
			a := l.eval(f)
			if a == nil {
				return nil
			}
			b := r.eval(f)
			if b == nil {
				return nil
			}
			if missing(a) || missing(b) {
				return truth(nan)
			}
			return truth(keep(compareValues(a, b)))
		}}, nil
	}
}

func nullTest(want bool) builder {
	return func(_ *scope, args []*expr) (*expr, error) {
		if len(args) != 1 {
			return nil, queryError(codeArgumentCount, "Number of arguments for function isNull doesn't match: passed %d, should be 1", len(args))
		}
		a := args[0]
		return &expr{t: mk(kUInt8), eval: func(f *frame) any { return truth((a.eval(f) == nil) == want) }}, nil
	}
}

// extreme is least and greatest, which skip NULLs.
func extreme(better func(c int) bool) builder {
	return func(_ *scope, args []*expr) (*expr, error) {
		if len(args) == 0 {
			return nil, queryError(codeArgumentCount, "Functions least and greatest need at least one argument")
		}
		t, list, err := common("least or greatest", args)
		if err != nil {
			return nil, err
		}
		return &expr{t: t, eval: func(f *frame) any {
			var best any
			for _, e := range list {
				v := e.eval(f)
				if v != nil && (best == nil || better(compareValues(v, best))) {
					best = v
				}
			}
			return best
		}}, nil
	}
}

// common brings expressions to their common type.
func common(name string, args []*expr) (*typ, []*expr, error) {
	ts := make([]*typ, len(args))
	for i, a := range args {
		ts[i] = plainType(a.t)
	}
	t := superType(ts...)
	if t == nil {
		names := make([]string, len(args))
		for i, a := range args {
			names[i] = a.t.String()
		}
		return nil, nil, queryError(codeNoCommonType, "There is no supertype for types %s because some of them are incompatible, in function %s", strings.Join(names, ", "), name)
	}
	out := make([]*expr, len(args))
	for i, a := range args {
		out[i] = coerce(a, t)
	}
	return t, out, nil
}
