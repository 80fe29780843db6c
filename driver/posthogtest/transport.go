package posthogtest

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// pipeListener hands out in-memory connections, so that a client reaches the
// server without a socket: inside a testing/synctest bubble such connections
// block durably where a socket would not.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

// Accept gives the server its end of the next connection.
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and dial.
func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr names the listener.
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

// Network names the kind of connection.
func (pipeAddr) Network() string { return "pipe" }

// String names the address.
func (pipeAddr) String() string { return "pipe" }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
	case <-ctx.Done():
	}
	_, _ = client.Close(), server.Close()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, net.ErrClosed
}

// Transport gives a client transport that reaches the server through memory,
// whatever host the request names. It speaks real HTTP, so every fault works
// through it. For testing/synctest make the server inside the bubble and close
// it before the bubble ends.
func (s *Server) Transport() http.RoundTripper {
	l := newPipeListener()
	t := &http.Transport{DialContext: l.dial, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute}
	s.serve(l, t.CloseIdleConnections)
	return t
}

// serve runs an HTTP server on a listener until Close.
func (s *Server) serve(l net.Listener, closeIdle func()) {
	srv := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		BaseContext: func(net.Listener) context.Context { return s.base },
	}
	if !s.enter() {
		_ = l.Close()
		return
	}
	s.mu.Lock()
	s.closers = append(s.closers, func() error {
		closeIdle()
		return srv.Close() // Serve closes the listener, also when it comes too late
	})
	s.mu.Unlock()
	go func() {
		defer s.running.Done()
		_ = srv.Serve(l)
	}()
}
