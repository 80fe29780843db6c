package driver

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// switches reads the yes-or-no settings.
func (l *settingsLoader) switches() {
	read := func(name string) bool {
		f, ok := l.found[name]
		if !ok {
			return false
		}
		on, err := strconv.ParseBool(strings.ToLower(f.value))
		if err != nil {
			l.fail(fmt.Errorf("%s: %q is neither true nor false", f.name, cleanText(f.value, 40)))
		}
		return on
	}
	l.out.Config.AllowHTTP = read(SettingAllowHTTP)
	l.out.Config.UseProxy = read(SettingUseProxy)
}

func (l *settingsLoader) hosts() {
	f, given := l.found[SettingHost]
	if !given {
		f = found{value: "us", name: SettingHost}
	}
	app, err := parseHost(f.name, f.value, l.out.Config.AllowHTTP)
	if err != nil {
		l.fail(err)
		return
	}
	app, note := appHostOf(app)
	if note != "" {
		l.warn("%s: %s", f.name, note)
	}
	l.out.Config.Host = app.String()
	l.show(SettingHost, app.String(), note)

	ingest, source, note := ingestHostOf(app), "derived from host", ""
	if f, ok := l.found[SettingIngestHost]; ok {
		if ingest, err = parseHost(f.name, f.value, l.out.Config.AllowHTTP); err != nil {
			l.fail(err)
			return
		}
		source = l.source(SettingIngestHost)
		if mapped := ingestHostOf(ingest); mapped != ingest {
			note = fmt.Sprintf("%s is an app host; events go to %s", ingest.Host, mapped.Host)
			l.warn("%s: %s", f.name, note)
			ingest = mapped
		}
	}
	l.out.Config.IngestHost = ingest.String()
	l.showFrom(SettingIngestHost, ingest.String(), source, note)
}

// key makes the credential: a key itself wins over a file with one when both
// stand in the same place.
func (l *settingsLoader) key() {
	key, hasKey := l.found[SettingKey]
	path, hasFile := l.found[SettingKeyFile]
	if hasKey && hasFile {
		if places := []string{"flag", "env", "file"}; slices.Index(places, path.place) < slices.Index(places, key.place) {
			hasKey = false
		} else {
			l.warn("%s and %s are both set; %s is used", key.name, path.name, key.name)
		}
	}
	switch {
	case hasKey:
		src, err := credential.Static(key.value, l.source(SettingKey))
		if err != nil {
			l.fail(fmt.Errorf("%s: %w", key.name, err))
			return
		}
		l.out.Config.Credential = src
		l.show(SettingKey, maskedKey(key.value), string(credential.KindOf(key.value)))
	case hasFile:
		src, err := credential.File(path.value)
		if err != nil {
			l.fail(fmt.Errorf("%s: %w", path.name, err))
			return
		}
		l.out.Config.Credential = src
		l.showFrom(SettingKey, "(in a file)", l.source(SettingKeyFile), path.value)
	default:
		note := "set POSTHOG_PERSONAL_API_KEY (phx_…)"
		if v, _ := l.lookupRaw("POSTHOG_API_KEY"); isSet(v) {
			note += "; POSTHOG_API_KEY is ignored because it holds no personal key (phx_…)"
		}
		l.showFrom(SettingKey, "", "not set", note)
	}
}

func (l *settingsLoader) lookupRaw(name string) (string, bool) {
	if l.in.LookupEnv != nil {
		if v, ok := l.in.LookupEnv(name); ok {
			return v, true
		}
	}
	v, ok := l.file[name]
	return v, ok
}

func (l *settingsLoader) project() {
	if f, ok := l.found[SettingProjectID]; ok {
		id, err := strconv.ParseInt(f.value, 10, 64)
		if err != nil || id <= 0 {
			l.fail(fmt.Errorf("%s: %q is not a project number; it stands in the address of the project, as in /project/12345", f.name, cleanText(f.value, 40)))
		}
		l.out.Config.ProjectID = id
		l.show(SettingProjectID, f.value, "")
	} else {
		l.showFrom(SettingProjectID, "", "not set", "the only project that the key sees")
	}
	f, ok := l.found[SettingProjectKey]
	if !ok {
		l.showFrom(SettingProjectKey, "", "not set", "read from the project when needed")
		return
	}
	if err := credential.CheckProject(f.value); err != nil {
		l.fail(fmt.Errorf("%s: %w", f.name, err))
		return
	}
	l.out.Config.ProjectKey = f.value
	l.show(SettingProjectKey, maskedKey(f.value), "")
}

// limits reads what bounds the calls.
func (l *settingsLoader) limits() {
	regime := "cloud"
	if f, ok := l.found[SettingRateLimits]; ok {
		regime = strings.ToLower(f.value)
	}
	windows, err := rateLimits(regime)
	if err != nil {
		l.fail(fmt.Errorf("%s: %w", l.found[SettingRateLimits].name, err))
	}
	l.out.Config.Quota.Windows = windows
	if regime == "none" { // nothing to pace for: the bulkheads alone protect the host
		l.out.Config.Smoothing.PerSecond = -1
	}
	l.show(SettingRateLimits, regime, "")

	total := Timeouts{}.withDefaults().Total
	if f, ok := l.found[SettingTimeout]; ok {
		d, err := time.ParseDuration(f.value)
		if err != nil || d < time.Second || d > 10*time.Minute {
			l.fail(fmt.Errorf("%s: %q is not a time between 1s and 10m, such as 50s", f.name, cleanText(f.value, 40)))
		}
		total = d
	}
	l.out.Config.Timeouts.Total = total
	l.show(SettingTimeout, total.String(), "whole call with waits and retries")
	l.show(SettingAllowHTTP, strconv.FormatBool(l.out.Config.AllowHTTP), "")
	l.show(SettingUseProxy, strconv.FormatBool(l.out.Config.UseProxy), "")
	if v, _ := l.lookupRaw("HTTPS_PROXY"); isSet(v) && !l.out.Config.UseProxy {
		l.warn("HTTPS_PROXY is set but not used; set POSTHOG_USE_PROXY=true to go through it")
	}
}

// state reads where the quota is kept, and whose it is.
func (l *settingsLoader) state() {
	f, ok := l.found[SettingState]
	if !ok {
		f = found{value: l.in.DefaultState, name: SettingState}
	}
	if f.value == "" {
		f.value = stateMemory
	}
	if err := CheckState(f.value); err != nil {
		l.fail(fmt.Errorf("%s: %w", f.name, err))
	}
	l.out.Config.State = f.value
	shown := f.value
	if u, err := url.Parse(shown); err == nil && u.User != nil {
		shown = u.Redacted()
	}
	l.show(SettingState, shown, "where the quota is counted")

	scope := QuotaByTeam
	if f, ok := l.found[SettingQuotaScope]; ok {
		if scope = strings.ToLower(f.value); scope != QuotaByTeam && scope != QuotaByKey {
			l.fail(fmt.Errorf("%s: %q is neither team nor key", f.name, cleanText(f.value, 40)))
		}
	}
	l.out.Config.QuotaScope = scope
	l.show(SettingQuotaScope, scope, "")
}

// rateLimits gives the windows of a regime of PostHog installs.
func rateLimits(regime string) (map[quota.Bucket][]quota.Window, error) {
	switch regime {
	case "cloud":
		return nil, nil // the documented ones
	case "legacy": // projects that PostHog has not moved to API queries: HogQL's own limit, kept for every kind
		return map[quota.Bucket][]quota.Window{quota.BucketQueries: {{Name: "query", Limit: 120, Per: time.Hour}}}, nil
	case "none": // most self-hosted installs
		none := make(map[quota.Bucket][]quota.Window)
		for _, b := range quota.Buckets() {
			none[b] = nil
		}
		return none, nil
	}
	return nil, fmt.Errorf("%q is not cloud, legacy or none", cleanText(regime, 40))
}

// maskedKey shows what kind of key it is and nothing else of it.
func maskedKey(key string) string {
	if credential.KindOf(key) == credential.KindUnknown {
		return "…"
	}
	return key[:4] + "…"
}
