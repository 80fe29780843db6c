package driver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

const (
	firstPoll = 200 * time.Millisecond
	lastPoll  = 2 * time.Second
)

// runNode runs one query node (FunnelsQuery, TrendsQuery and the like; HogQL
// has [Client.Query]) and waits for its answer. out gets the answer itself,
// wherever PostHog nests it.
func (c *Client) runNode(ctx context.Context, op string, node any, refresh string, out any) error {
	var raw json.RawMessage
	err := c.do(ctx, nodeRequest(op, node, refresh), &raw)
	if err != nil {
		return err
	}
	return decodeAnswer(op, raw, out)
}

func nodeRequest(op string, node any, refresh string) request {
	return request{
		op: op, class: ClassQuery, bucket: quota.BucketQueries,
		method: "POST", path: "/api/projects/{project}/query/", idempotent: true,
		body: map[string]any{"query": node, "refresh": refresh, "name": "posthog-mcp " + op},
	}
}

// queryStatus is how PostHog tells about a query in the background.
type queryStatus struct {
	ID       string          `json:"id"`
	Complete bool            `json:"complete"`
	Error    bool            `json:"error"`
	Message  *string         `json:"error_message"`
	Results  json.RawMessage `json:"results"`
}

// runNodeAsync starts a node in the background and polls until it is complete
// or the deadline passes: for queries that often take longer than the 10 s that
// PostHog grants a waiting one. Queries given up here are canceled there.
func (c *Client) runNodeAsync(ctx context.Context, op string, node any, refresh string, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeouts.Total)
	defer cancel()
	var raw json.RawMessage
	if err := c.do(ctx, nodeRequest(op, node, refresh), &raw); err != nil {
		return err
	}
	var started struct {
		Status  *queryStatus    `json:"query_status"`
		Results json.RawMessage `json:"results"`
	}
	if err := decodeAnswer(op, raw, &started); err != nil {
		return err
	}
	if started.Status == nil || started.Status.ID == "" || !isNull(started.Results) {
		return decodeAnswer(op, raw, out) // PostHog had it in its cache
	}
	status := *started.Status
	pause := firstPoll
	for !status.Complete {
		if err := sleep(ctx, pause); err != nil {
			c.abandon(ctx, op, status.ID)
			return pollError(op, err, c.cfg.Timeouts.Total)
		}
		pause = min(pause*3/2, lastPoll)
		var poll struct {
			Status queryStatus `json:"query_status"`
		}
		err := c.do(ctx, request{
			op: op, class: ClassQuery, bucket: quota.BucketQueries, method: "GET", idempotent: true,
			path: "/api/projects/{project}/query/" + url.PathEscape(status.ID) + "/",
		}, &poll)
		if err != nil {
			if ctx.Err() != nil {
				c.abandon(ctx, op, status.ID)
			}
			return err
		}
		status = poll.Status
	}
	if status.Error {
		detail := "the query failed inside PostHog"
		kind := KindUpstream
		if status.Message != nil && *status.Message != "" {
			detail, kind = cleanText(*status.Message, maxDetail), KindInvalid
		}
		return &Error{Op: op, Kind: kind, Detail: detail}
	}
	return decodeAnswer(op, status.Results, out)
}

// abandon cancels a query in the background that nobody waits for any more: it
// would go on holding one of the project's three places. It is a courtesy, so
// it has little time and no error.
func (c *Client) abandon(ctx context.Context, op, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = c.do(ctx, request{
		op: op, class: ClassQuery, bucket: quota.BucketQueries, method: "DELETE", plainOK: true,
		path: "/api/projects/{project}/query/" + url.PathEscape(id) + "/",
	}, nil)
}

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

// sleep waits, or returns the reason why the context ended.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// decodeAnswer decodes an answer of the query endpoint.
func decodeAnswer(op string, raw json.RawMessage, out any) error {
	if err := decodeJSON(raw, out); err != nil {
		return &Error{
			Op: op, Kind: KindUpstream, Err: err,
			Detail: "the answer has an unexpected shape: " + cleanText(err.Error(), maxDetail),
			Hint:   "PostHog may be newer or older than this program knows.",
		}
	}
	return nil
}

func isNull(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}
