package driver

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

func TestCheckState(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{"", "memory", "sqlite", "sqlite:", "sqlite:/x/y.db", `sqlite:C:\x\y.db`, "redis://h:1/0", "rediss://u:p@h"} {
		require.NoError(t, CheckState(spec), spec)
	}
	for spec, want := range map[string]string{
		"memory:x": "memory", "mysql://h": "mysql", "redis:h": "redis://", "redis://": "redis://", "postgres": "postgres",
		"redis://u:hunter2@h\x7f:x/": "redis://",
	} {
		err := CheckState(spec)
		require.ErrorContains(t, err, want, spec)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestOpenState(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Setenv("LocalAppData", t.TempDir())
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_STATE_HOME", filepath.Join(home, "state"))
	blocked := filepath.Join(home, "blocked")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	cases := []struct {
		spec, name        string
		problem, degraded bool
	}{
		{"", "memory", false, false},
		{"memory", "memory", false, false},
		{"sqlite", "sqlite", false, false},
		{"sqlite:" + filepath.Join(home, "deep", "er", "q.db"), "sqlite", false, false},
		{"sqlite:" + filepath.Join(blocked, "q.db"), "memory", true, true},
		{"redis://127.0.0.1:1/0", "redis", false, false},
		{"redis://127.0.0.1:1/not-a-number", "sqlite", true, true},
		{"carrier-pigeon", "sqlite", true, true},
	}
	for _, tc := range cases {
		store, problem := OpenState(tc.spec, quota.TeamScope("h", 1), nil)
		require.Equal(t, tc.name, store.Name(), tc.spec)
		require.Equal(t, tc.problem, problem != nil, "%s: %v", tc.spec, problem)
		require.Equal(t, tc.degraded, store.Degraded(), tc.spec)
		require.NoError(t, store.Close())
	}
	_, err := os.Stat(filepath.Join(home, "state", "posthog-mcp", "quota.db"))
	require.ErrorIs(t, err, os.ErrNotExist, "nothing is opened before the first request")
}

func TestStateDirIsTheOwnersAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_STATE_HOME", "relative/is/ignored")
	dir, err := StateDir()
	require.NoError(t, err)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.Contains(t, dir, home)

	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	blocked := filepath.Join(home, "blocked")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	t.Setenv("XDG_STATE_HOME", blocked)
	dir, err = StateDir()
	require.NoError(t, err)
	require.Contains(t, dir, temp)
	info, err = os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	// Somebody else's link in a directory open to all is not followed.
	require.NoError(t, os.Remove(dir))
	require.NoError(t, os.Symlink(home, dir))
	_, err = StateDir()
	require.ErrorContains(t, err, "no directory")
}

func TestQuotaScopes(t *testing.T) {
	t.Parallel()
	key, err := credential.Static("phx_0123456789abcdefghij0123456789abcdefghij", "test")
	require.NoError(t, err)
	const host = "https://us.posthog.com"
	team := Config{ProjectID: 7, Credential: key}
	byKey := Config{ProjectID: 7, Credential: key, QuotaScope: QuotaByKey}
	unknown := Config{Credential: key}
	require.Equal(t, quota.TeamScope(host, 7), team.quotaScope(host))
	require.Equal(t, byKey.quotaScope(host), unknown.quotaScope(host), "without a project number the key says whose it is")
	require.NotEqual(t, team.quotaScope(host), byKey.quotaScope(host))
	require.NotContains(t, string(byKey.quotaScope(host)), "0123")
}

func TestTheFileCountsForTheNextProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "q.db")
	server := newScripted(t, reply(200, `{"results":[]}`), reply(200, `{"results":[]}`))
	for want := range 2 {
		c := clientFor(t, server.URL, func(cfg *Config) { cfg.State = "sqlite:" + path })
		require.Equal(t, want, usedOf(c, "burst"))
		require.NoError(t, c.do(t.Context(), readRequest(), nil))
		require.Equal(t, want+1, usedOf(c, "burst"))
		s := c.Status()
		require.Equal(t, "sqlite", s.Store)
		require.False(t, s.Degraded)
		require.NoError(t, c.Close())
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

// usedOf gives how many requests of a window are counted or under way.
func usedOf(c *Client, window string) int {
	for _, w := range c.Status().Windows {
		if w.Name == window {
			return w.Used + w.Reserved
		}
	}
	return -1
}

func TestStateSettings(t *testing.T) {
	t.Parallel()
	load := func(value, def string) (*Settings, error) {
		return LoadSettings(SettingsInput{
			LookupEnv:    func(name string) (string, bool) { return map[string]string{"POSTHOG_STATE": value}[name], true },
			DefaultState: def,
		})
	}
	s, err := load("", "")
	require.NoError(t, err)
	require.Equal(t, "memory", s.Config.State)
	s, err = load("", "sqlite")
	require.NoError(t, err)
	require.Equal(t, "sqlite", s.Config.State)
	require.Equal(t, "default", valueOf(t, s, SettingState).Source)
	s, err = load("redis://u:hunter2@h:1/0", "sqlite")
	require.NoError(t, err)
	require.NotContains(t, valueOf(t, s, SettingState).Value, "hunter2")
	require.Contains(t, s.Config.State, "hunter2")
	_, err = load("paper", "sqlite")
	require.ErrorContains(t, err, "POSTHOG_STATE")
	_, err = LoadSettings(SettingsInput{Flags: map[string]string{SettingQuotaScope: "planet"}})
	require.ErrorContains(t, err, "planet")
}
