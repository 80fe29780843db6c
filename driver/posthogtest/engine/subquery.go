package engine

import (
	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// scalar evaluates a subquery that stands for one value.
func (s *scope) scalar(q hogql.Query) (*expr, error) {
	rel, err := s.r.query(q, s.env, nil)
	if err != nil {
		return nil, err
	}
	if len(rel.rows) > 1 {
		return nil, queryError("incorrect_result_of_scalar_subquery", "Scalar subquery returned more than one row")
	}
	if len(rel.types) == 1 {
		if len(rel.rows) == 0 {
			return constant(nullable(rel.types[0]), nil), nil
		}
		return constant(nullable(plainType(rel.types[0])), jsonText(rel.rows[0][0])), nil
	}
	t := tupleOf(rel.types...)
	if len(rel.rows) == 0 {
		return nothing(), nil
	}
	return constant(t, rel.rows[0]), nil
}

func plainType(t *typ) *typ {
	if t.json == "" {
		return t
	}
	return mk(kString)
}

// subquerySet evaluates the subquery of an IN.
func (s *scope) subquerySet(left *expr, q hogql.Query) (*map[string]struct{}, error) {
	rel, err := s.r.query(q, s.env, nil)
	if err != nil {
		return nil, err
	}
	return s.relationSet(left, rel)
}

func (s *scope) relationSet(left *expr, rel *relation) (*map[string]struct{}, error) {
	var right *expr
	row := []any(nil)
	read := func(i int) *expr {
		return plainText(&expr{t: rel.types[i], eval: func(*frame) any { return row[i] }})
	}
	if len(rel.types) == 1 {
		right = read(0)
	} else {
		parts := make([]*expr, len(rel.types))
		for i := range parts {
			parts[i] = read(i)
		}
		var err error
		if right, err = buildTuple(nil, parts); err != nil {
			return nil, err
		}
	}
	conv, err := member(left.t, right, s.r)
	if err != nil {
		return nil, err
	}
	set := make(map[string]struct{}, len(rel.rows))
	f := &frame{}
	for i := range rel.rows {
		if err := s.r.check(i); err != nil {
			return nil, err
		}
		row = rel.rows[i]
		if v := conv.eval(f); v != nil {
			set[string(appendKey(nil, v))] = struct{}{}
		}
	}
	return &set, f.err
}
