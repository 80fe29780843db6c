package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// maxFrame bounds one JSON-RPC message from a client, in bytes, on every
// transport. The largest legitimate one is a capture_batch.
const maxFrame = 8 << 20

// frameReader hands mcp-go one line at a time: bounded, never blank, never a
// batch. It knows which requests wait for an answer and holds the end of input
// back until they have it.
type frameReader struct {
	ctx   context.Context
	in    *bufio.Reader
	out   *frameWriter
	grace time.Duration
	line  []byte // rest of the current line

	mu      sync.Mutex
	pending map[string]int
	idle    chan struct{} // closed and replaced whenever pending becomes empty
}

func newFrameReader(ctx context.Context, in io.Reader, out *frameWriter, grace time.Duration) *frameReader {
	return &frameReader{
		ctx: ctx, in: bufio.NewReaderSize(in, 64<<10), out: out, grace: grace,
		pending: map[string]int{}, idle: make(chan struct{}),
	}
}

// Read gives the next bytes of the current line.
func (r *frameReader) Read(p []byte) (int, error) {
	for len(r.line) == 0 {
		line, err := r.next()
		if err != nil {
			r.waitIdle()
			return 0, err
		}
		r.line = line
	}
	n := copy(p, r.line)
	r.line = r.line[n:]
	return n, nil
}

// next gives one line with its newline, or nil for one that was refused here.
func (r *frameReader) next() ([]byte, error) {
	line, size, err := readLine(r.in, maxFrame)
	if err != nil {
		return nil, err
	}
	if size > maxFrame {
		r.out.refuse(mcp.INVALID_REQUEST, "message of "+strconv.FormatInt(size, 10)+" bytes refused; at most "+strconv.Itoa(maxFrame)+" are taken")
		return nil, nil
	}
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return nil, nil
	}
	if line[0] == '[' {
		r.out.refuse(mcp.INVALID_REQUEST, "JSON-RPC batches are not supported; send one message a line")
		return nil, nil
	}
	// A broken line is answered without its id, so nothing waits for one.
	if h := parseHead(line); h.id != "" && h.method != "" && h.method != string(mcp.MethodSubscriptionsListen) && json.Valid(line) {
		r.mu.Lock()
		r.pending[h.id]++
		r.mu.Unlock()
	}
	return append(line, '\n'), nil
}

// answered notes that a response to a request was written.
func (r *frameReader) answered(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch n := r.pending[id]; {
	case n > 1:
		r.pending[id] = n - 1
	case n == 1:
		delete(r.pending, id)
		if len(r.pending) == 0 {
			close(r.idle)
			r.idle = make(chan struct{})
		}
	}
}

// waitIdle blocks until every request is answered, the grace is over or the
// server stops.
func (r *frameReader) waitIdle() {
	timer := time.NewTimer(r.grace)
	defer timer.Stop()
	for {
		r.mu.Lock()
		left, idle := len(r.pending), r.idle
		r.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-idle:
		case <-timer.C:
			return
		case <-r.ctx.Done():
			return
		}
	}
}

// readLine reads up to and including a newline and keeps at most limit bytes.
// size is the whole line's length; a line above the limit is read to its end
// and dropped. A last line without a newline counts.
func readLine(in *bufio.Reader, limit int) (line []byte, size int64, err error) {
	for {
		part, err := in.ReadSlice('\n')
		size += int64(len(part))
		if size <= int64(limit) {
			line = append(line, part...)
		} else {
			line = nil
		}
		switch {
		case err == nil:
			return line, size, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && size > 0:
			return line, size, nil
		default:
			return nil, size, err
		}
	}
}

// head is what this layer needs of a message: its id as compact JSON text, ""
// when there is none, and its method.
type head struct{ id, method string }

// parseHead reads only as far as it must; a broken message gives what was
// found, and mcp-go answers it.
func parseHead(message []byte) head {
	var h head
	dec := json.NewDecoder(bytes.NewReader(message))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return h
	}
	for dec.More() && (h.id == "" || h.method == "") {
		key, err := dec.Token()
		if err != nil {
			return h
		}
		if (key == "result" || key == "error") && h.id != "" {
			return h // a response; its body may be large
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return h
		}
		switch key {
		case "id":
			if string(value) != "null" {
				h.id = string(value)
			}
		case "method":
			_ = json.Unmarshal(value, &h.method)
		}
	}
	return h
}

// frameWriter serialises whole frames onto the client's stream and reports
// each answered id.
type frameWriter struct {
	mu       sync.Mutex
	out      io.Writer
	err      error
	answered func(id string)
	onError  func(error)
}

// Write writes one frame. mcp-go gives a whole line per call.
func (w *frameWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	if w.err != nil {
		w.mu.Unlock()
		return 0, w.err
	}
	n, err := w.out.Write(p)
	if err != nil {
		w.err = err
	}
	w.mu.Unlock()
	if err != nil {
		w.onError(err)
		return n, err
	}
	if h := parseHead(p); h.id != "" && h.method == "" {
		w.answered(h.id)
	}
	return n, nil
}

// refuse answers a message that could not be read: its id is not known.
func (w *frameWriter) refuse(code int, text string) {
	frame, err := json.Marshal(mcp.NewJSONRPCError(mcp.NewRequestId(nil), code, text, nil))
	if err == nil {
		_, _ = w.Write(append(frame, '\n'))
	}
}

func (w *frameWriter) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
