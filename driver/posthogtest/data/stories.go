package data

import "time"

// Names of the product, Lumen Notes: a note-taking service sold by
// subscription. Its hosts and mail domains are reserved names.
const (
	ProductName    = "Lumen Notes"
	CompanyDomain  = "lumen-notes.example"
	AppHost        = "app." + CompanyDomain
	SiteHost       = "www." + CompanyDomain
	ProjectID      = 1
	ProjectToken   = "phc_demoLumenNotes000000000000000000000000000" //nolint:gosec // a public token of made-up data
	CurrencyEurope = "EUR"
	CurrencyOther  = "USD"
)

// Keys that the stories hang on.
const (
	PricingFlag         = "pricing-page-v2"      // running experiment, variants control and test
	PricingExperimentID = 1                      // its experiment: test wins
	ChecklistFlag       = "onboarding-checklist" // finished experiment without a winner
	ChecklistExperiment = 2                      // its experiment
	EditorFlag          = "new-editor"           // boolean, 30 % of everyone
	SummariesFlag       = "ai-summaries"         // people whose plan is pro or team
	ExportFlag          = "legacy-export"        // switched off
	BannerFlag          = "release-banner"       // boolean with a payload
	SummariesExperiment = 3                      // draft experiment on ai-summaries-test
	WeakChannel         = "scrollhub"            // utm_source: many signups, few payers
	StrongChannel       = "partner"              // utm_source: few signups, many payers
	BadRelease          = "2.15.0"               // $app_version of the broken release
	BadIssueID          = "0199f3a0-7c1e-7d44-9a51-5be2c4a1d001"
	BadIssueFingerprint = "a7c1f0de5b9e4c3d8f2a6b1c0d9e8f70"
	TemplateEvent       = "template_used" // the feature whose users stay
	NPSSurveyID         = "0199f3a0-7c1e-7d44-9a51-5be2c4a1f001"
	NPSQuestionID       = "0199f3a0-7c1e-7d44-9a51-5be2c4a1f002"
	VariantControl      = "control"
	VariantTest         = "test"
)

// SignupFunnel gives the steps of the signup story, in order; its third step
// is the steep one.
func SignupFunnel() []string {
	return []string{"signup_started", "user_signed_up", "onboarding_completed", "project_created"}
}

// Stories are the facts built into the data, for an analyst to find and for
// tests to hold. Rates are those that the generator aims at; people are dealt
// to outcomes in turn rather than by chance, so the data comes close at any
// seed.
//
//   - Signup funnel ([SignupFunnel], within a week): about 80 % of those who
//     start sign up, only about 40 % of these complete onboarding (the steep
//     third step), and about 85 % of these create a project.
//   - Pricing experiment ([PricingFlag], experiment [PricingExperimentID]):
//     since PricingStart, signed-in people who open the pricing page see
//     control or test in halves, dealt by PostHog's own rollout hash of their
//     first identified distinct id. Of the exposed, about 10 % (control) and
//     22 % (test) have subscription_started later: a true winner.
//   - Checklist experiment ([ChecklistFlag]): ran from ChecklistStart to
//     ChecklistEnd on new signups and changed nothing.
//   - Channels: utm_source [WeakChannel] (paid social) brings the most signups
//     of all and the fewest payers; [StrongChannel] brings few signups, of
//     whom far more pay.
//   - Release: the version [BadRelease] went out at ReleaseAt; since then, and
//     only in that version, the issue [BadIssueID] (TypeError in the editor)
//     occurs. Other issues are background noise; one was resolved by an
//     earlier release.
//   - Week: a weekend day has less than two thirds of a weekday's events.
//   - Failed payments: more than half of the people with payment_failed cancel
//     within two weeks and go silent; of the other payers, about 5 % a month.
//   - Templates: people who use [TemplateEvent] in their first week are still
//     there in the fifth week about twice as often as the others who
//     completed onboarding.
//   - Power users: activity is heavy-tailed; the most active twentieth of
//     people make more than a third of all events.
type Stories struct {
	Start          time.Time // of the first event's day
	ReleaseAt      time.Time
	PricingStart   time.Time
	ChecklistStart time.Time
	ChecklistEnd   time.Time
	Releases       []Release
}

// Release is one version of the web app.
type Release struct {
	Version string
	At      time.Time
}

// newStories lays the stories out over the days before now. The release is on
// a weekday at ten o'clock in the project's time zone.
func newStories(o *Options) Stories {
	loc := o.location
	day := func(share float64) time.Time {
		t := o.Now.In(loc).Add(-time.Duration(share * float64(o.Days) * 24 * float64(time.Hour)))
		y, m, d := t.Date()
		switch t.Weekday() {
		case time.Saturday:
			d--
		case time.Sunday:
			d -= 2
		}
		return time.Date(y, m, d, 10, 0, 0, 0, loc).UTC()
	}
	s := Stories{
		Start:          o.Now.AddDate(0, 0, -o.Days),
		ReleaseAt:      day(0.18),
		PricingStart:   day(0.52),
		ChecklistStart: day(0.93),
		ChecklistEnd:   day(0.66),
	}
	s.Releases = []Release{
		{Version: "2.11.3", At: time.Time{}},
		{Version: "2.12.0", At: day(0.80)},
		{Version: "2.13.0", At: day(0.57)},
		{Version: "2.14.0", At: day(0.36)},
		{Version: BadRelease, At: s.ReleaseAt},
	}
	return s
}

// version is the app's version at a time. The app is a web page: everyone has
// the newest.
func (s *Stories) version(at time.Time) int {
	for i := len(s.Releases) - 1; i > 0; i-- {
		if !at.Before(s.Releases[i].At) {
			return i
		}
	}
	return 0
}
