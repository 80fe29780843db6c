package driver

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestCleanText(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"plain":                                 "plain",
		" two\r\n\tlines  ":                     "two lines",
		"red \x1b[31mtext\x1b[0m":               "red [31mtext [0m",
		"a\u202eb\u2066c\u200dd\ufeffe":         "abcde",
		"tag\U000E0041\U000E0042":               "tag",
		"bad \xff\xfe utf8":                     "bad utf8",
		"key phx_CanaryKey0123456789abcdef end": "key phx_*** end",
		"split phx_Can\u200baryKey0123456789":   "split phx_***",
		"phc_abc123 pha_abcdef phs_a-b-c-d":     "phc_*** pha_*** phs_***",
		"phx_short alphabet_soup_is_fine":       "phx_short alphabet_soup_is_fine",
		"graph_databases":                       "graph_databases",
		"emoji 🎉 and ünïcode":                   "emoji 🎉 and ünïcode",
	}
	for in, want := range cases {
		require.Equal(t, want, cleanText(in, 300), "%q", in)
	}
	long := cleanText(strings.Repeat("ü", 1000), 301)
	require.LessOrEqual(t, len(long), 301)
	require.True(t, utf8.ValidString(long))
	require.True(t, strings.HasSuffix(long, "…"))
}

func FuzzCleanText(f *testing.F) {
	f.Add("x phx_CanaryKey0123456789abcdef", 50)
	f.Add("\x1b[31m\u202e", 300)
	f.Add("ph\u200bx_abcdefghij", 20)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 10 + abs(limit)%500
		got := cleanText(s, limit)
		require.LessOrEqual(t, len(got), limit)
		require.True(t, utf8.ValidString(got))
		require.Equal(t, maskKeys(got), got, "no key is left")
		for _, r := range got {
			require.False(t, invisible(r) || r < ' ' || r == 0x7f, "%q", r)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

func TestLooksLikeHTML(t *testing.T) {
	t.Parallel()
	require.True(t, looksLikeHTML("text/html; charset=utf-8", nil))
	require.True(t, looksLikeHTML("", []byte("  <!DOCTYPE html>")))
	require.True(t, looksLikeHTML("application/json", []byte("<HTML><body>")))
	require.False(t, looksLikeHTML("application/json", []byte(`{"a":"<html>"}`)))
	require.False(t, looksLikeHTML("text/plain", []byte("rate limited")))
}
