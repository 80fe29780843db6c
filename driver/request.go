package driver

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// target names the host that a request goes to and how it is authenticated.
type target int

const (
	appHost    target = iota // private API, bearer personal key
	ingestHost               // capture and flags, project key in the body
)

// request is one call of the PostHog API before it enters the pipeline.
type request struct {
	op         string       // operation name, for errors and logs
	class      Class        // breaker, bulkhead, attempt timeout
	bucket     quota.Bucket // quota windows it counts in
	target     target       //
	method     string       //
	path       string       // "/api/projects/{project}/cohorts/"; {project} is filled in by do
	query      url.Values   //
	body       any          // marshalled as JSON when not nil
	gzip       bool         // compress the body (the ingest host understands it)
	idempotent bool         // may be sent again after bytes went out
	background bool         // a query that PostHog computes while it is asked for now and then
	poll       bool         // asks for such a query: a 400 or 500 is the query's outcome
	probe      bool         // trial of a class whose breaker was open
	plainOK    bool         // a 2xx body may be empty or plain text
}

// projectPlaceholder stands for the project id in a request's path.
const projectPlaceholder = "{project}"

// call is a request made ready to be sent any number of times.
type call struct {
	request
	id      string   // correlation id, one per call, the same in every attempt
	owner   keyID    // of the personal key; zero without one
	fresh   bool     // no kept answer will do
	url     *url.URL //
	payload []byte   // nil: no body
	maxBody int64    // bytes of the decompressed answer
	timeout time.Duration
}

// prepare validates the request and fills in what the client knows: project,
// URL, bounds. Only finding the project may need the network. The body is
// written later, by [call.encode]: an answer that is kept needs none.
func (c *Client) prepare(ctx context.Context, r request) (*call, error) {
	if err := c.checkRequest(r); err != nil {
		return nil, err
	}
	path := r.path
	if strings.Contains(path, projectPlaceholder) {
		id, err := c.projectID(ctx, r.op)
		if err != nil {
			return nil, err
		}
		path = strings.ReplaceAll(path, projectPlaceholder, url.PathEscape(strconv.FormatInt(id, 10)))
	}
	base := c.app
	if r.target == ingestHost {
		base = c.ingest
	}
	u, err := joinURL(base, path, r.query)
	if err != nil {
		return nil, invalid(r.op, "", err.Error(), "This is a fault of the driver's request; please report it.")
	}
	k := &call{
		request: r,
		id:      uuid.NewString(),
		owner:   c.wire.owner(ctx, r.target),
		url:     u,
		maxBody: c.maxBody(r.class),
		timeout: c.attemptTimeout(r.class),
	}
	if wantsFresh(ctx) {
		k.body = forceQuery(k.body)
		k.fresh = true
	}
	k.fresh = k.fresh || forcesQuery(k.body)
	return k, nil
}

// encode writes the body, once.
func (k *call) encode() *Error {
	if k.body == nil || k.payload != nil {
		return nil
	}
	payload, err := encodeBody(k.body, k.gzip)
	if err != nil {
		return invalid(k.op, "", "the request cannot be written as JSON: "+cleanText(err.Error(), maxDetail), "Use only strings, finite numbers, booleans, lists and objects.")
	}
	if len(payload) > maxPayload {
		return &Error{
			Op: k.op, Kind: KindTooLarge, Detail: "the request of " + sizeText(int64(len(payload))) + " is larger than PostHog accepts",
			Hint: "Send less at once: split the batch, or put long lists of values into a cohort.",
		}
	}
	k.payload = payload
	return nil
}

// maxPayload is PostHog's own bound of a request body, in bytes.
const maxPayload = 20 << 20

// maxBody bounds the answer to a request of the class.
func (c *Client) maxBody(class Class) int64 {
	if class == ClassCapture {
		return min(c.cfg.MaxBody, 1<<20) // a word, or a list of uuids
	}
	return c.cfg.MaxBody
}

// checkRequest catches what needs no network: above all a missing key, so that
// a call without one says at once what to set.
func (c *Client) checkRequest(r request) error {
	if c.breakers[r.class] == nil || r.method == "" {
		return invalid(r.op, "", fmt.Sprintf("a request of class %q and method %q", r.class, r.method), "This is a fault of the driver; please report it.")
	}
	if r.target != appHost || c.wire.cred != nil {
		return nil
	}
	err := missingKey(c.app, nil)
	err.Op = r.op
	return err
}

// joinURL appends an escaped path to the base. Dot segments are refused, also
// escaped ones: an id with "../" in it must not reach another endpoint.
func joinURL(base *url.URL, path string, query url.Values) (*url.URL, error) {
	if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#\\") {
		return nil, fmt.Errorf("path %q is not an absolute path", cleanText(path, 120))
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, fmt.Errorf("path %q is badly escaped", cleanText(path, 120))
	}
	for segment := range strings.SplitSeq(plain, "/") {
		if segment == "." || segment == ".." {
			return nil, fmt.Errorf("path %q has a dot segment", cleanText(path, 120))
		}
	}
	return &url.URL{
		Scheme:   base.Scheme,
		Host:     base.Host,
		Path:     base.Path + plain,
		RawPath:  base.EscapedPath() + path,
		RawQuery: query.Encode(),
	}, nil
}

// encodeBody writes the body as JSON, without the escapes that only matter
// inside HTML, and compresses it when asked to.
func encodeBody(body any, zip bool) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	var buf bytes.Buffer
	if !zip {
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		err := enc.Encode(body)
		return buf.Bytes(), err
	}
	zw := gzip.NewWriter(&buf)
	enc := json.NewEncoder(zw)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return nil, err
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
