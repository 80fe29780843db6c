package errors

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/posthog-mcp/posthog-mcp/tools"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

func TestTools(t *testing.T) {
	t.Parallel()
	toolstest.Check(t, Tools())
}

// start makes a demo of a seed.
func start(t *testing.T, seed uint64, zone string) *demotest.Demo {
	t.Helper()
	ph, err := posthogtest.New(posthogtest.Options{
		Data: data.Options{Seed: seed, Now: demotest.Now(), People: 300, Days: 40, TimeZone: zone}, Clock: demotest.Now, Throttle: posthogtest.Throttle{Off: true},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ph.Close()) })
	reg, err := tools.New(tools.Config{Sets: []tools.Set{Tools()}, Now: demotest.Now, Nonce: func() string { return "n" }})
	require.NoError(t, err)
	d := &demotest.Demo{PostHog: ph, Registry: reg}
	d.Client = d.ClientWith(t, ph.PersonalKey())
	return d
}

// count is what a pass over the events says about an issue.
type count struct {
	n               int
	users, sessions map[any]bool
	last            *data.Event
}

func byHand(d *demotest.Demo, from time.Time) map[string]*count {
	issues := map[string]*count{}
	for _, e := range d.PostHog.Store().Snapshot().Events {
		email, _ := e.Person.Properties.Get("email")
		address, _ := data.TextOf(email)
		if e.Event != "$exception" || e.Timestamp.Before(from) || strings.HasSuffix(address, "@"+data.CompanyDomain) {
			continue
		}
		v, _ := e.Properties.Get("$exception_issue_id")
		id := v.(string)
		if issues[id] == nil {
			issues[id] = &count{users: map[any]bool{}, sessions: map[any]bool{}}
		}
		c := issues[id]
		c.n, c.last = c.n+1, e
		c.users[e.Person.ID] = true
		c.sessions[e.SessionID] = true
	}
	return issues
}

func TestListErrorsEqualsBruteForce(t *testing.T) {
	t.Parallel()
	for seed, zone := range map[uint64]string{1: "UTC", 5: "America/New_York"} {
		d := start(t, seed, zone)
		loc, err := time.LoadLocation(zone)
		require.NoError(t, err)
		want := byHand(d, time.Date(2026, 6, 1, 0, 0, 0, 0, loc))
		a := d.SurvivesFault(t, "/api/projects/*/query/", "list_errors", `{"after":"2026-06-01","status":"all"}`)
		require.Equal(t, []string{"id", "name", "message", "status", "occurrences", "users", "sessions", "first_seen", "last_seen", "release", "source"}, a.Columns)
		require.NotEmpty(t, want)
		require.Len(t, a.Rows, len(want))
		for _, row := range a.Rows {
			c := want[row[0].(string)]
			require.NotNil(t, c)
			require.Equal(t, []any{float64(c.n), float64(len(c.users)), float64(len(c.sessions))}, row[4:7])
			require.Equal(t, c.last.Timestamp.UTC().Format("2006-01-02T15:04:05Z"), row[8])
			release, _ := c.last.Properties.Get("$app_version")
			require.Equal(t, release, row[9])
		}
		require.True(t, slices.IsSortedFunc(a.Rows, func(x, y []any) int { return int(y[4].(float64) - x[4].(float64)) }))

		first := d.OK(t, "list_errors", `{"after":"2026-06-01","status":"all","limit":1}`)
		second := d.OK(t, "list_errors", fmt.Sprintf(`{"after":"2026-06-01","status":"all","limit":1,"cursor":%q}`, first.Cursor))
		require.Equal(t, a.Rows[:2], append(first.Rows, second.Rows...))
		require.Empty(t, d.OK(t, "list_errors", `{"after":"2020-01-01","before":"2020-01-02"}`).Rows)
		require.Empty(t, d.OK(t, "list_errors", `{"search":"no such words in any error"}`).Rows)
	}
}

func TestGetError(t *testing.T) {
	t.Parallel()
	d := start(t, 1, "UTC")
	c := byHand(d, time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC))[data.BadIssueID]
	require.NotNil(t, c)
	args := fmt.Sprintf(`{"id":%q}`, data.BadIssueID)
	a := d.SurvivesFault(t, "/api/projects/*/error_tracking/issues/*/", "get_error", args)
	require.Equal(t, "TypeError", a.Fields["name"])
	require.Equal(t, "active", a.Fields["status"])
	require.InDelta(t, c.n, a.Fields["occurrences"], 0)
	require.InDelta(t, len(c.users), a.Fields["users"], 0)
	require.Equal(t, data.BadRelease, a.Fields["release"])
	require.Equal(t, []any{"TypeError: Cannot read properties of undefined (reading 'blocks')"}, a.Fields["exceptions"])
	require.Equal(t, [][]any{{1.0, "restoreDraft", "https://app.lumen-notes.example/assets/editor.js", "418:17", true}}, a.Rows)
	require.Contains(t, a.Fields["last_event"], c.last.UUID.String())
	url, _ := a.Fields["url"].(string)
	pasted := d.OK(t, "get_error", fmt.Sprintf(`{"id":%q}`, url+"?timestamp=1#stack"))
	require.Equal(t, a.Rows, pasted.Rows)

	quiet := d.OK(t, "get_error", fmt.Sprintf(`{"id":%q,"after":"2020-01-01","before":"2020-01-02"}`, data.BadIssueID))
	require.Empty(t, quiet.Rows)
	require.Equal(t, "TypeError", quiet.Fields["name"])
	require.Contains(t, quiet.Text, "did not occur in the range")

	d.Refused(t, driver.KindNotFound, "no error", "get_error", fmt.Sprintf(`{"id":%q}`, uuid.NewString()))
	d.Refused(t, driver.KindInvalid, "no id of an error", "get_error", `{"id":"TypeError"}`)
	d.Refused(t, driver.KindInvalid, "Swap", "get_error", fmt.Sprintf(`{"id":%q,"after":"2026-06-20","before":"2026-06-10"}`, data.BadIssueID))
	d.Refused(t, driver.KindInvalid, "Swap", "list_errors", `{"after":"2026-06-20","before":"2026-06-10"}`)
	d.Refused(t, driver.KindInvalid, "status", "list_errors", `{"status":"open"}`)
	d.Refused(t, driver.KindInvalid, "cursor", "list_errors", `{"cursor":"x"}`)
	d.WithoutScopes(t, "error_tracking:read", []string{"query:read", "project:read"}, "get_error", args)
	d.WithoutScopes(t, "query:read", []string{"error_tracking:read", "project:read"}, "list_errors", `{}`)
}

func TestLongStacksKeepTheProjectsOwnFrames(t *testing.T) {
	t.Parallel()
	frames := make([]driver.StackFrame, 60)
	for i := range frames {
		frames[i] = driver.StackFrame{Line: int64(i + 1), InApp: i >= 50}
	}
	out := errorOut(driver.ErrorResult{Last: &driver.ErrorEvent{Exceptions: []driver.Exception{{Type: "E", Handled: true, Frames: frames}}}}, ErrorIn{})
	require.Len(t, out.Rows, maxFrames)
	require.Equal(t, "20", out.Rows[19][3])
	require.Equal(t, "51", out.Rows[20][3])
	require.Equal(t, []string{"30 frames of exception 1 are left out."}, out.Notices())
	require.Equal(t, []string{"E (handled)"}, out.Exceptions)
}
