package hogql

import (
	"slices"
	"strings"
	"sync"
)

// functionInfo is one function that HogQL exposes.
type functionInfo struct {
	name      string // as PostHog spells it
	aggregate bool
	anyCase   bool // found in any letter case
}

// functionTable holds the functions by lower-case name. It is built on first
// use: most processes never ask.
var functionTable = sync.OnceValue(func() map[string][]functionInfo {
	table := make(map[string][]functionInfo, 1024)
	add := func(names string, aggregate bool) {
		for name := range strings.FieldsSeq(names) {
			name, anyCase := strings.CutSuffix(name, "*")
			key := strings.ToLower(name)
			table[key] = append(table[key], functionInfo{name: name, aggregate: aggregate, anyCase: anyCase})
		}
	}
	add(scalarFunctions, false)
	add(geoFunctions, false)
	add(posthogFunctions, false)
	add(aggregateFunctions, true)
	return table
})

// KnownFunction reports whether HogQL exposes the function, under which name,
// and whether it aggregates rows. Letter case counts, except for those that
// PostHog matches in any case (COUNT, Lower, ...). It knows the functions of
// PostHog's posthog/hogql/functions; a newer PostHog can have more, so an
// unknown name is a reason to warn, not to refuse.
func KnownFunction(name string) (canonical string, aggregate, ok bool) {
	for _, f := range functionTable()[strings.ToLower(name)] {
		if f.name == name || f.anyCase {
			return f.name, f.aggregate, true
		}
	}
	if combined(name) {
		return name, true, true
	}
	return "", false, false
}

// combined reports whether name is one of the aggregates that PostHog offers
// with any chain of combinators, such as sumMapMergeIf.
func combined(name string) bool {
	for _, base := range []string{"countDistinct", "count", "avg", "sum", "min", "max", "median"} {
		if rest, ok := strings.CutPrefix(name, base); ok && rest != "" && combinators(rest, true) {
			return true
		}
	}
	return false
}

// combinators reports whether suffix is an allowed chain: one leading
// combinator, then OrDefault or OrNull, then If.
func combinators(suffix string, first bool) bool {
	if suffix == "" {
		return true
	}
	if first {
		for _, c := range []string{"Array", "Map", "State", "Merge", "ForEach", "ArgMin", "ArgMax"} {
			if rest, ok := strings.CutPrefix(suffix, c); ok && combinators(rest, false) {
				return true
			}
		}
	}
	switch suffix {
	case "If", "OrDefault", "OrNull", "OrDefaultIf", "OrNullIf":
		return true
	}
	return false
}

// knownMistakes maps functions of other databases and of ClickHouse that HogQL
// does not expose to what to write instead, by lower-case name.
func knownMistake(lower string) string {
	switch lower {
	case "tofloat64", "tofloat32", "tofloat64ornull", "tofloat32ornull":
		return "toFloat"
	case "toint64", "toint32", "touint64", "touint32", "toint64ornull", "toint32ornull":
		return "toInt"
	case "todateornull":
		return "toDate"
	case "todatetimeornull", "parsedatetimebesteffortornull":
		return "toDateTime"
	case "touuidornull":
		return "toUUID"
	case "split", "string_split":
		return "splitByChar"
	case "datediff", "timestampdiff":
		return "dateDiff"
	case "count_distinct", "approx_count_distinct":
		return "uniq"
	case "strftime", "date_format":
		return "formatDateTime"
	case "array_length", "cardinality":
		return "length"
	case "regexp_replace":
		return "replaceRegexpAll"
	case "regexp_match", "regexp_like":
		return "match"
	case "nvl":
		return "ifNull"
	case "group_concat", "listagg":
		return "string_agg"
	case "percentile", "approx_percentile":
		return "quantile"
	case "stddev":
		return "stddevSamp"
	case "variance":
		return "varSamp"
	case "substr":
		return "substring"
	case "sysdate", "getdate":
		return "now"
	}
	return ""
}

// NearestFunctions returns up to five functions that are spelled most like
// name, best first; none when nothing is near.
func NearestFunctions(name string) []string {
	type candidate struct {
		name     string
		distance int
	}
	low := strings.ToLower(name)
	most := max(1, len(low)/3)
	var found []candidate
	if fix := knownMistake(low); fix != "" {
		found = append(found, candidate{fix, -1})
	}
	for key, functions := range functionTable() {
		if len(key)-len(low) > most || len(low)-len(key) > most {
			continue
		}
		if d := editDistance(low, key, most); d <= most {
			for _, f := range functions {
				if !strings.HasPrefix(f.name, "_") {
					found = append(found, candidate{f.name, d})
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	const most5 = 5
	var names []string
	for _, c := range found {
		if len(names) < most5 && !slices.Contains(names, c.name) {
			names = append(names, c.name)
		}
	}
	return names
}

// editDistance is the number of letters to insert, remove, replace or swap
// with their neighbour to turn a into b; more than most when it exceeds that.
func editDistance(a, b string, most int) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		best := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			best = min(best, row[j])
		}
		if best > most {
			return most + 1
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
