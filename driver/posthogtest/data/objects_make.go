package data

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// addCohorts makes two static and four dynamic cohorts and counts them.
func (w *World) addCohorts() {
	add := func(name, description, kind string, filters string, static []uuid.UUID) {
		at := w.Stories.Start.AddDate(0, 0, len(w.Cohorts)*3)
		counted := w.Options.Now.Add(-40 * time.Minute)
		c := &Cohort{
			ID: int64(len(w.Cohorts) + 1), Name: name, Description: description, CohortType: kind, Version: 2, PendingVersion: 2,
			IsStatic: static != nil, StaticPersons: static, LastCalculation: &counted, CreatedBy: &w.User, CreatedAt: at, ExperimentSet: []int64{},
			Filters: json.RawMessage(`{}`), Query: json.RawMessage(`null`),
		}
		if filters != "" {
			c.Filters = json.RawMessage(`{"properties":{"type":"OR","values":[` + filters + `]}}`)
		}
		w.Cohorts = append(w.Cohorts, c)
	}
	and := func(leaf string) string { return `{"type":"AND","values":[` + leaf + `]}` }
	add("Paying customers", "On the pro or team plan", "person_property",
		and(`{"key":"plan","type":"person","operator":"exact","value":["pro","team"],"negation":false}`), nil)
	add("Active this month", "Created a note in the last 30 days", "behavioral",
		and(`{"key":"note_created","type":"behavioral","value":"performed_event","event_type":"events","time_value":30,"time_interval":"day","negation":false}`), nil)
	add("From scrollhub", "First came through the paid social campaign", "person_property",
		and(`{"key":"$initial_utm_source","type":"person","operator":"exact","value":["`+WeakChannel+`"],"negation":false}`), nil)
	add("Lapsed payers", "Had a failed payment in the last 60 days and is not paying now", "behavioral",
		and(`{"key":"payment_failed","type":"behavioral","value":"performed_event","event_type":"events","time_value":60,"time_interval":"day","negation":false},{"key":"is_paying","type":"person","operator":"exact","value":["false"],"negation":false}`), nil)
	add("Beta testers", "Picked by hand", "static", "", w.pickPersons(40, func(p *Person) bool { return p.IsIdentified && p.Number%13 == 5 }))
	add("Team", "People of "+ProductName, "static", "", w.pickPersons(1000, func(p *Person) bool { v, _ := p.Properties.Get("company"); return v == ProductName }))
}

func (w *World) pickPersons(most int, test func(*Person) bool) []uuid.UUID {
	ids := []uuid.UUID{}
	for _, p := range w.Persons {
		if len(ids) < most && test(p) {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// addExperiments makes a running, a finished and a draft experiment.
func (w *World) addExperiments() {
	add := func(key, name, description, status string, from, to *time.Time, metrics, secondary []string) *Experiment {
		flag := w.flag(key)
		e := &Experiment{
			ID: int64(len(w.Experiments) + 1), Name: name, Description: description, Type: "product", FeatureFlagKey: key, FeatureFlag: flag,
			StartDate: from, EndDate: to, Status: status, Metrics: rawList(metrics), MetricsSecondary: rawList(secondary), SavedMetrics: []json.RawMessage{},
			ExposureCriteria: json.RawMessage(`{"filterTestAccounts":false}`), StatsConfig: json.RawMessage(`{"method":"bayesian"}`),
			Parameters: ExperimentParameters{FeatureFlagVariants: slices.Clone(flag.Filters.Multivariate.Variants), MinimumDetectableEffect: 20, RecommendedSampleSize: 600},
			CreatedBy:  &w.User, CreatedAt: flag.CreatedAt, UpdatedAt: flag.CreatedAt,
		}
		w.Experiments = append(w.Experiments, e)
		return e
	}
	const funnel = `{"kind":"ExperimentMetric","metric_type":"funnel","uuid":%q,"name":%q,"goal":"increase","series":[{"kind":"EventsNode","event":%q}]}`
	const mean = `{"kind":"ExperimentMetric","metric_type":"mean","uuid":%q,"name":%q,"goal":"increase","source":{"kind":"EventsNode","event":%q,"math":%q%s}}`
	st := &w.Stories
	add(PricingFlag, "New plans page", "Does the rewritten plans page sell more subscriptions?", "running", &st.PricingStart, nil,
		[]string{fmt.Sprintf(funnel, "c0a80101-0000-4000-8000-000000000001", "Subscribed after seeing the plans", "subscription_started")},
		[]string{
			fmt.Sprintf(mean, "c0a80101-0000-4000-8000-000000000002", "Revenue from new subscriptions", "subscription_started", "sum", `,"math_property":"amount"`),
			fmt.Sprintf(funnel, "c0a80101-0000-4000-8000-000000000003", "Started checkout", "checkout_started"),
		})
	done := add(ChecklistFlag, "Onboarding checklist", "Does a checklist help people through onboarding?", "stopped", &st.ChecklistStart, &st.ChecklistEnd,
		[]string{fmt.Sprintf(funnel, "c0a80101-0000-4000-8000-000000000004", "Completed onboarding", "onboarding_completed")},
		[]string{fmt.Sprintf(mean, "c0a80101-0000-4000-8000-000000000005", "Notes written", "note_created", "total", "")})
	conclusion, comment := "inconclusive", "No difference in four weeks; the checklist stays off."
	done.Conclusion, done.ConclusionComment = &conclusion, &comment
	add("ai-summaries-test", "Summaries on the free plan", "Do summaries make free users subscribe?", "draft", nil, nil,
		[]string{fmt.Sprintf(funnel, "c0a80101-0000-4000-8000-000000000006", "Subscribed", "subscription_started")}, nil)
}

func rawList(texts []string) []json.RawMessage {
	list := make([]json.RawMessage, len(texts))
	for i, t := range texts {
		list[i] = json.RawMessage(t)
	}
	return list
}

// addInsights makes saved insights of the common kinds and a dashboard.
func (w *World) addInsights() {
	at := w.Stories.Start.AddDate(0, 0, 10)
	add := func(shortID, name, description, query string) {
		w.Insights = append(w.Insights, &Insight{
			ID: int64(len(w.Insights) + 1), ShortID: shortID, Name: name, Description: description, Query: json.RawMessage(query), Dashboards: []int64{1},
			Saved: true, Tags: []string{}, CreatedAt: at, CreatedBy: &w.User, UpdatedAt: at, LastModifiedAt: at, LastModifiedBy: &w.User, UserAccessLevel: "editor",
		})
	}
	viz := func(source string) string { return `{"kind":"InsightVizNode","source":` + source + `}` }
	steps := `{"kind":"EventsNode","event":"` + strings.Join(SignupFunnel(), `"},{"kind":"EventsNode","event":"`) + `"}`
	add("lnDauWk1", "Daily active users", "People with a page view, by day", viz(`{"kind":"TrendsQuery","series":[{"kind":"EventsNode","event":"$pageview","math":"dau"}],"interval":"day","dateRange":{"date_from":"-30d"},"filterTestAccounts":true}`))
	add("lnFunnl2", "Signup funnel", "From the signup form to the first project", viz(`{"kind":"FunnelsQuery","series":[`+steps+`],"dateRange":{"date_from":"-30d"},"funnelsFilter":{"funnelOrderType":"ordered","funnelWindowInterval":7,"funnelWindowIntervalUnit":"day"}}`))
	add("lnRetnt3", "Weekly retention", "Signups who come back", viz(`{"kind":"RetentionQuery","retentionFilter":{"period":"Week","totalIntervals":8,"targetEntity":{"id":"user_signed_up","type":"events"},"returningEntity":{"id":"$pageview","type":"events"},"retentionType":"retention_first_time"},"dateRange":{"date_from":"-60d"}}`))
	add("lnRevnu4", "New revenue by plan", "Amounts of new subscriptions, by week", viz(`{"kind":"TrendsQuery","series":[{"kind":"EventsNode","event":"subscription_started","math":"sum","math_property":"amount"}],"interval":"week","dateRange":{"date_from":"-90d"},"breakdownFilter":{"breakdown":"plan","breakdown_type":"event"}}`))
	add("lnLifec5", "Lifecycle", "New, returning, resurrecting and dormant people", viz(`{"kind":"LifecycleQuery","series":[{"kind":"EventsNode","event":"note_created"}],"interval":"week","dateRange":{"date_from":"-60d"}}`))
	add("lnStick6", "Stickiness", "On how many days people write notes", viz(`{"kind":"StickinessQuery","series":[{"kind":"EventsNode","event":"note_created"}],"interval":"day","dateRange":{"date_from":"-30d"}}`))
	add("lnSqlCh7", "Signups and payers by channel", "Which channels bring people who pay", `{"kind":"DataVisualizationNode","source":{"kind":"HogQLQuery","query":"SELECT properties.$initial_utm_source AS channel, countIf(properties.email IS NOT NULL) AS signups, countIf(properties.is_paying = true) AS payers FROM persons GROUP BY channel ORDER BY signups DESC"}}`)
	dashboard := &Dashboard{ID: 1, Name: "Product overview", Description: "What the team looks at on Mondays", Pinned: true, Tags: []string{}, CreatedAt: at, CreatedBy: &w.User}
	for _, i := range w.Insights {
		dashboard.InsightIDs = append(dashboard.InsightIDs, i.ID)
	}
	w.Dashboards = []*Dashboard{dashboard}
}
