package capture

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// ingest is an embedded PostHog that counts how often each event came over
// the wire.
type ingest struct {
	*posthogtest.Server
	url  string
	mu   sync.Mutex
	wire map[string]int
}

func startIngest(t testing.TB) *ingest {
	t.Helper()
	ph, err := posthogtest.New(posthogtest.Options{Data: data.Options{Seed: 1, People: 20, Days: 7}, NoListener: true})
	require.NoError(t, err)
	in := &ingest{Server: ph, wire: make(map[string]int)}
	transport := ph.Transport()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client was killed
		}
		in.count(body)
		r2 := r.Clone(context.Background())
		r2.Body, r2.RequestURI = io.NopCloser(bytes.NewReader(body)), ""
		r2.URL.Scheme, r2.URL.Host = "http", strings.TrimPrefix(ph.URL(), "http://")
		res, err := transport.RoundTrip(r2)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = res.Body.Close() }()
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
	}))
	in.url = front.URL
	t.Cleanup(func() {
		front.Close()
		require.NoError(t, ph.Close())
	})
	return in
}

func (in *ingest) count(body []byte) {
	zr, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return
	}
	var b struct {
		Batch []struct {
			UUID string `json:"uuid"`
		} `json:"batch"`
	}
	if json.NewDecoder(zr).Decode(&b) != nil {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, ev := range b.Batch {
		in.wire[ev.UUID]++
	}
}

// stored counts the rows of each event of a test.
func (in *ingest) stored(name string) map[string]int {
	out := make(map[string]int)
	for _, ev := range in.Store().Snapshot().Events {
		if ev.Event == name {
			out[ev.UUID.String()]++
		}
	}
	return out
}

// postBatch sends as the driver does: one gzip body with the token in it.
func postBatch(url, token string) SendFunc {
	return func(ctx context.Context, _ Destination, events []Event, historical bool) (Answer, error) {
		batch := make([]json.RawMessage, len(events))
		for i, ev := range events {
			batch[i] = ev.Payload
		}
		var buf bytes.Buffer
		zw := gzip.NewWriter(&buf)
		if err := json.NewEncoder(zw).Encode(map[string]any{"api_key": token, "historical_migration": historical, "batch": batch}); err != nil {
			return Answer{}, err
		}
		if err := zw.Close(); err != nil {
			return Answer{}, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/batch/", &buf)
		if err != nil {
			return Answer{}, err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return Answer{}, err
		}
		defer http.DefaultClient.CloseIdleConnections()
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusOK {
			return Answer{}, fmt.Errorf("status %d", res.StatusCode)
		}
		return Answer{}, nil
	}
}

func wireEvent(name string) Event {
	id := uuid.Must(uuid.NewV7()).String()
	now := time.Now().UTC().Truncate(time.Millisecond)
	return Event{UUID: id, Time: now, Payload: json.RawMessage(fmt.Sprintf(
		`{"event":%q,"distinct_id":"u1","properties":{"$process_person_profile":false},"timestamp":%q,"uuid":%q}`, name, now.Format(time.RFC3339Nano), id))}
}

// play is the life of a helper process. It acknowledges an event by printing
// its UUID after Add has returned.
func play(role string) int {
	url, token := os.Getenv("CAPTURE_TEST_URL"), os.Getenv("CAPTURE_TEST_TOKEN")
	n, err := strconv.Atoi(os.Getenv("CAPTURE_TEST_EVENTS"))
	if err != nil {
		return 2
	}
	ctx := context.Background()
	o, err := Open(ctx, Config{
		Path: os.Getenv("CAPTURE_TEST_PATH"), Send: postBatch(url, token), BatchEvents: 20,
		Linger: 2 * time.Millisecond, SendTimeout: 5 * time.Second, Lease: leaseFor(role), Poll: 200 * time.Millisecond,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for range n {
		ev := wireEvent(role)
		if err := o.Add(ctx, NewDestination(url, token), ev); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Fprintln(os.Stdout, ev.UUID)
	}
	if err := o.Close(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// leaseFor keeps leases short where processes die, so that the others need not
// wait for them.
func leaseFor(role string) time.Duration {
	if role == "crash" {
		return 300 * time.Millisecond
	}
	return 0
}

func helper(ctx context.Context, t testing.TB, in *ingest, role, path string, n int) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), "CAPTURE_TEST_ROLE="+role, "CAPTURE_TEST_URL="+in.url, "CAPTURE_TEST_TOKEN="+in.ProjectKey(),
		"CAPTURE_TEST_PATH="+path, "CAPTURE_TEST_EVENTS="+strconv.Itoa(n))
	return cmd
}

// TestKilledAtAnyMomentNothingAcknowledgedIsLost kills a process that captures
// and sends, again and again, on one outbox. CHAOS_ROUNDS sets how often,
// CHAOS_SEED repeats a run.
func TestKilledAtAnyMomentNothingAcknowledgedIsLost(t *testing.T) {
	t.Parallel()
	rounds, seed := 40, uint64(time.Now().UnixNano())
	if s := os.Getenv("CHAOS_ROUNDS"); s != "" {
		n, err := strconv.Atoi(s)
		require.NoError(t, err)
		rounds = n
	}
	if s := os.Getenv("CHAOS_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
		seed = n
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	in := startIngest(t)
	// PostHog has a bad day too: answers get lost after the work was done.
	in.Faults.Add(posthogtest.Fault{Path: "/batch/", Kind: posthogtest.FaultServedReset, Probability: 0.1, Seed: seed})
	in.Faults.Add(posthogtest.Fault{Path: "/batch/", Kind: posthogtest.FaultStatus, Status: 503, Body: "transient error, please retry", Probability: 0.1, Seed: seed + 1})
	path := filepath.Join(t.TempDir(), "outbox.db")
	acknowledged := make(map[string]bool)
	idle := 0
	for range rounds {
		cmd := helper(t.Context(), t, in, "crash", path, 1_000_000)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		before := len(acknowledged)
		if rng.IntN(8) > 0 { // else killed while it starts
			if lines.Scan() {
				acknowledged[lines.Text()] = true
			}
		}
		timer := time.AfterFunc(time.Duration(rng.Int64N(int64(60*time.Millisecond))), func() { _ = cmd.Process.Kill() })
		for lines.Scan() {
			if _, err := uuid.Parse(lines.Text()); err == nil { // a line may be cut off
				acknowledged[lines.Text()] = true
			}
		}
		_ = cmd.Wait() // killed
		timer.Stop()
		require.Empty(t, complaints.String(), "seed %d", seed)
		if len(acknowledged) == before {
			idle++
		}
	}
	require.Less(t, idle, rounds/2, "most rounds must have captured something")

	in.Faults.Clear()
	o, err := Open(t.Context(), Config{Path: path, Send: postBatch(in.url, in.ProjectKey())})
	require.NoError(t, err)
	o.Serve(NewDestination(in.url, in.ProjectKey()))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, o.Flush(ctx), "seed %d", seed)
	st, err := o.Status(ctx)
	require.NoError(t, err)
	require.Zero(t, st.Queued+st.Dead)
	require.Empty(t, st.Damaged, "a crash does not damage the file")
	require.NoError(t, o.Close(ctx))

	stored := in.stored("crash")
	for id := range acknowledged {
		require.Equal(t, 1, stored[id], "acknowledged event %s, seed %d", id, seed)
	}
	for id, n := range stored {
		require.Equal(t, 1, n, "event %s, seed %d", id, seed)
	}
	again := 0
	for _, n := range in.wire {
		again += n - 1
	}
	t.Logf("%d rounds, seed %d: %d events acknowledged, %d stored, %d sent a second time and deduplicated", rounds, seed, len(acknowledged), len(stored), again)
}

// TestSeveralProcessesShareOneOutbox holds that without faults no event goes
// over the wire twice, whoever sends it.
func TestSeveralProcessesShareOneOutbox(t *testing.T) {
	t.Parallel()
	in := startIngest(t)
	path := filepath.Join(t.TempDir(), "outbox.db")
	const processes, each = 4, 500
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	acknowledged := make([]string, processes)
	for i := range processes {
		cmd := helper(ctx, t, in, "share", path, each)
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		wg.Go(func() {
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("%s: %s", err, complaints.String())
			}
			acknowledged[i] = string(out)
		})
	}
	wg.Wait()
	stored := in.stored("share")
	require.Len(t, stored, processes*each)
	for _, lines := range acknowledged {
		for id := range strings.FieldsSeq(lines) {
			require.Equal(t, 1, stored[id])
		}
	}
	require.Len(t, in.wire, processes*each)
	for id, n := range in.wire {
		require.Equal(t, 1, n, "event %s went over the wire %d times", id, n)
	}
}
