package analyses

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
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

// world is a demo and its events, for counting by hand.
type world struct {
	*demotest.Demo

	events []*data.Event
	zone   *time.Location
	now    time.Time
}

// start makes a demo of a seed in a time zone.
func start(t *testing.T, seed uint64, zone string, now time.Time) *world {
	t.Helper()
	o := data.Options{Seed: seed, Now: now, People: 200, Days: 40, TimeZone: zone}
	ph, err := posthogtest.New(posthogtest.Options{Data: o, Clock: func() time.Time { return now }, Throttle: posthogtest.Throttle{Off: true}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ph.Close()) })
	reg, err := tools.New(tools.Config{Sets: []tools.Set{Tools()}, Now: func() time.Time { return now }, Nonce: func() string { return "n" }})
	require.NoError(t, err)
	d := &demotest.Demo{PostHog: ph, Registry: reg}
	d.Client = d.ClientWith(t, ph.PersonalKey())
	loc, err := time.LoadLocation(zone)
	require.NoError(t, err)
	return &world{Demo: d, events: ph.Store().Snapshot().Events, zone: loc, now: now}
}

// worlds are two seeds, the second over the night in which summer time begins.
func worlds(t *testing.T, check func(t *testing.T, w *world)) {
	t.Helper()
	t.Run("UTC", func(t *testing.T) {
		t.Parallel()
		check(t, start(t, 1, "UTC", demotest.Now()))
	})
	t.Run("summer time", func(t *testing.T) {
		t.Parallel()
		check(t, start(t, 7, "Europe/Berlin", time.Date(2026, 4, 5, 15, 0, 0, 0, time.UTC)))
	})
}

// customers are the events of an event's real users, by the day in the
// project's time zone.
func (w *world) customers(event string) map[string][]*data.Event {
	days := map[string][]*data.Event{}
	for _, e := range w.events {
		email, _ := e.Person.Properties.Get("email")
		text, _ := data.TextOf(email)
		if e.Event == event && !strings.Contains(strings.ToLower(text), "@"+data.CompanyDomain) {
			day := e.Timestamp.In(w.zone).Format(time.DateOnly)
			days[day] = append(days[day], e)
		}
	}
	return days
}

func people(events []*data.Event) map[uuid.UUID]bool {
	seen := map[uuid.UUID]bool{}
	for _, e := range events {
		seen[e.Person.ID] = true
	}
	return seen
}

// day is the date some days before now.
func (w *world) day(ago int) string {
	return w.now.In(w.zone).AddDate(0, 0, -ago).Format(time.DateOnly)
}

const busy = "note_created"

func TestTrendsEqualBruteForce(t *testing.T) {
	t.Parallel()
	worlds(t, func(t *testing.T, w *world) {
		days := w.customers(busy)
		a := w.OK(t, "analyze_trends", `{"series":["note_created","note_created:dau","note_created:dau[person.plan=pro]"],"after":"-20d"}`)
		require.Equal(t, []string{"date", "note_created", "note_created:dau", "note_created:dau[person.plan=pro]"}, a.Columns)
		require.Len(t, a.Rows, 21)
		all := 0
		for i, row := range a.Rows {
			day := w.day(20 - i)
			require.Equal(t, day, row[0])
			require.InDelta(t, len(days[day]), row[1], 0, day)
			require.InDelta(t, len(people(days[day])), row[2], 0, day)
			pro := slices.DeleteFunc(slices.Clone(days[day]), func(e *data.Event) bool {
				plan, _ := e.Person.Properties.Get("plan")
				return plan != "pro"
			})
			require.InDelta(t, len(people(pro)), row[3], 0, day)
			all += len(days[day])
		}
		require.Positive(t, all)
		totals, _ := a.Fields["totals"].([]any)
		require.Equal(t, fmt.Sprintf("note_created: %d", all), totals[0])
		require.Contains(t, totals[1], "on average per day")
		require.Equal(t, w.zone.String(), a.Fields["timezone"])

		// Whole days of the project's zone against those before, by the hour, by
		// formula, and an instant in between.
		both := w.OK(t, "analyze_trends", fmt.Sprintf(`{"series":["note_created"],"after":%q,"before":%q,"compare":true}`, w.day(9), w.day(5)))
		require.Len(t, both.Rows, 5)
		for i, row := range both.Rows {
			require.InDelta(t, len(days[w.day(9-i)]), row[1], 0)
			require.InDelta(t, len(days[w.day(14-i)]), row[2], 0, "the five days before")
		}
		hourly := w.OK(t, "analyze_trends", fmt.Sprintf(`{"series":["note_created"],"interval":"hour","after":%q,"before":%q}`, w.day(9), w.day(5)))
		sums := map[string]int{}
		for _, row := range hourly.Rows {
			sums[row[0].(string)[:10]] += int(row[1].(float64))
		}
		for i := 5; i <= 9; i++ {
			require.Equal(t, len(days[w.day(i)]), sums[w.day(i)])
		}
		ratio := w.OK(t, "analyze_trends", fmt.Sprintf(`{"series":["note_created","note_created:dau"],"formula":"A/B*100","after":%q,"before":%q}`, w.day(9), w.day(5)))
		require.Equal(t, []string{"date", "A/B*100"}, ratio.Columns)
		for i, row := range ratio.Rows {
			on := days[w.day(9-i)]
			want := 0.0
			if len(on) > 0 {
				want = float64(len(on)) / float64(len(people(on))) * 100
			}
			require.InDelta(t, want, row[1], 1e-3)
		}
		empty := w.OK(t, "analyze_trends", `{"series":["note_created"],"after":"2020-01-01","before":"2020-01-03"}`)
		require.Equal(t, [][]any{{"2020-01-01", 0.0}, {"2020-01-02", 0.0}, {"2020-01-03", 0.0}}, empty.Rows)
	})
}

func TestTrendsByValue(t *testing.T) {
	t.Parallel()
	worlds(t, func(t *testing.T, w *world) {
		want, cut := map[string]int{}, map[string]int{}
		for day, events := range w.customers(busy) {
			for _, e := range events {
				if day >= w.day(20) {
					plan, _ := e.Person.Properties.Get("plan")
					name, has := data.TextOf(plan)
					if !has {
						name = "(not set)"
					}
					want[name]++
					cut[e.DistinctID]++
				}
			}
		}
		a := w.OK(t, "analyze_trends", `{"series":["note_created"],"after":"-20d","breakdown":"person.plan"}`)
		require.Equal(t, []string{"person.plan", "total", "trend"}, a.Columns)
		require.Len(t, a.Rows, len(want))
		for _, row := range a.Rows {
			require.InDelta(t, want[row[0].(string)], row[1], 0, row[0])
			require.Len(t, []rune(row[2].(string)), 20)
		}
		// More values than are told apart: 25 and the rest, and nobody is lost.
		wide := w.OK(t, "analyze_trends", `{"series":["note_created"],"after":"-20d","breakdown":"person.email","compare":true}`)
		require.Greater(t, len(cut), 26)
		total := 0.0
		for _, row := range wide.Rows {
			if row[1] != nil {
				total += row[1].(float64)
			}
		}
		all := 0
		for _, n := range want {
			all += n
		}
		require.InDelta(t, all, total, 0)
		require.Contains(t, wide.Text, "(other)")
		require.Contains(t, wide.Text, "25 largest")
	})
}

func TestRetentionEqualsBruteForce(t *testing.T) {
	t.Parallel()
	worlds(t, func(t *testing.T, w *world) {
		days := w.customers(busy)
		a := w.OK(t, "analyze_retention", `{"target":"note_created","type":"recurring","period":"day","periods":6}`)
		require.Equal(t, []string{"start", "people", "day_1", "day_2", "day_3", "day_4", "day_5"}, a.Columns)
		require.Len(t, a.Rows, 6)
		back, began := 0, 0
		for i, row := range a.Rows {
			require.Equal(t, w.day(5-i), row[0])
			group := people(days[w.day(5-i)])
			require.InDelta(t, len(group), row[1], 0)
			for k := 1; k < 6; k++ {
				if i+k > 5 {
					require.Nil(t, row[k+1], "not begun yet")
					continue
				}
				n := 0
				for id := range people(days[w.day(5-i-k)]) {
					if group[id] {
						n++
					}
				}
				require.InDelta(t, n, row[k+1], 0)
				if k == 1 && i+k < 5 {
					back, began = back+n, began+len(group)
				}
			}
		}
		rates, _ := a.Fields["rates"].([]any)
		require.Contains(t, rates[0], fmt.Sprintf("(%d of %d)", back, began))
		first := w.OK(t, "analyze_retention", `{"target":"user_signed_up","returning":"note_created","period":"week","periods":4}`)
		signed := 0
		for _, row := range first.Rows {
			require.LessOrEqual(t, row[2], row[1])
			signed += int(row[1].(float64))
			break
		}
		require.Positive(t, signed)
	})
}

func TestLifecycleAndStickinessEqualBruteForce(t *testing.T) {
	t.Parallel()
	worlds(t, func(t *testing.T, w *world) {
		days := w.customers(busy)
		a := w.OK(t, "analyze_lifecycle", `{"event":"note_created","interval":"day","after":"-10d"}`)
		require.Equal(t, []string{"date", "active", "new", "returning", "resurrecting", "dormant"}, a.Columns)
		require.Len(t, a.Rows, 11)
		for i, row := range a.Rows {
			today, before := people(days[w.day(10-i)]), people(days[w.day(11-i)])
			require.InDelta(t, len(today), row[1], 0)
			require.InDelta(t, row[1], row[2].(float64)+row[3].(float64)+row[4].(float64), 0)
			gone := 0
			for id := range before {
				if !today[id] {
					gone++
				}
			}
			require.InDelta(t, gone, row[5], 0)
		}
		counts := map[uuid.UUID]int{}
		for i := range 15 {
			for id := range people(days[w.day(i)]) {
				counts[id]++
			}
		}
		sticky := w.OK(t, "analyze_stickiness", `{"events":["note_created"],"after":"-14d"}`)
		atLeast := w.OK(t, "analyze_stickiness", `{"events":["note_created"],"after":"-14d","cumulative":true}`)
		require.Len(t, sticky.Rows, 15)
		for i, row := range sticky.Rows {
			exact, more := 0, 0
			for _, n := range counts {
				if n == i+1 {
					exact++
				}
				if n > i {
					more++
				}
			}
			require.Equal(t, []any{float64(i + 1), float64(exact)}, row)
			require.InDelta(t, more, atLeast.Rows[i][1], 0)
		}
	})
}

func TestPathsEqualBruteForce(t *testing.T) {
	t.Parallel()
	worlds(t, func(t *testing.T, w *world) {
		// The first two different events of the product in each stretch without
		// half an hour of rest.
		byPerson := map[uuid.UUID][]*data.Event{}
		for _, e := range w.events {
			if !strings.HasPrefix(e.Event, "$") && e.Timestamp.In(w.zone).Format(time.DateOnly) >= w.day(7) {
				byPerson[e.Person.ID] = append(byPerson[e.Person.ID], e)
			}
		}
		want := map[string]int{}
		for _, events := range byPerson {
			first, done := "", false
			for i, e := range events {
				switch {
				case i == 0 || e.Timestamp.Sub(events[i-1].Timestamp) >= 30*time.Minute:
					first, done = e.Event, false
				case !done && e.Event != first:
					want[first+" → "+e.Event]++
					done = true
				}
			}
		}
		a := w.OK(t, "analyze_paths", `{"include":["events"],"steps":2,"limit":500,"test_accounts":true}`)
		require.Equal(t, []string{"step", "from", "to", "paths", "average_seconds"}, a.Columns)
		got := map[string]int{}
		for _, row := range a.Rows {
			require.InDelta(t, 1, row[0], 0)
			got[row[1].(string)+" → "+row[2].(string)] = int(row[3].(float64))
		}
		require.NotEmpty(t, want)
		require.Equal(t, want, got)

		from := w.OK(t, "analyze_paths", `{"start":"user_signed_up","include":["events"],"after":"-30d"}`)
		require.NotEmpty(t, from.Rows)
		for _, row := range from.Rows {
			if row[0] == 1.0 {
				require.Equal(t, "user_signed_up", row[1])
			}
		}
		to := w.OK(t, "analyze_paths", `{"end":"note_created","exclude":["user_signed_up"],"after":"-30d"}`)
		require.NotEmpty(t, to.Rows)
		for _, row := range to.Rows {
			require.NotEqual(t, "user_signed_up", row[1])
			require.NotEqual(t, "note_created", row[1], "paths end there")
		}
	})
}

func TestRunInsight(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	list, err := d.Client.Insights(t.Context(), driver.InsightsParams{})
	require.NoError(t, err)
	for _, s := range list.Insights {
		a := d.OK(t, "run_insight", fmt.Sprintf(`{"id":%q}`, s.ShortID))
		require.Equal(t, s.Name, a.Fields["name"])
		require.NotEmpty(t, a.Rows, s.Name)
		pasted := d.OK(t, "run_insight", fmt.Sprintf(`{"id":%q}`, s.URL+"?x=1#edit"))
		require.Equal(t, a.Rows, pasted.Rows)
	}
	d.Refused(t, driver.KindNotFound, "nowhere1", "run_insight", `{"id":"nowhere1"}`)
	d.Refused(t, driver.KindInvalid, "project 987654", "run_insight", `{"id":"https://us.posthog.com/project/987654/insights/AbCd1234"}`)
	d.WithoutScopes(t, "insight:read", []string{"query:read", "project:read"}, "run_insight", fmt.Sprintf(`{"id":%q}`, list.Insights[0].ShortID))
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	d.SurvivesFault(t, "/api/projects/*/query/", "analyze_trends", `{"series":["note_created"]}`)
	many := strings.Repeat(`"a",`, 49) + `"a"`
	for _, c := range []struct{ tool, args, says string }{
		{"analyze_trends", `{"series":[` + many + `]}`, "20"},
		{"analyze_trends", `{"series":[]}`, "0 events"},
		{"analyze_trends", `{"series":["a[plan"]}`, "bracket"},
		{"analyze_trends", `{"series":["a[=x]"]}`, "plan=pro"},
		{"analyze_trends", `{"series":["a:sum"]}`, "purchase:sum(amount)"},
		{"analyze_trends", `{"series":["a:p94(x)"]}`, "p95"},
		{"analyze_trends", `{"series":["a:sum(x"]}`, "event:math(property)"},
		{"analyze_trends", `{"series":["a:dau(x)"]}`, "takes no property"},
		{"analyze_trends", `{"series":["a"],"formula":"A/B"}`, "series B of 1"},
		{"analyze_trends", `{"series":["a"],"formula":"sleep(1)"}`, "series"},
		{"analyze_trends", `{"series":["a"],"formula":"A;1"}`, "formula"},
		{"analyze_trends", `{"series":["a"],"breakdown":"person."}`, "property name"},
		{"analyze_trends", `{"series":["a"],"interval":"hour","after":"-1y"}`, "longer interval"},
		{"analyze_trends", `{"series":["a"],"after":"2026-06-20","before":"2026-06-10"}`, "Swap"},
		{"analyze_retention", `{"target":" "}`, "target"},
		{"analyze_retention", `{"target":"a","periods":100}`, "60"},
		{"analyze_lifecycle", `{"event":"a","interval":"hour"}`, "week"},
		{"analyze_stickiness", `{"events":["a"],"after":"2026-06-20","before":"2026-06-10"}`, "Swap"},
		{"analyze_paths", `{"steps":50}`, "20"},
		{"analyze_paths", `{"include":["clicks"]}`, "pageviews"},
	} {
		d.Refused(t, driver.KindInvalid, c.says, c.tool, c.args)
	}
	for tool, args := range map[string]string{
		"analyze_trends":     `{"series":["note_creatd:dau"]}`,
		"analyze_retention":  `{"target":"note_created","returning":"note_creatd"}`,
		"analyze_lifecycle":  `{"event":"note_creatd"}`,
		"analyze_stickiness": `{"events":["note_creatd"]}`,
		"analyze_paths":      `{"start":"note_creatd","include":["events"]}`,
	} {
		d.Refused(t, driver.KindNotFound, "note_created", tool, args)
		d.WithoutScopes(t, "query:read", []string{"project:read"}, tool, args)
	}
	half := d.OK(t, "analyze_trends", `{"series":["note_created","note_creatd"]}`)
	require.Contains(t, half.Text, "Series 2 is zero because this project has no such event")
	require.NotContains(t, d.OK(t, "analyze_trends", `{"series":["note_created","note_created[person.plan=x]"]}`).Text, "no such event")
	// An event that exists and did not happen is no mistake.
	require.NotEmpty(t, d.OK(t, "analyze_trends", `{"series":["note_created[person.plan=nothing of the kind]"]}`).Rows)
}
