package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	chunkEvents = 500       // events per request
	chunkBytes  = 5_000_000 // bytes of JSON per request; PostHog takes 20 MB
	gzipFrom    = 4_096     // bytes of JSON from which compressing pays
	// maxExtraRequests bounds what halving may cost in one call. Finding one
	// bad event among 500 takes 18.
	maxExtraRequests = 200
)

const quotaReason = "dropped by PostHog: the project's event quota is used up"

// batchSender delivers prepared events and writes down what became of each.
// It knows neither host nor key; a durable outbox can stand before it.
type batchSender struct {
	send     func(context.Context, []wireEvent) ([]byte, error)
	outcomes []CaptureOutcome
	told     bool // PostHog has taken or refused at least one event
	extra    int  // requests beyond one per chunk
}

// deliver sends the events in chunks. It returns an error only while PostHog
// has told nothing about any event; later failures are in the outcomes.
func (s *batchSender) deliver(ctx context.Context, events []wireEvent) error {
	for len(events) > 0 {
		n := chunkLen(events)
		if err := s.chunk(ctx, events[:n]); err != nil {
			if !s.told {
				return err
			}
			s.mark(s.unsettled(events), CaptureFailed, failedReason(err))
			return nil
		}
		events = events[n:]
	}
	return nil
}

// chunk sends one request, and halves it when PostHog refuses it for what is
// in it.
func (s *batchSender) chunk(ctx context.Context, events []wireEvent) error {
	answer, err := s.send(ctx, events)
	if err == nil {
		s.told = true
		limited := quotaLimited(answer)
		for _, ev := range events {
			o := &s.outcomes[ev.index]
			o.Status, o.Reason = CaptureAccepted, ""
			if dropped(ev.Event, limited) {
				o.Status, o.Reason = CaptureQuotaLimited, quotaReason
			}
		}
		return nil
	}
	// 413 too: one event of the request is too large for PostHog although
	// this side let it pass. Those before it may be in already; the same UUIDs
	// make sending them again harmless.
	if !errors.Is(err, KindInvalid) && !errors.Is(err, KindTooLarge) {
		return err
	}
	if len(events) == 1 {
		s.told = true
		s.mark(events, CaptureRejected, rejectedReason(err))
		return nil
	}
	if s.extra += 2; s.extra > maxExtraRequests {
		s.mark(events, CaptureFailed, "not sent: too many bad events in this batch; correct those reported as rejected, then send this one again")
		return nil
	}
	half := len(events) / 2
	if err := s.chunk(ctx, events[:half]); err != nil {
		return err
	}
	return s.chunk(ctx, events[half:])
}

func (s *batchSender) mark(events []wireEvent, status CaptureStatus, reason string) {
	for _, ev := range events {
		s.outcomes[ev.index].Status, s.outcomes[ev.index].Reason = status, reason
	}
}

// unsettled are the events whose fate PostHog has not told yet.
func (s *batchSender) unsettled(events []wireEvent) []wireEvent {
	return slices.DeleteFunc(slices.Clone(events), func(ev wireEvent) bool {
		return s.outcomes[ev.index].Status != CaptureFailed
	})
}

// chunkLen is how many of the events fit into one request, at least one.
func chunkLen(events []wireEvent) int {
	size := 0
	for i, ev := range events {
		size += ev.size + 1
		if i > 0 && (i == chunkEvents || size > chunkBytes) {
			return i
		}
	}
	return len(events)
}

func totalSize(events []wireEvent) int {
	size := 0
	for _, ev := range events {
		size += ev.size
	}
	return size
}

// quotaLimited reads which of PostHog's event quotas are used up, out of a 200
// answer. Most answers do not say.
func quotaLimited(answer []byte) []string {
	var a struct {
		QuotaLimited []string `json:"quota_limited"`
	}
	if json.Unmarshal(answer, &a) != nil {
		return nil // older stacks answer with plain text
	}
	return a.QuotaLimited
}

// dropped reports whether an event falls under one of the used-up quotas.
// Exceptions, surveys and LLM events have quotas of their own.
func dropped(event string, limited []string) bool {
	return slices.ContainsFunc(limited, func(resource string) bool {
		switch resource {
		case "events":
			return true
		case "exceptions":
			return event == "$exception"
		case "surveys", "survey_responses":
			return event == "survey sent" || event == "survey shown" || event == "survey dismissed"
		case "llm_events", "ai_events":
			return strings.HasPrefix(event, "$ai_")
		}
		return false // recordings, feature flags: not events
	})
}

func quotaWarning(n int) string {
	return fmt.Sprintf("PostHog answered 200 but DROPPED %s: the project's event quota is used up until the billing period ends or the limit is raised. Sending again does not help.", countEvents(n))
}

func failedReason(err error) string {
	return "not delivered (" + errorDetail(err) + "); send it again with the same uuid and timestamp"
}

func rejectedReason(err error) string {
	return "refused by PostHog: " + errorDetail(err)
}

// errorDetail is the sentence of an error without operation and kind.
func errorDetail(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Detail != "" {
		return e.Detail
	}
	return err.Error()
}

func (c *Client) summarize(outcomes []CaptureOutcome) CaptureBatchResult {
	r := CaptureBatchResult{Outcomes: outcomes}
	var why string // of the first that waits
	for _, o := range outcomes {
		switch o.Status {
		case CaptureAccepted:
			r.Accepted++
		case CaptureRejected:
			r.Rejected++
		case CaptureQuotaLimited:
			r.QuotaLimited++
		case CaptureQueued:
			if r.Queued++; why == "" {
				why = o.Reason
			}
		case CaptureFailed:
			r.Failed++
		}
	}
	var warnings []string
	if r.QuotaLimited > 0 {
		warnings = append(warnings, quotaWarning(r.QuotaLimited))
	}
	if r.Queued > 0 {
		warnings = append(warnings, c.queuedWarning(r.Queued, why))
	}
	if r.Failed > 0 {
		warnings = append(warnings, countEvents(r.Failed)+" could not be delivered; send them again with the same uuids and timestamps.")
	}
	r.Warning = strings.Join(warnings, " ")
	return r
}

func countEvents(n int) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}
