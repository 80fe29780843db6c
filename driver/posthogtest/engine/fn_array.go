package engine

import (
	"slices"
)

func addArrayPlain(t table) {
	t["array"] = buildArray
	t["range"] = buildRange
	t["arrayElement"] = buildElement
	t["has"] = buildHas("has")
	t["indexOf"] = buildHas("indexOf")
	t["countEqual"] = buildHas("countEqual")
	addArraySets(t)
	addArrayEdits(t)
	u32 := arrayOf(mk(kUInt32))
	t.simple("arrayEnumerate", "a", u32, func(a []any) any {
		out := make([]any, len(list(a[0])))
		for i := range out {
			out[i] = uint64(i) + 1 //nolint:gosec // an index
		}
		return out
	})
	for name, dense := range map[string]bool{"arrayEnumerateUniq": false, "arrayEnumerateDense": true} {
		t.simple(name, "a", u32, func(a []any) any {
			seen := map[string]uint64{}
			out := make([]any, 0, len(list(a[0])))
			for _, v := range list(a[0]) {
				k := rowKey([]any{v})
				switch {
				case !dense:
					seen[k]++
				case seen[k] == 0:
					seen[k] = uint64(len(seen)) + 1
				}
				out = append(out, seen[k])
			}
			return out
		})
	}
	t.add("arrayDifference", "a", func(c *callInfo) (*typ, impl, error) {
		et := c.t[0].elem()
		if !et.isNumber() || et.null {
			return nil, nil, c.illegal(0)
		}
		rt := mk(kFloat64)
		if et.k != kFloat64 {
			rt = intType(true, nextBits(et.bits()))
		}
		return arrayOf(rt), func(a []any) any {
			l := list(a[0])
			out := make([]any, len(l))
			for i := range l {
				switch {
				case i == 0:
					out[i] = zeroOf(rt)
				case rt.k == kFloat64:
					out[i] = float(l[i]) - float(l[i-1])
				default:
					out[i] = bitsOf(l[i]) - bitsOf(l[i-1])
				}
			}
			return out
		}, nil
	})
	t.add("arrayZip", "aa+", func(c *callInfo) (*typ, impl, error) {
		ts := make([]*typ, len(c.t))
		for i, at := range c.t {
			ts[i] = at.elem()
		}
		return arrayOf(tupleOf(ts...)), func(a []any) any {
			out := make([]any, len(list(a[0])))
			for i := range out {
				row := make([]any, len(a))
				for j := range a {
					if len(list(a[j])) != len(out) {
						return queryError("sizes_of_arrays_dont_match", "The argument arrays of function arrayZip have different sizes")
					}
					row[j] = list(a[j])[i]
				}
				out[i] = row
			}
			return out
		}, nil
	})
	t.add("arrayFlatten", "a", func(c *callInfo) (*typ, impl, error) {
		et := c.t[0]
		for et.k == kArray {
			et = et.elem()
		}
		return arrayOf(et), func(a []any) any { return flatten([]any{}, list(a[0]), c.t[0].elem()) }, nil
	})
}

func flatten(out, l []any, elem *typ) []any {
	if elem.k != kArray {
		return append(out, l...)
	}
	for _, v := range l {
		out = flatten(out, list(v), elem.elem())
	}
	return out
}

func buildArray(_ *scope, args []*expr) (*expr, error) {
	if len(args) == 0 {
		return constant(arrayOf(mk(kNothing)), []any{}), nil
	}
	t, items, err := common("array", args)
	if err != nil {
		return nil, err
	}
	return fold(&expr{t: arrayOf(t), eval: func(f *frame) any {
		out := make([]any, len(items))
		for i, e := range items {
			out[i] = e.eval(f)
		}
		return out
	}}, items)
}

// maxRange bounds the elements that range() makes, as ClickHouse does by
// default for a block.
const maxRange = 1_000_000

func buildRange(s *scope, args []*expr) (*expr, error) {
	sub := table{}
	sub.add("range", "i?ii", func(c *callInfo) (*typ, impl, error) {
		rt := superType(c.t...)
		if rt == nil || rt.k == kBool {
			return nil, nil, c.illegal(0)
		}
		return arrayOf(rt), func(a []any) any {
			from, to, by := int64(0), bitsOf(a[0]), int64(1)
			if len(a) == 1 && to < 0 {
				return queryError("argument_out_of_bound", "A call to function range overflows, only support positive values when only end is provided")
			}
			if len(a) > 1 {
				from, to = to, bitsOf(a[1])
			}
			if len(a) > 2 {
				by = bitsOf(a[2])
			}
			if by == 0 {
				return queryError("argument_out_of_bound", "A call to function range overflows, the 3rd argument step can't be zero")
			}
			out := []any{}
			for v := from; by > 0 && v < to || by < 0 && v > to; v += by {
				if len(out) >= maxRange {
					return queryError("argument_out_of_bound", "A call to function range would produce more than %d elements", maxRange)
				}
				out = append(out, ofType(v, rt))
			}
			return out
		}, nil
	})
	return sub["range"](s, args)
}

// buildElement is arr[i]: from 1, or from the end when negative; outside is
// the default value.
func buildElement(s *scope, args []*expr) (*expr, error) {
	if len(args) == 2 && args[0].t.k == kTuple && args[1].fixed {
		return tupleMember(args[0], int(whole(args[1].val))-1)
	}
	sub := table{}
	sub.add("arrayElement", "ai", func(c *callInfo) (*typ, impl, error) {
		et := c.t[0].elem()
		zero := zeroOf(et)
		return et, func(a []any) any {
			l := list(a[0])
			if i, ok := jsonIndex(bitsOf(a[1]), len(l)); ok {
				return l[i]
			}
			return zero
		}, nil
	})
	return sub["arrayElement"](s, args)
}

// buildHas is has, indexOf and countEqual; NULL is found among NULLs.
func buildHas(name string) builder {
	return func(s *scope, args []*expr) (*expr, error) {
		if err := checkArguments(name, "a*", args); err != nil {
			return nil, err
		}
		arr, x := args[0], args[1]
		if x.t.k != kNothing && arr.t.elem().k != kNothing {
			_, c, err := comparable2(&expr{t: arr.t.elem()}, x, name, s.r)
			if err != nil {
				return nil, err
			}
			x = c
		}
		rt := mk(kUInt64)
		if name == "has" {
			rt = mk(kUInt8)
		}
		return &expr{t: rt, eval: func(f *frame) any {
			l, v := list(arr.eval(f)), x.eval(f)
			n := uint64(0)
			for i, e := range l {
				if e == nil && v == nil || e != nil && v != nil && equalValues(e, v) {
					switch name {
					case "has":
						return truth(true)
					case "indexOf":
						return uint64(i) + 1 //nolint:gosec // an index
					}
					n++
				}
			}
			return n
		}}, nil
	}
}

func reversed(l []any) []any {
	out := slices.Clone(l)
	slices.Reverse(out)
	return out
}

func keysOf(l []any) map[string]struct{} {
	out := map[string]struct{}{}
	for _, v := range l {
		out[rowKey([]any{v})] = struct{}{}
	}
	return out
}

// unique drops repeated elements, and NULLs unless asked to keep one.
func unique(l []any, keepNull bool) []any {
	seen := map[string]struct{}{}
	out := []any{}
	for _, v := range l {
		k := rowKey([]any{v})
		if _, dup := seen[k]; !dup && (v != nil || keepNull) {
			seen[k] = struct{}{}
			out = append(out, v)
		}
	}
	return out
}

func addArraySets(t table) {
	t.add("arrayDistinct", "a", func(c *callInfo) (*typ, impl, error) {
		return arrayOf(notNull(c.t[0].elem())), func(a []any) any { return unique(list(a[0]), false) }, nil
	})
	t.simple("arrayUniq", "a", mk(kUInt32), func(a []any) any { return uint64(len(keysOf(list(a[0])))) })
	t.add("arrayReverse", "a", func(c *callInfo) (*typ, impl, error) {
		return c.t[0], func(a []any) any { return reversed(list(a[0])) }, nil
	})
	t.add("arrayCompact", "a", func(c *callInfo) (*typ, impl, error) {
		return c.t[0], func(a []any) any {
			return slices.CompactFunc(slices.Clone(list(a[0])), func(x, y any) bool { return compareNullable(x, y) == 0 })
		}, nil
	})
	for name, all := range map[string]bool{"hasAll": true, "hasAny": false} {
		t.add(name, "aa", func(c *callInfo) (*typ, impl, error) {
			if superType(c.t[0].elem(), c.t[1].elem()) == nil {
				return nil, nil, c.illegal(1)
			}
			return mk(kUInt8), func(a []any) any {
				keys := keysOf(list(a[0]))
				for _, v := range list(a[1]) {
					if _, in := keys[rowKey([]any{v})]; in != all {
						return truth(!all)
					}
				}
				return truth(all)
			}, nil
		})
	}
	t.add("hasSubstr", "aa", func(c *callInfo) (*typ, impl, error) {
		if superType(c.t[0].elem(), c.t[1].elem()) == nil {
			return nil, nil, c.illegal(1)
		}
		return mk(kUInt8), func(a []any) any {
			l, part := list(a[0]), list(a[1])
			for i := 0; i+len(part) <= len(l); i++ {
				if slices.EqualFunc(l[i:i+len(part)], part, func(x, y any) bool { return compareNullable(x, y) == 0 }) {
					return truth(true)
				}
			}
			return truth(false)
		}, nil
	})
	t["arrayWithConstant"] = func(_ *scope, args []*expr) (*expr, error) {
		if err := checkArguments("arrayWithConstant", "i*", args); err != nil {
			return nil, err
		}
		return &expr{t: arrayOf(args[1].t), eval: func(f *frame) any {
			n := whole(args[0].eval(f))
			if n < 0 || n > maxRange {
				return f.fail(queryError("too_large_array_size", "Too large or negative array size: %d", n))
			}
			return slices.Repeat([]any{args[1].eval(f)}, int(n))
		}}, nil
	}
	t.add("arrayIntersect", "aa+", func(c *callInfo) (*typ, impl, error) {
		et := c.t[0].elem()
		for _, at := range c.t[1:] {
			if et = superType(et, at.elem()); et == nil {
				return nil, nil, c.illegal(1)
			}
		}
		return arrayOf(et), func(a []any) any {
			out := unique(list(a[0]), true)
			for _, other := range a[1:] {
				keys := keysOf(list(other))
				out = slices.DeleteFunc(out, func(v any) bool { _, in := keys[rowKey([]any{v})]; return !in })
			}
			return out
		}, nil
	})
}
