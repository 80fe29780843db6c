package events

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/tools"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

const queryPath = "/api/projects/*/query/"

func TestGetEvents(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := d.OK(t, "get_events", `{"events":["$pageview"],"columns":["$current_url","person.plan"],"after":"-7d","limit":10}`)
	require.Equal(t, []string{"timestamp", "event", "distinct_id", "$current_url", "person.plan"}, a.Columns)
	require.Len(t, a.Rows, 10)
	require.Equal(t, true, a.Fields["has_more"])
	require.Contains(t, a.Text, "timestamp in UTC")
	last := "9999"
	for _, row := range a.Rows {
		require.Equal(t, "$pageview", row[1])
		at, _ := row[0].(string)
		require.LessOrEqual(t, at, last)
		last = at
	}

	who := a.Rows[0][2]
	mine := d.OK(t, "get_events", fmt.Sprintf(`{"person":%q,"after":"-7d","limit":500}`, who))
	require.NotEmpty(t, mine.Rows)
	for _, row := range mine.Rows {
		require.Equal(t, who, row[2])
	}
	pro := d.OK(t, "get_events", `{"where":["person.plan=pro"],"columns":["person.plan"],"after":"-7d","limit":20}`)
	require.NotEmpty(t, pro.Rows)
	for _, row := range pro.Rows {
		require.Equal(t, "pro", row[3])
	}
	free := d.OK(t, "get_events", `{"where":["person.plan!=pro","person.plan"],"columns":["person.plan"],"after":"-7d","limit":20}`)
	require.NotEmpty(t, free.Rows)
	for _, row := range free.Rows {
		require.NotEqual(t, "pro", row[3])
		require.NotNil(t, row[3])
	}
	none := d.OK(t, "get_events", `{"events":["it's \\ nothing"]}`)
	require.Empty(t, none.Rows)
	require.NotContains(t, none.Fields, "has_more")
	require.Contains(t, none.Text, "from 2026-06-29T12:00:00Z to 2026-06-30T12:00:00Z")
}

func TestGetEventsFindsAPersonByUUIDAndEmail(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	for _, e := range d.PostHog.Store().Snapshot().Events {
		email, ok := e.Person.Properties.Get("email")
		if !ok || e.Timestamp.Before(demotest.Now().AddDate(0, 0, -3)) {
			continue
		}
		byID := d.OK(t, "get_events", fmt.Sprintf(`{"person":%q,"after":"-3d","limit":500,"columns":["person_id"]}`, e.Person.ID))
		require.NotEmpty(t, byID.Rows)
		for _, row := range byID.Rows {
			require.Equal(t, e.Person.ID.String(), row[3])
		}
		byMail := d.OK(t, "get_events", fmt.Sprintf(`{"person":%q,"after":"-3d","limit":500,"columns":["person_id"]}`, email))
		require.Equal(t, byID.Rows, byMail.Rows)
		return
	}
	require.Fail(t, "no recent event of a person with an email")
}

// pageThrough reads all events of three days in pages.
func pageThrough(t *testing.T, d *demotest.Demo) []any {
	t.Helper()
	var ids []any
	cursor := ""
	for range 200 {
		a := d.OK(t, "get_events", fmt.Sprintf(`{"after":"-3d","limit":97,"columns":["uuid"],"cursor":%q}`, cursor))
		for _, row := range a.Rows {
			ids = append(ids, row[3])
		}
		if cursor = a.Cursor; cursor == "" {
			return ids
		}
	}
	require.Fail(t, "the pages do not end")
	return nil
}

// recent lists the uuids of the events since midnight three days ago, the
// newest first, as the store has them.
func recent(d *demotest.Demo) []any {
	var ids []any
	events := d.PostHog.Store().Snapshot().Events
	from := demotest.Now().AddDate(0, 0, -3).Truncate(24 * 3600e9)
	for _, e := range slices.Backward(events) {
		if at := e.Timestamp; !at.Before(from) && at.Before(demotest.Now()) {
			ids = append(ids, e.UUID.String())
		}
	}
	return ids
}

func TestGetEventsPagesToTheEnd(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	want := recent(d)
	require.Greater(t, len(want), 300)
	require.ElementsMatch(t, want, pageThrough(t, d))
}

func TestGetEventsFails(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	d.PostHog.ResetRequests()
	d.Refused(t, driver.KindInvalid, "2026-02-30", "get_events", `{"after":"2026-02-30"}`)
	d.Refused(t, driver.KindInvalid, "soon", "get_events", `{"after":"soon"}`)
	d.Refused(t, driver.KindInvalid, "limit", "get_events", `{"limit":501}`)
	d.Refused(t, driver.KindInvalid, "event_name", "get_events", `{"event_name":"signup"}`)
	require.Empty(t, d.PostHog.Requests())
	d.Refused(t, driver.KindInvalid, "earlier", "get_events", `{"after":"-1d","before":"-7d"}`)
	d.Refused(t, driver.KindInvalid, "plan==pro", "get_events", `{"where":["plan==pro"]}`)
	d.Refused(t, driver.KindInvalid, "cursor", "get_events", `{"cursor":"abc"}`)
	first := d.OK(t, "get_events", `{"limit":1}`)
	d.Refused(t, driver.KindInvalid, "other filters", "get_events", fmt.Sprintf(`{"limit":1,"events":["x"],"cursor":%q}`, first.Cursor))
	a := d.CallWith(tools.WithOutputDir(t.Context(), t.TempDir()), t, d.Client, "export_events", fmt.Sprintf(`{"cursor":%q}`, first.Cursor))
	require.True(t, a.IsError, "the cursor of a list that runs the other way")
	d.WithoutScopes(t, "query:read", []string{"project:read"}, "get_events", `{}`)
	narrow := d.ClientWith(t, d.PostHog.AddKey("queries only", []string{"query:read"}))
	a = d.CallWith(t.Context(), t, narrow, "get_events", `{}`)
	require.False(t, a.IsError, a.Text)
	d.SurvivesFault(t, queryPath, "get_events", `{}`)
}

func exportAll(t *testing.T, d *demotest.Demo, dir, args string) demotest.Answer {
	t.Helper()
	a := d.CallWith(tools.WithOutputDir(t.Context(), dir), t, d.Client, "export_events", args)
	require.False(t, a.IsError, a.Text)
	return a
}

func lines(t *testing.T, path string) []map[string]any {
	t.Helper()
	f, err := os.Open(path) //nolint:gosec // the test's own file
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	var out []map[string]any
	for s := bufio.NewScanner(f); s.Scan(); {
		var row map[string]any
		require.NoError(t, json.Unmarshal(s.Bytes(), &row))
		out = append(out, row)
	}
	return out
}

func TestExportEvents(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	dir := t.TempDir()
	var told []string
	ctx := tools.WithProgress(tools.WithOutputDir(t.Context(), dir), func(_, total float64, message string) {
		require.InDelta(t, 100, total, 0)
		told = append(told, message)
	})
	a := d.CallWith(ctx, t, d.Client, "export_events", `{"after":"-3d","columns":["$current_url","properties"]}`)
	require.False(t, a.IsError, a.Text)
	require.NotEmpty(t, told)
	want := recent(d)
	require.InDelta(t, len(want), a.Fields["exported"], 0)
	require.Equal(t, true, a.Fields["complete"])
	path, _ := a.Fields["path"].(string)
	require.Equal(t, dir, filepath.Dir(path))
	rows := lines(t, path)
	require.Len(t, rows, len(want))
	ids := make([]any, 0, len(rows))
	for _, row := range rows {
		ids = append(ids, row["uuid"])
		require.IsType(t, map[string]any{}, row["properties"])
	}
	require.ElementsMatch(t, want, ids)
	preview, ok := a.Fields["preview"].(map[string]any)
	require.True(t, ok)
	require.Len(t, preview["rows"], 5)
	require.Len(t, a.Links, 1)
	require.Equal(t, "posthog://exports/"+filepath.Base(path), a.Links[0].URI)
}

func TestExportEventsResumes(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	dir := t.TempDir()
	var ids []any
	cursor := ""
	for range 50 {
		a := exportAll(t, d, dir, fmt.Sprintf(`{"after":"-3d","max_rows":150,"cursor":%q}`, cursor))
		path, _ := a.Fields["path"].(string)
		for _, row := range lines(t, path) {
			ids = append(ids, row["uuid"])
		}
		if a.Cursor == "" {
			require.Equal(t, true, a.Fields["complete"])
			break
		}
		require.Equal(t, false, a.Fields["complete"])
		require.Contains(t, a.Text, "max_rows")
		cursor = a.Cursor
	}
	require.ElementsMatch(t, recent(d), ids)
}

func TestExportEventsCSV(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := exportAll(t, d, t.TempDir(), `{"events":["$pageview"],"after":"-1d","columns":["$current_url"],"format":"csv"}`)
	path, _ := a.Fields["path"].(string)
	f, err := os.Open(path) //nolint:gosec // the test's own file
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	records, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"uuid", "timestamp", "event", "distinct_id", "$current_url"}, records[0])
	require.InDelta(t, len(records)-1, a.Fields["exported"], 0)
}

// What was written before PostHog failed for good is kept, and the cursor
// continues there.
func TestExportEventsKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	dir := t.TempDir()
	// The first page holds 5,000 events; forty days have more.
	remove := d.PostHog.Faults.Add(posthogtest.Fault{Path: queryPath, Kind: posthogtest.FaultStatus, Status: 400, Every: 2, Body: `{"type":"validation_error","code":"x","detail":"No.","attr":null}`})
	a := exportAll(t, d, dir, `{"after":"-40d"}`)
	remove()
	require.Equal(t, false, a.Fields["complete"])
	require.Contains(t, a.Text, "Call again with cursor")
	rest := exportAll(t, d, dir, fmt.Sprintf(`{"after":"-40d","cursor":%q}`, a.Cursor))
	first, _ := a.Fields["exported"].(float64)
	second, _ := rest.Fields["exported"].(float64)
	whole := exportAll(t, d, dir, `{"after":"-40d"}`)
	require.InDelta(t, first+second, whole.Fields["exported"], 0)
	require.Equal(t, true, whole.Fields["complete"])
}

func TestExportEventsFails(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	d.Refused(t, driver.KindInvalid, "no directory", "export_events", `{}`)
	dir := t.TempDir()
	refused := func(ctx context.Context, says, args string) {
		t.Helper()
		a := d.CallWith(ctx, t, d.Client, "export_events", args)
		require.True(t, a.IsError, a.Text)
		require.Contains(t, a.Text, says)
	}
	ctx := tools.WithOutputDir(t.Context(), dir)
	refused(ctx, "xlsx", `{"format":"xlsx"}`)
	refused(ctx, "max_rows", `{"max_rows":0}`)
	refused(ctx, "earlier", `{"after":"-1d","before":"-3d"}`)
	refused(ctx, "cursor", `{"cursor":"x"}`)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	refused(tools.WithOutputDir(t.Context(), file), "output directory", `{}`)
	remove := d.PostHog.Faults.Add(posthogtest.Fault{Path: queryPath, Kind: posthogtest.FaultHTML})
	refused(ctx, "export_events failed", `{}`)
	remove()
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	refused(canceled, "canceled", `{}`)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "a failed export leaves nothing behind")
	narrow := d.ClientWith(t, d.PostHog.AddKey("narrow", []string{"project:read"}))
	a := d.CallWith(ctx, t, narrow, "export_events", `{}`)
	require.True(t, a.IsError)
	require.Contains(t, a.Text, "query:read")
}
