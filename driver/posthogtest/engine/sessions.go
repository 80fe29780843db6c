package engine

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// sessionTable is the sessions table, derived from the events' session ids.
type sessionTable struct {
	rel  *relation
	byID map[string][]any
	zero []any
}

// sessionBuild gathers one session while the events are read in time order.
type sessionBuild struct {
	id                           string
	first, last                  *data.Event
	firstView, lastView          *data.Event
	views, autocaptures, screens uint64
}

func sessionColumns(loc *time.Location) *relation {
	str, opt := mk(kString), nullable(mk(kString))
	cols := []struct {
		name string
		t    *typ
	}{
		{"session_id", str},
		{"id", str},
		{"distinct_id", str},
		{"person_id", mk(kUUID)},
		{"$start_timestamp", dateTime64(6, loc)},
		{"$end_timestamp", dateTime64(6, loc)},
		{"$session_duration", mk(kInt64)},
		{"duration", mk(kInt64)},
		{"$pageview_count", mk(kUInt64)},
		{"$autocapture_count", mk(kUInt64)},
		{"$screen_count", mk(kUInt64)},
		{"$entry_current_url", opt},
		{"$end_current_url", opt},
		{"$entry_pathname", opt},
		{"$end_pathname", opt},
		{"$entry_referring_domain", opt},
		{"$entry_utm_source", opt},
		{"$entry_utm_medium", opt},
		{"$entry_utm_campaign", opt},
		{"$entry_utm_term", opt},
		{"$entry_utm_content", opt},
		{"$channel_type", str},
		{"$is_bounce", nullable(mk(kBool))},
		{"$exit_current_url", opt},
		{"$exit_pathname", opt},
	}
	rel := &relation{hidden: map[string]bool{"$exit_current_url": true, "$exit_pathname": true}}
	for _, c := range cols {
		rel.names = append(rel.names, c.name)
		rel.types = append(rel.types, c.t)
	}
	return rel
}

func buildSessions(snap *data.Snapshot, loc *time.Location) *sessionTable {
	builds := map[string]*sessionBuild{}
	var order []*sessionBuild
	for _, e := range snap.Events {
		if e.SessionID == "" {
			continue
		}
		b := builds[e.SessionID]
		if b == nil {
			b = &sessionBuild{id: e.SessionID, first: e}
			builds[e.SessionID] = b
			order = append(order, b)
		}
		b.last = e
		switch e.Event {
		case "$pageview":
			b.views++
			if b.firstView == nil {
				b.firstView = e
			}
			if b.lastView == nil || e.Timestamp.After(b.lastView.Timestamp) {
				b.lastView = e
			}
		case "$autocapture":
			b.autocaptures++
		case "$screen":
			b.screens++
		}
	}
	t := &sessionTable{rel: sessionColumns(loc), byID: make(map[string][]any, len(order))}
	for _, b := range order {
		row := b.row()
		t.rel.rows = append(t.rel.rows, row)
		t.byID[b.id] = row
	}
	t.zero = t.rel.zeroRow()
	return t
}

func (b *sessionBuild) row() []any {
	person := uuid.UUID{}
	if b.first.Person != nil {
		person = b.first.Person.ID
	}
	start, end := instantOf(b.first.Timestamp), instantOf(b.last.Timestamp)
	seconds := int64(end)/microsPerSecond - int64(start)/microsPerSecond
	medium, domain := sessionText(b.firstView, "utm_medium"), sessionText(b.firstView, "$referring_domain")
	endURL, endPath := sessionText(b.lastView, "$current_url"), sessionText(b.lastView, "$pathname")
	return []any{
		b.id, b.id, b.first.DistinctID, person, start, end, seconds, seconds, b.views, b.autocaptures, b.screens,
		sessionText(b.firstView, "$current_url"), endURL,
		sessionText(b.firstView, "$pathname"), endPath,
		domain,
		sessionText(b.firstView, "utm_source"), medium, sessionText(b.firstView, "utm_campaign"),
		sessionText(b.firstView, "utm_term"), sessionText(b.firstView, "utm_content"),
		channelType(medium, domain),
		b.views == 1 && b.autocaptures == 0 && seconds < 10,
		endURL, endPath,
	}
}

// sessionText is a string property of an event; absent, empty and other types
// count as NULL.
func sessionText(e *data.Event, key string) any {
	if e == nil {
		return nil
	}
	v, _ := e.Properties.Get(key)
	if s, ok := v.(string); ok && s != "" {
		return v
	}
	return nil
}

// channelType classifies a session by where it came from. PostHog's own rules
// are longer; these cover the sources that the demo data has.
func channelType(medium, domain any) string {
	m, _ := medium.(string)
	d, _ := domain.(string)
	switch {
	case m == "cpc", m == "ppc":
		return "Paid Search"
	case m == "email":
		return "Email"
	case m == "social":
		return "Organic Social"
	case d == "$direct":
		return "Direct"
	case strings.Contains(d, "google"), strings.Contains(d, "bing"), strings.Contains(d, "duckduckgo"):
		return "Organic Search"
	}
	return "Unknown"
}
