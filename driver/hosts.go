package driver

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// The hosts of PostHog Cloud. Only these exact names are mapped to one
// another; any other host serves both APIs itself.
const (
	cloudUSApp    = "us.posthog.com"
	cloudUSIngest = "us.i.posthog.com"
	cloudEUApp    = "eu.posthog.com"
	cloudEUIngest = "eu.i.posthog.com"
	cloudLegacy   = "app.posthog.com" // old name of the US app host
)

// parseHost reads a host setting: a URL, a bare host name, or "us"/"eu". The
// result has a scheme, a host and a base path without a trailing slash.
func parseHost(name, value string, allowHTTP bool) (*url.URL, error) {
	text := strings.TrimSpace(value)
	switch strings.ToLower(text) {
	case "us":
		text = "https://" + cloudUSApp
	case "eu":
		text = "https://" + cloudEUApp
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return nil, fmt.Errorf("%s: %q is not a host; give a URL such as https://us.posthog.com, or us, or eu", name, hostText(value))
	}
	switch {
	case u.User != nil:
		return nil, fmt.Errorf("%s: a user name or password in the URL is not allowed; keys have their own settings", name)
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return nil, fmt.Errorf("%s: %q has a query or fragment; give scheme, host and at most a base path", name, hostText(value))
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("%s: scheme %q is not http or https", name, u.Scheme)
	case u.Scheme == "http" && !allowHTTP && !isLoopback(u.Hostname()):
		return nil, fmt.Errorf("%s: http would send the key in the clear to %s; use https, or allow plain http explicitly", name, u.Host)
	case strings.Contains(u.Path, "..") || strings.Contains(u.Path, "//") || strings.Contains(u.Path, "\\") || u.RawPath != "":
		return nil, fmt.Errorf("%s: base path %q is not plain", name, u.Path)
	}
	return &url.URL{
		Scheme: u.Scheme,
		Host:   strings.ToLower(u.Host),
		Path:   strings.TrimRight(u.Path, "/"),
	}, nil
}

// appHostOf maps a Cloud ingest host or the legacy app host, which people
// often give by mistake, to the app host. The note says so when it did.
func appHostOf(u *url.URL) (app *url.URL, note string) {
	var host string
	switch u.Host {
	case cloudUSIngest, cloudLegacy:
		host = cloudUSApp
	case cloudEUIngest:
		host = cloudEUApp
	default:
		return u, ""
	}
	return &url.URL{Scheme: u.Scheme, Host: host}, fmt.Sprintf("%s does not serve the private API; using %s", u.Host, host)
}

// ingestHostOf gives the capture and flags host that belongs to an app host:
// a host of its own on PostHog Cloud, the same one elsewhere.
func ingestHostOf(app *url.URL) *url.URL {
	switch app.Host {
	case cloudUSApp, cloudLegacy:
		return &url.URL{Scheme: app.Scheme, Host: cloudUSIngest}
	case cloudEUApp:
		return &url.URL{Scheme: app.Scheme, Host: cloudEUIngest}
	}
	return app
}

// otherRegion names the Cloud app host of the other region, "" off the Cloud:
// keys are bound to a region and PostHog answers 401, not a redirect.
func otherRegion(host string) string {
	switch host {
	case cloudUSApp, cloudUSIngest, cloudLegacy:
		return cloudEUApp
	case cloudEUApp, cloudEUIngest:
		return cloudUSApp
	}
	return ""
}

// isLoopback reports whether plain http to the host stays on this machine.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// hostText makes a host setting fit for an error: people paste keys into the
// wrong field, and URLs with passwords.
func hostText(value string) string {
	if i := strings.LastIndexByte(value, '@'); i >= 0 {
		value = value[i+1:]
	}
	return cleanText(value, 80)
}

// defaultPort completes a host with the port of its scheme, so that origins
// are compared as browsers do.
func defaultPort(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "http" {
		return "80"
	}
	return "443"
}

// sameOrigin reports whether scheme, host name and port are equal.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && defaultPort(a) == defaultPort(b)
}
