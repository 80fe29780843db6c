package driver

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sources is a test's input: flags, environment, file text.
type sources struct {
	flags map[string]string
	env   map[string]string
	file  string
}

func (s sources) load(t *testing.T) (*Settings, error) {
	t.Helper()
	in := SettingsInput{Flags: s.flags, LookupEnv: func(name string) (string, bool) { v, ok := s.env[name]; return v, ok }}
	if s.file != "" {
		in.File = filepath.Join(t.TempDir(), "x.env")
		require.NoError(t, os.WriteFile(in.File, []byte(s.file), 0o600))
	}
	return LoadSettings(in)
}

func valueOf(t *testing.T, s *Settings, name string) Setting {
	t.Helper()
	for _, v := range s.Values {
		if v.Name == name {
			return v
		}
	}
	require.Fail(t, "no setting "+name)
	return Setting{}
}

func keyOf(t *testing.T, s *Settings) string {
	t.Helper()
	if s.Config.Credential == nil {
		return ""
	}
	k, err := s.Config.Credential.Key(t.Context())
	require.NoError(t, err)
	return k.Reveal()
}

func TestSettingsDefaults(t *testing.T) {
	t.Parallel()
	s, err := sources{}.load(t)
	require.NoError(t, err)
	require.Equal(t, "https://us.posthog.com", s.Config.Host)
	require.Equal(t, "https://us.i.posthog.com", s.Config.IngestHost)
	require.Nil(t, s.Config.Credential)
	require.Empty(t, s.Warnings)
	require.Equal(t, "default", valueOf(t, s, SettingHost).Source)
	require.Equal(t, "derived from host", valueOf(t, s, SettingIngestHost).Source)
	require.Contains(t, valueOf(t, s, SettingKey).Note, "POSTHOG_PERSONAL_API_KEY")
	require.Equal(t, 50*time.Second, s.Config.Timeouts.Total)
	names := make([]string, 0, len(s.Values))
	for _, v := range s.Values {
		names = append(names, v.Name)
	}
	require.Equal(t, []string{SettingHost, SettingIngestHost, SettingKey, SettingProjectID, SettingProjectKey, SettingRateLimits, SettingTimeout, SettingAllowHTTP, SettingUseProxy, SettingState, SettingQuotaScope}, names)
	_, err = New(s.Config)
	require.NoError(t, err)
}

func TestSettingsPrecedence(t *testing.T) {
	t.Parallel()
	all := sources{
		flags: map[string]string{SettingHost: "https://flag.example"},
		env:   map[string]string{"POSTHOG_HOST": "https://env.example", "POSTHOG_PROJECT_ID": "1"},
		file:  "POSTHOG_HOST=https://file.example\nPOSTHOG_PERSONAL_API_KEY=phx_file0000000\nPOSTHOG_PROJECT_ID=2\nPOSTHOG_PROJECT_API_KEY=phc_file0000000\n",
	}
	host := func(s sources) (string, string) {
		got, err := s.load(t)
		require.NoError(t, err)
		v := valueOf(t, got, SettingHost)
		return v.Value, v.Source
	}
	value, source := host(all)
	require.Equal(t, "https://flag.example", value)
	require.Equal(t, "flag --host", source)

	all.flags = map[string]string{SettingHost: "${HOST}"}
	value, source = host(all)
	require.Equal(t, "https://env.example", value)
	require.Equal(t, "env POSTHOG_HOST", source)

	all.env["POSTHOG_HOST"] = "  "
	value, source = host(all)
	require.Equal(t, "https://file.example", value)
	require.Regexp(t, `^file .*x\.env \(POSTHOG_HOST\)$`, source)

	got, err := all.load(t)
	require.NoError(t, err)
	require.EqualValues(t, 1, got.Config.ProjectID, "each setting has its own winner")
	require.Equal(t, "phx_file0000000", keyOf(t, got))
	require.Equal(t, "phc_file0000000", got.Config.ProjectKey)
	require.Equal(t, "phx_…", valueOf(t, got, SettingKey).Value)
	require.Equal(t, "phc_…", valueOf(t, got, SettingProjectKey).Value)
}

func TestSettingsAliases(t *testing.T) {
	t.Parallel()
	keys := map[string]string{
		"POSTHOG_PERSONAL_API_KEY": "phx_abc0000000",
		"POSTHOG_CLI_API_KEY":      "phx_abc0000000",
		"POSTHOG_CLI_TOKEN":        "phx_abc0000000",
		"POSTHOG_API_KEY":          "phx_abc0000000",
		"POSTHOG_AUTH_HEADER":      "Bearer phx_abc0000000",
	}
	for name, value := range keys {
		s, err := sources{env: map[string]string{name: value}}.load(t)
		require.NoError(t, err)
		require.Equal(t, "phx_abc0000000", keyOf(t, s), name)
		require.Equal(t, "env "+name, s.Config.Credential.Describe())
	}
	for _, header := range []string{"bearer phx_abc0000000", "Authorization: Bearer phx_abc0000000", "phx_abc0000000"} {
		s, err := sources{env: map[string]string{"POSTHOG_AUTH_HEADER": header}}.load(t)
		require.NoError(t, err)
		require.Equal(t, "phx_abc0000000", keyOf(t, s), header)
	}
	for _, name := range SettingEnvs(SettingHost) {
		s, err := sources{env: map[string]string{name: "eu"}}.load(t)
		require.NoError(t, err)
		require.Equal(t, "https://eu.posthog.com", s.Config.Host, name)
	}
	for _, name := range SettingEnvs(SettingProjectID) {
		s, err := sources{env: map[string]string{name: "42"}}.load(t)
		require.NoError(t, err)
		require.EqualValues(t, 42, s.Config.ProjectID, name)
	}
}

func TestSettingsWarnings(t *testing.T) {
	t.Parallel()
	const good = "POSTHOG_PERSONAL_API_KEY=phx_file0000000\n"
	keyFile := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(keyFile, []byte("phx_ofsomebody00"), 0o600))
	cases := []struct {
		name string
		in   sources
		want string
	}{
		{"aliases differ", sources{env: map[string]string{"POSTHOG_HOST": "us", "POSTHOG_API_URL": "eu"}}, "POSTHOG_HOST and POSTHOG_API_URL differ; POSTHOG_HOST is used"},
		{"ingest host as host", sources{env: map[string]string{"POSTHOG_HOST": "https://eu.i.posthog.com"}}, "using eu.posthog.com"},
		{"old host", sources{env: map[string]string{"POSTHOG_HOST": "app.posthog.com"}}, "using us.posthog.com"},
		{"app host as ingest host", sources{env: map[string]string{"POSTHOG_INGEST_HOST": "https://us.posthog.com"}}, "events go to us.i.posthog.com"},
		{"stray file", sources{env: map[string]string{"POSTHOG_PERSONAL_API_KEY": "phx_env00000000"}, file: good + "POSTHOG_HOST=https://evil.example"}, "POSTHOG_HOST in"},
		{"stray file, capture", sources{env: map[string]string{"POSTHOG_PERSONAL_API_KEY": "phx_env00000000"}, file: "POSTHOG_INGEST_HOST=https://evil.example"}, "POSTHOG_INGEST_HOST in"},
		{"file without a key", sources{file: "POSTHOG_HOST=https://evil.example"}, "is ignored"},
		{"stray file that points at a key", sources{file: "POSTHOG_PERSONAL_API_KEY_FILE=" + keyFile + "\nPOSTHOG_HOST=https://evil.example"}, "is ignored"},
		{"proxy", sources{env: map[string]string{"HTTPS_PROXY": "http://p:1"}}, "POSTHOG_USE_PROXY=true"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, err := tc.in.load(t)
			require.NoError(t, err)
			require.Len(t, s.Warnings, 1)
			require.Contains(t, s.Warnings[0], tc.want)
			require.NotContains(t, s.Config.Host, "evil")
			require.NotContains(t, s.Config.IngestHost, "evil")
		})
	}
}

func TestSettingsSameValuesAndSDKKeyAreNoNews(t *testing.T) {
	t.Parallel()
	s, err := sources{env: map[string]string{"POSTHOG_HOST": "eu", "POSTHOG_BASE_URL": "eu", "POSTHOG_API_KEY": "phc_sdk0000000", "POSTHOG_CLI_TOKEN": "${TOKEN}"}}.load(t)
	require.NoError(t, err)
	require.Empty(t, s.Warnings)
	require.Nil(t, s.Config.Credential)
	require.Contains(t, valueOf(t, s, SettingKey).Note, "POSTHOG_API_KEY is ignored")
}

func TestSettingsKeyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte("phx_infile00000\n"), 0o600))
	s, err := sources{env: map[string]string{"POSTHOG_PERSONAL_API_KEY_FILE": path}}.load(t)
	require.NoError(t, err)
	require.Equal(t, "phx_infile00000", keyOf(t, s))
	require.Equal(t, "env POSTHOG_PERSONAL_API_KEY_FILE", valueOf(t, s, SettingKey).Source)

	s, err = sources{flags: map[string]string{SettingKeyFile: path}, env: map[string]string{"POSTHOG_PERSONAL_API_KEY": "phx_env00000000"}}.load(t)
	require.NoError(t, err)
	require.Equal(t, "phx_infile00000", keyOf(t, s), "the flag wins over the environment")

	s, err = sources{env: map[string]string{"POSTHOG_PERSONAL_API_KEY_FILE": path, "POSTHOG_PERSONAL_API_KEY": "phx_env00000000"}}.load(t)
	require.NoError(t, err)
	require.Equal(t, "phx_env00000000", keyOf(t, s))
	require.Len(t, s.Warnings, 1)
}

func TestSettingsRefusals(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		env  map[string]string
		want []string
	}{
		"project key as personal key": {map[string]string{"POSTHOG_PERSONAL_API_KEY": "phc_CanaryKey0123456789"}, []string{"POSTHOG_PERSONAL_API_KEY", "belongs in POSTHOG_PROJECT_API_KEY"}},
		"secret key as personal key":  {map[string]string{"POSTHOG_CLI_TOKEN": "phs_CanaryKey0123456789"}, []string{"POSTHOG_CLI_TOKEN", "phs_…"}},
		"personal key as project key": {map[string]string{"POSTHOG_PROJECT_API_KEY": "phx_CanaryKey0123456789"}, []string{"POSTHOG_PROJECT_API_KEY", "phx_…"}},
		"project id":                  {map[string]string{"POSTHOG_PROJECT_ID": "my project"}, []string{"POSTHOG_PROJECT_ID", "my project", "/project/12345"}},
		"key as project id":           {map[string]string{"POSTHOG_PROJECT_ID": "phx_CanaryKey0123456789"}, []string{"phx_***"}},
		"negative project id":         {map[string]string{"POSTHOG_PROJECT_ID": "-3"}, []string{"-3"}},
		"plain http":                  {map[string]string{"POSTHOG_HOST": "http://posthog.example"}, []string{"POSTHOG_HOST", "in the clear"}},
		"key in the host":             {map[string]string{"POSTHOG_HOST": "phx_CanaryKey0123456789@x y"}, []string{"POSTHOG_HOST"}},
		"several at once":             {map[string]string{"POSTHOG_HOST": "ftp://x", "POSTHOG_PROJECT_ID": "x", "POSTHOG_TIMEOUT": "never"}, []string{"ftp", "POSTHOG_PROJECT_ID", "POSTHOG_TIMEOUT"}},
		"switch":                      {map[string]string{"POSTHOG_USE_PROXY": "maybe"}, []string{"maybe"}},
		"rate limits":                 {map[string]string{"POSTHOG_RATE_LIMITS": "lots"}, []string{"cloud, legacy or none"}},
		"missing key file":            {map[string]string{"POSTHOG_PERSONAL_API_KEY_FILE": "/nowhere/key"}, []string{"POSTHOG_PERSONAL_API_KEY_FILE", "/nowhere/key"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sources{env: tc.env}.load(t)
			require.Error(t, err)
			for _, want := range tc.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "Canary")
		})
	}
	_, err := sources{flags: map[string]string{"color": "red"}}.load(t)
	require.ErrorContains(t, err, `"color"`)
}

func TestSettingsRateLimits(t *testing.T) {
	t.Parallel()
	for regime, want := range map[string]int{"cloud": 10, "legacy": 9, "none": 0} {
		s, err := sources{env: map[string]string{"POSTHOG_RATE_LIMITS": regime}}.load(t)
		require.NoError(t, err)
		c, err := New(s.Config)
		require.NoError(t, err)
		require.Len(t, c.Status().Windows, want, regime)
		require.Equal(t, regime == "none", s.Config.Smoothing.PerSecond < 0)
		require.NoError(t, c.Close())
	}
}

func TestDotenv(t *testing.T) {
	t.Parallel()
	text := "\ufeff# comment\n\nexport A = 1\nB=\"x # y\"\nC='single' # note\nD=plain # note\nE=\nF=a=b\nG=\"\"\n"
	path := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	got, err := readDotenv(path)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"A": "1", "B": "x # y", "C": "single", "D": "plain", "E": "", "F": "a=b", "G": ""}, got)

	for text, want := range map[string]string{
		"phx_CanaryKey0123456789": "line 1",
		"A=1\nB=\"open":           "line 2",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := readDotenv(path)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "Canary")
	}
	_, err = readDotenv(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, make([]byte, maxSettingsFile+10), 0o600))
	_, err = readDotenv(path)
	require.ErrorContains(t, err, "larger than 65536 bytes")
}
