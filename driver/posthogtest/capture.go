package posthogtest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// Bounds of capture: one event after decoding, in bytes; a distinct id, in
// characters; how far in the future a timestamp may be.
const (
	maxEventSize  = 1 << 20
	maxDistinctID = 200
	maxFuture     = 23 * time.Hour
)

// Quota switches on what PostHog does when a billing limit is reached.
type Quota struct {
	Events       bool // capture answers 200 and drops the events
	Silent       bool // capture leaves quota_limited out of its answer, as the checked source does
	FeatureFlags bool // /flags answers 200 with quotaLimited and no flags
	APIQueries   bool // queries that are not served from cache answer 402
}

// SetQuota changes the billing switches.
func (s *Server) SetQuota(q Quota) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quota = q
}

func (s *Server) quotaNow() Quota {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quota
}

func isCapturePath(path string) bool {
	switch strings.TrimSuffix(path, "/") {
	case "/i/v0/e", "/batch", "/e", "/capture", "/track", "/engage":
		return true
	}
	return false
}

// rawEvent is one event as clients send it.
type rawEvent struct {
	Event      *string         `json:"event"`
	APIKey     *string         `json:"api_key"`
	Token      *string         `json:"token"`
	Dollar     *string         `json:"$token"`
	DistinctID json.RawMessage `json:"distinct_id"`
	DollarID   json.RawMessage `json:"$distinct_id"`
	UUID       *string         `json:"uuid"`
	Timestamp  *string         `json:"timestamp"`
	Properties map[string]any  `json:"properties"`
	Set        map[string]any  `json:"$set"`
	SetOnce    map[string]any  `json:"$set_once"`

	size int // bytes of its JSON
}

// UnmarshalJSON keeps the size of the event for the limit.
func (e *rawEvent) UnmarshalJSON(b []byte) error {
	type plain rawEvent
	if err := json.Unmarshal(b, (*plain)(e)); err != nil {
		return err
	}
	e.size = len(b)
	return nil
}

func (e *rawEvent) token() *string {
	for _, t := range []*string{e.APIKey, e.Token, e.Dollar} {
		if t != nil {
			return t
		}
	}
	if t, isText := e.Properties["token"].(string); isText {
		return &t
	}
	return nil
}

// distinctID is the event's own, else that of its properties. Anything but a
// string counts by its JSON text; null and the empty string do not count.
func (e *rawEvent) distinctID() string {
	raw := e.DistinctID
	if raw == nil {
		raw = e.DollarID
	}
	if raw == nil {
		if id, given := e.Properties["distinct_id"]; given {
			raw, _ = json.Marshal(id)
		}
	}
	var text string
	if string(raw) == "null" {
		return ""
	}
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	if r := []rune(text); len(r) > maxDistinctID {
		text = string(r[:maxDistinctID])
	}
	return text
}

// batch is a decoded capture request in any of its three forms.
type batch struct {
	token  *string
	sentAt time.Time
	events []rawEvent
}

// captureError is a refusal in plain text, as capture words it.
type captureError struct {
	status int
	text   string
}

func (e *captureError) Error() string { return e.text }

func badCapture(text string) error { return &captureError{http.StatusBadRequest, text} }

// capture answers the ingestion endpoints. Nothing of a request is stored
// unless all its events are well formed.
func (s *Server) capture(c *call) *reply {
	if c.r.Method != http.MethodPost {
		return textReply(http.StatusMethodNotAllowed, "Method Not Allowed")
	}
	stored, err := s.ingest(c)
	if refusal, is := errors.AsType[*captureError](err); is {
		return textReply(refusal.status, refusal.text)
	}
	if err != nil {
		return textReply(http.StatusServiceUnavailable, "transient error, please retry")
	}
	if c.query.Get("beacon") == "1" {
		return &reply{status: http.StatusNoContent, header: http.Header{}}
	}
	answer := map[string]any{"status": "Ok"}
	if quota := s.quotaNow(); !stored && quota.Events && !quota.Silent {
		answer["quota_limited"] = []string{"events"}
	}
	return jsonReply(http.StatusOK, answer)
}

// ingest checks and stores the events. Stored is false when they vanish with a
// 200: over quota, or under a token of no project.
func (s *Server) ingest(c *call) (stored bool, err error) {
	limit := maxSingleBody
	if strings.HasPrefix(c.r.URL.Path, "/batch") {
		limit = maxCaptureBody
	}
	body, err := inflate(c.body, limit)
	if err != nil {
		return false, err
	}
	b, err := parseBatch(body)
	if err != nil {
		return false, err
	}
	token, err := b.projectToken()
	if err != nil {
		return false, err
	}
	if len(b.events) == 0 {
		return false, badCapture("request holds no event")
	}
	events := make([]data.IncomingEvent, len(b.events))
	for i := range b.events {
		if events[i], err = b.check(&b.events[i], c.now); err != nil {
			return false, err
		}
	}
	if token != s.ProjectKey() || s.quotaNow().Events {
		return false, nil
	}
	_, err = s.store.Capture(token, events)
	return true, err
}

// inflate decodes a gzip body, known by its first bytes as at PostHog.
func inflate(body []byte, limit int) ([]byte, error) {
	tooBig := &captureError{http.StatusRequestEntityTooLarge, "maximum event size exceeded: request body too large"}
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b, 8}) {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, badCapture("failed to decode request: invalid gzip data")
		}
		if body, err = io.ReadAll(io.LimitReader(z, int64(limit)+1)); err != nil {
			return nil, badCapture("failed to decode request: invalid gzip data")
		}
	}
	if len(body) > limit {
		return nil, tooBig
	}
	return body, nil
}

func parseBatch(body []byte) (*batch, error) {
	misfit := badCapture("failed to parse request: data did not match any variant of untagged enum RawRequest")
	if body = bytes.TrimSpace(body); len(body) == 0 {
		return nil, badCapture("failed to parse request: EOF while parsing a value at line 1 column 0")
	}
	b := &batch{}
	if body[0] == '[' {
		if json.Unmarshal(body, &b.events) != nil {
			return nil, misfit
		}
		return b, b.named()
	}
	var many struct {
		APIKey *string     `json:"api_key"`
		Token  *string     `json:"token"`
		SentAt string      `json:"sent_at"`
		Batch  *[]rawEvent `json:"batch"`
	}
	if err := json.Unmarshal(body, &many); err != nil {
		return nil, misfit
	}
	if many.Batch != nil {
		if b.token = many.APIKey; b.token == nil {
			b.token = many.Token
		}
		b.events = *many.Batch
		b.sentAt, _ = parseTime(many.SentAt)
		return b, b.named()
	}
	var one rawEvent
	if json.Unmarshal(body, &one) != nil {
		return nil, misfit
	}
	b.events = []rawEvent{one}
	return b, b.named()
}

// named refuses a request in which an event has no event field at all: such
// JSON is no event to PostHog's decoder.
func (b *batch) named() error {
	if slices.ContainsFunc(b.events, func(e rawEvent) bool { return e.Event == nil }) {
		return badCapture("failed to parse request: data did not match any variant of untagged enum RawRequest")
	}
	return nil
}

func (b *batch) projectToken() (string, error) {
	token := b.token
	if token == nil {
		for i := range b.events {
			t := b.events[i].token()
			switch {
			case t == nil:
			case token == nil:
				token = t
			case *token != *t:
				return "", &captureError{http.StatusUnauthorized, "batch submitted with inconsistent api_key values"}
			}
		}
	}
	if token == nil {
		return "", &captureError{http.StatusUnauthorized, "event submitted without an api_key"}
	}
	text := strings.TrimSpace(*token)
	if reason := malformedToken(text); reason != "" {
		return "", &captureError{http.StatusUnauthorized, "API key is not valid: " + reason}
	}
	return text, nil
}

func malformedToken(token string) string {
	switch {
	case token == "":
		return "empty"
	case len(token) > 64:
		return "too_long"
	case strings.ContainsFunc(token, func(r rune) bool { return r > 127 }):
		return "not_ascii"
	case strings.HasPrefix(token, "phx_"):
		return "personal_api_key"
	case strings.ContainsRune(token, 0):
		return "null_byte"
	}
	return ""
}

// check turns a raw event into one to store.
func (b *batch) check(e *rawEvent, now time.Time) (data.IncomingEvent, error) {
	var out data.IncomingEvent
	if *e.Event == "" {
		return out, badCapture("event submitted with an empty event name")
	}
	if e.size > maxEventSize {
		return out, &captureError{http.StatusRequestEntityTooLarge, "maximum event size exceeded: event is larger than 1MB"}
	}
	out.Event, out.DistinctID, out.Timestamp = *e.Event, e.distinctID(), now
	if out.DistinctID == "" {
		return out, badCapture("event submitted without a distinct_id")
	}
	var err error
	if e.UUID != nil && *e.UUID != "" {
		if out.UUID, err = uuid.Parse(*e.UUID); err != nil {
			return out, badCapture("failed to parse request: data did not match any variant of untagged enum RawRequest")
		}
	} else if out.UUID, err = uuid.NewV7(); err != nil {
		return out, err
	}
	if e.Timestamp != nil && *e.Timestamp != "" {
		at, valid := parseTime(*e.Timestamp)
		if !valid {
			return out, badCapture("event submitted with invalid timestamp")
		}
		if !b.sentAt.IsZero() { // the client's clock may be wrong; its pace is not
			at = at.Add(now.Sub(b.sentAt))
		}
		if out.Timestamp = at; at.Sub(now) > maxFuture {
			out.Timestamp = now
		}
	}
	out.Properties = e.Properties
	if out.Properties == nil {
		out.Properties = map[string]any{}
	}
	for name, set := range map[string]map[string]any{"$set": e.Set, "$set_once": e.SetOnce} {
		if _, given := out.Properties[name]; set != nil && !given {
			out.Properties[name] = set
		}
	}
	return out, nil
}

// parseTime reads ISO 8601 in the forms that clients send.
func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", time.DateOnly,
	} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}
