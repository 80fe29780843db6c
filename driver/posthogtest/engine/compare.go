package engine

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// compareValues orders two values that are not NULL at the top level and whose
// types are comparable. NULL inside arrays and tuples sorts last. NaN is less
// than everything here; ORDER BY handles it before.
func compareValues(a, b any) int {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return strings.Compare(x, y)
		}
	case instant:
		switch y := b.(type) {
		case instant:
			return cmp.Compare(x, y)
		case date:
			return cmp.Compare(x, instant(y)*86400*microsPerSecond)
		}
	case date:
		switch y := b.(type) {
		case date:
			return cmp.Compare(x, y)
		case instant:
			return cmp.Compare(instant(x)*86400*microsPerSecond, y)
		}
	case uuid.UUID:
		if y, ok := b.(uuid.UUID); ok {
			// ClickHouse orders UUIDs by their second half first.
			return cmp.Or(bytes.Compare(x[8:], y[8:]), bytes.Compare(x[:8], y[:8]))
		}
	case dec:
		if y, ok := b.(dec); ok {
			return cmp.Compare(x, y)
		}
	case []any:
		if y, ok := b.([]any); ok {
			return compareLists(x, y)
		}
	case *data.Properties:
		return strings.Compare(propertiesText(x), textOfJSON(b))
	case nil:
		if b == nil {
			return 0
		}
		return 1
	}
	if b == nil {
		return -1
	}
	return compareNumbers(a, b)
}

func textOfJSON(v any) string {
	if p, ok := v.(*data.Properties); ok {
		return propertiesText(p)
	}
	s, _ := v.(string)
	return s
}

func compareLists(x, y []any) int {
	for i := range min(len(x), len(y)) {
		if c := compareNullable(x[i], y[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(x), len(y))
}

func compareNullable(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return compareValues(a, b)
}

// compareNumbers compares exactly, also an integer with a float.
func compareNumbers(a, b any) int {
	switch x := normal(a).(type) {
	case uint64:
		switch y := normal(b).(type) {
		case uint64:
			return cmp.Compare(x, y)
		case int64: // negative: normal turns the others into uint64
			return 1
		case float64:
			return -compareFloatUint(y, x)
		}
	case int64:
		switch y := normal(b).(type) {
		case int64:
			return cmp.Compare(x, y)
		case uint64:
			return -1
		case float64:
			return cmp.Compare(float64(x), y)
		}
	case float64:
		switch y := normal(b).(type) {
		case float64:
			return cmp.Compare(x, y)
		case uint64:
			return compareFloatUint(x, y)
		case int64:
			return cmp.Compare(x, float64(y))
		}
	}
	return 0
}

func compareFloatUint(f float64, u uint64) int {
	if f >= 1<<64 {
		return 1
	}
	if f < 0 || math.IsNaN(f) {
		return -1
	}
	if f == math.Trunc(f) {
		return cmp.Compare(uint64(f), u)
	}
	return cmp.Compare(f, float64(u))
}

// normal gives equal numbers one form: bool and non-negative int64 become
// uint64.
func normal(v any) any {
	switch v := v.(type) {
	case bool:
		if v {
			return uint64(1)
		}
		return uint64(0)
	case int64:
		if v >= 0 {
			return uint64(v)
		}
	}
	return v
}

func equalValues(a, b any) bool {
	if x, ok := a.(float64); ok && math.IsNaN(x) {
		return false
	}
	if y, ok := b.(float64); ok && math.IsNaN(y) {
		return false
	}
	return compareValues(a, b) == 0
}

// appendKey encodes a value so that equal values of one column have equal
// bytes: the key of GROUP BY, DISTINCT and hash joins.
func appendKey(b []byte, v any) []byte {
	switch v := normal(v).(type) {
	case nil:
		return append(b, 0)
	case uint64:
		return binary.LittleEndian.AppendUint64(append(b, 1), v)
	case int64:
		return binary.LittleEndian.AppendUint64(append(b, 2), uint64(v)) //nolint:gosec // bits, not a number
	case float64:
		if v == math.Trunc(v) && v >= 0 && v < 1<<63 {
			return binary.LittleEndian.AppendUint64(append(b, 1), uint64(v))
		}
		if v == math.Trunc(v) && v < 0 && v >= -(1<<63) {
			return binary.LittleEndian.AppendUint64(append(b, 2), uint64(int64(v))) //nolint:gosec // bits, not a number
		}
		return binary.LittleEndian.AppendUint64(append(b, 3), math.Float64bits(v))
	case string:
		b = binary.AppendUvarint(append(b, 4), uint64(len(v)))
		return append(b, v...)
	case uuid.UUID:
		return append(append(b, 5), v[:]...)
	case date:
		return binary.LittleEndian.AppendUint64(append(b, 6), uint64(int64(v)*86400*microsPerSecond)) //nolint:gosec // bits
	case instant:
		return binary.LittleEndian.AppendUint64(append(b, 6), uint64(v)) //nolint:gosec // bits
	case dec:
		return binary.LittleEndian.AppendUint64(append(b, 7), uint64(v)) //nolint:gosec // bits
	case *data.Properties:
		return appendKey(b, propertiesText(v))
	case []any:
		b = binary.AppendUvarint(append(b, 8), uint64(len(v)))
		for _, e := range v {
			b = appendKey(b, e)
		}
		return b
	}
	return append(b, 9)
}

// sortKey is one item of an ORDER BY.
type sortKey struct {
	desc bool
}

// compareRows orders two rows of sort-key values: NULL and NaN come last,
// ascending or descending.
func compareRows(a, b []any, keys []sortKey) int {
	for i, k := range keys {
		if c := compareKey(a[i], b[i], k); c != 0 {
			return c
		}
	}
	return 0
}

func compareKey(a, b any, k sortKey) int {
	aMiss, bMiss := missing(a), missing(b)
	if aMiss || bMiss {
		switch {
		case aMiss && bMiss:
			return missRank(a, b)
		case bMiss:
			return -1
		default:
			return 1
		}
	}
	c := compareValues(a, b)
	if k.desc {
		return -c
	}
	return c
}

// missRank orders NaN before NULL when both sort at the end.
func missRank(a, b any) int {
	switch {
	case (a == nil) == (b == nil):
		return 0
	case a == nil:
		return 1
	}
	return -1
}

func missing(v any) bool {
	if v == nil {
		return true
	}
	f, ok := v.(float64)
	return ok && math.IsNaN(f)
}

// zone is the location of a type's time zone.
func zone(own, session *time.Location) *time.Location {
	if own != nil {
		return own
	}
	return session
}
