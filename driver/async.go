package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

const (
	firstPoll  = 500 * time.Millisecond
	lastPoll   = 5 * time.Second
	revokeTime = 2 * time.Second
)

// nodePath is the query endpoint; below it a query in the background is asked
// for and canceled.
const nodePath = "/api/projects/{project}/query/"

// queryStatus is how PostHog tells about a query in the background.
type queryStatus struct {
	ID       string          `json:"id"`
	Complete bool            `json:"complete"`
	Error    bool            `json:"error"`
	Message  *string         `json:"error_message"`
	Results  json.RawMessage `json:"results"`
}

// statusEnvelope is an answer of the query endpoint, as far as it tells of the
// background.
type statusEnvelope struct {
	Status  *queryStatus    `json:"query_status"`
	Results json.RawMessage `json:"results"`
}

// isOutcome reports an answer to a poll that tells how the query ended: PostHog
// gives it the status 400 or 500 when the query failed.
func isOutcome(ans *answer) bool {
	if ans.status != http.StatusBadRequest && ans.status != http.StatusInternalServerError {
		return false
	}
	var e statusEnvelope
	return json.Unmarshal(ans.body, &e) == nil && e.Status != nil && e.Status.ID != ""
}

// sendInBackground starts a query that PostHog computes in the background and
// asks for it, less and less often, until it is complete or the caller's time
// ends: for queries that often take longer than the 10 s that PostHog grants a
// waiting one. Between two polls nothing is held here: no place, no quota. The
// answer is the query's own, wherever PostHog nests it. A query that is given
// up is canceled at PostHog.
func (c *Client) sendInBackground(ctx context.Context, k *call) (*answer, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, k.newError(KindUpstream, "no random numbers for a query id")
	}
	if top, ok := k.body.(map[string]any); ok { // our own id: known even if no answer comes
		top = maps.Clone(top)
		top["client_query_id"] = id.String()
		k.body = top
	}
	status := &queryStatus{ID: id.String()}
	running := true
	defer func() {
		if running {
			c.revoke(ctx, k, status.ID)
		}
	}()
	ans, err := c.send(ctx, k)
	if err != nil {
		running = KindOf(err) == KindTimeout || KindOf(err) == KindCanceled
		return nil, err
	}
	var first statusEnvelope
	if err := json.Unmarshal(ans.body, &first); err != nil || first.Status == nil || first.Status.ID == "" {
		running = false
		return ans, nil // PostHog had the answer; deliver says if it is none
	}
	status = first.Status
	pause := firstPoll
	for !status.Complete && !status.Error {
		if f := k.sleep(ctx, pause); f != nil {
			return nil, k.stillComputing(f)
		}
		pause = min(2*pause, lastPoll)
		if status, err = c.poll(ctx, k, status.ID); err != nil {
			running = KindOf(err) != KindNotFound
			return nil, err
		}
	}
	running = false
	if status.Error || isNull(status.Results) {
		return nil, k.failedInside(status)
	}
	return &answer{status: http.StatusOK, header: ans.header, body: status.Results}, nil
}

// poll asks once how the query is. It is a cheap read of PostHog's, which
// neither takes a place of a query nor tells of the query engine's health.
func (c *Client) poll(ctx context.Context, k *call, id string) (*queryStatus, error) {
	p, err := c.prepare(ctx, request{
		op: k.op, class: ClassRead, bucket: quota.BucketQueries, method: http.MethodGet,
		path: nodePath + url.PathEscape(id) + "/", idempotent: true, poll: true,
	})
	if err != nil {
		return &queryStatus{ID: id}, err
	}
	ans, err := c.send(ctx, p)
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok && e.Kind == KindNotFound {
			e.Detail, e.Hint = "PostHog no longer knows the query that it computed in the background", "Ask again."
		}
		return &queryStatus{ID: id}, err
	}
	var e statusEnvelope
	if err := deliver(p, ans, &e); err != nil {
		return &queryStatus{ID: id}, err
	}
	if e.Status == nil {
		return &queryStatus{ID: id}, p.newError(KindUpstream, "the answer to a poll has no query_status")
	}
	e.Status.ID = id
	return e.Status, nil
}

// revoke cancels a query at PostHog that nobody waits for any more: it would go
// on holding one of the project's places. It is a courtesy, so it takes none of
// the caller's time, has little of its own and reports no error.
func (c *Client) revoke(ctx context.Context, k *call, id string) {
	if c.life.Err() != nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	c.working.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, revokeTime)
		defer cancel()
		defer context.AfterFunc(c.life, cancel)()
		_ = c.do(ctx, request{
			op: k.op, class: ClassRead, bucket: quota.BucketQueries, method: http.MethodDelete, plainOK: true,
			path: nodePath + url.PathEscape(id) + "/",
		}, nil)
	})
}

// stillComputing explains the end of the time while PostHog computes.
func (k *call) stillComputing(f *fault) error {
	if f.err.Kind == KindTimeout {
		f.err.Detail = "PostHog was still computing when the time was over"
		f.err.Hint = "Ask for less: a shorter time range, fewer breakdowns; or give the call more time."
	}
	return f.err
}

// failedInside gives the reason of a query that failed in the background.
func (k *call) failedInside(s *queryStatus) error {
	if s.Message != nil && *s.Message != "" {
		return k.newError(KindInvalid, cleanText(*s.Message, maxDetail))
	}
	e := k.newError(KindUpstream, "the query failed inside PostHog")
	e.Hint = "Try again later, or ask for less."
	return e
}

// pollError explains the end of an operation that waits for several queries.
func pollError(op string, err error, total time.Duration) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{
			Op: op, Kind: KindTimeout, Err: err,
			Detail: fmt.Sprintf("PostHog was still computing after %s", total),
			Hint:   "Ask again in a minute: PostHog keeps an answer that it has finished.",
		}
	}
	return &Error{Op: op, Kind: KindCanceled, Detail: "the caller gave up", Err: err}
}
