package posthogtest

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const flagsPath = "/api/projects/@current/feature_flags/"

func TestFaultKinds(t *testing.T) {
	t.Parallel()
	// fetch gives the status, the body, and the error of the request or of
	// reading the body.
	fetch := func(c *client) (*http.Response, []byte, error) {
		r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.s.URL()+flagsPath, nil)
		require.NoError(c.t, err)
		r.Header.Set("Authorization", "Bearer "+c.key)
		resp, err := c.http.Do(r)
		if err != nil {
			return nil, nil, err
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		return resp, body, err
	}
	for _, tt := range []struct {
		name  string
		fault Fault
		check func(t *testing.T, resp *http.Response, body []byte, err error)
	}{
		{"status", Fault{Kind: FaultStatus, Status: 503, Body: `{"detail":"later"}`, Header: http.Header{"Retry-After": {"7"}}}, func(t *testing.T, resp *http.Response, body []byte, err error) {
			require.NoError(t, err)
			require.Equal(t, 503, resp.StatusCode)
			require.Equal(t, "7", resp.Header.Get("Retry-After"))
			require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
			require.JSONEq(t, `{"detail":"later"}`, string(body))
		}},
		{"html", Fault{Kind: FaultHTML}, func(t *testing.T, resp *http.Response, body []byte, err error) {
			require.NoError(t, err)
			require.Equal(t, 502, resp.StatusCode)
			require.Contains(t, string(body), "<html>")
		}},
		{"html with 200", Fault{Kind: FaultHTML, Status: 200}, func(t *testing.T, resp *http.Response, body []byte, err error) {
			require.NoError(t, err)
			require.Equal(t, 200, resp.StatusCode)
			require.Contains(t, resp.Header.Get("Content-Type"), "text/html")
		}},
		{"redirect", Fault{Kind: FaultRedirect, Location: "http://192.0.2.1/steal"}, func(t *testing.T, resp *http.Response, _ []byte, err error) {
			require.NoError(t, err)
			require.Equal(t, 307, resp.StatusCode)
			require.Equal(t, "http://192.0.2.1/steal", resp.Header.Get("Location"))
		}},
		{"reset", Fault{Kind: FaultReset}, func(t *testing.T, resp *http.Response, _ []byte, err error) {
			require.Error(t, err)
			require.Nil(t, resp)
		}},
		{"served reset", Fault{Kind: FaultServedReset}, func(t *testing.T, resp *http.Response, _ []byte, err error) {
			require.Error(t, err)
			require.Nil(t, resp)
		}},
		{"reset body", Fault{Kind: FaultResetBody}, func(t *testing.T, resp *http.Response, body []byte, err error) {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Equal(t, 200, resp.StatusCode)
			require.NotEmpty(t, body)
		}},
		{"truncate", Fault{Kind: FaultTruncate}, func(t *testing.T, resp *http.Response, body []byte, err error) {
			require.NoError(t, err)
			require.Equal(t, 200, resp.StatusCode)
			require.True(t, strings.HasPrefix(string(body), `{"count":`))
			require.False(t, strings.HasSuffix(string(body), "}]}"))
		}},
		{"truncate gzip", Fault{Kind: FaultTruncateGzip}, func(t *testing.T, resp *http.Response, _ []byte, err error) {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.True(t, resp.Uncompressed)
		}},
		{"wrong length", Fault{Kind: FaultWrongLength}, func(t *testing.T, resp *http.Response, body []byte, err error) {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Equal(t, resp.ContentLength, int64(len(body)+64))
		}},
	} {
		for _, socket := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{true: " over TCP"}[socket], func(t *testing.T) {
				t.Parallel()
				s := newServer(t, Options{})
				c := newClient(t, s)
				if socket {
					require.NoError(t, s.listen(""))
					transport := &http.Transport{}
					t.Cleanup(transport.CloseIdleConnections)
					c.http = &http.Client{Transport: transport}
				}
				c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				remove := s.Faults.Add(tt.fault)
				resp, body, err := fetch(c)
				tt.check(t, resp, body, err)
				require.Equal(t, map[string]int{tt.fault.name(): 1}, s.Faults.Counts())
				require.Equal(t, tt.fault.name(), s.Requests()[0].Fault)

				remove()
				resp, body, err = fetch(c)
				require.NoError(t, err)
				require.Equal(t, 200, resp.StatusCode)
				require.Contains(t, string(body), `"results"`)
			})
		}
	}
}

// A request that is served counts and acts though its answer is lost; one that
// is not served does neither.
func TestServedFaultsDoTheWork(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	before := len(s.Store().Annotations())
	post := func() error {
		_, err := c.try(http.MethodPost, "annotations/", map[string]any{"content": "v2", "scope": "project"})
		return err
	}
	s.Faults.Add(Fault{Kind: FaultServedReset, Count: 1})
	require.Error(t, post())
	require.Len(t, s.Store().Annotations(), before+1)
	require.Equal(t, 1, s.Usage(s.PersonalKey())["burst"])
	s.Faults.Add(Fault{Kind: FaultReset, Count: 1})
	require.Error(t, post())
	require.Len(t, s.Store().Annotations(), before+1)
	require.Equal(t, 1, s.Usage(s.PersonalKey())["burst"])
	require.NoError(t, post())
	require.Len(t, s.Store().Annotations(), before+2)
}

func TestFaultSelection(t *testing.T) {
	t.Parallel()
	struck := func(f Fault, requests ...string) []int {
		var faults Faults
		faults.Add(f)
		var hits []int
		for i, r := range requests {
			method, path, _ := strings.Cut(r, " ")
			if faults.strike(method, path) != nil {
				hits = append(hits, i)
			}
		}
		return hits
	}
	same := strings.Split(strings.Repeat("GET /a/,", 6)+"GET /a/", ",")
	mixed := []string{"GET /api/x/", "POST /api/x/", "GET /api/x/y/", "GET /flags/"}
	require.Equal(t, []int{0, 1, 2, 3}, struck(Fault{}, mixed...))
	require.Equal(t, []int{1}, struck(Fault{Method: "POST"}, mixed...))
	require.Equal(t, []int{0, 1}, struck(Fault{Path: "/api/*/"}, mixed...))
	require.Equal(t, []int{0, 1, 2}, struck(Fault{Path: "/api/**"}, mixed...))
	require.Equal(t, []int{2}, struck(Fault{Path: "/*/x/**", Nth: 3}, mixed...))
	require.Equal(t, []int{2}, struck(Fault{Nth: 3}, same...))
	require.Equal(t, []int{1, 3, 5}, struck(Fault{Every: 2}, same...))
	require.Equal(t, []int{1, 3}, struck(Fault{Every: 2, Count: 2}, same...))
	require.Nil(t, struck(Fault{Path: "/[/"}, mixed...), "a malformed pattern matches nothing")

	many := make([]string, 2000)
	for i := range many {
		many[i] = "GET /a/"
	}
	third := struck(Fault{Probability: 0.3, Seed: 5}, many...)
	require.InDelta(t, 600, len(third), 60)
	require.Equal(t, third, struck(Fault{Probability: 0.3, Seed: 5}, many...), "the same seed strikes the same requests")
	require.NotEqual(t, third, struck(Fault{Probability: 0.3, Seed: 6}, many...))

	var faults Faults
	faults.Add(Fault{Name: "first", Method: "GET"})
	faults.Add(Fault{Name: "second"})
	require.Equal(t, "first", faults.strike("GET", "/").Name)
	require.Equal(t, "second", faults.strike("POST", "/").Name)
	faults.Clear()
	require.Nil(t, faults.strike("GET", "/"))
}

func TestSlowFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Clock: time.Now})
		c := newClient(t, s)
		timed := func() time.Duration {
			start := time.Now()
			require.Equal(t, 200, c.get("feature_flags/").status)
			return time.Since(start)
		}
		require.Zero(t, timed())
		remove := s.Faults.Add(Fault{Kind: FaultDelay, Latency: 3 * time.Second})
		require.Equal(t, 3*time.Second, timed())
		remove()
		remove = s.Faults.Add(Fault{Kind: FaultSlowBody, Latency: time.Second})
		require.Equal(t, dripParts*time.Second, timed())
		remove()

		s.Faults.Add(Fault{Kind: FaultHang})
		c.http.Timeout = 5 * time.Second
		start := time.Now()
		_, err := c.try(http.MethodGet, "feature_flags/", nil)
		require.Error(t, err)
		require.Equal(t, 5*time.Second, time.Since(start))
		synctest.Wait()
		require.Equal(t, "hang", s.Requests()[len(s.Requests())-1].Fault, "the hanging handler ended with its client")
	})
}

func TestTooLargeBody(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	a, err := newClient(t, s).try(http.MethodPost, "cohorts/", make([]byte, maxAPIBody+1))
	if err == nil { // the server may close before the client has sent everything
		require.Equal(t, 413, a.status)
	}
	require.Equal(t, 413, s.Requests()[0].Status)
}

// The server is used by many clients at once.
func TestParallelUse(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{Throttle: Throttle{Off: true}})
	c := newClient(t, s)
	s.Faults.Add(Fault{Kind: FaultStatus, Status: 500, Probability: 0.2, Seed: 1})
	var wg sync.WaitGroup
	var failed errorCount
	for range 8 {
		wg.Go(func() {
			for _, path := range []string{"persons/?limit=2", "cohorts/", "feature_flags/", "insights/", "event_definitions/", "annotations/"} {
				a, err := c.try(http.MethodGet, path, nil)
				if err == nil && a.status != 200 && a.status != 500 {
					err = errors.New(a.text)
				}
				failed.add(err)
			}
			_, err := c.try(http.MethodPost, "annotations/", map[string]any{"content": "x", "scope": "project"})
			failed.add(err)
			_, err = c.try(http.MethodPost, "/i/v0/e/", map[string]any{"api_key": s.ProjectKey(), "event": "e", "distinct_id": "d"})
			failed.add(err)
		})
	}
	wg.Wait()
	require.Empty(t, failed.all)
	require.Len(t, s.Requests(), 8*8)
}

type errorCount struct {
	mu  sync.Mutex
	all []error
}

func (e *errorCount) add(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		e.all = append(e.all, err)
	}
}
