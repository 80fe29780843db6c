package engine

import (
	"crypto/md5"  //nolint:gosec // a function of HogQL, not a safeguard
	"crypto/sha1" //nolint:gosec // a function of HogQL, not a safeguard
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

func addHashFunctions(t table) {
	s := mk(kString)
	t.simple("MD5", "s", s, func(a []any) any { h := md5.Sum([]byte(str(a[0]))); return string(h[:]) })   //nolint:gosec // see above
	t.simple("SHA1", "s", s, func(a []any) any { h := sha1.Sum([]byte(str(a[0]))); return string(h[:]) }) //nolint:gosec // see above
	t.simple("SHA256", "s", s, func(a []any) any { h := sha256.Sum256([]byte(str(a[0]))); return string(h[:]) })
	t.simple("hex", "s", s, func(a []any) any { return strings.ToUpper(hex.EncodeToString([]byte(str(a[0])))) })
}
