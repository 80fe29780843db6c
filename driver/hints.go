package driver

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// unauthenticatedHint says what to do about a 401. On the Cloud a good key of
// the other region looks exactly like a bad one.
func (k *call) unauthenticatedHint() string {
	if k.target == ingestHost {
		return "Check POSTHOG_PROJECT_API_KEY: it starts with phc_ and stands in the project's settings."
	}
	hint := fmt.Sprintf("Check the personal API key (phx_…) for %s; it may be revoked or expired.", k.url.Host)
	if other := otherRegion(k.url.Host); other != "" {
		hint += fmt.Sprintf(" Keys are bound to a region: if it was made on %s, set POSTHOG_HOST=%s.", other, strings.SplitN(other, ".", 2)[0])
	}
	return hint
}

func forbiddenHint(e *Error) string {
	switch {
	case e.MissingScope != "":
		return fmt.Sprintf("Give the personal API key the scope %s in PostHog under Settings → Personal API keys.", e.MissingScope)
	case strings.Contains(e.Detail, "does not have access to the requested project"):
		return "Set POSTHOG_PROJECT_ID to a project of this key, or allow the key this project."
	case strings.Contains(e.Detail, "only supported on project-based endpoints"):
		return "The key is restricted to some projects; set POSTHOG_PROJECT_ID to one of them."
	}
	return "The key or its owner may not do this; ask an administrator of the PostHog project."
}

func notFoundHint(e *Error, known bool, k *call) string {
	switch {
	case !known:
		return fmt.Sprintf("%s has no such endpoint; check that POSTHOG_HOST is PostHog's app host.", k.url.Host)
	case strings.HasPrefix(e.Detail, "Project not found"):
		return "Check POSTHOG_PROJECT_ID, and that the key belongs to that project's organization and region."
	}
	return "List the objects first and use an id from there."
}

func exhaustedHint(periodEnd string) string {
	when := "when the billing period ends"
	if periodEnd != "" {
		when = "on " + cleanText(periodEnd, 40)
	}
	return "The plan's allowance is used up; it comes back " + when + ", or with a larger plan. Retrying does not help."
}

// statusText describes an answer without usable words of PostHog's. The
// standard library has no text for PostHog's own 512 and 513.
func statusText(host string, status int) string {
	text := http.StatusText(status)
	if text != "" {
		text = " " + text
	}
	return fmt.Sprintf("%s answered %d%s", host, status, text)
}

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }
