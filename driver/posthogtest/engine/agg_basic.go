package engine

import (
	"math"
)

func addBasicAggregates(t map[string]aggDef) {
	t["count"] = aggDef{0, 9, buildCount}
	t["sum"] = aggDef{1, 1, buildSum}
	t["avg"] = aggDef{1, 1, buildAvg}
	t["avgWeighted"] = aggDef{2, 2, buildAvgWeighted}
	t["min"] = aggDef{1, 1, pick(func(have, v any) bool { return compareValues(v, have) < 0 })}
	t["max"] = aggDef{1, 1, pick(func(have, v any) bool { return compareValues(v, have) > 0 })}
	first := aggDef{1, 1, pick(func(any, any) bool { return false })}
	last := aggDef{1, 1, pick(func(any, any) bool { return true })}
	for _, n := range []string{"any", "first_value"} {
		t[n] = first
	}
	for _, n := range []string{"anyLast", "last_value"} {
		t[n] = last
	}
	t["argMin"] = aggDef{2, 2, argPick(func(c int) bool { return c < 0 })}
	t["argMax"] = aggDef{2, 2, argPick(func(c int) bool { return c > 0 })}
	for _, n := range []string{"uniq", "uniqExact"} {
		t[n] = aggDef{1, 9, buildUniq}
	}
	for name, op := range map[string]func(a, b uint64) uint64{
		"groupBitAnd": func(a, b uint64) uint64 { return a & b },
		"groupBitOr":  func(a, b uint64) uint64 { return a | b },
		"groupBitXor": func(a, b uint64) uint64 { return a ^ b },
	} {
		t[name] = aggDef{1, 1, bitwise(op, name == "groupBitAnd")}
	}
}

type countState struct{ n uint64 }

func (s *countState) add([]any)   { s.n++ }
func (s *countState) result() any { return s.n }

func buildCount(c *aggCall) (*aggImpl, error) {
	return &aggImpl{t: mk(kUInt64), never: true, make: func() aggState { return &countState{} }}, c.noParams()
}

type sumInt struct {
	n      uint64 // two's complement: wraps as ClickHouse's sum does
	signed bool
}

func (s *sumInt) add(a []any) {
	switch v := normal(a[0]).(type) {
	case uint64:
		s.n += v
	case int64:
		s.n += uint64(v) //nolint:gosec // wraps on purpose
	}
}

func (s *sumInt) result() any {
	if s.signed {
		return int64(s.n) //nolint:gosec // wraps on purpose
	}
	return s.n
}

type sumFloat struct{ f float64 }

func (s *sumFloat) add(a []any) {
	v, _ := a[0].(float64)
	s.f += v
}
func (s *sumFloat) result() any { return s.f }

func buildSum(c *aggCall) (*aggImpl, error) {
	if err := c.numeric(); err != nil {
		return nil, err
	}
	switch t := c.types[0]; {
	case t.k == kFloat64:
		return &aggImpl{t: mk(kFloat64), make: func() aggState { return &sumFloat{} }}, nil
	case t.isInt():
		signed := t.isSigned()
		return &aggImpl{t: intType(signed, 64), make: func() aggState { return &sumInt{signed: signed} }}, nil
	}
	return nil, notSupported("sum of %s", c.types[0])
}

type avgState struct {
	sum, n float64
	t      *typ
}

func (s *avgState) add(a []any) {
	s.sum += number(a[0], s.t)
	s.n++
}

func (s *avgState) result() any { return s.sum / s.n }

func buildAvg(c *aggCall) (*aggImpl, error) {
	t := c.types[0]
	return &aggImpl{t: mk(kFloat64), make: func() aggState { return &avgState{t: t} }}, c.numeric()
}

type avgWeighted struct {
	sum, weight float64
	tv, tw      *typ
}

func (s *avgWeighted) add(a []any) {
	w := number(a[1], s.tw)
	s.sum += number(a[0], s.tv) * w
	s.weight += w
}

func (s *avgWeighted) result() any { return s.sum / s.weight }

func buildAvgWeighted(c *aggCall) (*aggImpl, error) {
	tv, tw := c.types[0], c.types[1]
	return &aggImpl{t: mk(kFloat64), make: func() aggState { return &avgWeighted{tv: tv, tw: tw} }}, c.numeric()
}

// pickState keeps one value of those seen.
type pickState struct {
	v      any
	has    bool
	better func(have, v any) bool
	zero   any
}

func (s *pickState) add(a []any) {
	v := a[0]
	if f, ok := v.(float64); ok && math.IsNaN(f) && s.has {
		return
	}
	if !s.has || s.better(s.v, v) || missing(s.v) {
		s.v, s.has = v, true
	}
}

func (s *pickState) result() any {
	if !s.has {
		return s.zero
	}
	return s.v
}

func pick(better func(have, v any) bool) func(c *aggCall) (*aggImpl, error) {
	return func(c *aggCall) (*aggImpl, error) {
		t := c.types[0]
		zero := zeroOf(t)
		return &aggImpl{t: t, make: func() aggState { return &pickState{better: better, zero: zero} }}, c.noParams()
	}
}

// argState keeps the first argument of the row with the least or greatest
// second one.
type argState struct {
	arg, by any
	has     bool
	better  func(c int) bool
	zero    any
}

func (s *argState) add(a []any) {
	if !s.has || s.better(compareValues(a[1], s.by)) {
		s.arg, s.by, s.has = a[0], a[1], true
	}
}

func (s *argState) result() any {
	if !s.has {
		return s.zero
	}
	return s.arg
}

func argPick(better func(c int) bool) func(c *aggCall) (*aggImpl, error) {
	return func(c *aggCall) (*aggImpl, error) {
		zero := zeroOf(c.types[0])
		return &aggImpl{t: c.types[0], make: func() aggState { return &argState{better: better, zero: zero} }}, c.noParams()
	}
}

// uniqState counts distinct argument lists exactly; ClickHouse's uniq is exact
// too for sets of the demo's size.
type uniqState struct {
	one map[any]struct{}    // one scalar argument
	set map[string]struct{} // several, or lists
}

func (s *uniqState) add(a []any) {
	if len(a) == 1 {
		switch v := normal(a[0]).(type) {
		case []any:
		case float64:
			if v == v { //nolint:gocritic // NaN has no key of its own
				s.one[v] = struct{}{}
				return
			}
		default:
			s.one[v] = struct{}{}
			return
		}
	}
	if s.set == nil {
		s.set = map[string]struct{}{}
	}
	s.set[rowKey(a)] = struct{}{}
}

func (s *uniqState) result() any { return uint64(len(s.one) + len(s.set)) }

func buildUniq(*aggCall) (*aggImpl, error) {
	return &aggImpl{t: mk(kUInt64), never: true, make: func() aggState { return &uniqState{one: map[any]struct{}{}} }}, nil
}

type bitState struct {
	v  uint64
	op func(a, b uint64) uint64
}

func (s *bitState) add(a []any) {
	switch v := normal(a[0]).(type) {
	case uint64:
		s.v = s.op(s.v, v)
	case int64:
		s.v = s.op(s.v, uint64(v)) //nolint:gosec // bits
	}
}

func (s *bitState) result() any { return s.v }

func bitwise(op func(a, b uint64) uint64, ones bool) func(c *aggCall) (*aggImpl, error) {
	return func(c *aggCall) (*aggImpl, error) {
		t := c.types[0]
		if !t.isUnsigned() {
			return nil, c.illegal()
		}
		start := uint64(0)
		if ones {
			start = ^uint64(0) >> (64 - t.bits())
		}
		return &aggImpl{t: t, make: func() aggState { return &bitState{v: start, op: op} }}, c.noParams()
	}
}
