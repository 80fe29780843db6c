package templates

import (
	"fmt"
	"math"
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

// wholeDemo is a demo with the data that posthog-mcp demo shows: its stories
// need more people than the small one has.
func wholeDemo(t *testing.T) *demotest.Demo {
	t.Helper()
	ph, err := posthogtest.New(posthogtest.Options{
		Data: data.Options{Seed: 1, Now: demotest.Now()}, Clock: demotest.Now, Throttle: posthogtest.Throttle{Off: true},
		MaxExecution: 2 * time.Minute, // the race detector on a busy machine is slower than PostHog's limit allows
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ph.Close()) })
	reg, err := tools.New(tools.Config{Sets: []tools.Set{Tools()}, Now: demotest.Now, Nonce: func() string { return "n" }})
	require.NoError(t, err)
	d := &demotest.Demo{PostHog: ph, Registry: reg}
	d.Client = d.ClientWith(t, ph.PersonalKey())
	return d
}

// text gives a property as text, "" without one.
func text(p *data.Properties, key string) string {
	v, _ := p.Get(key)
	s, _ := data.TextOf(v)
	return s
}

// realEvents gives the events of people outside the company between two times.
func realEvents(d *demotest.Demo, from, to time.Time) []*data.Event {
	var list []*data.Event
	for _, e := range d.PostHog.Store().Snapshot().Events {
		internal := strings.Contains(text(&e.Person.Properties, "email"), "@"+data.CompanyDomain)
		if !internal && !e.Timestamp.Before(from) && e.Timestamp.Before(to) {
			list = append(list, e)
		}
	}
	return list
}

// rowsBy gives the rows by the text of their first column, as maps.
func rowsBy(a demotest.Answer) map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, row := range a.Rows {
		m := map[string]any{}
		for i, c := range a.Columns {
			m[c] = row[i]
		}
		out[fmt.Sprint(row[0])] = m
	}
	return out
}

// The stories that are built into the demo data are found by the analyses.
func TestAnalysesFindTheStories(t *testing.T) {
	t.Parallel()
	d := wholeDemo(t)
	t.Run("channels", func(t *testing.T) {
		t.Parallel()
		a := d.OK(t, "rank_channels", `{"signup":"user_signed_up","activation":"onboarding_completed","payment":"subscription_started"}`)
		by := rowsBy(a)
		weak, strong := by[data.WeakChannel], by[data.StrongChannel]
		for name, row := range by {
			if name != data.WeakChannel && name != "(none)" {
				require.Greater(t, weak["signups"], row["signups"], name)
				require.Greater(t, row["payer_rate"], 3*weak["payer_rate"].(float64), name)
			}
		}
		require.Less(t, strong["signups"], by["google"]["signups"])
		require.Greater(t, strong["payer_rate"], by["google"]["payer_rate"])
		require.True(t, slices.IsSortedFunc(column(t, a, "payers"), func(x, y any) int { return int(y.(float64) - x.(float64)) }))
		require.Contains(t, a.Fields["definition"], "Payers: subscription_started at or after the signup")
		require.NotContains(t, a.Fields["definition"], "Only with")
		require.Contains(t, a.Fields["test_accounts"], "left out")
	})
	t.Run("feature", func(t *testing.T) {
		t.Parallel()
		a := d.OK(t, "measure_feature_impact", fmt.Sprintf(`{"feature":%q,"outcome":"note_created"}`, data.TemplateEvent))
		by := rowsBy(a)
		require.Greater(t, by["users"]["retained_low"], by["nonusers"]["retained_high"], "the feature whose users stay")
		require.Greater(t, by["users"]["change"], by["nonusers"]["change"])
		require.InDelta(t, 14, by["users"]["after_days"], 0)
		require.Contains(t, a.Fields["definition"], "no experiment")
		require.Contains(t, a.Fields["definition"], "The outcome is note_created.")
	})
	t.Run("drivers", func(t *testing.T) {
		t.Parallel()
		by := rowsBy(d.OK(t, "find_conversion_drivers", `{"goal":"subscription_started","start":"user_signed_up","days":90,"limit":200}`))
		require.Equal(t, "high", by["did pricing_viewed"]["confidence"])
		require.Less(t, by["property = "+data.WeakChannel]["lift"], 0.5)
		require.Less(t, by["property = "+data.WeakChannel]["z"], -3.0)
		require.Greater(t, by["property = "+data.StrongChannel]["lift"], 1.5)
		require.NotContains(t, by, "did subscription_started")
	})
	t.Run("segments", func(t *testing.T) {
		t.Parallel()
		a := d.OK(t, "compare_segments", `{"segment":"person.plan","values":["free","pro"],"goal":"note_created"}`)
		by := rowsBy(a)
		require.Len(t, by, 2)
		require.Greater(t, by["pro"]["active_days"], by["free"]["active_days"])
		require.Greater(t, by["pro"]["conversion_low"], by["free"]["conversion_high"])
		require.Contains(t, a.Fields["definition"], "the share who did note_created")
	})
	t.Run("release", func(t *testing.T) {
		t.Parallel()
		// The broken release went out 16 days before now.
		by := rowsBy(d.OK(t, "weekly_report", `{"days":14}`))
		require.Greater(t, by["people with errors"]["change"], 1.0)
	})
}

// Each figure is derived once more from the events, without HogQL.
func TestRankChannelsCounts(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	signed, activated, paid := map[uuid.UUID]time.Time{}, map[uuid.UUID]time.Time{}, map[uuid.UUID]time.Time{}
	people := map[uuid.UUID]*data.Person{}
	for _, e := range realEvents(d, demotest.Now().AddDate(0, 0, -30), demotest.Now()) {
		id := e.Person.ID
		people[id] = e.Person
		switch _, again := signed[id]; {
		case e.Event == "user_signed_up" && !again:
			signed[id] = e.Timestamp
		case e.Event == "onboarding_completed":
			activated[id] = e.Timestamp
		case e.Event == "subscription_started":
			paid[id] = e.Timestamp
		}
	}
	want := map[string][3]float64{}
	for id, at := range signed {
		channel := text(&people[id].Properties, "$initial_utm_source")
		if channel == "" {
			channel = "(none)"
		}
		n := want[channel]
		n[0]++
		if a, ok := activated[id]; ok && !a.Before(at) {
			n[1]++
		}
		if p, ok := paid[id]; ok && !p.Before(at) {
			n[2]++
		}
		want[channel] = n
	}
	got := map[string][3]float64{}
	a := d.SurvivesFault(t, queryPath, "rank_channels", `{"signup":"user_signed_up","activation":"onboarding_completed","payment":"subscription_started","days":30}`)
	for name, row := range rowsBy(a) {
		got[name] = [3]float64{row["signups"].(float64), row["activated"].(float64), row["payers"].(float64)}
	}
	require.Equal(t, want, got)
	require.Equal(t, []string{"channel", "signups"}, d.OK(t, "rank_channels", `{"signup":"user_signed_up"}`).Columns, "what was not asked is not zero")
	require.Empty(t, d.OK(t, "rank_channels", `{"signup":"no such event"}`).Rows)
	d.Refused(t, driver.KindInvalid, "signup", "rank_channels", `{}`)
}

func TestFeatureImpactCounts(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	launch := demotest.Now().AddDate(0, 0, -20)
	use, after := launch, launch.AddDate(0, 0, 10)
	type life struct {
		before, later map[string]bool
		used, seen    bool
	}
	lives := map[uuid.UUID]*life{}
	for _, e := range realEvents(d, launch.AddDate(0, 0, -10), demotest.Now()) {
		l := lives[e.Person.ID]
		if l == nil {
			l = &life{before: map[string]bool{}, later: map[string]bool{}}
			lives[e.Person.ID] = l
		}
		day, isUse := e.Timestamp.Format(time.DateOnly), e.Event == "note_created"
		switch {
		case e.Timestamp.Before(use) && !isUse:
			l.before[day] = true
		case !e.Timestamp.Before(use) && e.Timestamp.Before(after):
			l.seen, l.used = true, l.used || isUse
		case !e.Timestamp.Before(after) && !isUse:
			l.later[day] = true
		}
	}
	var people, before, stayed [2]float64
	for _, l := range lives {
		if len(l.before) == 0 || !l.seen {
			continue
		}
		i := 0
		if l.used {
			i = 1
		}
		people[i]++
		before[i] += float64(len(l.before))
		if len(l.later) > 0 {
			stayed[i]++
		}
	}
	by := rowsBy(d.OK(t, "measure_feature_impact", fmt.Sprintf(`{"feature":"note_created","launch":%q,"days":10}`, launch.Format(time.RFC3339))))
	for i, who := range []string{"nonusers", "users"} {
		require.Positive(t, people[i])
		require.InDelta(t, people[i], by[who]["people"], 0, who)
		require.InDelta(t, stayed[i], by[who]["stayed"], 0, who)
		require.InDelta(t, before[i]/people[i], by[who]["active_days_before"], 0.006, who)
		p, n, z := stayed[i]/people[i], people[i], 1.96
		low := (p + z*z/(2*n) - z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))) / (1 + z*z/n)
		require.InDelta(t, low, by[who]["retained_low"], 0.002, "Wilson")
	}
	soon := d.OK(t, "measure_feature_impact", `{"feature":"note_created","launch":"-7d"}`)
	require.Zero(t, column(t, soon, "after_days")[0], "nothing after can be known yet")
	nobody := d.OK(t, "measure_feature_impact", `{"feature":"no such event"}`)
	require.Equal(t, []any{"nonusers"}, column(t, nobody, "who"))
}

func TestConversionDriversCount(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	const goal, cause = "subscription_started", "note_created"
	goalAt, causeAt, all := map[uuid.UUID]time.Time{}, map[uuid.UUID]time.Time{}, map[uuid.UUID]bool{}
	for _, e := range realEvents(d, demotest.Now().AddDate(0, 0, -30), demotest.Now()) {
		all[e.Person.ID] = true
		for name, at := range map[string]map[uuid.UUID]time.Time{goal: goalAt, cause: causeAt} {
			if _, again := at[e.Person.ID]; e.Event == name && !again {
				at[e.Person.ID] = e.Timestamp
			}
		}
	}
	with, converted := 0.0, 0.0
	for id, at := range causeAt {
		g, ok := goalAt[id]
		if ok && !at.Before(g) {
			continue // too late to have driven anything
		}
		with++
		if ok {
			converted++
		}
	}
	rest, restConverted := float64(len(all))-with, float64(len(goalAt))-converted
	row := rowsBy(d.OK(t, "find_conversion_drivers", `{"goal":"subscription_started","days":30,"limit":200,"min_people":2}`))["did "+cause]
	require.InDelta(t, with, row["people"], 0)
	require.InDelta(t, converted, row["converted"], 0)
	require.InDelta(t, (converted/with)/(restConverted/rest), row["lift"], 0.006)
	p := float64(len(goalAt)) / float64(len(all))
	require.InDelta(t, (converted/with-restConverted/rest)/math.Sqrt(p*(1-p)*(1/with+1/rest)), row["z"], 0.06)

	for _, n := range column(t, d.OK(t, "find_conversion_drivers", `{"goal":"subscription_started"}`), "people") {
		require.GreaterOrEqual(t, n, 20.0, "min_people")
	}
	for _, z := range column(t, d.OK(t, "find_conversion_drivers", `{"goal":"no such event"}`), "z") {
		require.Nil(t, z, "nobody converts: there is nothing to compare")
	}
}

func TestWeeklyReportCounts(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	today := time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)
	want := map[string][2]float64{}
	for i, from := range []time.Time{today.AddDate(0, 0, -7), today.AddDate(0, 0, -14)} {
		people, fresh, sessions, failed, signed := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}, map[string]bool{}, map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
		n := map[string]float64{}
		for _, e := range realEvents(d, from, from.AddDate(0, 0, 7)) {
			people[e.Person.ID] = true
			if !e.Person.CreatedAt.Before(from) {
				fresh[e.Person.ID] = true
			}
			if e.SessionID != "" {
				sessions[e.SessionID] = true
			}
			n["events"]++
			switch e.Event {
			case "$pageview":
				n["pageviews"]++
			case "$exception":
				n["errors"]++
				failed[e.Person.ID] = true
			case "user_signed_up":
				signed[e.Person.ID] = true
			}
		}
		n["active people"], n["new people"], n["sessions"] = float64(len(people)), float64(len(fresh)), float64(len(sessions))
		n["people with errors"], n["people with user_signed_up"] = float64(len(failed)), float64(len(signed))
		for metric, v := range n {
			both := want[metric]
			both[i] = v
			want[metric] = both
		}
	}
	a := d.OK(t, "weekly_report", `{"key_events":["user_signed_up"]}`)
	got := map[string][2]float64{}
	for metric, row := range rowsBy(a) {
		got[metric] = [2]float64{row["this_period"].(float64), row["period_before"].(float64)}
	}
	require.Equal(t, want, got)
	require.Equal(t, "active people", column(t, a, "metric")[0])
	require.Len(t, d.OK(t, "weekly_report", `{}`).Rows, 7)
}

func TestJourneyFindsAPersonThreeWays(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	var who *data.Person
	for _, p := range d.PostHog.Store().Snapshot().Persons {
		if text(&p.Properties, "email") != "" && len(p.DistinctIDs) > 2 {
			who = p
			break
		}
	}
	require.NotNil(t, who)
	want := 0
	for _, e := range d.PostHog.Store().Snapshot().Events {
		if e.Person.ID == who.ID && !e.Timestamp.Before(demotest.Now().AddDate(0, 0, -40)) {
			want++
		}
	}
	ids := append([]string{strings.ToUpper(text(&who.Properties, "email")), who.ID.String(), strings.ToUpper(who.ID.String())}, who.DistinctIDs...)
	for _, id := range ids {
		a := d.OK(t, "trace_user_journey", fmt.Sprintf(`{"person":%q,"after":"-40d","limit":1000}`, id))
		require.EqualValues(t, want, a.Fields["row_count"], id)
		at := column(t, a, "timestamp")
		require.True(t, slices.IsSortedFunc(at, func(x, y any) int { return strings.Compare(x.(string), y.(string)) }))
		for _, n := range column(t, a, "person") {
			require.InDelta(t, 1, n, 0)
		}
		require.Zero(t, column(t, a, "seconds")[0])
	}
	require.Empty(t, d.OK(t, "trace_user_journey", `{"person":"' OR 1=1 --"}`).Rows)
}

func TestCompareSegmentsCounts(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	people, events, did := map[string]map[uuid.UUID]bool{}, map[string]float64{}, map[string]map[uuid.UUID]bool{}
	for _, e := range realEvents(d, demotest.Now().AddDate(0, 0, -30), demotest.Now()) {
		segment := text(&e.Properties, "$device_type")
		if segment == "" {
			segment = "(none)"
		}
		if people[segment] == nil {
			people[segment], did[segment] = map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
		}
		people[segment][e.Person.ID] = true
		events[segment]++
		if e.Event == "pricing_viewed" {
			did[segment][e.Person.ID] = true
		}
	}
	by := rowsBy(d.OK(t, "compare_segments", `{"segment":"$device_type","goal":"pricing_viewed"}`))
	require.Len(t, by, len(people))
	for segment, who := range people {
		require.EqualValues(t, len(who), by[segment]["people"], segment)
		require.EqualValues(t, len(did[segment]), by[segment]["converted"], segment)
		require.InDelta(t, events[segment]/float64(len(who)), by[segment]["events_per_person"], 0.051, segment)
	}
	d.Refused(t, driver.KindInvalid, "segment", "compare_segments", `{}`)
}
