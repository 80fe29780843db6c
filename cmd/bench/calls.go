package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/tiktoken-go/tokenizer"
)

// tokens counts what a model sees of the default list: name, description and
// input schema of each tool.
func tokens(ctx context.Context, out io.Writer, s subject) error {
	p, err := launch(ctx, s)
	if err != nil {
		return err
	}
	defer p.stop()
	if err := p.hello(); err != nil {
		return err
	}
	raw, err := p.ask("tools/list", map[string]any{})
	if err != nil {
		return err
	}
	var list struct {
		Tools []struct {
			Name        string          `json:"name"`
			Description string          `json:"description"`
			InputSchema json.RawMessage `json:"inputSchema"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	if err != nil {
		return err
	}
	total := 0
	for _, t := range list.Tools {
		seen, err := json.Marshal(t)
		if err != nil {
			return err
		}
		n, err := codec.Count(string(seen))
		if err != nil {
			return err
		}
		total += n
	}
	_, err = fmt.Fprintf(out, "\ntool list: %d tools, %d bytes, %d tokens (o200k) seen by a model, %d a tool\n\n",
		len(list.Tools), len(raw), total, total/max(len(list.Tools), 1))
	return err
}

// upstream is a PostHog of one endpoint that answers after a pause: what is
// left is our own cost.
func upstream(pause time.Duration) *httptest.Server {
	body := []byte(`{"count":1,"next":null,"previous":null,"results":[{"id":1,"content":"released 2.0","date_marker":"2026-11-01T10:00:00Z","creation_type":"USR","scope":"project","created_at":"2026-11-01T10:00:00Z"}]}`)
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(pause)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
}

// against points our binary at a stand-in without rate limits, as a
// self-hosted PostHog has none.
func against(s subject, url string) subject {
	s.args = []string{"serve", "--rate-limits", "none"}
	s.env = []string{"POSTHOG_HOST=" + url, "POSTHOG_PROJECT_ID=1", "POSTHOG_PERSONAL_API_KEY=phx_" + "bench"}
	return s
}

// same asks one thing again and again, another something new each time: no
// answer comes from the cache.
func same(int) map[string]any { return map[string]any{} }

func another(i int) map[string]any { return map[string]any{"search": strconv.Itoa(i)} }

func callCosts(ctx context.Context, out io.Writer, bare, ours subject, n int) error {
	fast, slow := upstream(0), upstream(50*time.Millisecond)
	defer fast.Close()
	defer slow.Close()
	tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "calls\tin sequence p50 µs\tp99 µs\tat once calls/s")
	for _, c := range []struct {
		name string
		s    subject
		tool string
		args func(i int) map[string]any
	}{
		{"bare mcp-go, no upstream", bare, "hello", same},
		{"posthog-mcp, from the cache", against(ours, fast.URL), "get_annotations", same},
		{"posthog-mcp, upstream at once", against(ours, fast.URL), "get_annotations", another},
		{"posthog-mcp, upstream in 50 ms", against(ours, slow.URL), "get_annotations", another},
	} {
		p, err := launch(ctx, c.s)
		if err != nil {
			return err
		}
		if err := p.hello(); err != nil {
			return err
		}
		took, err := inSequence(p, c.tool, c.args, n)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		rate, err := atOnce(p, c.tool, c.args, 2*n)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		p.stop()
		fmt.Fprintf(tw, "%s\t%d\t%d\t%.0f\n", c.name, took[len(took)/2].Microseconds(), took[len(took)*99/100].Microseconds(), rate)
	}
	return tw.Flush()
}

func inSequence(p *peer, tool string, args func(i int) map[string]any, n int) ([]time.Duration, error) {
	for i := range 20 { // warm up
		if err := p.call(tool, args(-i)); err != nil {
			return nil, err
		}
	}
	took := make([]time.Duration, n)
	for i := range n {
		begin := time.Now()
		if err := p.call(tool, args(i)); err != nil {
			return nil, err
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	return took, nil
}

func atOnce(p *peer, tool string, args func(i int) map[string]any, n int) (float64, error) {
	errs := make(chan error, n)
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs <- p.call(tool, args(n+i)) })
	}
	wg.Wait()
	took := time.Since(begin)
	close(errs)
	for err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return float64(n) / took.Seconds(), nil
}
