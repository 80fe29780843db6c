package engine

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

func addURLFunctions(t table) {
	s := mk(kString)
	for name, fn := range map[string]func(string) string{
		"protocol":               urlProtocol,
		"domain":                 urlDomain,
		"domainWithoutWWW":       func(u string) string { return strings.TrimPrefix(urlDomain(u), "www.") },
		"topLevelDomain":         topLevelDomain,
		"path":                   func(u string) string { p, _, _ := urlParts(u); return p },
		"pathFull":               urlPathFull,
		"queryString":            func(u string) string { _, q, _ := urlParts(u); return q },
		"fragment":               func(u string) string { _, _, f := urlParts(u); return f },
		"queryStringAndFragment": queryAndFragment,
		"cutQueryString":         func(u string) string { return cutAround(u, '?', "#") },
		"cutFragment":            func(u string) string { b, _, _ := strings.Cut(u, "#"); return b },
		"cutQueryStringAndFragment": func(u string) string {
			if i := strings.IndexAny(u, "?#"); i >= 0 {
				return u[:i]
			}
			return u
		},
		"cutWWW":                 cutWWW,
		"decodeURLComponent":     func(u string) string { return percentDecode(u, false) },
		"decodeURLFormComponent": func(u string) string { return percentDecode(u, true) },
		"encodeURLComponent":     func(u string) string { return strings.ReplaceAll(url.QueryEscape(u), "+", "%20") },
		"encodeURLFormComponent": url.QueryEscape,
	} {
		t.simple(name, "s", s, func(a []any) any { return fn(str(a[0])) })
	}
	t.simple("port", "s?i", mk(kUInt16), func(a []any) any {
		host := urlNetloc(str(a[0]))
		if i := strings.LastIndexByte(host, ':'); i >= 0 && digits(host[i+1:]) {
			if n := castText(host[i+1:], mk(kUInt16), nil); n != nil {
				return n
			}
		}
		if len(a) > 1 {
			return ofType(whole(a[1]), mk(kUInt16))
		}
		return uint64(0)
	})
	t.simple("extractURLParameter", "ss", s, func(a []any) any {
		for _, kv := range urlParameters(str(a[0])) {
			if k, v, ok := strings.Cut(kv, "="); ok && k == str(a[1]) {
				return v
			}
		}
		return ""
	})
	t.simple("extractURLParameters", "s", arrayOf(s), func(a []any) any {
		out := []any{}
		for _, kv := range urlParameters(str(a[0])) {
			if strings.Contains(kv, "=") {
				out = append(out, kv)
			}
		}
		return out
	})
	t.simple("extractURLParameterNames", "s", arrayOf(s), func(a []any) any {
		out := []any{}
		for _, kv := range urlParameters(str(a[0])) {
			if k, _, ok := strings.Cut(kv, "="); ok {
				out = append(out, k)
			}
		}
		return out
	})
	t.simple("cutURLParameter", "ss", s, func(a []any) any { return cutParameter(str(a[0]), str(a[1])) })
}

// urlProtocol is the scheme before a colon.
func urlProtocol(u string) string {
	i := strings.IndexByte(u, ':')
	if i <= 0 {
		return ""
	}
	for _, c := range u[:i] {
		if c >= utf8.RuneSelf || !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("+-.", c) {
			return ""
		}
	}
	if c := u[0]; c >= '0' && c <= '9' || !strings.HasPrefix(u[i:], "://") {
		return ""
	}
	return u[:i]
}

// afterScheme is the URL without scheme:// and whether it had one (or //).
func afterScheme(u string) (string, bool) {
	if p := urlProtocol(u); p != "" {
		return u[len(p)+3:], true
	}
	if rest, ok := strings.CutPrefix(u, "//"); ok {
		return rest, true
	}
	return u, false
}

// urlNetloc is user, host and port.
func urlNetloc(u string) string {
	rest, _ := afterScheme(u)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

func urlDomain(u string) string {
	host := urlNetloc(u)
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	host, _, _ = strings.Cut(host, ":")
	if strings.ContainsAny(host, " \t<>%{}|\\^~[];,") {
		return ""
	}
	if _, has := afterScheme(u); !has && !strings.Contains(host, ".") {
		return ""
	}
	return host
}

func topLevelDomain(u string) string {
	d := urlDomain(u)
	i := strings.LastIndexByte(d, '.')
	if i < 0 || digits(d[i+1:]) {
		return ""
	}
	return d[i+1:]
}

// urlParts splits what follows the host.
func urlParts(u string) (path, query, fragment string) {
	rest, has := afterScheme(u)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[i:]
	} else if has || !strings.HasPrefix(rest, "/") {
		rest = ""
	}
	rest, fragment, _ = strings.Cut(rest, "#")
	path, query, _ = strings.Cut(rest, "?")
	return path, query, fragment
}

func urlPathFull(u string) string {
	rest, _ := afterScheme(u)
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[i:]
	}
	return ""
}

func queryAndFragment(u string) string {
	if _, after, ok := strings.Cut(u, "?"); ok {
		return after
	}
	_, after, _ := strings.Cut(u, "#")
	return after
}

// cutAround drops from a byte up to the next stop.
func cutAround(u string, from byte, stop string) string {
	i := strings.IndexByte(u, from)
	if i < 0 {
		return u
	}
	if j := strings.Index(u[i:], stop); j >= 0 {
		return u[:i] + u[i+j:]
	}
	return u[:i]
}

func cutWWW(u string) string {
	if p := urlProtocol(u); p != "" {
		rest, _ := afterScheme(u)
		return p + "://" + strings.TrimPrefix(rest, "www.")
	}
	return u
}

// urlParameters are the name=value pairs of query and fragment.
func urlParameters(u string) []string {
	_, q, ok := strings.Cut(u, "?")
	if !ok {
		return nil
	}
	return strings.FieldsFunc(q, func(r rune) bool { return r == '&' || r == '#' || r == '?' })
}

func cutParameter(u, name string) string {
	base, q, ok := strings.Cut(u, "?")
	if !ok {
		return u
	}
	q, frag, hasFrag := strings.Cut(q, "#")
	var keep []string
	for kv := range strings.SplitSeq(q, "&") {
		if k, _, has := strings.Cut(kv, "="); !has || k != name {
			keep = append(keep, kv)
		}
	}
	out := base + "?" + strings.Join(keep, "&")
	if hasFrag {
		out += "#" + frag
	}
	return out
}

// percentDecode undoes %XX, leaving what is not a code as it is.
func percentDecode(s string, plus bool) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%' && i+2 < len(s) && hexDigit(s[i+1]) >= 0 && hexDigit(s[i+2]) >= 0:
			b = append(b, byte(hexDigit(s[i+1])<<4|hexDigit(s[i+2]))) //nolint:gosec // two digits
			i += 2
		case s[i] == '+' && plus:
			b = append(b, ' ')
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}

func hexDigit(c byte) int { return strings.IndexByte("0123456789abcdef", c|0x20) - noDigit(c) }

// noDigit makes bytes that |0x20 turns into a digit by accident count as none.
func noDigit(c byte) int {
	if c < '0' || c > 'f' || c > '9' && c < 'A' {
		return 100
	}
	return 0
}
