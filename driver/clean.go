package driver

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDetail bounds a sentence of PostHog's in an [Error], in bytes.
const maxDetail = 300

// cleanText makes untrusted text fit for an error or a log line: one line,
// valid UTF-8, no control, invisible or bidirectional characters, keys masked,
// at most limit bytes.
func cleanText(s string, limit int) string {
	if len(s) > 8*limit {
		s = s[:8*limit]
	}
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case r == utf8.RuneError:
			continue
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space = b.Len() > 0
			continue
		case invisible(r):
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	out := maskKeys(b.String())
	if len(out) <= limit {
		return out
	}
	cut := limit - len("…")
	for cut > 0 && !utf8.RuneStart(out[cut]) {
		cut--
	}
	return out[:cut] + "…"
}

// invisible reports runes that change how text reads without being seen:
// format characters (bidirectional overrides, zero-width joiners, tags),
// surrogates, private use, variation selectors and fillers.
func invisible(r rune) bool {
	if unicode.In(r, unicode.Cf, unicode.Cs, unicode.Co, unicode.Variation_Selector) {
		return true
	}
	switch r {
	case '\u034f', '\u115f', '\u1160', '\u17b4', '\u17b5', '\u3164', '\uffa0', '\u2800':
		return true
	}
	return false
}

// maskKeys hides everything that has the form of a PostHog key: ph, a letter,
// an underscore and at least six letters, digits, dashes or underscores.
func maskKeys(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "ph")
		if i < 0 {
			break
		}
		n := keyLength(s[i:])
		if n == 0 {
			b.WriteString(s[:i+2])
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i+4])
		b.WriteString("***")
		s = s[i+n:]
	}
	if b.Len() == 0 {
		return s
	}
	b.WriteString(s)
	return b.String()
}

// keyLength gives the length of the key at the start of s, 0 when there is
// none. s starts with "ph".
func keyLength(s string) int {
	const prefix, least = 4, 6
	if len(s) < prefix+least || s[2] < 'a' || s[2] > 'z' || s[3] != '_' {
		return 0
	}
	n := prefix
	for n < len(s) && keyByte(s[n]) {
		n++
	}
	if n < prefix+least {
		return 0
	}
	return n
}

func keyByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// looksLikeHTML reports a page of a proxy or load balancer, which tells the
// reader nothing and must not reach a model.
func looksLikeHTML(contentType string, body []byte) bool {
	if strings.HasPrefix(strings.TrimSpace(strings.ToLower(contentType)), "text/html") {
		return true
	}
	head := strings.ToLower(strings.TrimSpace(string(body[:min(len(body), 256)])))
	return strings.HasPrefix(head, "<!doctype") || strings.HasPrefix(head, "<html") || strings.HasPrefix(head, "<?xml") || strings.HasPrefix(head, "<head") || strings.HasPrefix(head, "<body")
}
