package resources

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// maxExport bounds an exported file that is read as a resource, in bytes: a
// host puts it into the model's context. Larger files are read by their path.
const maxExport = 256 << 10

// Config is what the resources are made from.
type Config struct {
	Client    *driver.Client
	Registry  func() *tools.Registry // the one in force: teams edit their templates
	OutputDir string                 // where exports are; "" offers none
}

// All gives the resources in the order in which hosts list them.
func All(cfg Config) []Resource {
	list := []Resource{
		{
			URI: QuotaURI, Name: "quota", MIMEType: JSON,
			Doc: "Live rate windows, requests in flight, breakers and retry budget, with one sentence of advice. Reading it costs nothing; subscribers hear of state changes.",
			Read: func(context.Context, string) (Body, error) {
				return encode(cfg.Client.Status())
			},
		},
		{
			URI: HealthURI, Name: "health", MIMEType: JSON,
			Doc: "Whether PostHog answers, the key works and the project is open. Costs one request.",
			Read: func(ctx context.Context, _ string) (Body, error) {
				return call(ctx, cfg, "health_check", nil)
			},
		},
		{
			URI: SchemaURI, Name: "schema", MIMEType: JSON,
			Doc: "The project's events by volume, with when each was last seen: the names that queries may use. Costs one or two requests.",
			Read: func(ctx context.Context, _ string) (Body, error) {
				return call(ctx, cfg, "list_objects", map[string]any{"kind": "events", "limit": 100})
			},
		},
		{
			URI: TemplatesURI, Name: "templates", MIMEType: JSON,
			Doc: "The catalogue of script templates and operations, with older names that mean the same. Costs nothing.",
			Read: func(context.Context, string) (Body, error) {
				return encode(tools.Catalogue(cfg.Registry().List()))
			},
		},
		Outbox(cfg),
	}
	if cfg.OutputDir != "" {
		list = append(list, Resource{
			URI: ExportsURI, Template: true, Name: "export", MIMEType: "text/plain",
			Doc: "An exported file by its name, up to 256 KiB; larger ones are read by the path in the export's answer.",
			Read: func(_ context.Context, uri string) (Body, error) {
				return readExport(cfg.OutputDir, uri)
			},
		})
	}
	return list
}

// call answers with a tool's structured content, so that a resource and its
// tool can never disagree.
func call(ctx context.Context, cfg Config, tool string, args map[string]any) (Body, error) {
	raw, err := json.Marshal(args)
	if err != nil {
		return Body{}, err
	}
	res := cfg.Registry().Call(ctx, cfg.Client, tool, raw)
	if res.IsError {
		return Body{}, errors.New(res.Text)
	}
	return Body{MIMEType: JSON, Text: string(res.Structured)}, nil
}

func encode(v any) (Body, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return Body{}, err
	}
	return Body{MIMEType: JSON, Text: string(b)}, nil
}

// readExport reads one file of the output directory; os.Root keeps every name
// inside it.
func readExport(dir, uri string) (Body, error) {
	name, ok := strings.CutPrefix(uri, strings.TrimSuffix(ExportsURI, "{name}"))
	if !ok || name == "" || !fs.ValidPath(name) || path.Base(name) != name {
		return Body{}, fmt.Errorf("no export is called %q", name)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Body{}, fmt.Errorf("no export is called %q: nothing was exported yet", name)
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open(name)
	if err != nil {
		return Body{}, fmt.Errorf("no export is called %q", name)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return Body{}, fmt.Errorf("export %q is not a file", name)
	}
	if info.Size() > maxExport {
		return Body{}, fmt.Errorf("export %q has %d bytes, more than the %d that a resource gives; read the file itself", name, info.Size(), maxExport)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxExport))
	if err != nil {
		return Body{}, fmt.Errorf("export %q could not be read", name)
	}
	return Body{MIMEType: mediaType(name), Text: string(text)}, nil
}

func mediaType(name string) string {
	switch path.Ext(name) {
	case ".csv":
		return "text/csv"
	case ".ndjson", ".jsonl":
		return "application/x-ndjson"
	default:
		return "text/plain"
	}
}
