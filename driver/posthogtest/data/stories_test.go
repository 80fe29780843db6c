package data

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// worlds are made once for all tests that only read them. The stories must
// hold at every seed and clock: they are built in, not lucky.
type worlds struct {
	once sync.Once
	list []*World
}

func (s *worlds) get(t testing.TB) []*World {
	t.Helper()
	s.once.Do(func() {
		for i, days := range []int{0, 1, 3, 5, 40} { // other weekdays and months
			now := testNow().AddDate(0, 0, days).Add(time.Duration(5*i) * time.Hour)
			s.list = append(s.list, generate(t, Options{Seed: uint64(i + 1), Now: now}))
		}
	})
	return s.list
}

func forSeeds(t *testing.T, check func(t *testing.T, w *World)) {
	t.Helper()
	for _, w := range shared.get(t) {
		check(t, w)
	}
}

// timesOf gives the times of an event by person, in order.
func timesOf(w *World, event string) map[uuid.UUID][]time.Time {
	times := map[uuid.UUID][]time.Time{}
	for _, e := range w.Events {
		if e.Event == event {
			times[e.Person.ID] = append(times[e.Person.ID], e.Timestamp)
		}
	}
	return times
}

func text(p *Properties, key string) string {
	v, _ := p.Get(key)
	t, _ := TextOf(v)
	return t
}

func ratio(a, b int) float64 { return float64(a) / float64(max(b, 1)) }

func TestStorySignupFunnel(t *testing.T) {
	t.Parallel()
	forSeeds(t, func(t *testing.T, w *World) {
		reached := []int{}
		at := map[uuid.UUID]time.Time{}
		for i, event := range SignupFunnel() {
			next := map[uuid.UUID]time.Time{}
			for id, times := range timesOf(w, event) {
				from, ok := at[id]
				if i == 0 {
					next[id] = times[0]
				} else if n := slices.IndexFunc(times, func(u time.Time) bool { return !u.Before(from) }); ok && n >= 0 {
					next[id] = times[n]
				}
			}
			at = next
			reached = append(reached, len(at))
		}
		t.Log(reached)
		require.Greater(t, reached[0], 1000)
		second, third, fourth := ratio(reached[1], reached[0]), ratio(reached[2], reached[1]), ratio(reached[3], reached[2])
		require.InDelta(t, 0.82, second, 0.05)
		require.InDelta(t, 0.40, third, 0.05)
		require.InDelta(t, 0.85, fourth, 0.06)
	})
}

func TestStoryPricingExperiment(t *testing.T) {
	t.Parallel()
	forSeeds(t, func(t *testing.T, w *World) {
		exposed := map[uuid.UUID]*Event{}
		for _, e := range w.Events {
			if e.Event == "$feature_flag_called" && text(&e.Properties, "$feature_flag") == PricingFlag && exposed[e.Person.ID] == nil {
				exposed[e.Person.ID] = e
				require.False(t, e.Timestamp.Before(w.Stories.PricingStart))
				require.Equal(t, w.flag(PricingFlag).VariantFor(userID(e.Person)), text(&e.Properties, "$feature_flag_response"))
			}
		}
		paid := timesOf(w, "subscription_started")
		people, bought := map[string]int{}, map[string]int{}
		for id, e := range exposed {
			variant := text(&e.Properties, "$feature_flag_response")
			people[variant]++
			if slices.ContainsFunc(paid[id], e.Timestamp.Before) {
				bought[variant]++
			}
		}
		t.Log(people, bought)
		control, test := ratio(bought[VariantControl], people[VariantControl]), ratio(bought[VariantTest], people[VariantTest])
		require.Greater(t, people[VariantControl], 200)
		require.Greater(t, people[VariantTest], 200)
		pooled := ratio(bought[VariantControl]+bought[VariantTest], people[VariantControl]+people[VariantTest])
		se2 := pooled * (1 - pooled) * (1/float64(people[VariantControl]) + 1/float64(people[VariantTest]))
		z2 := (test - control) * (test - control) / se2
		require.Greater(t, test, control)
		require.Greater(t, z2, 1.96*1.96, "the winner has to be significant: %.3f against %.3f", test, control)
	})
}

// userID is the person's identified distinct id.
func userID(p *Person) string {
	i := slices.IndexFunc(p.DistinctIDs, func(d string) bool { return strings.HasPrefix(d, "user_") })
	return p.DistinctIDs[i]
}

func TestStoryChannels(t *testing.T) {
	t.Parallel()
	forSeeds(t, func(t *testing.T, w *World) {
		source := map[uuid.UUID]string{}
		for _, p := range w.Persons {
			source[p.ID] = text(&p.Properties, "$initial_utm_source")
		}
		signups, payers := map[string]int{}, map[string]int{}
		for id := range timesOf(w, "user_signed_up") {
			signups[source[id]]++
		}
		paid := timesOf(w, "subscription_started")
		for id := range paid {
			payers[source[id]]++
		}
		t.Log(signups, payers)
		for _, other := range []string{"google", "newsletter", StrongChannel} {
			require.Greater(t, signups[WeakChannel], signups[other])
			require.Less(t, 3*ratio(payers[WeakChannel], signups[WeakChannel]), ratio(payers[other], signups[other]), other)
		}
		require.Less(t, signups[StrongChannel], signups["google"])
		require.Greater(t, ratio(payers[StrongChannel], signups[StrongChannel]), ratio(payers["google"], signups["google"]))
	})
}

func TestStoryRelease(t *testing.T) {
	t.Parallel()
	forSeeds(t, func(t *testing.T, w *World) {
		n, people := 0, map[uuid.UUID]bool{}
		for _, e := range w.Events {
			if e.Event != "$exception" || text(&e.Properties, "$exception_issue_id") != BadIssueID {
				continue
			}
			n++
			people[e.Person.ID] = true
			require.False(t, e.Timestamp.Before(w.Stories.ReleaseAt))
			require.Equal(t, BadRelease, text(&e.Properties, "$app_version"))
			require.Equal(t, `["TypeError"]`, text(&e.Properties, "$exception_types"))
			require.NotEmpty(t, e.SessionID)
		}
		t.Log(n, len(people))
		require.Greater(t, n, 100)
		require.Greater(t, len(people), 40)
		require.Equal(t, w.Issues[0].ID.String(), BadIssueID)
		require.Less(t, w.Issues[0].FirstSeen.Sub(w.Stories.ReleaseAt), 24*time.Hour)
	})
}

func TestStoryWeek(t *testing.T) {
	t.Parallel()
	forSeeds(t, func(t *testing.T, w *World) {
		perDay := map[time.Weekday]int{}
		for _, e := range w.Events {
			perDay[e.Timestamp.Weekday()]++
		}
		weekday := float64(perDay[time.Tuesday]+perDay[time.Wednesday]+perDay[time.Thursday]) / 3
		for _, day := range []time.Weekday{time.Saturday, time.Sunday} {
			require.Less(t, float64(perDay[day]), weekday*2/3)
		}
	})
}

func TestStoryFailedPayments(t *testing.T) {
	t.Parallel()
	forSeeds(t, func(t *testing.T, w *World) {
		failed, renewed, cancelled := timesOf(w, "payment_failed"), timesOf(w, "subscription_renewed"), timesOf(w, "subscription_cancelled")
		within := func(id uuid.UUID, at time.Time) bool {
			return slices.ContainsFunc(cancelled[id], func(c time.Time) bool { return c.After(at) && c.Sub(at) < 14*24*time.Hour })
		}
		old := w.Options.Now.AddDate(0, 0, -14)
		afterFailure, gone, without, quit := 0, 0, 0, 0
		for id, times := range failed {
			if times[0].Before(old) {
				afterFailure++
				if within(id, times[0]) {
					gone++
				}
			}
		}
		for id, times := range renewed {
			if failed[id] == nil && times[0].Before(old) {
				without++
				if within(id, times[0]) {
					quit++
				}
			}
		}
		t.Log(afterFailure, gone, without, quit)
		require.Greater(t, afterFailure, 20)
		require.Greater(t, ratio(gone, afterFailure), 0.45)
		require.Less(t, ratio(quit, without), 0.12)
	})
}

func TestStoryTemplates(t *testing.T) {
	t.Parallel()
	forSeeds(t, func(t *testing.T, w *World) {
		signedUp, onboarded, used := timesOf(w, "user_signed_up"), timesOf(w, "onboarding_completed"), timesOf(w, TemplateEvent)
		last := map[uuid.UUID]time.Time{}
		inFifth := map[uuid.UUID]bool{}
		const week = 7 * 24 * time.Hour
		for _, e := range w.Events {
			last[e.Person.ID] = e.Timestamp
			if s := signedUp[e.Person.ID]; s != nil && e.Timestamp.Sub(s[0]) >= 4*week && e.Timestamp.Sub(s[0]) < 5*week {
				inFifth[e.Person.ID] = true
			}
		}
		people, stayed := map[bool]int{}, map[bool]int{}
		for id, s := range signedUp {
			if onboarded[id] == nil || w.Options.Now.Sub(s[0]) < 5*week {
				continue
			}
			early := len(used[id]) > 0 && used[id][0].Sub(s[0]) < week
			people[early]++
			if inFifth[id] {
				stayed[early]++
			}
		}
		t.Log(people, stayed)
		require.Greater(t, people[true], 60)
		require.Greater(t, ratio(stayed[true], people[true]), 1.6*ratio(stayed[false], people[false]))
	})
}

func TestStoryPowerUsers(t *testing.T) {
	t.Parallel()
	forSeeds(t, func(t *testing.T, w *World) {
		counts := map[uuid.UUID]int{}
		for _, e := range w.Events {
			counts[e.Person.ID]++
		}
		all := []int{}
		for _, n := range counts {
			all = append(all, n)
		}
		slices.Sort(all)
		top := 0
		for _, n := range all[len(all)*19/20:] {
			top += n
		}
		t.Log(ratio(top, len(w.Events)), all[len(all)-1], all[len(all)/2], len(w.Events))
		require.Greater(t, ratio(top, len(w.Events)), 0.28)
	})
}

func TestOddPeople(t *testing.T) {
	t.Parallel()
	w := shared.get(t)[0]
	team, many, long, hostile := 0, 0, 0, 0
	for _, p := range w.Persons {
		name, email := text(&p.Properties, "name"), text(&p.Properties, "email")
		if strings.HasSuffix(email, "@"+CompanyDomain) {
			team++
		}
		if len(p.DistinctIDs) > 20 {
			many++
		}
		if len([]rune(name)) == 300 {
			long++
		}
		if strings.ContainsAny(name, `<>"{`) || strings.Contains(name, "instructions") {
			hostile++
		}
	}
	require.GreaterOrEqual(t, team, 8)
	require.GreaterOrEqual(t, many, 3)
	require.GreaterOrEqual(t, long, 1)
	require.GreaterOrEqual(t, hostile, 4)
}
