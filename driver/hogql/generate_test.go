package hogql

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator writes random statements: every construct of the grammar that
// analysts use, and the odd places where keywords are names.
type generator struct {
	r     *rand.Rand
	depth int
}

// generateStatements returns n random statements, the same for the same seed.
func generateStatements(seed uint64, n int) []string {
	g := &generator{r: rand.New(rand.NewPCG(seed, 1))}
	list := make([]string, n)
	for i := range list {
		list[i] = g.query()
	}
	return list
}

func (g *generator) pick(options ...string) string { return options[g.r.IntN(len(options))] }

// maybe returns the text in one of n cases.
func (g *generator) maybe(n int, text func() string) string {
	if g.r.IntN(n) > 0 {
		return ""
	}
	return text()
}

func (g *generator) list(most int, one func() string) string {
	parts := make([]string, 1+g.r.IntN(most))
	for i := range parts {
		parts[i] = one()
	}
	return strings.Join(parts, g.pick(", ", ",", " , "))
}

func (g *generator) query() string {
	g.depth++
	defer func() { g.depth-- }()
	q := g.maybe(5, g.with) + g.selectQuery()
	if g.depth > 1 {
		return q
	}
	switch g.r.IntN(10) {
	case 0:
		q += " " + g.pick("UNION ALL", "union distinct", "UNION", "EXCEPT", "INTERSECT", "INTERSECT DISTINCT", "UNION ALL BY NAME") + " " + g.selectQuery()
	case 1:
		q = "(" + q + ") UNION ALL (" + g.query() + ")" + g.maybe(2, g.limit)
	}
	return q
}

func (g *generator) with() string {
	return "WITH " + g.list(2, func() string {
		if g.r.IntN(3) == 0 {
			return g.expr() + " AS " + g.name()
		}
		return g.name() + " AS (" + g.query() + ")"
	}) + " "
}

func (g *generator) selectQuery() string {
	var b strings.Builder
	b.WriteString(g.pick("SELECT ", "select ", "SELECT DISTINCT ") + g.list(3, g.column))
	if g.r.IntN(8) > 0 {
		b.WriteString(" FROM " + g.from())
		b.WriteString(g.maybe(8, func() string { return g.pick(" ARRAY JOIN ", " LEFT ARRAY JOIN ") + g.expr() + " AS " + g.name() }))
	}
	b.WriteString(g.maybe(12, func() string { return " PREWHERE " + g.expr() }))
	b.WriteString(g.maybe(2, func() string { return " WHERE " + g.expr() }))
	b.WriteString(g.maybe(3, func() string {
		return " GROUP BY " + g.pick(g.list(3, g.expr), "ALL", "ROLLUP("+g.list(2, g.expr)+")", "GROUPING SETS (("+g.list(2, g.expr)+"), ())", "CUBE(a, b)")
	}))
	b.WriteString(g.maybe(5, func() string { return " HAVING " + g.expr() }))
	b.WriteString(g.maybe(10, func() string { return " QUALIFY " + g.expr() }))
	b.WriteString(g.maybe(10, func() string { return " WINDOW w AS (" + g.window() + ")" }))
	b.WriteString(g.maybe(2, func() string { return " ORDER BY " + g.list(2, g.order) }))
	b.WriteString(g.maybe(8, func() string { return fmt.Sprintf(" LIMIT %d BY %s", g.r.IntN(9), g.list(2, g.expr)) }))
	b.WriteString(g.maybe(2, g.limit))
	return b.String()
}

func (g *generator) limit() string {
	n := fmt.Sprint(g.r.IntN(1000))
	return g.pick(" LIMIT "+n, " LIMIT "+n+" OFFSET 5", " OFFSET 3", " LIMIT {n}", " LIMIT "+n+" WITH TIES", " LIMIT 5, 6")
}

func (g *generator) order() string {
	return g.expr() + g.pick("", " ASC", " DESC", " desc NULLS LAST", " ASC NULLS FIRST", " WITH FILL FROM 1 TO 5 STEP 1")
}

func (g *generator) column() string {
	switch g.r.IntN(12) {
	case 0:
		return "*"
	case 1:
		return g.name() + ": " + g.expr()
	case 2:
		return g.expr() + " " + g.pick("x", "y1", `"two words"`, "`q`", "date", "id")
	case 3, 4, 5:
		return g.expr() + " AS " + g.name()
	case 6:
		return g.pick("t.*", "* EXCLUDE (a, b)", "COLUMNS('^a')", "count(*)", "COLUMNS(a, b)")
	}
	return g.expr()
}

func (g *generator) from() string {
	table := func() string {
		if g.depth < 2 && g.r.IntN(4) == 0 {
			return "(" + g.query() + ")" + g.pick("", " AS s", " s")
		}
		return g.pick("events", "persons p", "events AS e", "sessions", "numbers(10)", "system.cohorts", "{table}", "events e SAMPLE 1/10", "a.b.c AS limit", "`odd name`", "(VALUES (1, 'a'), (2, 'b')) AS v(x, y)", "events FINAL")
	}
	s := table()
	for g.r.IntN(3) == 0 {
		switch g.r.IntN(5) {
		case 0:
			s += g.pick(", ", " CROSS JOIN ") + table()
		case 1:
			s += " JOIN " + table() + " USING (" + g.name() + ")"
		default:
			s += " " + g.pick("JOIN", "INNER JOIN", "LEFT JOIN", "LEFT OUTER JOIN", "ASOF LEFT JOIN", "FULL OUTER JOIN", "RIGHT ANY JOIN", "ANY JOIN") + " " + table() + " ON " + g.expr()
		}
	}
	return s
}

func (g *generator) name() string {
	return g.pick("a", "b", "x", "y", "event", "total", "`quoted`", `"also quoted"`, "limit", "order", "day", "left", "from_date", "$os", "_x", "id", "desc", "first", "values", "end", "step")
}

func (g *generator) expr() string {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > 3 {
		return g.atom()
	}
	e := g.expr
	switch g.r.IntN(34) {
	case 0:
		return e() + " " + g.pick("+", "-", "*", "/", "%", "||") + " " + e()
	case 1:
		return e() + g.pick("+", "*", "/", "||", "=", ">=", ">", "!=") + e()
	case 2, 3:
		return e() + " " + g.pick("=", "==", "!=", "<>", ">", ">=", "< ", "<= ", "LIKE", "ILIKE", "NOT LIKE", "not ilike", "=~", "!~", "=~*", "~", "~*", "!~*") + " " + e()
	case 4:
		return e() + g.pick(" AND ", " and ", " OR ") + e()
	case 5:
		return g.pick("NOT ", "not ", "-", "- ") + e()
	case 6:
		return e() + g.pick(" IS NULL", " is not null", " IS DISTINCT FROM "+e(), " IS NOT DISTINCT FROM "+e())
	case 7:
		return e() + g.pick(" BETWEEN ", " NOT BETWEEN ") + g.atom() + " AND " + e()
	case 8:
		return e() + g.pick(" IN ", " NOT IN ") + g.pick("("+g.list(3, e)+")", "[1, 2]", "{ids}", "("+g.list(2, g.atom)+",)")
	case 9:
		return "(" + e() + ")"
	case 10:
		return g.pick(e()+" ?? "+e(), "("+e()+" ? "+e()+" : "+e()+")", e()+" ? "+e()+" : "+e())
	case 11:
		return "CASE " + g.pick("", e()+" ") + "WHEN " + e() + " THEN " + e() + g.pick("", " WHEN "+e()+" THEN "+e()) + g.pick("", " ELSE "+e()) + " END"
	case 12:
		return "INTERVAL " + g.pick("1", "{n}", "a", "(1 + 2)", "'3'", "f(x)") + " " + g.pick("DAY", "month", "HOUR", "second")
	case 13:
		return g.pick("CAST(", "TRY_CAST(") + e() + " AS " + g.pick("Int", "Nullable(String)", "Array(Float)", "Decimal(10, 2)", "timestamp with time zone", "int[]") + ")"
	case 14:
		return g.atom() + "::" + g.pick("int", "String", "date", "timestamp")
	case 15:
		return g.atom() + g.pick("["+e()+"]", "[1:2]", "[:"+e()+"]", ".1", ".name", "?.b", "?.[1]", "['k'].x")
	case 16:
		return "f(" + g.pick("x", "(x)", "(x, y)") + " -> " + e() + ", " + g.name() + ")"
	case 17:
		return g.name() + "(" + g.list(2, e) + ") OVER (" + g.window() + ")"
	case 18:
		return g.pick("count()", "sum(a)", "quantile(0.9)(b)", "count(DISTINCT "+e()+")", "uniq(a)", "groupArray(a ORDER BY b DESC)", "countIf("+e()+")", "sum(a) FILTER (WHERE "+e()+")", "row_number() OVER w", "exists(SELECT 1)", "f(a := "+e()+")", "any(x) OVER (PARTITION BY y)", "f(x) WITHIN GROUP (ORDER BY y)")
	case 19, 20, 21:
		return g.pick("if", "multiIf", "toDate", "concat", "arrayMap", "left", "replace", "date", "trim", "coalesce") + "(" + g.list(3, e) + ")"
	case 22:
		return g.pick("[", "array[") + g.list(3, e) + g.pick("]", ",]")
	case 23:
		return "(" + e() + ", " + e() + ")"
	case 24:
		if g.depth > 2 {
			return "(SELECT 1)"
		}
		return "(" + g.query() + ")"
	case 25:
		return g.pick("{'a': "+e()+"}", "{x}", "{variables.y}", "f'a {"+e()+"} b'", "person_id IN COHORT 5", "{"+e()+"}", "#2", "trim(BOTH 'x' FROM "+e()+")")
	}
	return g.atom()
}

func (g *generator) atom() string {
	switch g.r.IntN(4) {
	case 0:
		return g.pick("1", "2.5", "-3", "0x1F", "1e5", ".5", "inf", "nan", "null", "true", "FALSE", "0b11", "12345678901234567890", "017", "1.", "-.25")
	case 1:
		return g.pick("'text'", "'it''s'", `'a\\b\n'`, "''", `'\''`, "'é'")
	case 2:
		return g.pick("properties.$os", "person.properties.email", "properties.a.1.b", "e.event", "timestamp", "events.properties['x']", "properties.limit", "t.`odd name`")
	}
	return g.name()
}

func (g *generator) window() string {
	return g.pick("", "PARTITION BY "+g.atom()) + g.pick("", " ORDER BY "+g.atom()+g.pick("", " DESC")) +
		g.pick("", " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", " ROWS 1 PRECEDING", " RANGE BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING")
}
