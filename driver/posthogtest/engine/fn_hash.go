package engine

import (
	"crypto/md5" //nolint:gosec // a function of HogQL, not a safeguard
	"encoding/hex"
	"strconv"
	"strings"
)

func addHashFunctions(t table) {
	s := mk(kString)
	t.simple("md5", "s", s, func(a []any) any {
		h := md5.Sum([]byte(str(a[0]))) //nolint:gosec // see above
		return hex.EncodeToString(h[:])
	})
	t.simple("cityHash64", "s", mk(kUInt64), func(a []any) any { return cityHash64(str(a[0])) })
	t.add("hex", "*", func(c *callInfo) (*typ, impl, error) {
		switch {
		case c.t[0].k == kString:
			return s, func(a []any) any { return strings.ToUpper(hex.EncodeToString([]byte(str(a[0])))) }, nil
		case c.t[0].isUnsigned():
			return s, func(a []any) any {
				n, _ := normal(a[0]).(uint64)
				h := strings.ToUpper(strconv.FormatUint(n, 16))
				return strings.Repeat("0", len(h)%2) + h
			}, nil
		}
		return nil, nil, c.illegal(0)
	})
}
