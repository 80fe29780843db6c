package data

import (
	"time"

	"github.com/google/uuid"
)

// addProject makes what has to exist before people do: the project, its
// owner and the feature flags that they see.
func (w *World) addProject() {
	born := w.Stories.Start.AddDate(-1, -2, 0)
	w.User = UserRef{
		ID: 1, UUID: uuid.MustParse("0192a1b0-0000-7000-8000-000000000001"), DistinctID: "lumen-analyst",
		FirstName: "Robin", LastName: "Adeyemi", Email: "robin@" + CompanyDomain,
	}
	w.Organization = Organization{
		ID: uuid.MustParse("0192a1b0-0000-7000-8000-0000000000aa"), Name: ProductName, Slug: "lumen-notes", CreatedAt: born, MembershipLevel: 8,
	}
	w.Project = Project{
		ID: ProjectID, UUID: uuid.MustParse("0192a1b0-0000-7000-8000-0000000000bb"), Organization: w.Organization.ID,
		Name: ProductName, APIToken: ProjectToken, TimeZone: w.Options.TimeZone, IsDemo: true, IngestedEvent: true,
		CompletedSnippetOnboarding: true, PersonOnEventsQueryingEnabled: true,
		TestAccountFilters: []PropertyFilter{
			{Key: "email", Type: "person", Operator: "not_icontains", Value: "@" + CompanyDomain},
		},
		AppURLs: []string{"https://" + AppHost, "https://" + SiteHost}, CreatedAt: born,
	}
	w.addFlags(born)
}

// addFlags makes one flag of each kind that clients meet.
func (w *World) addFlags(born time.Time) {
	halves := &FlagVariants{Variants: []FlagVariant{
		{Key: VariantControl, Name: "As before", RolloutPercentage: 50}, {Key: VariantTest, Name: "New", RolloutPercentage: 50},
	}}
	identified := []PropertyFilter{{Key: "email", Type: "person", Operator: "is_set", Value: "is_set"}}
	everyone := []FlagCondition{{Properties: []PropertyFilter{}, RolloutPercentage: new(100.0)}}
	add := func(f FeatureFlag) {
		f.ID = int64(len(w.Flags) + 1)
		f.CreatedBy, f.Version, f.EvaluationRuntime = &w.User, 1, "all"
		f.UpdatedAt, f.Tags, f.Status = f.CreatedAt, []string{}, "ACTIVE"
		if f.ExperimentSet == nil {
			f.ExperimentSet = []int64{}
		}
		if !f.Active {
			f.Status = "INACTIVE"
		}
		if f.Filters.Payloads == nil {
			f.Filters.Payloads = map[string]string{}
		}
		f.RolloutPercentage = f.Filters.Groups[0].RolloutPercentage
		w.Flags = append(w.Flags, &f)
	}
	st := &w.Stories
	add(FeatureFlag{
		Key: PricingFlag, Name: "Experiment: the rewritten plans page", Active: true, CreatedAt: st.PricingStart.Add(-26 * time.Hour),
		ExperimentSet: []int64{PricingExperimentID},
		Filters:       FlagFilters{Groups: []FlagCondition{{Properties: identified, RolloutPercentage: new(100.0)}}, Multivariate: halves},
	})
	add(FeatureFlag{
		Key: ChecklistFlag, Name: "Experiment: a checklist during onboarding (finished)", Active: true, CreatedAt: st.ChecklistStart.Add(-50 * time.Hour),
		ExperimentSet: []int64{ChecklistExperiment},
		Filters:       FlagFilters{Groups: everyone, Multivariate: halves},
	})
	add(FeatureFlag{
		Key: EditorFlag, Name: "The new editor, for 30 % of everyone", Active: true, CreatedAt: st.Start.AddDate(0, 0, -20),
		Filters: FlagFilters{Groups: []FlagCondition{{Properties: []PropertyFilter{}, RolloutPercentage: new(30.0)}}},
	})
	add(FeatureFlag{
		Key: SummariesFlag, Name: "AI summaries for paying plans", Active: true, CreatedAt: st.Start.AddDate(0, 0, 30),
		Filters: FlagFilters{Groups: []FlagCondition{{
			Properties:        []PropertyFilter{{Key: "plan", Type: "person", Operator: "exact", Value: []any{PlanPro, PlanTeam}}},
			RolloutPercentage: new(100.0),
		}}},
	})
	add(FeatureFlag{
		Key: ExportFlag, Name: "The old export, switched off", Active: false, CreatedAt: born.AddDate(0, 3, 0),
		Filters: FlagFilters{Groups: everyone},
	})
	add(FeatureFlag{
		Key: BannerFlag, Name: "A banner about the newest release", Active: true, CreatedAt: st.ReleaseAt.Add(-time.Hour),
		Filters: FlagFilters{Groups: everyone, Payloads: map[string]string{"true": `{"text":"Lumen Notes ` + BadRelease + ` is here","color":"amber"}`}},
	})
	add(FeatureFlag{
		Key: "ai-summaries-test", Name: "Experiment: summaries on the free plan (draft)", Active: false, CreatedAt: w.Options.Now.AddDate(0, 0, -3),
		ExperimentSet: []int64{SummariesExperiment},
		Filters:       FlagFilters{Groups: everyone, Multivariate: halves},
	})
}

// flag gives the flag with a key, or nil.
func (w *World) flag(key string) *FeatureFlag {
	for _, f := range w.Flags {
		if f.Key == key {
			return f
		}
	}
	return nil
}

// addObjects makes what is about the people and events: cohorts, experiments,
// insights and the rest.
func (w *World) addObjects() {
	w.addIssues()
	w.addCohorts()
	w.addExperiments()
	w.addInsights()
	w.addAnnotations()
	start := w.Stories.Start
	w.Surveys = []*Survey{{
		ID: uuid.MustParse(NPSSurveyID), Name: "How likely are you to recommend us?", Description: "Asked once, in the app", Type: "popover",
		Questions: []SurveyQuestion{{ID: NPSQuestionID, Type: "rating", Question: "How likely are you to recommend Lumen Notes to a colleague?", Scale: 10}},
		StartDate: &start, CreatedAt: start, CreatedBy: &w.User,
	}}
}

func (w *World) addAnnotations() {
	add := func(at time.Time, content, scope string) {
		w.Annotations = append(w.Annotations, &Annotation{
			ID: int64(len(w.Annotations) + 1), Content: content, DateMarker: at, CreationType: "USR", Scope: scope,
			Tags: []string{}, CreatedBy: &w.User, CreatedAt: at, UpdatedAt: at,
		})
	}
	for _, r := range w.Stories.Releases[1:] {
		add(r.At, "Release "+r.Version, "project")
	}
	add(w.Stories.PricingStart, "Experiment started: new plans page", "project")
	add(w.Stories.ChecklistEnd, "Experiment ended: onboarding checklist, no difference", "project")
	add(w.Stories.Start, "Campaign study-hacks started on scrollhub", "organization")
}
