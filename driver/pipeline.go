package driver

import (
	"context"
	"encoding/json"
	"errors"
)

// do sends r through the whole pipeline and decodes the answer into out, which
// may be nil, *[]byte or *json.RawMessage. Every error is an *Error.
func (c *Client) do(ctx context.Context, r request, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeouts.Total)
	defer cancel()
	k, err := c.prepare(ctx, r)
	if err != nil {
		return err
	}
	record(ctx, func(d *TraceData) { d.Requests++; d.RequestIDs = append(d.RequestIDs, k.id) })
	ans, err := c.attempt(ctx, k)
	if err != nil {
		return err
	}
	return deliver(k, ans, out)
}

// attempt sends the call once.
func (c *Client) attempt(ctx context.Context, k *call) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	record(ctx, func(d *TraceData) { d.Attempts++ })
	ans, err := c.wire.send(ctx, k, &flight{})
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			e.Op = k.op
			return nil, e
		}
		return nil, &Error{Op: k.op, Kind: KindUnavailable, RequestID: k.id, Detail: cleanText(err.Error(), maxDetail), Err: err}
	}
	record(ctx, func(d *TraceData) { d.Status = ans.status })
	if ans.status/100 != 2 {
		return nil, statusError(k, ans)
	}
	if !k.plainOK && len(ans.body) > 0 && !json.Valid(ans.body) {
		return nil, &Error{Op: k.op, Kind: KindUpstream, Status: ans.status, RequestID: k.id, Detail: "the answer is not JSON"}
	}
	return ans, nil
}

// statusError maps a status to a kind.
func statusError(k *call, ans *answer) *Error {
	e := &Error{Op: k.op, Status: ans.status, RequestID: k.id, Kind: KindUpstream}
	var body struct{ Type, Code, Detail, Attr string }
	if json.Unmarshal(ans.body, &body) == nil {
		e.Code, e.Detail, e.Attr = body.Code, cleanText(body.Detail, maxDetail), body.Attr
	} else if !looksLikeHTML(ans.header.Get("Content-Type"), ans.body) {
		e.Detail = cleanText(string(ans.body), maxDetail)
	}
	switch ans.status {
	case 400, 422:
		e.Kind = KindInvalid
	case 401:
		e.Kind = KindUnauthenticated
	case 402:
		e.Kind = KindExhausted
	case 403:
		e.Kind = KindForbidden
	case 404:
		e.Kind = KindNotFound
	case 409:
		e.Kind = KindConflict
	case 413:
		e.Kind = KindTooLarge
	case 429:
		e.Kind = KindLimited
	}
	return e
}
