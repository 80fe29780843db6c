package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/posthog-mcp/posthog-mcp/prompts"
	"github.com/posthog-mcp/posthog-mcp/resources"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// Offer serves the tools of a registry, schemas raw as they were generated, in
// place of those served before, and tells connected hosts.
func (s *Server) Offer(registry *tools.Registry) error {
	list := registry.List()
	served := make([]mcpserver.ServerTool, 0, len(list))
	for _, t := range list {
		spec := t.Spec()
		input, output, err := registry.Schema(spec.Name)
		if err != nil {
			return fmt.Errorf("server: %w", err)
		}
		hints := spec.Effect.Hints()
		tool := mcp.NewToolWithRawSchema(spec.Name, spec.Doc, input)
		tool.Title = spec.Title
		tool.RawOutputSchema = output
		tool.Annotations = mcp.ToolAnnotation{
			Title:           spec.Title,
			ReadOnlyHint:    &hints.ReadOnly,
			DestructiveHint: &hints.Destructive,
			IdempotentHint:  &hints.Idempotent,
			OpenWorldHint:   &hints.OpenWorld,
		}
		served = append(served, mcpserver.ServerTool{Tool: tool, Handler: s.call})
	}
	s.registry.Store(registry)
	s.mcp.SetTools(served...)
	return nil
}

// call is the one handler of all tools. It never gives a Go error: mcp-go
// would make a protocol error of it, which a model cannot act on.
func (s *Server) call(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	start := time.Now()
	ctx, done := s.calls.enter(ctx)
	defer done()
	if report := s.progress(ctx, req); report != nil {
		ctx = tools.WithProgress(ctx, report)
	}
	res := s.registry.Load().Call(ctx, s.cfg.Client, req.Params.Name, rawArguments(req))
	s.logCall(ctx, req.Params.Name, res, time.Since(start))

	out := &mcp.CallToolResult{
		Content: []mcp.Content{mcp.NewTextContent(res.Text)},
		IsError: res.IsError,
	}
	// A failed call carries text only: clients hold structured content against
	// the tool's output schema even then, and drop the answer that would teach.
	if res.Structured != nil && !res.IsError {
		out.StructuredContent = res.Structured
	}
	for _, l := range res.Links {
		link := mcp.NewResourceLink(l.URI, l.Name, l.Description, l.MIMEType)
		out.Content = append(out.Content, link)
	}
	return out, nil
}

// rawArguments gives the arguments as they came over the wire; an in-process
// caller's are marshalled.
func rawArguments(req mcp.CallToolRequest) json.RawMessage {
	switch raw := req.GetRawArguments().(type) {
	case nil:
		return nil
	case json.RawMessage:
		return raw
	default:
		b, err := json.Marshal(raw)
		if err != nil {
			return json.RawMessage("null")
		}
		return b
	}
}

// progress gives a reporter when the host asked for one. Reports never hold
// needed content: transports may drop them.
func (s *Server) progress(ctx context.Context, req mcp.CallToolRequest) func(done, total float64, message string) {
	if req.Params.Meta == nil || req.Params.Meta.ProgressToken == nil {
		return nil
	}
	token := req.Params.Meta.ProgressToken
	return func(done, total float64, message string) {
		params := map[string]any{"progressToken": token, "progress": done, "message": message}
		if total > 0 {
			params["total"] = total
		}
		if err := s.mcp.SendNotificationToClient(ctx, "notifications/progress", params); err != nil {
			s.log.DebugContext(ctx, "progress not delivered", "error", err.Error())
		}
	}
}

// logCall writes the one line of a tool call.
func (s *Server) logCall(ctx context.Context, tool string, res *tools.Result, took time.Duration) {
	t := res.Trace
	level, outcome := slog.LevelInfo, "ok"
	if res.IsError {
		level, outcome = slog.LevelWarn, "error"
	}
	s.log.LogAttrs(ctx, level, "tool call",
		slog.String("tool", tool), slog.String("outcome", outcome),
		slog.Int64("duration_ms", took.Milliseconds()), slog.Int64("wait_ms", t.QuotaWait.Milliseconds()),
		slog.Int("attempts", t.Attempts), slog.Int("upstream_status", t.Status),
		slog.Int("chars", len(res.Text)), slog.Any("request_ids", t.RequestIDs))
}

// addResources registers the resources with their readers.
func (s *Server) addResources() {
	for _, r := range s.cfg.Resources {
		if r.Template {
			s.mcp.AddResourceTemplate(
				mcp.NewResourceTemplate(r.URI, r.Name, mcp.WithTemplateDescription(r.Doc), mcp.WithTemplateMIMEType(r.MIMEType)),
				func(ctx context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
					return s.read(ctx, r, req.Params.URI)
				})
			continue
		}
		s.mcp.AddResource(
			mcp.NewResource(r.URI, r.Name, mcp.WithResourceDescription(r.Doc), mcp.WithMIMEType(r.MIMEType)),
			func(ctx context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
				return s.read(ctx, r, req.Params.URI)
			})
	}
}

// read runs a resource's reader; a panic in it stays here.
func (s *Server) read(ctx context.Context, r resources.Resource, uri string) (_ []mcp.ResourceContents, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.ErrorContext(ctx, "resource panicked", "uri", r.URI, "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = fmt.Errorf("reading %s failed inside this server", r.URI)
		}
	}()
	body, err := r.Read(ctx, uri)
	if err != nil {
		return nil, err
	}
	return []mcp.ResourceContents{mcp.TextResourceContents{URI: uri, MIMEType: body.MIMEType, Text: body.Text}}, nil
}

// addPrompts registers the persona workflows.
func (s *Server) addPrompts() {
	for _, p := range prompts.All() {
		opts := []mcp.PromptOption{mcp.WithPromptDescription(p.Doc)}
		for _, a := range p.Args {
			arg := []mcp.ArgumentOption{mcp.ArgumentDescription(a.Doc)}
			if a.Required {
				arg = append(arg, mcp.RequiredArgument())
			}
			opts = append(opts, mcp.WithArgument(a.Name, arg...))
		}
		prompt := mcp.NewPrompt(p.Name, opts...)
		prompt.Title = p.Title
		s.mcp.AddPrompt(prompt, func(_ context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			text, err := p.Render(req.Params.Arguments)
			if err != nil {
				return nil, err
			}
			return mcp.NewGetPromptResult(p.Doc, []mcp.PromptMessage{
				mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent(text)),
			}), nil
		})
	}
}
