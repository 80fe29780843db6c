package posthogtest

import (
	"bytes"
	"compress/gzip"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"
)

const htmlPage = `<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>`

// afflict answers a request that a fault strikes. Answer is the server's own,
// or the fault's where that keeps the server from working.
func (s *Server) afflict(w http.ResponseWriter, c *call, f *Fault, answer *reply) {
	if f.Kind != FaultSlowBody && !s.pause(c, f.Latency) {
		breakOff(w)
		return
	}
	switch f.Kind {
	case FaultReset, FaultServedReset:
		breakOff(w)
	case FaultHang:
		s.hang(c)
		breakOff(w)
	case FaultResetBody:
		sendPart(w, answer, len(answer.body), len(answer.body)/2)
	case FaultWrongLength:
		sendPart(w, answer, len(answer.body)+64, len(answer.body))
	case FaultTruncate:
		sendPart(w, answer, len(answer.body)/2, len(answer.body)/2)
	case FaultTruncateGzip:
		answer = halfGzip(answer)
		sendPart(w, answer, len(answer.body), len(answer.body))
	case FaultSlowBody:
		s.drip(w, c, f, answer)
	default:
		write(w, c.r, answer)
	}
}

// answer is what a fault that keeps the server from working says instead; a
// status of 0 is no answer.
func (f *Fault) answer() *reply {
	a := &reply{status: f.Status, header: http.Header{}, body: []byte(f.Body)}
	switch f.Kind {
	case FaultReset, FaultHang:
		a.status = 0
		return a
	case FaultHTML:
		if a.status == 0 {
			a.status = http.StatusBadGateway
		}
		if f.Body == "" {
			a.body = []byte(htmlPage)
		}
		a.header.Set("Content-Type", "text/html; charset=utf-8")
	case FaultRedirect:
		if a.status == 0 {
			a.status = http.StatusTemporaryRedirect
		}
		a.header.Set("Location", f.Location)
	default:
		if a.status == 0 {
			a.status = http.StatusServiceUnavailable
		}
		a.header.Set("Content-Type", "text/plain; charset=utf-8")
		if bytes.HasPrefix(a.body, []byte("{")) {
			a.header.Set("Content-Type", "application/json")
		}
	}
	maps.Copy(a.header, f.Header)
	return a
}

// pause waits and reports whether the client is still there.
func (s *Server) pause(c *call, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.r.Context().Done():
	case <-s.base.Done():
	}
	return false
}

func (s *Server) hang(c *call) {
	select {
	case <-c.r.Context().Done():
	case <-s.base.Done():
	}
}

// breakOff ends the connection without an answer: on TCP with a reset. Where
// the writer gives no connection, the server's own way to abort is taken.
func breakOff(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	sever(conn)
}

func sever(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// sendPart writes a message by hand: a Content-Length that may lie, and the
// first bytes of the body. When bytes are missing the connection is severed.
func sendPart(w http.ResponseWriter, a *reply, length, send int) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		maps.Copy(w.Header(), a.header)
		w.Header().Set("Content-Length", strconv.Itoa(length))
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body[:send])
		if send < length {
			panic(http.ErrAbortHandler)
		}
		return
	}
	h := maps.Clone(a.header)
	h.Set("Content-Length", strconv.Itoa(length))
	h.Set("Connection", "close")
	_, _ = rw.WriteString("HTTP/1.1 " + strconv.Itoa(a.status) + " " + http.StatusText(a.status) + "\r\n")
	_ = h.Write(rw)
	_, _ = rw.WriteString("\r\n")
	_, _ = rw.Write(a.body[:send])
	_ = rw.Flush()
	// A reset may overtake bytes that the client has not read yet, so the
	// connection ends with an ordinary close after what was sent.
	_ = conn.Close()
}

func halfGzip(a *reply) *reply {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(a.body)
	_ = z.Close()
	h := maps.Clone(a.header)
	h.Set("Content-Encoding", "gzip")
	return &reply{status: a.status, header: h, body: b.Bytes()[:b.Len()/2]}
}

const dripParts = 8

// drip writes the body in parts with a pause before each.
func (s *Server) drip(w http.ResponseWriter, c *call, f *Fault, a *reply) {
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	rc := http.NewResponseController(w)
	for i := range dripParts {
		if !s.pause(c, f.Latency) {
			panic(http.ErrAbortHandler)
		}
		part := a.body[len(a.body)*i/dripParts : len(a.body)*(i+1)/dripParts]
		if _, err := w.Write(part); err != nil {
			return
		}
		_ = rc.Flush()
	}
}
