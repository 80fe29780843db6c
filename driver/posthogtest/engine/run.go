package engine

import (
	"slices"
)

// outRow is a projected row with what it is sorted and limited by.
type outRow struct {
	vals []any
	keys []any
	by   string
}

func (s *scope) newFrame() *frame {
	f := &frame{
		slots: make([]slot, len(s.tables)),
		exp:   make([]any, len(s.exps)),
		vars:  make([]any, s.nvars),
		win:   make([]any, len(s.wins)),
	}
	return f
}

// run evaluates the plan: FROM, ARRAY JOIN, WHERE, GROUP BY, windows, SELECT,
// DISTINCT, ORDER BY, LIMIT BY, LIMIT.
func (p *selectPlan) run() (*relation, error) {
	s := p.s
	f := s.newFrame()
	out := &collector{p: p, f: f}
	if t := p.tail; len(p.order) > 0 && t.limit >= 0 && !t.ties && p.limitBy == nil && !s.q.Distinct {
		out.top = t.limit + t.offset
	}
	var err error
	switch {
	case s.grouped && len(s.wins) > 0:
		err = s.windowed(f, func(emit func() bool) error { return p.groups(f, emit) }, out.add)
	case s.grouped:
		err = p.groups(f, out.add)
	case len(s.wins) > 0:
		err = s.windowed(f, func(emit func() bool) error { return p.rows(f, emit) }, out.add)
	default:
		out.early = len(p.order) == 0 && p.limitBy == nil && p.tail.limit >= 0
		err = p.rows(f, out.add)
	}
	if err == nil {
		err = f.err
	}
	if err == nil {
		err = out.err
	}
	if err != nil {
		return nil, err
	}
	return out.finish()
}

// rows yields the rows that pass WHERE.
func (p *selectPlan) rows(f *frame, emit func() bool) error {
	s := p.s
	pass := func() bool {
		if p.where != nil && !truthy(p.where.eval(f)) {
			return f.err == nil
		}
		return f.err == nil && emit()
	}
	if len(s.exps) == 0 {
		return p.from(f, pass)
	}
	if s.earlyWhere {
		return p.from(f, func() bool {
			if p.where != nil && !truthy(p.where.eval(f)) {
				return f.err == nil
			}
			return s.unroll(f, false, emit)
		})
	}
	return p.from(f, func() bool { return s.unroll(f, false, pass) })
}

// unroll repeats the row for the elements of its ARRAY JOIN items, which go in
// step, and of its arrayJoin() calls, which multiply.
func (s *scope) unroll(f *frame, post bool, emit func() bool) bool {
	clause := len(s.q.ArrayJoin)
	if post || clause == 0 {
		return s.unrollCalls(f, clause, post, emit)
	}
	lists := make([][]any, clause)
	n := 0
	for i := range lists {
		lists[i], _ = s.exps[i].arr.eval(f).([]any)
		if i > 0 && len(lists[i]) != n && f.err == nil {
			f.fail(queryError("sizes_of_arrays_dont_match", "Sizes of ARRAY-JOIN-ed arrays do not match"))
		}
		n = len(lists[i])
	}
	if f.err != nil {
		return false
	}
	if n == 0 && s.q.ArrayJoinOp == "LEFT ARRAY JOIN" {
		for i := range lists {
			f.exp[i] = zeroOf(s.exps[i].arr.t.elem())
		}
		return s.unrollCalls(f, clause, post, emit)
	}
	for row := range n {
		for i := range lists {
			f.exp[i] = lists[i][row]
		}
		if !s.unrollCalls(f, clause, post, emit) {
			return false
		}
	}
	return true
}

func (s *scope) unrollCalls(f *frame, i int, post bool, emit func() bool) bool {
	for i < len(s.exps) && s.exps[i].post != post {
		i++
	}
	if i >= len(s.exps) {
		return emit()
	}
	list, _ := s.exps[i].arr.eval(f).([]any)
	if f.err != nil {
		return false
	}
	for _, v := range list {
		f.exp[i] = v
		if !s.unrollCalls(f, i+1, post, emit) {
			return false
		}
	}
	return true
}

// group is one GROUP BY group.
type group struct {
	keys   []any
	states []aggState
}

// groups yields one frame per group, with keys and aggregate results set.
func (p *selectPlan) groups(f *frame, emit func() bool) error {
	s := p.s
	list, err := p.aggregateRows(f)
	if err != nil {
		return err
	}
	f.aggs = make([]any, len(s.aggs))
	post := slices.ContainsFunc(s.exps, func(x *unrolled) bool { return x.post })
	for i, g := range list {
		if err := s.r.check(i); err != nil {
			return err
		}
		f.keys = g.keys
		for j, st := range g.states {
			f.aggs[j] = st.result()
			if e, ok := f.aggs[j].(error); ok {
				return e
			}
		}
		if post && !s.unroll(f, true, emit) || !post && !emit() {
			break
		}
	}
	return f.err
}

func (p *selectPlan) aggregateRows(f *frame) ([]*group, error) {
	s := p.s
	byKey := map[string]*group{}
	var list []*group
	fresh := func() *group {
		g := &group{states: make([]aggState, len(s.aggs))}
		for i, a := range s.aggs {
			g.states[i] = a.fresh()
		}
		list = append(list, g)
		return g
	}
	var only *group
	if len(s.keys) == 0 && !s.hasKeys {
		only = fresh()
	}
	var buf []byte
	vals := make([]any, len(s.keys))
	var capErr error
	feed := func(g *group) bool {
		for i, a := range s.aggs {
			a.feed(f, g.states[i])
		}
		return f.err == nil
	}
	find := func(set int) *group {
		buf = buf[:0]
		if s.sets != nil {
			buf = append(buf, byte(set))
		}
		for _, v := range vals {
			buf = appendKey(buf, v)
		}
		g := byKey[string(buf)]
		if g == nil {
			if capErr = s.r.capRows(len(list)+1, "GROUP BY"); capErr != nil {
				return nil
			}
			g = fresh()
			g.keys = slices.Clone(vals)
			byKey[string(buf)] = g
		}
		return g
	}
	row := make([]any, len(s.keys))
	err := p.rows(f, func() bool {
		if only != nil {
			return feed(only)
		}
		for i := range s.keys {
			row[i] = s.keys[i].e.eval(f)
		}
		copy(vals, row)
		if s.sets == nil {
			g := find(0)
			return g != nil && feed(g)
		}
		for n, set := range s.sets {
			for i, in := range set {
				if vals[i] = row[i]; !in {
					vals[i] = zeroOf(s.keys[i].e.t)
				}
			}
			if g := find(n); g == nil || !feed(g) {
				return false
			}
		}
		return true
	})
	if err == nil {
		err = capErr
	}
	return list, err
}

// collector projects rows and applies what comes after.
type collector struct {
	p     *selectPlan
	f     *frame
	rows  []outRow
	seen  map[string]struct{}
	early bool // no ORDER BY: stop when LIMIT is reached
	top   int  // only the first top rows by ORDER BY are wanted; 0: all
	worst []any
	err   error
	buf   []byte
}

func (c *collector) add() bool {
	p, f := c.p, c.f
	if p.having != nil && !truthy(p.having.eval(f)) {
		return f.err == nil
	}
	if p.qualify != nil && !truthy(p.qualify.eval(f)) {
		return f.err == nil
	}
	if c.early && len(c.rows) >= p.tail.limit+p.tail.offset {
		return false
	}
	row := outRow{vals: make([]any, len(p.items))}
	if len(p.order) > 0 && !c.sortable(&row) {
		return f.err == nil
	}
	for i := range p.items {
		row.vals[i] = p.items[i].e.eval(f)
	}
	if p.s.q.Distinct && !c.unseen(row.vals) {
		return f.err == nil
	}
	if p.limitBy != nil {
		c.buf = c.buf[:0]
		for _, e := range p.limitBy {
			c.buf = appendKey(c.buf, e.eval(f))
		}
		row.by = string(c.buf)
	}
	c.rows = append(c.rows, row)
	if c.top > 0 && len(c.rows) >= 2*c.top+1000 {
		c.prune()
	}
	if c.err = p.s.r.capRows(len(c.rows), "The query"); c.err != nil {
		return false
	}
	if c.early && len(c.rows) >= p.tail.limit+p.tail.offset {
		return false
	}
	return f.err == nil
}

// sortable evaluates the sort keys; false means that enough rows before this
// one are known, so that it cannot be in the answer.
func (c *collector) sortable(row *outRow) bool {
	row.keys = make([]any, len(c.p.order))
	for i, e := range c.p.order {
		row.keys[i] = e.eval(c.f)
		if i == 0 && c.worst != nil && compareKey(row.keys[0], c.worst[0], c.p.keys[0]) > 0 {
			return false
		}
	}
	return c.worst == nil || compareRows(row.keys, c.worst, c.p.keys) < 0
}

// prune keeps the first top rows by ORDER BY.
func (c *collector) prune() {
	c.sort()
	c.rows = slices.Delete(c.rows, c.top, len(c.rows))
	c.worst = c.rows[c.top-1].keys
}

func (c *collector) sort() {
	n := 0
	slices.SortStableFunc(c.rows, func(a, b outRow) int {
		if n++; c.err == nil && n&0xffff == 0 {
			c.err = c.p.s.r.check(0)
		}
		return compareRows(a.keys, b.keys, c.p.keys)
	})
}

func (c *collector) unseen(vals []any) bool {
	if c.seen == nil {
		c.seen = map[string]struct{}{}
	}
	c.buf = c.buf[:0]
	for _, v := range vals {
		c.buf = appendKey(c.buf, v)
	}
	if _, dup := c.seen[string(c.buf)]; dup {
		return false
	}
	c.seen[string(c.buf)] = struct{}{}
	return true
}

func (c *collector) finish() (*relation, error) {
	p := c.p
	rel := &relation{}
	for _, it := range p.items {
		rel.names = append(rel.names, it.name)
		rel.types = append(rel.types, it.e.t)
	}
	if len(p.order) > 0 {
		if c.sort(); c.err != nil {
			return nil, c.err
		}
	}
	rows := c.rows
	if p.limitBy != nil {
		rows = p.applyLimitBy(rows)
	}
	for _, row := range p.tail.cut(rows, func(a, b outRow) bool { return compareRows(a.keys, b.keys, p.keys) == 0 }) {
		rel.rows = append(rel.rows, row.vals)
	}
	return rel, nil
}

func (p *selectPlan) applyLimitBy(rows []outRow) []outRow {
	counts := map[string]int{}
	var out []outRow
	for _, row := range rows {
		counts[row.by]++
		if n := counts[row.by]; n > p.tail.byOffset && n <= p.tail.byOffset+p.tail.by {
			out = append(out, row)
		}
	}
	return out
}

// cut applies OFFSET and LIMIT; tied tells rows that WITH TIES keeps together.
func (t tail) cut(rows []outRow, tied func(a, b outRow) bool) []outRow {
	rows = rows[min(t.offset, len(rows)):]
	if t.limit < 0 || t.limit >= len(rows) {
		return rows
	}
	n := t.limit
	for t.ties && n > 0 && n < len(rows) && tied(rows[n-1], rows[n]) {
		n++
	}
	return rows[:n]
}
