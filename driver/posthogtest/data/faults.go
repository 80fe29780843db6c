package data

import "github.com/google/uuid"

// fault is one error tracking issue of the demo and its exception event.
type fault struct {
	id, fingerprint, kind, message, status string
	file, function                         string
	line                                   float64
}

// faults lists the issues: the one of the bad release first.
func faults() []fault {
	return []fault{
		{BadIssueID, BadIssueFingerprint, "TypeError", "Cannot read properties of undefined (reading 'blocks')", "active", "https://app.lumen-notes.example/assets/editor.js", "restoreDraft", 418},
		{"0199f3a0-7c1e-7d44-9a51-5be2c4a1d002", "1d0a2b44c9f64e0f9c0b7a61e5d3f210", "NetworkError", "Failed to fetch", "active", "https://app.lumen-notes.example/assets/api.js", "request", 77},
		{"0199f3a0-7c1e-7d44-9a51-5be2c4a1d003", "5e3c77ab20d14e1b8f6d2c9a04b7e611", "Error", "ResizeObserver loop completed with undelivered notifications.", "suppressed", "https://app.lumen-notes.example/assets/app.js", "observe", 1203},
		{"0199f3a0-7c1e-7d44-9a51-5be2c4a1d004", "9b8a7c6d5e4f4a3b2c1d0e9f8a7b6c5d", "RangeError", "Invalid time value", "resolved", "https://app.lumen-notes.example/assets/calendar.js", "formatDue", 52},
		{"0199f3a0-7c1e-7d44-9a51-5be2c4a1d005", "c4d5e6f708192a3b4c5d6e7f8091a2b3", "QuotaExceededError", "The quota has been exceeded. <b>Please</b> {{retry}}", "active", "https://app.lumen-notes.example/assets/cache.js", "put", 9},
	}
}

// properties gives the parts of an $exception event that are the same for
// every occurrence.
func (f *fault) properties() []Property {
	frame := map[string]any{"filename": f.file, "function": f.function, "lineno": f.line, "colno": 17.0, "in_app": true, "platform": "web:javascript"}
	return []Property{
		{"$exception_types", []any{f.kind}}, {"$exception_values", []any{f.message}},
		{"$exception_list", []any{map[string]any{
			"type": f.kind, "value": f.message,
			"mechanism":  map[string]any{"handled": false, "type": "onerror", "synthetic": false},
			"stacktrace": map[string]any{"type": "resolved", "frames": []any{frame}},
		}}},
		{"$exception_fingerprint", f.fingerprint}, {"$exception_issue_id", f.id}, {"$exception_level", "error"},
		{"$exception_sources", []any{f.file}}, {"$exception_functions", []any{f.function}},
	}
}

// editorFaults are the errors of the editor page.
func (g *generator) editorFaults(v *visit) {
	releases := g.w.Stories.Releases
	switch {
	case v.version == len(releases)-1 && g.chance(0.24):
		g.throw(v, 0)
	case v.version < 2 && g.chance(0.03):
		g.throw(v, 3)
	}
}

// noise is the background of errors that every web app has.
func (g *generator) noise(v *visit) {
	switch at := g.rng.Float64(); {
	case at < 0.003:
		g.throw(v, 1)
	case at < 0.0045:
		g.throw(v, 2)
	case at < 0.005:
		g.throw(v, 4)
	}
}

func (g *generator) throw(v *visit, n int) {
	if g.tables.faults == nil {
		for _, f := range faults() {
			g.tables.faults = append(g.tables.faults, f.properties())
		}
	}
	own := g.tables.faults[n]
	g.do(v, "$exception", own...)
}

// addIssues derives the issues from the exceptions that occurred.
func (w *World) addIssues() {
	for _, f := range faults() {
		issue := &Issue{ID: uuid.MustParse(f.id), Status: f.status, Name: f.kind, Description: f.message, Fingerprint: f.fingerprint}
		for _, e := range w.Events {
			if e.Event != "$exception" {
				continue
			}
			if id, _ := e.Properties.Get("$exception_issue_id"); id == f.id {
				issue.FirstSeen = e.Timestamp
				break
			}
		}
		if !issue.FirstSeen.IsZero() {
			w.Issues = append(w.Issues, issue)
		}
	}
}
