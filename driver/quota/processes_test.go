package quota

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
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

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/score"
)

// workerEnv makes the test binary one of many processes: its value is a
// workerSpec.
const workerEnv = "QUOTA_TEST_WORKER"

// workerSpec tells a worker process what to do.
type workerSpec struct {
	SQLite, Redis string
	Server        string
	From, Until   time.Time
	Lanes         int
}

// workerReport is what it did.
type workerReport struct {
	Accepted, Refused, Failed int
	Degraded                  bool
	Error                     string
}

// scaled are windows of PostHog's shape, short enough for a test.
func scaled() []Window {
	return []Window{{"m", 60, 3 * time.Second}, {"h", 100, 6 * time.Second}}
}

// runWorker saturates the windows until its time is over.
func runWorker(text string) int {
	var spec workerSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var store Store
	var err error
	if spec.SQLite != "" {
		store = NewSQLite(SQLiteConfig{Path: spec.SQLite, Scope: TeamScope("test", 1)})
	} else if store, err = NewRedis(RedisConfig{URL: spec.Redis, Scope: TeamScope("test", 1)}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	l, err := New(Config{Store: store, Windows: map[Bucket][]Window{BucketQueries: scaled()}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, cancel := context.WithDeadline(context.Background(), spec.Until)
	defer cancel()
	time.Sleep(time.Until(spec.From))
	var report workerReport
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range spec.Lanes {
		wg.Go(func() {
			for ctx.Err() == nil {
				accepted, err := workerCall(ctx, l, spec.Server)
				_, degraded := l.StoreName()
				mu.Lock()
				report.Degraded = report.Degraded || degraded
				switch {
				case ctx.Err() != nil:
				case err != nil && strings.Contains(err.Error(), "is full for"):
					// no slot before the end of the test
					mu.Unlock()
					return
				case err != nil:
					report.Failed++
					report.Error = err.Error()
				case accepted:
					report.Accepted++
				default:
					report.Refused++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	_ = l.Close()
	_ = json.NewEncoder(os.Stdout).Encode(report)
	return 0
}

func workerCall(ctx context.Context, l *Limiter, server string) (accepted bool, err error) {
	r, err := l.Acquire(ctx, BucketQueries)
	if err != nil {
		return false, err
	}
	wrote := time.Now()
	res, err := http.Get(server) //nolint:noctx // the process ends soon
	if err != nil {
		r.Settle(ctx, wrote, time.Time{})
		return false, err
	}
	firstByte := time.Now()
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.StatusCode == http.StatusTooManyRequests {
		s, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		r.Refused(ctx, wrote, firstByte, time.Duration(s)*time.Second)
		return false, nil
	}
	r.Settle(ctx, wrote, firstByte)
	return true, nil
}

// throttled is an HTTP server with PostHog's throttle, which arrives late and
// takes its time.
func throttled(t *testing.T, d *drf) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(rand.N(15 * time.Millisecond))
		if wait := d.arrive(); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		time.Sleep(rand.N(25 * time.Millisecond))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// fleet runs worker processes against one throttle.
func fleet(t *testing.T, n int, spec workerSpec, meanwhile func()) (reports []workerReport) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	spec.From = time.Now().Add(time.Second) // ten processes on two cores take their time to start
	spec.Until = spec.From.Add(fleetTime)
	text, err := json.Marshal(spec)
	require.NoError(t, err)
	reports = make([]workerReport, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), exe)
			cmd.Env = append(os.Environ(), workerEnv+"="+string(text), "GOMAXPROCS=1")
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err == nil {
				err = json.Unmarshal(out, &reports[i])
			}
			if err != nil {
				reports[i].Error = err.Error()
				reports[i].Failed++
			}
		})
	}
	if meanwhile != nil {
		meanwhile()
	}
	wg.Wait()
	return reports
}

// ideal is what a client of no latency gets through windows in a time.
func ideal(windows []Window, d time.Duration) int {
	times := []time.Duration{}
	for now := time.Duration(0); now < d; {
		next := now
		for _, w := range windows {
			if len(times) >= w.Limit {
				next = max(next, times[len(times)-w.Limit]+w.Per)
			}
		}
		if now = next; now < d {
			times = append(times, now)
		}
	}
	return len(times)
}

func requireFair(t *testing.T, reports []workerReport) {
	t.Helper()
	least, most := reports[0].Accepted, 0
	for _, r := range reports {
		require.Empty(t, r.Error)
		require.Zero(t, r.Failed)
		require.Zero(t, r.Refused)
		least, most = min(least, r.Accepted), max(most, r.Accepted)
	}
	// go test runs other packages beside these ten processes, which the system
	// then shares out as it likes: there only starvation is ours. make chaos
	// gives them the machine, and the bar of the scoreboard counts.
	bar := 0.5
	if score.Measuring() {
		bar = 0.8
	}
	require.GreaterOrEqual(t, float64(least), bar*float64(most), "%+v", reports)
}

const fleetTime = 18 * time.Second

// TestTenProcessesOneFile is row 6 of the scoreboard, the first half.
func TestTenProcessesOneFile(t *testing.T) { //nolint:paralleltest // ten processes want the machine to themselves
	d := newDRF(scaled())
	reports := fleet(t, 10, workerSpec{
		SQLite: filepath.Join(t.TempDir(), "quota.db"), Server: throttled(t, d), Lanes: 4,
	}, nil)
	t.Logf("accepted %d of %d, refused %d: %+v", d.accepted, ideal(scaled(), fleetTime), d.refused, reports)
	require.Zero(t, d.refused)
	require.GreaterOrEqual(t, float64(d.accepted), 0.97*float64(ideal(scaled(), fleetTime)))
	requireFair(t, reports)
}

// TestTenProcessesOneRedis is row 6 of the scoreboard, the second half.
func TestTenProcessesOneRedis(t *testing.T) { //nolint:paralleltest // ten processes want the machine to themselves
	server := realRedis(t)
	d := newDRF(scaled())
	reports := fleet(t, 10, workerSpec{
		Redis: server.url(), Server: throttled(t, d), Lanes: 4,
	}, nil)
	t.Logf("accepted %d of %d, refused %d: %+v", d.accepted, ideal(scaled(), fleetTime), d.refused, reports)
	require.Zero(t, d.refused)
	require.GreaterOrEqual(t, float64(d.accepted), 0.97*float64(ideal(scaled(), fleetTime)))
	requireFair(t, reports)
}

// TestRedisKilledMidRun is row 7 of the scoreboard: the server dies a third of
// the way and comes back empty at two thirds.
func TestRedisKilledMidRun(t *testing.T) { //nolint:paralleltest // ten processes want the machine to themselves
	server := realRedis(t)
	d := newDRF(scaled())
	reports := fleet(t, 10, workerSpec{
		Redis: server.url(), Server: throttled(t, d), Lanes: 4,
	}, func() {
		time.Sleep(fleetTime / 3)
		server.kill()
		time.Sleep(fleetTime / 3)
		server.start()
	})
	t.Logf("accepted %d of %d, refused %d: %+v", d.accepted, ideal(scaled(), fleetTime), d.refused, reports)
	require.Zero(t, d.refused)
	require.GreaterOrEqual(t, float64(d.accepted), 0.70*float64(ideal(scaled(), fleetTime)))
	for _, r := range reports {
		require.Empty(t, r.Error)
		require.Zero(t, r.Failed)
		require.True(t, r.Degraded)
	}
}

// redisServer is a real server of our own.
type redisServer struct {
	t    testing.TB
	addr string
	cmd  *exec.Cmd
}

// realRedis starts a redis-server without a file. Where there is none the test
// is left out, aloud; in CI that is a failure.
func realRedis(t testing.TB) *redisServer {
	t.Helper()
	_, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server is not installed: CI must not leave out the tests on a real Redis")
		}
		t.Skip("left out: redis-server is not installed (Debian: apt-get install redis-server)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	s := &redisServer{t: t, addr: addr}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *redisServer) url() string { return "redis://" + s.addr + "/0" }

func (s *redisServer) start() {
	_, port, err := net.SplitHostPort(s.addr)
	require.NoError(s.t, err)
	s.cmd = exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.t.TempDir())
	out, err := s.cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, s.cmd.Start())
	ready := bufio.NewScanner(out)
	for ready.Scan() {
		if strings.Contains(ready.Text(), "Ready to accept connections") {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return
		}
	}
	require.Fail(s.t, "redis-server did not start")
}

func (s *redisServer) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}
