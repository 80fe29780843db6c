// Package errors holds the tools of error tracking.
package errors

import (
	"context"
	"embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools"
)

//go:embed schema/*.json
var schemas embed.FS

// toolset is the toolset of these tools.
const toolset = "errors"

// Tools gives the tools of this area.
func Tools() tools.Set {
	return tools.Set{Tools: []tools.Tool{listErrors(), getError()}, Schemas: schemas}
}

// ListIn are the arguments of list_errors.
type ListIn struct {
	Search       string     `json:"search,omitempty" jsonschema:"Words of it" example:"TypeError"`
	Status       string     `json:"status,omitempty" jsonschema:"State" enum:"active,resolved,suppressed,archived,pending_release,all" default:"active"`
	Order        string     `json:"order,omitempty" jsonschema:"By" enum:"occurrences,users,sessions,last_seen,first_seen" default:"occurrences"`
	After        tools.Time `json:"after,omitzero" jsonschema:"Start: -7d or ISO date" default:"-7d"`
	Before       tools.Time `json:"before,omitzero" jsonschema:"End; now without"`
	Limit        int        `json:"limit,omitempty" jsonschema:"Rows" default:"20"`
	Cursor       string     `json:"cursor,omitempty" jsonschema:"Next page" example:"20"`
	TestAccounts bool       `json:"test_accounts,omitempty" jsonschema:"Include internal users"`
}

// ListOut is the answer of list_errors: a row per issue.
type ListOut struct {
	Definition   string `json:"definition" jsonschema:"What is counted"`
	TestAccounts string `json:"test_accounts" jsonschema:"Whether internal and test users are in it"`
	tools.Table
}

func listErrors() tools.Tool {
	return tools.Op[ListIn, ListOut]{
		Name: "list_errors", Title: "List errors", Toolset: toolset,
		Doc:    "Lists errors (issues of error tracking) with occurrences, users, first and last seen, release, status. Stack: get_error.",
		Effect: tools.Reads, Scopes: []string{"query:read"}, Class: driver.ClassQuery,
		Examples: []string{`{"order":"users","after":"-24h"}`},
		Run: func(ctx context.Context, ph *driver.Client, in ListIn) (ListOut, error) {
			res, err := ph.ErrorIssues(ctx, driver.ErrorsParams{
				AnalysisSpan: span(ctx, ph, in.After, in.Before, in.TestAccounts),
				Status:       in.Status, Search: in.Search, Order: in.Order, Limit: in.Limit, Cursor: in.Cursor,
			})
			if err != nil {
				return ListOut{}, err
			}
			rows := make([][]any, len(res.Issues))
			for i, e := range res.Issues {
				rows[i] = []any{e.ID, e.Name, e.Description, e.Status, e.Occurrences, e.Users, e.Sessions, stamp(e.FirstSeen), stamp(e.LastSeen), word(e.Release), word(e.Source)}
			}
			out := ListOut{
				Definition:   fmt.Sprintf("Exceptions %s, %s errors; first_seen: ever; release: of the last occurrence.", period(res.AnalysisMeta), in.Status),
				TestAccounts: testAccounts(in.TestAccounts),
				Table: tools.NewTable([]string{
					"id", "name", "message", "status", "occurrences", "users", "sessions", "first_seen", "last_seen", "release", "source",
				}, rows),
			}
			out.Units = "times in UTC"
			out.Cursor, out.HasMore = res.Cursor, res.Cursor != ""
			out.CursorAfter = func(n int) string { return strconv.Itoa(res.Offset + n) }
			return out, nil
		},
	}
}

// ErrorIn are the arguments of get_error.
type ErrorIn struct {
	ID           string     `json:"id" jsonschema:"Id from list_errors, or pasted URL" maxlen:"300" example:"0199f3a0-7c1e-7d44-9a51-5be2c4a1d001"`
	After        tools.Time `json:"after,omitzero" jsonschema:"Start: -7d or ISO date" default:"-30d"`
	Before       tools.Time `json:"before,omitzero" jsonschema:"End; now without"`
	TestAccounts bool       `json:"test_accounts,omitempty" jsonschema:"Include internal users"`
}

// ErrorOut is the answer of get_error: the issue, and the stack of its last
// occurrence, a row per frame.
type ErrorOut struct {
	Name         string   `json:"name"`
	Message      string   `json:"message,omitempty"`
	Status       string   `json:"status"`
	Assignee     string   `json:"assignee,omitempty"`
	FirstSeen    string   `json:"first_seen,omitempty" jsonschema:"Ever, UTC"`
	LastSeen     string   `json:"last_seen,omitempty" jsonschema:"In the range, UTC"`
	Occurrences  int64    `json:"occurrences"`
	Users        int64    `json:"users"`
	Sessions     int64    `json:"sessions"`
	Release      string   `json:"release,omitempty" jsonschema:"Of the last occurrence"`
	Library      string   `json:"library,omitempty"`
	URL          string   `json:"url,omitempty"`
	Definition   string   `json:"definition" jsonschema:"What is counted"`
	TestAccounts string   `json:"test_accounts" jsonschema:"Whether internal and test users are in it"`
	LastEvent    string   `json:"last_event,omitempty" jsonschema:"Occurrence of the stack"`
	Exceptions   []string `json:"exceptions,omitempty" jsonschema:"Of that occurrence"`
	tools.Table

	notices []string
}

// Notices tells of a stack that is missing or shortened.
func (o *ErrorOut) Notices() []string { return o.notices }

func getError() tools.Tool {
	return tools.Op[ErrorIn, ErrorOut]{
		Name: "get_error", Title: "Get an error", Toolset: toolset,
		Doc:    "Gives one error with its counts in a time range, its release and the stack frames of its last occurrence.",
		Effect: tools.Reads, Scopes: []string{"error_tracking:read", "query:read"}, Class: driver.ClassQuery,
		Examples: []string{`{"id":"0199f3a0-7c1e-7d44-9a51-5be2c4a1d001"}`},
		Run: func(ctx context.Context, ph *driver.Client, in ErrorIn) (ErrorOut, error) {
			res, err := ph.ErrorIssue(ctx, driver.ErrorParams{AnalysisSpan: span(ctx, ph, in.After, in.Before, in.TestAccounts), ID: in.ID})
			if err != nil {
				return ErrorOut{}, err
			}
			return errorOut(res, in), nil
		},
	}
}

// maxFrames bounds the stack of one exception: beyond it, frames of libraries
// are left out first.
const maxFrames = 30

func errorOut(res driver.ErrorResult, in ErrorIn) ErrorOut {
	e := res.Issue
	out := ErrorOut{
		Name: e.Name, Message: e.Description, Status: e.Status, Assignee: e.Assignee,
		FirstSeen: text(e.FirstSeen), LastSeen: text(e.LastSeen), Occurrences: e.Occurrences, Users: e.Users, Sessions: e.Sessions,
		Release: e.Release, Library: e.Library, URL: e.URL,
		Definition: "Exceptions " + period(res.AnalysisMeta) + ".", TestAccounts: testAccounts(in.TestAccounts),
	}
	rows := [][]any{}
	if res.Last == nil {
		out.notices = append(out.notices, "The error did not occur in the range; give an earlier after for its stack.")
	} else {
		out.LastEvent = lastEvent(res.Last)
		for i, x := range res.Last.Exceptions {
			line := strings.TrimSuffix(x.Type+": "+x.Message, ": ")
			if x.Handled {
				line += " (handled)"
			}
			out.Exceptions = append(out.Exceptions, line)
			frames, cut := shorten(x.Frames)
			if cut > 0 {
				out.notices = append(out.notices, fmt.Sprintf("%d frames of exception %d are left out.", cut, i+1))
			}
			for _, f := range frames {
				rows = append(rows, []any{i + 1, word(f.Function), word(f.File), place(f), f.InApp})
			}
		}
	}
	out.Table = tools.NewTable([]string{"exception", "function", "file", "line", "in_app"}, rows)
	out.Units = "exception: place in exceptions; line: line:column; in_app: no library"
	return out
}

// lastEvent says when, where and by whom the error was last met.
func lastEvent(e *driver.ErrorEvent) string {
	parts := []string{text(e.At), "event " + e.UUID, "by " + e.DistinctID}
	if e.URL != "" {
		parts = append(parts, "on "+e.URL)
	}
	if browser := strings.TrimSpace(e.Browser + " " + e.OS); browser != "" {
		parts = append(parts, browser)
	}
	return strings.Join(parts, ", ")
}

// shorten keeps the frames of the project's own code, then the others, within
// the bound, in their order.
func shorten(frames []driver.StackFrame) (kept []driver.StackFrame, cut int) {
	if len(frames) <= maxFrames {
		return frames, 0
	}
	own := 0
	for _, f := range frames {
		if f.InApp {
			own++
		}
	}
	others := max(0, maxFrames-own)
	for _, f := range frames {
		switch {
		case len(kept) == maxFrames:
		case f.InApp:
			kept = append(kept, f)
		case others > 0:
			kept, others = append(kept, f), others-1
		}
	}
	return kept, len(frames) - len(kept)
}

func place(f driver.StackFrame) any {
	switch {
	case f.Line == 0:
		return nil
	case f.Column == 0:
		return strconv.FormatInt(f.Line, 10)
	}
	return fmt.Sprintf("%d:%d", f.Line, f.Column)
}

// span reads the dates of a call; a range never reaches into the future.
func span(ctx context.Context, ph *driver.Client, after, before tools.Time, testAccounts bool) driver.AnalysisSpan {
	zone, now := ph.Location(ctx), tools.Now(ctx)
	s := driver.AnalysisSpan{From: after.Start(now, zone), To: before.End(now, zone), TestAccounts: testAccounts}
	if s.To.After(now) {
		s.To = now
	}
	return s
}

func period(meta driver.AnalysisMeta) string {
	return fmt.Sprintf("from %s to %s", meta.From.UTC().Format("2006-01-02T15:04Z"), meta.To.UTC().Format("2006-01-02T15:04Z"))
}

func testAccounts(included bool) string {
	if included {
		return "Internal and test users are included."
	}
	return "Internal and test users are left out, as far as the project defines them."
}

func text(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

func stamp(t time.Time) any { return word(text(t)) }

// word is a text for a cell, null when there is none.
func word(s string) any {
	if s == "" {
		return nil
	}
	return s
}
