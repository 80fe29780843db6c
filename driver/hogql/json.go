package hogql

import (
	"math"
	"math/big"
)

// jsonNode is one node of the tree in the form of PostHog's parser.
type jsonNode = map[string]any

// toJSON returns the tree with the node and field names of PostHog's own
// parser, without positions: maps, slices, strings, float64, bool and nil, as
// encoding/json would decode that parser's output.
func toJSON(q Query) any { return jsonExpr(q) }

func jsonSelect(q *SelectQuery) jsonNode {
	n := jsonNode{
		"node": "SelectQuery", "ctes": nil, "select": jsonExprs(q.Select), "distinct": nil, "select_from": nil,
		"where": jsonExpr(q.Where), "prewhere": jsonExpr(q.Prewhere), "having": jsonExpr(q.Having), "qualify": jsonExpr(q.Qualify), "group_by": nil,
	}
	if q.Distinct {
		n["distinct"] = true
	}
	if q.CTEs != nil {
		n["ctes"] = jsonList(q.CTEs, jsonCTE)
	}
	if q.From != nil {
		n["select_from"] = jsonJoin(q.From)
	}
	if q.GroupBy != nil {
		n["group_by"] = jsonExprs(q.GroupBy)
	}
	if q.GroupByMode != "" {
		n["group_by_mode"] = q.GroupByMode
	}
	if q.OrderBy != nil {
		n["order_by"] = jsonList(q.OrderBy, jsonOrder)
	}
	if q.ArrayJoinOp != "" {
		n["array_join_op"] = q.ArrayJoinOp
		n["array_join_list"] = jsonExprs(q.ArrayJoin)
	}
	if q.Windows != nil {
		windows := jsonNode{}
		for _, w := range q.Windows {
			windows[w.Name] = jsonWindow(w.Window)
		}
		n["window_exprs"] = windows
	}
	if by := q.LimitBy; by != nil {
		n["limit_by"] = jsonNode{"node": "LimitByExpr", "n": jsonExpr(by.N), "offset_value": jsonExpr(by.Offset), "exprs": jsonExprs(by.Exprs)}
	}
	jsonLimit(n, q.Limit, q.Offset, q.LimitPercent, q.LimitWithTies)
	return n
}

func jsonLimit(n jsonNode, limit, offset Expr, percent, ties bool) {
	set(n, "limit", limit)
	set(n, "offset", offset)
	if percent {
		n["limit_percent"] = true
	}
	if ties {
		n["limit_with_ties"] = true
	}
}

// set adds an expression that leaves no key when it is absent.
func set(n jsonNode, key string, e Expr) {
	if e != nil {
		n[key] = jsonExpr(e)
	}
}

func jsonSet(q *SelectSetQuery) jsonNode {
	n := jsonNode{"node": "SelectSetQuery", "initial_select_query": jsonExpr(q.Initial)}
	n["subsequent_select_queries"] = jsonList(q.Subsequent, func(s *SelectSetNode) any {
		return jsonNode{"node": "SelectSetNode", "set_operator": s.Operator, "select_query": jsonExpr(s.Query)}
	})
	jsonLimit(n, q.Limit, q.Offset, q.LimitPercent, q.LimitWithTies)
	return n
}

func jsonCTE(c *CTE) any {
	n := jsonNode{"node": "CTE", "name": c.Name, "expr": jsonExpr(c.Expr)}
	if c.Recursive {
		n["recursive"] = true
	}
	if c.Column {
		n["cte_type"] = "column"
		return n
	}
	n["cte_type"] = "subquery"
	n["columns"], n["using_key"], n["materialized"] = jsonStrings(c.Columns), jsonStrings(c.UsingKey), nil
	if c.Materialized != nil {
		n["materialized"] = *c.Materialized
	}
	return n
}

func jsonJoin(j *JoinExpr) any {
	if j == nil {
		return nil
	}
	n := jsonNode{"node": "JoinExpr", "table": jsonTable(j.Table), "table_final": nil, "sample": nil, "alias": nil, "next_join": jsonJoin(j.Next)}
	if j.HasAlias {
		n["alias"] = j.Alias
		n["column_aliases"] = jsonStrings(j.ColumnAliases)
	}
	if j.TableArgs != nil {
		n["table_args"] = jsonExprs(j.TableArgs)
		if !j.HasAlias {
			delete(n, "column_aliases")
		}
	}
	if j.Final {
		n["table_final"] = true
	}
	if s := j.Sample; s != nil {
		n["sample"] = jsonNode{"node": "SampleExpr", "sample_value": jsonExpr(s.Value), "offset_value": jsonExpr(s.Offset)}
	}
	if j.JoinType != "" {
		n["join_type"] = j.JoinType
		if j.JoinType != "CROSS JOIN" {
			n["constraint"] = nil
		}
	}
	if c := j.Constraint; c != nil {
		kind := "ON"
		if c.Using {
			kind = "USING"
		}
		n["constraint"] = jsonNode{"node": "JoinConstraint", "constraint_type": kind, "expr": jsonExpr(c.Expr)}
	}
	return n
}

func jsonTable(t Table) any {
	if v, ok := t.(*ValuesQuery); ok {
		return jsonNode{"node": "ValuesQuery", "rows": jsonList(v.Rows, jsonExprs)}
	}
	e, _ := t.(Expr)
	return jsonExpr(e)
}

func jsonOrder(o *OrderExpr) any {
	n := jsonNode{"node": "OrderExpr", "expr": jsonExpr(o.Expr), "order": "ASC"}
	if o.Desc {
		n["order"] = "DESC"
	}
	if f := o.WithFill; f != nil {
		fill := jsonNode{"node": "WithFillExpr"}
		set(fill, "from_value", f.From)
		set(fill, "to_value", f.To)
		set(fill, "step_value", f.Step)
		n["with_fill"] = fill
	}
	return n
}

func jsonWindow(w *WindowExpr) any {
	n := jsonNode{"node": "WindowExpr", "partition_by": nil, "order_by": nil, "frame_start": jsonFrame(w.FrameStart), "frame_end": jsonFrame(w.FrameEnd)}
	if w.PartitionBy != nil {
		n["partition_by"] = jsonExprs(w.PartitionBy)
	}
	if w.OrderBy != nil {
		n["order_by"] = jsonList(w.OrderBy, jsonOrder)
	}
	if w.FrameMethod != "" {
		n["frame_method"] = w.FrameMethod
	}
	return n
}

func jsonFrame(f *WindowFrameExpr) any {
	if f == nil {
		return nil
	}
	n := jsonNode{"node": "WindowFrameExpr", "frame_type": f.Type}
	if f.Type != "CURRENT ROW" {
		n["frame_value"] = jsonExpr(f.Value)
		if c, ok := f.Value.(*Constant); ok {
			if number, ok := c.Value.(int64); ok {
				n["frame_value"] = float64(number)
			}
		}
	}
	return n
}

// jsonValue returns a constant's value, and whether it is a number that JSON
// cannot hold and so is written as text.
func jsonValue(value any) (any, bool) {
	switch v := value.(type) {
	case int64:
		return float64(v), false
	case *big.Int:
		return v.String(), true
	case float64:
		switch {
		case math.IsNaN(v):
			return "NaN", true
		case math.IsInf(v, 1):
			return "Infinity", true
		case math.IsInf(v, -1):
			return "-Infinity", true
		}
	}
	return value, false
}

func jsonExprs(list []Expr) any { return jsonList(list, jsonExpr) }

func jsonList[T any](list []T, one func(T) any) any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = one(v)
	}
	return out
}

// jsonStrings returns nil for a list that is absent.
func jsonStrings(list []string) any {
	if list == nil {
		return nil
	}
	return jsonList(list, func(s string) any { return s })
}
