package driver

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// limited finds the limit in force and, where it is the statement's own,
// makes the statement ask for one row more.
func (p queryPlan) limited(op string, q hogql.Query) (queryPlan, error) {
	p.sql = strings.TrimSpace(strings.TrimSuffix(p.sql, ";")) // PostHog takes none
	switch q := q.(type) {
	case *hogql.SelectQuery:
		if q.Limit == nil {
			p.limit = queryDefaultRows // and PostHog says whether there is more
			return p, nil
		}
		if q.LimitPercent || q.LimitWithTies {
			return p, nil
		}
		return p.ownLimit(op, q.Limit)
	case *hogql.SelectSetQuery:
		return p.setLimit(op, q)
	}
	return p, nil
}

// ownLimit raises the statement's LIMIT by one where that can be done.
func (p queryPlan) ownLimit(op string, limit hogql.Expr) (queryPlan, error) {
	n, ok := p.number(limit)
	if !ok {
		return p, nil
	}
	if n > maxQueryRows {
		return p, invalid(op, "query", fmt.Sprintf("LIMIT %d is more than PostHog's %d; it would cut the rows without a word", n, maxQueryRows),
			"Aggregate, page by a key, or use export_events for raw events.")
	}
	p.limit, p.own = n, true
	if n < maxQueryRows {
		p.sql, p.counted = edited(p.sql, []edit{{limit.Pos(), strconv.Itoa(n + 1)}}), true
	}
	return p, nil
}

// number gives a limit that is a number, or a placeholder for one.
func (p queryPlan) number(e hogql.Expr) (int, bool) {
	switch e := e.(type) {
	case *hogql.Constant:
		n, ok := e.Value.(int64)
		return int(min(n, maxQueryRows+1)), ok && n >= 0
	case *hogql.Placeholder:
		f, ok := e.Expr.(*hogql.Field)
		if !ok {
			return 0, false
		}
		n, err := strconv.Atoi(fmt.Sprint(p.values[strings.Join(f.Chain, ".")]))
		return min(n, maxQueryRows+1), err == nil && n >= 0
	}
	return 0, false
}

// setLimit handles UNION and its like, where PostHog silently puts LIMIT 100 on
// every member that has none. Such members get a limit that leaves the answer
// whole: one row more than is shown where members are just put together, and
// the most there is where the rows of one decide about those of another.
func (p queryPlan) setLimit(op string, set *hogql.SelectSetQuery) (queryPlan, error) {
	p.limit = queryDefaultRows
	members, together := setMembers(set)
	whole := set.Limit
	for _, m := range members {
		if n, ok := p.number(m.Limit); m.Limit != nil && ok && n > p.limit {
			p.limit, p.own = n, true
		}
	}
	var edits []edit
	if whole != nil {
		n, ok := p.number(whole)
		if !ok || set.LimitPercent || set.LimitWithTies {
			return p.unlimited(), nil
		}
		limited, err := p.ownLimit(op, whole)
		if err != nil || !limited.counted {
			return limited, err
		}
		p.limit, p.own = n, true
		edits = append(edits, edit{whole.Pos(), strconv.Itoa(n + 1)})
	}
	most := maxQueryRows
	if together {
		most = min(maxQueryRows, p.limit+1)
	}
	for _, m := range members {
		if m.Limit == nil {
			end := m.Pos().End
			edits = append(edits, edit{hogql.Span{Start: end, End: end}, " LIMIT " + strconv.Itoa(most)})
		}
	}
	sql := edited(p.sql, edits)
	if !everyMemberLimited(sql, len(members)) {
		return p.unlimited(), nil
	}
	p.sql, p.counted, p.unsure = sql, p.limit < maxQueryRows, whole == nil
	return p, nil
}

// unlimited is the plan of a statement whose limit is not known.
func (p queryPlan) unlimited() queryPlan {
	return queryPlan{sql: p.sql, values: p.values, info: p.info}
}

// setMembers gives the SELECTs of a set, nested ones too, and whether they are
// only put together (UNION ALL).
func setMembers(set *hogql.SelectSetQuery) (members []*hogql.SelectQuery, together bool) {
	together = true
	queries := []hogql.Query{set.Initial}
	for _, s := range set.Subsequent {
		queries = append(queries, s.Query)
		together = together && s.Operator == "UNION ALL"
	}
	for _, q := range queries {
		switch q := q.(type) {
		case *hogql.SelectQuery:
			members = append(members, q)
		case *hogql.SelectSetQuery:
			inner, simple := setMembers(q)
			members = append(members, inner...)
			together = together && simple && q.Limit == nil
		}
	}
	return members, together
}

// everyMemberLimited parses what was edited: only a statement whose members
// all have a limit now, and are as many as before, is what was meant.
func everyMemberLimited(sql string, count int) bool {
	q, err := hogql.Parse(sql)
	if err != nil {
		return false
	}
	set, ok := q.(*hogql.SelectSetQuery)
	if !ok {
		return false
	}
	members, _ := setMembers(set)
	return len(members) == count && !slices.ContainsFunc(members, func(m *hogql.SelectQuery) bool { return m.Limit == nil })
}

// edit replaces a part of a statement by text of this program. The rest stays
// as the caller wrote it, so that places in PostHog's errors are still right.
type edit struct {
	at   hogql.Span
	text string
}

// edited applies edits from the end, so that places stay valid.
func edited(sql string, edits []edit) string {
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(b.at.Start, a.at.Start) })
	for _, e := range edits {
		sql = sql[:e.at.Start] + e.text + sql[e.at.End:]
	}
	return sql
}
