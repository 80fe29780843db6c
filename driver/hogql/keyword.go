package hogql

// keyword is one of the words with a meaning in the grammar; zero for a token
// that is none. Most of them are valid identifiers too.
type keyword uint8

const (
	kwNone keyword = iota
	kwAll
	kwAnd
	kwAnti
	kwAny
	kwArray
	kwAs
	kwAsc
	kwAsof
	kwBetween
	kwBoth
	kwBy
	kwCase
	kwCast
	kwCohort
	kwCollate
	kwColumns
	kwCross
	kwCube
	kwCurrent
	kwDate
	kwDesc
	kwDescending
	kwDistinct
	kwElse
	kwEnd
	kwExclude
	kwFilter
	kwFinal
	kwFirst
	kwFollowing
	kwFor
	kwFrom
	kwFull
	kwGroup
	kwGrouping
	kwHaving
	kwID
	kwIgnore
	kwILike
	kwIn
	kwInner
	kwInterpolate
	kwInterval
	kwIs
	kwJoin
	kwKey
	kwLambda
	kwLast
	kwLeading
	kwLeft
	kwLike
	kwLimit
	kwLocal
	kwName
	kwNatural
	kwNot
	kwNulls
	kwOffset
	kwOn
	kwOr
	kwOrder
	kwOuter
	kwOver
	kwPartition
	kwPivot
	kwPositional
	kwPreceding
	kwPrewhere
	kwQualify
	kwRange
	kwRecursive
	kwReplace
	kwReturn
	kwRight
	kwRollup
	kwRow
	kwRows
	kwSample
	kwSelect
	kwSemi
	kwSets
	kwSettings
	kwFill
	kwStep
	kwSubstring
	kwThen
	kwTies
	kwTime
	kwTimestamp
	kwTo
	kwTop
	kwTotals
	kwTrailing
	kwTrim
	kwTryCast
	kwUnbounded
	kwUnion
	kwUnpivot
	kwUsing
	kwValues
	kwWhen
	kwWhere
	kwWindow
	kwWith
	kwZone
	// Words of the grammar that only need to be known as such, not apart.
	kwOther

	// The units of INTERVAL.
	kwSecond
	kwMinute
	kwHour
	kwDay
	kwWeek
	kwMonth
	kwQuarter
	kwYear

	// From here on: words that cannot be identifiers unless quoted.
	kwReserved
	kwExcept
	kwIntersect
	kwInf
	kwMaterialized
	kwNan
	kwNull
	kwWithin
)

// reserved reports whether the word needs quotes to be an identifier.
func (k keyword) reserved() bool { return k >= kwReserved }

// unit reports whether the word is a unit of INTERVAL.
func (k keyword) unit() bool { return k >= kwSecond && k <= kwYear }

// longestKeyword is the length of "materialized" and "interpolate".
const longestKeyword = 12

// lookupKeyword returns the keyword that word is, in any letter case.
func lookupKeyword(word string) keyword {
	if len(word) > longestKeyword || len(word) < 2 {
		return kwNone
	}
	var buf [longestKeyword]byte
	for i := range len(word) {
		c := word[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return keywordOf(string(buf[:len(word)]))
}

func keywordOf(lower string) keyword {
	switch lower {
	case "all":
		return kwAll
	case "and":
		return kwAnd
	case "anti":
		return kwAnti
	case "any":
		return kwAny
	case "array":
		return kwArray
	case "as":
		return kwAs
	case "asc", "ascending":
		return kwAsc
	case "asof":
		return kwAsof
	case "between":
		return kwBetween
	case "both":
		return kwBoth
	case "by":
		return kwBy
	case "case":
		return kwCase
	case "cast":
		return kwCast
	case "cohort":
		return kwCohort
	case "collate":
		return kwCollate
	case "columns":
		return kwColumns
	case "cross":
		return kwCross
	case "cube":
		return kwCube
	case "current":
		return kwCurrent
	case "date":
		return kwDate
	case "desc":
		return kwDesc
	case "descending":
		return kwDescending
	case "distinct":
		return kwDistinct
	case "else":
		return kwElse
	case "end":
		return kwEnd
	case "exclude":
		return kwExclude
	case "filter":
		return kwFilter
	case "final":
		return kwFinal
	case "first":
		return kwFirst
	case "following":
		return kwFollowing
	case "for":
		return kwFor
	case "from":
		return kwFrom
	case "full":
		return kwFull
	case "group":
		return kwGroup
	case "grouping":
		return kwGrouping
	case "having":
		return kwHaving
	case "id":
		return kwID
	case "ignore":
		return kwIgnore
	case "ilike":
		return kwILike
	case "in":
		return kwIn
	case "inner":
		return kwInner
	case "interpolate":
		return kwInterpolate
	case "interval":
		return kwInterval
	case "is":
		return kwIs
	case "join":
		return kwJoin
	case "key":
		return kwKey
	case "lambda":
		return kwLambda
	case "last":
		return kwLast
	case "leading":
		return kwLeading
	case "left":
		return kwLeft
	case "like":
		return kwLike
	case "limit":
		return kwLimit
	case "local":
		return kwLocal
	case "name":
		return kwName
	case "natural":
		return kwNatural
	case "not":
		return kwNot
	case "nulls":
		return kwNulls
	case "offset":
		return kwOffset
	case "on":
		return kwOn
	case "or":
		return kwOr
	case "order":
		return kwOrder
	case "outer":
		return kwOuter
	case "over":
		return kwOver
	case "partition":
		return kwPartition
	case "pivot":
		return kwPivot
	case "positional":
		return kwPositional
	case "preceding":
		return kwPreceding
	case "prewhere":
		return kwPrewhere
	case "qualify":
		return kwQualify
	case "range":
		return kwRange
	case "recursive":
		return kwRecursive
	case "replace":
		return kwReplace
	case "return":
		return kwReturn
	case "right":
		return kwRight
	case "rollup":
		return kwRollup
	case "row":
		return kwRow
	case "rows":
		return kwRows
	case "sample":
		return kwSample
	case "select":
		return kwSelect
	case "semi":
		return kwSemi
	case "sets":
		return kwSets
	case "settings":
		return kwSettings
	case "fill":
		return kwFill
	case "step":
		return kwStep
	case "substring":
		return kwSubstring
	case "then":
		return kwThen
	case "ties":
		return kwTies
	case "time":
		return kwTime
	case "timestamp":
		return kwTimestamp
	case "to":
		return kwTo
	case "top":
		return kwTop
	case "totals":
		return kwTotals
	case "trailing":
		return kwTrailing
	case "trim":
		return kwTrim
	case "try_cast":
		return kwTryCast
	case "unbounded":
		return kwUnbounded
	case "union":
		return kwUnion
	case "unpivot":
		return kwUnpivot
	case "using":
		return kwUsing
	case "values":
		return kwValues
	case "when":
		return kwWhen
	case "where":
		return kwWhere
	case "window":
		return kwWindow
	case "with":
		return kwWith
	case "zone":
		return kwZone
	case "extract", "if", "include", "truncate":
		return kwOther
	case "second":
		return kwSecond
	case "minute":
		return kwMinute
	case "hour":
		return kwHour
	case "day":
		return kwDay
	case "week":
		return kwWeek
	case "month":
		return kwMonth
	case "quarter":
		return kwQuarter
	case "year", "yyyy":
		return kwYear
	case "except":
		return kwExcept
	case "intersect":
		return kwIntersect
	case "inf", "infinity":
		return kwInf
	case "materialized":
		return kwMaterialized
	case "nan":
		return kwNan
	case "null":
		return kwNull
	case "within":
		return kwWithin
	case "catch", "finally", "fn", "fun", "let", "throw", "try", "while":
		return kwReserved
	}
	return kwNone
}
