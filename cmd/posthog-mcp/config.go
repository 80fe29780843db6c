package main

import (
	"fmt"
	"log/slog"
	"text/tabwriter"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// connectFlags say which PostHog is meant. There is no flag for a key: process
// lists show flags to every user of the machine.
type connectFlags struct {
	Host         string `placeholder:"URL" help:"us, eu or the URL of the PostHog app."`
	IngestHost   string `placeholder:"URL" help:"URL for capture and flags, where it is not the app's."`
	Project      string `placeholder:"ID" help:"Numeric project id; needed only when the key sees several."`
	KeyFile      string `placeholder:"FILE" help:"File that holds the personal API key."`
	SettingsFile string `placeholder:"FILE" help:"File of NAME=value settings; flags and environment win over it."`
	RateLimits   string `placeholder:"REGIME" help:"PostHog's rate limits that hold here: cloud, legacy, or none for an installation without any."`
	State        string `placeholder:"STORE" help:"Where the quota is counted: sqlite (default; shared by all processes of this machine), sqlite:PATH, memory, or redis://HOST:PORT for a fleet."`
	QuotaScope   string `placeholder:"SCOPE" help:"Whom PostHog counts together: team (default, safe) or key."`
	Timeout      string `placeholder:"DURATION" help:"Longest time that one call may take, such as 50s."`
	AllowHTTP    bool   `name:"allow-http" help:"Allow plain http to a host that is not this machine."`
	UseProxy     bool   `help:"Honour HTTPS_PROXY and the like."`
	Demo         bool   `help:"Use an embedded PostHog with made-up data instead of a real one."`
	Seed         uint64 `default:"1" help:"Seed of the demo's data."`
	outboxFlags
}

// settings gathers the flags that were given and asks the driver to resolve
// them with environment, file and defaults.
func (f connectFlags) settings(w *world) (*driver.Settings, error) {
	flags := map[string]string{}
	for name, value := range map[string]string{
		driver.SettingHost: f.Host, driver.SettingIngestHost: f.IngestHost, driver.SettingProjectID: f.Project,
		driver.SettingKeyFile: f.KeyFile, driver.SettingRateLimits: f.RateLimits, driver.SettingTimeout: f.Timeout,
		driver.SettingState: f.State, driver.SettingQuotaScope: f.QuotaScope,
	} {
		if value != "" {
			flags[name] = value
		}
	}
	for name, on := range map[string]bool{driver.SettingAllowHTTP: f.AllowHTTP, driver.SettingUseProxy: f.UseProxy} {
		if on {
			flags[name] = "true"
		}
	}
	return driver.LoadSettings(driver.SettingsInput{Flags: flags, LookupEnv: w.environ, File: f.SettingsFile, DefaultState: "sqlite"})
}

// driverConfig turns settings into the driver's configuration. The demo needs
// none of them.
func (f connectFlags) driverConfig(w *world, log *slog.Logger) (driver.Config, error) {
	cfg := driver.Config{}
	if !f.Demo {
		s, err := f.settings(w)
		if err != nil {
			return driver.Config{}, err
		}
		for _, warning := range s.Warnings {
			log.Warn("setting", "warning", warning)
		}
		cfg = s.Config
	}
	cfg.Version, cfg.Logger = buildVersion(), log
	cfg.Outbox = f.outboxConfig(w, f.Demo, log)
	return cfg, nil
}

// startDemo starts the embedded PostHog and points the configuration at it.
func startDemo(f connectFlags, cfg *driver.Config) (*posthogtest.Server, error) {
	srv, err := posthogtest.New(posthogtest.Options{Data: data.Options{Seed: f.Seed}})
	if err != nil {
		return nil, fmt.Errorf("starting the demo: %w", err)
	}
	cfg.Host, cfg.ProjectKey, cfg.ProjectID = srv.URL(), srv.ProjectKey(), 0
	cfg.Credential, err = demoCredential(srv)
	if err != nil {
		_ = srv.Close()
		return nil, err
	}
	return srv, nil
}

// configCmd shows what is in force.
type configCmd struct {
	connectFlags
	JSON bool `name:"json" help:"As JSON."`
}

// Run prints each setting with its source; keys are masked.
func (c *configCmd) Run(w *world) error {
	s, err := c.settings(w)
	if err != nil {
		return &usageError{err}
	}
	if c.JSON {
		return printJSON(w.out, map[string]any{"settings": s.Values, "warnings": s.Warnings})
	}
	tw := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "SETTING\tVALUE\tSOURCE\tNOTE")
	for _, line := range s.Values {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", line.Name, line.Value, line.Source, line.Note)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, warning := range s.Warnings {
		fmt.Fprintln(w.err, "warning:", warning)
	}
	return nil
}
