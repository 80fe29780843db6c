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
