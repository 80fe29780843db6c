package engine

import (
	"strings"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// compare compiles a comparison with PostHog's NULL rules: a NULL side counts
// as "not equal" and the answer is never NULL.
func (s *scope) compare(n *hogql.CompareOperation) (*expr, error) {
	switch n.Op {
	case "in", "not in":
		return s.in(n)
	case "in cohort", "not in cohort":
		return s.inCohort(n)
	case "==", "!=":
		test := map[string]string{"==": "isNull", "!=": "isNotNull"}[n.Op]
		if isNullConstant(n.Right) {
			return s.apply(test, n.Left)
		}
		if isNullConstant(n.Left) {
			return s.apply(test, n.Right)
		}
	}
	args, err := s.compileAll([]hogql.Expr{n.Left, n.Right})
	if err != nil {
		return nil, err
	}
	l, r := args[0], args[1]
	if l.t.k == kBool && r.fixed && (r.val == "true" || r.val == "false") {
		r = constant(mk(kBool), r.val == "true")
	}
	switch n.Op {
	case "==", "!=":
		return s.equality(l, r, n.Op == "==")
	case "<", ">", "<=", ">=":
		name := map[string]string{"<": "less", ">": "greater", "<=": "lessOrEquals", ">=": "greaterOrEquals"}[n.Op]
		return s.nullSafe(name, l, r, false)
	case "like", "ilike":
		return s.nullSafe(n.Op, l, r, false)
	case "not like":
		return s.nullSafe("notLike", l, r, true)
	case "not ilike":
		return s.nullSafe("notILike", l, r, true)
	case "=~", "=~*", "!~", "!~*":
		return s.regexOperator(n.Op, l, r)
	}
	return nil, notSupported("the operator %s", n.Op)
}

func isNullConstant(e hogql.Expr) bool {
	c, ok := e.(*hogql.Constant)
	return ok && c.Value == nil
}

func (s *scope) regexOperator(op string, l, r *expr) (*expr, error) {
	if strings.HasSuffix(op, "*") {
		var err error
		if r, err = s.build("concat", []*expr{constant(mk(kString), "(?i)"), r}); err != nil {
			return nil, err
		}
	}
	m, err := s.build("match", []*expr{l, r})
	if err != nil {
		return nil, err
	}
	negative := op[0] == '!'
	return fold(&expr{t: mk(kUInt8), eval: func(f *frame) any {
		v := m.eval(f)
		if v == nil {
			return truth(negative)
		}
		return truth(truthy(v) != negative)
	}}, []*expr{l, r})
}

// nullSafe calls a comparison function and takes miss where it gives NULL.
func (s *scope) nullSafe(name string, l, r *expr, miss bool) (*expr, error) {
	e, err := s.build(name, []*expr{l, r})
	if err != nil {
		return nil, err
	}
	if !e.t.null {
		return e, nil
	}
	otherwise := truth(miss)
	return fold(&expr{t: mk(kUInt8), eval: func(f *frame) any {
		if v := e.eval(f); v != nil {
			return v
		}
		return otherwise
	}}, []*expr{l, r})
}

// equality is = and !=: two NULLs are equal to each other.
func (s *scope) equality(l, r *expr, equal bool) (*expr, error) {
	if r.fixed && r.t.k == kString {
		if text := l.text; text != nil {
			want, _ := r.val.(string)
			return &expr{t: mk(kUInt8), eval: func(f *frame) any {
				got, _ := text(f)
				return truth((got == want) == equal)
			}}, nil
		}
	}
	a, b, err := comparable2(plainText(l), plainText(r), map[bool]string{true: "equals", false: "notEquals"}[equal], s.r)
	if err != nil {
		return nil, err
	}
	return fold(&expr{t: mk(kUInt8), eval: func(f *frame) any {
		x, y := a.eval(f), b.eval(f)
		if x == nil || y == nil {
			return truth((x == nil && y == nil) == equal)
		}
		return truth(equalValues(x, y) == equal)
	}}, []*expr{l, r})
}

// comparable2 brings two operands to types that compareValues can compare: a
// string constant beside a time, UUID or Bool is read as one.
func comparable2(l, r *expr, fn string, run *runner) (*expr, *expr, error) {
	if l.t.k == kNothing || r.t.k == kNothing {
		return l, r, nil
	}
	if l.t.isNumber() && r.t.isNumber() {
		if l.t.k != r.t.k && (l.t.k == kDecimal || r.t.k == kDecimal) {
			return toFloatExpr(l), toFloatExpr(r), nil
		}
		return l, r, nil
	}
	if l.t.k == r.t.k && l.t.k != kArray && l.t.k != kTuple {
		return l, r, nil
	}
	if l.t.k == kString && r.t.k != kString {
		b, a, err := comparable2(r, l, fn, run)
		return a, b, err
	}
	if r.t.k == kString && r.fixed {
		if c, err := readConstant(r, l.t, run); err == nil {
			return l, c, nil
		} else if _, is := err.(*QueryError); is { //nolint:errorlint // made one line above
			return nil, nil, err
		}
	}
	if r.t.k == kString && l.t.isNumber() {
		if r.absent {
			return l, nothing(), nil
		}
		return nil, nil, queryError(codeNoCommonType, "There is no supertype for types %s, %s because some of them are String/FixedString/Enum and some of them are not", r.t, l.t)
	}
	if l.t.isDateOrTime() && r.t.isDateOrTime() {
		return sameTime(l, r, run)
	}
	if l.t.k == kTuple && r.t.k == kTuple && len(l.t.el) == len(r.t.el) {
		return comparableTuples(l, r, fn, run)
	}
	if l.t.k == kArray && r.t.k == kArray {
		if st := superType(l.t, r.t); st != nil {
			return coerce(l, st), coerce(r, st), nil
		}
	}
	return nil, nil, queryError(codeIllegalType, "Illegal types of arguments (%s, %s) of function %s", l.t, r.t, fn)
}

func sameTime(l, r *expr, run *runner) (*expr, *expr, error) {
	if l.t.isDate() == r.t.isDate() {
		return l, r, nil
	}
	up := func(e, like *expr) *expr {
		loc := zone(like.t.tz, run.loc)
		return &expr{t: &typ{k: kDateTime64, scale: 6, tz: like.t.tz, null: e.t.null}, fixed: e.fixed, eval: func(f *frame) any {
			if d, ok := e.eval(f).(date); ok {
				return instantOf(d.time(loc))
			}
			return nil
		}}
	}
	if l.t.isDate() {
		return up(l, r), r, nil
	}
	return l, up(r, l), nil
}

func comparableTuples(l, r *expr, fn string, run *runner) (*expr, *expr, error) {
	ls, rs := make([]*expr, len(l.t.el)), make([]*expr, len(r.t.el))
	for i := range ls {
		a, err := tupleMember(l, i)
		if err != nil {
			return nil, nil, err
		}
		b, err := tupleMember(r, i)
		if err != nil {
			return nil, nil, err
		}
		if ls[i], rs[i], err = comparable2(a, b, fn, run); err != nil {
			return nil, nil, err
		}
	}
	lt, err := buildTuple(nil, ls)
	if err != nil {
		return nil, nil, err
	}
	rt, err := buildTuple(nil, rs)
	return lt, rt, err
}

// readConstant parses a text constant as the type it is compared with.
func readConstant(c *expr, t *typ, run *runner) (*expr, error) {
	v, _ := c.val.(string)
	out, err := readText(v, t, run)
	if err != nil {
		return nil, err
	}
	return constant(notNull(t), out), nil
}

func readText(v string, t *typ, run *runner) (any, error) {
	switch t.k {
	case kDate, kDate32:
		if d, rest, ok := parseDay(v); ok && rest == "" {
			return d, nil
		}
		return nil, queryError("cannot_parse_date", "Cannot parse date: value is %q", v)
	case kDateTime, kDateTime64:
		if at, ok := parseInstant(v, zone(t.tz, run.loc)); ok {
			return at, nil
		}
		return nil, queryError("cannot_parse_datetime", "Cannot parse DateTime: value is %q", v)
	case kUUID:
		id, err := uuid.Parse(v)
		if err != nil || len(v) != 36 {
			return nil, queryError("cannot_parse_uuid", "Cannot parse UUID: value is %q", v)
		}
		return id, nil
	}
	if t.isNumber() {
		if out := castText(v, t, run.loc); out != nil {
			return out, nil
		}
	}
	return nil, queryError(codeTypeMismatch, "Cannot convert string %q to type %s", v, t)
}
