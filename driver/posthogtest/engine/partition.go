package engine

import "sort"

// partition computes one window over one partition, whose rows are sorted.
type partition struct {
	s    *scope
	w    *window
	f    *frame
	at   int
	list []captured
	rows []windowRow
	work int
}

func (p *partition) load(i int) *frame {
	p.list[p.rows[i].row].load(p.f)
	return p.f
}

func (p *partition) set(i int, v any) { p.list[p.rows[i].row].win[p.at] = v }

func (p *partition) peer(i, j int) bool {
	return compareRows(p.rows[i].keys, p.rows[j].keys, p.w.keys) == 0
}

func (p *partition) compute() error {
	switch p.w.name {
	case "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile":
		return p.ranks()
	}
	if p.w.agg != nil {
		return p.aggregate()
	}
	for i := range p.rows {
		if err := p.s.r.check(i); err != nil {
			return err
		}
		lo, hi := 0, len(p.rows)
		if p.w.name != "lag" && p.w.name != "lead" {
			lo, hi = p.bounds(i)
		}
		target := i
		switch p.w.name {
		case "lag", "lagInFrame":
			target = i - p.w.offset
		case "lead", "leadInFrame":
			target = i + p.w.offset
		case "nth_value":
			target = lo + p.w.offset - 1
		}
		switch {
		case target >= lo && target < hi:
			p.set(i, p.w.args[0].eval(p.load(target)))
		case p.w.absent != nil:
			p.set(i, p.w.absent.eval(p.load(i)))
		default:
			p.set(i, zeroOf(p.w.args[0].t))
		}
	}
	return p.f.err
}

func (p *partition) ranks() error {
	n := len(p.rows)
	first, dense := 0, uint64(1)
	for i := range p.rows {
		if i > 0 && !p.peer(i-1, i) {
			first = i
			dense++
		}
		switch p.w.name {
		case "row_number":
			p.set(i, uint64(i)+1) //nolint:gosec // a row number
		case "rank":
			p.set(i, uint64(first)+1) //nolint:gosec // a row number
		case "dense_rank":
			p.set(i, dense)
		case "percent_rank":
			v := 0.0
			if n > 1 {
				v = float64(first) / float64(n-1)
			}
			p.set(i, v)
		case "cume_dist":
			last := i + sort.Search(n-i, func(k int) bool { return !p.peer(i, i+k) })
			p.set(i, float64(last)/float64(n))
		case "ntile":
			p.set(i, uint64(tile(i, n, p.w.offset))) //nolint:gosec // at most the number of buckets
		}
	}
	return nil
}

// tile spreads n rows over buckets, the first ones taking what is left over.
func tile(i, n, buckets int) int {
	size, extra := n/buckets, n%buckets
	if i < extra*(size+1) {
		return i/(size+1) + 1
	}
	return extra + (i-extra*(size+1))/max(size, 1) + 1
}

// bounds is the frame of row i as [lo, hi).
func (p *partition) bounds(i int) (lo, hi int) {
	fr, n := p.w.frame, len(p.rows)
	lo, hi = 0, n
	if fr.rows {
		if !fr.start.unbounded {
			lo = i + int(fr.start.offset)
		}
		if !fr.end.unbounded {
			hi = i + int(fr.end.offset) + 1
		}
		return min(max(lo, 0), n), min(max(hi, 0), n)
	}
	if !fr.start.unbounded {
		lo = p.rangeEdge(i, fr.start.offset, false)
	}
	if !fr.end.unbounded {
		hi = p.rangeEdge(i, fr.end.offset, true)
	}
	return lo, hi
}

// rangeEdge is the first row whose key is at or after (after: past) the key of
// row i plus offset.
func (p *partition) rangeEdge(i int, offset float64, after bool) int {
	n := len(p.rows)
	if offset == 0 {
		if after {
			return i + sort.Search(n-i, func(k int) bool { return !p.peer(i, i+k) })
		}
		return sort.Search(i, func(k int) bool { return p.peer(k, i) })
	}
	t, desc := p.w.order[0].t, p.w.keys[0].desc
	key := func(k int) float64 {
		v := number(p.rows[k].keys[0], t)
		if desc {
			return -v
		}
		return v
	}
	want := key(i) + offset
	return sort.Search(n, func(k int) bool {
		if p.rows[k].keys[0] == nil {
			return true
		}
		if after {
			return key(k) > want
		}
		return key(k) >= want
	})
}

// maxWindowWork bounds the rows that frames look at in one partition.
const maxWindowWork = 100_000_000

// aggregate computes an aggregate over each row's frame. A frame that only
// grows keeps its state from row to row.
func (p *partition) aggregate() error {
	a := p.w.agg
	var st aggState
	from, to := -1, -1
	var last any
	for i := range p.rows {
		if err := p.s.r.check(i); err != nil {
			return err
		}
		lo, hi := p.bounds(i)
		hi = max(hi, lo)
		if st != nil && lo == from && hi == to {
			p.set(i, last)
			continue
		}
		if st == nil || lo != from || hi < to {
			st = a.fresh()
			from, to = lo, lo
		}
		if p.work += hi - to; p.work > maxWindowWork {
			return queryError(codeTooManyRows, "The window frames look at more than %d rows; narrow the frame or the partition", maxWindowWork)
		}
		for ; to < hi; to++ {
			a.feed(p.load(to), st)
		}
		if p.f.err != nil {
			return p.f.err
		}
		last = st.result()
		if err, ok := last.(error); ok {
			return err
		}
		p.set(i, last)
	}
	return nil
}
