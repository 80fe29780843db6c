package engine

import (
	"slices"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// joinKind is how unmatched rows are treated.
type joinKind struct {
	left, right bool // keep unmatched rows of that side
	semi, anti  bool // LEFT SEMI and LEFT ANTI
	any         bool // at most one match per left row
	cross       bool
}

func parseJoin(name string) (joinKind, error) {
	var k joinKind
	for w := range strings.FieldsSeq(strings.ToUpper(name)) {
		switch w {
		case "JOIN", "INNER", "OUTER", "ALL":
		case "LEFT":
			k.left = true
		case "RIGHT":
			k.right = true
		case "FULL":
			k.left, k.right = true, true
		case "CROSS":
			k.cross = true
		case "SEMI":
			k.semi = true
		case "ANTI":
			k.anti = true
		case "ANY":
			k.any = true
		default:
			return k, notSupported("%s", name)
		}
	}
	if (k.semi || k.anti || k.any) && (!k.left || k.right) {
		return k, notSupported("%s", name)
	}
	return k, nil
}

// joiner joins the rows before it with one more table through a hash of its
// equality keys; other conditions are tested on each pair.
type joiner struct {
	s      *scope
	kind   joinKind
	ref    *tableRef
	right  source
	lk, rk []*expr
	filter *expr // the rest of ON
}

func (s *scope) join(left source, j *hogql.JoinExpr) (source, error) {
	kind, err := parseJoin(j.JoinType)
	if err != nil {
		return nil, err
	}
	before := slices.Clip(s.tables)
	t, err := s.table(j)
	if err != nil {
		return nil, err
	}
	s.joins = append(s.joins, kind)
	jn := &joiner{s: s, kind: kind, ref: t, right: s.scan(t)}
	switch {
	case j.Constraint == nil:
		if !kind.cross {
			return nil, queryError("invalid_join_on_expression", "%s needs an ON or USING clause", j.JoinType)
		}
	case j.Constraint.Using:
		err = jn.using(before, j.Constraint.Expr)
	default:
		err = jn.on(before, j.Constraint.Expr)
	}
	if err != nil {
		return nil, err
	}
	if len(jn.lk) == 0 && !kind.cross && (kind.left || kind.right) {
		return nil, notSupported("an outer join without an equality in ON")
	}
	return jn.source(left), nil
}

// using makes keys of the named columns; * shows them once.
func (j *joiner) using(before []*tableRef, e hogql.Expr) error {
	list := []hogql.Expr{e}
	if t, ok := e.(*hogql.Tuple); ok {
		list = t.Exprs
	}
	j.ref.using = map[string]bool{}
	for _, c := range list {
		if a, ok := c.(*hogql.Alias); ok {
			c = a.Expr
		}
		f, ok := c.(*hogql.Field)
		if !ok {
			return queryError("invalid_join_on_expression", "USING takes column names")
		}
		name := f.Chain[len(f.Chain)-1]
		l, err := j.only(before, &hogql.Field{Chain: []string{name}})
		if err != nil {
			return err
		}
		r, err := j.only([]*tableRef{j.ref}, &hogql.Field{Chain: []string{name}})
		if err != nil {
			return err
		}
		if err := j.key(l, r); err != nil {
			return err
		}
		j.ref.using[name] = true
	}
	if j.kind.right {
		return notSupported("RIGHT and FULL JOIN with USING")
	}
	return nil
}

// only compiles e with just some tables in scope.
func (j *joiner) only(tables []*tableRef, e hogql.Expr) (*expr, error) {
	all := j.s.tables
	j.s.tables = tables
	c, err := j.s.compile(e)
	j.s.tables = all
	return c, err
}

func (j *joiner) key(l, r *expr) error {
	l, r, err := comparable2(plainText(l), plainText(r), "equals", j.s.r)
	if err != nil {
		return err
	}
	j.lk, j.rk = append(j.lk, l), append(j.rk, r)
	return nil
}

// on splits ON into equalities between the two sides and the rest.
func (j *joiner) on(before []*tableRef, e hogql.Expr) error {
	list := []hogql.Expr{e}
	if and, ok := e.(*hogql.And); ok {
		list = and.Exprs
	}
	var rest []hogql.Expr
	for _, c := range list {
		done, err := j.equality(before, c)
		if err != nil {
			return err
		}
		if !done {
			rest = append(rest, c)
		}
	}
	var err error
	j.filter, err = j.s.condition(rest...)
	return err
}

func (j *joiner) equality(before []*tableRef, e hogql.Expr) (bool, error) {
	c, ok := e.(*hogql.CompareOperation)
	if !ok || c.Op != "==" || c.IsNull {
		return false, nil
	}
	l, r, ok := j.sides(before, c.Left, c.Right)
	if !ok {
		l, r, ok = j.sides(before, c.Right, c.Left)
	}
	if !ok {
		return false, nil
	}
	return true, j.key(l, r)
}

// sides compiles a on the tables before and b on the joined one; ok is false
// when that fails, the equality then being a condition on pairs that is
// compiled, and its errors told, with both sides in scope.
func (j *joiner) sides(before []*tableRef, a, b hogql.Expr) (l, r *expr, ok bool) {
	l, lerr := j.only(before, a)
	r, rerr := j.only([]*tableRef{j.ref}, b)
	return l, r, lerr == nil && rerr == nil && !l.fixed && !r.fixed
}

// keyOf encodes the key values; ok is false when one is NULL, which matches
// nothing.
func keyOf(buf []byte, f *frame, exprs []*expr) (key []byte, ok bool) {
	for _, e := range exprs {
		v := e.eval(f)
		if v == nil {
			return buf, false
		}
		buf = appendKey(buf, v)
	}
	return buf, true
}

func (j *joiner) zero() slot {
	if j.ref.events {
		return slot{ev: zeroEvent()}
	}
	return slot{rel: j.ref.rel.zeroRow()}
}

// built is the right side of a join, hashed by its keys.
type built struct {
	slots   []slot
	byKey   map[string][]int32
	all     []int32 // every row, for joins without keys
	matched []bool
}

func (j *joiner) build(f *frame) (*built, error) {
	b := &built{byKey: map[string][]int32{}}
	n := j.ref.slot
	var buf []byte
	var capErr error
	err := j.right(f, func() bool {
		i := int32(len(b.slots)) //nolint:gosec // capRows keeps it small
		if capErr = j.s.r.capRows(len(b.slots)+1, "JOIN"); capErr != nil {
			return false
		}
		b.slots = append(b.slots, f.slots[n])
		if len(j.rk) == 0 {
			b.all = append(b.all, i)
			return true
		}
		key, ok := keyOf(buf[:0], f, j.rk)
		buf = key
		if ok {
			b.byKey[string(key)] = append(b.byKey[string(key)], i)
		}
		return f.err == nil
	})
	if err == nil {
		err = capErr
	}
	b.matched = make([]bool, len(b.slots))
	return b, err
}

func (j *joiner) source(left source) source {
	n := j.ref.slot
	return func(f *frame, emit func() bool) error {
		b, err := j.build(f)
		if err != nil {
			return err
		}
		zero := j.zero()
		var buf []byte
		pairs := 0
		stopped := false
		var pairErr error
		err = left(f, func() bool {
			matches := b.all
			if len(j.lk) > 0 {
				key, ok := keyOf(buf[:0], f, j.lk)
				buf = key
				matches = nil
				if ok {
					matches = b.byKey[string(key)]
				}
			}
			found := false
			for _, m := range matches {
				if pairs++; pairs&0x3ff == 0 {
					if pairErr = j.s.r.check(0); pairErr == nil {
						pairErr = j.s.r.capPairs(pairs)
					}
					if pairErr != nil {
						return false
					}
				}
				f.slots[n] = b.slots[m]
				if j.filter != nil && !truthy(j.filter.eval(f)) {
					continue
				}
				found = true
				b.matched[m] = true
				if j.kind.anti {
					break
				}
				if !emit() {
					stopped = true
					return false
				}
				if j.kind.any || j.kind.semi {
					break
				}
			}
			if !found && j.kind.left && !j.kind.semi {
				f.slots[n] = zero
				if !emit() {
					stopped = true
					return false
				}
			}
			return f.err == nil
		})
		if pairErr != nil {
			return pairErr
		}
		if err != nil || stopped || !j.kind.right {
			return err
		}
		return j.unmatched(f, b, emit)
	}
}

// unmatched yields the right rows without a partner, the left side being
// default values.
func (j *joiner) unmatched(f *frame, b *built, emit func() bool) error {
	for _, t := range j.s.tables {
		if t.slot < j.ref.slot {
			if t.events {
				f.slots[t.slot] = slot{ev: zeroEvent()}
			} else {
				f.slots[t.slot] = slot{rel: t.rel.zeroRow()}
			}
		}
	}
	for i, m := range b.matched {
		if m {
			continue
		}
		f.slots[j.ref.slot] = b.slots[i]
		if !emit() {
			break
		}
	}
	return f.err
}

// maxPairs bounds the row pairs that one join looks at.
const maxPairs = 200_000_000

func (r *runner) capPairs(n int) error {
	if n > maxPairs {
		return queryError(codeTooManyRows, "JOIN looks at more than %d pairs of rows; join on an equality or filter the sides first", maxPairs)
	}
	return nil
}
