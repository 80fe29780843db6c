package driver

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// benchClient gives a client of a loopback server without limits but with
// windows: their bookkeeping is part of what is measured.
func benchClient(b *testing.B, cached bool) (*Client, string) {
	b.Helper()
	body := []byte(`{"results":[["$pageview",1200],["signup",14]],"columns":["event","n"],"hasMore":false}`)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
	b.Cleanup(s.Close)
	cred, err := credential.Static(canary, "bench")
	require.NoError(b, err)
	windows := make(map[quota.Bucket][]quota.Window)
	for _, bucket := range quota.Buckets() {
		for _, w := range quota.Documented(bucket) {
			w.Limit = 1 << 30
			windows[bucket] = append(windows[bucket], w)
		}
	}
	c, err := New(Config{
		Host: s.URL, ProjectID: 7, Credential: cred, Smoothing: Smoothing{PerSecond: -1},
		Quota: quota.Config{Windows: windows}, Bulkhead: map[Class]int{ClassQuery: 64},
		Cache: CacheConfig{Off: !cached},
	})
	require.NoError(b, err)
	b.Cleanup(func() { _ = c.Close() })
	return c, s.URL
}

// BenchmarkDo is the whole way of a call over loopback; its difference to
// BenchmarkBareHTTP is the pipeline's own cost.
func BenchmarkDo(b *testing.B) {
	c, _ := benchClient(b, false)
	r := queryRequest()
	var out struct {
		Results [][]any `json:"results"`
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.do(b.Context(), r, &out); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCached is the whole way of a call that is answered without PostHog:
// a list, and a HogQL query, whose text is parsed to find its answer.
func BenchmarkCached(b *testing.B) {
	for name, r := range map[string]request{"list": readRequest(), "hogql": hogqlRequest()} {
		b.Run(name, func(b *testing.B) {
			c, _ := benchClient(b, true)
			var out struct {
				Results [][]any `json:"results"`
			}
			if err := c.do(b.Context(), r, &out); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := c.do(b.Context(), r, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBareHTTP is the same exchange with nothing but the transport.
func BenchmarkBareHTTP(b *testing.B) {
	c, host := benchClient(b, false)
	b.ReportAllocs()
	for b.Loop() {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, host, nil)
		if err != nil {
			b.Fatal(err)
		}
		res, err := c.wire.rt.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := readBody(res, 1<<20); err != nil {
			b.Fatal(err)
		}
		_ = res.Body.Close()
	}
}

func BenchmarkStatus(b *testing.B) {
	c, _ := benchClient(b, false)
	b.ReportAllocs()
	for b.Loop() {
		_ = c.Status()
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		c, err := New(Config{})
		if err != nil {
			b.Fatal(err)
		}
		_ = c.Close()
	}
}
