package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"
)

// CaptureEventParams describe one event. The same record is an item of a
// batch.
type CaptureEventParams struct {
	Event      string         // name, such as "signup"; required, at most 200 characters
	DistinctID string         // who did it; required, at most 200 characters
	Properties map[string]any // event properties; $set, $set_once, $groups and the like pass through
	Timestamp  time.Time      // when it happened; zero means now
	UUID       string         // identity of the event; empty means a new one (version 7)
}

// CaptureStatus says what became of one event.
type CaptureStatus string

// The states of a captured event.
const (
	CaptureAccepted     CaptureStatus = "accepted"      // PostHog took it into its queue; it shows up in queries within a minute or so
	CaptureRejected     CaptureStatus = "rejected"      // wrong; it will never be accepted as it is
	CaptureQuotaLimited CaptureStatus = "quota_limited" // PostHog answered 200 and dropped it: the billing quota is used up
	CaptureQueued       CaptureStatus = "queued"        // safe in the outbox on disk; it will be sent
	CaptureFailed       CaptureStatus = "failed"        // not known to be accepted; send it again with the same UUID and Timestamp
)

// CaptureOutcome is the fate of one event.
type CaptureOutcome struct {
	Index     int           // place in the batch, from 0
	UUID      string        // as sent; repeat it when sending again
	Event     string        //
	Timestamp time.Time     // as sent; repeat it when sending again
	Status    CaptureStatus //
	Reason    string        // for everything that is not accepted
}

// CaptureEventResult is what CaptureEvent gives.
type CaptureEventResult struct {
	CaptureOutcome
	// Warning is set for an event that PostHog has not taken: dropped although
	// it answered 200, refused, or kept to be sent later.
	Warning string
}

// CaptureBatchParams describe many events.
type CaptureBatchParams struct {
	Events []CaptureEventParams // 1 to 10,000
	// Historical routes the batch to PostHog's import pipeline: no spike
	// protection, no real-time destinations. For backfills.
	Historical bool
}

// CaptureBatchResult is what CaptureBatch gives: one outcome per event, in the
// order of the events.
type CaptureBatchResult struct {
	Outcomes     []CaptureOutcome
	Accepted     int
	Rejected     int
	QuotaLimited int
	Queued       int
	Failed       int
	// Warning is set when events were dropped although PostHog answered 200,
	// when some are kept to be sent later, or could not be delivered.
	Warning string
}

// CaptureEvent sends one event with the project key. The event gets its UUID
// and timestamp before the first attempt, so that a retry cannot make a second
// event. Accepted means queued by PostHog, not yet visible in queries.
//
// With an outbox the event is safe on disk before it is sent, and an answer
// that takes longer than two seconds is not waited for: the event is then
// CaptureQueued and goes out by itself.
//
// A wrong but well-formed project key is accepted by PostHog too, and the
// event vanishes: only a query can prove that the key belongs to the project.
//
//posthog:operation POST /i/v0/e/
//posthog:operation POST /batch/
func (c *Client) CaptureEvent(ctx context.Context, p CaptureEventParams) (CaptureEventResult, error) {
	const op = "capture_event"
	ev, problem := prepareEvent(p, time.Now())
	if problem != nil {
		return CaptureEventResult{}, invalid(op, problem.attr, problem.text, problem.hint)
	}
	key, err := c.projectToken(ctx)
	if err != nil {
		return CaptureEventResult{}, withOp(err, op)
	}
	var notice string
	if c.outbox != nil {
		outcome := []CaptureOutcome{ev.outcome(0, CaptureFailed, "not sent")}
		kept, why, err := c.keep(ctx, op, key, []wireEvent{ev}, false, outcome)
		if err != nil {
			return CaptureEventResult{}, err
		}
		if kept {
			res := CaptureEventResult{CaptureOutcome: outcome[0], Warning: c.summarize(outcome).Warning}
			if res.Status == CaptureRejected {
				res.Warning = "The event did not go in: " + res.Reason + ". It is kept as a dead letter in " + c.outbox.Path() + "."
			}
			return res, nil
		}
		notice = why
	}
	body := struct {
		APIKey string `json:"api_key"`
		wireEvent
	}{key.Reveal(), ev}
	var answer []byte
	err = c.do(ctx, request{
		op: op, class: ClassCapture, target: ingestHost,
		method: "POST", path: "/i/v0/e/", body: body,
		gzip: ev.size > gzipFrom, idempotent: true, plainOK: true,
	}, &answer)
	if err != nil {
		return CaptureEventResult{}, err
	}
	out := CaptureEventResult{CaptureOutcome: ev.outcome(0, CaptureAccepted, ""), Warning: notice}
	if limited := quotaLimited(answer); dropped(ev.Event, limited) {
		out.Status, out.Reason = CaptureQuotaLimited, quotaReason
		out.Warning = quotaWarning(1)
	}
	return out, nil
}

// CaptureBatch sends many events with the project key, in requests of a
// bounded size. Events that cannot be right are rejected here with the reason
// and the others still go. PostHog refuses a whole request for one bad event:
// such a request is halved until the bad event is alone, so that every good
// event goes in.
//
// The error is not nil only when there is no outcome to tell: for a batch
// without one valid event, or when PostHog could not be reached from the start.
// A later failure leaves the remaining outcomes CaptureFailed, or, with an
// outbox, CaptureQueued.
//
//posthog:operation POST /batch/
func (c *Client) CaptureBatch(ctx context.Context, p CaptureBatchParams) (CaptureBatchResult, error) {
	const op = "capture_batch"
	if n := len(p.Events); n == 0 || n > maxBatchEvents {
		return CaptureBatchResult{}, invalid(op, "events", fmt.Sprintf("%d events", n),
			fmt.Sprintf("Give between 1 and %d events per call.", maxBatchEvents))
	}
	outcomes, ready, first := prepareBatch(p.Events, time.Now())
	if len(ready) == 0 {
		return CaptureBatchResult{}, invalid(op, first.attr, "no event of the batch can be sent; "+first.attr+": "+first.text, first.hint)
	}
	key, err := c.projectToken(ctx)
	if err != nil {
		return CaptureBatchResult{}, withOp(err, op)
	}
	var notice string
	if c.outbox != nil {
		kept, why, err := c.keep(ctx, op, key, ready, p.Historical, outcomes)
		if err != nil {
			return CaptureBatchResult{}, err
		}
		if kept {
			return c.summarize(outcomes), nil
		}
		notice = why
	}
	s := batchSender{
		outcomes: outcomes,
		send: func(ctx context.Context, events []wireEvent) ([]byte, error) {
			var answer []byte
			err := c.do(ctx, request{
				op: op, class: ClassCapture, target: ingestHost,
				method: "POST", path: "/batch/", idempotent: true, plainOK: true,
				body: batchBody{APIKey: key.Reveal(), Historical: p.Historical, Batch: events},
				gzip: totalSize(events) > gzipFrom,
			}, &answer)
			return answer, err
		},
	}
	if err := s.deliver(ctx, ready); err != nil {
		return CaptureBatchResult{}, err
	}
	res := c.summarize(outcomes)
	res.Warning = strings.TrimSpace(notice + " " + res.Warning)
	return res, nil
}

// wireEvent is an event as PostHog takes it. There is no sent_at on purpose:
// with it PostHog shifts timestamps by the time between stamp and arrival, and
// a retry would change the event's identity.
type wireEvent struct {
	Event      string         `json:"event"`
	DistinctID string         `json:"distinct_id"`
	Properties map[string]any `json:"properties"`
	Timestamp  string         `json:"timestamp"`
	UUID       string         `json:"uuid"`

	when  time.Time
	index int // place in the caller's batch
	size  int // bytes of the JSON
}

type batchBody struct {
	APIKey     string      `json:"api_key"`
	Historical bool        `json:"historical_migration"`
	Batch      []wireEvent `json:"batch"`
}

func (e wireEvent) outcome(index int, s CaptureStatus, reason string) CaptureOutcome {
	return CaptureOutcome{Index: index, UUID: e.UUID, Event: e.Event, Timestamp: e.when, Status: s, Reason: reason}
}

// prepareEvent gives an event its identity and checks it. After this nothing
// about the event changes, however often it is sent.
func prepareEvent(p CaptureEventParams, now time.Time) (wireEvent, *eventProblem) {
	ev := wireEvent{Event: p.Event, DistinctID: p.DistinctID, UUID: p.UUID, when: p.Timestamp}
	if problem := checkEvent(p, now); problem != nil {
		return ev, problem
	}
	if ev.when.IsZero() {
		ev.when = now
	}
	// Milliseconds: what PostHog's own SDKs send, and part of the identity.
	ev.when = ev.when.UTC().Truncate(time.Millisecond)
	ev.Timestamp = ev.when.Format("2006-01-02T15:04:05.000Z")
	if ev.UUID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return ev, &eventProblem{"uuid", "no random numbers for an event UUID: " + err.Error(), "Give a uuid for the event."}
		}
		ev.UUID = id.String()
	}
	ev.Properties = maps.Clone(p.Properties)
	if ev.Properties == nil {
		ev.Properties = make(map[string]any, 2)
	}
	if _, ok := ev.Properties["$lib"]; !ok {
		ev.Properties["$lib"] = "posthog-mcp"
	}
	// The request comes from the machine of the agent. Without this PostHog
	// would write that machine's location over the person's.
	_, hasIP := ev.Properties["$ip"]
	if _, ok := ev.Properties["$geoip_disable"]; !ok && !hasIP {
		ev.Properties["$geoip_disable"] = true
	}
	raw, err := json.Marshal(ev)
	if err != nil {
		return ev, &eventProblem{"properties", "cannot be written as JSON: " + err.Error(), "Use strings, finite numbers, booleans, lists and objects."}
	}
	ev.size = len(raw)
	if n := escapedSize(raw); n > maxEventBytes {
		return ev, &eventProblem{
			"properties", fmt.Sprintf("event %q has %d bytes; PostHog takes at most %d", p.Event, n, maxEventBytes),
			"Send fewer or shorter properties.",
		}
	}
	return ev, nil
}

// prepareBatch prepares every event. The outcomes have one entry per event;
// those of rejected events are final.
func prepareBatch(events []CaptureEventParams, now time.Time) (outcomes []CaptureOutcome, ready []wireEvent, first *eventProblem) {
	outcomes = make([]CaptureOutcome, len(events))
	ready = make([]wireEvent, 0, len(events))
	seen := make(map[string]int, len(events))
	for i, p := range events {
		ev, problem := prepareEvent(p, now)
		if problem == nil {
			if at, ok := seen[ev.UUID]; ok {
				problem = &eventProblem{
					"uuid", fmt.Sprintf("uuid %s is that of event %d too", ev.UUID, at),
					"Give every event its own uuid, or none.",
				}
			}
		}
		if problem != nil {
			problem.attr = fmt.Sprintf("events.%d.%s", i, problem.attr)
			if first == nil {
				first = problem
			}
			outcomes[i] = ev.outcome(i, CaptureRejected, problem.text+". "+problem.hint)
			continue
		}
		seen[ev.UUID] = i
		ev.index = i
		outcomes[i] = ev.outcome(i, CaptureFailed, "not sent")
		ready = append(ready, ev)
	}
	return outcomes, ready, first
}
