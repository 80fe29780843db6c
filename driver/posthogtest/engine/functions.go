package engine

import (
	"strings"
	"sync"
	"time"
)

// builder makes a call of a plain function from its compiled arguments.
type builder func(s *scope, args []*expr) (*expr, error)

// impl computes a function from argument values, none of them NULL. The slice
// is reused; an error as the result fails the query.
type impl func(a []any) any

// callInfo is what a function is built from.
type callInfo struct {
	name string
	args []*expr
	t    []*typ
	s    *scope
	loc  *time.Location
}

type table map[string]builder

// functions is built on first use; an initialiser would refer to itself, some
// functions being made of others.
var functions struct {
	once sync.Once
	t    table
}

// functionTable holds the plain functions by name.
func functionTable() table {
	functions.once.Do(func() { functions.t = newFunctionTable() })
	return functions.t
}

func newFunctionTable() table {
	t := table{}
	addCompareFunctions(t)
	addMathFunctions(t)
	addConditionalFunctions(t)
	addConversions(t)
	addStringFunctions(t)
	addSearchFunctions(t)
	addURLFunctions(t)
	addDateParts(t)
	addDateFunctions(t)
	addFormatFunctions(t)
	addArrayPlain(t)
	addTupleFunctions(t)
	addHashFunctions(t)
	return t
}

// add registers a function that is NULL when an argument is. sig has one
// letter for each argument: s text, n number, i integer, b condition, d date
// or time, a array, t tuple, * any; ? before a letter makes it and the rest
// optional, + at the end repeats the last.
func (t table) add(name, sig string, build func(c *callInfo) (*typ, impl, error)) {
	t[name] = func(s *scope, args []*expr) (*expr, error) {
		if err := checkArguments(name, sig, args); err != nil {
			return nil, err
		}
		for _, a := range args {
			if a.t.k == kNothing && a.t.null {
				return constant(a.t, nil), nil
			}
		}
		c := &callInfo{name: name, args: args, s: s, loc: s.r.loc}
		null := false
		for _, a := range args {
			null = null || a.t.null
			c.t = append(c.t, notNull(a.t))
		}
		rt, fn, err := build(c)
		if err != nil {
			return nil, err
		}
		if null {
			rt = nullable(rt)
		}
		var fill []any
		if null && !rt.null { // a list cannot be NULL: NULL arguments count as default values
			for _, at := range c.t {
				fill = append(fill, zeroOf(at))
			}
		}
		return &expr{t: rt, eval: strictCall(args, fn, fill)}, nil
	}
}

// simple registers a function whose type and code do not depend on the call.
func (t table) simple(name, sig string, rt *typ, fn impl) {
	t.add(name, sig, func(*callInfo) (*typ, impl, error) { return rt, fn, nil })
}

func strictCall(args []*expr, fn impl, fill []any) func(*frame) any {
	buf := make([]any, len(args))
	return func(f *frame) any {
		for i, a := range args {
			v := a.eval(f)
			if v == nil {
				if fill == nil {
					return nil
				}
				v = fill[i]
			}
			buf[i] = v
		}
		v := fn(buf)
		if err, ok := v.(error); ok {
			return f.fail(err)
		}
		return v
	}
}

func checkArguments(name, sig string, args []*expr) error {
	least, letters, repeat := -1, "", strings.HasSuffix(sig, "+")
	for _, r := range strings.TrimSuffix(sig, "+") {
		if r == '?' {
			least = len(letters)
			continue
		}
		letters += string(r)
	}
	if least < 0 {
		least = len(letters)
	}
	if len(args) < least || len(args) > len(letters) && !repeat {
		return queryError(codeArgumentCount, "Number of arguments for function %s doesn't match: passed %d", name, len(args))
	}
	for i, a := range args {
		if !fits(letters[min(i, len(letters)-1)], a.t) {
			return queryError(codeIllegalType, "Illegal type %s of argument %d of function %s", a.t, i+1, name)
		}
	}
	return nil
}

func fits(letter byte, t *typ) bool {
	if t.k == kNothing {
		return true
	}
	switch letter {
	case 's':
		return t.k == kString
	case 'n':
		return t.isNumber() && t.k != kDecimal
	case 'i':
		return t.isInt()
	case 'b':
		return t.isNumber()
	case 'd':
		return t.isDateOrTime()
	case 'D':
		return t.isDateTime()
	case 'a':
		return t.k == kArray
	case 't':
		return t.k == kTuple
	case 'v':
		return t.k == kInterval
	default:
		return true
	}
}

// constantText is argument i as a constant string.
func (c *callInfo) constantText(i int) (string, error) {
	v, ok := c.args[i].val.(string)
	if !ok || !c.args[i].fixed {
		return "", queryError("illegal_column", "Argument %d of function %s must be a constant string", i+1, c.name)
	}
	return v, nil
}

// constantInt is argument 1, counted from 0, as a constant whole number, or
// absent when there are fewer arguments.
func (c *callInfo) constantInt(absent int64) (int64, error) {
	const i = 1
	if i >= len(c.args) {
		return absent, nil
	}
	v, ok := wholeNumber(c.args[i].val, mk(kInt64), 0).(int64)
	if !ok || !c.args[i].fixed {
		return 0, queryError("illegal_column", "Argument %d of function %s must be a constant whole number", i+1, c.name)
	}
	return v, nil
}

func (c *callInfo) illegal(i int) error {
	return queryError(codeIllegalType, "Illegal type %s of argument %d of function %s", c.t[i], i+1, c.name)
}

func str(v any) string {
	s, _ := v.(string)
	return s
}

// whole is an integer value as int64; floats are cut.
func whole(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case uint64:
		return int64(min(v, 1<<63-1)) //nolint:gosec // cut to the range
	case bool:
		if v {
			return 1
		}
	case float64:
		return int64(v)
	}
	return 0
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func float(v any) float64 {
	f, _ := toFloat(v, 0).(float64)
	return f
}
