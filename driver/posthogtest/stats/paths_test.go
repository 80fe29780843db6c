package stats

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

func links(t *testing.T, s *data.Store, filter string) []string {
	t.Helper()
	list := []string{}
	for _, r := range rows(t, s, `{"kind":"PathsQuery","dateRange":{"date_from":"-7d"},"pathsFilter":`+filter+`}`) {
		list = append(list, fmt.Sprintf("%v > %v %v %v", r["source"], r["target"], r["value"], r["average_conversion_time"]))
	}
	return list
}

func TestPaths(t *testing.T) {
	t.Parallel()
	page := func(url string) map[string]any { return map[string]any{"$current_url": url} }
	const m = time.Minute
	s := handmade(t,
		did{"x", "a", 100 * m, nil}, did{"x", "b", 99 * m, nil}, did{"x", "b", 98 * m, nil}, did{"x", "c", 97 * m, nil}, // b twice is one step
		did{"x", "a", 60 * m, nil},                             // alone in its path
		did{"y", "a", 50 * m, nil}, did{"y", "b", 20 * m, nil}, // exactly half an hour apart: two paths
		did{"z", "$pageview", 10 * m, page("https://h/p/")}, did{"z", "b", 9 * m, nil}, did{"z", "c", 8 * m, nil}, did{"z", "d", 7 * m, nil},
	)
	require.Equal(t, []string{"1_a > 2_b 1 120000", "1_b > 2_c 1 60000", "2_b > 3_c 1 60000", "2_c > 3_d 1 60000"},
		links(t, s, `{"includeEventTypes":["custom_event"]}`), "from the last b on")
	require.Equal(t, []string{"2_b > 3_c 2 60000", "1_a > 2_b 1 120000", "1_https://h/p > 2_b 1 60000", "3_c > 4_d 1 60000"}, links(t, s, `{}`), "the most frequent first")
	require.Equal(t, []string{"1_b > 2_c 2 60000", "2_c > 3_d 1 60000"}, links(t, s, `{"startPoint":"b"}`))
	require.Equal(t, []string{"1_https://h/p > 2_b 1 60000"}, links(t, s, `{"startPoint":"https://h/p/","stepLimit":2}`))
	require.Equal(t, []string{"1_b > 2_c 1 60000", "2_c > 3_d 1 60000"}, links(t, s, `{"endPoint":"d","stepLimit":3}`), "the last three")
	require.Equal(t, []string{"1_https://h/p > 2_... 1 60000", "2_... > 3_d 1 120000"}, links(t, s, `{"startPoint":"https://h/p","endPoint":"d","stepLimit":3}`))
	require.Equal(t, []string{"1_b > 2_c 2 60000"}, links(t, s, `{"startPoint":"b","minEdgeWeight":2}`))
	require.Empty(t, links(t, s, `{"edgeLimit":1}`), "a link in the air is left out")
	require.Empty(t, links(t, s, `{"startPoint":"nothing"}`))
	require.Equal(t, []string{"1_a > 2_c 1 180000"}, links(t, s, `{"includeEventTypes":["custom_event"],"excludeEvents":["b"],"startPoint":"a"}`))
	require.Empty(t, links(t, handmade(t), `{}`))
}

func TestTrendsFormulaAndCompare(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	plan := func(p string) map[string]any { return map[string]any{"plan": p} }
	s := handmade(t,
		did{"x", "a", 3 * day, plan("pro")}, did{"x", "a", 2 * day, plan("free")}, did{"y", "a", 2 * day, plan("free")},
		did{"x", "b", 2 * day, plan("free")}, did{"x", "b", day, plan("pro")},
	)
	const both = `"series":[{"kind":"EventsNode","event":"a"},{"kind":"EventsNode","event":"b"}]`
	value := func(f string) []float64 {
		return numbers(rows(t, s, `{"kind":"TrendsQuery",`+both+`,"dateRange":{"date_from":"-3d"},"trendsFilter":{"formula":"`+f+`"}}`)[0]["data"])
	}
	require.Equal(t, []float64{0, 2, 0, 0}, value("A/B"), "a division by zero is zero")
	require.Equal(t, []float64{1, 2, 0, 0}, value("a - b * 0"))
	require.Equal(t, []float64{-1, -3, -1, 0}, value("-(A+B)"))
	require.Equal(t, []float64{2, 1, 0, 0}, value("(-A) % 3"), "the sign of the divisor")
	split := rows(t, s, `{"kind":"TrendsQuery",`+both+`,"dateRange":{"date_from":"-3d"},"trendsFilter":{"formula":"A+B"},"breakdownFilter":{"breakdown":"plan"}}`)
	require.Len(t, split, 2)
	require.Equal(t, []any{"free", "Formula (A+B)", 3.0}, []any{split[0]["breakdown_value"], split[0]["label"], split[0]["count"]})
	require.Equal(t, []float64{1, 0, 1, 0}, numbers(split[1]["data"]))

	days := func(from, to string) (lines []map[string]any) {
		return rows(t, s, `{"kind":"TrendsQuery","series":[{"kind":"EventsNode","event":"a"}],"dateRange":{"date_from":"`+from+`"`+to+`},"compareFilter":{"compare":true}}`)
	}
	lines := days("2026-11-21", `,"date_to":"2026-11-22"`)
	require.Equal(t, []any{"current", "previous"}, []any{lines[0]["compare_label"], lines[1]["compare_label"]})
	require.Equal(t, []any{"2026-11-19", "2026-11-20"}, lines[1]["days"])
	require.Equal(t, []float64{0, 1}, numbers(lines[1]["data"]))
	require.Equal(t, "2026-11-09", days("-7d", "")[1]["days"].([]any)[0], "whole weeks")
	require.Equal(t, "2026-11-16", days("-3d", "")[1]["days"].([]any)[0])
}

func TestActiveUsersOfLongIntervalsAreThoseOfTheInterval(t *testing.T) {
	t.Parallel()
	for interval, maths := range map[string][]string{"week": {"weekly_active"}, "month": {"weekly_active", "monthly_active"}} {
		line := func(math string) []float64 {
			return numbers(rows(t, shared, `{"kind":"TrendsQuery","interval":"`+interval+`","dateRange":{"date_from":"-60d"},"series":[{"kind":"EventsNode","event":"note_created","math":"`+math+`"}]}`)[0]["data"])
		}
		for _, math := range maths {
			require.Equal(t, line("dau"), line(math), "%s by the %s", math, interval)
		}
	}
}
