package driver

import (
	"errors"
	"fmt"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
)

// Names of the settings: of the flags, and in [Settings].
const (
	SettingKey        = "personal-api-key"
	SettingKeyFile    = "personal-api-key-file"
	SettingProjectID  = "project-id"
	SettingHost       = "host"
	SettingProjectKey = "project-api-key"
	SettingIngestHost = "ingest-host"
	SettingAllowHTTP  = "allow-http"
	SettingUseProxy   = "use-proxy"
	SettingRateLimits = "rate-limits"
	SettingTimeout    = "timeout"
	SettingState      = "state"
	SettingQuotaScope = "quota-scope"
)

// SettingsInput is where settings come from: a flag wins over the environment,
// that over the file, that over the default. An empty value, or a literal
// ${...} that nobody filled in, is no value.
type SettingsInput struct {
	Flags     map[string]string           // by setting name, only those given
	LookupEnv func(string) (string, bool) // such as os.LookupEnv; nil: no environment
	File      string                      // path of a dotenv file with the environment's names; "": none

	DefaultState string // where the quota is kept when nothing says so; "": memory
}

// Setting is one value and the place that won. Keys are masked.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"` // "flag --host", "env POSTHOG_HOST", "file x.env (POSTHOG_HOST)", "default", "derived"
	Note   string `json:"note,omitempty"`
}

// Settings is a [Config] and how it came about.
type Settings struct {
	Config   Config
	Values   []Setting // in a fixed order
	Warnings []string  // what a person should look at; nothing is refused for it
}

// settingSpec declares a setting: its environment names in order of rank.
type settingSpec struct {
	name string
	envs []string
}

func settingSpecs() []settingSpec {
	return []settingSpec{
		{SettingKey, []string{"POSTHOG_PERSONAL_API_KEY", "POSTHOG_CLI_API_KEY", "POSTHOG_CLI_TOKEN", "POSTHOG_API_KEY", "POSTHOG_AUTH_HEADER"}},
		{SettingKeyFile, []string{"POSTHOG_PERSONAL_API_KEY_FILE"}},
		{SettingProjectID, []string{"POSTHOG_PROJECT_ID", "POSTHOG_CLI_PROJECT_ID", "POSTHOG_CLI_ENV_ID"}},
		{SettingHost, []string{"POSTHOG_HOST", "POSTHOG_API_URL", "POSTHOG_BASE_URL", "POSTHOG_CLI_HOST", "POSTHOG_API_HOST"}},
		{SettingProjectKey, []string{"POSTHOG_PROJECT_API_KEY"}},
		{SettingIngestHost, []string{"POSTHOG_INGEST_HOST"}},
		{SettingAllowHTTP, []string{"POSTHOG_ALLOW_HTTP"}},
		{SettingUseProxy, []string{"POSTHOG_USE_PROXY"}},
		{SettingRateLimits, []string{"POSTHOG_RATE_LIMITS"}},
		{SettingTimeout, []string{"POSTHOG_TIMEOUT"}},
		{SettingState, []string{"POSTHOG_STATE"}},
		{SettingQuotaScope, []string{"POSTHOG_QUOTA_SCOPE"}},
	}
}

// SettingEnvs gives the environment names of a setting, the first the one to
// recommend; none for an unknown setting.
func SettingEnvs(name string) []string {
	for _, s := range settingSpecs() {
		if s.name == name {
			return s.envs
		}
	}
	return nil
}

// LoadSettings finds every setting, checks it, and says where it came from. The
// error joins everything that is wrong, so that one start shows it all. No key
// is no error: the first call that needs one says what to set.
func LoadSettings(in SettingsInput) (*Settings, error) {
	l := &settingsLoader{in: in, found: make(map[string]found), out: &Settings{}}
	if in.File != "" {
		var err error
		if l.file, err = readDotenv(in.File); err != nil {
			return nil, err
		}
	}
	for name := range in.Flags {
		if SettingEnvs(name) == nil {
			l.fail(fmt.Errorf("there is no setting %q", cleanText(name, 60)))
		}
	}
	for _, s := range settingSpecs() {
		l.find(s)
	}
	l.guardFileHost()
	l.switches()
	l.hosts()
	l.key()
	l.project()
	l.limits()
	l.state()
	if err := errors.Join(l.errs...); err != nil {
		return nil, err
	}
	return l.out, nil
}

// found is a value, its place and the name used there.
type found struct {
	value string
	place string // "flag", "env", "file"
	name  string // "--host", "POSTHOG_HOST"
}

// source describes the place for people.
func (f found) source(file string) string {
	switch f.place {
	case "":
		return "default"
	case "file":
		return "file " + file + " (" + f.name + ")"
	}
	return f.place + " " + f.name
}

type settingsLoader struct {
	in    SettingsInput
	file  map[string]string
	found map[string]found
	out   *Settings
	errs  []error
}

func (l *settingsLoader) fail(err error) { l.errs = append(l.errs, err) }
func (l *settingsLoader) warn(format string, a ...any) {
	l.out.Warnings = append(l.out.Warnings, fmt.Sprintf(format, a...))
}
func (l *settingsLoader) source(name string) string { return l.found[name].source(l.in.File) }
func (l *settingsLoader) show(name, value, note string) {
	l.showFrom(name, value, l.source(name), note)
}
func (l *settingsLoader) showFrom(name, value, source, note string) {
	l.out.Values = append(l.out.Values, Setting{Name: name, Value: value, Source: source, Note: note})
}

// find takes the first value of the setting and warns of others beside it.
func (l *settingsLoader) find(s settingSpec) {
	if v := l.in.Flags[s.name]; isSet(v) {
		l.found[s.name] = found{strings.TrimSpace(v), "flag", "--" + s.name}
	}
	env := func(name string) string {
		if l.in.LookupEnv == nil {
			return ""
		}
		v, _ := l.in.LookupEnv(name)
		return v
	}
	l.findIn("env", s, env)
	l.findIn("file", s, func(name string) string { return l.file[name] })
}

func (l *settingsLoader) findIn(place string, s settingSpec, lookup func(string) string) {
	var first found
	for _, name := range s.envs {
		v := strings.TrimSpace(lookup(name))
		if !isSet(v) {
			continue
		}
		switch name {
		case "POSTHOG_API_KEY": // SDKs use this name for the project key
			if credential.KindOf(v) != credential.KindPersonal {
				continue
			}
		case "POSTHOG_AUTH_HEADER":
			v = stripBearer(v)
		}
		switch {
		case first.name == "":
			first = found{v, place, name}
		case first.value != v:
			l.warn("%s and %s differ; %s is used", first.name, name, first.name)
		}
	}
	if _, taken := l.found[s.name]; !taken && first.name != "" {
		l.found[s.name] = first
	}
}

// isSet reports a real value: hosts pass an unfilled ${VAR} on as it stands.
func isSet(v string) bool {
	v = strings.TrimSpace(v)
	return v != "" && (!strings.HasPrefix(v, "${") || !strings.HasSuffix(v, "}"))
}

func stripBearer(v string) string {
	if _, rest, ok := strings.Cut(v, ":"); ok && strings.EqualFold(strings.TrimSpace(strings.TrimSuffix(v, ":"+rest)), "authorization") {
		v = strings.TrimSpace(rest)
	}
	if scheme, rest, ok := strings.Cut(v, " "); ok && strings.EqualFold(scheme, "bearer") {
		v = strings.TrimSpace(rest)
	}
	return v
}

// guardFileHost ignores a host from the file unless the key that is used stands
// in the same file: a stray file must not send somebody's key to another host.
// The path of a key file is no key: it may point at anybody's.
func (l *settingsLoader) guardFileHost() {
	path := l.found[SettingKeyFile].place
	trusted := l.found[SettingKey].place == "file" && (path == "" || path == "file")
	for _, name := range []string{SettingHost, SettingIngestHost} {
		if f := l.found[name]; f.place == "file" && !trusted {
			delete(l.found, name)
			l.warn("%s in %s is ignored: a file's host is used only together with the key of the same file", f.name, l.in.File)
		}
	}
}
