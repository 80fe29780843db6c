// Package untrusted makes text from PostHog safe to show to a model and in a
// terminal. Anyone who has a site's public key can send events, so any name or
// value may try to hide, to pass for instructions or to drive a terminal. What
// is dangerous is made visible, never silently dropped, and ordinary text in any
// language stays as it is.
package untrusted

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean shows control characters, invisible and bidirectional Unicode and broken
// UTF-8 as \u{202e}, and takes the effect from Markdown links, HTML tags and
// chat markers with a backslash. Line feeds and tabs stay. Cleaning twice is the
// same as cleaning once.
func Clean(s string) string {
	i := firstSuspect(s)
	if i == len(s) {
		return s
	}
	b := make([]byte, 0, len(s)+16)
	b = append(b, s[:i]...)
	var prev rune
	if i > 0 {
		prev, _ = utf8.DecodeLastRuneInString(s[:i])
	}
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = fmt.Appendf(b, `\x{%02x}`, s[i])
			r = '}' // what stands there now
		case r == '\n' || r == '\t':
			b = append(b, byte(r))
		case hidden(r) && !partOfEmoji(prev, r, s[i+size:]):
			b = append(b, `\u{`...)
			b = strconv.AppendInt(b, int64(r), 16)
			b = append(b, '}')
			r = '}'
		case r == '<' && !escaped(b) && startsTag(s[i+1:]):
			b = append(b, '\\', '<')
		case r == '(' && prev == ']':
			b = append(b, '\\', '(')
		default:
			b = append(b, s[i:i+size]...)
		}
		prev = r
		i += size
	}
	return string(b)
}

// firstSuspect finds where plain text ends: nearly all text is plain, and plain
// text is not copied.
func firstSuspect(s string) int {
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < 0x20 || c == '<' || c == '(' && i > 0 && s[i-1] == ']' {
			if c != '\n' && c != '\t' {
				// Step back over what the loop must see whole.
				for i > 0 && (s[i-1] == '\\' || s[i-1] == ']') {
					i--
				}
				return i
			}
		}
	}
	return len(s)
}

// hidden reports whether a character is invisible, changes the direction of
// text, or controls a terminal.
func hidden(r rune) bool {
	switch {
	case r < 0x20 || 0x7f <= r && r < 0xa0: // C0, DEL, C1
		return true
	case r < 0xa0:
		return false
	case unicode.Is(unicode.Cf, r), // zero width, bidi, tags, soft hyphen, byte order mark
		unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r),
		unicode.Is(unicode.Variation_Selector, r),
		unicode.Is(unicode.Noncharacter_Code_Point, r),
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r): // fillers, tag space
		return true
	default:
		return false
	}
}

// partOfEmoji lets the joiner and the colour selector of ordinary emoji pass,
// one at a time: runs of them can carry hidden text.
func partOfEmoji(prev, r rune, rest string) bool {
	const joiner, selector = 0x200d, 0xfe0f
	symbol := func(r rune) bool {
		return r != utf8.RuneError && unicode.Is(unicode.So, r) || unicode.Is(unicode.Sk, r) && r > 0x1f000
	}
	switch r {
	case selector:
		return symbol(prev) || 0x2190 <= prev && prev < 0x3300
	case joiner:
		next, _ := utf8.DecodeRuneInString(rest)
		return (symbol(prev) || prev == selector) && symbol(next)
	default:
		return false
	}
}

// escaped reports whether b ends in a backslash that is not itself escaped.
func escaped(b []byte) bool {
	n := 0
	for n < len(b) && b[len(b)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// startsTag reports whether the text after < makes an HTML or XML tag, a
// comment or a chat marker. Comparisons such as a<b stay as they are.
func startsTag(s string) bool {
	if strings.HasPrefix(s, "!--") || strings.HasPrefix(s, "![") || strings.HasPrefix(s, "|") {
		return true
	}
	name := strings.TrimPrefix(s, "/")
	if len(name) >= 4 && strings.EqualFold(name[:4], "data") {
		return true // our own fence
	}
	end := 0
	for end < len(name) && end < 64 && nameByte(name[end]) {
		end++
	}
	if end == 0 || end == len(name) || !letter(name[0]) {
		return false
	}
	switch name[end] {
	case '>':
		return true
	case '/':
		return end+1 < len(name) && name[end+1] == '>' || active(name[:end])
	case ' ', '\t', '\n', '\r', '\f':
		return active(name[:end]) || strings.EqualFold(name[:end], "a") && strings.Contains(name, "href")
	default:
		return false
	}
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func nameByte(c byte) bool {
	return letter(c) || '0' <= c && c <= '9' || c == '_' || c == '-' || c == ':' || c == '.'
}

// active names the tags that load or run something when they have attributes.
func active(name string) bool {
	switch strings.ToLower(name) {
	case "img", "image", "svg", "script", "style", "iframe", "frame", "object", "embed", "link", "meta", "base",
		"form", "input", "button", "video", "audio", "source", "body", "html", "head", "div", "span", "table",
		"details", "marquee", "math", "template", "noscript", "p", "br", "h1", "h2", "textarea", "select",
		"system", "user", "assistant", "tool", "function", "invoke", "instructions":
		return true
	default:
		return false
	}
}

// Cell cleans a text and keeps it on one line of a pipe table: line feeds and
// tabs are shown as \n and \t, pipes get a backslash. Twice is the same as once.
func Cell(s string) string {
	s = Line(s)
	if !strings.ContainsRune(s, '|') {
		return s
	}
	b := make([]byte, 0, len(s)+8)
	for i := range len(s) {
		if s[i] == '|' && !escaped(b) {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return string(b)
}

// Line cleans a text and keeps it on one line: line feeds and tabs are shown
// as \n and \t.
func Line(s string) string {
	s = Clean(s)
	if !strings.ContainsAny(s, "\n\t") {
		return s
	}
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(s)
}

// Cut keeps the first n characters of a text and says how many it left out. It
// never makes a text longer.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	total := utf8.RuneCountInString(s)
	if total <= n {
		return s
	}
	mark := "…(+" + strconv.Itoa(total-n) + " chars)"
	if n+utf8.RuneCountInString(mark) >= total {
		return s
	}
	at := 0
	for range n {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return s[:at] + mark
}
