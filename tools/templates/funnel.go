package templates

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

// FunnelIn are the arguments of analyze_funnel.
type FunnelIn struct {
	Steps        []string   `json:"steps" jsonschema:"Events in order, with conditions: purchase[plan=pro]" minitems:"2" maxitems:"20" example:"signup_started,user_signed_up"`
	After        tools.Time `json:"after,omitzero" jsonschema:"Start: -7d or ISO date" default:"-30d"`
	Before       tools.Time `json:"before,omitzero" jsonschema:"End; now without" example:"2026-03-31"`
	Window       string     `json:"window,omitempty" jsonschema:"Time to convert: 30min, 12h, 14d, 2w" default:"14d"`
	Order        string     `json:"order,omitempty" jsonschema:"strict: nothing in between" enum:"ordered,strict,unordered" default:"ordered"`
	Breakdown    string     `json:"breakdown,omitempty" jsonschema:"Split by property: plan or person.plan" example:"person.plan"`
	TestAccounts bool       `json:"test_accounts,omitempty" jsonschema:"Include internal users"`
}

// FunnelOut is the answer of analyze_funnel: a row per step, and per value of
// the breakdown.
type FunnelOut struct {
	Definition   string `json:"definition" jsonschema:"What is counted"`
	TestAccounts string `json:"test_accounts" jsonschema:"Whether internal and test users are in it"`
	TimeZone     string `json:"timezone,omitempty"`
	Finding      string `json:"finding,omitempty" jsonschema:"Overall conversion and the largest drop"`
	tools.Table

	notices []string
}

// Notices tells of an answer from PostHog's cache.
func (o *FunnelOut) Notices() []string { return o.notices }

func analyzeFunnel() tools.Tool {
	return tools.Op[FunnelIn, FunnelOut]{
		Name: "analyze_funnel", Title: "Analyze a funnel",
		Doc: "Counts the people who did the steps one after another within the window: conversion per step, median time, the largest drop. " +
			"PostHog computes it per person.",
		Effect: tools.Reads, Scopes: []string{"query:read"}, Class: driver.ClassQuery,
		Examples: []string{`{"steps":["signup_started","user_signed_up","onboarding_completed"],"after":"-30d","window":"7d"}`},
		Run: func(ctx context.Context, ph *driver.Client, in FunnelIn) (FunnelOut, error) {
			p, err := funnelParams(ctx, ph, in)
			if err != nil {
				return FunnelOut{}, err
			}
			res, err := ph.Funnel(ctx, p)
			if err != nil {
				return FunnelOut{}, err
			}
			return funnelOut(res, in, tools.Now(ctx)), nil
		},
	}
}

func funnelParams(ctx context.Context, ph *driver.Client, in FunnelIn) (driver.FunnelParams, error) {
	zone, now := ph.Location(ctx), tools.Now(ctx)
	p := driver.FunnelParams{
		From: in.After.Start(now, zone), To: in.Before.End(now, zone), Order: in.Order,
		Breakdown: in.Breakdown, TestAccounts: in.TestAccounts,
	}
	if p.To.IsZero() {
		p.To = now
	}
	for i, text := range in.Steps {
		step, ok := readStep(text)
		if !ok {
			return p, refuse(fmt.Sprintf("steps.%d", i), fmt.Sprintf("step %.60q", text), "Write an event name, conditions in brackets: purchase[plan=pro, amount>10].")
		}
		p.Steps = append(p.Steps, step)
	}
	var ok bool
	if p.Window, p.WindowUnit, ok = readWindow(in.Window); !ok {
		return p, refuse("window", fmt.Sprintf("window %.20q", in.Window), "Write a number and a unit: 30min, 12h, 14d, 2w.")
	}
	return p, nil
}

func refuse(attr, detail, hint string) error {
	return &driver.Error{Op: "analyze_funnel", Kind: driver.KindInvalid, Attr: attr, Detail: detail, Hint: hint}
}

// readStep reads event[condition, condition].
func readStep(text string) (driver.FunnelStep, bool) {
	text = strings.TrimSpace(text)
	event, rest, has := strings.Cut(text, "[")
	step := driver.FunnelStep{Event: strings.TrimSpace(event)}
	if !has {
		return step, step.Event != ""
	}
	inner, ok := strings.CutSuffix(rest, "]")
	if !ok || step.Event == "" {
		return step, false
	}
	for c := range strings.SplitSeq(inner, ",") {
		if c = strings.TrimSpace(c); c == "" {
			return step, false
		}
		step.Filters = append(step.Filters, c)
	}
	return step, true
}

// readWindow reads 14d and the like; m is taken for minutes.
func readWindow(text string) (n int, unit string, ok bool) {
	text = strings.TrimSpace(text)
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz ")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 {
		return 0, "", false
	}
	switch strings.TrimSpace(strings.TrimPrefix(text, digits)) {
	case "s", "sec", "second", "seconds":
		unit = "second"
	case "m", "min", "minute", "minutes":
		unit = "minute"
	case "h", "hour", "hours":
		unit = "hour"
	case "d", "day", "days":
		unit = "day"
	case "w", "week", "weeks":
		unit = "week"
	}
	return n, unit, unit != ""
}

func funnelOut(res driver.FunnelResult, in FunnelIn, now time.Time) FunnelOut {
	out := FunnelOut{
		Definition:   define(res, in),
		TestAccounts: "Internal and test users are left out, as far as the project defines them.",
		TimeZone:     res.TimeZone,
	}
	if res.TestAccounts {
		out.TestAccounts = "Internal and test users are included."
	}
	columns := []string{"step", "event", "people", "from_previous", "from_first", "median_time"}
	if in.Breakdown != "" {
		columns = slices.Insert(columns, 0, in.Breakdown)
	}
	rows := [][]any{}
	for _, g := range res.Groups {
		value := g.Breakdown
		if value == "" {
			value = "(not set)"
		}
		for i, s := range g.Steps {
			row := []any{i + 1, s.Name, s.Count, rate(s.FromPrevious), rate(s.FromFirst), span(s.MedianTime)}
			if in.Breakdown != "" {
				row = slices.Insert(row, 0, any(value))
			}
			rows = append(rows, row)
		}
	}
	out.Table = tools.NewTable(columns, rows)
	out.Units = "from_previous and from_first: share 0-1; median_time: from the step before"
	switch {
	case len(res.Groups) == 0:
		out.Finding = finding(nil)
	case len(res.Groups) == 1 && in.Breakdown == "":
		out.Finding = finding(res.Groups[0].Steps)
	}
	if age := now.Sub(res.ComputedAt); !res.ComputedAt.IsZero() && age > time.Minute {
		out.notices = append(out.notices, fmt.Sprintf("PostHog answered from its cache, computed %s ago.", age.Round(time.Minute)))
	}
	return out
}

func define(res driver.FunnelResult, in FunnelIn) string {
	how := map[string]string{
		"ordered":   "in this order, other events may lie between",
		"strict":    "in this order with nothing in between",
		"unordered": "in any order",
	}[res.Order]
	return fmt.Sprintf("People who did %s, %s, within %d %ss of the first step, entering from %s to %s.",
		strings.Join(in.Steps, " → "), how, res.Window, res.WindowUnit,
		res.From.UTC().Format("2006-01-02T15:04Z"), res.To.UTC().Format("2006-01-02T15:04Z"))
}

// finding names the overall conversion and the step that loses the most.
func finding(steps []driver.FunnelStepResult) string {
	if len(steps) < 2 || steps[0].Count == 0 {
		return "Nobody entered this funnel in the period: check the event names with list_objects."
	}
	worst := 1
	for i := 2; i < len(steps); i++ {
		if steps[i].FromPrevious != nil && steps[worst].FromPrevious != nil && *steps[i].FromPrevious < *steps[worst].FromPrevious {
			worst = i
		}
	}
	last := steps[len(steps)-1]
	text := fmt.Sprintf("%d of %d people (%.1f %%) went all the way.", last.Count, steps[0].Count, 100*float64(last.Count)/float64(steps[0].Count))
	if w := steps[worst]; w.FromPrevious != nil && *w.FromPrevious < 1 {
		text += fmt.Sprintf(" The largest drop is before %s: %.1f %% of the people of the step before do not reach it.", w.Name, 100*(1-*w.FromPrevious))
	}
	return text
}

func rate(f *float64) any {
	if f == nil {
		return nil
	}
	return math.Round(*f*1e4) / 1e4
}

// span writes a time as people do, such as 3m20s or 2d4h.
func span(d *time.Duration) any {
	if d == nil {
		return nil
	}
	if *d >= 48*time.Hour {
		days := *d / (24 * time.Hour)
		hours := (*d % (24 * time.Hour)).Round(time.Hour) / time.Hour
		return fmt.Sprintf("%dd%dh", days, hours)
	}
	if *d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
