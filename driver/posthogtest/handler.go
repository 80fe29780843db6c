package posthogtest

import (
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request is one line of the server's request log.
type Request struct {
	Method string
	Path   string
	Status int       // 0 when there was no answer
	Key    string    // label of the key; "" when none was found
	Time   time.Time // of arrival, by the server's clock
	Fault  string    // name of the fault that struck, or ""
	Body   []byte    // only with Options.KeepBodies
}

// maxRequests bounds the request log; the oldest lines go first.
const maxRequests = 20_000

// Body limits in bytes, as sent: the application's and that of capture.
const (
	maxAPIBody     = 20 << 20
	maxCaptureBody = 20 << 20
	maxSingleBody  = 2 << 20
)

// Requests gives the log of all requests so far, oldest first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// ResetRequests empties the request log.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

func (s *Server) record(line Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.log) >= maxRequests {
		s.log = slices.Delete(s.log, 0, maxRequests/10)
	}
	s.log = append(s.log, line)
}

// Handler serves PostHog without a socket. Resets and the other faults that
// break a connection need a real one: see [Server.Transport].
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveHTTP) }

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		http.Error(w, "the server is closed", http.StatusServiceUnavailable)
		return
	}
	defer s.running.Done()
	c := &call{r: r, now: s.now(), query: r.URL.Query()}
	line := Request{Method: r.Method, Path: r.URL.Path, Time: c.now}

	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAPIBody))
	var answer *reply
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		answer = textReply(http.StatusRequestEntityTooLarge, "request body is larger than "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes")
	} else if err != nil {
		s.record(line) // the client went away while sending
		return
	}
	c.body = body
	if s.keepBodies {
		line.Body = body
	}
	fault := s.Faults.strike(r.Method, r.URL.Path)
	if fault != nil {
		line.Fault = fault.name()
	}
	if answer == nil && (fault == nil || fault.served()) {
		answer = s.answer(c)
	}
	if c.key != nil {
		line.Key = c.key.label
	}
	if fault != nil && answer == nil {
		answer = fault.answer()
	}
	line.Status = answer.status
	// Logged before it is written: whoever has the answer finds the line.
	s.record(line)
	if fault != nil {
		s.afflict(w, c, fault, answer)
		return
	}
	write(w, r, answer)
}

// answer routes a request to the public or the private API.
func (s *Server) answer(c *call) *reply {
	var out *reply
	var err error
	switch path := c.r.URL.Path; {
	case isCapturePath(path):
		out = s.capture(c)
	case path == "/flags/" || path == "/flags":
		out = s.evaluate(c)
	case strings.HasPrefix(path, "/api/"):
		out, err = s.serveAPI(c)
	default:
		out = textReply(http.StatusNotFound, "Not Found")
	}
	if err != nil {
		out = errorReply(err, s.site(c))
	}
	return out
}

// site is the scheme and host that absolute links in answers carry.
func (s *Server) site(c *call) string {
	if s.linkHost != "" {
		return s.linkHost
	}
	return "http://" + c.r.Host
}

// gzipFrom is the length in bytes from which an answer is compressed for a
// client that accepts it.
const gzipFrom = 1400

func write(w http.ResponseWriter, r *http.Request, a *reply) {
	h := w.Header()
	maps.Copy(h, a.header)
	if len(a.body) >= gzipFrom && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		h.Set("Vary", "Accept-Encoding")
		w.WriteHeader(a.status)
		if z, err := gzip.NewWriterLevel(w, gzip.BestSpeed); err == nil {
			_, _ = z.Write(a.body)
			_ = z.Close()
		}
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}
