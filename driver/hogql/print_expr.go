package hogql

import (
	"math/big"
	"strconv"
	"strings"
)

// levelTop is where any expression can stand, a lambda too.
const levelTop level = 0

// levelPrimary is the level of what needs no parentheses anywhere.
const levelPrimary = levelNegate + 1

// expr writes an expression, in parentheses if it binds more loosely than
// least.
func (w *printer) expr(e Expr, least level) {
	l := levelOf(e)
	switch c, _ := e.(*CompareOperation); {
	case l >= least:
		w.operator(e)
	case w.b.Len() != w.afterNot:
		w.parens(func() { w.operator(e) })
	case c != nil && c.IsNull:
		w.operator(e)
	default:
		w.operator(e)
		w.write(" IGNORE NULLS")
	}
}

// levelOf is the level at which e is written.
func levelOf(e Expr) level {
	switch v := e.(type) {
	case *Lambda, *NamedArgument:
		return levelTop
	case *Alias:
		return levelAlias
	case *Or:
		return levelOr
	case *And:
		return levelAnd
	case *Not:
		return levelNot
	case *BetweenExpr:
		return levelBetween
	case *IsDistinctFrom:
		return levelDistinct
	case *CompareOperation:
		if v.IsNull {
			return levelIsNull
		}
		return levelCompare
	case *ArithmeticOperation:
		if v.Op == "+" || v.Op == "-" {
			return levelAdd
		}
		return levelMultiply
	case *Call:
		switch {
		case v.form != callSynthetic:
		case v.Name == "ifNull" && len(v.Args) == 2:
			return levelNullish
		case v.Name == "concat" && joinsPlainly(v):
			return levelAdd
		}
	}
	return levelPrimary
}

// joinsPlainly reports whether a concat can be written with ||: a concat among
// its arguments would become part of it.
func joinsPlainly(c *Call) bool {
	for _, a := range c.Args {
		if inner, ok := a.(*Call); ok && inner.Name == "concat" {
			return false
		}
	}
	return len(c.Args) > 1
}

func (w *printer) operator(e Expr) {
	switch v := e.(type) {
	case *Alias:
		w.expr(v.Expr, levelAlias)
		w.write(" AS ", quoteName(v.Name))
	case *And:
		w.chained(v.Exprs, " AND ", levelAnd+1)
	case *Or:
		w.chained(v.Exprs, " OR ", levelOr+1)
	case *Not:
		w.write("NOT ")
		w.afterNot = w.b.Len()
		if l, ok := v.Expr.(*Lambda); ok && len(l.Args) > 0 { // NOT (x) would be a call
			w.names(l.Args)
			w.write(" -> ")
			w.expr(l.Expr, levelTop)
			return
		}
		w.expr(v.Expr, levelNot)
	case *BetweenExpr:
		w.expr(v.Expr, levelBetween)
		w.write(not(v.Negated), " BETWEEN ")
		w.expr(v.Low, levelNullish)
		w.write(" AND ")
		w.expr(v.High, levelNullish)
	case *IsDistinctFrom:
		w.expr(v.Left, levelDistinct)
		w.write(" IS", not(v.Negated), " DISTINCT FROM ")
		w.expr(v.Right, levelIsNull)
	case *CompareOperation:
		w.compare(v)
	case *ArithmeticOperation:
		l := levelOf(v)
		w.expr(v.Left, l)
		w.write(" ", v.Op, " ")
		w.expr(v.Right, l+1)
	case *Lambda:
		w.parens(func() { w.names(v.Args) })
		w.write(" -> ")
		w.expr(v.Expr, levelTop)
	case *NamedArgument:
		w.write(quoteName(v.Name), " := ")
		w.expr(v.Value, levelTop)
	default:
		w.primary(e)
	}
}

func not(negated bool) string {
	if negated {
		return " NOT"
	}
	return ""
}

func (w *printer) chained(list []Expr, op string, least level) {
	for i, e := range list {
		if i > 0 {
			w.write(op)
		}
		w.expr(e, least)
	}
}

func (w *printer) compare(c *CompareOperation) {
	if c.IsNull {
		w.expr(c.Left, levelIsNull)
		w.write(" IS", not(c.Op == "!="), " NULL")
		return
	}
	op := strings.ToUpper(c.Op)
	if op == "==" {
		op = "="
	}
	w.expr(c.Left, levelCompare)
	w.write(" ", op, " ")
	w.expr(c.Right, levelAdd)
}

// primary writes what needs no parentheses.
func (w *printer) primary(e Expr) {
	switch v := e.(type) {
	case *Constant:
		w.constant(v)
	case *Field:
		w.chain(v.Chain)
	case *Placeholder:
		w.write("{")
		if f, ok := v.Expr.(*Field); ok && bareChain(f.Chain) {
			w.write(strings.Join(f.Chain, "."))
		} else {
			w.expr(v.Expr, levelTop)
		}
		w.write("}")
	case *Call:
		w.call(v)
	case *WindowFunction:
		w.windowFunction(v)
	case *ExprCall:
		w.exprCall(v)
	case *Array:
		w.write("[")
		w.exprs(v.Exprs)
		w.write("]")
	case *Tuple:
		w.parens(func() {
			w.exprs(v.Exprs)
			if len(v.Exprs) == 1 {
				w.write(",")
			}
		})
	case *Dict:
		w.write("{")
		w.list(len(v.Items), func(i int) {
			w.expr(v.Items[i].Key, levelTernary)
			w.write(": ")
			w.expr(v.Items[i].Value, levelTop)
		})
		w.write("}")
	case *ArrayAccess:
		w.expr(v.Array, levelPrimary)
		if v.Nullish {
			w.write("?.")
		}
		w.write("[")
		w.expr(v.Property, levelTop)
		w.write("]")
	case *ArraySlice:
		w.expr(v.Array, levelPrimary)
		w.write("[")
		w.clause("", v.From)
		w.write(":")
		w.clause("", v.To)
		w.write("]")
	case *TupleAccess:
		w.tupleAccess(v)
	case *TypeCast:
		w.cast("CAST", v.Expr, v.TypeName)
	case *TryCast:
		w.cast("TRY_CAST", v.Expr, v.TypeName)
	case *ColumnsExpr:
		w.columns(v, false)
	case *SpreadExpr:
		w.write("*")
		if c, ok := v.Expr.(*ColumnsExpr); ok {
			w.columns(c, true)
		}
	case *PositionalRef:
		w.write("#", strconv.FormatInt(v.Index, 10))
	case Query:
		w.parens(func() { w.query(v) })
	}
}

// bareChain reports whether a name alone between braces needs no quotes: there
// nearly every keyword is just a name, as in {from}.
func bareChain(chain []string) bool {
	for _, name := range chain {
		l := lower(name)
		if !isWordName(name) || lookupKeyword(name).reserved() || l == "true" || l == "false" {
			return false
		}
	}
	return true
}

func (w *printer) constant(c *Constant) {
	switch v := c.Value.(type) {
	case nil:
		w.write("NULL")
	case bool:
		w.write(strconv.FormatBool(v))
	case int64:
		w.write(strconv.FormatInt(v, 10))
	case *big.Int:
		w.write(v.String())
	case float64:
		w.write(formatFloat(v))
	case string:
		w.write(quoteString(v))
	}
}

// tupleAccess writes tuple.1. Behind an integer the dot would make a fraction.
func (w *printer) tupleAccess(t *TupleAccess) {
	if c, ok := t.Tuple.(*Constant); ok {
		switch c.Value.(type) {
		case int64:
			w.constant(c)
			w.write(".0") // the same number, and the dot behind it is none of it
		case *big.Int:
			w.parens(func() { w.constant(c) })
		default:
			w.constant(c)
		}
	} else {
		w.expr(t.Tuple, levelPrimary)
	}
	if t.Nullish {
		w.write("?")
	}
	w.write(".", strconv.FormatInt(t.Index, 10))
}

func (w *printer) cast(name string, e Expr, typ string) {
	w.write(name, "(")
	w.expr(e, levelTernary)
	w.write(" AS ")
	if !parsesAsType(typ) {
		typ = "`" + strings.ReplaceAll(strings.ReplaceAll(typ, `\`, `\\`), "`", "``") + "`"
	}
	w.write(typ, ")")
}

// parsesAsType reports whether a type's name reads as itself when unquoted.
func parsesAsType(typ string) bool {
	q, err := Parse("SELECT CAST(a AS " + typ + ")")
	s, ok := q.(*SelectQuery)
	if err != nil || !ok || len(s.Select) != 1 {
		return false
	}
	c, ok := s.Select[0].(*TypeCast)
	return ok && c.TypeName == typ && s.From == nil
}

func (w *printer) columns(c *ColumnsExpr, function bool) {
	switch {
	case c.Regex != nil:
		w.write("COLUMNS(", quoteString(*c.Regex), ")")
	case c.AllColumns && c.Replace == nil && !function:
		w.write("*")
		w.exclude(c.Exclude)
	case c.AllColumns:
		w.write("COLUMNS(*")
		w.exclude(c.Exclude)
		if c.Replace != nil {
			w.write(" REPLACE ")
			w.parens(func() {
				w.list(len(c.Replace), func(i int) {
					w.expr(c.Replace[i].Expr, levelTernary)
					w.write(" AS ", quoteName(c.Replace[i].Name))
				})
			})
		}
		w.write(")")
	default:
		w.write("COLUMNS(")
		w.exprs(c.Columns)
		if len(c.Columns) == 1 {
			if s, ok := c.Columns[0].(*Constant); ok {
				if _, text := s.Value.(string); text {
					w.write(",") // COLUMNS('x') is a pattern
				}
			}
		}
		w.write(")")
	}
}

func (w *printer) exclude(list []string) {
	if list != nil {
		w.write(" EXCLUDE ")
		w.parens(func() { w.names(list) })
	}
}
