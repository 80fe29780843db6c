package engine

func addConditionalFunctions(t table) {
	t["if"] = func(_ *scope, args []*expr) (*expr, error) {
		switch len(args) {
		case 2:
			null, _ := literal(nil)
			args = append(args, null)
		case 0, 1:
			return nil, queryError(codeArgumentCount, "Number of arguments for function if doesn't match: passed %d, should be 3", len(args))
		}
		return buildMultiIf(args)
	}
	t["multiIf"] = func(_ *scope, args []*expr) (*expr, error) { return buildMultiIf(args) }
	t["coalesce"] = buildCoalesce
	t["ifNull"] = func(s *scope, args []*expr) (*expr, error) {
		if err := checkArguments("ifNull", "**", args); err != nil {
			return nil, err
		}
		return buildCoalesce(s, args)
	}
	t["nullIf"] = func(s *scope, args []*expr) (*expr, error) {
		if err := checkArguments("nullIf", "**", args); err != nil {
			return nil, err
		}
		l, r, err := comparable2(args[0], args[1], "nullIf", s.r)
		if err != nil {
			return nil, err
		}
		v := args[0]
		return &expr{t: nullable(v.t), eval: func(f *frame) any {
			a, b := l.eval(f), r.eval(f)
			if a != nil && b != nil && equalValues(a, b) {
				return nil
			}
			return v.eval(f)
		}}, nil
	}
	t["assumeNotNull"] = func(_ *scope, args []*expr) (*expr, error) {
		if err := checkArguments("assumeNotNull", "*", args); err != nil {
			return nil, err
		}
		a, rt := args[0], notNull(args[0].t)
		zero := zeroOf(rt)
		return &expr{t: rt, eval: func(f *frame) any {
			if v := a.eval(f); v != nil {
				return v
			}
			return zero
		}}, nil
	}
	t["toNullable"] = func(_ *scope, args []*expr) (*expr, error) {
		if err := checkArguments("toNullable", "*", args); err != nil {
			return nil, err
		}
		return &expr{t: nullable(args[0].t), eval: args[0].eval}, nil
	}
	t["transform"] = buildTransform
	t["_caseWithExpression"] = buildCase
}

// buildMultiIf is if(c, a, b) and multiIf(c1, a1, c2, a2, ..., b). Only the
// branch taken is evaluated.
func buildMultiIf(args []*expr) (*expr, error) {
	if len(args) < 3 || len(args)%2 == 0 {
		return nil, queryError(codeArgumentCount, "Invalid number of arguments for function multiIf: %d", len(args))
	}
	var conds, values []*expr
	for i, a := range args {
		if i%2 == 0 && i < len(args)-1 {
			if !a.t.isCondition() {
				return nil, queryError(codeIllegalType, "Illegal type %s of argument %d (condition) of function multiIf. Must be UInt8", a.t, i+1)
			}
			conds = append(conds, a)
		} else {
			values = append(values, a)
		}
	}
	t, values, err := common("multiIf", values)
	if err != nil {
		return nil, err
	}
	return &expr{t: t, eval: func(f *frame) any {
		for i, c := range conds {
			if v := c.eval(f); v != nil && truthy(v) {
				return values[i].eval(f)
			}
		}
		return values[len(values)-1].eval(f)
	}}, nil
}

func buildCoalesce(_ *scope, args []*expr) (*expr, error) {
	if len(args) == 0 {
		return nothing(), nil
	}
	var used []*expr
	for _, a := range args {
		if a.t.k == kNothing {
			continue
		}
		used = append(used, a)
		if !a.t.null {
			break
		}
	}
	if len(used) == 0 {
		return args[0], nil
	}
	sure := !used[len(used)-1].t.null
	t, used, err := common("coalesce", used)
	if err != nil {
		return nil, err
	}
	if sure {
		t = notNull(t)
	}
	return &expr{t: t, eval: func(f *frame) any {
		for _, e := range used {
			if v := e.eval(f); v != nil {
				return v
			}
		}
		return nil
	}}, nil
}

// buildTransform is transform(x, from, to[, default]).
func buildTransform(s *scope, args []*expr) (*expr, error) {
	if err := checkArguments("transform", "*aa?*", args); err != nil {
		return nil, err
	}
	if !args[1].fixed || !args[2].fixed {
		return nil, queryError(codeBadArguments, "Second and third arguments of function transform must be constant arrays")
	}
	from, to := list(args[1].val), list(args[2].val)
	if len(from) != len(to) {
		return nil, queryError(codeBadArguments, "Second and third arguments of function transform must be arrays of the same size")
	}
	x := args[0]
	otherwise := x
	if len(args) == 4 {
		otherwise = args[3]
	}
	t, both, err := common("transform", []*expr{constant(args[2].t.elem(), nil), otherwise})
	if err != nil {
		return nil, err
	}
	otherwise = both[1]
	conv := converter(args[2].t.elem(), t)
	byKey := map[string]any{}
	for i, k := range from {
		_, c, err := comparable2(&expr{t: x.t}, constant(args[1].t.elem(), k), "transform", s.r)
		if err != nil {
			return nil, err
		}
		v := to[i]
		if conv != nil {
			v = conv(v)
		}
		key := rowKey([]any{c.eval(&frame{})})
		if _, dup := byKey[key]; !dup {
			byKey[key] = v
		}
	}
	if x.t.null {
		t = nullable(t)
	}
	var buf []byte
	return &expr{t: t, eval: func(f *frame) any {
		v := x.eval(f)
		if v == nil {
			return otherwise.eval(f)
		}
		buf = appendKey(buf[:0], v)
		if out, ok := byKey[string(buf)]; ok {
			return out
		}
		return otherwise.eval(f)
	}}, nil
}

// buildCase is CASE x WHEN a THEN b ... ELSE c END: x, [a...], [b...], c or
// x, a, b, ..., c.
func buildCase(s *scope, args []*expr) (*expr, error) {
	if len(args) == 4 && args[1].t.k == kArray && args[2].t.k == kArray {
		return buildTransform(s, args)
	}
	if len(args) < 3 {
		return nil, queryError(codeArgumentCount, "CASE needs at least one WHEN")
	}
	var multi []*expr
	rest := args[1:]
	for len(rest) >= 2 {
		c, err := s.equality(args[0], rest[0], true)
		if err != nil {
			return nil, err
		}
		multi = append(multi, c, rest[1])
		rest = rest[2:]
	}
	if len(rest) == 1 {
		multi = append(multi, rest[0])
	} else {
		null, _ := literal(nil)
		multi = append(multi, null)
	}
	return buildMultiIf(multi)
}
