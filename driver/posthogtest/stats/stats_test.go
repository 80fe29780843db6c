package stats

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/stretchr/testify/require"
)

// shared is the demo's default data set, made once for all tests.
var shared *data.Store //nolint:gochecknoglobals // written by TestMain only

func testNow() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func TestMain(m *testing.M) {
	w, err := data.Generate(data.Options{Seed: 1, Now: testNow()})
	if err == nil {
		shared, err = data.NewStore(data.StoreConfig{World: w})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// ask runs a node and gives the answer as a client would read it.
func ask(t testing.TB, store *data.Store, node string) map[string]any {
	t.Helper()
	answer, err := Run(t.Context(), store.Snapshot(), store, json.RawMessage(node))
	require.NoError(t, err, node)
	b, err := json.Marshal(answer)
	require.NoError(t, err)
	var read map[string]any
	require.NoError(t, json.Unmarshal(b, &read))
	return read
}

func rows(t testing.TB, store *data.Store, node string) []map[string]any {
	t.Helper()
	list := ask(t, store, node)["results"].([]any)
	maps := make([]map[string]any, len(list))
	for i := range list {
		maps[i] = list[i].(map[string]any)
	}
	return maps
}

func numbers(v any) []float64 {
	list := []float64{}
	for _, x := range v.([]any) {
		list = append(list, x.(float64))
	}
	return list
}

// handmade is a store with only the given events: "person event minutes".
type did struct {
	who, event string
	at         time.Duration // before now
	properties map[string]any
}

func handmade(t testing.TB, list ...did) *data.Store {
	t.Helper()
	w, err := data.Generate(data.Options{Seed: 1, Now: testNow(), People: 1, Days: 7})
	require.NoError(t, err)
	w.Events, w.Persons, w.Issues = nil, nil, nil
	s, err := data.NewStore(data.StoreConfig{World: w})
	require.NoError(t, err)
	var batch []data.IncomingEvent
	for _, d := range list {
		batch = append(batch, data.IncomingEvent{Event: d.event, DistinctID: d.who, Timestamp: testNow().Add(-d.at), Properties: d.properties})
	}
	n, err := s.Capture(data.ProjectToken, batch)
	require.NoError(t, err)
	require.Equal(t, len(list), n)
	return s
}

func funnelNode(order, window string, events ...string) string {
	steps := make([]map[string]any, len(events))
	for i, e := range events {
		steps[i] = map[string]any{"kind": "EventsNode", "event": e}
	}
	b, _ := json.Marshal(steps) //nolint:errchkjson // strings only
	return fmt.Sprintf(`{"kind":"FunnelsQuery","series":%s,"dateRange":{"date_from":"all"},"funnelsFilter":{"funnelOrderType":%q,%s}}`, b, order, window)
}

func counts(list []map[string]any) []float64 {
	out := []float64{}
	for _, r := range list {
		out = append(out, r["count"].(float64))
	}
	return out
}

// TestAgainstClickHouse holds answers to what ClickHouse itself gave over the
// dump of the same data set (windowFunnel, quantile, median, avg, uniqExact).
// They change with the data set's golden hash.
func TestAgainstClickHouse(t *testing.T) {
	t.Parallel()
	hour := funnelNode("ordered", `"funnelWindowInterval":3600,"funnelWindowIntervalUnit":"second"`, "pricing_viewed", "checkout_started", "subscription_started")
	require.Equal(t, []float64{1331, 351, 195}, counts(rows(t, shared, hour)))
	lines := rows(t, shared, `{"kind":"TrendsQuery","interval":"week","dateRange":{"date_from":"2026-10-11"},"series":[
		{"kind":"EventsNode","event":"note_created","math":"p95","math_property":"word_count"},{"kind":"EventsNode","event":"note_created","math":"median","math_property":"word_count"},
		{"kind":"EventsNode","event":"note_created","math":"avg","math_property":"word_count"},{"kind":"EventsNode","event":"note_created","math":"dau"}]}`)
	for i, want := range [][]float64{
		{572.6499999999999, 573, 570.2, 567.6499999999999, 572, 576, 571.9},
		{287, 307, 293, 280.5, 288, 286, 276},
		{293.0704419889503, 304.8432989690722, 296.7892930679478, 294.4896408839779, 292.8043912175649, 291.9486504279131, 286.6033519553073},
		{410, 440, 446, 417, 448, 450, 97},
	} {
		require.InDeltaSlice(t, want, numbers(lines[i]["data"]), 1e-9)
	}
}

// The counts of the story are windowFunnel's on ClickHouse, too.
func TestFunnelOfTheStory(t *testing.T) {
	t.Parallel()
	const week = `"funnelWindowInterval":7,"funnelWindowIntervalUnit":"day"`
	steps := rows(t, shared, funnelNode("ordered", week, data.SignupFunnel()...))
	require.Equal(t, []float64{1425, 1170, 468, 401}, counts(steps))
	require.Nil(t, steps[0]["average_conversion_time"])
	require.Equal(t, "user_signed_up", steps[1]["action_id"])
	require.Greater(t, steps[2]["average_conversion_time"], steps[2]["median_conversion_time"])
	require.Positive(t, steps[2]["median_conversion_time"])
}

func TestFunnelOrders(t *testing.T) {
	t.Parallel()
	s := handmade(t,
		did{"right", "a", 50 * time.Minute, nil}, did{"right", "b", 40 * time.Minute, nil}, did{"right", "c", 30 * time.Minute, nil},
		did{"wrong", "b", 50 * time.Minute, nil}, did{"wrong", "a", 40 * time.Minute, nil}, did{"wrong", "c", 30 * time.Minute, nil},
		did{"slow", "a", 90 * time.Minute, nil}, did{"slow", "b", 20 * time.Minute, nil},
		did{"again", "a", 90 * time.Minute, nil}, did{"again", "a", 50 * time.Minute, nil}, did{"again", "b", 20 * time.Minute, nil}, did{"again", "other", 19 * time.Minute, nil}, did{"again", "c", 18 * time.Minute, nil},
		did{"same", "b", 5 * time.Minute, nil}, did{"same", "a", 5 * time.Minute, nil},
	)
	const hour = `"funnelWindowInterval":1,"funnelWindowIntervalUnit":"hour"`
	require.Equal(t, []float64{5, 3, 2}, counts(rows(t, s, funnelNode("ordered", hour, "a", "b", "c"))))
	require.Equal(t, []float64{5, 3, 1}, counts(rows(t, s, funnelNode("strict", hour, "a", "b", "c"))))
	require.Equal(t, []float64{5, 4, 3}, counts(rows(t, s, funnelNode("unordered", hour, "a", "b", "c"))))
	step := rows(t, s, funnelNode("ordered", hour, "a", "b", "c"))[1]
	require.InDelta(t, (600+1800)/2, step["average_conversion_time"], 1e-9) // "same" took no time and does not count
	require.InDelta(t, 1200, step["median_conversion_time"], 1e-9)
	require.Empty(t, rows(t, s, funnelNode("ordered", hour, "nothing", "b")))
}

func TestUnorderedSpreadsAHitThatFitsTwoSteps(t *testing.T) {
	t.Parallel()
	at := testNow()
	hits := []hit{{at: at, steps: []int{1, 2}}, {at: at.Add(time.Minute), steps: []int{1, 2}}}
	require.Equal(t, walk{steps: 2, times: []float64{60}}, walkUnordered(hits, 2, time.Hour))
	require.Equal(t, 1, walkUnordered(hits, 2, time.Second).steps)
}

func TestFunnelBySession(t *testing.T) {
	t.Parallel()
	in := func(session string) map[string]any { return map[string]any{"$session_id": session} }
	s := handmade(t, did{"x", "a", 3 * time.Hour, in("1")}, did{"x", "b", 2 * time.Hour, in("2")}, did{"x", "a", time.Hour, in("2")}, did{"x", "b", time.Minute, in("2")}, did{"x", "b", time.Minute, nil})
	node := funnelNode("ordered", `"funnelAggregateByHogQL":"properties.$session_id"`, "a", "b")
	require.Equal(t, []float64{2, 1}, counts(rows(t, s, node)))
}

func TestFunnelBreakdown(t *testing.T) {
	t.Parallel()
	plan := func(p string) map[string]any { return map[string]any{"plan": p} }
	s := handmade(t,
		did{"x", "a", 3 * time.Hour, nil}, did{"x", "b", 2 * time.Hour, plan("pro")}, did{"x", "b", time.Hour, plan("team")},
		did{"y", "a", 3 * time.Hour, plan("pro")}, did{"z", "a", 3 * time.Hour, plan("free")},
	)
	node := func(more string) string {
		return `{"kind":"FunnelsQuery","series":[{"kind":"EventsNode","event":"a"},{"kind":"EventsNode","event":"b"}],"dateRange":{"date_from":"-2d"},"breakdownFilter":{"breakdown":"plan","breakdown_type":"event"` + more
	}
	read := func(node string) map[string][]float64 {
		out := map[string][]float64{}
		for _, group := range ask(t, s, node)["results"].([]any) {
			steps := []map[string]any{}
			for _, step := range group.([]any) {
				steps = append(steps, step.(map[string]any))
			}
			out[steps[0]["breakdown_value"].([]any)[0].(string)] = counts(steps)
		}
		return out
	}
	require.Equal(t, map[string][]float64{"pro": {2, 1}, "free": {1, 0}}, read(node("}}")))
	require.Equal(t, map[string][]float64{"pro": {1, 0}, "team": {1, 1}, "free": {1, 0}}, read(node(`},"funnelsFilter":{"breakdownAttributionType":"last_touch"}}`)))
	require.Equal(t, map[string][]float64{"pro": {1, 0}, "": {1, 0}, "free": {1, 0}}, read(node(`},"funnelsFilter":{"breakdownAttributionType":"all_events"}}`)))
	require.Equal(t, map[string][]float64{"pro": {2, 1}, "Other": {1, 0}}, read(node(`,"breakdown_limit":1}}`)))
}

// deepest is the furthest step by trying every choice of hits.
func deepest(hits []hit, step int, from int, begin time.Time, window time.Duration, steps int) int {
	best := step
	for i := from; i < len(hits) && step < steps; i++ {
		if !slices.Contains(hits[i].steps, step+1) || step > 0 && hits[i].at.Sub(begin) > window {
			continue
		}
		b := begin
		if step == 0 {
			b = hits[i].at
		}
		best = max(best, deepest(hits, step+1, i+1, b, window, steps))
	}
	return best
}

// deepestStrict tries every run of neighbouring hits of one step each. Doing
// the step one is at again does not break a run.
func deepestStrict(hits []hit, window time.Duration, steps int) int {
	best := 0
	for i := range hits {
		n := 0
		for _, h := range hits[i:] {
			if n < steps && slices.Contains(h.steps, n+1) && h.at.Sub(hits[i].at) <= window {
				n++
			} else if n == 0 || !slices.Contains(h.steps, n) {
				break
			}
		}
		best = max(best, n)
	}
	return best
}

// mostInWindow counts different steps in each window.
func mostInWindow(hits []hit, window time.Duration) int {
	best := 0
	for i := range hits {
		seen := map[int]bool{}
		for _, h := range hits[i:] {
			if h.at.Sub(hits[i].at) <= window && len(h.steps) > 0 {
				seen[h.steps[0]] = true
			}
		}
		best = max(best, len(seen))
	}
	return best
}

func TestWalksAgainstBruteForce(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 5)) //nolint:gosec // a repeatable test
	for range 4000 {
		steps, window := 2+rng.IntN(3), time.Duration(1+rng.IntN(12))*time.Minute
		var hits []hit
		at := testNow()
		for range rng.IntN(11) {
			at = at.Add(time.Duration(1+rng.IntN(4)) * time.Minute)
			h := hit{at: at}
			for s := 1; s <= steps; s++ {
				if rng.IntN(4) == 0 {
					h.steps = append(h.steps, s)
				}
			}
			hits = append(hits, h)
		}
		got := walkOne("ordered", hits, steps, window)
		require.Equal(t, deepest(hits, 0, 0, time.Time{}, window, steps), got.steps, "%v", hits)
		require.Len(t, got.times, max(got.steps-1, 0))
		require.LessOrEqual(t, sum(got.times), window.Seconds())
		for i := range hits {
			hits[i].steps = hits[i].steps[:min(1, len(hits[i].steps))]
		}
		require.Equal(t, deepestStrict(hits, window, steps), walkOne("strict", hits, steps, window).steps, "%v", hits)
		require.Equal(t, mostInWindow(hits, window), walkOne("unordered", hits, steps, window).steps, "%v", hits)
	}
}

func TestTrendsAgainstBruteForce(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 10, 24, 0, 0, 0, 0, time.UTC)
	views, people, sales := map[string]float64{}, map[string]map[uuid.UUID]bool{}, map[string]float64{}
	for _, e := range shared.Snapshot().Events {
		day := e.Timestamp.Format(time.DateOnly)
		if e.Event == "$pageview" {
			views[day]++
			if people[day] == nil {
				people[day] = map[uuid.UUID]bool{}
			}
			people[day][e.Person.ID] = true
		}
		if e.Event == "subscription_renewed" {
			amount, _ := e.Properties.Get("amount")
			sales[day] += amount.(float64)
		}
	}
	lines := rows(t, shared, `{"kind":"TrendsQuery","interval":"day","dateRange":{"date_from":"-30d"},"series":[
		{"kind":"EventsNode","event":"$pageview"},{"kind":"EventsNode","event":"$pageview","math":"dau"},
		{"kind":"EventsNode","event":"subscription_renewed","math":"sum","math_property":"amount"},
		{"kind":"EventsNode","event":"$pageview","math":"weekly_active"}]}`)
	require.Len(t, lines, 4)
	total := 0.0
	for i, day := range lines[0]["days"].([]any) {
		key := day.(string)
		require.Equal(t, from.AddDate(0, 0, i).Format(time.DateOnly), key)
		require.InDelta(t, views[key], numbers(lines[0]["data"])[i], 0)
		require.InDelta(t, len(people[key]), numbers(lines[1]["data"])[i], 0)
		require.InDelta(t, sales[key], numbers(lines[2]["data"])[i], 1e-9)
		week := map[uuid.UUID]bool{}
		for back := range 7 {
			for id := range people[from.AddDate(0, 0, i-back).Format(time.DateOnly)] {
				week[id] = true
			}
		}
		require.InDelta(t, len(week), numbers(lines[3]["data"])[i], 0)
		total += views[key]
	}
	require.Len(t, lines[0]["data"], 31)
	require.InDelta(t, total, lines[0]["count"], 0)
	require.Equal(t, "24-Oct-2026", lines[0]["labels"].([]any)[0])
}

func TestTrendsBreakdownAndTotal(t *testing.T) {
	t.Parallel()
	byChannel := map[string]float64{}
	for _, e := range shared.Snapshot().Events {
		if e.Event == "user_signed_up" && !e.Timestamp.Before(time.Date(2026, 9, 24, 0, 0, 0, 0, time.UTC)) {
			v, _ := e.Person.Properties.Get("$initial_utm_source")
			text, has := data.TextOf(v)
			if !has {
				text = breakdownNull
			}
			byChannel[text]++
		}
	}
	lines := rows(t, shared, `{"kind":"TrendsQuery","dateRange":{"date_from":"-60d"},"trendsFilter":{"display":"ActionsPie"},"series":[{"kind":"EventsNode","event":"user_signed_up"}],"breakdownFilter":{"breakdown":"$initial_utm_source","breakdown_type":"person"}}`)
	require.Len(t, lines, len(byChannel))
	last := 1e9
	for _, line := range lines {
		require.InDelta(t, byChannel[line["breakdown_value"].(string)], line["aggregated_value"], 0)
		require.LessOrEqual(t, line["aggregated_value"].(float64), last)
		last = line["aggregated_value"].(float64)
	}
	limited := rows(t, shared, `{"kind":"TrendsQuery","interval":"week","dateRange":{"date_from":"-60d"},"series":[{"kind":"EventsNode","event":"user_signed_up"}],"breakdownFilter":{"breakdown":"$initial_utm_source","breakdown_type":"person","breakdown_limit":2}}`)
	require.Len(t, limited, 3)
	require.Equal(t, breakdownOther, limited[2]["breakdown_value"])
	all := 0.0
	for _, n := range byChannel {
		all += n
	}
	require.GreaterOrEqual(t, sum(append(numbers(limited[0]["data"]), append(numbers(limited[1]["data"]), numbers(limited[2]["data"])...)...)), all)
}

func TestTestAccountsAndFilters(t *testing.T) {
	t.Parallel()
	node := func(more string) string {
		return `{"kind":"TrendsQuery","dateRange":{"date_from":"-30d"},"trendsFilter":{"display":"BoldNumber"},"series":[{"kind":"EventsNode","event":"$pageview"` + more
	}
	count := func(node string) float64 { return rows(t, shared, node)[0]["aggregated_value"].(float64) }
	everyone := count(node(`}]}`))
	customers := count(node(`}],"filterTestAccounts":true}`))
	team := count(node(`,"properties":[{"key":"email","type":"person","operator":"icontains","value":"@lumen-notes.example"}]}]}`))
	require.Positive(t, team)
	require.InDelta(t, everyone, customers+team, 0)
	chrome := count(node(`}],"properties":{"type":"AND","values":[{"type":"OR","values":[{"key":"$browser","type":"event","operator":"exact","value":["Chrome"]},{"key":"$browser","operator":"is_not_set"}]}]}}`))
	others := count(node(`,"properties":[{"key":"$browser","operator":"is_not","value":"Chrome"}]}]}`))
	require.InDelta(t, everyone, chrome+others, 0)
	require.Positive(t, others)
}

func TestEverySavedInsightRuns(t *testing.T) {
	t.Parallel()
	ran := 0
	for _, i := range shared.Insights() {
		var head struct {
			Kind string `json:"kind"`
		}
		require.NoError(t, json.Unmarshal(i.Query, &head))
		if head.Kind == "InsightVizNode" {
			require.NotEmpty(t, ask(t, shared, string(i.Query))["results"], i.Name)
			ran++
		}
	}
	require.GreaterOrEqual(t, ran, 6)
}
