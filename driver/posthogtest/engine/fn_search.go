package engine

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

func addSearchFunctions(t table) {
	addLike(t)
	addPositions(t)
	addRegex(t)
	addReplace(t)
	addSplits(t)
}

// likeMatcher compiles a LIKE pattern: % is any text, _ any character, \
// takes the next character as it is.
func likeMatcher(pattern string, fold bool) (func(string) bool, error) {
	if !fold && !strings.ContainsAny(pattern, `_\`) {
		inner := strings.Trim(pattern, "%")
		if !strings.Contains(inner, "%") {
			front, back := strings.HasPrefix(pattern, "%"), strings.HasSuffix(pattern, "%")
			switch {
			case pattern == "":
				return func(s string) bool { return s == "" }, nil
			case inner == "":
				return func(string) bool { return true }, nil
			case front && back:
				return func(s string) bool { return strings.Contains(s, inner) }, nil
			case front:
				return func(s string) bool { return strings.HasSuffix(s, inner) }, nil
			case back:
				return func(s string) bool { return strings.HasPrefix(s, inner) }, nil
			}
			return func(s string) bool { return s == inner }, nil
		}
	}
	var b strings.Builder
	b.WriteString("(?s")
	if fold {
		b.WriteString("i")
	}
	b.WriteString(")^")
	for i := 0; i < len(pattern); {
		r, n := utf8.DecodeRuneInString(pattern[i:])
		i += n
		switch r {
		case '%':
			b.WriteString(".*")
		case '_':
			b.WriteString(".")
		case '\\':
			if i < len(pattern) {
				if next := pattern[i]; next == '%' || next == '_' || next == '\\' {
					r = rune(next)
					i++
				}
			}
			b.WriteString(regexp.QuoteMeta(string(r)))
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	b.WriteString("$")
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, queryError("cannot_compile_regexp", "Cannot compile the LIKE pattern %q", pattern)
	}
	return re.MatchString, nil
}

func addLike(t table) {
	for name, k := range map[string]struct{ fold, not bool }{
		"like": {}, "ilike": {fold: true}, "notLike": {not: true}, "notILike": {fold: true, not: true},
	} {
		t.add(name, "ss", func(c *callInfo) (*typ, impl, error) {
			match, err := cached(c.args[1], func(p string) (func(string) bool, error) { return likeMatcher(p, k.fold) })
			if err != nil {
				return nil, nil, err
			}
			return mk(kUInt8), func(a []any) any {
				m, err := match(str(a[1]))
				if err != nil {
					return err
				}
				return truth(m(str(a[0])) != k.not)
			}, nil
		})
	}
}

// cached compiles a pattern once when it is a constant, else once for each
// text in a row.
func cached[T any](e *expr, compile func(string) (T, error)) (func(string) (T, error), error) {
	var last T
	text, have := "", false
	if p, ok := e.val.(string); ok && e.fixed {
		var err error
		if last, err = compile(p); err != nil {
			return nil, err
		}
		text, have = p, true
	}
	return func(p string) (T, error) {
		if !have || p != text {
			v, err := compile(p)
			if err != nil {
				return v, err
			}
			last, text, have = v, p, true
		}
		return last, nil
	}, nil
}

// compileRegex compiles an RE2 pattern as ClickHouse does: . matches newlines.
func compileRegex(p string) (*regexp.Regexp, error) {
	if len(p) > 10_000 {
		return nil, queryError("cannot_compile_regexp", "The regular expression is too long (%d bytes)", len(p))
	}
	if _, err := syntax.Parse(p, syntax.Perl); err != nil {
		return nil, queryError("cannot_compile_regexp", "OptimizedRegularExpression: cannot compile re2: %s, error: %s", p, err.Error())
	}
	re, err := regexp.Compile("(?s)" + p)
	if err != nil {
		return nil, queryError("cannot_compile_regexp", "OptimizedRegularExpression: cannot compile re2: %s", p)
	}
	return re, nil
}

// regex registers a function whose argument 1 is a regular expression.
func (t table) regex(name, sig string, rt *typ, fn func(re *regexp.Regexp, a []any) any) {
	t.add(name, sig, func(c *callInfo) (*typ, impl, error) {
		compile, err := cached(c.args[1], compileRegex)
		if err != nil {
			return nil, nil, err
		}
		return rt, func(a []any) any {
			re, err := compile(str(a[1]))
			if err != nil {
				return err
			}
			return fn(re, a)
		}, nil
	})
}

func addRegex(t table) {
	s, u8, ss := mk(kString), mk(kUInt8), arrayOf(mk(kString))
	t.regex("match", "ss", u8, func(re *regexp.Regexp, a []any) any { return truth(re.MatchString(str(a[0]))) })
	t.regex("extract", "ss", s, func(re *regexp.Regexp, a []any) any {
		return group1(re.FindStringSubmatch(str(a[0])))
	})
	t.regex("extractAll", "ss", ss, func(re *regexp.Regexp, a []any) any {
		out := []any{}
		for _, m := range re.FindAllStringSubmatch(str(a[0]), -1) {
			out = append(out, group1(m))
		}
		return out
	})
	for _, n := range []string{"extractAllGroups", "extractAllGroupsVertical"} {
		t.regex(n, "ss", arrayOf(ss), func(re *regexp.Regexp, a []any) any {
			if re.NumSubexp() == 0 {
				return queryError(codeBadArguments, "There are no groups in the regexp")
			}
			out := []any{}
			for _, m := range re.FindAllStringSubmatch(str(a[0]), -1) {
				row := []any{}
				for _, g := range m[1:] {
					row = append(row, g)
				}
				out = append(out, row)
			}
			return out
		})
	}
	t.regex("countMatches", "ss", mk(kUInt64), func(re *regexp.Regexp, a []any) any {
		n := uint64(0)
		for _, m := range re.FindAllString(str(a[0]), -1) {
			if m != "" {
				n++
			}
		}
		return n
	})
	t.regex("regexpExtract", "ss?i", s, func(re *regexp.Regexp, a []any) any {
		g := int64(1)
		if len(a) > 2 {
			g = whole(a[2])
		} else if re.NumSubexp() == 0 {
			g = 0
		}
		if g < 0 || g > int64(re.NumSubexp()) {
			return queryError("index_of_positional_argument_is_out_of_range", "Index value %d is out of range, should be in [0, %d]", g, re.NumSubexp())
		}
		m := re.FindStringSubmatch(str(a[0]))
		if m == nil {
			return ""
		}
		return m[g]
	})
	t.add("multiMatchAny", "sa", func(c *callInfo) (*typ, impl, error) {
		if !c.args[1].fixed {
			return nil, nil, notSupported("multiMatchAny with patterns that are not constants")
		}
		var all []*regexp.Regexp
		for _, p := range list(c.args[1].val) {
			re, err := compileRegex(str(p))
			if err != nil {
				return nil, nil, err
			}
			all = append(all, re)
		}
		return u8, func(a []any) any {
			for _, re := range all {
				if re.MatchString(str(a[0])) {
					return truth(true)
				}
			}
			return truth(false)
		}, nil
	})
}

// group1 is the first group of a match, or the whole of it without groups.
func group1(m []string) string {
	switch {
	case m == nil:
		return ""
	case len(m) > 1:
		return m[1]
	}
	return m[0]
}

func addPositions(t table) {
	at := func(fold, runes bool) impl {
		return func(a []any) any {
			h, n := str(a[0]), str(a[1])
			if fold {
				h, n = strings.ToLower(h), strings.ToLower(n)
			}
			from := 0
			if len(a) > 2 {
				if from = int(max(whole(a[2])-1, 0)); from > len(h) {
					return uint64(0)
				}
			}
			i := strings.Index(h[from:], n)
			if i < 0 {
				return uint64(0)
			}
			if runes {
				return uint64(utf8.RuneCountInString(h[:from+i])) + 1
			}
			return uint64(from+i) + 1 //nolint:gosec // an index
		}
	}
	u64 := mk(kUInt64)
	t.simple("position", "ss?i", u64, at(false, false))
	t.simple("positionCaseInsensitive", "ss?i", u64, at(true, false))
	t.simple("positionUTF8", "ss", u64, at(false, true))
	t.simple("positionCaseInsensitiveUTF8", "ss", u64, at(true, true))
	count := func(fold bool) impl {
		return func(a []any) any {
			h, n := str(a[0]), str(a[1])
			if fold {
				h, n = strings.ToLower(h), strings.ToLower(n)
			}
			if n == "" {
				return uint64(0)
			}
			return uint64(strings.Count(h, n)) //nolint:gosec // a count
		}
	}
	t.simple("countSubstrings", "ss", u64, count(false))
	t.simple("countSubstringsCaseInsensitive", "ss", u64, count(true))
	for name, fold := range map[string]bool{"multiSearchAny": false, "multiSearchAnyCaseInsensitive": true} {
		t.simple(name, "sa", mk(kUInt8), func(a []any) any {
			h := str(a[0])
			if fold {
				h = strings.ToLower(h)
			}
			for _, n := range list(a[1]) {
				needle := str(n)
				if fold {
					needle = strings.ToLower(needle)
				}
				if strings.Contains(h, needle) {
					return truth(true)
				}
			}
			return truth(false)
		})
	}
}

func addReplace(t table) {
	s := mk(kString)
	all := func(a []any) any {
		if str(a[1]) == "" {
			return a[0]
		}
		return strings.ReplaceAll(str(a[0]), str(a[1]), str(a[2]))
	}
	t.simple("replaceAll", "sss", s, all)
	t.simple("replace", "sss", s, all)
	t.simple("replaceOne", "sss", s, func(a []any) any {
		if str(a[1]) == "" {
			return a[0]
		}
		return strings.Replace(str(a[0]), str(a[1]), str(a[2]), 1)
	})
	t.regex("replaceRegexpAll", "sss", s, func(re *regexp.Regexp, a []any) any {
		return re.ReplaceAllString(str(a[0]), goTemplate(str(a[2])))
	})
	t.regex("replaceRegexpOne", "sss", s, func(re *regexp.Regexp, a []any) any {
		v := str(a[0])
		m := re.FindStringSubmatchIndex(v)
		if m == nil {
			return v
		}
		return v[:m[0]] + string(re.ExpandString(nil, goTemplate(str(a[2])), v, m)) + v[m[1]:]
	})
	t.simple("translate", "sss", s, func(a []any) any {
		from, to := []rune(str(a[1])), []rune(str(a[2]))
		return strings.Map(func(r rune) rune {
			for i, f := range from {
				if f == r {
					if i < len(to) {
						return to[i]
					}
					return -1
				}
			}
			return r
		}, str(a[0]))
	})
}

// goTemplate turns \1 of a replacement into ${1}.
func goTemplate(s string) string {
	if !strings.ContainsAny(s, `\$`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '$':
			b.WriteString("$$")
		case s[i] == '\\' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9':
			i++
			b.WriteString("${" + string(s[i]) + "}")
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '\\':
			i++
			b.WriteByte('\\')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
