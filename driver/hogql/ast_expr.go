package hogql

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
	Params   []Expr
	Args     []Expr
	Distinct bool
	OrderBy  []*OrderExpr
	Filter   Expr
	// WithinGroup is set for name(x) WITHIN GROUP (ORDER BY y); as in PostHog's
	// tree x is then in Params and Args is empty.
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
	// Filter and Distinct are read, but PostHog's parser drops them: its
	// server computes the function as if they were not there.
	Filter   Expr
	Distinct bool
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
