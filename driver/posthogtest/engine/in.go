package engine

import (
	"strings"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// in compiles IN and NOT IN over a list, an array or a subquery.
func (s *scope) in(n *hogql.CompareOperation) (*expr, error) {
	left, err := s.compile(n.Left)
	if err != nil {
		return nil, err
	}
	left = plainText(left)
	negative := n.Op == "not in"
	items, err := s.setItems(left, n.Right)
	if err != nil {
		return nil, err
	}
	if items == nil {
		return s.inArray(left, n.Right, negative)
	}
	member := *items
	var buf []byte
	e := &expr{t: mk(kUInt8), eval: func(f *frame) any {
		v := left.eval(f)
		if v == nil {
			return truth(negative)
		}
		buf = appendKey(buf[:0], v)
		_, found := member[string(buf)]
		return truth(found != negative)
	}}
	if text := left.text; text != nil {
		words := map[string]struct{}{}
		for k := range member {
			words[k] = struct{}{}
		}
		e.eval = func(f *frame) any {
			v, _ := text(f)
			buf = appendKey(buf[:0], v)
			_, found := words[string(buf)]
			return truth(found != negative)
		}
	}
	return fold(e, []*expr{left})
}

// setItems evaluates the right side of IN to a set of keys, or gives nil when
// it depends on the row.
func (s *scope) setItems(left *expr, right hogql.Expr) (*map[string]struct{}, error) {
	set := map[string]struct{}{}
	add := func(e *expr) error {
		if e.val == nil {
			return nil
		}
		c, err := member(left.t, e, s.r)
		if err != nil {
			return err
		}
		if v := c.eval(&frame{}); v != nil {
			set[string(appendKey(nil, v))] = struct{}{}
		}
		return nil
	}
	var list []hogql.Expr
	switch n := right.(type) {
	case *hogql.SelectQuery, *hogql.SelectSetQuery:
		q, _ := n.(hogql.Query)
		return s.subquerySet(left, q)
	case *hogql.Field:
		if rel, ok := s.env.tables[strings.Join(n.Chain, ".")]; ok {
			return s.relationSet(left, rel)
		}
	case *hogql.Tuple:
		list = n.Exprs
		if left.t.k == kTuple && !allTuples(list) {
			list = []hogql.Expr{n}
		}
	case *hogql.Array:
		list = n.Exprs
	}
	if list == nil {
		e, err := s.compile(right)
		if err != nil || !e.fixed {
			return nil, err
		}
		if e.t.k != kArray {
			return &set, add(plainText(e))
		}
		items, _ := e.val.([]any)
		for _, v := range items {
			if err := add(constant(e.t.elem(), v)); err != nil {
				return nil, err
			}
		}
		return &set, nil
	}
	for _, item := range list {
		e, err := s.compile(item)
		if err != nil {
			return nil, err
		}
		if !e.fixed {
			return nil, nil
		}
		if err := add(e); err != nil {
			return nil, err
		}
	}
	return &set, nil
}

// member turns an element of the right side of IN into the type of the left
// side: numbers become text beside text, and text is read beside the rest.
func member(left *typ, e *expr, run *runner) (*expr, error) {
	switch {
	case left.k == kString && e.t.isNumber():
		t := e.t
		return &expr{t: mk(kString), eval: func(f *frame) any {
			if v := e.eval(f); v != nil {
				return text(v, t, run.loc)
			}
			return nil
		}}, nil
	case e.t.k == kString && left.k != kString && !e.fixed:
		return &expr{t: nullable(left), eval: func(f *frame) any {
			v, ok := e.eval(f).(string)
			if !ok {
				return nil
			}
			out, err := readText(v, left, run)
			if err != nil {
				return f.fail(err)
			}
			return out
		}}, nil
	}
	_, c, err := comparable2(&expr{t: left}, e, "in", run)
	return c, err
}

func allTuples(list []hogql.Expr) bool {
	for _, e := range list {
		if _, ok := e.(*hogql.Tuple); !ok {
			return false
		}
	}
	return len(list) > 0
}

// inArray is IN over values that differ by row.
func (s *scope) inArray(left *expr, right hogql.Expr, negative bool) (*expr, error) {
	var arr *expr
	var err error
	if t, ok := right.(*hogql.Tuple); ok {
		arr, err = s.apply("array", t.Exprs...)
	} else {
		arr, err = s.compile(right)
	}
	if err != nil {
		return nil, err
	}
	has, err := s.build("has", []*expr{arr, left})
	if err != nil {
		return nil, err
	}
	return &expr{t: mk(kUInt8), eval: func(f *frame) any {
		return truth(truthy(has.eval(f)) != negative)
	}}, nil
}

// inCohort is person IN COHORT id.
func (s *scope) inCohort(n *hogql.CompareOperation) (*expr, error) {
	left, err := s.compile(n.Left)
	if err != nil {
		return nil, err
	}
	right, err := s.compile(n.Right)
	if err != nil {
		return nil, err
	}
	if s.r.opts.Cohort == nil {
		return nil, notSupported("IN COHORT")
	}
	id, name := int64(0), ""
	switch v := right.val.(type) {
	case uint64:
		id = int64(v) //nolint:gosec // a cohort id from the query
	case string:
		name = v
	default:
		return nil, queryError(codeNotImplemented, "IN COHORT takes a cohort's id or name as a constant")
	}
	members, ok := s.r.opts.Cohort(id, name)
	if !ok {
		return nil, queryError(codeNotImplemented, "Could not find cohort %v", right.val)
	}
	negative := n.Op == "not in cohort"
	return &expr{t: mk(kUInt8), eval: func(f *frame) any {
		v, ok := left.eval(f).(uuid.UUID)
		if !ok {
			return truth(negative)
		}
		_, in := members[v]
		return truth(in != negative)
	}}, nil
}
