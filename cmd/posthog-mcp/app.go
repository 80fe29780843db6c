package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/resources"
	"github.com/posthog-mcp/posthog-mcp/server"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// toolFlags choose which tools are offered and how they answer.
type toolFlags struct {
	ReadOnly  bool     `help:"Hide every tool that changes something in PostHog."`
	Toolsets  []string `default:"core" placeholder:"NAME" help:"Offer these toolsets: core, analytics, errors, or all."`
	AllowTool []string `placeholder:"NAME" help:"Offer only these tools."`
	DenyTool  []string `placeholder:"NAME" help:"Never offer these tools."`
	OutputDir string   `placeholder:"DIR" help:"Where exports are written; default: posthog-mcp/exports in the user's cache folder."`
}

func (f toolFlags) registry(log *slog.Logger) (*tools.Registry, error) {
	toolsets := f.Toolsets
	if slices.Contains(toolsets, "all") {
		toolsets = nil
	}
	return tools.New(tools.Config{
		Sets: server.Areas(), Toolsets: toolsets, ReadOnly: f.ReadOnly,
		Allow: f.AllowTool, Deny: f.DenyTool, OutputDir: f.outputDir(), Logger: log,
	})
}

// outputDir is the flag's, or a folder of this user: a shared temporary folder
// would let another user of the machine take the name first. It is made when
// the first export needs it.
func (f toolFlags) outputDir() string {
	if f.OutputDir != "" {
		return f.OutputDir
	}
	if cache, err := os.UserCacheDir(); err == nil {
		return filepath.Join(cache, "posthog-mcp", "exports")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("posthog-mcp-%d", os.Getuid()), "exports")
}

// app is a running posthog-mcp without a transport.
type app struct {
	client   *driver.Client
	registry *tools.Registry
	server   *server.Server
	demo     *posthogtest.Server
}

// assemble builds everything from settings inward to out. It does no network.
func assemble(cf connectFlags, tf toolFlags, w *world, log *slog.Logger) (*app, error) {
	a := &app{}
	cfg, err := cf.driverConfig(w, log)
	if err != nil {
		return nil, &usageError{err}
	}
	if cf.Demo {
		if a.demo, err = startDemo(cf, &cfg); err != nil {
			return nil, err
		}
	}
	if a.registry, err = tf.registry(log); err != nil {
		a.close()
		return nil, &usageError{err}
	}
	if a.client, err = driver.New(cfg); err != nil {
		a.close()
		return nil, &usageError{err}
	}
	a.server, err = server.New(server.Config{
		Client: a.client, Registry: a.registry,
		Resources: resources.All(resources.Config{Client: a.client, Registry: a.registry, OutputDir: tf.outputDir()}),
		Version:   buildVersion(), Logger: log, OutputDir: tf.outputDir(), ReadOnly: tf.ReadOnly, Demo: cf.Demo,
	})
	if err != nil {
		a.close()
		return nil, fmt.Errorf("building the server: %w", err)
	}
	return a, nil
}

func (a *app) close() {
	if a.server != nil {
		a.server.Close()
	}
	if a.client != nil {
		_ = a.client.Close()
	}
	if a.demo != nil {
		_ = a.demo.Close()
	}
}
