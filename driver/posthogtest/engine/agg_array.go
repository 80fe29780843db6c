package engine

import (
	"cmp"
	"slices"
)

func addArrayAggregates(t map[string]aggDef) {
	t["groupArray"] = aggDef{1, 1, buildGroupArray}
	t["groupUniqArray"] = aggDef{1, 1, buildGroupUniqArray}
	t["topK"] = aggDef{1, 1, buildTopK}
	t["retention"] = aggDef{2, 32, buildRetention}
}

type listState struct {
	v     []any
	limit int64 // 0: none
	uniq  map[string]struct{}
}

func (s *listState) add(a []any) {
	if s.limit > 0 && int64(len(s.v)) >= s.limit {
		return
	}
	if s.uniq != nil {
		key := rowKey(a)
		if _, dup := s.uniq[key]; dup {
			return
		}
		s.uniq[key] = struct{}{}
	}
	s.v = append(s.v, a[0])
}

func (s *listState) result() any {
	if s.v == nil {
		return []any{}
	}
	return slices.Clip(s.v)
}

func buildGroupArray(c *aggCall) (*aggImpl, error) {
	limit, err := c.intParam(0)
	return &aggImpl{t: arrayOf(c.types[0]), never: true, make: func() aggState { return &listState{limit: limit} }}, err
}

func buildGroupUniqArray(c *aggCall) (*aggImpl, error) {
	limit, err := c.intParam(0)
	return &aggImpl{t: arrayOf(c.types[0]), never: true, make: func() aggState {
		return &listState{limit: limit, uniq: map[string]struct{}{}}
	}}, err
}

// topState counts values exactly; equal counts keep the order of first sight.
type topState struct {
	at    map[string]int
	items []topItem
	limit int64
}

type topItem struct {
	v any
	n int
}

func (s *topState) add(a []any) {
	key := rowKey(a)
	i, ok := s.at[key]
	if !ok {
		i = len(s.items)
		s.at[key] = i
		s.items = append(s.items, topItem{v: a[0]})
	}
	s.items[i].n++
}

func (s *topState) result() any {
	items := slices.Clone(s.items)
	slices.SortStableFunc(items, func(a, b topItem) int { return cmp.Compare(b.n, a.n) })
	out := []any{}
	for _, it := range items[:min(int64(len(items)), s.limit)] {
		out = append(out, it.v)
	}
	return out
}

func buildTopK(c *aggCall) (*aggImpl, error) {
	limit, err := c.intParam(10)
	if len(c.params) > 1 {
		err = notSupported("%s with a load factor", c.name)
	}
	return &aggImpl{t: arrayOf(c.types[0]), never: true, make: func() aggState {
		return &topState{at: map[string]int{}, limit: limit}
	}}, err
}

type retentionState struct{ met []bool }

func (s *retentionState) add(a []any) {
	for i, v := range a {
		s.met[i] = s.met[i] || truthy(v)
	}
}

func (s *retentionState) result() any {
	out := make([]any, len(s.met))
	for i, m := range s.met {
		out[i] = truth(m && s.met[0])
	}
	return out
}

func buildRetention(c *aggCall) (*aggImpl, error) {
	for _, t := range c.types {
		if !t.isCondition() {
			return nil, c.illegal()
		}
	}
	n := len(c.types)
	return &aggImpl{t: arrayOf(mk(kUInt8)), never: true, make: func() aggState { return &retentionState{met: make([]bool, n)} }}, c.numeric()
}
