package engine

import (
	"slices"
	"strings"
	"sync"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// aggName is an aggregate's name split into its base and combinators.
type aggName struct {
	full, base string
	cond       bool // -If
	array      bool // -Array
	distinct   bool // -Distinct
	orNull     bool // -OrNull
	orDefault  bool // -OrDefault
}

// parseAggregate splits a name; ok is false when it is not an aggregate.
func parseAggregate(name string) (aggName, bool) {
	n := aggName{full: name, base: canonicalName(name)}
	table := aggregateTable()
	for {
		if _, ok := table[n.base]; ok {
			return n, true
		}
		cut := false
		for _, c := range []struct {
			suffix string
			flag   *bool
		}{{"If", &n.cond}, {"Array", &n.array}, {"Distinct", &n.distinct}, {"OrNull", &n.orNull}, {"OrDefault", &n.orDefault}} {
			if base, ok := strings.CutSuffix(n.base, c.suffix); ok && base != "" && !*c.flag {
				n.base, *c.flag, cut = base, true, true
				break
			}
		}
		if !cut {
			return n, false
		}
	}
}

// aggCall is what an aggregate is built from. Types are those of the values it
// is fed: not nullable unless keepNull is set, elements under -Array.
type aggCall struct {
	name   string
	params []any
	types  []*typ
	run    *runner
}

func (c *aggCall) illegal() error {
	names := make([]string, len(c.types))
	for i, t := range c.types {
		names[i] = t.String()
	}
	return queryError(codeIllegalType, "Illegal type %s of argument for aggregate function %s", strings.Join(names, ", "), c.name)
}

// aggImpl is the implementation that an aggregate name stands for.
type aggImpl struct {
	t    *typ
	make func() aggState
	// never is true when the result is not NULL even over nullable arguments
	// without a value: counts and arrays.
	never bool
	// empty is the result over no rows where the state itself has none.
	empty    any
	hasEmpty bool
}

// aggDef describes one aggregate function.
type aggDef struct {
	min, max int // number of arguments
	build    func(c *aggCall) (*aggImpl, error)
}

// aggregateTable holds the aggregates by name.
var aggregateTable = sync.OnceValue(func() map[string]aggDef {
	t := map[string]aggDef{}
	addBasicAggregates(t)
	addArrayAggregates(t)
	addStatAggregates(t)
	addQuantiles(t)
	addSequenceAggregates(t)
	return t
})

// aggregateCall compiles a call of an aggregate in the SELECT of a grouped
// query.
func (s *scope) aggregateCall(n *hogql.Call, name aggName) (*expr, error) {
	if s.inAgg {
		return nil, queryError(codeIllegalAggr, "Aggregate function %s is found inside another aggregate function in query", n.Text(s.r.opts.Source))
	}
	if !s.grouped {
		return nil, queryError(codeIllegalAggr, "Aggregate function %s is found in a clause that is evaluated before aggregation", n.Name)
	}
	if len(n.OrderBy) > 0 || len(n.WithinGroup) > 0 {
		return nil, notSupported("ORDER BY inside %s(...)", n.Name)
	}
	fp := s.fingerprint(n)
	if i := slices.IndexFunc(s.aggs, func(a *aggregate) bool { return a.fp == fp }); i >= 0 {
		return &expr{t: s.aggs[i].t, eval: func(f *frame) any { return f.aggs[i] }}, nil
	}
	s.inAgg = true
	a, err := s.newAggregate(name, n.Params, n.Args, n.Filter, n.Distinct)
	s.inAgg = false
	if err != nil {
		return nil, err
	}
	a.fp = fp
	i := len(s.aggs)
	s.aggs = append(s.aggs, a)
	return &expr{t: a.t, eval: func(f *frame) any { return f.aggs[i] }}, nil
}

// newAggregate compiles the parts of an aggregate call in the current mode.
func (s *scope) newAggregate(name aggName, params, args []hogql.Expr, filter hogql.Expr, distinct bool) (*aggregate, error) {
	call := &aggCall{name: name.base, run: s.r}
	for _, p := range params {
		e, err := s.compile(p)
		if err != nil {
			return nil, err
		}
		if !e.fixed {
			return nil, queryError(codeBadArguments, "Parameter of aggregate function %s must be a constant", name.full)
		}
		call.params = append(call.params, e.val)
	}
	if len(args) == 1 && isStar(args[0]) {
		if name.base != "count" {
			return nil, queryError(codeNotImplemented, "* is not an argument of %s", name.full)
		}
		args = nil
	}
	a := &aggregate{distinct: name.distinct || distinct, each: name.array}
	list := args
	if name.cond {
		if len(args) == 0 {
			return nil, queryError(codeArgumentCount, "Aggregate function %s needs a condition", name.full)
		}
		list = args[:len(args)-1]
		filter = andExpr(args[len(args)-1], filter)
	}
	var err error
	if filter != nil {
		if a.cond, err = s.condition(filter); err != nil {
			return nil, err
		}
	}
	def := aggregateTable()[name.base]
	if name.base == "count" && !a.distinct {
		def.max = 1 // only count(DISTINCT a, b) takes several
	}
	if len(list) < def.min || len(list) > def.max {
		return nil, queryError(codeArgumentCount, "Incorrect number of arguments for aggregate function %s: %d", name.full, len(list))
	}
	anyNull := false
	for _, arg := range list {
		e, err := s.compile(arg)
		if err != nil {
			return nil, err
		}
		e = plainText(e)
		a.args = append(a.args, e)
		t := e.t
		if name.array {
			if t.k != kArray {
				return nil, queryError(codeIllegalType, "Illegal type %s of argument for aggregate function %s with Array suffix. Must be array.", t, name.full)
			}
			t = t.elem()
		}
		anyNull = anyNull || t.null
		call.types = append(call.types, notNull(t))
	}
	if name.array && len(a.args) == 0 {
		return nil, queryError(codeArgumentCount, "-Array aggregate functions require at least one argument")
	}
	a.buf = make([]any, len(a.args))
	return a, a.finish(name, def, call, anyNull)
}

func (a *aggregate) finish(name aggName, def aggDef, call *aggCall, anyNull bool) error {
	if !name.array && name.base != "count" && !strings.HasPrefix(name.base, "uniq") && slices.ContainsFunc(call.types, func(t *typ) bool { return t.k == kNothing }) {
		a.t, a.skip = &typ{k: kNothing, null: true}, true
		a.make = func() aggState { return &pickState{} }
		return nil
	}
	impl, err := def.build(call)
	if err != nil {
		return err
	}
	a.t, a.make, a.skip = impl.t, impl.make, anyNull
	a.guard, a.zero = impl.hasEmpty, impl.empty
	canNull := a.t.k != kArray && a.t.k != kTuple
	switch {
	case name.orNull && canNull, anyNull && !impl.never && canNull:
		a.t, a.guard, a.zero = nullable(a.t), true, nil
	case name.orDefault:
		a.guard, a.zero = true, zeroOf(a.t)
	}
	return nil
}

func isStar(e hogql.Expr) bool {
	f, ok := e.(*hogql.Field)
	return ok && len(f.Chain) == 1 && f.Chain[0] == "*"
}

func andExpr(a, b hogql.Expr) hogql.Expr {
	if b == nil {
		return a
	}
	return &hogql.And{Exprs: []hogql.Expr{a, b}}
}

// intParam is the first parameter as a whole number.
func (c *aggCall) intParam(absent int64) (int64, error) {
	if len(c.params) == 0 {
		return absent, nil
	}
	v, ok := wholeNumber(c.params[0], mk(kInt64), 0).(int64)
	if !ok || v < 0 {
		return 0, queryError(codeBadArguments, "Parameter 1 of aggregate function %s must be a non-negative whole number", c.name)
	}
	return v, nil
}

func (c *aggCall) noParams() error {
	if len(c.params) > 0 {
		return queryError("aggregate_function_doesnt_allow_parameters", "Aggregate function %s cannot have parameters", c.name)
	}
	return nil
}

func (c *aggCall) numeric() error {
	for _, t := range c.types {
		if !t.isNumber() && t.k != kNothing {
			return c.illegal()
		}
	}
	return c.noParams()
}
