package main

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// outboxWorld is a PostHog and the environment of programs that use it with an
// outbox in a folder of the test.
func outboxWorld(t *testing.T) (*posthogtest.Server, map[string]string) {
	t.Helper()
	ph, err := posthogtest.New(posthogtest.Options{Data: data.Options{Seed: 1, People: 20, Days: 7}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ph.Close()) })
	return ph, map[string]string{
		"XDG_STATE_HOME": t.TempDir(), "POSTHOG_HOST": ph.URL(), "POSTHOG_PROJECT_ID": "1", "POSTHOG_PROJECT_API_KEY": ph.ProjectKey(),
	}
}

func stored(s *posthogtest.Server, name string) (n int) {
	for _, ev := range s.Store().Snapshot().Events {
		if ev.Event == name {
			n++
		}
	}
	return n
}

func TestOutboxCommand(t *testing.T) {
	t.Parallel()
	ph, env := outboxWorld(t)
	path := filepath.Join(env["XDG_STATE_HOME"], "posthog-mcp", "outbox.db")

	p := start(t, env, "", "outbox")
	require.Equal(t, 0, p.code, p.err)
	require.Contains(t, p.out, "0 waiting")
	require.NoFileExists(t, path, "looking makes no file")

	// A capture that PostHog does not take survives the end of the program.
	restore := ph.Faults.Add(posthogtest.Fault{Path: "/batch/", Kind: posthogtest.FaultStatus, Status: 401, Body: "API key is not valid: too_long"})
	p = start(t, env, "", "call", "capture_event", "--format", "json", "--json", `{"event":"kept","distinct_id":"u1"}`)
	require.Equal(t, 0, p.code, p.err)
	var answer struct{ Status, UUID, Notice string }
	require.NoError(t, json.Unmarshal([]byte(p.out), &answer))
	require.Equal(t, "queued", answer.Status)
	require.Contains(t, answer.Notice, path)
	p = start(t, env, "", "outbox", "list")
	require.Equal(t, 0, p.code, p.err)
	require.Contains(t, p.out, answer.UUID)
	require.Contains(t, p.out, "PAUSED")
	require.NotContains(t, p.out+p.err, ph.ProjectKey())
	p = start(t, env, "", "outbox", "flush")
	require.Equal(t, 1, p.code)
	require.Contains(t, p.err, "1 events are still in the outbox")
	restore()
	p = start(t, env, "", "outbox", "flush")
	require.Equal(t, 0, p.code, p.err)
	require.Contains(t, p.out, "1 events sent")
	require.Equal(t, 1, stored(ph, "kept"))

	// A refused one is a dead letter until somebody decides.
	ph.Faults.Add(posthogtest.Fault{Path: "/batch/", Kind: posthogtest.FaultStatus, Status: 400, Body: "event submitted with a strange smell", Count: 2})
	for range 2 {
		p = start(t, env, "", "call", "capture_event", "--json", `{"event":"odd","distinct_id":"u1"}`)
		require.Contains(t, p.out, "rejected")
	}
	p = start(t, env, "", "outbox", "list", "--json")
	require.Equal(t, 0, p.code, p.err)
	var list struct {
		Dead        int
		DeadLetters []struct{ UUID, Reason string } `json:"dead_letters"`
	}
	require.NoError(t, json.Unmarshal([]byte(p.out), &list))
	require.Equal(t, 2, list.Dead)
	require.Contains(t, list.DeadLetters[0].Reason, "strange smell")
	p = start(t, env, "", "outbox", "requeue", list.DeadLetters[0].UUID)
	require.Contains(t, p.out, "1 events wait again")
	p = start(t, env, "", "outbox", "drop")
	require.Equal(t, 2, p.code, "nothing is dropped without being named")
	p = start(t, env, "", "outbox", "drop", "--dead")
	require.Contains(t, p.out, "1 events removed")
	p = start(t, env, "", "outbox", "flush")
	require.Equal(t, 0, p.code, p.err)
	require.Equal(t, 1, stored(ph, "odd"))
}

func TestOutboxPlace(t *testing.T) {
	t.Parallel()
	ph, env := outboxWorld(t)
	args := []string{"call", "capture_event", "--json", `{"event":"placed","distinct_id":"u1"}`}
	file := filepath.Join(t.TempDir(), "mine.db")
	p := start(t, env, "", append(args, "--outbox", file)...)
	require.Equal(t, 0, p.code, p.err)
	require.FileExists(t, file)
	require.NoDirExists(t, filepath.Join(env["XDG_STATE_HOME"], "posthog-mcp"))
	p = start(t, env, "", append(args, "--no-outbox")...)
	require.Equal(t, 0, p.code, p.err)
	p = start(t, env, "", append(args, "--demo")...)
	require.Equal(t, 0, p.code, p.err)
	require.NoDirExists(t, filepath.Join(env["XDG_STATE_HOME"], "posthog-mcp"))
	require.Equal(t, 2, stored(ph, "placed"))
	p = start(t, env, "", "outbox", "--no-outbox")
	require.Equal(t, 2, p.code)
	require.Contains(t, p.err, "--outbox FILE")
}
