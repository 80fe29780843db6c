package credential

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const key = "phx_CanaryKey0123456789abcdef"

func TestSecretShowsItselfNowhere(t *testing.T) {
	t.Parallel()
	s := NewSecret(key)
	holder := struct {
		Name string
		Key  Secret
		Ptr  *Secret
	}{"x", s, &s}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", s, "holder", holder)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", s, "holder", holder)
	encoded, err := json.Marshal(holder)
	require.NoError(t, err)
	texts := []string{log.String(), string(encoded), s.String(), s.GoString()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		texts = append(texts, fmt.Sprintf(verb, s), fmt.Sprintf(verb, holder))
	}
	for _, text := range texts {
		require.NotContains(t, text, "Canary")
		require.NotContains(t, text, fmt.Sprintf("%x", "Canary"))
	}
	require.Equal(t, key, s.Reveal())
	require.True(t, NewSecret("").IsZero())
	require.Empty(t, NewSecret("").String())
}

func TestKindsOfKeys(t *testing.T) {
	t.Parallel()
	cases := []struct {
		key      string
		kind     Kind
		personal string // reason of refusal, "" for none
		project  string
	}{
		{"phx_abcdef1234567890", KindPersonal, "", "is secret"},
		{"pha_abcdef1234567890", KindOAuth, "", "is secret"},
		{"phc_abcdef1234567890", KindProject, "POSTHOG_PROJECT_API_KEY", ""},
		{"phs_abcdef1234567890", KindSecret, "only a few flag endpoints", "is secret"},
		{"0123456789abcdef0123", KindUnknown, "", ""},
		{"", KindUnknown, "empty", "empty"},
		{"phx_abc\ndef", KindPersonal, "line break", "line break"},
		{"phx_abc def", KindPersonal, "paste it again", "paste it again"},
		{"phx_abcdéf", KindPersonal, "paste it again", "paste it again"},
	}
	for _, tc := range cases {
		require.Equal(t, tc.kind, KindOf(tc.key))
		check := func(err error, reason string) {
			if reason == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, reason)
			if len(tc.key) > 10 {
				require.NotContains(t, err.Error(), tc.key[4:])
			}
		}
		check(CheckPersonal(tc.key), tc.personal)
		check(CheckProject(tc.key), tc.project)
	}
}

func TestStatic(t *testing.T) {
	t.Parallel()
	s, err := Static(key, "env X")
	require.NoError(t, err)
	got, err := s.Key(t.Context())
	require.NoError(t, err)
	require.Equal(t, key, got.Reveal())
	require.Equal(t, "env X", s.Describe())
	require.NotContains(t, fmt.Sprintf("%+v %#v", s, s), "Canary")
	_, err = Static("phc_abcdef1234567890", "env X")
	require.Error(t, err)
	_, err = Static(key, "")
	require.Error(t, err)
}

func TestFileFollowsRotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	write := func(text string, age time.Duration) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		at := time.Now().Add(-age)
		require.NoError(t, os.Chtimes(path, at, at))
	}
	write("  phx_first000000\n", time.Hour)
	src, err := File(path)
	require.NoError(t, err)
	f, ok := src.(*file)
	require.True(t, ok)
	now := func() string {
		f.looked = time.Time{} // a second has passed
		k, err := src.Key(t.Context())
		require.NoError(t, err)
		return k.Reveal()
	}
	require.Equal(t, "phx_first000000", now())
	write("phx_second00000\n", time.Minute)
	k, err := src.Key(t.Context())
	require.NoError(t, err)
	require.Equal(t, "phx_first000000", k.Reveal(), "the file is not looked at on every call")
	require.Equal(t, "phx_second00000", now())
	write("phc_wrongkind00", time.Second)
	require.Equal(t, "phx_second00000", now(), "the last good key stays")
	require.NoError(t, os.Remove(path))
	require.Equal(t, "phx_second00000", now())
	require.Contains(t, src.Describe(), path)
}

func TestFileRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cases := map[string]string{
		"":                                      "empty",
		"phc_abcdef1234567890":                  "POSTHOG_PROJECT_API_KEY",
		"phx_a\nphx_b":                          "paste it again",
		string(bytes.Repeat([]byte{'x'}, 5000)): "larger than any key",
	}
	for text, want := range cases {
		path := filepath.Join(dir, "k")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := File(path)
		require.ErrorContains(t, err, want)
	}
	_, err := File(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = File(dir)
	require.ErrorContains(t, err, "directory")
}
