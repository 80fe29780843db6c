package server

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	mcpserver "github.com/mark3labs/mcp-go/server"
)

// Bounds of what one session may keep for a client that reconnects.
const (
	maxStoredEvents = 256
	maxStoredBytes  = 1 << 20
)

// eventStore keeps the latest messages of each legacy HTTP session, so that a
// broken stream can be resumed and no progress notification is lost between
// forwarder and answer. Unlike mcp-go's own it forgets the oldest beyond a
// bound: a session may live for days.
type eventStore struct {
	mu       sync.Mutex
	seq      int64
	sessions map[string]*sessionEvents
}

type sessionEvents struct {
	events []storedEvent
	bytes  int
}

type storedEvent struct {
	seq     int64
	stream  string
	message json.RawMessage
}

var _ mcpserver.EventStore = (*eventStore)(nil)

func newEventStore() *eventStore { return &eventStore{sessions: map[string]*sessionEvents{}} }

// StoreEvent keeps a message and gives its id.
func (s *eventStore) StoreEvent(_ context.Context, sessionID, streamID string, message json.RawMessage) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.sessions[sessionID]
	if log == nil {
		log = &sessionEvents{}
		s.sessions[sessionID] = log
	}
	s.seq++
	log.events = append(log.events, storedEvent{s.seq, streamID, append(json.RawMessage(nil), message...)})
	log.bytes += len(message)
	drop := 0
	for len(log.events)-drop > 1 && (len(log.events)-drop > maxStoredEvents || log.bytes > maxStoredBytes) {
		log.bytes -= len(log.events[drop].message)
		drop++
	}
	if drop > 0 {
		log.events = append([]storedEvent(nil), log.events[drop:]...)
	}
	return strconv.FormatInt(s.seq, 10), nil
}

// ReplayEventsAfter sends what came after an event on the same stream. An
// event that is not kept any more is an unknown one.
func (s *eventStore) ReplayEventsAfter(_ context.Context, sessionID, lastEventID string, send func(string, json.RawMessage) error) (string, error) {
	last, err := strconv.ParseInt(lastEventID, 10, 64)
	if err != nil {
		return "", fmt.Errorf("%w: %q", mcpserver.ErrUnknownEventID, lastEventID)
	}
	s.mu.Lock()
	var stream string
	var after []storedEvent
	if log := s.sessions[sessionID]; log != nil {
		for _, e := range log.events {
			switch {
			case e.seq == last:
				stream = e.stream
			case e.seq > last && stream != "" && e.stream == stream:
				after = append(after, e)
			}
		}
	}
	s.mu.Unlock()
	if stream == "" {
		return "", fmt.Errorf("%w: %q", mcpserver.ErrUnknownEventID, lastEventID)
	}
	for _, e := range after {
		if err := send(strconv.FormatInt(e.seq, 10), e.message); err != nil {
			return "", err
		}
	}
	return stream, nil
}

// PurgeSession forgets a session.
func (s *eventStore) PurgeSession(_ context.Context, sessionID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, sessionID)
	return nil
}
