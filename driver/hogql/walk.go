package hogql

// Walk calls visit for n and then, if visit returned true, for everything in
// it, in the order of the source. Nil nodes are left out.
func Walk(n Node, visit func(Node) bool) {
	w := walker{visit}
	w.node(n)
}

type walker struct{ visit func(Node) bool }

// node visits n; the type switches below know what is in each kind of node.
func (w walker) node(n Node) {
	if n == nil || !w.visit(n) {
		return
	}
	switch v := n.(type) {
	case *SelectQuery:
		w.selectQuery(v)
	case *SelectSetQuery:
		w.node(v.Initial)
		for _, s := range v.Subsequent {
			w.node(s)
		}
		w.expr(v.Limit, v.Offset)
	case *SelectSetNode:
		w.node(v.Query)
	case *CTE:
		w.expr(v.Expr)
	case *JoinExpr:
		w.node(v.Table)
		w.expr(v.TableArgs...)
		if v.Sample != nil {
			w.node(v.Sample)
		}
		if v.Constraint != nil {
			w.node(v.Constraint)
		}
		if v.Next != nil {
			w.node(v.Next)
		}
	case *JoinConstraint:
		w.expr(v.Expr)
	case *SampleExpr:
		w.expr(v.Value, v.Offset)
	case *OrderExpr:
		w.expr(v.Expr)
		if v.WithFill != nil {
			w.node(v.WithFill)
		}
	case *WithFillExpr:
		w.expr(v.From, v.To, v.Step)
	case *LimitByExpr:
		w.expr(v.N, v.Offset)
		w.expr(v.Exprs...)
	case *NamedWindow:
		if v.Window != nil {
			w.node(v.Window)
		}
	case *WindowExpr:
		w.expr(v.PartitionBy...)
		w.order(v.OrderBy)
		w.frame(v.FrameStart)
		w.frame(v.FrameEnd)
	case *WindowFrameExpr:
		w.expr(v.Value)
	case *ValuesQuery:
		for _, row := range v.Rows {
			w.expr(row...)
		}
	default:
		w.operator(n)
	}
}

func (w walker) expr(list ...Expr) {
	for _, e := range list {
		if e != nil {
			w.node(e)
		}
	}
}

func (w walker) order(list []*OrderExpr) {
	for _, o := range list {
		w.node(o)
	}
}

func (w walker) frame(f *WindowFrameExpr) {
	if f != nil {
		w.node(f)
	}
}

func (w walker) selectQuery(q *SelectQuery) {
	for _, c := range q.CTEs {
		w.node(c)
	}
	w.expr(q.Select...)
	if q.From != nil {
		w.node(q.From)
	}
	w.expr(q.ArrayJoin...)
	w.expr(q.Prewhere, q.Where)
	w.expr(q.GroupBy...)
	w.expr(q.Having, q.Qualify)
	for _, win := range q.Windows {
		w.node(win)
	}
	w.order(q.OrderBy)
	if q.LimitBy != nil {
		w.node(q.LimitBy)
	}
	w.expr(q.Limit, q.Offset)
}

func (w walker) operator(n Node) {
	switch v := n.(type) {
	case *GroupingSet:
		w.expr(v.Exprs...)
	case *RatioExpr:
		w.node(v.Left)
		if v.Right != nil {
			w.node(v.Right)
		}
	case *Alias:
		w.expr(v.Expr)
	case *And:
		w.expr(v.Exprs...)
	case *Or:
		w.expr(v.Exprs...)
	case *Not:
		w.expr(v.Expr)
	case *ArithmeticOperation:
		w.expr(v.Left, v.Right)
	case *CompareOperation:
		w.expr(v.Left, v.Right)
	case *IsDistinctFrom:
		w.expr(v.Left, v.Right)
	case *BetweenExpr:
		w.expr(v.Expr, v.Low, v.High)
	case *Lambda:
		w.expr(v.Expr)
	case *Array:
		w.expr(v.Exprs...)
	case *Tuple:
		w.expr(v.Exprs...)
	case *Dict:
		for _, item := range v.Items {
			w.expr(item.Key, item.Value)
		}
	case *ArrayAccess:
		w.expr(v.Array, v.Property)
	case *ArraySlice:
		w.expr(v.Array, v.From, v.To)
	case *TupleAccess:
		w.expr(v.Tuple)
	case *TypeCast:
		w.expr(v.Expr)
	case *TryCast:
		w.expr(v.Expr)
	default:
		w.call(n)
	}
}

func (w walker) call(n Node) {
	switch v := n.(type) {
	case *Call:
		w.expr(v.Params...)
		w.expr(v.Args...)
		w.order(v.OrderBy)
		w.order(v.WithinGroup)
		w.expr(v.Filter)
	case *ExprCall:
		w.expr(v.Expr)
		w.expr(v.Args...)
	case *WindowFunction:
		w.expr(v.Exprs...)
		w.expr(v.Args...)
		w.expr(v.Filter)
		if v.Over != nil {
			w.node(v.Over)
		}
	case *NamedArgument:
		w.expr(v.Value)
	case *Placeholder:
		w.expr(v.Expr)
	case *ColumnsExpr:
		w.expr(v.Columns...)
		for _, r := range v.Replace {
			w.expr(r.Expr)
		}
	case *SpreadExpr:
		w.expr(v.Expr)
	}
}
