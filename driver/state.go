package driver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// Kinds of state, as in [Config.State].
const (
	stateMemory = "memory"
	stateSQLite = "sqlite"
)

// quotaFileName is the file in the state directory.
const quotaFileName = "quota.db"

// CheckState refuses a text that names no kind of state. It opens nothing and
// its error shows no password.
func CheckState(spec string) error {
	kind, rest, _ := strings.Cut(spec, ":")
	switch kind {
	case "", stateMemory:
		if rest == "" {
			return nil
		}
	case stateSQLite:
		return nil
	case "redis", "rediss":
		if u, err := url.Parse(spec); err == nil && u.Host != "" {
			return nil
		}
		return errors.New("a Redis address has the form redis://[user:password@]host:port/db")
	}
	return fmt.Errorf("%q is not memory, sqlite, sqlite:PATH or redis://host:port", cleanText(kind, 40))
}

// OpenState gives the store of a spec: "memory" (or ""), "sqlite" in the user's
// state directory, "sqlite:PATH", or "redis://..." and "rediss://...". Nothing
// is read or sent before the first request.
//
// What cannot be opened is reported as a problem, and the next safer store
// stands in for it, marked as degraded: SQLite for Redis, for SQLite a memory
// that takes half of the hour for used. The store is never nil.
func OpenState(spec string, scope quota.Scope, log *slog.Logger) (store quota.Store, problem error) {
	kind, path, _ := strings.Cut(spec, ":")
	switch kind {
	case "", stateMemory:
		return quota.NewMemory(), nil
	case stateSQLite:
		return openSQLite(path, scope, false, log)
	case "redis", "rediss":
		store, err := quota.NewRedis(quota.RedisConfig{URL: spec, Scope: scope, Logger: log})
		if err == nil {
			return store, nil
		}
		problem = err
	default:
		problem = CheckState(spec)
	}
	store, err := openSQLite("", scope, true, log)
	return store, errors.Join(problem, err)
}

// openSQLite gives the store of a file, or its stand-in.
func openSQLite(path string, scope quota.Scope, standIn bool, log *slog.Logger) (quota.Store, error) {
	if path == "" {
		dir, err := StateDir()
		if err != nil {
			return quota.NewCautious(), err
		}
		path = filepath.Join(dir, quotaFileName)
	} else if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return quota.NewCautious(), fmt.Errorf("directory of the quota file: %w", err)
	}
	return quota.NewSQLite(quota.SQLiteConfig{Path: path, Scope: scope, StandIn: standIn, Logger: log}), nil
}

// StateDir gives the directory for what outlives a process, made with access
// for its owner only: posthog-mcp in $XDG_STATE_HOME (else ~/.local/state), in
// ~/Library/Application Support on macOS, in %LocalAppData% on Windows; where
// none of these can be made, a directory of this user's in the temporary one.
func StateDir() (string, error) {
	dir, err := ownDir(userStateDir())
	if err == nil {
		return dir, nil
	}
	name := "posthog-mcp-" + strconv.Itoa(os.Getuid())
	dir, tempErr := ownDir(filepath.Join(os.TempDir(), name))
	if tempErr != nil {
		return "", fmt.Errorf("no directory for state: %w", errors.Join(err, tempErr))
	}
	return dir, nil
}

// userStateDir names the usual place; "" when there is none.
func userStateDir() string {
	var base string
	home, _ := os.UserHomeDir() // without a home there may still be a variable
	switch runtime.GOOS {
	case "windows":
		base = os.Getenv("LocalAppData")
	case "darwin":
		if home != "" {
			base = filepath.Join(home, "Library", "Application Support")
		}
	default:
		if base = os.Getenv("XDG_STATE_HOME"); !filepath.IsAbs(base) && home != "" {
			base = filepath.Join(home, ".local", "state")
		}
	}
	if !filepath.IsAbs(base) {
		return ""
	}
	return filepath.Join(base, "posthog-mcp")
}

// ownDir makes the directory, or checks that it is a real one of this user's:
// only the owner may change its mode.
func ownDir(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("this user has no home directory")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", &fs.PathError{Op: "use", Path: dir, Err: errors.New("it is no directory")}
	case info.Mode().Perm() == 0o700 && !strings.HasPrefix(dir, os.TempDir()):
		return dir, nil
	}
	return dir, os.Chmod(dir, 0o700) //nolint:gosec // a directory needs its x bits
}

// openState gives the quota its store, unless the configuration has one.
func (cfg *Config) openState(host string) {
	cfg.Quota.Logger = cfg.Logger
	if cfg.Quota.Store != nil || cfg.State == "" {
		return
	}
	store, problem := OpenState(cfg.State, cfg.quotaScope(host), cfg.Logger)
	cfg.Quota.Store = store
	if problem != nil && cfg.Logger != nil {
		cfg.Logger.LogAttrs(context.Background(), slog.LevelWarn, "the quota's store cannot be opened; a lesser one stands in",
			slog.String("store", store.Name()), slog.String("error", cleanText(problem.Error(), maxDetail)))
	}
}

// quotaScope names whose quota it is: the project's, unless it is not known yet
// or the key's own was asked for.
func (cfg *Config) quotaScope(host string) quota.Scope {
	if cfg.ProjectID > 0 && cfg.QuotaScope != QuotaByKey {
		return quota.TeamScope(host, cfg.ProjectID)
	}
	if cfg.Credential != nil {
		if key, err := cfg.Credential.Key(context.Background()); err == nil {
			return quota.KeyScope(host, key.Reveal())
		}
	}
	return quota.TeamScope(host, cfg.ProjectID)
}

// Scopes of the quota, in [Config.QuotaScope].
const (
	QuotaByTeam = "team" // everything that asks for the same project shares; safe under every reading of PostHog's rules
	QuotaByKey  = "key"  // everything that uses the same key shares
)
