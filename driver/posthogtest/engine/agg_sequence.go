package engine

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

func addSequenceAggregates(t map[string]aggDef) {
	t["windowFunnel"] = aggDef{2, 33, buildFunnel}
	t["sequenceMatch"] = aggDef{2, 33, buildSequence}
	t["sequenceCount"] = aggDef{2, 33, buildSequence}
}

// step is one condition (from 1) met at a moment.
type step struct {
	at int64
	no int
}

// funnelState finds the longest chain of conditions inside a window.
type funnelState struct {
	steps        []step
	n            int
	window       int64
	dedup, order bool
	increase     bool
}

func (s *funnelState) add(a []any) {
	at := ticks(a[0])
	for i := len(a) - 1; i >= 1; i-- {
		if truthy(a[i]) {
			s.steps = append(s.steps, step{at: at, no: i})
		}
	}
	if s.order && !slices.ContainsFunc(a[1:], truthy) {
		s.steps = append(s.steps, step{at: at})
	}
}

// ticks is a moment in whole seconds, or days of a Date.
func ticks(v any) int64 {
	switch v := normal(v).(type) {
	case instant:
		return int64(v) / microsPerSecond
	case date:
		return int64(v)
	case uint64:
		return int64(v) //nolint:gosec // an argument checked to be unsigned
	}
	return 0
}

// chain is where a chain of conditions began and its latest moment.
type chain struct {
	first, last int64
	ok          bool
}

func (s *funnelState) result() any {
	if len(s.steps) == 0 {
		return uint64(0)
	}
	steps := slices.Clone(s.steps)
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.no, b.no)) })
	chains := make([]chain, s.n)
	started := false
	for _, st := range steps {
		i := st.no - 1
		switch {
		case i < 0: // an event of no condition, under strict_order
			if started {
				return s.reached(chains)
			}
		case i == 0:
			chains[0] = chain{first: st.at, last: st.at, ok: true}
			started = true
		case s.dedup && chains[i].ok:
			return uint64(i)
		case s.order && started && !chains[i-1].ok:
			return s.reached(chains)
		case chains[i-1].ok:
			ok := st.at <= chains[i-1].first+s.window
			if s.increase {
				ok = ok && chains[i-1].last < st.at
			}
			if ok {
				chains[i] = chain{first: chains[i-1].first, last: st.at, ok: true}
				if i+1 == s.n {
					return uint64(s.n) //nolint:gosec // at most 32
				}
			}
		}
	}
	return s.reached(chains)
}

func (s *funnelState) reached(chains []chain) any {
	for i := len(chains); i > 0; i-- {
		if chains[i-1].ok {
			return uint64(i)
		}
	}
	return uint64(0)
}

func buildFunnel(c *aggCall) (*aggImpl, error) {
	window, err := c.intParam(0)
	if err != nil {
		return nil, err
	}
	if len(c.params) == 0 {
		return nil, queryError(codeArgumentCount, "Aggregate function windowFunnel requires the window as a parameter")
	}
	if err := c.momentAndConditions(); err != nil {
		return nil, err
	}
	proto := funnelState{n: len(c.types) - 1, window: window}
	for _, p := range c.params[1:] {
		switch mode, _ := p.(string); mode {
		case "strict_deduplication":
			proto.dedup = true
		case "strict_order":
			proto.order = true
		case "strict_increase":
			proto.increase = true
		default:
			return nil, notSupported("windowFunnel mode %v", p)
		}
	}
	return &aggImpl{t: mk(kUInt8), never: true, make: func() aggState {
		s := proto
		return &s
	}}, nil
}

func (c *aggCall) momentAndConditions() error {
	t := c.types[0]
	if t.k != kDate && t.k != kDateTime && !t.isUnsigned() {
		return queryError(codeIllegalType, "Illegal type %s of first argument of aggregate function %s, must be Unsigned Number, Date, DateTime", t, c.name)
	}
	for i, t := range c.types[1:] {
		if t.k != kUInt8 && t.k != kBool {
			return queryError(codeIllegalType, "Illegal type %s of argument %d of aggregate function %s, must be UInt8", t, i+2, c.name)
		}
	}
	return nil
}

// patternPart is one part of a sequence pattern: (?N), ".", ".*" or a time
// condition on what follows.
type patternPart struct {
	kind byte // 'N', '.', '*', 't'
	no   int
	op   string
	secs int64
}

func parsePattern(s string) ([]patternPart, error) {
	bad := func(at string) error {
		return queryError("syntax_error", "Malformed sequence pattern %q at %q", s, at)
	}
	var out []patternPart
	for rest := s; rest != ""; {
		switch {
		case strings.HasPrefix(rest, ".*"):
			out, rest = append(out, patternPart{kind: '*'}), rest[2:]
		case rest[0] == '.':
			out, rest = append(out, patternPart{kind: '.'}), rest[1:]
		case strings.HasPrefix(rest, "(?"):
			end := strings.IndexByte(rest, ')')
			if end < 0 {
				return nil, bad(rest)
			}
			body := rest[2:end]
			rest = rest[end+1:]
			if t, ok := strings.CutPrefix(body, "t"); ok {
				p := patternPart{kind: 't'}
				for _, op := range []string{"<=", ">=", "==", "!=", "<", ">"} {
					if v, ok := strings.CutPrefix(t, op); ok {
						n, err := strconv.ParseInt(v, 10, 64)
						if err != nil {
							return nil, bad(body)
						}
						p.op, p.secs = op, n
						break
					}
				}
				if p.op == "" {
					return nil, bad(body)
				}
				out = append(out, p)
				continue
			}
			n, err := strconv.Atoi(body)
			if err != nil || n < 1 {
				return nil, bad(body)
			}
			out = append(out, patternPart{kind: 'N', no: n})
		case rest[0] == ' ':
			rest = rest[1:]
		default:
			return nil, bad(rest)
		}
	}
	return out, nil
}

// sequenceState keeps the events that meet at least one condition.
type sequenceState struct {
	events []sequenceEvent
	parts  []patternPart
	count  bool
	steps  int
}

type sequenceEvent struct {
	at  int64
	met uint64
}

// maxSequenceSteps bounds the backtracking, as ClickHouse bounds it.
const maxSequenceSteps = 1_000_000

func (s *sequenceState) add(a []any) {
	e := sequenceEvent{at: ticks(a[0])}
	for i, v := range a[1:] {
		if truthy(v) {
			e.met |= 1 << i
		}
	}
	if e.met != 0 {
		s.events = append(s.events, e)
	}
}

func (s *sequenceState) result() any {
	events := slices.Clone(s.events)
	slices.SortStableFunc(events, func(a, b sequenceEvent) int { return cmp.Compare(a.at, b.at) })
	s.steps = 0
	n := uint64(0)
	for from := 0; from < len(events); {
		end, ok := s.match(events, from, 0, from)
		if s.steps > maxSequenceSteps {
			return queryError("too_slow", "Pattern application proves too difficult, exceeding max iterations (%d)", maxSequenceSteps)
		}
		if !ok {
			from++
			continue
		}
		n++
		if !s.count {
			break
		}
		from = max(end, from+1)
	}
	if s.count {
		return n
	}
	return min(n, 1)
}

// match applies the parts from p at event i; last is the event before, which
// time conditions measure from.
func (s *sequenceState) match(events []sequenceEvent, i, p, last int) (end int, ok bool) {
	if s.steps++; s.steps > maxSequenceSteps {
		return i, false
	}
	if p == len(s.parts) {
		return i, true
	}
	switch part := s.parts[p]; part.kind {
	case 'N':
		if i < len(events) && events[i].met&(1<<(part.no-1)) != 0 {
			return s.match(events, i+1, p+1, i)
		}
		return i, false
	case '.':
		if i < len(events) {
			return s.match(events, i+1, p+1, i)
		}
		return i, false
	case 't':
		for j := i; j < len(events); j++ {
			if within(events[j].at-events[last].at, part) {
				if end, ok := s.match(events, j, p+1, j); ok {
					return end, true
				}
			}
		}
		return i, false
	default:
		for j := i; j <= len(events); j++ {
			if end, ok := s.match(events, j, p+1, max(j-1, last)); ok {
				return end, true
			}
		}
		return i, false
	}
}

func within(d int64, p patternPart) bool {
	switch p.op {
	case "<=":
		return d <= p.secs
	case ">=":
		return d >= p.secs
	case "<":
		return d < p.secs
	case ">":
		return d > p.secs
	case "!=":
		return d != p.secs
	default:
		return d == p.secs
	}
}

func buildSequence(c *aggCall) (*aggImpl, error) {
	pattern, ok := any(nil), false
	if len(c.params) == 1 {
		pattern = c.params[0]
		_, ok = pattern.(string)
	}
	if !ok {
		return nil, queryError(codeArgumentCount, "Aggregate function %s requires exactly one parameter: pattern string", c.name)
	}
	if err := c.momentAndConditions(); err != nil {
		return nil, err
	}
	text, _ := pattern.(string)
	parts, err := parsePattern(text)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if p.no > len(c.types)-1 {
			return nil, queryError(codeBadArguments, "Event number %d is out of range", p.no)
		}
		if p.kind == 't' {
			return nil, notSupported("time conditions (?t...) in %s", c.name)
		}
	}
	count := c.name == "sequenceCount"
	t := mk(kUInt8)
	if count {
		t = mk(kUInt64)
	}
	return &aggImpl{t: t, never: true, make: func() aggState { return &sequenceState{parts: parts, count: count} }}, nil
}
