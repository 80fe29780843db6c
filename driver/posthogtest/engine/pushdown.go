package engine

import "github.com/posthog-mcp/posthog-mcp/driver/hogql"

// pushDown lets conditions of WHERE that name one table only be tested while
// that table is read, before the joins multiply its rows. They are tested
// again after the joins; this is for speed alone.
func (s *scope) pushDown(where ...hogql.Expr) error {
	if len(s.tables) < 2 {
		return nil
	}
	for _, w := range nonNil(where...) {
		list := []hogql.Expr{w}
		if and, ok := w.(*hogql.And); ok {
			list = and.Exprs
		}
		for _, e := range list {
			t := s.onlyTable(e)
			if t == nil || !s.filtersEarly(t) {
				continue
			}
			c, err := s.condition(e)
			if err != nil {
				return err
			}
			if t.filter, err = bothConditions(t.filter, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// onlyTable is the one table whose columns e names; nil when there are none or
// several, or when e holds more than plain expressions.
func (s *scope) onlyTable(e hogql.Expr) *tableRef {
	var only *tableRef
	plain := true
	walk(e, func(n hogql.Expr) bool {
		switch n := n.(type) {
		case *hogql.Constant, *hogql.And, *hogql.Or, *hogql.Not, *hogql.CompareOperation, *hogql.BetweenExpr,
			*hogql.ArithmeticOperation, *hogql.Tuple, *hogql.Array, *hogql.ArrayAccess, *hogql.TypeCast:
		case *hogql.Call:
			_, aggregate := parseAggregate(n.Name)
			plain = plain && !aggregate && n.Name != "arrayJoin" && n.Name != "exists"
		case *hogql.Field:
			r, err := s.resolve(n.Chain)
			if err != nil || r.table == nil || only != nil && only != r.table {
				plain = false
				break
			}
			only = r.table
		default:
			plain = false
		}
		return plain
	})
	if !plain {
		return nil
	}
	return only
}

// filtersEarly tells whether leaving out rows of t before the joins cannot add
// rows of default values.
func (s *scope) filtersEarly(t *tableRef) bool {
	for i, k := range s.joins { // s.joins[i] joins s.tables[i+1]
		if k.right && i+1 >= t.slot {
			return false
		}
		if i+1 == t.slot && (k.left || k.right || k.semi || k.anti || k.any) {
			return false
		}
	}
	return true
}
