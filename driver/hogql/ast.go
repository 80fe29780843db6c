package hogql

// Span is the half-open byte range [Start, End) of a node in the statement's
// source text. Nodes that the parser makes up (the 0 in -x, the arrays of a
// CASE) carry the span of the construct they stand for.
type Span struct {
	Start int
	End   int
}

// Pos returns the span itself; embedding Span makes every node a Node.
func (s Span) Pos() Span { return s }

// Text returns the part of sql that the span covers, or "" when the span does
// not lie inside sql.
func (s Span) Text(sql string) string {
	if s.Start < 0 || s.End > len(sql) || s.Start > s.End {
		return ""
	}
	return sql[s.Start:s.End]
}

// Node is anything with a place in the source text.
type Node interface {
	Pos() Span
}

// Expr is a value expression. Its implementations are the pointer types of
// this file that have an expr method; a subquery is an expression too.
type Expr interface {
	Node
	expr()
}

// Query is what a statement, a subquery or a member of a set operation can
// be: *SelectQuery, *SelectSetQuery or *Placeholder.
type Query interface {
	Expr
	query()
}

// Table is what FROM and JOIN can read: *Field (a table or CTE by name),
// *SelectQuery, *SelectSetQuery, *Placeholder or *ValuesQuery.
type Table interface {
	Node
	table()
}

// SelectQuery is one SELECT with its clauses; a clause that is absent is nil.
type SelectQuery struct {
	Span
	CTEs     []*CTE
	Distinct bool
	Select   []Expr
	From     *JoinExpr // first table; the others follow through Next
	// ArrayJoinOp is "", "ARRAY JOIN", "LEFT ARRAY JOIN" or "INNER ARRAY JOIN".
	ArrayJoinOp string
	ArrayJoin   []Expr // *Alias each
	Prewhere    Expr
	Where       Expr
	GroupBy     []Expr // *GroupingSet each when GroupByMode is "grouping_sets"
	// GroupByMode is "", "all", "cube", "rollup" or "grouping_sets".
	GroupByMode string
	Having      Expr
	Qualify     Expr
	Windows     []*NamedWindow
	OrderBy     []*OrderExpr
	LimitBy     *LimitByExpr
	Limit       Expr
	// LimitPercent is true for LIMIT 10 %: a share of the rows.
	LimitPercent  bool
	LimitWithTies bool
	Offset        Expr
}

// SelectSetQuery is a query followed by UNION, INTERSECT or EXCEPT members.
// Operators apply from left to right.
type SelectSetQuery struct {
	Span
	Initial    Query
	Subsequent []*SelectSetNode
	// Limit and Offset apply to the whole set. They are present only when the
	// last member is in parentheses or has its own; otherwise they belong to
	// it. An ORDER BY in that place is read and then dropped, as PostHog's
	// parser does: it leaves no trace in the tree.
	Limit         Expr
	LimitPercent  bool
	LimitWithTies bool
	Offset        Expr
}

// SelectSetNode is one further member of a SelectSetQuery.
type SelectSetNode struct {
	Span
	// Operator is upper case with single spaces: "UNION ALL",
	// "UNION DISTINCT" (UNION alone too), "INTERSECT", "INTERSECT ALL",
	// "INTERSECT DISTINCT", "EXCEPT", "EXCEPT ALL", each also with " BY NAME".
	Operator string
	Query    Query
}

// CTE is one item of WITH.
type CTE struct {
	Span
	Name string
	// Expr is a Query when Column is false, any expression when it is true.
	Expr Expr
	// Column is true for WITH expr AS name, false for WITH name AS (query).
	Column       bool
	Recursive    bool
	Columns      []string // name(a, b) AS (...); nil without the list
	UsingKey     []string
	Materialized *bool // nil when not said
}

// JoinExpr is one table of FROM and, through Next, those joined after it.
type JoinExpr struct {
	Span
	Table Table
	// TableArgs is not nil (but maybe empty) for a table function, whose name
	// is then the Field in Table.
	TableArgs     []Expr
	HasAlias      bool
	Alias         string
	ColumnAliases []string
	Final         bool
	Sample        *SampleExpr
	// JoinType says how this table joins those before it: "" for the first,
	// otherwise as in "JOIN", "INNER JOIN", "LEFT JOIN", "LEFT OUTER JOIN",
	// "LEFT ASOF JOIN", "FULL OUTER JOIN", "CROSS JOIN" (the comma too),
	// "POSITIONAL JOIN": upper case, the side before the strictness.
	JoinType   string
	Constraint *JoinConstraint
	Next       *JoinExpr
}

// JoinConstraint is the ON or USING of a join. Several USING columns are one
// *Tuple.
type JoinConstraint struct {
	Span
	Using bool
	Expr  Expr
}

// SampleExpr is SAMPLE n/m OFFSET n/m.
type SampleExpr struct {
	Span
	Value  Expr // *RatioExpr or *Placeholder
	Offset Expr // the same, or nil
}

// RatioExpr is n or n/m of SAMPLE.
type RatioExpr struct {
	Span
	Left  *Constant
	Right *Constant // nil without a denominator
}

// OrderExpr is one item of ORDER BY.
type OrderExpr struct {
	Span
	Expr Expr
	Desc bool
	// Nulls is "", "FIRST" or "LAST". PostHog's parser reads and drops it.
	Nulls    string
	WithFill *WithFillExpr
}

// WithFillExpr is WITH FILL FROM a TO b STEP c; absent parts are nil.
type WithFillExpr struct {
	Span
	From Expr
	To   Expr
	Step Expr
}

// LimitByExpr is LIMIT n OFFSET m BY exprs.
type LimitByExpr struct {
	Span
	N      Expr
	Offset Expr // nil without OFFSET
	Exprs  []Expr
}

// NamedWindow is one item of the WINDOW clause.
type NamedWindow struct {
	Span
	Name   string
	Window *WindowExpr
}

// WindowExpr is what OVER (...) or WINDOW w AS (...) holds.
type WindowExpr struct {
	Span
	PartitionBy []Expr
	OrderBy     []*OrderExpr
	// FrameMethod is "", "ROWS" or "RANGE".
	FrameMethod string
	FrameStart  *WindowFrameExpr
	FrameEnd    *WindowFrameExpr // nil without BETWEEN
}

// WindowFrameExpr is one bound of a window frame.
type WindowFrameExpr struct {
	Span
	// Type is "CURRENT ROW", "PRECEDING" or "FOLLOWING".
	Type  string
	Value Expr // nil for UNBOUNDED and for CURRENT ROW
}

// GroupingSet is one set of GROUP BY GROUPING SETS.
type GroupingSet struct {
	Span
	Exprs []Expr
}

// ValuesQuery is (VALUES (1, 2), (3, 4)) in FROM.
type ValuesQuery struct {
	Span
	Rows [][]Expr
}

func (*SelectQuery) query()    {}
func (*SelectSetQuery) query() {}
func (*Placeholder) query()    {}

func (*Field) table()          {}
func (*SelectQuery) table()    {}
func (*SelectSetQuery) table() {}
func (*Placeholder) table()    {}
func (*ValuesQuery) table()    {}
