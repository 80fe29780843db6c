package driver

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// decodeJSON decodes one JSON value with exact numbers. Anything but white
// space after it is an error: the answer would be two answers.
func decodeJSON(data []byte, out any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(out); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// deliver puts the body of a good answer into out. The pipeline has already
// checked that it is JSON, unless the request allows plain text.
func deliver(c *call, ans *answer, out any) error {
	switch o := out.(type) {
	case nil:
		return nil
	case *[]byte:
		*o = ans.body
		return nil
	case *json.RawMessage:
		*o = ans.body
		return nil
	}
	if len(bytes.TrimSpace(ans.body)) == 0 || c.plainOK && !json.Valid(ans.body) {
		return nil
	}
	if err := decodeJSON(ans.body, out); err != nil {
		return &Error{
			Op: c.op, Kind: KindUpstream, Status: ans.status, RequestID: c.id,
			Detail: "the answer has an unexpected shape: " + cleanText(err.Error(), maxDetail),
			Hint:   "PostHog may be newer or older than this program knows; the query tool may still get the data.",
			Err:    err,
		}
	}
	return nil
}
