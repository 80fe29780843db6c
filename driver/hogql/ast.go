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
// *SelectQuery, *SelectSetQuery, *Placeholder, *ValuesQuery, *PivotExpr or
// *UnpivotExpr.
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
	Interpolate []*InterpolateExpr
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
	// OrderBy, Limit and Offset apply to the whole set. They are present only
	// when the last member is in parentheses; otherwise they belong to it.
	OrderBy       []*OrderExpr
	Limit         Expr
	LimitPercent  bool
	LimitWithTies bool
	Offset        Expr
}

// SelectSetNode is one further member of a SelectSetQuery.
type SelectSetNode struct {
	Span
	// Operator is upper case with single spaces: "UNION ALL",
	// "UNION DISTINCT", "UNION", "INTERSECT", "INTERSECT ALL",
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
	// "ASOF LEFT JOIN", "FULL OUTER JOIN", "CROSS JOIN" (the comma too),
	// "POSITIONAL JOIN".
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
	// Nulls is "", "FIRST" or "LAST".
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

// InterpolateExpr is one item of INTERPOLATE (name AS expr).
type InterpolateExpr struct {
	Span
	Name  string
	Value Expr // nil without AS
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

// PivotExpr is table PIVOT (aggregates FOR column IN (values) GROUP BY ...).
type PivotExpr struct {
	Span
	Table      Node // Table, or *JoinExpr for a joined or aliased one
	Aggregates []Expr
	Columns    []*PivotColumn
	GroupBy    []Expr
}

// PivotColumn is one column IN (values) of PIVOT.
type PivotColumn struct {
	Span
	Column Expr
	Values []Expr
}

// UnpivotExpr is table UNPIVOT (value FOR name IN (columns)).
type UnpivotExpr struct {
	Span
	Table        Node // Table, or *JoinExpr for a joined or aliased one
	IncludeNulls bool
	Columns      []*UnpivotColumn
}

// UnpivotColumn is one value FOR name IN (columns) of UNPIVOT.
type UnpivotColumn struct {
	Span
	Value  Expr
	Name   Expr
	Values []Expr
}

// Constant is a literal. Value is nil (NULL), bool, int64, float64 (also
// infinities and NaN), string, or *big.Int for an integer beyond 64 bits.
type Constant struct {
	Span
	Value any
}

// Field is a column, a table or CTE by name, or a star: its last chain
// element is then "*". Elements are identifiers without their quotes.
type Field struct {
	Span
	Chain []string
}

// Alias is expr AS name, expr name, or name: expr.
type Alias struct {
	Span
	Expr Expr
	Name string
}

// And is a conjunction of two or more expressions; nested ones are flat.
type And struct {
	Span
	Exprs []Expr
}

// Or is a disjunction of two or more expressions; nested ones are flat.
type Or struct {
	Span
	Exprs []Expr
}

// Not is NOT expr.
type Not struct {
	Span
	Expr Expr
}

// ArithmeticOperation is a binary + - * / %. Unary minus is 0 - x, except
// before a number literal, where it is part of the Constant.
type ArithmeticOperation struct {
	Span
	Op    string
	Left  Expr
	Right Expr
}

// CompareOperation compares two expressions.
type CompareOperation struct {
	Span
	// Op is "==", "!=", "<", "<=", ">", ">=", "like", "not like", "ilike",
	// "not ilike", "in", "not in", "in cohort", "not in cohort", "=~", "!~",
	// "=~*" or "!~*".
	Op    string
	Left  Expr
	Right Expr
	// IsNull is true where the text says IS NULL or IS NOT NULL: Op is then
	// "==" or "!=" and Right the NULL constant.
	IsNull bool
}

// IsDistinctFrom is left IS [NOT] DISTINCT FROM right.
type IsDistinctFrom struct {
	Span
	Negated bool
	Left    Expr
	Right   Expr
}

// BetweenExpr is expr [NOT] BETWEEN low AND high.
type BetweenExpr struct {
	Span
	Negated bool
	Expr    Expr
	Low     Expr
	High    Expr
}

// Lambda is x -> expr or (x, y) -> expr.
type Lambda struct {
	Span
	Args []string
	Expr Expr
}

// Array is [a, b].
type Array struct {
	Span
	Exprs []Expr
}

// Tuple is (a, b) or (a,).
type Tuple struct {
	Span
	Exprs []Expr
}

// Dict is {'key': value}.
type Dict struct {
	Span
	Items []DictItem
}

// DictItem is one pair of a Dict.
type DictItem struct {
	Key   Expr
	Value Expr
}

// ArrayAccess is array[property], and expr.name where expr is not a plain
// chain of identifiers (the property is then a string Constant).
type ArrayAccess struct {
	Span
	Array    Expr
	Property Expr
	Nullish  bool // ?.[x] and ?.x
}

// ArraySlice is array[from:to]; either bound can be nil.
type ArraySlice struct {
	Span
	Array Expr
	From  Expr
	To    Expr
}

// TupleAccess is tuple.1; indexes count from 1. On JSON properties it is an
// array index.
type TupleAccess struct {
	Span
	Tuple   Expr
	Index   int64
	Nullish bool
}

// TypeCast is expr::type or CAST(expr AS type). TypeName is lower case.
type TypeCast struct {
	Span
	Expr     Expr
	TypeName string
}

// TryCast is TRY_CAST(expr AS type). TypeName is lower case.
type TryCast struct {
	Span
	Expr     Expr
	TypeName string
}

// Call is name(params)(args). CASE, INTERVAL, ||, ??, the ternary and the
// keyword forms of substring and trim are calls too: multiIf, if,
// toIntervalDay, concat, ifNull, substring, trim and so on.
type Call struct {
	Span
	Name string
	// Params is nil for f(x) and not nil (but maybe empty) for f()(x).
	Params      []Expr
	Args        []Expr
	Distinct    bool
	OrderBy     []*OrderExpr
	Filter      Expr
	WithinGroup []*OrderExpr
	form        callForm
}

// callForm says which syntax a Call came from; only the JSON form of the
// tree needs it.
type callForm uint8

const (
	callPlain     callForm = iota // name(...)
	callSynthetic                 // an operator or keyword syntax
	callWithin                    // name(...) WITHIN GROUP (...)
)

// ExprCall calls the value of an expression: (x -> x + 1)(2).
type ExprCall struct {
	Span
	Expr Expr
	Args []Expr
}

// WindowFunction is name(exprs)(args) OVER .... As in PostHog's tree the first
// parentheses are Exprs and the second, if any, Args: for an ordinary call
// the arguments are in Exprs; for quantile(0.5)(x) OVER () the parameter is
// in Exprs and the argument in Args. Use Arguments to tell them apart.
type WindowFunction struct {
	Span
	Name  string
	Exprs []Expr
	Args  []Expr
	// HasArgs is true when there were two pairs of parentheses.
	HasArgs bool
	Filter  Expr
	// Exactly one of Over and OverName is set.
	Over     *WindowExpr
	OverName string
}

// Arguments returns the parameters (nil without a second pair of
// parentheses) and the arguments of the function.
func (w *WindowFunction) Arguments() (params, args []Expr) {
	if w.HasArgs {
		return w.Exprs, w.Args
	}
	return nil, w.Exprs
}

// NamedArgument is name := value in a call.
type NamedArgument struct {
	Span
	Name  string
	Value Expr
}

// Placeholder is {name} or {expression}, to be replaced by a value.
type Placeholder struct {
	Span
	Expr Expr
}

// ColumnsExpr is COLUMNS(...) or * EXCLUDE/REPLACE (...): a set of columns.
type ColumnsExpr struct {
	Span
	Regex      *string
	Columns    []Expr
	AllColumns bool
	Exclude    []string
	Replace    []ColumnReplacement
}

// ColumnReplacement is one expr AS name of REPLACE (...).
type ColumnReplacement struct {
	Name string
	Expr Expr
}

// SpreadExpr is *COLUMNS(...) among the arguments of a call.
type SpreadExpr struct {
	Span
	Expr Expr
}

// PositionalRef is #n, the n-th column; it counts from 1.
type PositionalRef struct {
	Span
	Index int64
}

func (*SelectQuery) expr()         {}
func (*SelectSetQuery) expr()      {}
func (*GroupingSet) expr()         {}
func (*RatioExpr) expr()           {}
func (*Constant) expr()            {}
func (*Field) expr()               {}
func (*Alias) expr()               {}
func (*And) expr()                 {}
func (*Or) expr()                  {}
func (*Not) expr()                 {}
func (*ArithmeticOperation) expr() {}
func (*CompareOperation) expr()    {}
func (*IsDistinctFrom) expr()      {}
func (*BetweenExpr) expr()         {}
func (*Lambda) expr()              {}
func (*Array) expr()               {}
func (*Tuple) expr()               {}
func (*Dict) expr()                {}
func (*ArrayAccess) expr()         {}
func (*ArraySlice) expr()          {}
func (*TupleAccess) expr()         {}
func (*TypeCast) expr()            {}
func (*TryCast) expr()             {}
func (*Call) expr()                {}
func (*ExprCall) expr()            {}
func (*WindowFunction) expr()      {}
func (*NamedArgument) expr()       {}
func (*Placeholder) expr()         {}
func (*ColumnsExpr) expr()         {}
func (*SpreadExpr) expr()          {}
func (*PositionalRef) expr()       {}

func (*SelectQuery) query()    {}
func (*SelectSetQuery) query() {}
func (*Placeholder) query()    {}

func (*Field) table()          {}
func (*SelectQuery) table()    {}
func (*SelectSetQuery) table() {}
func (*Placeholder) table()    {}
func (*ValuesQuery) table()    {}
func (*PivotExpr) table()      {}
func (*UnpivotExpr) table()    {}
