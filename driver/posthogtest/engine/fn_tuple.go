package engine

func addTupleFunctions(t table) {
	t["tuple"] = buildTuple
	t["sparkline"] = func(s *scope, args []*expr) (*expr, error) {
		if err := checkArguments("sparkline", "a", args); err != nil {
			return nil, err
		}
		word := func(v string) *expr { return constant(mk(kString), v) }
		return buildTuple(s, []*expr{word("__hx_tag"), word("Sparkline"), word("data"), args[0]})
	}
	t["tupleElement"] = func(_ *scope, args []*expr) (*expr, error) {
		if err := checkArguments("tupleElement", "ti", args); err != nil {
			return nil, err
		}
		if !args[1].fixed {
			return nil, queryError(codeIllegalType, "Second argument of tupleElement must be a constant")
		}
		return tupleMember(args[0], int(whole(args[1].val))-1)
	}
}

func buildTuple(_ *scope, args []*expr) (*expr, error) {
	ts := make([]*typ, len(args))
	for i, a := range args {
		ts[i] = plainType(a.t)
	}
	return fold(&expr{t: tupleOf(ts...), eval: func(f *frame) any {
		out := make([]any, len(args))
		for i, e := range args {
			out[i] = e.eval(f)
		}
		return out
	}}, args)
}
