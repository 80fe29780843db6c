package engine

import (
	"slices"
	"sort"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// window is one window function call.
type window struct {
	name      string
	partition []*expr
	order     []*expr
	keys      []sortKey
	frame     windowFrame
	args      []*expr
	agg       *aggregate // set for aggregates
	offset    int        // of lag, lead and nth_value; buckets of ntile
	absent    *expr      // default of lag and lead
}

// windowFrame is ROWS or RANGE with bounds relative to the current row.
type windowFrame struct {
	rows       bool
	start, end frameBound
}

type frameBound struct {
	unbounded bool
	offset    float64 // negative: preceding
}

// windowCall compiles a window function and gives the reader of its result.
func (s *scope) windowCall(n *hogql.WindowFunction) (*expr, error) {
	def, err := s.windowDefinition(n)
	if err != nil {
		return nil, err
	}
	w := &window{name: canonicalName(n.Name)}
	for _, e := range def.PartitionBy {
		c, err := s.compile(e)
		if err != nil {
			return nil, err
		}
		w.partition = append(w.partition, plainText(c))
	}
	for _, o := range def.OrderBy {
		c, err := s.compile(o.Expr)
		if err != nil {
			return nil, err
		}
		w.order = append(w.order, plainText(c))
		w.keys = append(w.keys, sortKey{desc: o.Desc})
	}
	if err := s.windowFrame(w, def); err != nil {
		return nil, err
	}
	t, err := s.windowFunction(w, n)
	if err != nil {
		return nil, err
	}
	i := len(s.wins)
	s.wins = append(s.wins, w)
	return &expr{t: t, eval: func(f *frame) any { return f.win[i] }}, nil
}

func (s *scope) windowDefinition(n *hogql.WindowFunction) (*hogql.WindowExpr, error) {
	if n.Over != nil {
		return n.Over, nil
	}
	for _, w := range s.q.Windows {
		if w.Name == n.OverName {
			return w.Window, nil
		}
	}
	if n.OverName == "" {
		return &hogql.WindowExpr{}, nil
	}
	return nil, queryError(codeBadArguments, "Window '%s' is not defined", n.OverName)
}

func (s *scope) windowFrame(w *window, def *hogql.WindowExpr) error {
	w.frame = windowFrame{start: frameBound{unbounded: true}}
	if len(w.order) == 0 {
		w.frame.end.unbounded = true
	}
	if def.FrameMethod == "" {
		return nil
	}
	w.frame.rows = def.FrameMethod == "ROWS"
	var err error
	if w.frame.start, err = s.frameBound(def.FrameStart); err != nil {
		return err
	}
	w.frame.end = frameBound{}
	if def.FrameEnd != nil {
		if w.frame.end, err = s.frameBound(def.FrameEnd); err != nil {
			return err
		}
	}
	if !w.frame.rows && (w.frame.start.offset != 0 || w.frame.end.offset != 0) {
		if len(w.order) != 1 || !w.order[0].t.isNumber() && !w.order[0].t.isDateOrTime() {
			return notSupported("RANGE with an offset over anything but one number or time")
		}
	}
	return nil
}

func (s *scope) frameBound(b *hogql.WindowFrameExpr) (frameBound, error) {
	if b == nil || b.Type == "CURRENT ROW" {
		return frameBound{}, nil
	}
	if b.Value == nil {
		return frameBound{unbounded: true}, nil
	}
	e, err := s.compile(b.Value)
	if err != nil {
		return frameBound{}, err
	}
	v, ok := toFloat(e.val, 0).(float64)
	if !ok || !e.fixed || v < 0 {
		return frameBound{}, queryError(codeBadArguments, "A window frame's offset must be a constant non-negative number")
	}
	if b.Type == "PRECEDING" {
		v = -v
	}
	return frameBound{offset: v}, nil
}

func (s *scope) windowFunction(w *window, n *hogql.WindowFunction) (*typ, error) {
	if !offered(n.Name) {
		return nil, unknownFunction(n.Name)
	}
	params, args := n.Arguments()
	if name, ok := parseAggregate(n.Name); ok {
		a, err := s.newAggregate(name, params, args, n.Filter, false)
		if err != nil {
			return nil, err
		}
		w.agg = a
		return a.t, nil
	}
	if n.Filter != nil || len(params) > 0 {
		return nil, queryError(codeBadArguments, "Window function %s takes neither parameters nor FILTER", n.Name)
	}
	list, err := s.compileAll(args)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i] = plainText(list[i])
	}
	w.args = list
	count := func(lo, hi int) error {
		if len(list) < lo || len(list) > hi {
			return queryError(codeArgumentCount, "Window function %s got %d arguments", n.Name, len(list))
		}
		return nil
	}
	switch w.name {
	case "row_number", "rank", "dense_rank":
		return mk(kUInt64), count(0, 0)
	case "percent_rank", "cume_dist":
		return mk(kFloat64), count(0, 0)
	case "ntile":
		if err := count(1, 1); err != nil {
			return nil, err
		}
		w.offset, err = constantOffset(w.name, list[0], 1)
		return mk(kUInt64), err
	case "lag", "lead", "lagInFrame", "leadInFrame":
		if err := count(1, 3); err != nil {
			return nil, err
		}
		return s.lagType(w, list)
	case "nth_value":
		if err := count(2, 2); err != nil {
			return nil, err
		}
		w.offset, err = constantOffset(w.name, list[1], 1)
		return list[0].t, err
	}
	return nil, unknownFunction(n.Name)
}

func (s *scope) lagType(w *window, list []*expr) (*typ, error) {
	w.offset = 1
	t := nullable(list[0].t)
	w.absent = constant(t, zeroOf(t))
	if len(list) > 1 {
		var err error
		if w.offset, err = constantOffset(w.name, list[1], 0); err != nil {
			return nil, err
		}
	}
	if len(list) > 2 {
		st := superType(t, list[2].t)
		if st == nil {
			return nil, queryError(codeNoCommonType, "The default value of %s has the type %s, not %s", w.name, list[2].t, t)
		}
		w.absent, w.args[0] = coerce(list[2], st), coerce(list[0], st)
		return st, nil
	}
	return t, nil
}

func constantOffset(name string, e *expr, least int64) (int, error) {
	v, ok := wholeNumber(e.val, mk(kInt64), 0).(int64)
	if !ok || !e.fixed || v < least {
		return 0, queryError(codeBadArguments, "The offset of %s must be a constant whole number from %d", name, least)
	}
	return int(min(v, 1<<31)), nil
}

// captured is a row kept while windows are computed.
type captured struct {
	slots           []slot
	exp, keys, aggs []any
	win             []any
}

func (c *captured) load(f *frame) {
	copy(f.slots, c.slots)
	copy(f.exp, c.exp)
	f.keys, f.aggs = c.keys, c.aggs
	copy(f.win, c.win)
}

// windowed gathers all rows, computes the windows, and yields the rows again.
func (s *scope) windowed(f *frame, rows func(emit func() bool) error, emit func() bool) error {
	var list []captured
	var capErr error
	err := rows(func() bool {
		if capErr = s.r.capRows(len(list)+1, "A query with window functions"); capErr != nil {
			return false
		}
		list = append(list, captured{
			slots: slices.Clone(f.slots), exp: slices.Clone(f.exp), keys: f.keys, aggs: slices.Clone(f.aggs),
			win: make([]any, len(s.wins)),
		})
		return true
	})
	if err == nil {
		err = capErr
	}
	if err != nil {
		return err
	}
	for i, w := range s.wins {
		if err := s.compute(f, w, i, list); err != nil {
			return err
		}
	}
	for i := range list {
		if err := s.r.check(i); err != nil {
			return err
		}
		list[i].load(f)
		if !emit() {
			break
		}
	}
	return f.err
}

// windowRow is a row with its place in its partition.
type windowRow struct {
	row  int
	part string
	keys []any
}

func (s *scope) compute(f *frame, w *window, at int, list []captured) error {
	rows := make([]windowRow, len(list))
	var buf []byte
	for i := range list {
		if err := s.r.check(i); err != nil {
			return err
		}
		list[i].load(f)
		buf = buf[:0]
		for _, e := range w.partition {
			buf = appendKey(buf, e.eval(f))
		}
		rows[i] = windowRow{row: i, part: string(buf), keys: make([]any, len(w.order))}
		for j, e := range w.order {
			rows[i].keys[j] = e.eval(f)
		}
	}
	if f.err != nil {
		return f.err
	}
	slices.SortStableFunc(rows, func(a, b windowRow) int {
		if c := strings.Compare(a.part, b.part); c != 0 {
			return c
		}
		return compareRows(a.keys, b.keys, w.keys)
	})
	for lo := 0; lo < len(rows); {
		hi := lo + sort.Search(len(rows)-lo, func(i int) bool { return rows[lo+i].part != rows[lo].part })
		p := &partition{s: s, w: w, f: f, at: at, list: list, rows: rows[lo:hi]}
		if err := p.compute(); err != nil {
			return err
		}
		lo = hi
	}
	return f.err
}
