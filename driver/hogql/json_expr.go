package hogql

// jsonExpr returns an expression's node; nil for none.
func jsonExpr(e Expr) any {
	switch v := e.(type) {
	case nil:
		return nil
	case *SelectQuery:
		return jsonSelect(v)
	case *SelectSetQuery:
		return jsonSet(v)
	case *Placeholder:
		return jsonNode{"node": "Placeholder", "expr": jsonExpr(v.Expr)}
	case *GroupingSet:
		return jsonNode{"node": "GroupingSet", "exprs": jsonExprs(v.Exprs)}
	case *RatioExpr:
		n := jsonNode{"node": "RatioExpr", "left": jsonExpr(v.Left), "right": nil}
		if v.Right != nil {
			n["right"] = jsonExpr(v.Right)
		}
		return n
	case *Constant:
		value, text := jsonValue(v.Value)
		n := jsonNode{"node": "Constant", "value": value}
		if text {
			n["value_type"] = "number"
		}
		return n
	case *Field:
		return jsonNode{"node": "Field", "chain": jsonStrings(v.Chain)}
	case *Alias:
		return jsonNode{"node": "Alias", "expr": jsonExpr(v.Expr), "alias": v.Name}
	case *And:
		return jsonNode{"node": "And", "exprs": jsonExprs(v.Exprs)}
	case *Or:
		return jsonNode{"node": "Or", "exprs": jsonExprs(v.Exprs)}
	case *Not:
		return jsonNode{"node": "Not", "expr": jsonExpr(v.Expr)}
	case *ArithmeticOperation:
		return jsonNode{"node": "ArithmeticOperation", "op": v.Op, "left": jsonExpr(v.Left), "right": jsonExpr(v.Right)}
	case *CompareOperation:
		n := jsonNode{"node": "CompareOperation", "op": v.Op, "left": jsonExpr(v.Left), "right": jsonExpr(v.Right)}
		if v.IsNull {
			n["is_null_comparison_style"] = true
		}
		return n
	case *IsDistinctFrom:
		return jsonNode{"node": "IsDistinctFrom", "negated": v.Negated, "left": jsonExpr(v.Left), "right": jsonExpr(v.Right)}
	case *BetweenExpr:
		return jsonNode{"node": "BetweenExpr", "negated": v.Negated, "expr": jsonExpr(v.Expr), "low": jsonExpr(v.Low), "high": jsonExpr(v.High)}
	}
	return jsonPrimary(e)
}

func jsonPrimary(e Expr) any {
	switch v := e.(type) {
	case *Lambda:
		return jsonNode{"node": "Lambda", "args": jsonList(v.Args, func(s string) any { return s }), "expr": jsonExpr(v.Expr)}
	case *Array:
		return jsonNode{"node": "Array", "exprs": jsonExprs(v.Exprs)}
	case *Tuple:
		return jsonNode{"node": "Tuple", "exprs": jsonExprs(v.Exprs)}
	case *Dict:
		return jsonNode{"node": "Dict", "items": jsonList(v.Items, func(i DictItem) any { return []any{jsonExpr(i.Key), jsonExpr(i.Value)} })}
	case *ArrayAccess:
		return nullish(jsonNode{"node": "ArrayAccess", "array": jsonExpr(v.Array), "property": jsonExpr(v.Property)}, v.Nullish)
	case *TupleAccess:
		return nullish(jsonNode{"node": "TupleAccess", "tuple": jsonExpr(v.Tuple), "index": float64(v.Index)}, v.Nullish)
	case *ArraySlice:
		n := jsonNode{"node": "ArraySlice", "array": jsonExpr(v.Array)}
		set(n, "start_expr", v.From)
		set(n, "end_expr", v.To)
		return n
	case *TypeCast:
		return jsonNode{"node": "TypeCast", "expr": jsonExpr(v.Expr), "type_name": v.TypeName}
	case *TryCast:
		return jsonNode{"node": "TryCast", "expr": jsonExpr(v.Expr), "type_name": v.TypeName}
	case *Call:
		return jsonCall(v)
	case *ExprCall:
		return jsonNode{"node": "ExprCall", "expr": jsonExpr(v.Expr), "args": jsonExprs(v.Args)}
	case *WindowFunction:
		n := jsonNode{"node": "WindowFunction", "name": v.Name, "exprs": jsonExprs(v.Exprs), "args": jsonExprs(v.Args)}
		if v.Over != nil {
			n["over_expr"] = jsonWindow(v.Over)
		} else {
			n["over_identifier"] = v.OverName
		}
		return n
	case *NamedArgument:
		return jsonNode{"node": "NamedArgument", "name": v.Name, "value": jsonExpr(v.Value)}
	case *ColumnsExpr:
		return jsonColumns(v)
	case *SpreadExpr:
		return jsonNode{"node": "SpreadExpr", "expr": jsonExpr(v.Expr)}
	case *PositionalRef:
		return jsonNode{"node": "PositionalRef", "index": float64(v.Index)}
	}
	return nil
}

func nullish(n jsonNode, is bool) jsonNode {
	if is {
		n["nullish"] = true
	}
	return n
}

func jsonCall(c *Call) jsonNode {
	n := jsonNode{"node": "Call", "name": c.Name, "args": jsonExprs(c.Args)}
	switch c.form {
	case callPlain:
		n["params"], n["filter_expr"], n["order_by"], n["distinct"] = nil, jsonExpr(c.Filter), nil, c.Distinct
		if c.Params != nil {
			n["params"] = jsonExprs(c.Params)
		}
		if c.OrderBy != nil {
			n["order_by"] = jsonList(c.OrderBy, jsonOrder)
		}
	case callWithin:
		n["params"], n["distinct"] = jsonExprs(c.Params), false
		n["within_group"] = jsonList(c.WithinGroup, jsonOrder)
	}
	return n
}

func jsonColumns(c *ColumnsExpr) jsonNode {
	n := jsonNode{"node": "ColumnsExpr"}
	if c.Regex != nil {
		n["regex"] = *c.Regex
	}
	if c.Columns != nil {
		n["columns"] = jsonExprs(c.Columns)
	}
	if c.AllColumns {
		n["all_columns"] = true
	}
	if c.Exclude != nil {
		n["exclude"] = jsonStrings(c.Exclude)
	}
	if c.Replace != nil {
		replace := jsonNode{}
		for _, r := range c.Replace {
			replace[r.Name] = jsonExpr(r.Expr)
		}
		n["replace"] = replace
	}
	return n
}
