package capture

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

// stored counts the events of a name that PostHog has.
func stored(d *demotest.Demo, name string) (n int, ids []string) {
	for _, e := range d.PostHog.Store().Snapshot().Events {
		if e.Event == name {
			n++
			ids = append(ids, e.UUID.String())
		}
	}
	return n, ids
}

func TestCaptureEventArrives(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	a := d.OK(t, "capture_event", `{"event":"tested","distinct_id":"user-x","properties":{"plan":"pro","$set":{"plan":"pro"}},"timestamp":"-2h"}`)
	require.Equal(t, "accepted", a.Fields["status"])
	require.Equal(t, "2026-06-30T10:00:00Z", a.Fields["timestamp"])
	n, ids := stored(d, "tested")
	require.Equal(t, 1, n)
	require.Equal(t, a.Fields["uuid"], ids[0])
}

func TestCaptureEventIsOneEventHoweverOftenItIsSent(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	// The server stores the event and breaks the connection before it answers.
	remove := d.PostHog.Faults.Add(posthogtest.Fault{Path: "/i/v0/e/", Kind: posthogtest.FaultServedReset, Count: 1})
	defer remove()
	a := d.OK(t, "capture_event", `{"event":"lost_answer","distinct_id":"user-x"}`)
	n, ids := stored(d, "lost_answer")
	require.Equal(t, 1, n, "sent twice, stored once")
	require.Equal(t, a.Fields["uuid"], ids[0])
}

func TestCaptureEventRefuses(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	for says, args := range map[string]string{
		"distinct_id":    `{"event":"x"}`,
		"placeholder":    `{"event":"x","distinct_id":"anonymous"}`,
		"event":          `{"event":"","distinct_id":"u"}`,
		"in the future":  `{"event":"x","distinct_id":"u","timestamp":"2026-12-31"}`,
		"calendar":       `{"event":"x","distinct_id":"u","timestamp":"2026-02-31"}`,
		"UUID":           `{"event":"x","distinct_id":"u","uuid":"7"}`,
		"event_name":     `{"event_name":"x","distinct_id":"u"}`,
		"properties":     `{"event":"x","distinct_id":"u","properties":[1]}`,
		"201 characters": `{"event":"x","distinct_id":"` + strings.Repeat("u", 201) + `"}`,
	} {
		d.Refused(t, driver.KindInvalid, says, "capture_event", args)
	}
	n, _ := stored(d, "x")
	require.Zero(t, n)
}

func TestCaptureWithoutAnyKey(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	c, err := driver.New(driver.Config{Host: d.PostHog.URL(), ProjectID: d.PostHog.ProjectID()})
	require.NoError(t, err)
	defer c.Close() //nolint:errcheck // never fails
	a := d.CallWith(t.Context(), t, c, "capture_event", `{"event":"x","distinct_id":"u"}`)
	require.True(t, a.IsError)
	require.Contains(t, a.Text, "POSTHOG_")

	// The project key alone is enough: it is all that capture needs.
	c, err = driver.New(driver.Config{Host: d.PostHog.URL(), ProjectID: d.PostHog.ProjectID(), ProjectKey: d.PostHog.ProjectKey()})
	require.NoError(t, err)
	defer c.Close() //nolint:errcheck // never fails
	a = d.CallWith(t.Context(), t, c, "capture_event", `{"event":"keyed","distinct_id":"u"}`)
	require.False(t, a.IsError, a.Text)
	n, _ := stored(d, "keyed")
	require.Equal(t, 1, n)
}

func TestCaptureTellsAUsedUpQuota(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	d.PostHog.SetQuota(posthogtest.Quota{Events: true})
	a := d.OK(t, "capture_event", `{"event":"dropped","distinct_id":"u"}`)
	require.Equal(t, "quota_limited", a.Fields["status"])
	require.Contains(t, a.Fields["notice"], "DROPPED")
	b := d.OK(t, "capture_batch", `{"events":[{"event":"dropped","distinct_id":"u"}]}`)
	require.Contains(t, b.Text, "DROPPED")
	require.Zero(t, b.Fields["accepted"])
	n, _ := stored(d, "dropped")
	require.Zero(t, n)
}

func TestCaptureBatchTakesTheGoodAndNamesTheBad(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	var list []string
	for i := range 40 {
		list = append(list, fmt.Sprintf(`{"event":"batched","distinct_id":"u%d"}`, i))
	}
	list[7] = `{"event":"batched","distinct_id":"null"}`
	list[9] = `{"event":"batched","distinct_id":"u9","uuid":"nope"}`
	a := d.SurvivesFault(t, "/batch/", "capture_batch", `{"events":[`+strings.Join(list, ",")+`]}`)
	require.InDelta(t, 38, a.Fields["accepted"], 0)
	require.Equal(t, []string{"index", "event", "status", "uuid", "timestamp", "reason"}, a.Columns)
	require.Equal(t, []any{7.0, "batched", "rejected"}, a.Rows[0][:3], "what needs attention comes first")
	require.Equal(t, []any{9.0, "batched", "rejected"}, a.Rows[1][:3])
	require.Contains(t, a.Rows[0][5], "placeholder")
	require.Contains(t, a.Fields["notice"], "2 of 40 events did not go in")
	n, _ := stored(d, "batched")
	require.Equal(t, 38, n)
}

func TestCaptureBatchResendsAsTheSameEvents(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	id := uuid.NewString()
	args := fmt.Sprintf(`{"events":[{"event":"again","distinct_id":"u","uuid":%q,"timestamp":"2026-06-30T10:00:00Z"}]}`, id)
	first := d.OK(t, "capture_batch", args)
	require.NotContains(t, first.Columns, "reason", "nothing to say")
	d.OK(t, "capture_batch", args)
	n, ids := stored(d, "again")
	require.Equal(t, 1, n)
	require.Equal(t, id, ids[0])
}

func TestCaptureBatchRefuses(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	d.Refused(t, driver.KindInvalid, "events", "capture_batch", `{"events":[]}`)
	d.Refused(t, driver.KindInvalid, "events.0.distinct_id", "capture_batch", `{"events":[{"event":"x","distinct_id":"null"}]}`)
	d.Refused(t, driver.KindInvalid, "distinctId", "capture_batch", `{"events":[{"event":"x","distinctId":"u"}]}`)
	d.Refused(t, driver.KindInvalid, "1000", "capture_batch", `{"events":[`+strings.Repeat(`{"event":"x","distinct_id":"u"},`, 1000)+`{"event":"x","distinct_id":"u"}]}`)
}

func TestCaptureWithoutPostHog(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	defer d.PostHog.Faults.Add(posthogtest.Fault{Path: "/batch/", Kind: posthogtest.FaultReset})()
	start := time.Now()
	a := d.Call(t, "capture_batch", `{"events":[{"event":"x","distinct_id":"u"}]}`)
	require.True(t, a.IsError)
	require.Less(t, time.Since(start), 20*time.Second)
	n, _ := stored(d, "x")
	require.Zero(t, n)
}
