package engine

import (
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// setQuery evaluates UNION, INTERSECT and EXCEPT. INTERSECT binds tighter than
// the others, as in ClickHouse.
func (r *runner) setQuery(q *hogql.SelectSetQuery, outer *environment, top *bound) (*relation, error) {
	env := outer
	first := q.Initial
	// The CTEs of the first member are visible in the others.
	if sel, ok := first.(*hogql.SelectQuery); ok && len(sel.CTEs) > 0 {
		var err error
		if env, err = r.with(sel.CTEs, outer); err != nil {
			return nil, err
		}
		bare := *sel
		bare.CTEs = nil
		first = &bare
	}
	rel, err := r.query(first, env, nil)
	if err != nil {
		return nil, err
	}
	members := []*relation{rel}
	var ops []string
	for _, n := range q.Subsequent {
		next, err := r.query(n.Query, env, nil)
		if err != nil {
			return nil, err
		}
		op := n.Operator
		if strings.HasSuffix(op, "BY NAME") {
			return nil, notSupported("%s", op)
		}
		if strings.HasPrefix(op, "INTERSECT") {
			last := len(members) - 1
			if members[last], err = r.combine(members[last], next, op); err != nil {
				return nil, err
			}
			continue
		}
		members, ops = append(members, next), append(ops, op)
	}
	rel = members[0]
	for i, op := range ops {
		if rel, err = r.combine(rel, members[i+1], op); err != nil {
			return nil, err
		}
	}
	return r.setTail(q, rel, env, top)
}

// align gives both relations the common types of their columns.
func align(a, b *relation) error {
	if len(a.types) != len(b.types) {
		return queryError("union_all_result_structures_mismatch", "Different number of columns in the members of a set operation: %d and %d", len(a.types), len(b.types))
	}
	for i := range a.types {
		at, bt := a.types[i], b.types[i]
		if at.String() == bt.String() && at.json == bt.json {
			continue
		}
		t := superType(at, bt)
		if t == nil {
			return queryError(codeNoCommonType, "There is no supertype for types %s, %s in column %d of a set operation", at, bt, i+1)
		}
		convertColumn(a, i, t)
		convertColumn(b, i, t)
	}
	return nil
}

func convertColumn(rel *relation, i int, t *typ) {
	conv := converter(rel.types[i], t)
	rel.types[i] = t
	for _, row := range rel.rows {
		if t.json == "" {
			row[i] = jsonText(row[i])
		}
		if conv != nil {
			row[i] = conv(row[i])
		}
	}
}

// owned copies a relation so that its cells may be converted.
func owned(rel *relation) *relation {
	out := &relation{names: rel.names, types: append([]*typ{}, rel.types...), rows: make([][]any, len(rel.rows))}
	for i, row := range rel.rows {
		out.rows[i] = append([]any{}, row...)
	}
	return out
}

func (r *runner) combine(a, b *relation, op string) (*relation, error) {
	a, b = owned(a), owned(b)
	if err := align(a, b); err != nil {
		return nil, err
	}
	out := &relation{names: a.names, types: a.types}
	if strings.HasPrefix(op, "UNION") {
		out.rows = append(a.rows, b.rows...)
		if op != "UNION ALL" {
			out.rows = distinctRows(out.rows)
		}
		return out, r.capRows(len(out.rows), op)
	}
	// Without DISTINCT each row of the right side answers for one row of the
	// left.
	right := map[string]int{}
	for _, row := range b.rows {
		right[rowKey(row)]++
	}
	distinct := strings.HasSuffix(op, "DISTINCT")
	keep := strings.HasPrefix(op, "INTERSECT")
	for _, row := range a.rows {
		key := rowKey(row)
		in := right[key] > 0
		if in && !distinct {
			right[key]--
		}
		if in == keep {
			out.rows = append(out.rows, row)
		}
	}
	if distinct {
		out.rows = distinctRows(out.rows)
	}
	return out, nil
}

func rowKey(row []any) string {
	var b []byte
	for _, v := range row {
		b = appendKey(b, v)
	}
	return string(b)
}

func distinctRows(rows [][]any) [][]any {
	seen := make(map[string]struct{}, len(rows))
	out := rows[:0]
	for _, row := range rows {
		k := rowKey(row)
		if _, dup := seen[k]; !dup {
			seen[k] = struct{}{}
			out = append(out, row)
		}
	}
	return out
}

// setTail applies the LIMIT and OFFSET of the whole set.
func (r *runner) setTail(q *hogql.SelectSetQuery, rel *relation, env *environment, top *bound) (*relation, error) {
	if q.LimitPercent {
		return nil, notSupported("LIMIT with a percentage")
	}
	s := &scope{r: r, env: env, q: &hogql.SelectQuery{}, busy: map[string]bool{}}
	s.tables = []*tableRef{{rel: rel}}
	p := &selectPlan{s: s, from: s.scan(s.tables[0])}
	for i, name := range rel.names {
		p.items = append(p.items, item{name: name, e: &expr{t: rel.types[i], eval: func(f *frame) any { return f.slots[0].rel[i] }}})
	}
	if err := s.limits(&p.tail, q.Limit, q.Offset, q.LimitWithTies); err != nil {
		return nil, err
	}
	if top != nil && (p.tail.limit < 0 || p.tail.limit > top.rows()) {
		p.tail.limit = top.rows()
	}
	return p.run()
}
