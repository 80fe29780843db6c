package engine

import (
	"math"
	"slices"
)

func addStatAggregates(t map[string]aggDef) {
	for name, f := range map[string]func(m *moments) float64{
		"varPop":     func(m *moments) float64 { return m.m2 / m.n },
		"stddevPop":  func(m *moments) float64 { return math.Sqrt(m.m2 / m.n) },
		"varSamp":    func(m *moments) float64 { return m.sample() },
		"stddevSamp": func(m *moments) float64 { return math.Sqrt(m.sample()) },
	} {
		t[name] = aggDef{1, 1, func(c *aggCall) (*aggImpl, error) {
			tt := c.types[0]
			return &aggImpl{t: mk(kFloat64), make: func() aggState { return &momentState{t: tt, f: f} }}, c.numeric()
		}}
	}
	for name, f := range map[string]func(v []float64) float64{
		"skewPop":  func(v []float64) float64 { return central(v, 3) / math.Pow(central(v, 2), 1.5) },
		"kurtPop":  func(v []float64) float64 { return central(v, 4) / math.Pow(central(v, 2), 2) },
		"skewSamp": func(v []float64) float64 { return central(v, 3) / math.Pow(sampleVar(v), 1.5) },
		"kurtSamp": func(v []float64) float64 { return central(v, 4) / math.Pow(sampleVar(v), 2) },
	} {
		t[name] = aggDef{1, 1, func(c *aggCall) (*aggImpl, error) {
			tt := c.types[0]
			return &aggImpl{t: mk(kFloat64), make: func() aggState { return &valuesState{t: tt, f: f} }}, c.numeric()
		}}
	}
	for name, f := range map[string]func(p *pairs) float64{
		"covarPop":  func(p *pairs) float64 { return p.cxy / p.n },
		"covarSamp": func(p *pairs) float64 { return p.cxy / (p.n - 1) },
		"corr":      func(p *pairs) float64 { return p.cxy / math.Sqrt(p.m2x*p.m2y) },
	} {
		t[name] = aggDef{2, 2, func(c *aggCall) (*aggImpl, error) {
			x, y := c.types[0], c.types[1]
			return &aggImpl{t: mk(kFloat64), make: func() aggState { return &pairState{tx: x, ty: y, f: f} }}, c.numeric()
		}}
	}
}

// moments are kept by Welford's method, which stays exact for large means.
type moments struct{ n, mean, m2 float64 }

func (m *moments) add(x float64) {
	m.n++
	d := x - m.mean
	m.mean += d / m.n
	m.m2 += d * (x - m.mean)
}

func (m *moments) sample() float64 {
	if m.n < 2 {
		return math.NaN()
	}
	return m.m2 / (m.n - 1)
}

type momentState struct {
	moments
	t *typ
	f func(*moments) float64
}

func (s *momentState) add(a []any) { s.moments.add(number(a[0], s.t)) }
func (s *momentState) result() any { return s.f(&s.moments) }

// valuesState keeps all values for statistics that need a second look.
type valuesState struct {
	v []float64
	t *typ
	f func([]float64) float64
}

func (s *valuesState) add(a []any) { s.v = append(s.v, number(a[0], s.t)) }
func (s *valuesState) result() any { return s.f(s.v) }

func central(v []float64, power float64) float64 {
	mean, sum := 0.0, 0.0
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	for _, x := range v {
		sum += math.Pow(x-mean, power)
	}
	return sum / float64(len(v))
}

func sampleVar(v []float64) float64 {
	return central(v, 2) * float64(len(v)) / float64(len(v)-1)
}

type pairs struct{ n, mx, my, m2x, m2y, cxy float64 }

type pairState struct {
	pairs
	tx, ty *typ
	f      func(*pairs) float64
}

func (s *pairState) add(a []any) {
	x, y := number(a[0], s.tx), number(a[1], s.ty)
	s.n++
	dx, dy := x-s.mx, y-s.my
	s.mx += dx / s.n
	s.my += dy / s.n
	s.m2x += dx * (x - s.mx)
	s.m2y += dy * (y - s.my)
	s.cxy += dx * (y - s.my)
}

func (s *pairState) result() any { return s.f(&s.pairs) }

func addQuantiles(t map[string]aggDef) {
	t["quantile"] = aggDef{1, 1, buildQuantile}
	t["median"] = aggDef{1, 1, buildQuantile}
	t["quantiles"] = aggDef{1, 1, buildQuantile}
	t["quantileExact"] = aggDef{1, 1, buildQuantile}
	t["medianExact"] = aggDef{1, 1, buildQuantile}
}

// quantileState sorts what it saw; plain quantiles interpolate, exact ones
// take an element.
type quantileState struct {
	v      []any
	levels []float64
	many   bool
	exact  bool
	t      *typ
	sorted bool
}

func (s *quantileState) add(a []any) {
	if f, ok := a[0].(float64); ok && math.IsNaN(f) {
		return
	}
	s.v = append(s.v, a[0])
	s.sorted = false
}

func (s *quantileState) result() any {
	if !s.sorted {
		slices.SortFunc(s.v, compareValues)
		s.sorted = true
	}
	if !s.many {
		return s.at(s.levels[0])
	}
	out := make([]any, len(s.levels))
	for i, l := range s.levels {
		out[i] = s.at(l)
	}
	return out
}

func (s *quantileState) at(level float64) any {
	n := len(s.v)
	if n == 0 {
		if s.exact || s.t.isDateOrTime() {
			if s.t.k == kFloat64 {
				return math.NaN()
			}
			return zeroOf(s.t)
		}
		return math.NaN()
	}
	if s.exact {
		i := n - 1
		if level < 1 {
			i = int(level * float64(n))
		}
		return s.v[i]
	}
	x := level * float64(n-1)
	left := int(x)
	if left+1 >= n || float64(left) == x {
		return s.number(left)
	}
	f := x - float64(left)
	lo, _ := s.number(left).(float64)
	hi, _ := s.number(left + 1).(float64)
	return lo*(1-f) + hi*f
}

func (s *quantileState) number(i int) any { return number(s.v[i], s.t) }

func buildQuantile(c *aggCall) (*aggImpl, error) {
	exact := len(c.name) > 5 && c.name[len(c.name)-5:] == "Exact"
	many := c.name == "quantiles"
	t := c.types[0]
	if !t.isNumber() && t.k != kNothing && (!exact || !t.isDateOrTime()) {
		if t.isDateOrTime() {
			return nil, notSupported("%s of %s (quantileExact works)", c.name, t)
		}
		return nil, c.illegal()
	}
	var levels []float64
	for _, p := range c.params {
		l, ok := toFloat(p, 0).(float64)
		if !ok || math.IsNaN(l) || l < 0 || l > 1 {
			return nil, queryError("parameter_out_of_bound", "Quantile level is out of range [0..1]")
		}
		levels = append(levels, l)
	}
	if len(levels) == 0 {
		if many {
			return nil, queryError(codeArgumentCount, "Aggregate function %s requires at least one parameter", c.name)
		}
		levels = []float64{0.5}
	}
	rt := mk(kFloat64)
	if exact {
		rt = t
	}
	if many {
		rt = arrayOf(rt)
	}
	return &aggImpl{t: rt, make: func() aggState {
		return &quantileState{levels: levels, many: many, exact: exact, t: t}
	}}, nil
}
