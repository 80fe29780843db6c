package data

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// TestRolloutHash holds values worked out with another SHA-1:
// sha1("new-nav.user-1"), first 15 hexadecimal digits over 16^15-1.
func TestRolloutHash(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 0.7482302102021667, RolloutHash("new-nav", "user-1", ""), 1e-12)
	require.InDelta(t, 0.618203403380837, RolloutHash("new-nav", "user-1", "variant"), 1e-12)
	variants := &FlagVariants{Variants: []FlagVariant{{Key: "a", RolloutPercentage: 57}, {Key: "b", RolloutPercentage: 10}, {Key: "c", RolloutPercentage: 33}}}
	require.Equal(t, "b", (&FeatureFlag{Key: "new-nav", Filters: FlagFilters{Multivariate: variants}}).VariantFor("user-1"))
	require.Empty(t, (&FeatureFlag{Key: "plain"}).VariantFor("user-1"))
}

func TestMatcher(t *testing.T) {
	t.Parallel()
	now := testNow()
	for _, c := range []struct {
		operator string
		want     any
		value    any
		present  bool
		pass     bool
	}{
		{"exact", "pro", "pro", true, true},
		{"", []any{"pro", "team"}, "team", true, true},
		{"exact", "pro", "Pro", true, false},
		{"exact", true, "true", true, true},
		{"exact", 3.0, 3.0, true, true},
		{"exact", "x", nil, false, false},
		{"is_not", "x", nil, false, true},
		{"is_not", []any{"x", "y"}, "y", true, false},
		{"icontains", "@ACME", "a@acme.example", true, true},
		{"icontains", "b", nil, true, false},
		{"not_icontains", "b", nil, true, true},
		{"not_icontains", "b", "ABC", true, false},
		{"regex", "^a.c$", "abc", true, true},
		{"regex", "^a.c$", "abcd", true, false},
		{"not_regex", "^a", nil, false, true},
		{"gt", 5.0, 6.0, true, true},
		{"gt", "5", "6", true, true},
		{"gt", "2.14.0", "2.15.0", true, true},
		{"lt", "2026-11-01", "2026-10-31T10:00:00Z", true, true},
		{"gt", "10", 9.0, true, false},
		{"gt", 10.0, "9", true, false},
		{"gt", "much", 9.0, true, false},
		{"gte", 5.0, 5.0, true, true},
		{"lt", 5.0, 5.0, true, false},
		{"lte", 5.0, 5.0, true, true},
		{"lt", 5.0, "many", true, false},
		{"lt", 5.0, nil, false, false},
		{"is_set", "is_set", "", true, true},
		{"is_set", nil, nil, true, false},
		{"is_not_set", nil, nil, true, true},
		{"is_date_before", "-7d", "2026-11-10", true, true},
		{"is_date_before", "-7d", "2026-11-20", true, false},
		{"is_date_after", "2026-11-20", "2026-11-20T23:00:00Z", true, false},
		{"is_date_after", "2026-11-20", "2026-11-21", true, true},
		{"is_date_exact", "2026-11-20", "2026-11-20T23:00:00Z", true, true},
	} {
		f := PropertyFilter{Key: "k", Operator: c.operator, Value: c.want}
		m, err := f.Matcher(now, time.UTC)
		require.NoError(t, err, "%+v", c)
		require.Equal(t, c.pass, m(c.value, c.present), "%+v", c)
		f.Negation = true
		m, err = f.Matcher(now, time.UTC)
		require.NoError(t, err)
		require.Equal(t, !c.pass, m(c.value, c.present), "negated %+v", c)
	}
	for operator, value := range map[string]any{"semver_gt": "1.2.3", "regex": "(", "gt": []any{1.0, 2.0}, "exact": nil, "is_date_after": "soon"} {
		_, err := (&PropertyFilter{Key: "k", Operator: operator, Value: value}).Matcher(now, time.UTC)
		require.Error(t, err, operator)
	}
	_, err := (&PropertyFilter{Operator: "semver_gt", Value: "1"}).Matcher(now, time.UTC)
	_, ok := errors.AsType[*NotSupportedError](err)
	require.True(t, ok)
}

func TestParseDate(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	now := time.Date(2026, 3, 31, 22, 30, 0, 0, time.UTC) // 1 April, 00:30, in Berlin
	for text, want := range map[string]string{
		"-7d":                  "2026-03-25T00:00:00+01:00",
		"-1m":                  "2026-03-01T00:00:00+01:00",
		"-1y":                  "2025-04-01T00:00:00+02:00",
		"-2w":                  "2026-03-18T00:00:00+01:00",
		"-3h":                  "2026-03-31T21:00:00+02:00",
		"dStart":               "2026-04-01T00:00:00+02:00",
		"-1dStart":             "2026-03-31T00:00:00+02:00",
		"mStart":               "2026-04-01T00:00:00+02:00",
		"wStart":               "2026-03-29T00:00:00+01:00",
		"qStart":               "2026-04-01T00:00:00+02:00",
		"-1mEnd":               "2026-03-31T23:59:59.999999+02:00",
		"2026-02-03":           "2026-02-03T00:00:00+01:00",
		"2026-02-03 10:00:00":  "2026-02-03T10:00:00+01:00",
		"2026-02-03T10:00:00Z": "2026-02-03T11:00:00+01:00",
	} {
		got, err := ParseDate(text, now, berlin)
		require.NoError(t, err, text)
		require.Equal(t, want, got.At.In(berlin).Format(time.RFC3339Nano), text)
	}
	for _, text := range []string{"", "yesterday", "d", "-7", "-d", "--7d", "-99999d", "7x", "Start"} {
		_, err := ParseDate(text, now, berlin)
		require.Error(t, err, text)
	}
	end, err := ParseDate("-1m", time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC), time.UTC)
	require.NoError(t, err)
	require.Equal(t, "2026-02-28", end.At.Format(time.DateOnly), "a month before the 31st")
}

func TestCohorts(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	snap := s.Snapshot()
	paying := 0
	for _, p := range snap.Persons {
		if v, _ := p.Properties.Get("is_paying"); v == true {
			paying++
		}
	}
	c, err := s.Cohort(1)
	require.NoError(t, err)
	require.Equal(t, paying, *c.Count)
	require.Positive(t, paying)

	active := map[uuid.UUID]bool{}
	for _, e := range snap.Events {
		if e.Event == "note_created" && !e.Timestamp.Before(testNow().AddDate(0, 0, -30)) {
			active[e.Person.ID] = true
		}
	}
	members, err := snap.CohortByName("Active this month").Members()
	require.NoError(t, err)
	require.Len(t, members, len(active))

	filters := json.RawMessage(`{"properties":{"type":"AND","values":[{"type":"cohort","key":"id","value":1},{"key":"note_created","type":"behavioral","value":"performed_event_multiple","operator":"gte","operator_value":3,"event_type":"events","time_value":30,"time_interval":"day"}]}}`)
	made, err := s.CreateCohort(Cohort{Name: "Busy payers", Filters: filters})
	require.NoError(t, err)
	require.Equal(t, "behavioral", made.CohortType)
	require.Less(t, *made.Count, paying)
	require.Positive(t, *made.Count)

	static, err := s.CreateCohort(Cohort{Name: "Hand", IsStatic: true, StaticPersons: []uuid.UUID{snap.Persons[0].ID, snap.Persons[0].ID, uuid.New()}})
	require.NoError(t, err)
	require.Equal(t, 1, *static.Count)
	static, err = s.PatchCohort(static.ID, func(c *Cohort) error {
		c.StaticPersons = append(c.StaticPersons, snap.Persons[1].ID)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 2, *static.Count)
	_, err = s.PatchCohort(static.ID, func(c *Cohort) error { c.Deleted = true; return nil })
	require.NoError(t, err)
	_, err = s.Cohort(static.ID)
	_, ok := errors.AsType[*NotFoundError](err)
	require.True(t, ok)
	require.Nil(t, s.Snapshot().Cohort(static.ID))

	for leaf, test := range map[string]func(n int) bool{
		`"operator":"exact","operator_value":2`:               func(n int) bool { return n == 2 },
		`"operator":"gt","operator_value":4`:                  func(n int) bool { return n > 4 },
		`"operator":"lte","operator_value":3`:                 func(n int) bool { return n > 0 && n <= 3 },
		`"operator":"lt","operator_value":3`:                  func(n int) bool { return n > 0 && n < 3 },
		`"operator":"gte","operator_value":3,"negation":true`: func(n int) bool { return n < 3 },
	} {
		times := map[uuid.UUID]int{}
		for _, e := range snap.Events {
			if e.Event == "note_created" && !e.Timestamp.Before(testNow().AddDate(0, 0, -14)) {
				times[e.Person.ID]++
			}
		}
		want := 0
		for _, p := range snap.Persons {
			if test(times[p.ID]) {
				want++
			}
		}
		c, err := s.CreateCohort(Cohort{Name: leaf, Filters: json.RawMessage(`{"properties":{"type":"OR","values":[{"key":"note_created","type":"behavioral","value":"performed_event_multiple","event_type":"events","time_value":2,"time_interval":"week",` + leaf + `}]}}`)})
		require.NoError(t, err)
		require.Equal(t, want, *c.Count, leaf)
	}
	circle, err := s.CreateCohort(Cohort{Name: "Circle", Filters: json.RawMessage(`{"properties":{"type":"OR","values":[{"type":"cohort","key":"id","value":99}]}}`)})
	require.NoError(t, err)
	require.Nil(t, circle.Count)
	require.Contains(t, *circle.LastErrorMessage, "not supported")

	for name, filters := range map[string]string{
		"unknown key":  `{"properties":{"type":"AND","values":[{"type":"person","key":"a","operator":"exact","value":"b","colour":1}]}}`,
		"operator":     `{"properties":{"type":"AND","values":[{"type":"person","key":"a","value":"b"}]}}`,
		"properties":   `{}`,
		"not one of":   `{"properties":{"type":"XOR","values":[]}}`,
		"time_value":   `{"properties":{"type":"AND","values":[{"type":"behavioral","key":"a","value":"performed_event"}]}}`,
		"demo data":    `{"properties":{"type":"AND","values":[{"type":"behavioral","key":"a","value":"performed_event_first_time","time_value":1,"time_interval":"day"}]}}`,
		"a cohort id,": `{"properties":{"type":"AND","values":[{"type":"cohort","key":"id","value":"x"}]}}`,
	} {
		_, err := s.CreateCohort(Cohort{Name: "Bad", Filters: json.RawMessage(filters)})
		require.ErrorContains(t, err, name)
	}
}

func TestInsightsAndAnnotations(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	i, err := s.CreateInsight(Insight{Name: "Mine", Query: json.RawMessage(`{"kind":"InsightVizNode"}`)})
	require.NoError(t, err)
	require.Len(t, i.ShortID, 8)
	_, err = s.CreateInsight(Insight{Name: "No query"})
	require.Error(t, err)
	n := len(s.Insights())
	_, err = s.PatchInsight(i.ID, func(i *Insight) error { i.Deleted = true; return nil })
	require.NoError(t, err)
	require.Len(t, s.Insights(), n-1)
	_, err = s.PatchInsight(i.ID, func(*Insight) error { return nil })
	require.EqualError(t, err, "insight 8 does not exist")

	a, err := s.CreateAnnotation(Annotation{Content: "Hello"})
	require.NoError(t, err)
	require.Equal(t, "project", a.Scope)
	changed, err := s.PatchAnnotation(a.ID, func(a *Annotation) error { a.Content = "Bye"; return nil })
	require.NoError(t, err)
	require.Equal(t, "Bye", changed.Content)
	refused := errors.New("no")
	_, err = s.PatchAnnotation(a.ID, func(a *Annotation) error { a.Content = "Never"; return refused })
	require.ErrorIs(t, err, refused)
	list := s.Annotations()
	require.Equal(t, "Bye", list[len(list)-1].Content)
}

func TestObjectsMarshal(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for name, v := range map[string]any{
		"flags": s.Flags(), "experiments": s.Experiments(), "insights": s.Insights(), "cohorts": s.Cohorts(), "annotations": s.Annotations(),
		"dashboards": s.Dashboards(), "surveys": s.Surveys(), "issues": s.Issues(), "project": s.Project(),
	} {
		b, err := json.Marshal(v)
		require.NoError(t, err, name)
		require.Greater(t, len(b), 50, name)
	}
}
