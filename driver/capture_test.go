package driver

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// sentCapture decodes the body of a capture request.
func sentCapture(t *testing.T, s *scripted, n int) (one wireEvent, batch batchBody) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	body := []byte(s.bodies[n])
	if s.requests[n].Header.Get("Content-Encoding") == "gzip" {
		zr, err := gzip.NewReader(bytes.NewReader(body))
		require.NoError(t, err)
		body, err = io.ReadAll(zr)
		require.NoError(t, err)
	}
	require.NoError(t, json.Unmarshal(body, &one))
	require.NoError(t, json.Unmarshal(body, &batch))
	return one, batch
}

const captureOK = `{"status":"Ok"}`

func TestCaptureEventKeepsItsIdentityOverRetries(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(503, "transient error, please retry", "Content-Type: text/plain"), reply(200, captureOK))
	c := clientFor(t, s.URL)
	before := time.Now()
	res, err := c.CaptureEvent(t.Context(), CaptureEventParams{Event: "signup", DistinctID: "user-1", Properties: map[string]any{"plan": "pro"}})
	require.NoError(t, err)
	require.Equal(t, CaptureAccepted, res.Status)
	require.Empty(t, res.Warning)
	require.Equal(t, 2, s.count())
	require.Equal(t, s.bodies[0], s.bodies[1], "a retry must be the same event")
	ev, _ := sentCapture(t, s, 1)
	require.Equal(t, res.UUID, ev.UUID)
	require.Equal(t, uuid.Version(7), uuid.MustParse(ev.UUID).Version())
	at, err := time.Parse(time.RFC3339Nano, ev.Timestamp)
	require.NoError(t, err)
	require.True(t, at.Equal(res.Timestamp))
	require.WithinDuration(t, before, at, 10*time.Second)
	require.Equal(t, map[string]any{"plan": "pro", "$lib": "posthog-mcp", "$geoip_disable": true}, ev.Properties)
	require.NotContains(t, s.bodies[0], "sent_at")
	require.Contains(t, s.bodies[0], `"api_key":"phc_projectkeyfortests"`)
	require.Equal(t, "/i/v0/e/", s.requests[0].URL.Path)
	require.Empty(t, s.requests[0].Header.Get("Authorization"), "the personal key has no place in capture")
}

func TestCaptureEventLeavesTheCallersPropertiesAlone(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, captureOK))
	c := clientFor(t, s.URL)
	props := map[string]any{"$ip": "203.0.113.9", "$lib": "web"}
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	id := uuid.NewString()
	res, err := c.CaptureEvent(t.Context(), CaptureEventParams{Event: "x", DistinctID: "u", Properties: props, Timestamp: at, UUID: id})
	require.NoError(t, err)
	require.Len(t, props, 2)
	ev, _ := sentCapture(t, s, 0)
	require.Equal(t, map[string]any{"$ip": "203.0.113.9", "$lib": "web"}, ev.Properties, "an address given on purpose is not hidden")
	require.Equal(t, id, ev.UUID)
	require.Equal(t, "2026-03-01T11:00:00.123Z", ev.Timestamp)
	require.Equal(t, id, res.UUID)
}

func TestCaptureEventRefusesWhatPostHogWouldSpoil(t *testing.T) {
	t.Parallel()
	good := CaptureEventParams{Event: "signup", DistinctID: "user-1"}
	tests := map[string]struct {
		edit func(*CaptureEventParams)
		attr string
		want string
	}{
		"no name":           {func(p *CaptureEventParams) { p.Event = " " }, "event", "no name"},
		"long name":         {func(p *CaptureEventParams) { p.Event = strings.Repeat("e", 201) }, "event", "201 characters"},
		"no distinct id":    {func(p *CaptureEventParams) { p.DistinctID = "" }, "distinct_id", "empty"},
		"long distinct id":  {func(p *CaptureEventParams) { p.DistinctID = strings.Repeat("d", 201) }, "distinct_id", "201 characters"},
		"placeholder":       {func(p *CaptureEventParams) { p.DistinctID = "Anonymous" }, "distinct_id", "placeholder"},
		"quoted null":       {func(p *CaptureEventParams) { p.DistinctID = ` "null" ` }, "distinct_id", "placeholder"},
		"object":            {func(p *CaptureEventParams) { p.DistinctID = "[object Object]" }, "distinct_id", "placeholder"},
		"zero uuid as id":   {func(p *CaptureEventParams) { p.DistinctID = uuid.Nil.String() }, "distinct_id", "placeholder"},
		"no uuid":           {func(p *CaptureEventParams) { p.UUID = "42" }, "uuid", `"42" is not a UUID`},
		"zero uuid":         {func(p *CaptureEventParams) { p.UUID = uuid.Nil.String() }, "uuid", "is not a UUID"},
		"far future":        {func(p *CaptureEventParams) { p.Timestamp = time.Now().Add(24 * time.Hour) }, "timestamp", "in the future"},
		"before computers":  {func(p *CaptureEventParams) { p.Timestamp = time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC) }, "timestamp", "before 1970"},
		"not a number":      {func(p *CaptureEventParams) { p.Properties = map[string]any{"x": math.NaN()} }, "properties", "JSON"},
		"too large":         {func(p *CaptureEventParams) { p.Properties = map[string]any{"x": strings.Repeat("a", 1_000_000)} }, "properties", "bytes"},
		"large once quoted": {func(p *CaptureEventParams) { p.Properties = map[string]any{"x": strings.Repeat(`"`, 400_000)} }, "properties", "bytes"},
		"not UTF-8":         {func(p *CaptureEventParams) { p.Event = "a\xff" }, "event", "UTF-8"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, reply(200, captureOK))
			p := good
			tt.edit(&p)
			_, err := clientFor(t, s.URL).CaptureEvent(t.Context(), p)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, KindInvalid, e.Kind)
			require.Equal(t, tt.attr, e.Attr)
			require.Contains(t, e.Detail, tt.want)
			require.NotEmpty(t, e.Hint)
			require.Zero(t, s.count(), "nothing may be sent")
		})
	}
}

func TestCaptureEventTellsADroppedEventLoudly(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		event, limited string
		dropped        bool
	}{
		"all events":            {"signup", `["events"]`, true},
		"recordings only":       {"signup", `["recordings"]`, false},
		"exceptions, exception": {"$exception", `["exceptions"]`, true},
		"exceptions, signup":    {"signup", `["exceptions"]`, false},
		"surveys":               {"survey sent", `["surveys"]`, true},
		"llm":                   {"$ai_generation", `["llm_events"]`, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, reply(200, `{"status":"Ok","quota_limited":`+tt.limited+`}`))
			res, err := clientFor(t, s.URL).CaptureEvent(t.Context(), CaptureEventParams{Event: tt.event, DistinctID: "u"})
			require.NoError(t, err)
			if !tt.dropped {
				require.Equal(t, CaptureAccepted, res.Status)
				require.Empty(t, res.Warning)
				return
			}
			require.Equal(t, CaptureQuotaLimited, res.Status)
			require.Contains(t, res.Warning, "DROPPED")
		})
	}
}

func TestCaptureEventReadsPlainTextErrors(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(401, "API key is not valid: not_a_token", "Content-Type: text/plain"))
	_, err := clientFor(t, s.URL).CaptureEvent(t.Context(), CaptureEventParams{Event: "x", DistinctID: "u"})
	require.ErrorIs(t, err, KindUnauthenticated)
	require.ErrorContains(t, err, "API key is not valid")
	require.Equal(t, 1, s.count())
}

func TestCaptureEventNeedsAProjectKey(t *testing.T) {
	t.Parallel()
	c, err := New(Config{Host: "http://127.0.0.1:1"})
	require.NoError(t, err)
	defer c.Close() //nolint:errcheck // never fails
	_, err = c.CaptureEvent(t.Context(), CaptureEventParams{Event: "x", DistinctID: "u"})
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, KindUnauthenticated, e.Kind)
	require.Equal(t, "capture_event", e.Op)
	require.NotEmpty(t, e.Hint)
}

// picky refuses a whole batch that holds a bad event, as PostHog does.
func picky(bad func(wireEvent) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var raw io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			zr, err := gzip.NewReader(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			raw = zr
		}
		var body batchBody
		if err := json.NewDecoder(raw).Decode(&body); err != nil {
			http.Error(w, "failed to parse request", http.StatusBadRequest)
			return
		}
		for _, ev := range body.Batch {
			if why := bad(ev); why != "" {
				http.Error(w, why, http.StatusBadRequest)
				return
			}
		}
		_, _ = io.WriteString(w, captureOK)
	}
}

// pickyServer is a server of one unchanging mind that sees whole bodies.
func pickyServer(t *testing.T, bad func(wireEvent) string) (*Client, *[]int) {
	t.Helper()
	var sizes []int
	inner := picky(func(ev wireEvent) string { return bad(ev) })
	c := clientFor(t, "http://posthog.test", func(cfg *Config) {
		cfg.AllowHTTP = true
		cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			rec := newAnswerRecorder()
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			sizes = append(sizes, len(body))
			r.Body = io.NopCloser(bytes.NewReader(body))
			inner(rec, r)
			return rec.response(r), nil
		})
	})
	return c, &sizes
}

type answerRecorder struct {
	status int
	head   http.Header
	bytes.Buffer
}

func newAnswerRecorder() *answerRecorder { return &answerRecorder{status: 200, head: http.Header{}} }

func (r *answerRecorder) Header() http.Header { return r.head }
func (r *answerRecorder) WriteHeader(s int)   { r.status = s }
func (r *answerRecorder) response(req *http.Request) *http.Response {
	return &http.Response{StatusCode: r.status, Header: r.head, Body: io.NopCloser(&r.Buffer), Request: req, ContentLength: int64(r.Len()), ProtoMajor: 1, ProtoMinor: 1}
}

func someEvents(n int) []CaptureEventParams {
	list := make([]CaptureEventParams, n)
	for i := range list {
		list[i] = CaptureEventParams{Event: fmt.Sprintf("event_%d", i), DistinctID: "u"}
	}
	return list
}

func TestCaptureBatchFindsTheBadEvents(t *testing.T) {
	t.Parallel()
	c, requests := pickyServer(t, func(ev wireEvent) string {
		if ev.Event == "event_7" || ev.Event == "event_99" {
			return "event submitted with invalid timestamp"
		}
		return ""
	})
	res, err := c.CaptureBatch(t.Context(), CaptureBatchParams{Events: someEvents(100)})
	require.NoError(t, err)
	require.Equal(t, 98, res.Accepted)
	require.Equal(t, 2, res.Rejected)
	require.Empty(t, res.Warning)
	require.Len(t, res.Outcomes, 100)
	for i, o := range res.Outcomes {
		require.Equal(t, i, o.Index)
		require.NotEmpty(t, o.UUID)
		if i == 7 || i == 99 {
			require.Equal(t, CaptureRejected, o.Status)
			require.Contains(t, o.Reason, "invalid timestamp")
			continue
		}
		require.Equal(t, CaptureAccepted, o.Status, "event %d", i)
	}
	require.LessOrEqual(t, len(*requests), 30, "halving must stay logarithmic")
}

func TestCaptureBatchRefusesHereAndStillSendsTheRest(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, captureOK))
	same := uuid.NewString()
	res, err := clientFor(t, s.URL).CaptureBatch(t.Context(), CaptureBatchParams{Historical: true, Events: []CaptureEventParams{
		{Event: "a", DistinctID: "u", UUID: same},
		{Event: "", DistinctID: "u"},
		{Event: "b", DistinctID: "undefined"},
		{Event: "c", DistinctID: "u", UUID: same},
		{Event: "d", DistinctID: "u"},
	}})
	require.NoError(t, err)
	require.Equal(t, 2, res.Accepted)
	require.Equal(t, 3, res.Rejected)
	require.Contains(t, res.Outcomes[1].Reason, "no name")
	require.Contains(t, res.Outcomes[2].Reason, "placeholder")
	require.Contains(t, res.Outcomes[3].Reason, "that of event 0 too")
	_, batch := sentCapture(t, s, 0)
	require.True(t, batch.Historical)
	require.Len(t, batch.Batch, 2)
	require.Equal(t, "/batch/", s.requests[0].URL.Path)
}

func TestCaptureBatchOfOnlyBadEventsIsAnError(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, captureOK))
	for name, events := range map[string][]CaptureEventParams{
		"none": nil, "too many": make([]CaptureEventParams, 10_001), "bad": {{Event: "x"}},
	} {
		_, err := clientFor(t, s.URL).CaptureBatch(t.Context(), CaptureBatchParams{Events: events})
		require.ErrorIs(t, err, KindInvalid, name)
	}
	require.Zero(t, s.count())
}

func TestCaptureBatchSplitsAndCompresses(t *testing.T) {
	t.Parallel()
	c, sizes := pickyServer(t, func(wireEvent) string { return "" })
	res, err := c.CaptureBatch(t.Context(), CaptureBatchParams{Events: someEvents(1_201)})
	require.NoError(t, err)
	require.Equal(t, 1_201, res.Accepted)
	require.Len(t, *sizes, 3)
	require.Less(t, (*sizes)[0], 40_000, "500 events are far larger uncompressed")

	large := someEvents(8)
	for i := range large {
		large[i].Properties = map[string]any{"text": strings.Repeat("x", 900_000)}
	}
	*sizes = nil
	res, err = c.CaptureBatch(t.Context(), CaptureBatchParams{Events: large})
	require.NoError(t, err)
	require.Equal(t, 8, res.Accepted)
	require.Len(t, *sizes, 2, "a request stays within 5 MB")
}

func TestCaptureBatchTellsWhatWasNotDelivered(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, captureOK), reply(401, "API key is not valid: gone", "Content-Type: text/plain"))
	res, err := clientFor(t, s.URL).CaptureBatch(t.Context(), CaptureBatchParams{Events: someEvents(700)})
	require.NoError(t, err)
	require.Equal(t, 500, res.Accepted)
	require.Equal(t, 200, res.Failed)
	require.Contains(t, res.Warning, "200 events could not be delivered")
	last := res.Outcomes[699]
	require.Equal(t, CaptureFailed, last.Status)
	require.Contains(t, last.Reason, "same uuid and timestamp")

	s = newScripted(t, reply(401, "API key is not valid: gone", "Content-Type: text/plain"))
	_, err = clientFor(t, s.URL).CaptureBatch(t.Context(), CaptureBatchParams{Events: someEvents(3)})
	require.ErrorIs(t, err, KindUnauthenticated, "nothing went in, so it is an error")
	require.Equal(t, 1, s.count(), "a bad key is no reason to halve")
}

func TestCaptureBatchGivesUpOnAHopelessBatch(t *testing.T) {
	t.Parallel()
	c, requests := pickyServer(t, func(wireEvent) string { return "event submitted with an empty event name" })
	res, err := c.CaptureBatch(t.Context(), CaptureBatchParams{Events: someEvents(500)})
	require.NoError(t, err)
	require.Zero(t, res.Accepted)
	require.Equal(t, 500, res.Rejected+res.Failed)
	require.Positive(t, res.Rejected)
	require.LessOrEqual(t, len(*requests), maxExtraRequests+1)
}

func TestCaptureBatchTellsTheQuota(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(200, `{"status":"Ok","quota_limited":["exceptions"]}`))
	res, err := clientFor(t, s.URL).CaptureBatch(t.Context(), CaptureBatchParams{Events: []CaptureEventParams{
		{Event: "$exception", DistinctID: "u"}, {Event: "signup", DistinctID: "u"},
	}})
	require.NoError(t, err)
	require.Equal(t, 1, res.Accepted)
	require.Equal(t, 1, res.QuotaLimited)
	require.Contains(t, res.Warning, "DROPPED 1 event")
}
