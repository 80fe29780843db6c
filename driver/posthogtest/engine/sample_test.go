package engine

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// sampleNow is where the oracle's dataset ends, and its now().
func sampleNow() time.Time { return time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC) }

func gunzip(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	b, err := io.ReadAll(z)
	require.NoError(t, err)
	return b
}

// sampleSnapshot is the oracle's dataset as the engine takes it.
var sampleSnapshot = sync.OnceValue(func() *data.Snapshot {
	f, err := os.Open("testdata/sample.jsonl.gz")
	if err != nil {
		panic(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		panic(err)
	}
	snap, err := loadSample(z)
	if err != nil {
		panic(err)
	}
	return snap
})

type sampleLine struct {
	Kind        string          `json:"kind"`
	ID          uuid.UUID       `json:"id"`
	UUID        uuid.UUID       `json:"uuid"`
	CreatedAt   time.Time       `json:"created_at"`
	DistinctIDs []string        `json:"distinct_ids"`
	Event       string          `json:"event"`
	Timestamp   time.Time       `json:"timestamp"`
	DistinctID  string          `json:"distinct_id"`
	Properties  json.RawMessage `json:"properties"`
}

func loadSample(r io.Reader) (*data.Snapshot, error) {
	snap := &data.Snapshot{Now: sampleNow(), TimeZone: time.UTC}
	owners := map[string]*data.Person{}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var l sampleLine
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			return nil, err
		}
		props, err := orderedProperties(l.Properties)
		if err != nil {
			return nil, err
		}
		if l.Kind == "person" {
			p := &data.Person{ID: l.ID, CreatedAt: l.CreatedAt, DistinctIDs: l.DistinctIDs, Properties: data.Properties{Own: props}, IsIdentified: true}
			snap.Persons = append(snap.Persons, p)
			for _, d := range p.DistinctIDs {
				owners[d] = p
			}
			continue
		}
		e := &data.Event{
			UUID: l.UUID, Event: l.Event, Timestamp: l.Timestamp, CreatedAt: l.Timestamp, DistinctID: l.DistinctID,
			Person: owners[l.DistinctID], Properties: data.Properties{Own: props},
		}
		if v, ok := e.Properties.Get("$session_id"); ok {
			e.SessionID, _ = v.(string)
		}
		if v, ok := e.Properties.Get("$window_id"); ok {
			e.WindowID, _ = v.(string)
		}
		snap.Events = append(snap.Events, e)
	}
	slices.SortStableFunc(snap.Events, func(a, b *data.Event) int {
		if c := a.Timestamp.Compare(b.Timestamp); c != 0 {
			return c
		}
		return bytes.Compare(a.UUID[:], b.UUID[:])
	})
	return snap, sc.Err()
}

// orderedProperties decodes an object keeping the order of its keys, in the
// value types that data.Property promises.
func orderedProperties(raw json.RawMessage) ([]data.Property, error) {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	var out []data.Property
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, err
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, err
		}
		v, ok := parseJSON(string(raw)) // keeps the order of nested keys
		if !ok {
			return nil, fmt.Errorf("bad property %s", raw)
		}
		if n, isNumber := v.(json.Number); isNumber {
			if v, err = n.Float64(); err != nil {
				return nil, err
			}
		}
		key, _ := k.(string)
		out = append(out, data.Property{Key: key, Value: v})
	}
	return out, nil
}
