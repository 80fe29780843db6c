package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/score"
)

// Bounds of row 12.
const (
	memoryBound  = 64 << 20
	settledBound = time.Second
)

// specimen is a PostHog that misbehaves, and what the client must make of it.
type specimen struct {
	name     string
	host     func(t *testing.T) (url string, s *Server) // s is nil where nothing listens
	kind     driver.Kind                                // "" for a good answer
	detail   string                                     // in the error's text
	attempts int                                        // requests that reach the server
}

const goodBody = `{"results":[[14]],"columns":["count()"],"types":[["count()","UInt64"]],"hasMore":false}`

// plain is a specimen without TLS.
func plain(name string, answer Answer, kind driver.Kind, detail string, attempts int) specimen {
	return specimen{name, func(t *testing.T) (string, *Server) {
		s := newServer(t, answer)
		return s.URL(), s
	}, kind, detail, attempts}
}

// secured is a specimen with TLS, reached by address.
func secured(name string, c Certificate, answer Answer, kind driver.Kind, detail string, attempts int, protocols ...string) specimen {
	return specimen{name, func(t *testing.T) (string, *Server) {
		s := newTLSServer(t, c, answer, protocols...)
		return s.URL(), s
	}, kind, detail, attempts}
}

func good() Answer { return Text(200, goodBody, "Content-Type: application/json") }

// sizes are answers that are too large, too slow, or not what they say.
func sizes(t *testing.T) []specimen {
	t.Helper()
	bomb, err := GzipBomb()
	require.NoError(t, err)
	half, err := HalfGzip(goodBody)
	require.NoError(t, err)
	const gb = int64(1) << 30
	const isJSON = "Content-Type: application/json"
	deep := func(n int) Answer {
		return Text(200, `{"results":`+strings.Repeat("[", n)+strings.Repeat("]", n)+`}`, isJSON)
	}
	page := "<!DOCTYPE html><html><body>Log in, please</body></html>"
	return []specimen{
		plain("a good answer", good(), "", "", 1),
		plain("headers at 1 B/s", SlowHeaders, driver.KindTimeout, "no answer within 400ms", 3),
		plain("body at 1 B/s", SlowBody, driver.KindTimeout, "no answer within 400ms", 3),
		plain("silence", Silence, driver.KindTimeout, "no answer within 400ms", 3),
		plain("endless headers", EndlessHeaders, driver.KindUnavailable, "", 3),
		plain("5 GB, announced", Stream(5*gb, true), driver.KindTooLarge, "larger than 32 MiB", 1),
		plain("5 GB, in chunks", Stream(5*gb, false), driver.KindTooLarge, "larger than 32 MiB", 1),
		plain("gzip bomb of 1 GB", bomb, driver.KindTooLarge, "larger than 32 MiB", 1),
		plain("truncated gzip", half, driver.KindUpstream, "cut off or damaged", 2),
		plain("gzip that is none", Text(200, goodBody, isJSON, "Content-Encoding: gzip"), driver.KindUpstream, "cut off or damaged", 2),
		plain("Content-Length too large", Raw(jsonHeader+"Content-Length: 500\r\n\r\n"+goodBody), driver.KindUpstream, "cut off or damaged", 2),
		plain("Content-Length too small", Raw(jsonHeader+"Content-Length: 20\r\nConnection: close\r\n\r\n"+goodBody), driver.KindUpstream, "not JSON", 2),
		plain("Content-Length below zero", Raw(jsonHeader+"Content-Length: -1\r\n\r\n"+goodBody), driver.KindUnavailable, "", 3),
		plain("a chunk cut short", Raw(jsonHeader+"Transfer-Encoding: chunked\r\n\r\n40\r\n{\"results\""), driver.KindUpstream, "cut off or damaged", 2),
		plain("invalid JSON", Text(200, `{"results":[[1,]]}`, isJSON), driver.KindUpstream, "not JSON", 2),
		plain("two JSON values", Text(200, goodBody+goodBody, isJSON), driver.KindUpstream, "not JSON", 2),
		plain("JSON of another shape", Text(200, `{"results":"many"}`, isJSON), driver.KindUpstream, "unexpected shape", 1),
		plain("JSON 9,000 deep", deep(9_000), "", "", 1),
		plain("JSON 10,000 deep", deep(10_000), driver.KindUpstream, "", 2),
		plain("JSON 1,000,000 deep", deep(1_000_000), driver.KindUpstream, "not JSON", 2),
		plain("nothing at all", Text(200, "", isJSON), driver.KindUpstream, "not JSON", 2),
		plain("HTML with status 200", Text(200, page, "Content-Type: text/html"), driver.KindUpstream, "web page", 2),
		plain("HTML with status 502", Text(502, page, "Content-Type: text/html"), driver.KindUpstream, "502", 3),
		plain("not HTTP", Raw("SSH-2.0-OpenSSH_9.6\r\n"), driver.KindUnavailable, "", 3),
	}
}

// connections are what goes wrong before or beside the answer.
func connections() []specimen {
	expired := Certificate{Expired: 24 * time.Hour}
	certificate := func(name string, c Certificate) specimen {
		return secured(name, c, good(), driver.KindUnavailable, "certificate of 127.0.0.1", 0)
	}
	return []specimen{
		secured("good TLS", Certificate{}, good(), "", "", 1),
		certificate("TLS expired", expired),
		certificate("TLS for another host", Certificate{Host: "other.lab.test"}),
		certificate("TLS self-signed", Certificate{SelfSigned: true}),
		{"TLS 1.1 at most", func(t *testing.T) (string, *Server) {
			cfg, err := authority.Config(Certificate{})
			require.NoError(t, err)
			cfg.MinVersion, cfg.MaxVersion = 0x0301, 0x0302 // what no client should speak
			s, err := NewServer(cfg, good())
			require.NoError(t, err)
			t.Cleanup(func() { _ = s.Close() })
			return s.URL(), s
		}, driver.KindUnavailable, "", 0},
		{"plain HTTP where TLS should be", func(t *testing.T) (string, *Server) {
			s := newServer(t, good())
			return strings.Replace(s.URL(), "http://", "https://", 1), s
		}, driver.KindUnavailable, "does not speak TLS", 0},
		secured("HTTP2 stream reset", Certificate{}, ResetStream, driver.KindUnavailable, "", 0, "h2"),
		secured("HTTP2 GOAWAY", Certificate{}, GoAway, driver.KindUnavailable, "", 0, "h2"),
		plain("reset before the answer", Unread, driver.KindUnavailable, "reset", 3),
		plain("reset after the headers", RawReset(jsonHeader+"Content-Length: 90\r\n\r\n"), driver.KindUnavailable, "reset", 3),
		plain("reset inside the body", RawReset(jsonHeader+"Content-Length: 90\r\n\r\n{\"results\""), driver.KindUnavailable, "reset", 3),
		{"refused", func(t *testing.T) (string, *Server) {
			s := newServer(t, good())
			require.NoError(t, s.Close())
			return s.URL(), s
		}, driver.KindUnavailable, "refused the connection", 0},
		{"a name that resolves", func(t *testing.T) (string, *Server) {
			s := newServer(t, good())
			return fmt.Sprintf("http://posthog.lab.test:%d", s.Port()), s
		}, "", "", 1},
		{"NXDOMAIN", func(*testing.T) (string, *Server) { return "http://posthog.nowhere.test", nil }, driver.KindUnavailable, "there is no host posthog.nowhere.test", 0},
		{"SERVFAIL", func(*testing.T) (string, *Server) { return "http://posthog.fails.test", nil }, driver.KindUnavailable, "could not be resolved", 0},
	}
}

// TestAnswers is row 12: every specimen gets its kind in time, at a bounded
// cost, and leaves nothing behind.
func TestAnswers(t *testing.T) {
	all := append(sizes(t), connections()...)
	var peak int64
	var peakOf string
	var settled time.Duration
	held := true
	for _, sp := range all {
		held = t.Run(sp.name, func(t *testing.T) {
			meter := NewMeter()
			host, server := sp.host(t)
			c := newClient(t, host, key, 7)
			start := time.Now()
			res, err := ask(t.Context(), c)
			took := time.Since(start)
			if server != nil {
				require.Len(t, server.Seen(), sp.attempts, "attempts; %v", err)
				for _, seen := range server.Seen() {
					require.True(t, seen.Key, "the host it is set to gets the key")
				}
			}
			require.NoError(t, c.Close())
			if server != nil {
				_ = server.Close() // once refused, twice closed
			}
			wait, back := meter.Settled(settledBound)
			require.True(t, back, "goroutines are left")
			used := meter.Peak()
			if used > peak {
				peak, peakOf = used, sp.name
			}
			settled = max(settled, wait)
			require.LessOrEqual(t, used, int64(memoryBound), "memory")
			require.Less(t, took, overall+50*time.Millisecond)
			judge(t, sp, res, err)
		}) && held
	}
	score.Report(t, score.Row{
		Row: 12, Bar: "hostile answers: right kind, ≤ 64 MiB, goroutines back in 1 s", OK: held,
		Measured: fmt.Sprintf("%d answers, at most %d MiB (%s), back in %s", len(all), peak>>20, peakOf, settled.Round(time.Millisecond)),
	})
}

func judge(t *testing.T, sp specimen, res driver.QueryResult, err error) {
	t.Helper()
	if sp.kind == "" {
		require.NoError(t, err)
		require.Len(t, res.Rows, 1)
		return
	}
	e, ok := errors.AsType[*driver.Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, sp.kind, e.Kind, "%v", err)
	require.Contains(t, e.Error(), sp.detail)
	require.NotContains(t, fmt.Sprintf("%+v %#v %s", e, e, e.Hint), "Canary")
	require.Less(t, len(e.Error())+len(e.Hint), 1024)
}

// TestRedirects is row 12's last part: no redirect is followed, wherever it
// leads, so the key goes nowhere else.
func TestRedirects(t *testing.T) {
	elsewhere := newServer(t, good())
	_, port, err := net.SplitHostPort(strings.TrimPrefix(elsewhere.URL(), "http://"))
	require.NoError(t, err)
	held, count := true, 0
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		for name, location := range map[string]string{
			"loop": "", "another port": elsewhere.URL() + "/api/", "another name": "http://posthog.lab.test:" + port + "/api/",
			"no scheme": "//127.0.0.1:" + port + "/api/", "key in the address": "http://user:password@127.0.0.1:" + port + "/",
		} {
			count++
			held = t.Run(fmt.Sprintf("%d %s", status, name), func(t *testing.T) {
				s := newServer(t, Redirect(status, location))
				c := newClient(t, s.URL(), key, 7)
				defer func() { require.NoError(t, c.Close()) }()
				_, err := ask(t.Context(), c)
				judge(t, specimen{kind: driver.KindUpstream, detail: "redirect refused"}, driver.QueryResult{}, err)
				require.Len(t, s.Seen(), 1, "a redirect is not tried again")
			}) && held
		}
	}
	seen := elsewhere.Seen()
	require.Empty(t, seen, "nothing arrives elsewhere, with or without the key")
	score.Report(t, score.Row{
		Row: 12, Bar: "redirects: none followed, the key never elsewhere", OK: held && len(seen) == 0,
		Measured: fmt.Sprintf("%d redirects, %d requests elsewhere", count, len(seen)),
	})
}

// TestCanary shows that the watch would notice: a client set to the other
// host is seen there, with its key.
func TestCanary(t *testing.T) {
	elsewhere := newServer(t, good())
	c := newClient(t, elsewhere.URL(), key, 7)
	defer func() { require.NoError(t, c.Close()) }()
	_, err := ask(context.Background(), c)
	require.NoError(t, err)
	require.Equal(t, []Seen{{"POST", "/api/projects/7/query/", true}}, elsewhere.Seen())
}
