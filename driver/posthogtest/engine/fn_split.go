package engine

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

func addSplits(t table) {
	ss := arrayOf(mk(kString))
	t.simple("splitByChar", "ss?i", ss, func(a []any) any {
		if len(str(a[0])) != 1 {
			return queryError(codeBadArguments, "Illegal separator for function splitByChar. Must be exactly one byte.")
		}
		return splitText(str(a[1]), str(a[0]), a)
	})
	t.simple("splitByString", "ss?i", ss, func(a []any) any {
		if str(a[0]) == "" {
			out := []any{}
			for _, r := range str(a[1]) {
				out = append(out, string(r))
			}
			return out
		}
		return splitText(str(a[1]), str(a[0]), a)
	})
	t.simple("splitByWhitespace", "s", ss, func(a []any) any { return boxed(strings.Fields(str(a[0]))) })
	t.simple("splitByNonAlpha", "s", ss, func(a []any) any {
		return boxed(strings.FieldsFunc(str(a[0]), func(r rune) bool {
			return r < utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.IsDigit(r)
		}))
	})
	t.simple("alphaTokens", "s", ss, func(a []any) any {
		return boxed(strings.FieldsFunc(str(a[0]), func(r rune) bool { return r >= utf8.RuneSelf || !unicode.IsLetter(r) }))
	})
	t.add("splitByRegexp", "ss", func(c *callInfo) (*typ, impl, error) {
		compile, err := cached(c.args[0], compileRegex)
		return ss, func(a []any) any {
			re, err := compile(str(a[0]))
			if err != nil {
				return err
			}
			return boxed(re.Split(str(a[1]), -1))
		}, err
	})
	t.add("arrayStringConcat", "a?s", func(c *callInfo) (*typ, impl, error) {
		et, loc := c.t[0].elem(), c.loc
		return mk(kString), func(a []any) any {
			sep := ""
			if len(a) > 1 {
				sep = str(a[1])
			}
			var parts []string
			for _, v := range list(a[0]) {
				if v != nil {
					parts = append(parts, text(v, et, loc))
				}
			}
			return strings.Join(parts, sep)
		}, nil
	})
}

// splitText splits into at most a[2] parts, dropping the rest, when a third
// argument asks for it.
func splitText(s, sep string, a []any) any {
	parts := strings.Split(s, sep)
	if len(a) > 2 {
		if n := whole(a[2]); n > 0 && int64(len(parts)) > n {
			parts = parts[:n]
		}
	}
	return boxed(parts)
}

func boxed(parts []string) []any {
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return out
}
