package engine

import (
	"slices"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// canonicalName maps the names that HogQL takes in any case, and its other
// spellings, to the engine's name.
func canonicalName(name string) string {
	lower := strings.ToLower(name)
	switch lower {
	case "count", "sum", "avg", "min", "max", "any", "now", "lower", "upper", "round", "floor", "abs", "concat", "length",
		"substring", "trim", "rank", "row_number", "dense_rank", "replace", "if", "not", "and", "or", "coalesce",
		"percent_rank", "ntile", "lag", "lead", "first_value", "last_value", "nth_value", "least", "greatest", "sqrt",
		"exp", "ln", "log", "power", "pow", "sign", "median", "reverse", "repeat", "in", "like", "ilike":
		return lower
	case "ifnull":
		return "ifNull"
	case "nullif":
		return "nullIf"
	case "isnull":
		return "isNull"
	case "ceil":
		return "ceil"
	case "substr", "mid":
		return "substring"
	case "char_length", "character_length":
		return "lengthUTF8"
	case "lcase":
		return "lower"
	case "ucase":
		return "upper"
	case "date_trunc", "datetrunc":
		return "dateTrunc"
	case "date_diff", "datediff", "timestamp_diff":
		return "dateDiff"
	case "date_add", "dateadd":
		return "dateAdd"
	case "date_sub", "datesub":
		return "dateSub"
	case "to_date":
		return "toDate"
	case "to_timestamp":
		return "toDateTime"
	case "current_timestamp":
		return "now"
	case "current_date":
		return "today"
	case "stddev_pop", "stddevpop":
		return "stddevPop"
	case "stddev_samp", "stddevsamp", "stddev":
		return "stddevSamp"
	case "var_pop", "varpop":
		return "varPop"
	case "var_samp", "varsamp", "variance":
		return "varSamp"
	case "covar_pop":
		return "covarPop"
	case "covar_samp":
		return "covarSamp"
	case "array_agg":
		return "groupArray"
	case "ltrim":
		return "trimLeft"
	case "rtrim":
		return "trimRight"
	}
	return name
}

// call compiles a function call: an aggregate, a function with lambdas, one of
// the special forms, or a plain function.
func (s *scope) call(n *hogql.Call) (*expr, error) {
	if !offered(n.Name) {
		return nil, unknownFunction(n.Name)
	}
	if name, ok := parseAggregate(n.Name); ok {
		return s.aggregateCall(n, name)
	}
	name := canonicalName(n.Name)
	if n.Distinct || n.Filter != nil || len(n.WithinGroup) > 0 || n.Params != nil {
		return nil, queryError(codeNotImplemented, "Function '%s' is not an aggregate function: it takes no DISTINCT, FILTER or parameters", n.Name)
	}
	if isWindowOnly(name) {
		return nil, queryError(codeNotImplemented, "Window function '%s' needs an OVER clause", n.Name)
	}
	switch name {
	case "arrayJoin":
		return s.arrayJoinCall(n)
	case "exists":
		return s.existsCall(n)
	case "matchesAction":
		return s.matchesAction(n)
	case "and":
		return s.logic(n.Args, true)
	case "or":
		return s.logic(n.Args, false)
	case "in", "notIn":
		if len(n.Args) == 2 {
			op := map[string]string{"in": "in", "notIn": "not in"}[name]
			return s.in(&hogql.CompareOperation{Span: n.Span, Op: op, Left: n.Args[0], Right: n.Args[1]})
		}
	case "dateDiff", "dateTrunc", "dateAdd", "dateSub", "age", "toStartOfInterval":
		return s.dateCall(name, n)
	}
	if h, ok := arrayFunctions()[name]; ok {
		return s.arrayCall(n, name, h)
	}
	for _, a := range n.Args {
		if _, ok := a.(*hogql.Lambda); ok {
			return nil, s.noLambda(name)
		}
	}
	return s.jsonOrPlain(name, n.Args)
}

func (s *scope) noLambda(name string) error {
	if _, ok := functionTable()[name]; ok {
		return queryError(codeIllegalType, "Function '%s' does not take a lambda", name)
	}
	return unknownFunction(name)
}

// jsonOrPlain keeps properties undecoded for the JSON functions.
func (s *scope) jsonOrPlain(name string, list []hogql.Expr) (*expr, error) {
	args, err := s.compileAll(list)
	if err != nil {
		return nil, err
	}
	if fn, ok := jsonFunctions()[name]; ok {
		e, err := fn(s, name, args)
		if err != nil {
			return nil, err
		}
		return fold(e, args)
	}
	return s.build(name, args)
}

func isWindowOnly(name string) bool {
	return slices.Contains([]string{"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "lagInFrame", "leadInFrame", "nth_value"}, name)
}

// offered reports whether HogQL offers the function. The exceptions are window
// functions and aggregates that PostHog documents beside its list, EXISTS, and
// what its parser makes of CASE.
func offered(name string) bool {
	if _, _, ok := hogql.KnownFunction(name); ok {
		return true
	}
	switch name {
	case "retention", "sequenceMatch", "sequenceCount", "percent_rank", "cume_dist", "ntile", "exists", "_caseWithExpression", "array", "tuple":
		return true
	}
	n, ok := parseAggregate(name)
	if !ok || n.base == name {
		return false
	}
	_, _, ok = hogql.KnownFunction(n.base)
	return ok || n.base == "retention" || strings.HasPrefix(n.base, "sequence")
}

// unknownFunction tells a function of HogQL that the engine lacks from one
// that HogQL itself refuses.
func unknownFunction(name string) error {
	if _, _, ok := hogql.KnownFunction(name); ok {
		return notSupported("function %s", name)
	}
	msg := "Unsupported function call '" + name + "(...)'."
	if near := hogql.NearestFunctions(name); len(near) > 0 {
		msg += " Perhaps you meant '" + near[0] + "(...)'?"
	}
	return &QueryError{Code: codeNotImplemented, Message: msg}
}

// arrayJoinCall registers an arrayJoin: the row repeats for each element. The
// same call written twice is one.
func (s *scope) arrayJoinCall(n *hogql.Call) (*expr, error) {
	if len(n.Args) != 1 {
		return nil, queryError(codeArgumentCount, "Function arrayJoin takes one argument, got %d", len(n.Args))
	}
	fp := s.fingerprint(n)
	for i, x := range s.exps {
		if x.fp == fp {
			return s.expansion(i)
		}
	}
	arr, err := s.compile(n.Args[0])
	if err != nil {
		return nil, err
	}
	if arr.t.k != kArray {
		return nil, queryError(codeTypeMismatch, "Argument for function arrayJoin must be Array, not %s", arr.t)
	}
	s.exps = append(s.exps, &unrolled{fp: fp, name: "", arr: arr, post: s.grouped && !s.inAgg})
	return s.expansion(len(s.exps) - 1)
}

func (s *scope) existsCall(n *hogql.Call) (*expr, error) {
	if len(n.Args) == 1 {
		if q, ok := n.Args[0].(hogql.Query); ok {
			rel, err := s.r.query(q, s.env, nil)
			if err != nil {
				return nil, err
			}
			return constant(mk(kUInt8), truth(len(rel.rows) > 0)), nil
		}
	}
	return nil, queryError(codeBadArguments, "exists takes one subquery")
}

func (s *scope) matchesAction(n *hogql.Call) (*expr, error) {
	if len(n.Args) != 1 {
		return nil, queryError(codeArgumentCount, "matchesAction takes one argument, got %d", len(n.Args))
	}
	if s.r.opts.Action == nil {
		return nil, notSupported("function matchesAction")
	}
	c, err := s.compile(n.Args[0])
	if err != nil {
		return nil, err
	}
	id, name := int64(0), ""
	switch v := normal(c.val).(type) {
	case uint64:
		id = int64(v) //nolint:gosec // an id from the query
	case string:
		name = v
	default:
		return nil, queryError(codeBadArguments, "matchesAction takes an action's id or name as a constant")
	}
	cond, ok := s.r.opts.Action(id, name)
	if !ok {
		return nil, queryError(codeNotImplemented, "Could not find action %v", c.val)
	}
	return s.compile(cond)
}
