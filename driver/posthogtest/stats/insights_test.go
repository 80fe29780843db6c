package stats

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/stretchr/testify/require"
)

// weekOf is the Sunday on which the week of a time begins.
func weekOf(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d-int(t.Weekday()), 0, 0, 0, 0, time.UTC)
}

// doers gives, for each week, who did an event.
func doers(event string) map[time.Time]map[uuid.UUID]bool {
	weeks := map[time.Time]map[uuid.UUID]bool{}
	for _, e := range shared.Snapshot().Events {
		if e.Event != event {
			continue
		}
		w := weekOf(e.Timestamp)
		if weeks[w] == nil {
			weeks[w] = map[uuid.UUID]bool{}
		}
		weeks[w][e.Person.ID] = true
	}
	return weeks
}

func TestRetentionAgainstBruteForce(t *testing.T) {
	t.Parallel()
	signups, views := doers("user_signed_up"), doers("note_created")
	list := rows(t, shared, `{"kind":"RetentionQuery","retentionFilter":{"period":"Week","totalIntervals":6,"retentionType":"retention_first_time","targetEntity":{"id":"user_signed_up","type":"events"},"returningEntity":{"id":"note_created","type":"events"}}}`)
	require.Len(t, list, 6)
	first := weekOf(testNow()).AddDate(0, 0, -5*7)
	for row, r := range list {
		start := first.AddDate(0, 0, 7*row)
		require.Equal(t, start.Format(time.RFC3339), r["date"])
		values := r["values"].([]any)
		require.Len(t, values, 6-row)
		for k, v := range values {
			want := len(signups[start])
			if k > 0 {
				want = 0
				for id := range signups[start] {
					if views[start.AddDate(0, 0, 7*k)][id] {
						want++
					}
				}
			}
			require.InDelta(t, want, v.(map[string]any)["count"], 0)
			require.Equal(t, fmt.Sprintf("Week %d", k), v.(map[string]any)["label"])
		}
	}
}

func TestRetentionKinds(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	s := handmade(t, did{"old", "go", 6 * day, nil}, did{"old", "go", day, nil}, did{"new", "go", 2 * day, nil}, did{"new", "back", day, nil})
	first := func(kind string) []float64 {
		out := []float64{}
		for _, r := range rows(t, s, `{"kind":"RetentionQuery","dateRange":{"date_from":"-2d"},"retentionFilter":{"period":"Day","retentionType":"`+kind+`","targetEntity":{"id":"go","type":"events"},"returningEntity":{"id":"back","type":"events"}}}`) {
			for _, v := range r["values"].([]any) {
				out = append(out, v.(map[string]any)["count"].(float64))
			}
		}
		return out
	}
	require.Equal(t, []float64{1, 1, 0, 1, 0, 0}, first("retention_recurring"))
	require.Equal(t, []float64{1, 1, 0, 0, 0, 0}, first("retention_first_time"))
}

func TestLifecycleAgainstBruteForce(t *testing.T) {
	t.Parallel()
	weeks := doers("note_created")
	created := map[uuid.UUID]time.Time{}
	for _, p := range shared.Snapshot().Persons {
		created[p.ID] = weekOf(p.CreatedAt)
	}
	lines := rows(t, shared, `{"kind":"LifecycleQuery","interval":"week","dateRange":{"date_from":"-30d"},"series":[{"kind":"EventsNode","event":"note_created"}]}`)
	require.Len(t, lines, 4)
	for i, day := range lines[0]["days"].([]any) {
		week, err := time.Parse(time.DateOnly, day.(string))
		require.NoError(t, err)
		before := week.AddDate(0, 0, -7)
		want := map[string]float64{}
		for id := range weeks[week] {
			switch {
			case weeks[before][id]:
				want["returning"]++
			case created[id].Equal(week):
				want["new"]++
			case created[id].Equal(before): // did nothing in their first week
				want["returning"]++
			default:
				want["resurrecting"]++
			}
		}
		for id := range weeks[before] {
			if !weeks[week][id] {
				want["dormant"]--
			}
		}
		for _, line := range lines {
			require.InDelta(t, want[line["status"].(string)], numbers(line["data"])[i], 0, "%s %s", day, line["status"])
		}
	}
	require.Equal(t, "note_created - dormant", lines[3]["label"])
	require.Negative(t, lines[3]["count"])
}

func TestStickinessAgainstBruteForce(t *testing.T) {
	t.Parallel()
	days := map[uuid.UUID]map[string]bool{}
	from := time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC)
	for _, e := range shared.Snapshot().Events {
		if e.Event == "note_created" && !e.Timestamp.Before(from) {
			if days[e.Person.ID] == nil {
				days[e.Person.ID] = map[string]bool{}
			}
			days[e.Person.ID][e.Timestamp.Format(time.DateOnly)] = true
		}
	}
	want := make([]float64, 15)
	for _, d := range days {
		want[len(d)-1]++
	}
	const node = `{"kind":"StickinessQuery","dateRange":{"date_from":"-14d"},"series":[{"kind":"EventsNode","event":"note_created"}]`
	line := rows(t, shared, node+`}`)[0]
	require.Equal(t, want, numbers(line["data"]))
	require.InDelta(t, len(days), line["count"], 0)
	require.Equal(t, "1 day", line["labels"].([]any)[0])
	require.Equal(t, "15 days", line["labels"].([]any)[14])
	cumulative := rows(t, shared, node+`,"stickinessFilter":{"computedAs":"cumulative"}}`)[0]
	require.InDelta(t, len(days), numbers(cumulative["data"])[0], 0)
	require.InDelta(t, want[14], numbers(cumulative["data"])[14], 0)
	require.Equal(t, "2 days or more", cumulative["labels"].([]any)[1])
}

func TestErrorTracking(t *testing.T) {
	t.Parallel()
	occurrences, users, sessions := map[string]int{}, map[string]map[uuid.UUID]bool{}, map[string]map[string]bool{}
	for _, e := range shared.Snapshot().Events {
		if e.Event != "$exception" || e.Timestamp.Before(testNow().AddDate(0, 0, -30).Truncate(24*time.Hour)) {
			continue
		}
		v, _ := e.Properties.Get("$exception_issue_id")
		id := v.(string)
		if users[id] == nil {
			users[id], sessions[id] = map[uuid.UUID]bool{}, map[string]bool{}
		}
		occurrences[id]++
		users[id][e.Person.ID], sessions[id][e.SessionID] = true, true
	}
	node := func(more string) string {
		return `{"kind":"ErrorTrackingQuery","dateRange":{"date_from":"-30d"},"orderBy":"occurrences","volumeResolution":10,"withAggregations":true` + more + `}`
	}
	list := rows(t, shared, node(""))
	require.Len(t, list, len(occurrences))
	last := math.Inf(1)
	for _, r := range list {
		id, a := r["id"].(string), r["aggregations"].(map[string]any)
		require.InDelta(t, occurrences[id], a["occurrences"], 0)
		require.InDelta(t, len(users[id]), a["users"], 0)
		require.InDelta(t, len(sessions[id]), a["sessions"], 0)
		require.LessOrEqual(t, a["occurrences"].(float64), last)
		last = a["occurrences"].(float64)
		volume := 0.0
		for _, b := range a["volume_buckets"].([]any) {
			volume += b.(map[string]any)["value"].(float64)
		}
		require.InDelta(t, last, volume, 0)
	}
	bad := rows(t, shared, node(`,"searchQuery":"restoredraft TYPEERROR","withFirstEvent":true`))
	require.Len(t, bad, 1)
	require.Equal(t, data.BadIssueID, bad[0]["id"])
	require.Equal(t, "restoreDraft", bad[0]["function"])
	first := bad[0]["first_event"].(map[string]any)
	require.Equal(t, bad[0]["first_seen"], first["timestamp"])
	var properties map[string]any
	require.NoError(t, json.Unmarshal([]byte(first["properties"].(string)), &properties))
	require.Equal(t, data.BadRelease, properties["$app_version"])

	require.Len(t, rows(t, shared, node(`,"issueId":"`+data.BadIssueID+`"`)), 1)
	for _, r := range rows(t, shared, node(`,"status":"active"`)) {
		require.Equal(t, "active", r["status"])
	}
	page := ask(t, shared, node(`,"limit":1,"offset":1`))
	require.Equal(t, true, page["hasMore"])
	require.Equal(t, list[1]["id"], page["results"].([]any)[0].(map[string]any)["id"])
	require.Empty(t, rows(t, shared, node(`,"searchQuery":"nothing like it"`)))
	old := rows(t, shared, strings.Replace(node(`,"orderDirection":"ASC"`), `"occurrences"`, `"first_seen"`, 1))
	require.Equal(t, data.BadIssueID, old[len(old)-1]["id"], "the release's issue is the newest")
}

func experimentAnswer(t *testing.T, id int64, metric string) map[string]any {
	t.Helper()
	return ask(t, shared, fmt.Sprintf(`{"kind":"ExperimentQuery","experiment_id":%d,"metric":%s}`, id, metric))
}

func TestExperimentHasAWinner(t *testing.T) {
	t.Parallel()
	e := shared.Experiment(data.PricingExperimentID)
	people, bought := map[uuid.UUID]string{}, map[uuid.UUID]bool{}
	at := map[uuid.UUID]time.Time{}
	amounts := map[string]float64{}
	for _, ev := range shared.Snapshot().Events {
		flag, _ := ev.Properties.Get("$feature_flag")
		if _, seen := people[ev.Person.ID]; ev.Event == "$feature_flag_called" && flag == data.PricingFlag && !seen {
			variant, _ := ev.Properties.Get("$feature_flag_response")
			people[ev.Person.ID], at[ev.Person.ID] = variant.(string), ev.Timestamp
		}
		if variant, seen := people[ev.Person.ID]; ev.Event == "subscription_started" && seen {
			bought[ev.Person.ID] = true
			amount, _ := ev.Properties.Get("amount")
			amounts[variant] += amount.(float64)
		}
	}
	n, sold := map[string]float64{}, map[string]float64{}
	for id, variant := range people {
		n[variant]++
		if bought[id] {
			sold[variant]++
		}
	}
	answer := experimentAnswer(t, e.ID, string(e.Metrics[0]))
	control, test := answer["baseline"].(map[string]any), answer["variant_results"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"control", n["control"], sold["control"]}, []any{control["key"], control["number_of_samples"], control["sum"]})
	require.Equal(t, []any{"test", n["test"], sold["test"]}, []any{test["key"], test["number_of_samples"], test["sum"]})
	require.Equal(t, []any{sold["test"]}, test["step_counts"])
	require.Equal(t, true, test["significant"])
	require.Greater(t, test["chance_to_win"], 0.99)
	interval := numbers(test["credible_interval"])
	lift := (sold["test"]/n["test"])/(sold["control"]/n["control"]) - 1
	require.Less(t, interval[0], lift)
	require.Greater(t, interval[1], lift)
	require.Positive(t, interval[0])

	revenue := experimentAnswer(t, e.ID, string(e.MetricsSecondary[0]))
	require.InDelta(t, amounts["control"], revenue["baseline"].(map[string]any)["sum"], 1e-6)
	require.NotContains(t, revenue["baseline"], "step_counts")

	exposures := ask(t, shared, `{"kind":"ExperimentExposureQuery","experiment_id":1}`)
	require.Equal(t, map[string]any{"control": n["control"], "test": n["test"]}, exposures["total_exposures"])
	for _, line := range exposures["timeseries"].([]any) {
		list := numbers(line.(map[string]any)["exposure_counts"])
		require.InDelta(t, n[line.(map[string]any)["variant"].(string)], list[len(list)-1], 0)
	}
}

func TestExperimentWithoutAWinner(t *testing.T) {
	t.Parallel()
	e := shared.Experiment(data.ChecklistExperiment)
	test := experimentAnswer(t, e.ID, string(e.Metrics[0]))["variant_results"].([]any)[0].(map[string]any)
	require.Equal(t, false, test["significant"])
	require.Empty(t, test["validation_failures"])
	few := experimentAnswer(t, e.ID, `{"kind":"ExperimentMetric","metric_type":"funnel","series":[{"kind":"EventsNode","event":"never happened"}]}`)
	require.Contains(t, few["baseline"].(map[string]any)["validation_failures"], "baseline-mean-is-zero")
	require.Nil(t, few["variant_results"].([]any)[0].(map[string]any)["chance_to_win"])
}

// TestExperimentRules: who saw two variants is left out, what was done before
// the exposure or after the window does not count.
func TestExperimentRules(t *testing.T) {
	t.Parallel()
	saw := func(variant string) map[string]any {
		return map[string]any{"$feature_flag": data.PricingFlag, "$feature_flag_response": variant}
	}
	bought := func(amount float64) map[string]any { return map[string]any{"amount": amount} }
	const flag, buy, hour = "$feature_flag_called", "subscription_started", time.Hour
	s := handmade(t,
		did{"both", flag, 9 * hour, saw("control")}, did{"both", flag, 8 * hour, saw("test")}, did{"both", buy, hour, bought(1)},
		did{"early", buy, 9 * hour, bought(2)}, did{"early", flag, 8 * hour, saw("control")}, did{"early", buy, 7 * hour, bought(4)},
		did{"late", flag, 9 * hour, saw("test")}, did{"late", buy, hour, bought(8)}, did{"late", buy, 9*hour - time.Minute, bought(16)},
		did{"none", flag, 9 * hour, saw("test")}, did{"odd", flag, 9 * hour, saw("blue")},
	)
	sums := func(metric string) []any {
		answer := ask(t, s, `{"kind":"ExperimentQuery","experiment_id":1,"metric":{"kind":"ExperimentMetric",`+metric+`}}`)
		control, test := answer["baseline"].(map[string]any), answer["variant_results"].([]any)[0].(map[string]any)
		require.Contains(t, test["validation_failures"], "not-enough-exposures")
		return []any{control["number_of_samples"], control["sum"], test["number_of_samples"], test["sum"], test["sum_squares"]}
	}
	source := `"metric_type":"mean","source":{"kind":"EventsNode","event":"subscription_started","math":"sum","math_property":"amount"}`
	require.Equal(t, []any{1.0, 4.0, 2.0, 24.0, 576.0}, sums(source))
	require.Equal(t, []any{1.0, 4.0, 2.0, 16.0, 256.0}, sums(source+`,"conversion_window":2,"conversion_window_unit":"hour"`))
	require.Equal(t, []any{1.0, 1.0, 2.0, 1.0, 1.0}, sums(`"metric_type":"funnel","series":[{"kind":"EventsNode","event":"subscription_started"}]`))
	exposures := ask(t, s, `{"kind":"ExperimentExposureQuery","experiment_id":1}`)
	require.Equal(t, map[string]any{"control": 1.0, "test": 2.0, "$multiple": 1.0}, exposures["total_exposures"])
}

// TestCompare holds the posterior to numbers worked out by hand: 100 of 1000
// against 130 of 1000 is a lift of 0.3, with the deviation below.
func TestCompare(t *testing.T) {
	t.Parallel()
	control, test := &sample{n: 1000, sum: 100, sumSquares: 100}, &sample{n: 1000, sum: 130, sumSquares: 130}
	v := compare(control, test, true)
	deviation := math.Sqrt(0.13*0.87/1000/0.01 + 0.1*0.9/1000*0.0169/0.0001)
	require.InDelta(t, 0.3-1.96*deviation, v.low, 1e-4)
	require.InDelta(t, 0.3+1.96*deviation, v.high, 1e-4)
	require.InDelta(t, 0.9673, v.chanceToWin, 1e-3)
	require.InDelta(t, 0.5, (&verdict{chanceToWin: compare(control, control, true).chanceToWin}).chanceToWin, 1e-12)
	sure := &sample{n: 60, sum: 60, sumSquares: 60}
	require.Equal(t, verdict{chanceToWin: 0.5}, compare(sure, sure, true))
	a := &sample{}
	for _, x := range []float64{2, 4, 4, 6} {
		a.add(x)
	}
	require.InDelta(t, 8.0/3, a.variance(false), 1e-12)
}

func TestPeriod(t *testing.T) {
	t.Parallel()
	line := rows(t, shared, `{"kind":"TrendsQuery","interval":"hour","dateRange":{"date_from":"-3h"},"series":[{"kind":"EventsNode"}]}`)[0]
	require.Equal(t, []any{"2026-11-23 09:00:00", "2026-11-23 10:00:00", "2026-11-23 11:00:00", "2026-11-23 12:00:00"}, line["days"])
	require.Equal(t, "All events", line["label"])
	month := rows(t, shared, `{"kind":"TrendsQuery","interval":"month","dateRange":{"date_from":"2026-10-15","date_to":"2026-11-02"},"series":[{"kind":"EventsNode"}]}`)[0]
	require.Equal(t, []any{"2026-10-01", "2026-11-01"}, month["days"])
	all := 0.0
	for _, e := range shared.Snapshot().Events {
		if e.Timestamp.Month() == time.October || e.Timestamp.Month() == time.November && e.Timestamp.Day() <= 2 {
			all++
		}
	}
	require.InDelta(t, all, month["count"], 0)
}

func TestTimeZone(t *testing.T) {
	t.Parallel()
	w, err := data.Generate(data.Options{Seed: 1, Now: testNow(), People: 60, Days: 14, TimeZone: "America/New_York"})
	require.NoError(t, err)
	s, err := data.NewStore(data.StoreConfig{World: w})
	require.NoError(t, err)
	zone, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	want := map[string]float64{}
	for _, e := range w.Events {
		want[e.Timestamp.In(zone).Format(time.DateOnly)]++
	}
	line := rows(t, s, `{"kind":"TrendsQuery","dateRange":{"date_from":"-5d"},"series":[{"kind":"EventsNode"}]}`)[0]
	for i, day := range line["days"].([]any) {
		require.InDelta(t, want[day.(string)], numbers(line["data"])[i], 0)
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	list := []float64{5, 1, 3, 2, 4}
	require.InDelta(t, 3, quantile(list, 0.5), 1e-12)
	require.InDelta(t, 4.8, quantile(list, 0.95), 1e-12)
	require.InDelta(t, 5, quantile(list, 1), 1e-12)
	require.True(t, math.IsNaN(quantile(nil, 0.5)))
	for how, want := range map[string]float64{"sum": 15, "avg": 3, "min": 1, "max": 5, "median": 3, "p75": 4, "p90": 4.6} {
		require.InDelta(t, want, reduce(how, list), 1e-12, how)
	}
}

func BenchmarkFunnel(b *testing.B) {
	node := json.RawMessage(funnelNode("ordered", `"funnelWindowInterval":7`, data.SignupFunnel()...))
	for b.Loop() {
		if _, err := Run(b.Context(), shared.Snapshot(), shared, node); err != nil {
			b.Fatal(err)
		}
	}
}
