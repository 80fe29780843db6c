package credential

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what a PostHog key is for, judged by its prefix.
type Kind string

// The kinds of keys.
const (
	KindPersonal Kind = "personal API key"   // phx_: private API, within its scopes
	KindOAuth    Kind = "OAuth access token" // pha_: private API, expires
	KindProject  Kind = "project API key"    // phc_: public; captures events and evaluates flags
	KindSecret   Kind = "project secret key" // phs_: a few flag endpoints only
	KindUnknown  Kind = "key without a known prefix"
)

// KindOf judges a key by its prefix. Very old personal keys have none and are
// KindUnknown.
func KindOf(key string) Kind {
	switch {
	case strings.HasPrefix(key, "phx_"):
		return KindPersonal
	case strings.HasPrefix(key, "pha_"):
		return KindOAuth
	case strings.HasPrefix(key, "phc_"):
		return KindProject
	case strings.HasPrefix(key, "phs_"):
		return KindSecret
	}
	return KindUnknown
}

// CheckPersonal refuses what cannot be a key for the private API, with the
// reason. A key without a known prefix passes: old personal keys look so.
func CheckPersonal(key string) error {
	if err := checkText(key); err != nil {
		return fmt.Errorf("personal API key: %w", err)
	}
	switch KindOf(key) {
	case KindProject:
		return errors.New("personal API key: a project API key (phc_…) was given; it only captures events and evaluates flags, so it belongs in POSTHOG_PROJECT_API_KEY. Create a personal API key (phx_…) under Settings → Personal API keys")
	case KindSecret:
		return errors.New("personal API key: a project secret key (phs_…) was given; it opens only a few flag endpoints. Create a personal API key (phx_…) under Settings → Personal API keys")
	}
	return nil
}

// CheckProject refuses what cannot be a project API key, with the reason.
func CheckProject(key string) error {
	if err := checkText(key); err != nil {
		return fmt.Errorf("project API key: %w", err)
	}
	switch kind := KindOf(key); kind {
	case KindPersonal, KindOAuth, KindSecret:
		return fmt.Errorf("project API key: a %s (%s…) was given; it is secret and capture refuses it. The project API key starts with phc_ and stands in the project's settings", kind, key[:4])
	}
	return nil
}

// checkText catches pasting accidents that would break the header or leak the
// key into another field.
func checkText(key string) error {
	for _, r := range key {
		if r <= ' ' || r > '~' {
			return errors.New("the key has a space, line break or character that no key has; paste it again")
		}
	}
	if key == "" {
		return errors.New("empty")
	}
	return nil
}
