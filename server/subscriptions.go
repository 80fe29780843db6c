package server

import (
	"context"
	"fmt"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// subscriptions knows who wants to hear of which resource. mcp-go accepts
// subscriptions and forgets them; this is their memory, for both eras:
// resources/subscribe of a session, and the subscriptions/listen stream of
// revision 2026-07-28.
type subscriptions struct {
	mu   sync.Mutex
	subs map[subscriber]*subscription
}

// subscriber is one receiver: a session, or one listen stream of it. The
// stream's request id comes from the client and may be anything, so it is the
// key in its printed form only.
type subscriber struct {
	session mcpserver.ClientSession
	stream  string // "" for resources/subscribe
}

// subscription is what a subscriber wants to hear of.
type subscription struct {
	uris map[string]struct{}
	id   any // of the listen request, which its notifications must carry; else nil
}

func newSubscriptions() *subscriptions {
	return &subscriptions{subs: map[subscriber]*subscription{}}
}

// hook registers with the server's life cycle.
func (s *subscriptions) hook(h *mcpserver.Hooks, known func(uri string) bool) {
	h.AddAfterSubscribe(func(ctx context.Context, _ any, m *mcp.SubscribeRequest, _ *mcp.EmptyResult) {
		if session := mcpserver.ClientSessionFromContext(ctx); session != nil && known(m.Params.URI) {
			s.add(subscriber{session: session}, nil, m.Params.URI)
		}
	})
	h.AddAfterUnsubscribe(func(ctx context.Context, _ any, m *mcp.UnsubscribeRequest, _ *mcp.EmptyResult) {
		if session := mcpserver.ClientSessionFromContext(ctx); session != nil {
			s.remove(subscriber{session: session}, m.Params.URI)
		}
	})
	h.AddOnUnregisterSession(func(_ context.Context, session mcpserver.ClientSession) { s.drop(session) })
	h.AddBeforeSubscriptionsListen(func(ctx context.Context, id any, m *mcp.SubscriptionsListenRequest) {
		session := mcpserver.ClientSessionFromContext(ctx)
		if session == nil {
			return
		}
		who := subscriber{session: session, stream: fmt.Sprintf("%T %v", id, id)}
		for _, uri := range m.Params.Notifications.ResourceSubscriptions {
			if known(uri) {
				s.add(who, id, uri)
			}
		}
		// The request's context ends with the stream, however it ends.
		context.AfterFunc(ctx, func() { s.remove(who, "") })
	})
}

func (s *subscriptions) add(who subscriber, id any, uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subs[who] == nil {
		s.subs[who] = &subscription{uris: map[string]struct{}{}, id: id}
	}
	s.subs[who].uris[uri] = struct{}{}
}

// remove forgets one URI of a subscriber, or all of them when uri is empty.
func (s *subscriptions) remove(who subscriber, uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.subs[who]
	if sub == nil {
		return
	}
	delete(sub.uris, uri)
	if uri == "" || len(sub.uris) == 0 {
		delete(s.subs, who)
	}
}

// drop forgets everything of a session that is gone.
func (s *subscriptions) drop(session mcpserver.ClientSession) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for who := range s.subs {
		if who.session == session {
			delete(s.subs, who)
		}
	}
}

// updated tells the subscribers of a resource that it changed. A receiver
// whose channel is full misses this one: the next read shows the state anyway.
func (s *subscriptions) updated(uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for who, sub := range s.subs {
		if _, ok := sub.uris[uri]; !ok {
			continue
		}
		n := mcp.JSONRPCNotification{JSONRPC: mcp.JSONRPC_VERSION, Notification: mcp.Notification{
			Method: mcp.MethodNotificationResourceUpdated,
			Params: mcp.NotificationParams{AdditionalFields: map[string]any{"uri": uri}},
		}}
		if sub.id != nil {
			n.Params.Meta = map[string]any{mcp.MetaKeySubscriptionID: sub.id}
		}
		select {
		case who.session.NotificationChannel() <- n:
		default:
		}
	}
}
