package engine

import (
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// field compiles a name: a lambda argument, an alias, a column or a property.
func (s *scope) field(chain []string) (*expr, error) {
	if chain[len(chain)-1] == "*" {
		return nil, queryError(codeNotImplemented, "* stands only in the SELECT list and in count(*)")
	}
	r, err := s.resolve(chain)
	if err != nil {
		return nil, err
	}
	var base *expr
	switch {
	case r.lambda != nil:
		slot := r.lambda.slot
		base = &expr{t: r.lambda.t, eval: func(f *frame) any { return f.vars[slot] }}
	case r.exp > 0:
		if base, err = s.expansion(r.exp - 1); err != nil {
			return nil, err
		}
	case r.alias > 0:
		d := s.aliases[r.alias-1]
		base, err = s.withAliases(d.limit, func() (*expr, error) { return s.compile(d.expr) })
		if err != nil {
			return nil, err
		}
	case r.env != nil:
		if base, err = s.compile(r.env); err != nil {
			return nil, err
		}
	default:
		return s.column(r.table, r.rest)
	}
	return s.deeper(base, steps(r.rest))
}

func steps(rest []string) []jsonStep {
	out := make([]jsonStep, len(rest))
	for i, k := range rest {
		out[i] = jsonStep{key: k, isKey: true}
	}
	return out
}

// column compiles table.column and what follows it, with the lazy joins
// person, session and pdi of events.
func (s *scope) column(t *tableRef, chain []string) (*expr, error) {
	if len(chain) == 0 {
		return nil, queryError(codeResolution, "Unable to resolve field: %s", t.alias)
	}
	if s.grouped && !s.inAgg {
		// A property of a column that is a GROUP BY key is fine; the column
		// itself was looked for before.
		if k := s.keyColumn(t, chain); k != nil {
			return s.deeper(k, steps(chain[1:]))
		}
		return nil, queryError(codeNotAggregate, "Column `%s` is not under aggregate function and not in GROUP BY", strings.Join(chain, "."))
	}
	head, rest := chain[0], chain[1:]
	if !t.events {
		i := t.rel.index(head)
		if i < 0 {
			return nil, queryError(codeResolution, "Unable to resolve field: %s", strings.Join(chain, "."))
		}
		slot := t.slot
		base := &expr{t: t.rel.types[i], eval: func(f *frame) any { return f.slots[slot].rel[i] }}
		return s.deeper(base, steps(rest))
	}
	switch head {
	case "person", "poe":
		return s.personField(t, rest)
	case "pdi":
		if len(rest) == 0 {
			break
		}
		return s.column(t, rest)
	case "session":
		return s.sessionField(t, rest)
	}
	ct, get := eventColumn(head, s.r.loc)
	if ct == nil {
		return nil, queryError(codeResolution, "Unable to resolve field: %s", strings.Join(chain, "."))
	}
	slot := t.slot
	base := &expr{t: ct, eval: func(f *frame) any { return get(f.slots[slot].ev) }}
	base.text = eventText(head, slot)
	return s.deeper(base, steps(rest))
}

// eventText reads a text column without boxing it.
func eventText(name string, slot int) func(*frame) (string, bool) {
	switch name {
	case "event":
		return func(f *frame) (string, bool) { return f.slots[slot].ev.Event, true }
	case "distinct_id":
		return func(f *frame) (string, bool) { return f.slots[slot].ev.DistinctID, true }
	case "$session_id":
		return func(f *frame) (string, bool) { return f.slots[slot].ev.SessionID, true }
	}
	return nil
}

func (s *scope) keyColumn(t *tableRef, chain []string) *expr {
	if len(chain) < 2 {
		return nil
	}
	return s.groupKey(&hogql.Field{Chain: []string{t.alias, chain[0]}})
}

func (s *scope) personField(t *tableRef, rest []string) (*expr, error) {
	if len(rest) > 0 {
		switch rest[0] {
		case "id":
			return s.column(t, append([]string{"person_id"}, rest[1:]...))
		case "created_at":
			return s.column(t, append([]string{"person_created_at"}, rest[1:]...))
		case "properties":
			return s.column(t, append([]string{"person_properties"}, rest[1:]...))
		case "is_identified":
			slot := t.slot
			return &expr{t: mk(kBool), eval: func(f *frame) any {
				p := f.slots[slot].ev.Person
				return p != nil && p.IsIdentified
			}}, nil
		}
	}
	return nil, queryError(codeResolution, "Unable to resolve field: %s", strings.Join(append([]string{"person"}, rest...), "."))
}

func (s *scope) sessionField(t *tableRef, rest []string) (*expr, error) {
	sessions := s.r.e.sessions()
	if len(rest) == 0 || sessions.rel.index(rest[0]) < 0 {
		return nil, queryError(codeResolution, "Unable to resolve field: %s", strings.Join(append([]string{"session"}, rest...), "."))
	}
	i, slot := sessions.rel.index(rest[0]), t.slot
	return &expr{t: sessions.rel.types[i], eval: func(f *frame) any {
		row, ok := sessions.byID[f.slots[slot].ev.SessionID]
		if !ok {
			row = sessions.zero
		}
		return row[i]
	}}, nil
}

// deeper steps into base: a property of JSON text, or a member of a tuple.
func (s *scope) deeper(base *expr, path []jsonStep) (*expr, error) {
	if len(path) == 0 {
		return base, nil
	}
	if base.root != nil {
		path = append(append([]jsonStep{}, base.path...), path...)
		base = base.root
	}
	if base.t.k != kString {
		if base.t.k == kTuple {
			return s.member(base, path)
		}
		if base.t.k == kNothing {
			return base, nil
		}
		return nil, queryError(codeResolution, "Can not access property %q on a non-JSON field of type %s", path[0].key, base.t)
	}
	e := propertyReader(base, path)
	if base.t.json == "" || len(path) != 1 || !path[0].isKey {
		return e, nil
	}
	kind := s.r.propertyType(base.t.json, path[0].key)
	e.absent = kind == ""
	return s.typed(e, kind), nil
}

func (s *scope) member(base *expr, path []jsonStep) (*expr, error) {
	for i, name := range base.t.names {
		if path[0].isKey && path[0].key == name {
			e, err := tupleMember(base, i)
			if err != nil {
				return nil, err
			}
			return s.deeper(e, path[1:])
		}
	}
	return nil, queryError(codeResolution, "Can not access property %q on a tuple", path[0].key)
}

// propertyReader reads a property as text.
func propertyReader(base *expr, path []jsonStep) *expr {
	e := &expr{t: nullable(mk(kString)), root: base, path: path}
	if base.t.json != "" && len(path) == 1 && path[0].isKey {
		key := path[0].key
		e.eval = func(f *frame) any {
			v := base.eval(f)
			if p, ok := v.(*data.Properties); ok {
				m, _ := p.Get(key)
				return propertyText(m)
			}
			m, _ := jsonWalk(jsonValue(v), path)
			return propertyText(m)
		}
		return e
	}
	e.eval = func(f *frame) any {
		m, _ := jsonWalk(jsonValue(base.eval(f)), path)
		return propertyText(m)
	}
	return e
}

// typed reads a property by its detected type. The value itself is used where
// it has that type already.
func (s *scope) typed(e *expr, t PropertyType) *expr {
	raw, key := e.root.eval, e.path[0].key
	get := func(f *frame) any {
		if p, ok := raw(f).(*data.Properties); ok {
			v, _ := p.Get(key)
			return v
		}
		return nil
	}
	out := &expr{root: e.root, path: e.path}
	switch t {
	case PropertyNumeric:
		out.t = nullable(mk(kFloat64))
		out.eval = func(f *frame) any {
			switch v := get(f).(type) {
			case nil:
				return nil
			case float64:
				return v
			default:
				return castText(propertyText(v), mk(kFloat64), s.r.loc)
			}
		}
	case PropertyBoolean:
		out.t = nullable(mk(kBool))
		out.eval = func(f *frame) any {
			switch v := get(f).(type) {
			case bool:
				return v
			case string:
				if v == "true" || v == "false" {
					return v == "true"
				}
			}
			return nil
		}
	case PropertyDateTime:
		out.t = nullable(dateTime64(6, s.r.loc))
		out.eval = func(f *frame) any {
			if v, ok := propertyText(get(f)).(string); ok {
				if at, ok := parseInstant(v, s.r.loc); ok {
					return at
				}
			}
			return nil
		}
	default:
		return e
	}
	return out
}

// jsonValue is a value to walk: the properties themselves, or parsed text.
func jsonValue(v any) any {
	switch v := v.(type) {
	case *data.Properties:
		return v
	case string:
		if parsed, ok := parseJSON(v); ok {
			return parsed
		}
	}
	return nil
}

func jsonText(v any) any {
	if p, ok := v.(*data.Properties); ok {
		return propertiesText(p)
	}
	return v
}

func (s *scope) arrayAccess(n *hogql.ArrayAccess) (*expr, error) {
	base, err := s.compile(n.Array)
	if err != nil {
		return nil, err
	}
	if step, ok := constantStep(n.Property); ok && (base.root != nil || base.t.json != "" || base.t.k == kString && step.isKey) {
		return s.deeper(base, []jsonStep{step})
	}
	if base.t.k == kTuple {
		if c, ok := n.Property.(*hogql.Constant); ok {
			if i, ok := c.Value.(int64); ok {
				return tupleMember(base, int(i)-1)
			}
		}
	}
	i, err := s.compile(n.Property)
	if err != nil {
		return nil, err
	}
	return s.build("arrayElement", []*expr{base, i})
}

func constantStep(e hogql.Expr) (jsonStep, bool) {
	c, ok := e.(*hogql.Constant)
	if !ok {
		return jsonStep{}, false
	}
	switch v := c.Value.(type) {
	case string:
		return jsonStep{key: v, isKey: true}, true
	case int64:
		return jsonStep{index: v}, true
	}
	return jsonStep{}, false
}

func (s *scope) tupleAccess(n *hogql.TupleAccess) (*expr, error) {
	base, err := s.compile(n.Tuple)
	if err != nil {
		return nil, err
	}
	if base.root != nil || base.t.json != "" {
		return s.deeper(base, []jsonStep{{index: n.Index}})
	}
	return tupleMember(base, int(n.Index)-1)
}

func tupleMember(base *expr, i int) (*expr, error) {
	if base.t.k != kTuple {
		return nil, queryError(codeIllegalType, "First argument for function tupleElement must be tuple, not %s", base.t)
	}
	if i < 0 || i >= len(base.t.el) {
		return nil, queryError("argument_out_of_bound", "Index %d is out of bounds for a tuple of %d elements", i+1, len(base.t.el))
	}
	e := &expr{t: base.t.el[i], eval: func(f *frame) any {
		v, ok := base.eval(f).([]any)
		if !ok || i >= len(v) {
			return nil
		}
		return v[i]
	}}
	return fold(e, []*expr{base})
}
