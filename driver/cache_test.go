package driver

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// upstream is a PostHog on fake time whose mood a test sets.
type upstream struct {
	status atomic.Int64 // 0: 200
	took   atomic.Int64 // nanoseconds of an answer
	sent   atomic.Int64
	body   func(r *http.Request) string
}

func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	n := u.sent.Add(1)
	if d := time.Duration(u.took.Load()); d > 0 {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if s := u.status.Load(); s != 0 {
		return response(int(s), `{}`), nil
	}
	if u.body != nil {
		return response(200, u.body(r)), nil
	}
	return response(200, `{"n":`+formatInt(n)+`}`), nil
}

// cachingClient gives a client with a cache and without windows.
func cachingClient(t *testing.T, u http.RoundTripper, edit ...func(*Config)) *Client {
	t.Helper()
	return clientFor(t, "us", append([]func(*Config){func(cfg *Config) {
		cfg.Transport, cfg.Cache = u, CacheConfig{}
		cfg.Quota.Windows = map[quota.Bucket][]quota.Window{quota.BucketStandard: {}, quota.BucketQueries: {}, quota.BucketPersons: {}}
	}}, edit...)...)
}

// numberedAnswer is the answer of an upstream without a body of its own.
type numberedAnswer struct{ N int }

// get makes the call and gives the number of the request that answered it.
func get(t *testing.T, c *Client, r request) (int, TraceData) {
	t.Helper()
	ctx, trace := WithTrace(t.Context())
	var out numberedAnswer
	require.NoError(t, c.do(ctx, r, &out))
	return out.N, trace.Data()
}

func listRequest(path string) request {
	r := readRequest()
	r.path = path
	return r
}

// TestLifetimes: how long which answers are used again.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	node := func(kind string) request {
		return nodeRequest("query", map[string]any{"kind": kind}, "blocking")
	}
	computed := listRequest("/api/projects/{project}/insights/4/")
	computed.class = ClassQuery
	poll := listRequest(nodePath + "abc/")
	poll.poll = true
	flags := captureRequest()
	flags.class, flags.plainOK, flags.gzip = ClassFlags, false, false
	cases := map[string]struct {
		req  request
		kept time.Duration
	}{
		"cohorts":           {listRequest("/api/projects/{project}/cohorts/"), time.Minute},
		"one cohort":        {listRequest("/api/projects/{project}/cohorts/4/"), time.Minute},
		"insights":          {listRequest("/api/projects/{project}/insights/"), time.Minute},
		"computed insight":  {computed, 30 * time.Second},
		"event definitions": {listRequest("/api/projects/{project}/event_definitions/"), 5 * time.Minute},
		"properties":        {listRequest("/api/projects/{project}/property_definitions/"), 5 * time.Minute},
		"groups":            {listRequest("/api/projects/{project}/groups_types/"), 5 * time.Minute},
		"project":           {listRequest(projectPath), 5 * time.Minute},
		"projects":          {listRequest("/api/projects/"), 5 * time.Minute},
		"key":               {listRequest("/api/personal_api_keys/@current/"), 5 * time.Minute},
		"persons":           {listRequest("/api/projects/{project}/persons/"), 30 * time.Second},
		"HogQL":             {hogqlRequest(), 30 * time.Second},
		"funnel":            {node("FunnelsQuery"), 30 * time.Second},
		"table schema":      {node("DatabaseSchemaQuery"), 5 * time.Minute},
		"write":             {writeRequest(), 0},
		"capture":           {captureRequest(), 0},
		"flag evaluation":   {flags, 0},
		"poll of a query":   {poll, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				u := &upstream{}
				c := cachingClient(t, u)
				first, did := get(t, c, tc.req)
				require.Equal(t, 1, first)
				require.Zero(t, did.Age)
				if tc.kept == 0 {
					again, _ := get(t, c, tc.req)
					require.Equal(t, 2, again)
					return
				}
				time.Sleep(tc.kept)
				again, did := get(t, c, tc.req)
				require.Equal(t, 1, again, "kept")
				require.Equal(t, tc.kept, did.Age)
				require.False(t, did.Stale)
				require.Zero(t, did.Attempts)
				require.Empty(t, did.RequestIDs)
				time.Sleep(time.Millisecond)
				again, did = get(t, c, tc.req)
				require.Equal(t, 2, again, "asked again")
				require.Zero(t, did.Age)
			})
		})
	}
}

// TestLifetimesCanBeSet in the configuration.
func TestLifetimesCanBeSet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cachingClient(t, &upstream{}, func(cfg *Config) { cfg.Cache = CacheConfig{Lists: time.Second, Queries: 2 * time.Hour} })
		get(t, c, readRequest())
		get(t, c, hogqlRequest())
		time.Sleep(time.Second + 1)
		n, _ := get(t, c, readRequest())
		require.Equal(t, 3, n)
		time.Sleep(90 * time.Minute)
		n, _ = get(t, c, hogqlRequest())
		require.Equal(t, 2, n, "fresh for longer than an answer may be stale")
	})
}

// TestSameQuestion: which requests share an answer.
func TestSameQuestion(t *testing.T) {
	t.Parallel()
	withValue := func(v any) request {
		r := hogqlRequestOf("SELECT {x}")
		r.body.(map[string]any)["query"].(map[string]any)["values"] = map[string]any{"x": v} //nolint:forcetypeassert // made above
		return r
	}
	labelled := hogqlRequestOf("SELECT 1")
	labelled.body.(map[string]any)["client_query_id"] = "0190" //nolint:forcetypeassert // made above
	labelled.body.(map[string]any)["name"] = "another"         //nolint:forcetypeassert // made above
	ordered, swapped := readRequest(), readRequest()
	ordered.query = map[string][]string{"a": {"1"}, "b": {"2"}}
	swapped.query = map[string][]string{"b": {"2"}, "a": {"1"}}
	paged := readRequest()
	paged.query = map[string][]string{"a": {"1"}, "b": {"3"}}
	cases := map[string]struct {
		one, other request
		same       bool
	}{
		"spelling":        {hogqlRequestOf("SELECT event FROM events LIMIT 5"), hogqlRequestOf("select  event\nfrom events -- all\nlimit 5"), true},
		"labels and ids":  {hogqlRequestOf("SELECT 1"), labelled, true},
		"limit":           {hogqlRequestOf("SELECT event FROM events LIMIT 5"), hogqlRequestOf("SELECT event FROM events LIMIT 6"), false},
		"text, not words": {hogqlRequestOf("SELECT 'a b'"), hogqlRequestOf("SELECT 'a  b'"), false},
		"case of names":   {hogqlRequestOf("SELECT event FROM events"), hogqlRequestOf("SELECT Event FROM events"), false},
		"no HogQL":        {hogqlRequestOf("SELECT ((("), hogqlRequestOf("SELECT (((("), false},
		"values":          {withValue("a"), withValue("b"), false},
		"kinds of values": {withValue("1"), withValue(1), false},
		"query string":    {ordered, swapped, true},
		"other page":      {ordered, paged, false},
		"paths":           {listRequest("/api/projects/{project}/cohorts/1/"), listRequest("/api/projects/{project}/cohorts/2/"), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cachingClient(t, &upstream{})
			get(t, c, tc.one)
			n, _ := get(t, c, tc.other)
			require.Equal(t, tc.same, n == 1)
		})
	}
}

// turning is a key that changes.
type turning struct{ key atomic.Pointer[string] }

func (s *turning) Key(context.Context) (credential.Secret, error) {
	return credential.NewSecret(*s.key.Load()), nil
}

func (s *turning) Describe() string { return "test" }

// TestAnswersStayWithTheirKey: what one key has seen, another does not.
func TestAnswersStayWithTheirKey(t *testing.T) {
	t.Parallel()
	cred := &turning{}
	cred.key.Store(new("phx_firstkey00000000"))
	c := cachingClient(t, &upstream{}, func(cfg *Config) { cfg.Credential = cred })
	for i, key := range []string{"phx_firstkey00000000", "phx_secondkey0000000", "phx_firstkey00000000"} {
		cred.key.Store(&key)
		n, _ := get(t, c, readRequest())
		require.Equal(t, []int{1, 2, 1}[i], n)
	}
}

// TestWritesMakeAnswersOld: what this client changes, it reads anew.
func TestWritesMakeAnswersOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		c := cachingClient(t, u)
		cohorts, insights := readRequest(), listRequest("/api/projects/{project}/insights/")
		get(t, c, cohorts)
		get(t, c, insights)
		get(t, c, hogqlRequest())
		get(t, c, writeRequest())
		n, _ := get(t, c, cohorts)
		require.Equal(t, 5, n, "the list that was written to")
		n, _ = get(t, c, insights)
		require.Equal(t, 2, n, "another list")

		u.status.Store(500)
		require.Error(t, c.do(t.Context(), writeRequest(), nil))
		u.status.Store(0)
		n, _ = get(t, c, cohorts)
		require.Equal(t, 7, n, "a write that failed may have arrived")

		get(t, c, captureRequest())
		n, _ = get(t, c, hogqlRequest())
		require.Equal(t, 9, n, "an event changes what queries answer")
	})
}

// TestWriteDuringRead: the answer to a read that began before a write ended is
// not kept for those who come after the write.
func TestWriteDuringRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		c := cachingClient(t, u)
		u.took.Store(int64(2 * time.Second))
		done := make(chan struct{})
		go func() {
			defer close(done)
			get(t, c, readRequest())
		}()
		synctest.Wait()
		u.took.Store(int64(time.Second))
		get(t, c, writeRequest())
		n, _ := get(t, c, readRequest())
		require.Equal(t, 3, n, "neither shared with the read under way ...")
		<-done
		n, _ = get(t, c, readRequest())
		require.Equal(t, 3, n, "... nor replaced by it")
	})
}

// TestFresh: a fresh answer is PostHog's own of now, and others get it too.
func TestFresh(t *testing.T) {
	t.Parallel()
	var last atomic.Value
	u := &upstream{}
	u.body = func(r *http.Request) string {
		body, _ := io.ReadAll(r.Body)
		last.Store(string(body))
		return `{"n":` + formatInt(u.sent.Load()) + `}`
	}
	c := cachingClient(t, u)
	get(t, c, hogqlRequest())
	require.Contains(t, last.Load(), `"refresh":"blocking"`)
	var out numberedAnswer
	require.NoError(t, c.do(WithFresh(t.Context()), hogqlRequest(), &out))
	require.Equal(t, 2, out.N)
	require.Contains(t, last.Load(), `"refresh":"force_blocking"`, "PostHog has a cache too")
	n, _ := get(t, c, hogqlRequest())
	require.Equal(t, 2, n, "time does not run backwards for the others")

	_, err := c.Query(t.Context(), QueryParams{SQL: "SELECT 1", Fresh: true})
	require.NoError(t, err)
	_, err = c.Query(t.Context(), QueryParams{SQL: "SELECT 1", Fresh: true})
	require.NoError(t, err)
	require.EqualValues(t, 4, u.sent.Load())
	_, err = c.Query(t.Context(), QueryParams{SQL: "SELECT 1"})
	require.NoError(t, err)
	require.EqualValues(t, 4, u.sent.Load())
}

// TestCacheOff: every call asks.
func TestCacheOff(t *testing.T) {
	t.Parallel()
	u := &upstream{}
	c := cachingClient(t, u, func(cfg *Config) { cfg.Cache.Off = true })
	get(t, c, readRequest())
	n, _ := get(t, c, readRequest())
	require.Equal(t, 2, n)
	require.False(t, c.cache.made())
}

// TestExportsAreNotKept: their pages are read once and would push all else out.
func TestExportsAreNotKept(t *testing.T) {
	t.Parallel()
	u := &upstream{}
	c := cachingClient(t, u)
	ctx := quota.WithPriority(t.Context(), quota.Bulk)
	require.NoError(t, c.do(ctx, hogqlRequest(), nil))
	require.NoError(t, c.do(ctx, hogqlRequest(), nil))
	require.EqualValues(t, 2, u.sent.Load())
	require.False(t, c.cache.made())
}

// TestCacheIsBounded: by weight, however many answers come.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	body := `{"s":"` + strings.Repeat("x", 50<<10) + `"}`
	u := &upstream{body: func(*http.Request) string { return body }}
	c := cachingClient(t, u, func(cfg *Config) { cfg.Cache.MaxBytes = 1 << 20 })
	for i := range 100 {
		require.NoError(t, c.do(t.Context(), listRequest("/api/projects/{project}/cohorts/"+formatInt(int64(i))+"/"), nil))
	}
	c.cache.store().CleanUp()
	require.LessOrEqual(t, c.cache.store().WeightedSize(), uint64(1<<20))
	require.Positive(t, c.cache.store().EstimatedSize())

	body = `{"s":"` + strings.Repeat("x", 200<<10) + `"}`
	sent := u.sent.Load()
	for range 2 {
		require.NoError(t, c.do(t.Context(), listRequest("/api/projects/{project}/cohorts/big/"), nil))
	}
	require.Equal(t, sent+2, u.sent.Load(), "one answer must not push all others out")
}

// TestKeptAnswersAreNotShared: a caller who changes the bytes that it got
// changes nobody else's.
func TestKeptAnswersAreNotShared(t *testing.T) {
	t.Parallel()
	c := cachingClient(t, &upstream{})
	for range 3 {
		var raw json.RawMessage
		require.NoError(t, c.do(t.Context(), readRequest(), &raw))
		require.JSONEq(t, `{"n":1}`, string(raw))
		clear(raw)
		var data []byte
		require.NoError(t, c.do(t.Context(), readRequest(), &data))
		require.JSONEq(t, `{"n":1}`, string(data))
		clear(data)
	}
}
