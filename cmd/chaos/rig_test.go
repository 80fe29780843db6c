package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/credential"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/score"
	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// TestMain also serves as the process of row 11, which this binary starts.
func TestMain(m *testing.M) {
	if os.Getenv(capturerPath) != "" {
		os.Exit(capturer())
	}
	goleak.VerifyTestMain(m)
}

// rig is an embedded PostHog, a client of it with the product's defaults but
// without kept answers, and a count of what the client sends.
type rig struct {
	ph     *posthogtest.Server
	client *driver.Client
	wire   *wire
}

// newRig builds one; in a synctest bubble all of it lives there. The client's
// configuration may be changed before it is made.
func newRig(t *testing.T, o posthogtest.Options, change func(*driver.Config)) *rig {
	t.Helper()
	o.NoListener = true
	o.Data = data.Options{Seed: 1, People: 60, Days: 14}
	ph, err := posthogtest.New(o)
	require.NoError(t, err)
	cred, err := credential.Static(ph.PersonalKey(), "chaos")
	require.NoError(t, err)
	r := &rig{ph: ph, wire: &wire{rt: ph.Transport()}}
	cfg := driver.Config{
		Host: ph.URL(), ProjectID: ph.ProjectID(), Credential: cred, Transport: r.wire, Cache: driver.CacheConfig{Off: true},
	}
	if change != nil {
		change(&cfg)
	}
	r.client, err = driver.New(cfg)
	require.NoError(t, err)
	return r
}

// close ends client and server; a bubble must be left empty.
func (r *rig) close(t *testing.T) {
	t.Helper()
	require.NoError(t, r.client.Close())
	require.NoError(t, r.ph.Close())
}

// read is a cheap idempotent call of one request.
func (r *rig) read(ctx context.Context) error {
	_, err := r.client.Cohorts(ctx, driver.CohortsParams{})
	return err
}

// query is a call of one query.
func (r *rig) query(ctx context.Context) error {
	_, err := r.client.Query(ctx, driver.QueryParams{SQL: "select 1", Fresh: true})
	return err
}

// unlimited is a PostHog without rate limits, as at most self-hosted installs,
// on both sides.
func unlimited(cfg *driver.Config) {
	cfg.Quota.Windows = make(map[quota.Bucket][]quota.Window)
	for _, b := range quota.Buckets() {
		cfg.Quota.Windows[b] = nil
	}
}

// wire counts requests and notes when they were sent. Before and after it
// delay a request on its way, if set.
type wire struct {
	rt     http.RoundTripper
	before func(context.Context)
	after  func(context.Context)

	mu      sync.Mutex
	times   []time.Time
	refused []time.Time // answers 429
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.times = append(w.times, time.Now())
	w.mu.Unlock()
	if w.before != nil {
		w.before(req.Context())
	}
	res, err := w.rt.RoundTrip(req)
	if err == nil && res.StatusCode == http.StatusTooManyRequests {
		w.mu.Lock()
		w.refused = append(w.refused, time.Now())
		w.mu.Unlock()
	}
	if w.after != nil {
		w.after(req.Context())
	}
	return res, err
}

func (w *wire) sent() []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.times)
}

// travel delays a request by a draw, or until its caller gives up.
func (d *dice) travel(least, most time.Duration) func(context.Context) {
	return func(ctx context.Context) {
		select {
		case <-time.After(d.between(least, most)):
		case <-ctx.Done():
		}
	}
}

// refusals counts the answers 429 within a span of time.
func (w *wire) refusals(from, to time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, at := range w.refused {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// sized gives how much of something a row measures: all of it when somebody
// measures, less among other tests.
func sized(full, quick int) int {
	if score.Measuring() {
		return full
	}
	return quick
}

// steady makes calls at an even pace, each in a goroutine of its own, and
// gives their errors.
func steady(ctx context.Context, n int, every time.Duration, call func(context.Context) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = call(ctx) })
		time.Sleep(every)
	}
	wg.Wait()
	return errs
}

// dice draws from the run's seed; safe for concurrent use.
type dice struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func newDice(stream uint64) *dice {
	return &dice{rng: rand.New(rand.NewPCG(score.Seed(), stream))}
}

// between draws a duration.
func (d *dice) between(least, most time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return least + time.Duration(d.rng.Int64N(int64(most-least)))
}

// percentile gives the p-th of durations, which it sorts.
func percentile(all []time.Duration, p float64) time.Duration {
	slices.Sort(all)
	return all[min(len(all)-1, int(float64(len(all))*p/100))]
}

func micros(d time.Duration) string { return fmt.Sprintf("%.1f µs", float64(d.Nanoseconds())/1000) }

func millis(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Nanoseconds())/1e6) }
