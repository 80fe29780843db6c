package posthogtest

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

func TestHogQLShape(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	a := c.query("SELECT event, count() AS n FROM events GROUP BY event ORDER BY n DESC, event", "name", "events")
	require.Equal(t, 200, a.status, a.text)
	rows := a.body["results"].([]any)
	require.Equal(t, []any{"event", "n"}, a.body["columns"])
	require.Equal(t, []any{[]any{"event", "String"}, []any{"n", "UInt64"}}, a.body["types"])
	n := 0.0
	for _, r := range rows {
		n += r.([]any)[1].(float64)
	}
	require.InDelta(t, len(s.Store().Snapshot().Events), n, 0)
	require.Equal(t, false, a.body["hasMore"])
	require.InDelta(t, 100, a.body["limit"], 0)
	require.InDelta(t, 0, a.body["offset"], 0)
	for _, key := range []string{"hogql", "query", "clickhouse", "timings", "modifiers", "error", "explain", "metadata", "cache_key", "last_refresh", "cache_target_age", "next_allowed_client_refresh", "query_status"} {
		require.Contains(t, a.body, key)
	}
	require.Equal(t, "UTC", a.body["timezone"])
	require.Equal(t, false, a.body["is_cached"])
}

func TestRowLimits(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{Data: data.Options{Seed: 1, People: 1200, Days: 60}})
	c := newClient(t, s)
	a := c.query("SELECT uuid FROM events")
	require.Len(t, a.body["results"], 100)
	require.Equal(t, true, a.body["hasMore"])
	a = c.query("SELECT uuid FROM events LIMIT 7")
	require.Len(t, a.body["results"], 7)
	for _, key := range []string{"hasMore", "limit", "offset"} {
		require.NotContains(t, a.body, key, "with a LIMIT of its own")
	}
	a = c.query("SELECT number FROM numbers(60000) LIMIT 60000")
	require.Len(t, a.body["results"], 50_000, "more is silently lowered")
	a = c.query("SELECT 1 UNION ALL SELECT 2")
	require.NotContains(t, a.body, "hasMore")
	require.Len(t, a.body["results"], 2)
}

func TestQueryErrors(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	for name, tt := range map[string]struct{ sql, code, detail string }{
		"syntax":         {"SELECT FROM WHERE", "invalid_input", ""},
		"unknown field":  {"SELECT nonsense FROM events", "invalid_input", "Unable to resolve field: nonsense"},
		"unknown table":  {"SELECT 1 FROM nowhere", "unknown_table", ""},
		"offset":         {"SELECT event FROM events LIMIT 10 OFFSET 5", "invalid_input", offsetRefusal},
		"offset inside":  {"SELECT * FROM (SELECT event FROM events LIMIT 10 OFFSET 5)", "invalid_input", offsetRefusal},
		"offset in set":  {"SELECT 1 UNION ALL (SELECT 2 LIMIT 1 OFFSET 1)", "invalid_input", offsetRefusal},
		"offset by":      {"SELECT event FROM events LIMIT 1 OFFSET 1 BY event", "invalid_input", offsetRefusal},
		"no placeholder": {"SELECT {missing}", "invalid_input", ""},
		"demo subset":    {"SELECT * FROM session_replay_events", "not_supported_by_demo", ""},
	} {
		a := c.query(tt.sql)
		requireError(t, a, 400, "validation_error", tt.code, tt.detail)
		require.NotEmpty(t, a.body["detail"], name)
	}
	for name, body := range map[string]string{
		"no query":    `{}`,
		"null query":  `{"query":null}`,
		"no kind":     `{"query":{"query":"SELECT 1"}}`,
		"text query":  `{"query":"SELECT 1"}`,
		"no SQL":      `{"query":{"kind":"HogQLQuery"}}`,
		"not JSON":    `{"query":`,
		"two values":  `{} {}`,
		"odd refresh": `{"query":{"kind":"HogQLQuery","query":"SELECT 1"},"refresh":"sometimes"}`,
	} {
		a := c.do(http.MethodPost, "query/", body)
		requireError(t, a, 400, "validation_error", "parse_error", "")
		require.Contains(t, a.body["detail"], "JSON parse error - ", name)
	}
	requireError(t, c.do(http.MethodPost, "query/", `{"query":{"kind":"WebOverviewQuery"}}`), 400, "validation_error", "not_supported_by_demo", "")
	require.Equal(t, 200, c.query("SELECT 1").status)
}

func TestQueryValues(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	run := func(sql string, values map[string]any) []any {
		a := c.do(http.MethodPost, "query/", map[string]any{"query": map[string]any{"kind": "HogQLQuery", "query": sql, "values": values}})
		require.Equal(t, 200, a.status, a.text)
		return a.body["results"].([]any)[0].([]any)
	}
	evil := `'); DROP TABLE events; --`
	require.Equal(t, []any{evil}, run("SELECT {x}", map[string]any{"x": evil}))
	require.Equal(t, []any{"9007199254740993"}, run("SELECT toString({n})", map[string]any{"n": 9007199254740993}))
	require.Equal(t, []any{2.5}, run("SELECT {f}", map[string]any{"f": 2.5}))
	one := run("SELECT count() FROM events WHERE event IN {names}", map[string]any{"names": []string{"$pageview"}})
	require.InDelta(t, len(stored(s, "$pageview")), one[0], 0)
}

func TestQueryFilters(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	snap := s.Store().Snapshot()
	count := func(filters string) float64 {
		a := c.do(http.MethodPost, "query/", `{"query":{"kind":"HogQLQuery","query":"SELECT count() FROM events WHERE {filters}","filters":`+filters+`}}`)
		require.Equal(t, 200, a.status, a.text)
		return a.body["results"].([]any)[0].([]any)[0].(float64)
	}
	matching := func(from time.Time, filters ...data.PropertyFilter) float64 {
		match, err := snap.EventMatcher(filters)
		require.NoError(t, err)
		return float64(len(filter(snap.Events, func(e *data.Event) bool { return !e.Timestamp.Before(from) && match(e) })))
	}
	plan := data.PropertyFilter{Key: "plan", Type: "person", Operator: "exact", Value: []any{"pro", "team"}}
	require.Equal(t, matching(time.Time{}), count(`{}`))
	require.Equal(t, matching(time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)), count(`{"dateRange":{"date_from":"-7d"}}`))
	require.Equal(t, matching(time.Time{}, plan), count(`{"properties":[{"key":"plan","type":"person","operator":"exact","value":["pro","team"]}]}`))
	mail := s.Store().Project().TestAccountFilters
	require.NotEmpty(t, mail)
	require.Equal(t, matching(time.Time{}, mail...), count(`{"filterTestAccounts":true}`))
	for op, value := range map[string]any{"is_set": "is_set", "is_not_set": "is_not_set", "icontains": "safari", "not_icontains": "safari", "is_not": "Chrome", "regex": "^C"} {
		f := data.PropertyFilter{Key: "$browser", Operator: op, Value: value}
		require.Equal(t, matching(time.Time{}, f), count(`{"properties":[{"key":"$browser","operator":"`+op+`","value":"`+value.(string)+`"}]}`), op)
	}
	amount := data.PropertyFilter{Key: "amount", Operator: "gte", Value: 20.0}
	require.Equal(t, matching(time.Time{}, amount), count(`{"properties":[{"key":"amount","operator":"gte","value":20}]}`))
	cohort := data.PropertyFilter{Key: "id", Type: "cohort", Value: 1.0}
	require.Equal(t, matching(time.Time{}, cohort), count(`{"properties":[{"key":"id","type":"cohort","value":1}]}`))
	a := c.do(http.MethodPost, "query/", `{"query":{"kind":"HogQLQuery","query":"SELECT count() FROM events WHERE {filters}","filters":{"properties":[{"key":"a","operator":"semver_gt","value":"1"}]}}}`)
	requireError(t, a, 400, "validation_error", "not_supported_by_demo", "")
}

func TestCohortsInQueries(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	want := c.get("cohorts/1/").body["count"]
	for _, sql := range []string{"SELECT count() FROM persons WHERE id IN COHORT 1", "SELECT count() FROM persons WHERE id IN COHORT 'Paying customers'"} {
		a := c.query(sql)
		require.Equal(t, 200, a.status, a.text)
		require.Equal(t, want, a.body["results"].([]any)[0].([]any)[0], sql)
	}
	require.Equal(t, 400, c.query("SELECT count() FROM persons WHERE id IN COHORT 99").status)

	made := c.do(http.MethodPost, "cohorts/", `{"name":"From SQL","is_static":true,"query":{"kind":"HogQLQuery","query":"SELECT id FROM persons WHERE properties.plan = 'pro' LIMIT 3"}}`)
	require.Equal(t, 201, made.status, made.text)
	require.InDelta(t, 3, made.body["count"], 0)
	a := c.query("SELECT count() FROM persons WHERE id IN COHORT " + textOf(made.body["id"]))
	require.Equal(t, []any{[]any{3.0}}, a.body["results"], "a new cohort is known at once")
	odd := c.do(http.MethodPost, "cohorts/", `{"name":"Odd","is_static":true,"query":{"kind":"HogQLQuery","query":"SELECT event FROM events"}}`)
	requireError(t, odd, 400, "validation_error", "invalid_input", "")
}

// Captured events are in the next query, unless it is answered from the cache.
func TestCaptureShowsUpInQueries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Clock: time.Now})
		c := newClient(t, s)
		const sql = "SELECT count() FROM events WHERE event = 'fresh' AND timestamp > now() - INTERVAL 1 DAY"
		n := func(more ...any) (any, any) {
			a := c.query(sql, more...)
			require.Equal(t, 200, a.status, a.text)
			return a.body["results"].([]any)[0].([]any)[0], a.body["is_cached"]
		}
		expect := func(count float64, cached bool, more ...any) {
			t.Helper()
			got, isCached := n(more...)
			require.InDelta(t, count, got, 0)
			require.Equal(t, cached, isCached)
		}
		expect(0, false)
		time.Sleep(time.Second)
		c.do(http.MethodPost, "/i/v0/e/", map[string]any{"api_key": s.ProjectKey(), "event": "fresh", "distinct_id": "u"})
		expect(0, true)
		expect(0, true, "refresh", "blocking")
		expect(0, true, "refresh", false)
		expect(1, false, "refresh", "force_blocking")
		expect(1, true, "refresh", "async")
		expect(1, false, "refresh", true)
		time.Sleep(freshFor + time.Minute)
		expect(1, true, "refresh", "lazy_async")
		expect(1, false)
		s.SetQuota(Quota{APIQueries: true})
		expect(1, true)
		requireError(t, c.query(sql, "refresh", "force_blocking"), 402, "quota_limited", "api_queries_quota_exceeded", "")
		requireError(t, c.query("SELECT 2", "refresh", "async"), 402, "quota_limited", "api_queries_quota_exceeded", "")
	})
}

func TestAsyncQueries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Clock: time.Now, QueryTime: slowly(3 * time.Second)})
		c := newClient(t, s)
		a := c.query("SELECT 40 + 2 AS n", "refresh", "async", "client_query_id", "mine")
		require.Equal(t, 202, a.status, a.text)
		status := a.body["query_status"].(map[string]any)
		require.Equal(t, "mine", status["id"])
		require.Equal(t, false, status["complete"])
		require.Equal(t, 202, c.query("SELECT 40 + 2 AS n", "refresh", "async", "client_query_id", "mine").status, "known already: not started again")

		a = c.get("query/mine/?show_progress=true")
		require.Equal(t, 202, a.status)
		require.Contains(t, a.body["query_status"].(map[string]any)["query_progress"], "rows_read")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, s.PeakQueries())
		a = c.get("query/mine/")
		require.Equal(t, 200, a.status, a.text)
		status = a.body["query_status"].(map[string]any)
		require.Equal(t, true, status["complete"])
		require.Equal(t, []any{[]any{42.0}}, status["results"].(map[string]any)["results"], "one level deeper")
		require.Equal(t, 200, c.query("SELECT 40 + 2 AS n", "refresh", "async").status, "from the cache")

		time.Sleep(taskLife)
		requireError(t, c.get("query/mine/"), 404, "invalid_request", "not_found", "")
		requireError(t, c.get("query/other/"), 404, "invalid_request", "not_found", "")
		log := c.get("query/mine/log/")
		require.Len(t, log.body["results"], 1)
		require.Contains(t, log.body["columns"], "query_duration_ms")

		// A wrong query fails in the poll, not in the start.
		require.Equal(t, 202, c.query("SELECT nonsense FROM events", "refresh", "force_async", "client_query_id", "wrong").status)
		time.Sleep(4 * time.Second)
		a = c.get("query/wrong/")
		require.Equal(t, 400, a.status)
		require.Contains(t, a.body["query_status"].(map[string]any)["error_message"], "nonsense")

		// A cancelled one is gone.
		require.Equal(t, 202, c.query("SELECT 1", "refresh", "force_async", "client_query_id", "gone").status)
		require.Contains(t, c.do(http.MethodDelete, "query/gone/", nil).body, "message")
		require.Equal(t, 404, c.get("query/gone/").status)

		// Too slow is not the user's message: 500.
		s.queryTime = slowly(time.Hour)
		c.query("SELECT 3", "refresh", "force_async", "client_query_id", "slow")
		time.Sleep(time.Minute)
		require.Equal(t, 202, c.get("query/slow/").status, "the background has more time than a waiting client")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		a = c.get("query/slow/")
		require.Equal(t, 500, a.status)
		require.Nil(t, a.body["query_status"].(map[string]any)["error_message"])
	})
}

func TestAnalyses(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	for kind, rest := range map[string]string{
		"TrendsQuery":        `"series":[{"kind":"EventsNode","event":"$pageview"}],"dateRange":{"date_from":"-7d"}`,
		"FunnelsQuery":       `"series":[{"kind":"EventsNode","event":"signup_started"},{"kind":"EventsNode","event":"user_signed_up"}],"dateRange":{"date_from":"-20d"}`,
		"LifecycleQuery":     `"series":[{"kind":"EventsNode","event":"note_created"}],"dateRange":{"date_from":"-14d"}`,
		"StickinessQuery":    `"series":[{"kind":"EventsNode","event":"note_created"}],"dateRange":{"date_from":"-14d"}`,
		"RetentionQuery":     `"retentionFilter":{"period":"Week","totalIntervals":3,"targetEntity":{"id":"user_signed_up","type":"events"},"returningEntity":{"id":"$pageview","type":"events"}}`,
		"ErrorTrackingQuery": `"dateRange":{"date_from":"-30d"},"orderBy":"occurrences","volumeResolution":1`,
	} {
		a := c.do(http.MethodPost, "query/", `{"query":{"kind":"`+kind+`",`+rest+`}}`)
		require.Equal(t, 200, a.status, "%s: %s", kind, a.text)
		require.NotEmpty(t, a.body["results"], kind)
		require.Equal(t, false, a.body["is_cached"])
	}
	metric := c.get("experiments/1/").body["metrics"].([]any)[0]
	a := c.do(http.MethodPost, "query/", map[string]any{"query": map[string]any{"kind": "ExperimentQuery", "experiment_id": 1, "metric": metric}})
	require.Equal(t, 200, a.status, a.text)
	require.Contains(t, a.body, "baseline")
	require.Contains(t, a.body, "variant_results")
	requireError(t, c.do(http.MethodPost, "query/", `{"query":{"kind":"TrendsQuery","series":5}}`), 400, "validation_error", "invalid_input", "")
}

func TestSchemaQueries(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	a := c.do(http.MethodPost, "query/", `{"query":{"kind":"DatabaseSchemaQuery"}}`)
	require.Equal(t, 200, a.status, a.text)
	tables := a.body["tables"].(map[string]any)
	require.Contains(t, a.body, "joins")
	fields := tables["events"].(map[string]any)["fields"].(map[string]any)
	require.Equal(t, map[string]any{"name": "timestamp", "hogql_value": "timestamp", "type": "datetime", "schema_valid": true}, fields["timestamp"])
	require.Equal(t, "json", fields["properties"].(map[string]any)["type"])
	require.Equal(t, "lazy_table", fields["person"].(map[string]any)["type"])

	// Every table that is described can be read, and so is the schema itself.
	for name := range tables {
		require.Equal(t, 200, c.query("SELECT * FROM "+name+" LIMIT 1").status, name)
	}
	listed := c.query("SELECT table_name FROM system.information_schema.tables")
	require.Len(t, listed.body["results"], len(tables))
	for range 2 {
		columns := c.query("SELECT count() FROM system.information_schema.columns WHERE table_name = 'events'")
		require.InDelta(t, len(fields), columns.body["results"].([]any)[0].([]any)[0], 0)
		require.Equal(t, false, columns.body["is_cached"], "the schema is never cached")
	}
	flags := c.query("SELECT key, deleted FROM system.feature_flags WHERE key = 'new-editor'")
	require.Equal(t, []any{[]any{"new-editor", 0.0}}, flags.body["results"])
}

func TestHogQLMetadata(t *testing.T) {
	t.Parallel()
	s := newServer(t, Options{})
	c := newClient(t, s)
	check := func(sql string) map[string]any {
		a := c.do(http.MethodPost, "query/", map[string]any{"query": map[string]any{"kind": "HogQLMetadata", "language": "hogQL", "query": sql}})
		require.Equal(t, 200, a.status, a.text)
		return a.body
	}
	good := check("SELECT count() FROM events WHERE event = {name}")
	require.Equal(t, true, good["isValid"])
	require.Empty(t, good["errors"])
	bad := check("SELECT count( FROM events")
	require.Equal(t, false, bad["isValid"])
	require.Contains(t, bad["errors"].([]any)[0], "start")
	unknown := check("SELECT nonsense FROM events")
	require.Equal(t, false, unknown["isValid"])
	require.Contains(t, unknown["errors"].([]any)[0].(map[string]any)["message"], "nonsense")
	beyond := check("SELECT * FROM session_replay_events")
	require.Equal(t, true, beyond["isValid"], "what only the demo lacks is a notice")
	require.NotEmpty(t, beyond["notices"])
}
