package engine

import (
	"slices"
)

func addArrayEdits(t table) {
	t["arrayConcat"] = func(_ *scope, args []*expr) (*expr, error) {
		if err := checkArguments("arrayConcat", "a+", args); err != nil {
			return nil, err
		}
		rt, list, err := common("arrayConcat", args)
		if err != nil {
			return nil, err
		}
		return &expr{t: rt, eval: func(f *frame) any {
			out := []any{}
			for _, e := range list {
				l, _ := e.eval(f).([]any)
				out = append(out, l...)
			}
			return out
		}}, nil
	}
	for name, front := range map[string]bool{"arrayPushBack": false, "arrayPushFront": true} {
		t[name] = func(s *scope, args []*expr) (*expr, error) {
			if err := checkArguments(name, "a*", args); err != nil {
				return nil, err
			}
			if args[0].t.k == kNothing {
				return args[0], nil
			}
			one, err := buildArray(s, args[1:])
			if err != nil {
				return nil, err
			}
			both := []*expr{args[0], one}
			if front {
				slices.Reverse(both)
			}
			return t["arrayConcat"](s, both)
		}
	}
	for name, front := range map[string]bool{"arrayPopBack": false, "arrayPopFront": true} {
		t.add(name, "a", func(c *callInfo) (*typ, impl, error) {
			return c.t[0], func(a []any) any {
				l := list(a[0])
				switch {
				case len(l) == 0:
					return l
				case front:
					return l[1:]
				}
				return l[: len(l)-1 : len(l)-1]
			}, nil
		})
	}
	t.add("arraySlice", "ai?i", func(c *callInfo) (*typ, impl, error) {
		return c.t[0], func(a []any) any {
			l := list(a[0])
			from, to := span(a, int64(len(l)))
			return l[from:to:to]
		}, nil
	})
	t["arrayResize"] = func(s *scope, args []*expr) (*expr, error) {
		if err := checkArguments("arrayResize", "ai?*", args); err != nil {
			return nil, err
		}
		sub := table{}
		sub.add("arrayResize", "ai?*", func(c *callInfo) (*typ, impl, error) {
			rt := c.t[0]
			return rt, func(a []any) any {
				l, n := slices.Clone(list(a[0])), whole(a[1])
				fill := zeroOf(rt.elem())
				if len(a) > 2 {
					fill = a[2]
				}
				if n < 0 || n > maxRange {
					return queryError("too_large_array_size", "Too large or negative array size: %d", n)
				}
				for int64(len(l)) < n {
					l = append(l, fill)
				}
				return l[:n]
			}, nil
		})
		return sub["arrayResize"](s, args)
	}
	for name, sign := range map[string]int64{"arrayRotateLeft": 1, "arrayRotateRight": -1} {
		t.add(name, "ai", func(c *callInfo) (*typ, impl, error) {
			return c.t[0], func(a []any) any {
				l := list(a[0])
				if len(l) == 0 {
					return l
				}
				n := int64(len(l))
				by := ((whole(a[1])*sign)%n + n) % n
				return append(slices.Clone(l[by:]), l[:by]...)
			}, nil
		})
	}
}
