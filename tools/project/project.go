// Package project holds the tools that tell about the project itself and
// whether it can be reached.
package project

import (
	"context"
	"embed"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

//go:embed schema/*.json
var schemas embed.FS

// Tools gives the tools of this area.
func Tools() tools.Set {
	return tools.Set{Tools: []tools.Tool{getProjectInfo(), healthCheck()}, Schemas: schemas}
}

// None is the absence of arguments.
type None struct{}

// InfoOut is the answer of get_project_info.
type InfoOut struct {
	ID            int64    `json:"id"`
	Name          string   `json:"name,omitempty"`
	TimeZone      string   `json:"timezone,omitempty" jsonschema:"In which PostHog counts days"`
	Now           string   `json:"now,omitempty" jsonschema:"Present time there"`
	Host          string   `json:"host"`
	CanCapture    bool     `json:"can_capture" jsonschema:"A project API key is known"`
	TestAccounts  []string `json:"test_account_filters,omitempty" jsonschema:"Who counts as a real user"`
	KeyScopes     []string `json:"key_scopes,omitempty" jsonschema:"What the key may do; * is all"`
	KeyProjectIDs []int64  `json:"key_project_ids,omitempty" jsonschema:"Projects that the key is limited to"`

	notices []string
}

// Notices tells what could not be learnt.
func (o *InfoOut) Notices() []string { return o.notices }

func getProjectInfo() tools.Tool {
	return tools.Op[None, InfoOut]{
		Name: "get_project_info", Title: "Get project information",
		Doc: "Tells which PostHog project this is: id, name, time zone and present time there, host, " +
			"who counts as a test account, and what the key may do.",
		Effect: tools.Reads, Class: driver.ClassRead,
		Examples: []string{`{}`},
		Run: func(ctx context.Context, ph *driver.Client, _ None) (InfoOut, error) {
			info, err := ph.ProjectInfo(ctx)
			if err != nil {
				return InfoOut{}, err
			}
			out := InfoOut{
				ID: info.ID, Name: info.Name, TimeZone: info.TimeZone, Host: info.Host, CanCapture: info.HasProjectKey,
				KeyScopes: info.Scopes, KeyProjectIDs: info.ScopedTeams, notices: info.Notes,
			}
			if zone, err := time.LoadLocation(info.TimeZone); err == nil && info.TimeZone != "" {
				out.Now = tools.Now(ctx).In(zone).Format(time.RFC3339)
			}
			for _, f := range info.TestAccounts {
				out.TestAccounts = append(out.TestAccounts, f.String())
			}
			return out, nil
		},
	}
}

// HealthOut is the answer of health_check.
type HealthOut struct {
	State     string `json:"state" jsonschema:"ok, degraded, down or unconfigured"`
	Summary   string `json:"summary"`
	Host      string `json:"host"`
	ProjectID int64  `json:"project_id,omitempty"`
	LatencyMS int64  `json:"latency_ms,omitempty" jsonschema:"Of the one request"`
	Advice    string `json:"advice,omitempty" jsonschema:"On quota and breakers"`
	tools.Table
}

func healthCheck() tools.Tool {
	return tools.Op[None, HealthOut]{
		Name: "health_check", Title: "Check the connection",
		Doc: "Tells whether PostHog can be reached and the key works, with quota advice, and if not why and what to set. " +
			"Works without a key or network. Call it when other tools fail.",
		Effect: tools.Reads, Class: driver.ClassRead,
		Examples: []string{`{}`},
		Run: func(ctx context.Context, ph *driver.Client, _ None) (HealthOut, error) {
			h, err := ph.HealthCheck(ctx)
			if err != nil {
				return HealthOut{}, err
			}
			rows := make([][]any, len(h.Checks))
			for i, c := range h.Checks {
				verdict := "not checked"
				if c.Known {
					verdict = map[bool]string{true: "ok", false: "failed"}[c.OK]
				}
				rows[i] = []any{c.Name, verdict, c.Detail}
			}
			out := HealthOut{
				State: string(h.State), Summary: h.Summary, Host: h.Host, ProjectID: h.ProjectID,
				Advice: h.Status.Advice, Table: tools.NewTable([]string{"check", "result", "detail"}, rows),
			}
			if h.State != driver.HealthUnconfigured {
				out.LatencyMS = h.Latency.Milliseconds()
			}
			return out, nil
		},
	}
}
