package hogql

import "strings"

func (w *printer) call(c *Call) {
	switch c.form {
	case callSynthetic:
		w.syntax(c)
		return
	case callWithin:
		w.write(callName(c.Name))
		w.parens(func() { w.exprs(c.Params) })
		w.write(" WITHIN GROUP ")
		w.parens(func() { w.orderBy("ORDER BY ", c.WithinGroup) })
		return
	}
	w.write(callName(c.Name))
	if c.Params != nil {
		w.parens(func() { w.exprs(c.Params) })
	}
	w.parens(func() {
		if c.Distinct {
			w.write("DISTINCT ")
		}
		w.exprs(c.Args)
		w.orderBy(" ORDER BY ", c.OrderBy)
	})
	w.filter(c.Filter)
}

func (w *printer) filter(e Expr) {
	if e != nil {
		w.write(" FILTER (WHERE ")
		w.expr(e, levelTop)
		w.write(")")
	}
}

// callName is a function's name as it must be written before a parenthesis.
func callName(name string) string {
	switch lower(name) {
	case "if", "left", "right", "replace", "any", "trim", "substring", "array", "range", "not", "truncate":
		return name
	}
	return quoteName(name)
}

// syntax writes a call that came from an operator or keyword syntax in that
// syntax again.
func (w *printer) syntax(c *Call) {
	if len(c.Args) == 1 {
		switch q := c.Args[0].(type) {
		case *SelectQuery, *SelectSetQuery:
			inner, _ := q.(Query)
			w.write(callName(c.Name))
			w.parens(func() { w.query(inner) })
			return
		}
	}
	unit, isInterval := strings.CutPrefix(c.Name, "toInterval")
	switch {
	case c.Name == "if" || c.Name == "multiIf":
		w.caseWhen(nil, c.Args)
	case c.Name == "_caseWithExpression":
		w.caseWhen(c.Args[0], c.Args[1:])
	case c.Name == "ifNull":
		w.expr(c.Args[0], levelNullish)
		w.write(" ?? ")
		w.expr(c.Args[1], levelNullish+1)
	case c.Name == "concat" && joinsPlainly(c):
		w.expr(c.Args[0], levelAdd)
		w.write(" || ")
		w.chained(c.Args[1:], " || ", levelMultiply)
	case c.Name == "concat":
		w.template(c.Args)
	case isInterval:
		w.write("INTERVAL ")
		w.expr(c.Args[0], levelPrimary)
		w.write(" ", strings.ToUpper(unit))
	default:
		w.trim(c)
	}
}

func (w *printer) caseWhen(on Expr, args []Expr) {
	w.write("CASE")
	if on != nil {
		w.write(" ")
		w.expr(on, levelTernary)
	}
	for ; len(args) > 1; args = args[2:] {
		w.write(" WHEN ")
		w.expr(args[0], levelTernary)
		w.write(" THEN ")
		w.expr(args[1], levelTernary)
	}
	w.write(" ELSE ")
	w.expr(args[0], levelTernary)
	w.write(" END")
}

// template writes f'{a}{b}'.
func (w *printer) template(parts []Expr) {
	w.write("f'")
	for _, e := range parts {
		w.write("{")
		w.expr(e, levelTop)
		w.write("}")
	}
	w.write("'")
}

func (w *printer) trim(c *Call) {
	side := "BOTH"
	switch c.Name {
	case "trimLeft":
		side = "LEADING"
	case "trimRight":
		side = "TRAILING"
	}
	w.write("trim(", side, " ")
	what, ok := c.Args[1].(*Constant)
	_, text := constantText(what)
	switch inner, isCall := c.Args[1].(*Call); {
	case ok && text:
		w.constant(what)
	case isCall && inner.form == callSynthetic && inner.Name == "concat":
		w.template(inner.Args)
	default:
		w.template([]Expr{c.Args[1]})
	}
	w.write(" FROM ")
	w.expr(c.Args[0], levelTop)
	w.write(")")
}

func constantText(c *Constant) (string, bool) {
	if c == nil {
		return "", false
	}
	s, ok := c.Value.(string)
	return s, ok
}

func (w *printer) windowFunction(f *WindowFunction) {
	w.write(callName(f.Name))
	w.parens(func() { w.exprs(f.Exprs) })
	if f.HasArgs {
		w.parens(func() {
			if f.Distinct {
				w.write("DISTINCT ")
			}
			w.exprs(f.Args)
		})
	}
	w.filter(f.Filter)
	w.write(" OVER ")
	if f.Over == nil {
		w.write(quoteName(f.OverName))
		return
	}
	w.parens(func() { w.window(f.Over) })
}

// exprCall writes a call of an expression's value. A plain name or call is put
// in parentheses: without them it would be an ordinary call.
func (w *printer) exprCall(c *ExprCall) {
	least := levelPrimary
	switch v := c.Expr.(type) {
	case *Field:
		if len(v.Chain) == 1 {
			least++
		}
	case *Call:
		if v.form == callPlain && v.Params == nil && !v.Distinct && v.OrderBy == nil && v.Filter == nil {
			least++
		}
	}
	w.expr(c.Expr, least)
	w.parens(func() { w.exprs(c.Args) })
}
