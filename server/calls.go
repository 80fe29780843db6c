package server

import (
	"context"
	"sync"

	mcpserver "github.com/mark3labs/mcp-go/server"
)

type detachedKey struct{}

// detached marks a context of the SSE transport, which mcp-go cuts off from
// the connection: such a call must end when its session does.
func (s *Server) detached(ctx context.Context) context.Context {
	return context.WithValue(ctx, detachedKey{}, true)
}

// callTable cancels the calls of an SSE session that is gone. The other
// transports cancel through the request's own context.
type callTable struct {
	mu    sync.Mutex
	next  int
	calls map[string]map[int]context.CancelFunc // session id → its calls
}

func newCallTable() *callTable { return &callTable{calls: map[string]map[int]context.CancelFunc{}} }

// enter registers a call; the returned function ends it.
func (t *callTable) enter(ctx context.Context) (context.Context, func()) {
	session := mcpserver.ClientSessionFromContext(ctx)
	if session == nil || ctx.Value(detachedKey{}) == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	id := session.SessionID()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next++
	n := t.next
	if t.calls[id] == nil {
		t.calls[id] = map[int]context.CancelFunc{}
	}
	t.calls[id][n] = cancel
	return ctx, func() {
		cancel()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.calls[id], n)
		if len(t.calls[id]) == 0 {
			delete(t.calls, id)
		}
	}
}

// cancel ends every call of a session.
func (t *callTable) cancel(session string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, stop := range t.calls[session] {
		stop()
	}
}
