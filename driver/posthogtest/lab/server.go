package lab

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Answer writes what a [Server] says to one request, by hand. It ends when the
// client goes away: writes fail then.
type Answer func(ctx context.Context, c net.Conn, r *http.Request)

// Server is a listener that reads whole HTTP/1.1 requests and leaves the
// answer to a function. It remembers which requests carried a key.
type Server struct {
	listener net.Listener
	scheme   string
	answer   Answer
	ctx      context.Context //nolint:containedctx // the server's life, from NewServer to Close
	stop     context.CancelFunc
	running  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	seen  []Seen
}

// Seen is one request that reached a [Server].
type Seen struct {
	Method string
	Target string // as in the request line
	Key    bool   // it carried a credential
}

// NewServer starts a server on a loopback port, with TLS when a configuration
// is given.
func NewServer(tlsConfig *tls.Config, answer Answer) (*Server, error) {
	s := &Server{scheme: "http", answer: answer, conns: make(map[net.Conn]bool)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	l, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("lab: %w", err)
	}
	s.listener = l
	if tlsConfig != nil {
		s.scheme, s.listener = "https", tls.NewListener(l, tlsConfig)
	}
	s.running.Go(s.accept)
	return s, nil
}

// URL is the server's root.
func (s *Server) URL() string { return s.scheme + "://" + s.listener.Addr().String() }

// Port is the port that the server listens on.
func (s *Server) Port() int {
	addr, _ := s.listener.Addr().(*net.TCPAddr)
	return addr.Port
}

// Seen gives the requests so far.
func (s *Server) Seen() []Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Seen(nil), s.seen...)
}

// Close ends the listener and every connection, and waits for them.
func (s *Server) Close() error {
	s.stop()
	err := s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
	return err
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		s.running.Go(func() { s.serve(c) })
	}
}

func (s *Server) serve(c net.Conn) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer func() {
		cancel()
		_ = c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	if t, ok := c.(*tls.Conn); ok {
		if t.HandshakeContext(ctx) != nil {
			return
		}
		if t.ConnectionState().NegotiatedProtocol == "h2" {
			s.answer(ctx, c, nil)
			return
		}
	}
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
		return
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	s.mu.Lock()
	s.seen = append(s.seen, Seen{r.Method, r.RequestURI, r.Header.Get("Authorization") != "" || r.URL.User != nil})
	s.mu.Unlock()
	// The client sends nothing more on this connection: an end of the stream is
	// its leaving.
	s.running.Go(func() {
		_, _ = io.Copy(io.Discard, c)
		cancel()
	})
	s.answer(ctx, c, r)
}

// Reset ends a connection with a TCP reset.
func Reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// drip writes text a byte at a time until it ends or the client leaves.
func drip(ctx context.Context, c net.Conn, text string, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := range len(text) {
		if _, err := c.Write([]byte{text[i]}); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return errors.New("lab: all was written")
}
