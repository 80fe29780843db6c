package server

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/require"
)

func TestEventStoreReplaysOneStreamAndForgetsTheOldest(t *testing.T) {
	t.Parallel()
	s := newEventStore()
	var ids []string
	for i := range 2 * maxStoredEvents {
		id, err := s.StoreEvent(t.Context(), "session", "stream"+strconv.Itoa(i%2), json.RawMessage(strconv.Itoa(i)))
		require.NoError(t, err)
		ids = append(ids, id)
	}
	var got []string
	stream, err := s.ReplayEventsAfter(t.Context(), "session", ids[2*maxStoredEvents-5], func(_ string, m json.RawMessage) error {
		got = append(got, string(m))
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, "stream1", stream)
	require.Equal(t, []string{"509", "511"}, got)

	for _, unknown := range []string{ids[0], "no number", "99999"} {
		_, err = s.ReplayEventsAfter(t.Context(), "session", unknown, nil)
		require.ErrorIs(t, err, mcpserver.ErrUnknownEventID, unknown)
	}
	_, err = s.ReplayEventsAfter(t.Context(), "other session", ids[len(ids)-1], nil)
	require.ErrorIs(t, err, mcpserver.ErrUnknownEventID)

	require.NoError(t, s.PurgeSession(t.Context(), "session"))
	_, err = s.ReplayEventsAfter(t.Context(), "session", ids[len(ids)-1], nil)
	require.ErrorIs(t, err, mcpserver.ErrUnknownEventID)
}

func TestEventStoreIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	s := newEventStore()
	big := json.RawMessage(`"` + strings.Repeat("x", maxStoredBytes/4) + `"`)
	for range 10 {
		_, err := s.StoreEvent(t.Context(), "s", "a", big)
		require.NoError(t, err)
	}
	require.LessOrEqual(t, s.sessions["s"].bytes, maxStoredBytes)
	require.Len(t, s.sessions["s"].events, 3)
}
