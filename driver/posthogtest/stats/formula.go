package stats

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// formula is arithmetic over the series A, B, … of a trend.
type formula struct {
	text string
	tree ast.Expr
}

// readFormula gives nil for no formula. The arithmetic is that of Go's own
// expressions; powers, which PostHog has too, are refused.
func readFormula(text string, series int) (*formula, error) {
	if text == "" {
		return nil, nil
	}
	tree, err := parser.ParseExpr(strings.ToUpper(text))
	if err != nil {
		return nil, invalid("the formula %q cannot be read", text)
	}
	f := &formula{text: text, tree: tree}
	if _, err := f.value(tree, make([]float64, series)); err != nil {
		return nil, err
	}
	return f, nil
}

// value computes the formula for one interval.
func (f *formula) value(e ast.Expr, series []float64) (float64, error) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return f.value(e.X, series)
	case *ast.Ident:
		if len(e.Name) != 1 || e.Name[0] < 'A' || int(e.Name[0]-'A') >= len(series) {
			return 0, invalid("the formula %q names series %s, but there are %d", f.text, e.Name, len(series))
		}
		return series[e.Name[0]-'A'], nil
	case *ast.BasicLit:
		if e.Kind == token.INT || e.Kind == token.FLOAT {
			if x, err := strconv.ParseFloat(e.Value, 64); err == nil {
				return x, nil
			}
		}
	case *ast.UnaryExpr:
		x, err := f.value(e.X, series)
		switch e.Op {
		case token.SUB:
			return -x, err
		case token.ADD:
			return x, err
		}
	case *ast.BinaryExpr:
		x, err := f.value(e.X, series)
		if err != nil {
			return 0, err
		}
		y, err := f.value(e.Y, series)
		if err != nil {
			return 0, err
		}
		if result, ok := calculate(x, e.Op, y); ok {
			return result, nil
		}
	}
	return 0, notSupported("the formula %s", strconv.Quote(f.text))
}

// calculate has PostHog's rules: a division by zero is zero, and a remainder
// has the sign of the divisor.
func calculate(x float64, op token.Token, y float64) (float64, bool) {
	switch op {
	case token.ADD:
		return x + y, true
	case token.SUB:
		return x - y, true
	case token.MUL:
		return x * y, true
	case token.QUO:
		if y == 0 {
			return 0, true
		}
		return x / y, true
	case token.REM:
		if y == 0 {
			return 0, true
		}
		return x - math.Floor(x/y)*y, true
	}
	return 0, false
}

// apply joins the lines of all series into one, or one for each breakdown
// value: the largest first, those without a value and the rest last. A value
// that a series does not have counts as zeros there.
func (f *formula) apply(series [][]map[string]any, total bool) ([]map[string]any, error) {
	var values []any // in the order they are met in
	groups := map[any][]map[string]any{}
	for i, lines := range series {
		for _, l := range lines {
			value := l["breakdown_value"]
			if groups[value] == nil {
				values, groups[value] = append(values, value), make([]map[string]any, len(series))
			}
			groups[value][i] = l
		}
	}
	out := make([]map[string]any, 0, len(values))
	for _, value := range values {
		l, err := f.join(groups[value], total)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	rank := func(l map[string]any) int {
		return map[any]int{breakdownNull: 1, breakdownOther: 2}[l["breakdown_value"]]
	}
	size := func(l map[string]any) float64 {
		if x, is := l["aggregated_value"].(float64); is {
			return x
		}
		x, _ := l["count"].(float64)
		return x
	}
	slices.SortStableFunc(out, func(a, b map[string]any) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(size(b), size(a)))
	})
	return out, nil
}

// join computes the formula over the lines of one breakdown value.
func (f *formula) join(lines []map[string]any, total bool) (map[string]any, error) {
	own := maps.Clone(lines[slices.IndexFunc(lines, func(l map[string]any) bool { return l != nil })])
	points := func(l map[string]any) []float64 {
		if total {
			x, _ := l["aggregated_value"].(float64)
			return []float64{x}
		}
		list, _ := l["data"].([]float64)
		return list
	}
	result := make([]float64, len(points(own)))
	for i := range result {
		at := make([]float64, len(lines))
		for j, l := range lines {
			if l != nil {
				at[j] = points(l)[i]
			}
		}
		var err error
		if result[i], err = f.value(f.tree, at); err != nil {
			return nil, err
		}
	}
	own["action"], own["label"] = nil, "Formula ("+f.text+")"
	if total {
		own["aggregated_value"], own["data"], own["count"] = sum(result), nil, 0
	} else {
		own["data"], own["count"] = result, sum(result)
	}
	return own, nil
}
