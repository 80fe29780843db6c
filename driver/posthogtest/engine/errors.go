package engine

import "fmt"

// NotSupportedError names a construct that PostHog would run but this engine
// does not implement exactly. It is an answer, not a fault: the engine gives no
// number rather than a wrong one.
type NotSupportedError struct {
	// Construct is what is missing, for example "function sequenceNextNode".
	Construct string
}

func (e *NotSupportedError) Error() string {
	return "not supported by the demo data: " + e.Construct
}

// QueryError is a fault of the query itself, worded as PostHog words it.
type QueryError struct {
	// Code is ClickHouse's or PostHog's error code in lower case, for example
	// illegal_type_of_argument.
	Code    string
	Message string
}

func (e *QueryError) Error() string { return e.Message }

func notSupported(format string, args ...any) error {
	return &NotSupportedError{Construct: fmt.Sprintf(format, args...)}
}

func queryError(code, format string, args ...any) error {
	return &QueryError{Code: code, Message: fmt.Sprintf(format, args...)}
}

const (
	codeIllegalType     = "illegal_type_of_argument"
	codeResolution      = "resolution_error"
	codeNotImplemented  = "query_error"
	codeNotAggregate    = "not_an_aggregate"
	codeIllegalAggr     = "illegal_aggregation"
	codeNoCommonType    = "no_common_type"
	codeBadArguments    = "bad_arguments"
	codeArgumentCount   = "number_of_arguments_doesnt_match"
	codeIllegalDivision = "illegal_division"
	codeTooManyRows     = "too_many_rows"
	codeTypeMismatch    = "type_mismatch"
)
