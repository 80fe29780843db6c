package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/resources"
	"github.com/posthog-mcp/posthog-mcp/server"
	"github.com/posthog-mcp/posthog-mcp/tools"
	"github.com/posthog-mcp/posthog-mcp/tools/templates"
)

// toolFlags choose which tools are offered and how they answer.
type toolFlags struct {
	ReadOnly  bool     `help:"Hide every tool that changes something in PostHog."`
	Toolsets  []string `default:"core" placeholder:"NAME" help:"Offer these toolsets: core, analytics, errors, or all."`
	AllowTool []string `placeholder:"NAME" help:"Offer only these tools."`
	DenyTool  []string `placeholder:"NAME" help:"Never offer these tools."`
	Templates []string `placeholder:"DIR" type:"existingdir" help:"Directories with a team's own .hogql templates; edits are taken up while the server runs."`
	OutputDir string   `placeholder:"DIR" help:"Where exports are written; default: posthog-mcp/exports in the user's cache folder."`
}

// team opens the template directories; nil when there are none.
func (f toolFlags) team() (*templates.Team, error) {
	if len(f.Templates) == 0 {
		return nil, nil //nolint:nilnil // no team is no error
	}
	return openTemplates(f.Templates)
}

// own is the registry as it is at the start, templates included.
func (f toolFlags) own(log *slog.Logger) (*tools.Registry, error) {
	team, err := f.team()
	if err != nil {
		return nil, err
	}
	var own []tools.Tool
	if team != nil {
		own = loadTeam(log)(team.Load())
	}
	return f.registry(own, log)
}

// registry gathers the tools of this program and a team's own.
func (f toolFlags) registry(own []tools.Tool, log *slog.Logger) (*tools.Registry, error) {
	toolsets := f.Toolsets
	if slices.Contains(toolsets, "all") {
		toolsets = nil
	}
	return tools.New(tools.Config{
		Sets: append(server.Areas(), tools.Set{Tools: own}), Toolsets: toolsets, ReadOnly: f.ReadOnly,
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
	registry *tools.Registry // at the start; current follows edits of templates
	current  atomic.Pointer[tools.Registry]
	server   *server.Server
	demo     *posthogtest.Server
	watching sync.WaitGroup
	unwatch  context.CancelFunc
}

// assemble builds everything from settings inward to out. It does no network.
func assemble(ctx context.Context, cf connectFlags, tf toolFlags, w *world, log *slog.Logger) (*app, error) {
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
	team, err := tf.team()
	if err != nil {
		a.close()
		return nil, &usageError{err}
	}
	var own []tools.Tool
	var seen uint64
	if team != nil {
		seen = team.Fingerprint()
		own = loadTeam(log)(team.Load())
	}
	if a.registry, err = tf.registry(own, log); err != nil {
		a.close()
		return nil, &usageError{err}
	}
	a.current.Store(a.registry)
	if a.client, err = driver.New(cfg); err != nil {
		a.close()
		return nil, &usageError{err}
	}
	a.server, err = server.New(server.Config{
		Client: a.client, Registry: a.registry,
		Resources: resources.All(resources.Config{Client: a.client, Registry: a.current.Load, OutputDir: tf.outputDir()}),
		Version:   buildVersion(), Logger: log, OutputDir: tf.outputDir(), ReadOnly: tf.ReadOnly, Demo: cf.Demo,
	})
	if err != nil {
		a.close()
		return nil, fmt.Errorf("building the server: %w", err)
	}
	if team != nil {
		a.watch(ctx, team, seen, tf, log)
	}
	return a, nil
}

// loadTeam says what is wrong with a team's templates and gives the rest.
func loadTeam(log *slog.Logger) func([]tools.Tool, []error) []tools.Tool {
	return func(list []tools.Tool, faults []error) []tools.Tool {
		for _, fault := range faults {
			log.Warn("template left out", "reason", fault.Error())
		}
		return list
	}
}

// watch takes up edits of a team's templates until ctx ends.
func (a *app) watch(ctx context.Context, team *templates.Team, seen uint64, tf toolFlags, log *slog.Logger) {
	ctx, a.unwatch = context.WithCancel(ctx)
	a.watching.Go(func() {
		team.Watch(ctx, seen, func(list []tools.Tool, faults []error) {
			registry, err := tf.registry(loadTeam(log)(list, faults), log)
			if err == nil {
				err = a.server.Offer(registry)
			}
			if err != nil {
				log.Warn("edited templates not taken up", "reason", err.Error())
				return
			}
			a.current.Store(registry)
			log.Info("templates taken up", "templates", len(list))
		})
	})
}

func (a *app) close() {
	if a.unwatch != nil {
		a.unwatch()
		a.watching.Wait()
	}
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
