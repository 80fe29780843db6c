package engine

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

func addStringFunctions(t table) {
	s, u64, u8 := mk(kString), mk(kUInt64), mk(kUInt8)
	t.simple("lower", "s", s, func(a []any) any { return mapASCII(str(a[0]), 'A', 'Z', 32) })
	t.simple("upper", "s", s, func(a []any) any { return mapASCII(str(a[0]), 'a', 'z', -32) })
	t.simple("lowerUTF8", "s", s, func(a []any) any { return strings.ToLower(str(a[0])) })
	t.simple("upperUTF8", "s", s, func(a []any) any { return strings.ToUpper(str(a[0])) })
	t.simple("initcap", "s", s, func(a []any) any { return initCap(str(a[0])) })
	t.simple("lengthUTF8", "s", u64, func(a []any) any { return uint64(utf8.RuneCountInString(str(a[0]))) })
	t.simple("isValidUTF8", "s", u8, func(a []any) any { return truth(utf8.ValidString(str(a[0]))) })
	t.simple("toValidUTF8", "s", s, func(a []any) any { return strings.ToValidUTF8(str(a[0]), "\uFFFD") })
	t.simple("reverseUTF8", "s", s, func(a []any) any {
		r := []rune(str(a[0]))
		for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
			r[i], r[j] = r[j], r[i]
		}
		return string(r)
	})
	t.add("empty", "*", emptiness(true))
	t.add("notEmpty", "*", emptiness(false))
	t.add("length", "*", func(c *callInfo) (*typ, impl, error) {
		switch c.t[0].k {
		case kString:
			return u64, func(a []any) any { return uint64(len(str(a[0]))) }, nil
		case kArray:
			return u64, func(a []any) any { return uint64(len(list(a[0]))) }, nil
		}
		return nil, nil, c.illegal(0)
	})
	t.add("reverse", "*", func(c *callInfo) (*typ, impl, error) {
		switch c.t[0].k {
		case kString:
			return s, func(a []any) any {
				b := []byte(str(a[0]))
				for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
					b[i], b[j] = b[j], b[i]
				}
				return string(b)
			}, nil
		case kArray:
			return c.t[0], func(a []any) any { return reversed(list(a[0])) }, nil
		}
		return nil, nil, c.illegal(0)
	})
	t["concat"] = buildConcat
	t.add("concatWithSeparator", "s*+", func(c *callInfo) (*typ, impl, error) {
		ts, loc := c.t, c.loc
		return s, func(a []any) any {
			parts := make([]string, len(a)-1)
			for i := range parts {
				parts[i] = text(a[i+1], ts[i+1], loc)
			}
			return strings.Join(parts, str(a[0]))
		}, nil
	})
	t.simple("substring", "si?i", s, func(a []any) any { return cutText(str(a[0]), a) })
	t.simple("substringUTF8", "si?i", s, func(a []any) any { return cutRunes(str(a[0]), a) })
	t.simple("left", "si", s, func(a []any) any {
		v, n := str(a[0]), whole(a[1])
		if n < 0 {
			return v[:max(0, int64(len(v))+n)]
		}
		return v[:min(n, int64(len(v)))]
	})
	t.simple("right", "si", s, func(a []any) any {
		v, n := str(a[0]), whole(a[1])
		if n < 0 {
			return v[min(-max(n, -maxText), int64(len(v))):]
		}
		return v[int64(len(v))-min(n, int64(len(v))):]
	})
	t.simple("repeat", "si", s, func(a []any) any {
		n := max(whole(a[1]), 0)
		if n > maxText || int64(len(str(a[0])))*n > maxText {
			return queryError("too_large_string_size", "Too large a string in function repeat")
		}
		return strings.Repeat(str(a[0]), int(n))
	})
	for name, right := range map[string]bool{"leftPad": false, "lpad": false, "rightPad": true, "rpad": true} {
		t.simple(name, "si?s", s, func(a []any) any { return pad(a, right) })
	}
	addTrims(t)
	t.simple("startsWith", "ss", u8, func(a []any) any { return truth(strings.HasPrefix(str(a[0]), str(a[1]))) })
	t.simple("endsWith", "ss", u8, func(a []any) any { return truth(strings.HasSuffix(str(a[0]), str(a[1]))) })
	t.simple("appendTrailingCharIfAbsent", "ss", s, func(a []any) any {
		if v := str(a[0]); v == "" || strings.HasSuffix(v, str(a[1])) {
			return v
		}
		return str(a[0]) + str(a[1])
	})
	t.simple("base64Encode", "s", s, func(a []any) any { return base64.StdEncoding.EncodeToString([]byte(str(a[0]))) })
	t.simple("base64Decode", "s", s, func(a []any) any {
		b, err := base64.StdEncoding.DecodeString(str(a[0]))
		if err != nil {
			return queryError("incorrect_data", "Failed to base64Decode input %q", str(a[0]))
		}
		return string(b)
	})
	t.simple("tryBase64Decode", "s", s, func(a []any) any {
		b, err := base64.StdEncoding.DecodeString(str(a[0]))
		if err != nil {
			return ""
		}
		return string(b)
	})
	t.simple("unhex", "s", s, func(a []any) any {
		b, err := hex.DecodeString(str(a[0]))
		if err != nil {
			return queryError("bad_arguments", "Not a hexadecimal text: %q", str(a[0]))
		}
		return string(b)
	})
	t.simple("ascii", "s", mk(kInt32), func(a []any) any {
		if v := str(a[0]); v != "" {
			return int64(v[0])
		}
		return int64(0)
	})
	t.add("format", "s*+", buildFormat)
}

// maxText bounds the text that one call may make, in bytes.
const maxText = 1 << 20

func mapASCII(s string, lo, hi byte, by int) string {
	return strings.Map(func(r rune) rune {
		if r >= rune(lo) && r <= rune(hi) {
			return r + rune(by)
		}
		return r
	}, s)
}

func initCap(s string) string {
	inside := false
	return strings.Map(func(r rune) rune {
		word := r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
		if word && !inside {
			r = unicode.ToUpper(r)
		} else if word {
			r = unicode.ToLower(r)
		}
		inside = word
		return r
	}, s)
}

func emptiness(want bool) func(c *callInfo) (*typ, impl, error) {
	return func(c *callInfo) (*typ, impl, error) {
		switch c.t[0].k {
		case kString, kArray, kUUID:
		default:
			return nil, nil, c.illegal(0)
		}
		zero := zeroOf(c.t[0])
		return mk(kUInt8), func(a []any) any {
			if l, ok := a[0].([]any); ok {
				return truth((len(l) == 0) == want)
			}
			return truth((a[0] == zero) == want)
		}, nil
	}
}

func buildConcat(s *scope, args []*expr) (*expr, error) {
	if len(args) > 1 && !slices.ContainsFunc(args, func(a *expr) bool { return a.t.k != kArray }) {
		return s.build("arrayConcat", args)
	}
	sub := table{}
	sub.add("concat", "*+", func(c *callInfo) (*typ, impl, error) {
		ts, loc := c.t, c.loc
		return mk(kString), func(a []any) any {
			var b strings.Builder
			for i, v := range a {
				b.WriteString(text(v, ts[i], loc))
			}
			return b.String()
		}, nil
	})
	return sub["concat"](s, args)
}

// span turns a position from 1 (from the end when negative) and an optional
// length into a half-open range of n elements.
func span(a []any, n int64) (from, to int64) {
	from = whole(a[1])
	switch {
	case from > 0:
		from--
	case from < 0:
		from += n
	default:
		return 0, 0
	}
	to = n
	if len(a) > 2 {
		if l := whole(a[2]); l >= 0 {
			to = from + min(l, n+1)
			if from < 0 {
				to = min(to, n)
			}
		} else {
			to = n + l
		}
	}
	from, to = max(from, 0), min(to, n)
	if from >= to {
		return 0, 0
	}
	return from, to
}

func cutText(s string, a []any) any {
	from, to := span(a, int64(len(s)))
	return s[from:to]
}

func cutRunes(s string, a []any) any {
	r := []rune(s)
	from, to := span(a, int64(len(r)))
	return string(r[from:to])
}

func pad(a []any, right bool) any {
	v, n, fill := str(a[0]), whole(a[1]), " "
	if len(a) > 2 && str(a[2]) != "" {
		fill = str(a[2])
	}
	if n > maxText {
		return queryError("too_large_string_size", "Too large a string in a padding function")
	}
	if n <= int64(len(v)) {
		return v[:max(n, 0)]
	}
	need := int(n) - len(v)
	padding := strings.Repeat(fill, need/len(fill)+1)[:need]
	if right {
		return v + padding
	}
	return padding + v
}

func addTrims(t table) {
	trim := func(left, right bool) impl {
		return func(a []any) any {
			v, cut := str(a[0]), " "
			if len(a) > 1 {
				cut = str(a[1])
			}
			if left {
				v = strings.TrimLeft(v, cut)
			}
			if right {
				v = strings.TrimRight(v, cut)
			}
			return v
		}
	}
	t.simple("trim", "s?s", mk(kString), trim(true, true))
	t.simple("btrim", "s?s", mk(kString), trim(true, true))
	t.simple("trimLeft", "s?s", mk(kString), trim(true, false))
	t.simple("trimRight", "s?s", mk(kString), trim(false, true))
}

// buildFormat is format('{} {0}', ...).
func buildFormat(c *callInfo) (*typ, impl, error) {
	pattern, err := c.constantText(0)
	if err != nil {
		return nil, nil, err
	}
	var parts []string // text, or "" before an argument
	var which []int
	next, rest := 0, pattern
	for {
		text, after, ok := strings.Cut(rest, "{")
		parts = append(parts, text)
		if !ok {
			break
		}
		inside, tail, closed := strings.Cut(after, "}")
		n := next
		if inside == "" {
			next++
		} else if digits(inside) && len(inside) < 3 {
			n = int(whole(castText(inside, mk(kInt64), c.loc)))
		} else {
			closed = false
		}
		if !closed || n >= len(c.t)-1 {
			return nil, nil, queryError(codeBadArguments, "Wrong format pattern %q of function format", pattern)
		}
		which, rest = append(which, n), tail
	}
	ts, loc := c.t, c.loc
	return mk(kString), func(a []any) any {
		var b strings.Builder
		for i, p := range parts {
			b.WriteString(p)
			if i < len(which) {
				b.WriteString(text(a[which[i]+1], ts[which[i]+1], loc))
			}
		}
		return b.String()
	}, nil
}
