package engine

import (
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// source yields joined rows: it fills f.slots and calls emit for each row,
// until emit returns false.
type source func(f *frame, emit func() bool) error

// from compiles FROM with its joins, and adds the tables to the scope.
func (s *scope) from(j *hogql.JoinExpr) (source, error) {
	if j == nil {
		return func(f *frame, emit func() bool) error {
			emit()
			return f.err
		}, nil
	}
	t, err := s.table(j)
	if err != nil {
		return nil, err
	}
	src := s.scan(t)
	for j = j.Next; j != nil; j = j.Next {
		if src, err = s.join(src, j); err != nil {
			return nil, err
		}
	}
	return src, nil
}

// table resolves one table of FROM.
func (s *scope) table(j *hogql.JoinExpr) (*tableRef, error) {
	t := &tableRef{slot: len(s.tables), alias: j.Alias}
	var err error
	switch n := j.Table.(type) {
	case *hogql.Field:
		name := strings.Join(n.Chain, ".")
		if t.alias == "" {
			t.alias = n.Chain[len(n.Chain)-1]
		}
		if j.TableArgs != nil {
			t.rel, err = s.tableFunction(name, j.TableArgs)
		} else {
			t.rel, t.events, err = s.r.namedTable(name, s.env)
		}
	case *hogql.SelectQuery:
		t.rel, err = s.r.query(n, s.env, nil)
	case *hogql.SelectSetQuery:
		t.rel, err = s.r.query(n, s.env, nil)
	case *hogql.ValuesQuery:
		t.rel, err = s.values(n)
	case *hogql.Placeholder:
		err = queryError(codeNotImplemented, "Unresolved placeholder in FROM")
	default:
		err = notSupported("PIVOT and UNPIVOT")
	}
	if err != nil {
		return nil, err
	}
	if j.Sample != nil {
		return nil, notSupported("SAMPLE")
	}
	if len(j.ColumnAliases) > 0 {
		if t.rel == nil {
			return nil, notSupported("column aliases on the table events")
		}
		if t.rel, err = renamed(t.rel, j.ColumnAliases); err != nil {
			return nil, err
		}
	}
	s.tables = append(s.tables, t)
	return t, nil
}

func (r *runner) namedTable(name string, env *environment) (rel *relation, events bool, err error) {
	if rel, ok := env.tables[name]; ok {
		return rel, false, nil
	}
	switch trimPosthogPrefix(name) {
	case "events":
		return nil, true, nil
	case "persons":
		return r.e.persons(), false, nil
	case "person_distinct_ids":
		return r.e.distinctIDs(), false, nil
	case "sessions":
		return r.e.sessions().rel, false, nil
	}
	if r.opts.Table != nil {
		if t, ok := r.opts.Table(name); ok {
			rel, err := extraRelation(name, t, r.loc)
			return rel, false, err
		}
	}
	if knownElsewhere(name) {
		return nil, false, notSupported("table %s", name)
	}
	return nil, false, queryError("unknown_table", "Unknown table %q.", name)
}

// knownElsewhere tells tables of PostHog that the demo data does not have from
// names that no PostHog project knows.
func knownElsewhere(name string) bool {
	switch name {
	case "groups", "session_replay_events", "cohort_people", "static_cohort_people", "heatmaps", "log_entries", "logs",
		"app_metrics", "query_log", "ai_events", "document_embeddings", "raw_persons", "raw_groups", "raw_sessions",
		"raw_session_replay_events", "raw_cohort_people", "raw_person_distinct_ids", "console_logs_log_entries":
		return true
	}
	return strings.HasPrefix(name, "system.")
}

// tableFunction evaluates numbers(n) and generateSeries(from, to[, step]).
func (s *scope) tableFunction(name string, list []hogql.Expr) (*relation, error) {
	args := make([]int64, len(list))
	for i, e := range list {
		c, err := s.compile(e)
		if err != nil {
			return nil, err
		}
		v, ok := wholeNumber(c.val, mk(kInt64), 0).(int64)
		if !ok || !c.fixed {
			return nil, queryError(codeBadArguments, "Table function '%s' takes constant whole numbers", name)
		}
		args[i] = v
	}
	var from, count, step int64
	col := "generate_series"
	step = 1
	switch {
	case name == "numbers" && len(args) == 1:
		col, count = "number", args[0]
	case name == "numbers" && len(args) == 2:
		col, from, count = "number", args[0], args[1]
	case (name == "generateSeries" || name == "generate_series") && (len(args) == 2 || len(args) == 3):
		from = args[0]
		if len(args) == 3 {
			step = args[2]
		}
		if step <= 0 {
			return nil, queryError(codeBadArguments, "Table function '%s' needs a positive step", name)
		}
		if args[1] >= from {
			count = (args[1]-from)/step + 1
		}
	case name == "numbers", name == "generateSeries", name == "generate_series":
		return nil, queryError(codeArgumentCount, "Table function '%s' got %d arguments", name, len(args))
	default:
		return nil, queryError(codeNotImplemented, "Unsupported table function: %s", name)
	}
	if count < 0 || from < 0 {
		return nil, queryError(codeBadArguments, "Table function '%s' takes numbers from 0", name)
	}
	if err := s.r.capRows(int(min(count, 1<<40)), "Table function "+name); err != nil {
		return nil, err
	}
	rel := &relation{names: []string{col}, types: []*typ{mk(kUInt64)}, rows: make([][]any, count)}
	for i := range rel.rows {
		rel.rows[i] = []any{uint64(from + int64(i)*step)} //nolint:gosec // from is not negative
	}
	return rel, nil
}

// values evaluates (VALUES (1, 'a'), (2, 'b')).
func (s *scope) values(n *hogql.ValuesQuery) (*relation, error) {
	rel := &relation{}
	var cells [][]*expr
	for _, row := range n.Rows {
		list, err := s.compileAll(row)
		if err != nil {
			return nil, err
		}
		if len(cells) > 0 && len(list) != len(cells[0]) {
			return nil, queryError(codeBadArguments, "VALUES rows differ in length")
		}
		cells = append(cells, list)
	}
	for i := range cells[0] {
		ts := make([]*typ, len(cells))
		for j := range cells {
			ts[j] = cells[j][i].t
		}
		t := superType(ts...)
		if t == nil {
			return nil, queryError(codeNoCommonType, "There is no common type for column %d of VALUES", i+1)
		}
		rel.names = append(rel.names, "col"+string(rune('0'+i)))
		rel.types = append(rel.types, t)
	}
	for _, list := range cells {
		row := make([]any, len(list))
		for i, e := range list {
			row[i] = coerce(e, rel.types[i]).eval(&frame{})
		}
		rel.rows = append(rel.rows, row)
	}
	return rel, nil
}

// scan reads one table.
func (s *scope) scan(t *tableRef) source {
	r, n := s.r, t.slot
	if t.events {
		events := r.e.snap.Events
		return func(f *frame, emit func() bool) error {
			for i, e := range events {
				if err := r.check(i); err != nil {
					return err
				}
				f.slots[n].ev = e
				if t.filter != nil && !truthy(t.filter.eval(f)) {
					continue
				}
				if !emit() {
					return f.err
				}
			}
			return f.err
		}
	}
	rows := t.rel.rows
	return func(f *frame, emit func() bool) error {
		for i, row := range rows {
			if err := r.check(i); err != nil {
				return err
			}
			f.slots[n].rel = row
			if t.filter != nil && !truthy(t.filter.eval(f)) {
				continue
			}
			if !emit() {
				return f.err
			}
		}
		return f.err
	}
}

// arrayJoins compiles the ARRAY JOIN clause.
func (s *scope) arrayJoins() error {
	for _, e := range s.q.ArrayJoin {
		name, inner := "", e
		if a, ok := e.(*hogql.Alias); ok {
			name, inner = a.Name, a.Expr
		} else if f, ok := e.(*hogql.Field); ok {
			name = f.Chain[len(f.Chain)-1]
		}
		arr, err := s.compile(inner)
		if err != nil {
			return err
		}
		if arr.t.k != kArray {
			return queryError(codeTypeMismatch, "ARRAY JOIN requires array argument, not %s", arr.t)
		}
		s.exps = append(s.exps, &unrolled{name: name, fp: "array join " + name, arr: arr})
	}
	return nil
}

// expansion reads element i of the ARRAY JOIN items.
func (s *scope) expansion(i int) (*expr, error) {
	x := s.exps[i]
	s.expUsed++
	if s.grouped && !s.inAgg && !x.post {
		return nil, queryError(codeNotAggregate, "Column `%s` is not under aggregate function and not in GROUP BY", x.name)
	}
	return &expr{t: x.arr.t.elem(), eval: func(f *frame) any { return f.exp[i] }}, nil
}
