package data

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// UserRef is the short form of a team member inside created_by fields.
type UserRef struct {
	ID         int64     `json:"id"`
	UUID       uuid.UUID `json:"uuid"`
	DistinctID string    `json:"distinct_id"`
	FirstName  string    `json:"first_name"`
	LastName   string    `json:"last_name"`
	Email      string    `json:"email"`
}

// Organization is what GET /api/organizations/@current/ tells about the
// demo's owner.
type Organization struct {
	ID              uuid.UUID `json:"id"`
	Name            string    `json:"name"`
	Slug            string    `json:"slug"`
	CreatedAt       time.Time `json:"created_at"`
	MembershipLevel int       `json:"membership_level"`
}

// Project is the body of GET /api/projects/:id/. The lists of projects carry
// the subset id, uuid, organization, name, api_token, timezone, is_demo and
// ingested_event of the same object.
type Project struct {
	ID                             int64            `json:"id"`
	UUID                           uuid.UUID        `json:"uuid"`
	Organization                   uuid.UUID        `json:"organization"`
	Name                           string           `json:"name"`
	APIToken                       string           `json:"api_token"`
	TimeZone                       string           `json:"timezone"`
	WeekStartDay                   int              `json:"week_start_day"`
	IsDemo                         bool             `json:"is_demo"`
	IngestedEvent                  bool             `json:"ingested_event"`
	CompletedSnippetOnboarding     bool             `json:"completed_snippet_onboarding"`
	SessionRecordingOptIn          bool             `json:"session_recording_opt_in"`
	PersonOnEventsQueryingEnabled  bool             `json:"person_on_events_querying_enabled"`
	TestAccountFilters             []PropertyFilter `json:"test_account_filters"`
	TestAccountFiltersDefaultCheck bool             `json:"test_account_filters_default_checked"`
	AppURLs                        []string         `json:"app_urls"`
	CreatedAt                      time.Time        `json:"created_at"`
}

// EventDefinition is one row of GET /api/projects/:id/event_definitions/.
// Custom tells an event of the product from one of PostHog's own ($...); the
// REST list filters by it with event_type and does not print it.
type EventDefinition struct {
	ID          uuid.UUID `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Tags        []string  `json:"tags"`
	Owner       *UserRef  `json:"owner"`
	Verified    bool      `json:"verified"`
	Hidden      bool      `json:"hidden"`
	CreatedAt   time.Time `json:"created_at"`
	LastSeenAt  time.Time `json:"last_seen_at"`
	Custom      bool      `json:"-"`
}

// PropertyDefinition is one row of GET
// /api/projects/:id/property_definitions/. Type is "event" or "person".
// Events names the events that carry an event property, sorted: the REST list
// uses it for event_names and is_seen_on_filtered_events.
type PropertyDefinition struct {
	ID          uuid.UUID `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Tags        []string  `json:"tags"`
	Type        string    `json:"-"`
	// PropertyType is String, Numeric, Boolean or DateTime; nil when only
	// null, list or object values were seen.
	PropertyType *string  `json:"property_type"`
	IsNumerical  bool     `json:"is_numerical"`
	Verified     bool     `json:"verified"`
	Hidden       bool     `json:"hidden"`
	Events       []string `json:"-"`
}

// Cohort is one cohort in the shape of GET /api/projects/:id/cohorts/.
// Members of a static cohort are in StaticPersons; those of a dynamic one are
// computed per snapshot (see [Snapshot.Cohorts]).
type Cohort struct {
	ID                int64           `json:"id"`
	Name              string          `json:"name"`
	Description       string          `json:"description"`
	Filters           json.RawMessage `json:"filters"`
	Query             json.RawMessage `json:"query"`
	IsStatic          bool            `json:"is_static"`
	CohortType        string          `json:"cohort_type"`
	Count             *int            `json:"count"`
	Version           int             `json:"version"`
	PendingVersion    int             `json:"pending_version"`
	IsCalculating     bool            `json:"is_calculating"`
	LastCalculation   *time.Time      `json:"last_calculation"`
	ErrorsCalculating int             `json:"errors_calculating"`
	LastErrorMessage  *string         `json:"last_error_message"`
	Deleted           bool            `json:"deleted"`
	CreatedBy         *UserRef        `json:"created_by"`
	CreatedAt         time.Time       `json:"created_at"`
	ExperimentSet     []int64         `json:"experiment_set"`
	StaticPersons     []uuid.UUID     `json:"-"`
}

// FeatureFlag is one flag in the shape of GET
// /api/projects/:id/feature_flags/. Name is the description.
type FeatureFlag struct {
	ID                         int64       `json:"id"`
	Name                       string      `json:"name"`
	Key                        string      `json:"key"`
	Filters                    FlagFilters `json:"filters"`
	Deleted                    bool        `json:"deleted"`
	Active                     bool        `json:"active"`
	Archived                   bool        `json:"archived"`
	CreatedBy                  *UserRef    `json:"created_by"`
	CreatedAt                  time.Time   `json:"created_at"`
	UpdatedAt                  time.Time   `json:"updated_at"`
	Version                    int         `json:"version"`
	EnsureExperienceContinuity bool        `json:"ensure_experience_continuity"`
	ExperimentSet              []int64     `json:"experiment_set"`
	RolloutPercentage          *float64    `json:"rollout_percentage"`
	Tags                       []string    `json:"tags"`
	EvaluationRuntime          string      `json:"evaluation_runtime"`
	Status                     string      `json:"status"`
}

// FlagFilters is a flag's release conditions. Payloads are JSON texts by
// variant key, or by "true" for a boolean flag.
type FlagFilters struct {
	Groups       []FlagCondition   `json:"groups"`
	Multivariate *FlagVariants     `json:"multivariate"`
	Payloads     map[string]string `json:"payloads"`
}

// FlagCondition is one release condition: the properties (all of them), then
// the percentage of those people. Variant, when set, overrides the hash.
type FlagCondition struct {
	Properties        []PropertyFilter `json:"properties"`
	RolloutPercentage *float64         `json:"rollout_percentage"`
	Variant           *string          `json:"variant"`
}

// FlagVariants lists the variants of a multivariate flag.
type FlagVariants struct {
	Variants []FlagVariant `json:"variants"`
}

// FlagVariant is one variant with its share in percent.
type FlagVariant struct {
	Key               string  `json:"key"`
	Name              string  `json:"name"`
	RolloutPercentage float64 `json:"rollout_percentage"`
}

// Experiment is one experiment in the shape of GET
// /api/projects/:id/experiments/. Results come from the query endpoint, with
// one of Metrics as the ExperimentQuery's metric.
type Experiment struct {
	ID                int64                `json:"id"`
	Name              string               `json:"name"`
	Description       string               `json:"description"`
	Type              string               `json:"type"`
	FeatureFlagKey    string               `json:"feature_flag_key"`
	FeatureFlag       *FeatureFlag         `json:"feature_flag"`
	StartDate         *time.Time           `json:"start_date"`
	EndDate           *time.Time           `json:"end_date"`
	Archived          bool                 `json:"archived"`
	Deleted           bool                 `json:"deleted"`
	Status            string               `json:"status"`
	Metrics           []json.RawMessage    `json:"metrics"`
	MetricsSecondary  []json.RawMessage    `json:"metrics_secondary"`
	SavedMetrics      []json.RawMessage    `json:"saved_metrics"`
	ExposureCriteria  json.RawMessage      `json:"exposure_criteria"`
	StatsConfig       json.RawMessage      `json:"stats_config"`
	Parameters        ExperimentParameters `json:"parameters"`
	Conclusion        *string              `json:"conclusion"`
	ConclusionComment *string              `json:"conclusion_comment"`
	HoldoutID         *int64               `json:"holdout_id"`
	CreatedBy         *UserRef             `json:"created_by"`
	CreatedAt         time.Time            `json:"created_at"`
	UpdatedAt         time.Time            `json:"updated_at"`
}

// ExperimentParameters holds the variants and the planned size.
type ExperimentParameters struct {
	FeatureFlagVariants     []FlagVariant `json:"feature_flag_variants"`
	MinimumDetectableEffect float64       `json:"minimum_detectable_effect"`
	RecommendedSampleSize   int           `json:"recommended_sample_size"`
}

// Insight is one saved insight in the shape of GET
// /api/projects/:id/insights/. Result stays null until something calculates
// it: the HTTP layer runs Query for refresh=blocking.
type Insight struct {
	ID              int64           `json:"id"`
	ShortID         string          `json:"short_id"`
	Name            string          `json:"name"`
	DerivedName     *string         `json:"derived_name"`
	Description     string          `json:"description"`
	Query           json.RawMessage `json:"query"`
	Dashboards      []int64         `json:"dashboards"`
	Favorited       bool            `json:"favorited"`
	Saved           bool            `json:"saved"`
	Deleted         bool            `json:"deleted"`
	Tags            []string        `json:"tags"`
	CreatedAt       time.Time       `json:"created_at"`
	CreatedBy       *UserRef        `json:"created_by"`
	UpdatedAt       time.Time       `json:"updated_at"`
	LastModifiedAt  time.Time       `json:"last_modified_at"`
	LastModifiedBy  *UserRef        `json:"last_modified_by"`
	LastRefresh     *time.Time      `json:"last_refresh"`
	RefreshingAt    *time.Time      `json:"refreshing_at"`
	Order           *int            `json:"order"`
	Result          any             `json:"result"`
	UserAccessLevel string          `json:"user_access_level"`
}

// Annotation is one annotation in the shape of GET
// /api/projects/:id/annotations/.
type Annotation struct {
	ID             int64     `json:"id"`
	Content        string    `json:"content"`
	DateMarker     time.Time `json:"date_marker"`
	CreationType   string    `json:"creation_type"`
	DashboardItem  *int64    `json:"dashboard_item"`
	DashboardID    *int64    `json:"dashboard_id"`
	DashboardName  *string   `json:"dashboard_name"`
	InsightShortID *string   `json:"insight_short_id"`
	InsightName    *string   `json:"insight_name"`
	Scope          string    `json:"scope"`
	Deleted        bool      `json:"deleted"`
	HiddenInUI     bool      `json:"hidden_in_user_interface"`
	Tags           []string  `json:"tags"`
	Emoji          *string   `json:"emoji"`
	CreatedBy      *UserRef  `json:"created_by"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// Dashboard is one dashboard in the shape of GET
// /api/projects/:id/dashboards/ (without tiles, as the list gives it).
// InsightIDs are its tiles in order.
type Dashboard struct {
	ID          int64     `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Pinned      bool      `json:"pinned"`
	Deleted     bool      `json:"deleted"`
	Tags        []string  `json:"tags"`
	CreatedAt   time.Time `json:"created_at"`
	CreatedBy   *UserRef  `json:"created_by"`
	InsightIDs  []int64   `json:"-"`
}

// Issue is one error tracking issue in the shape of GET
// /api/projects/:id/error_tracking/issues/. Counts come from
// ErrorTrackingQuery.
type Issue struct {
	ID          uuid.UUID `json:"id"`
	Status      string    `json:"status"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	FirstSeen   time.Time `json:"first_seen"`
	Assignee    *UserRef  `json:"assignee"`
	Fingerprint string    `json:"-"`
}

// Survey is one survey in the shape of GET /api/projects/:id/surveys/. Its
// answers are "survey sent" events.
type Survey struct {
	ID          uuid.UUID        `json:"id"`
	Name        string           `json:"name"`
	Description string           `json:"description"`
	Type        string           `json:"type"`
	Questions   []SurveyQuestion `json:"questions"`
	StartDate   *time.Time       `json:"start_date"`
	EndDate     *time.Time       `json:"end_date"`
	Archived    bool             `json:"archived"`
	CreatedAt   time.Time        `json:"created_at"`
	CreatedBy   *UserRef         `json:"created_by"`
}

// SurveyQuestion is one question of a survey.
type SurveyQuestion struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Question string `json:"question"`
	Scale    int    `json:"scale,omitempty"`
}
