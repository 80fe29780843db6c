package posthogtest

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// call is one request on its way through the server.
type call struct {
	r      *http.Request
	body   []byte // as sent, perhaps compressed
	now    time.Time
	key    *key // nil on public endpoints
	params map[string]string
	query  url.Values
}

// reply is a whole answer; bodies are small enough to be kept in memory.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func jsonReply(status int, body any) *reply {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		// Only a value that this package built itself can fail here.
		return (&apiError{
			status: http.StatusInternalServerError, kind: "server_error", code: "error", detail: "A server error occurred.",
		}).reply("")
	}
	return &reply{
		status: status, header: http.Header{"Content-Type": {"application/json"}},
		body: bytes.TrimSuffix(b.Bytes(), []byte("\n")),
	}
}

func ok(body any) (*reply, error) { return jsonReply(http.StatusOK, body), nil }

func textReply(status int, body string) *reply {
	return &reply{
		status: status, header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, body: []byte(body),
	}
}

// decode reads the JSON body into v the way Django REST Framework's parser
// does: an empty body is an empty object.
func (c *call) decode(v any) error {
	body := bytes.TrimSpace(c.body)
	if len(body) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(v); err != nil {
		return invalid("parse_error", "", "JSON parse error - %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return invalid("parse_error", "", "JSON parse error - Extra data after the document")
	}
	return nil
}

// fields reads the body as an object whose fields are decoded one by one, so
// that an absent field and a null one can be told apart.
func (c *call) fields() (fields, error) {
	f := fields{}
	if err := c.decode(&f); err != nil {
		return nil, err
	}
	return f, nil
}

type fields map[string]json.RawMessage

// read decodes a field when it is present. What is a phrase such as "a valid
// string" for the refusal.
func (f fields) read(name string, v any, what string) error {
	raw, present := f[name]
	if !present {
		return nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return invalid("invalid_input", name, "Not %s.", what)
	}
	return nil
}

// readAll decodes several fields.
func (f fields) readAll(targets map[string]any) error {
	for _, name := range sortedKeys(targets) {
		if err := f.read(name, targets[name], "a valid value"); err != nil {
			return err
		}
	}
	return nil
}

// isHogQL reports whether the body asks for a HogQLQuery.
func (c *call) isHogQL() bool {
	if c.r.Method != http.MethodPost || !strings.HasSuffix(c.r.URL.Path, "/query/") {
		return false
	}
	var body struct {
		Query struct {
			Kind string `json:"kind"`
		} `json:"query"`
	}
	return json.Unmarshal(c.body, &body) == nil && body.Query.Kind == "HogQLQuery"
}

// intParam reads a query parameter as Django's paginators do: what is not a
// number, or below least, is the default. Sums of two such numbers do not
// overflow.
func (c *call) intParam(name string, least, def int) int {
	n, err := strconv.Atoi(c.query.Get(name))
	if err != nil || n < least {
		return def
	}
	return min(n, math.MaxInt32)
}

// flag reads a boolean query parameter.
func (c *call) flag(name string) bool {
	switch strings.ToLower(c.query.Get(name)) {
	case "true", "1", "t", "yes":
		return true
	}
	return false
}

// id reads a numeric :id segment.
func (c *call) id() (int64, error) {
	n, err := strconv.ParseInt(c.params["id"], 10, 64)
	if err != nil {
		return 0, noObject()
	}
	return n, nil
}
