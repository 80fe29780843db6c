package driver

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

const (
	maxBatchEvents     = 10_000
	maxEventNameChars  = 200 // ingestion cuts longer names, which would make another event of it
	maxDistinctIDChars = 200 // capture cuts longer ids, which would merge people
	// maxEventBytes is PostHog's limit of about 1 MB for one event less what
	// its capture service adds around it (token, address, arrival time).
	maxEventBytes = 998_000
	// maxAhead is PostHog's own limit: a timestamp further in the future is
	// silently replaced by the time of arrival.
	maxAhead = 23 * time.Hour
)

// eventProblem is why an event cannot be sent.
type eventProblem struct{ attr, text, hint string }

// checkEvent refuses what PostHog would refuse, cut, or take and then treat as
// something else.
func checkEvent(p CaptureEventParams, now time.Time) *eventProblem {
	switch n := utf8.RuneCountInString(p.Event); {
	case strings.TrimSpace(p.Event) == "":
		return &eventProblem{"event", "the event has no name", `Give a name such as "signup".`}
	case n > maxEventNameChars:
		return &eventProblem{
			"event", fmt.Sprintf("event name of %d characters: %.40q...", n, p.Event),
			fmt.Sprintf("Keep it within %d characters and put the details into properties.", maxEventNameChars),
		}
	case !utf8.ValidString(p.Event):
		return &eventProblem{"event", fmt.Sprintf("event name %q is not UTF-8", p.Event), "Send UTF-8 text."}
	}
	if problem := checkDistinctID(p.DistinctID); problem != nil {
		return problem
	}
	if p.UUID != "" {
		if id, err := uuid.Parse(p.UUID); err != nil || id == uuid.Nil || len(p.UUID) != 36 {
			return &eventProblem{"uuid", fmt.Sprintf("%.60q is not a UUID", p.UUID), "Leave uuid out to get a new one."}
		}
	}
	if p.Timestamp.IsZero() {
		return nil
	}
	if p.Timestamp.After(now.Add(maxAhead)) {
		return &eventProblem{
			"timestamp", fmt.Sprintf("timestamp %s is more than 23 hours in the future", p.Timestamp.UTC().Format(time.RFC3339)),
			"PostHog would replace it by the time of arrival. Give the true time, or leave it out for now.",
		}
	}
	if p.Timestamp.Year() < 1970 {
		return &eventProblem{
			"timestamp", fmt.Sprintf("timestamp %s is before 1970", p.Timestamp.UTC().Format(time.RFC3339)),
			"Give the time at which the event happened.",
		}
	}
	return nil
}

// checkDistinctID refuses ids that PostHog cuts or never merges. The list of
// placeholders is that of PostHog's newer capture protocol, which refuses
// them; the one used here would take them and lump unrelated people together.
func checkDistinctID(id string) *eventProblem {
	const hint = "Give the id of one person, as your product knows them; get_persons lists some."
	switch n := utf8.RuneCountInString(id); {
	case strings.TrimSpace(id) == "":
		return &eventProblem{"distinct_id", "distinct_id is empty", hint}
	case n > maxDistinctIDChars:
		return &eventProblem{"distinct_id", fmt.Sprintf("distinct_id of %d characters: PostHog cuts it at %d", n, maxDistinctIDChars), hint}
	case !utf8.ValidString(id):
		return &eventProblem{"distinct_id", fmt.Sprintf("distinct_id %q is not UTF-8", id), hint}
	}
	switch strings.ToLower(strings.Trim(strings.TrimSpace(id), `"'`)) {
	case "", "0", "null", "undefined", "none", "nan", "true", "false", "anonymous", "guest", "id", "email",
		"user", "system", "backend", "distinct_id", "distinctid", "not_authenticated", "anonymous-user",
		"[object object]", uuid.Nil.String():
		return &eventProblem{
			"distinct_id", fmt.Sprintf("distinct_id %q is a placeholder that many unrelated people would share", id), hint,
		}
	}
	return nil
}

// escapedSize is the size of the event inside PostHog's own message, where its
// JSON is a string: every quote and backslash costs a byte more.
func escapedSize(raw []byte) int {
	return len(raw) + bytes.Count(raw, []byte{'"'}) + bytes.Count(raw, []byte{'\\'})
}
