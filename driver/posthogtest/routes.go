package posthogtest

import "net/http"

// softDelete is the refusal of DELETE on models that are only marked.
func softDelete(*call) (*reply, error) {
	return nil, &apiError{
		status: http.StatusMethodNotAllowed, kind: "invalid_request", code: "method_not_allowed",
		detail: `Hard delete of this model is not allowed. Use a patch API call to set "deleted" to true`,
	}
}

// routes is the table of the private API. A literal path stands before one
// with a :name that it would match.
func (s *Server) routes() []*route {
	const p = "/api/projects/:project_id/"
	get, post, patch, del := http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	all := []*route{
		{method: get, path: "/api/users/@me/", scopes: []string{"user:read"}, userRoute: true, handle: s.me},
		{method: get, path: "/api/personal_api_keys/@current/", anyKey: true, userRoute: true, handle: s.currentKey},
		{method: get, path: "/api/organizations/", scopes: []string{"organization:read"}, handle: s.organizations},
		{method: get, path: "/api/organizations/:org_id/", scopes: []string{"organization:read"}, handle: s.organization},
		{method: get, path: "/api/organizations/:org_id/projects/", scopes: []string{"project:read"}, handle: s.projects},
		{method: get, path: "/api/projects/", scopes: []string{"project:read"}, handle: s.projects},
		{method: get, path: "/api/projects/:project_id/", scopes: []string{"project:read"}, handle: s.project},
		{method: get, path: "/api/feature_flag/local_evaluation", scopes: []string{"feature_flag:read"}, bucket: flagDefinitions, secretKey: true, userRoute: true, handle: s.localEvaluation},
		{method: get, path: "/api/feature_flag/local_evaluation/", scopes: []string{"feature_flag:read"}, bucket: flagDefinitions, secretKey: true, userRoute: true, handle: s.localEvaluation},

		{method: post, path: p + "query/", scopes: []string{"query:read"}, bucket: queries, handle: s.runQuery},
		{method: get, path: p + "query/:id/", scopes: []string{"query:read"}, bucket: queries, handle: s.pollQuery},
		{method: del, path: p + "query/:id/", scopes: []string{"query:read"}, bucket: queries, handle: s.cancelQuery},
		{method: get, path: p + "query/:id/log/", scopes: []string{"query:read"}, bucket: queries, handle: s.queryLog},

		{method: get, path: p + "events/", scopes: []string{"query:read"}, bucket: clickhouse, handle: s.listEvents},
		{method: get, path: p + "events/values/", scopes: []string{"query:read"}, bucket: eventValues, handle: s.eventValues},
		{method: get, path: p + "events/:id/", scopes: []string{"query:read"}, bucket: clickhouse, handle: s.getEvent},
		{method: get, path: p + "persons/", scopes: []string{"person:read"}, bucket: persons, handle: s.listPersons},
		{method: get, path: p + "persons/values/", scopes: []string{"person:read"}, bucket: persons, handle: s.personValues},
		{method: get, path: p + "persons/cohorts/", scopes: []string{"person:read", "cohort:read"}, bucket: persons, handle: s.personCohorts},
		{method: get, path: p + "persons/:id/", scopes: []string{"person:read"}, bucket: persons, handle: s.getPerson},

		{method: get, path: p + "cohorts/", scopes: []string{"cohort:read"}, handle: s.listCohorts},
		{method: post, path: p + "cohorts/", scopes: []string{"cohort:write"}, handle: s.createCohort},
		{method: get, path: p + "cohorts/:id/", scopes: []string{"cohort:read"}, handle: s.getCohort},
		{method: patch, path: p + "cohorts/:id/", scopes: []string{"cohort:write"}, handle: s.patchCohort},
		{method: del, path: p + "cohorts/:id/", scopes: []string{"cohort:write"}, handle: softDelete},
		{method: get, path: p + "cohorts/:id/persons/", scopes: []string{"cohort:read", "person:read"}, bucket: clickhouse, handle: s.cohortPersons},
		{method: patch, path: p + "cohorts/:id/add_persons_to_static_cohort/", scopes: []string{"cohort:write"}, handle: s.addToCohort},
		{method: patch, path: p + "cohorts/:id/remove_person_from_static_cohort/", scopes: []string{"cohort:write"}, handle: s.removeFromCohort},

		{method: get, path: p + "feature_flags/", scopes: []string{"feature_flag:read"}, handle: s.listFlags},
		{method: post, path: p + "feature_flags/", scopes: []string{"feature_flag:write"}, handle: s.createFlag},
		{method: get, path: p + "feature_flags/:id/", scopes: []string{"feature_flag:read"}, handle: s.getFlag},
		{method: patch, path: p + "feature_flags/:id/", scopes: []string{"feature_flag:write"}, handle: s.patchFlag},
		{method: del, path: p + "feature_flags/:id/", scopes: []string{"feature_flag:write"}, handle: softDelete},
		{method: get, path: p + "feature_flags/:id/remote_config/", scopes: []string{"feature_flag:read"}, bucket: remoteConfig, secretKey: true, handle: s.remoteConfig},
		{method: get, path: p + "experiments/", scopes: []string{"experiment:read"}, secretKey: true, handle: s.listExperiments},
		{method: get, path: p + "experiments/:id/", scopes: []string{"experiment:read"}, secretKey: true, handle: s.getExperiment},
		{method: del, path: p + "experiments/:id/", scopes: []string{"experiment:write"}, handle: softDelete},

		{method: get, path: p + "insights/", scopes: []string{"insight:read"}, handle: s.listInsights},
		{method: post, path: p + "insights/", scopes: []string{"insight:write"}, handle: s.createInsight},
		{method: get, path: p + "insights/:id/", scopes: []string{"insight:read"}, bucketOf: insightBucket, handle: s.getInsight},
		{method: patch, path: p + "insights/:id/", scopes: []string{"insight:write"}, handle: s.patchInsight},
		{method: del, path: p + "insights/:id/", scopes: []string{"insight:write"}, handle: softDelete},
		{method: get, path: p + "dashboards/", scopes: []string{"dashboard:read"}, handle: s.listDashboards},
		{method: get, path: p + "dashboards/:id/", scopes: []string{"dashboard:read"}, handle: s.getDashboard},
		{method: del, path: p + "dashboards/:id/", scopes: []string{"dashboard:write"}, handle: softDelete},
		{method: get, path: p + "annotations/", scopes: []string{"annotation:read"}, handle: s.listAnnotations},
		{method: post, path: p + "annotations/", scopes: []string{"annotation:write"}, handle: s.createAnnotation},
		{method: get, path: p + "annotations/:id/", scopes: []string{"annotation:read"}, handle: s.getAnnotation},
		{method: patch, path: p + "annotations/:id/", scopes: []string{"annotation:write"}, handle: s.patchAnnotation},
		{method: del, path: p + "annotations/:id/", scopes: []string{"annotation:write"}, handle: softDelete},

		{method: get, path: p + "event_definitions/", scopes: []string{"event_definition:read"}, handle: s.listEventDefinitions},
		{method: get, path: p + "event_definitions/:id/", scopes: []string{"event_definition:read"}, handle: s.getEventDefinition},
		{method: get, path: p + "property_definitions/", scopes: []string{"property_definition:read"}, handle: s.listPropertyDefinitions},
		{method: get, path: p + "groups_types/", scopes: []string{"group:read"}, handle: s.groupTypes},
		{method: get, path: p + "error_tracking/issues/", scopes: []string{"error_tracking:read"}, handle: s.listIssues},
		{method: get, path: p + "error_tracking/issues/:id/", scopes: []string{"error_tracking:read"}, handle: s.getIssue},
		{method: get, path: p + "surveys/", scopes: []string{"survey:read"}, handle: s.listSurveys},
		{method: get, path: p + "actions/", scopes: []string{"action:read"}, handle: s.listActions},
		{method: get, path: p + "activity_log/", scopes: []string{"activity_log:read"}, handle: s.activityLog},
	}
	return all
}
