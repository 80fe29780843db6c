package analyses

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
)

// TestOnePersonInTheNightOfSummerTime: two events an hour apart around the hour
// that does not exist, one late in the evening and two of the same moment.
func TestOnePersonInTheNightOfSummerTime(t *testing.T) {
	t.Parallel()
	w := start(t, 7, "Europe/Berlin", time.Date(2026, 4, 5, 15, 0, 0, 0, time.UTC))
	for _, e := range []struct{ event, at string }{
		{"solo \"{'x'}\\ 🎻", "2026-03-29T00:30:00Z"}, // 01:30, winter time
		{"solo \"{'x'}\\ 🎻", "2026-03-29T01:30:00Z"}, // 03:30, summer time
		{"solo \"{'x'}\\ 🎻", "2026-03-30T22:30:00Z"}, // half past midnight on the 31st
		{"solo_end", "2026-03-30T22:30:00Z"},
		{"solo_end", "2026-03-30T22:30:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, e.at)
		require.NoError(t, err)
		_, err = w.Client.CaptureEvent(t.Context(), driver.CaptureEventParams{Event: e.event, DistinctID: "solo", Timestamp: at})
		require.NoError(t, err)
	}
	const solo = `"solo \"{'x'}\\ 🎻"`
	days := `"after":"2026-03-28","before":"2026-03-31"`

	a := w.OK(t, "analyze_trends", `{"series":[`+solo+`],`+days+`}`)
	require.Equal(t, [][]any{{"2026-03-28", 0.0}, {"2026-03-29", 2.0}, {"2026-03-30", 0.0}, {"2026-03-31", 1.0}}, a.Rows)
	hours := w.OK(t, "analyze_trends", `{"series":[`+solo+`],"interval":"hour","after":"2026-03-29","before":"2026-03-29"}`)
	require.Len(t, hours.Rows, 23, "a day without the hour from two to three")
	require.Equal(t, [][]any{{"2026-03-29 01:00:00", 1.0}, {"2026-03-29 03:00:00", 1.0}}, hours.Rows[1:3])
	instant := w.OK(t, "analyze_trends", `{"series":[`+solo+`],"after":"2026-03-29T01:00:00Z","before":"2026-03-29T02:00:00Z"}`)
	require.Equal(t, [][]any{{"2026-03-29", 1.0}}, instant.Rows, "an instant is no whole day")

	sticky := w.OK(t, "analyze_stickiness", `{"events":[`+solo+`,"solo_end"],`+days+`}`)
	require.Equal(t, [][]any{{1.0, 0.0, 1.0}, {2.0, 1.0, 0.0}, {3.0, 0.0, 0.0}, {4.0, 0.0, 0.0}}, sticky.Rows)
	life := w.OK(t, "analyze_lifecycle", `{"event":`+solo+`,"interval":"day",`+days+`}`)
	active, dormant := []any{}, []any{}
	for _, row := range life.Rows {
		active, dormant = append(active, row[1]), append(dormant, row[5])
	}
	require.Equal(t, []any{0.0, 1.0, 0.0, 1.0}, active)
	require.Equal(t, []any{0.0, 0.0, 1.0, 0.0}, dormant)
	back := w.OK(t, "analyze_retention", `{"target":`+solo+`,"returning":"solo_end","period":"day","periods":4,"before":"2026-03-31"}`)
	require.Equal(t, [][]any{{"2026-03-28", 0.0, 0.0, 0.0, 0.0}, {"2026-03-29", 1.0, 0.0, 1.0, nil}, {"2026-03-30", 0.0, 0.0, nil, nil}, {"2026-03-31", 0.0, nil, nil, nil}}, back.Rows, "the first time ever was on the 29th")
	paths := w.OK(t, "analyze_paths", `{"end":"solo_end",`+days+`}`)
	require.LessOrEqual(t, len(paths.Rows), 1, "events of one moment may come in either order, equal ones are one step")
}

func TestSparkline(t *testing.T) {
	t.Parallel()
	require.Equal(t, "▁▅█", sparkline([]float64{0, 5, 9}))
	require.Equal(t, "▁▁", sparkline([]float64{0, 0}))
	require.Empty(t, sparkline(nil))
	long := make([]float64, 45)
	long[44] = 3
	require.Equal(t, "▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁█", sparkline(long))
}

func TestReadSeries(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]driver.TrendSeries{
		"a":                         {AnalysisEvent: driver.AnalysisEvent{Event: "a"}},
		"a:users":                   {AnalysisEvent: driver.AnalysisEvent{Event: "a"}, Math: "dau"},
		"app:opened":                {AnalysisEvent: driver.AnalysisEvent{Event: "app:opened"}},
		"app:opened:wau":            {AnalysisEvent: driver.AnalysisEvent{Event: "app:opened"}, Math: "weekly_active"},
		"a:p95(x y)[b=1, person.c]": {AnalysisEvent: driver.AnalysisEvent{Event: "a", Filters: []string{"b=1", "person.c"}}, Math: "p95", Property: "x y"},
	} {
		got, err := readSeries("op", "series", text)
		require.NoError(t, err)
		require.Equal(t, want, got, text)
	}
}
