package engine

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

func runSQL(t testing.TB, eng *Engine, sql string, opts Options) (*Result, error) {
	t.Helper()
	q, err := hogql.Parse(sql)
	require.NoError(t, err, sql)
	opts.Source = sql
	return eng.Run(t.Context(), q, opts)
}

func TestErrors(t *testing.T) {
	t.Parallel()
	eng := New(sampleSnapshot())
	for sql, want := range map[string]string{
		"SELECT nope FROM events":                                "Unable to resolve field: nope",
		"SELECT e.nope FROM events AS e":                         "Unable to resolve field: nope",
		"SELECT person.nope FROM events":                         "Unable to resolve field: person.nope",
		"SELECT 1 FROM nowhere":                                  `Unknown table "nowhere".`,
		"SELECT toFloat64('1')":                                  "Unsupported function call 'toFloat64(...)'. Perhaps you meant 'toFloat(...)'?",
		"SELECT blorp(1)":                                        "Unsupported function call 'blorp(...)'.",
		"SELECT event, count() FROM events":                      "Column `event` is not under aggregate function and not in GROUP BY",
		"SELECT count() FROM events WHERE count() > 1":           "Aggregate function count is found in a clause that is evaluated before aggregation",
		"SELECT sum(event) FROM events":                          "Illegal type String of argument for aggregate function sum",
		"SELECT lower(1)":                                        "Illegal type UInt8 of argument 1 of function lower",
		"SELECT lower('a', 'b')":                                 "Number of arguments for function lower doesn't match: passed 2",
		"SELECT 'a' + 1":                                         "Illegal type String of argument 1 of function plus",
		"SELECT intDiv(1, 0)":                                    "Division by zero",
		"SELECT [1, 'a']":                                        "There is no supertype for types UInt8, String because some of them are incompatible, in function array",
		"SELECT 1 AS a UNION ALL SELECT 'x'":                     "There is no supertype for types UInt8, String in column 1 of a set operation",
		"SELECT 1 UNION ALL SELECT 1, 2":                         "Different number of columns in the members of a set operation: 1 and 2",
		"SELECT {missing}":                                       "Unresolved placeholder: {missing}",
		"SELECT event FROM events ORDER BY 2":                    "Positional argument out of bounds: 2 (expected in range [1, 1])",
		"SELECT timestamp > 'soon' FROM events":                  `Cannot parse DateTime: value is "soon"`,
		"SELECT (SELECT number FROM numbers(2))":                 "Scalar subquery returned more than one row",
		"SELECT match('a', '(')":                                 "OptimizedRegularExpression: cannot compile re2: (, error: error parsing regexp: missing closing ): `(`",
		"SELECT toTimeZone(now(), 'Mars/Base')":                  "Unknown time zone Mars/Base",
		"SELECT row_number()":                                    "Window function 'row_number' needs an OVER clause",
		"SELECT matchesAction('x') FROM events":                  "not supported by the demo data: function matchesAction",
		"SELECT map(1, 2)":                                       "not supported by the demo data: function map",
		"SELECT count() FROM events WHERE person_id IN COHORT 3": "not supported by the demo data: IN COHORT",
		"SELECT * FROM system.cohorts":                           "not supported by the demo data: table system.cohorts",
		"SELECT * FROM groups":                                   "not supported by the demo data: table groups",
		"SELECT count() FROM events SAMPLE 0.1":                  "not supported by the demo data: SAMPLE",
		"WITH RECURSIVE a AS (SELECT 1 AS n) SELECT n FROM a":    "not supported by the demo data: recursive CTEs",
	} {
		_, err := runSQL(t, eng, sql, Options{})
		require.EqualError(t, err, want, sql)
	}
}

func TestErrorTypes(t *testing.T) {
	t.Parallel()
	eng := New(sampleSnapshot())
	_, err := runSQL(t, eng, "SELECT sum(event) FROM events", Options{})
	var qe *QueryError
	require.ErrorAs(t, err, &qe)
	require.Equal(t, "illegal_type_of_argument", qe.Code)
	_, err = runSQL(t, eng, "SELECT * FROM groups", Options{})
	var ns *NotSupportedError
	require.ErrorAs(t, err, &ns)
	require.Equal(t, "table groups", ns.Construct)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	eng := New(sampleSnapshot())
	res, err := runSQL(t, eng, "SELECT number FROM numbers(500)", Options{})
	require.NoError(t, err)
	require.Len(t, res.Rows, 100)
	require.True(t, res.HasMore)
	require.Equal(t, 100, res.Limit)
	require.False(t, res.LimitGiven)

	res, err = runSQL(t, eng, "SELECT number FROM numbers(100)", Options{})
	require.NoError(t, err)
	require.Len(t, res.Rows, 100)
	require.False(t, res.HasMore)

	res, err = runSQL(t, eng, "SELECT number FROM numbers(500) LIMIT 7", Options{})
	require.NoError(t, err)
	require.Len(t, res.Rows, 7)
	require.True(t, res.LimitGiven)
	require.False(t, res.HasMore)

	res, err = runSQL(t, eng, "SELECT number FROM numbers(60000) LIMIT 60000", Options{})
	require.NoError(t, err)
	require.Len(t, res.Rows, MaxLimit)

	res, err = runSQL(t, eng, "SELECT number FROM numbers(60) UNION ALL SELECT number FROM numbers(70)", Options{})
	require.NoError(t, err)
	require.Len(t, res.Rows, 100)
	require.True(t, res.LimitGiven)

	res, err = runSQL(t, eng, "SELECT number FROM numbers(500)", Options{DefaultLimit: 3, MaxLimit: 5})
	require.NoError(t, err)
	require.Len(t, res.Rows, 3)
	require.True(t, res.HasMore)
}

func TestCaps(t *testing.T) {
	t.Parallel()
	eng := New(sampleSnapshot())
	for sql, want := range map[string]string{
		"SELECT a.number + b.number AS x FROM numbers(2000) AS a CROSS JOIN numbers(2000) AS b ORDER BY x, a.number LIMIT 1 BY x": "more than 1000 rows",
		"SELECT number FROM numbers(5000) ORDER BY number LIMIT 5000":                                                             "more than 1000 rows",
		"SELECT uuid, count() FROM events GROUP BY uuid":                                                                          "more than 1000 rows",
		"SELECT row_number() OVER () FROM events":                                                                                 "more than 1000 rows",
	} {
		_, err := runSQL(t, eng, sql, Options{MaxRows: 1000})
		require.ErrorContains(t, err, want, sql)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	eng := New(sampleSnapshot())
	sql := "SELECT count() FROM events AS a CROSS JOIN events AS b CROSS JOIN events AS c"
	q, err := hogql.Parse(sql)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = eng.Run(ctx, q, Options{Source: sql})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 2*time.Second)
}

func TestCohortsActionsFilters(t *testing.T) {
	t.Parallel()
	snap := sampleSnapshot()
	eng := New(snap)
	member := snap.Persons[0].ID
	want := 0
	for _, e := range snap.Events {
		if e.Person.ID == member {
			want++
		}
	}
	cond := func(sql string) hogql.Expr {
		q, err := hogql.Parse("SELECT " + sql)
		require.NoError(t, err)
		return q.(*hogql.SelectQuery).Select[0]
	}
	opts := Options{
		Cohort: func(id int64, name string) (map[uuid.UUID]struct{}, bool) {
			return map[uuid.UUID]struct{}{member: {}}, id == 7 || name == "VIPs"
		},
		Action: func(_ int64, name string) (hogql.Expr, bool) { return cond("event = 'purchase'"), name == "Bought" },
	}
	for sql, n := range map[string]int{
		"SELECT count() FROM events WHERE person_id IN COHORT 7":      want,
		"SELECT count() FROM events WHERE person.id IN COHORT 'VIPs'": want,
		"SELECT count() FROM events WHERE person_id NOT IN COHORT 7":  len(snap.Events) - want,
		"SELECT count() FROM persons WHERE id IN COHORT 7":            1,
		"SELECT count() FROM events WHERE {filters}":                  len(snap.Events),
	} {
		res, err := runSQL(t, eng, sql, opts)
		require.NoError(t, err, sql)
		require.EqualValues(t, n, res.Rows[0][0], sql)
	}
	_, err := runSQL(t, eng, "SELECT count() FROM events WHERE person_id IN COHORT 8", opts)
	require.EqualError(t, err, "Could not find cohort 8")

	same, err := runSQL(t, eng, "SELECT count() FROM events WHERE event = 'purchase'", opts)
	require.NoError(t, err)
	res, err := runSQL(t, eng, "SELECT count() FROM events WHERE matchesAction('Bought')", opts)
	require.NoError(t, err)
	require.Equal(t, same.Rows, res.Rows)
	opts.Filters = cond("event = 'purchase'")
	res, err = runSQL(t, eng, "SELECT count() FROM events WHERE {filters}", opts)
	require.NoError(t, err)
	require.Equal(t, same.Rows, res.Rows)
}

func TestExtraTable(t *testing.T) {
	t.Parallel()
	eng := New(sampleSnapshot())
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	opts := Options{Table: func(name string) (*Table, bool) {
		return &Table{
			Columns: []Column{{Name: "id", Type: CellInt}, {Name: "name", Type: CellString}, {Name: "created_at", Type: CellDateTime}, {Name: "size", Type: CellInt, Null: true}},
			Rows:    [][]any{{int64(1), "a", at, nil}, {int64(2), "b", at, int64(9)}},
		}, name == "system.cohorts"
	}}
	res, err := runSQL(t, eng, "SELECT * FROM system.cohorts WHERE name = 'b'", opts)
	require.NoError(t, err)
	require.Equal(t, [][]any{{int64(2), "b", "2026-05-01T10:00:00Z", int64(9)}}, res.Rows)
	require.Equal(t, []string{"Int64", "String", "DateTime64(6, 'UTC')", "Nullable(Int64)"}, res.Types)
}

func TestProjectTimeZone(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	p := &data.Person{ID: uuid.New(), CreatedAt: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	var events []*data.Event
	for _, at := range []time.Time{
		time.Date(2026, 3, 28, 22, 30, 0, 0, time.UTC),        // 23:30 on the 28th
		time.Date(2026, 3, 28, 23, 30, 0, 0, time.UTC),        // 00:30 on the 29th, the day summer time begins
		time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC), // 03:30
		time.Date(2026, 3, 29, 21, 59, 0, 0, time.UTC),        // 23:59
		time.Date(2026, 3, 29, 22, 0, 0, 0, time.UTC),         // 00:00 on the 30th
	} {
		events = append(events, &data.Event{UUID: uuid.New(), Event: "x", Timestamp: at, CreatedAt: at, Person: p})
	}
	eng := New(&data.Snapshot{Now: time.Date(2026, 3, 30, 10, 0, 0, 0, time.UTC), TimeZone: berlin, Persons: []*data.Person{p}, Events: events})
	for sql, want := range map[string][][]any{
		"SELECT toDate(timestamp) AS d, count() FROM events GROUP BY d ORDER BY d": {
			{"2026-03-28", uint64(1)}, {"2026-03-29", uint64(3)}, {"2026-03-30", uint64(1)},
		},
		"SELECT toStartOfDay(timestamp) AS d, count() FROM events GROUP BY d ORDER BY d": {
			{"2026-03-28T00:00:00+01:00", uint64(1)}, {"2026-03-29T00:00:00+01:00", uint64(3)}, {"2026-03-30T00:00:00+02:00", uint64(1)},
		},
		"SELECT timestamp FROM events WHERE timestamp >= '2026-03-29 03:00:00' ORDER BY timestamp LIMIT 1": {{"2026-03-29T03:30:00.123456+02:00"}},
		"SELECT toTimeZone(timestamp, 'UTC') FROM events ORDER BY timestamp LIMIT 1":                       {{"2026-03-28T22:30:00Z"}},
		"SELECT count() FROM events WHERE timestamp < toDate('2026-03-30')":                                {{uint64(4)}},
		"SELECT dateDiff('day', min(timestamp), max(timestamp)) FROM events":                               {{int64(2)}},
		"SELECT toHour(timestamp), toString(timestamp) FROM events ORDER BY timestamp DESC LIMIT 1":        {{uint64(0), "2026-03-30 00:00:00.000000"}},
		"SELECT now(), today(), toDateTime('2026-07-01 00:00:00')":                                         {{"2026-03-30T12:00:00+02:00", "2026-03-30", "2026-07-01T00:00:00+02:00"}},
	} {
		res, err := runSQL(t, eng, sql, Options{})
		require.NoError(t, err, sql)
		require.Equal(t, want, res.Rows, sql)
	}
}

func TestOutputForms(t *testing.T) {
	t.Parallel()
	eng := New(sampleSnapshot())
	res, err := runSQL(t, eng, "SELECT 0 / 0, 1 / 0, NULL, true, 1, -1, 1.5, 'a', [1, NULL], (1, 'x'), toDate('2026-01-02'), toDateTime('2026-01-02 03:04:05.5'), toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')", Options{})
	require.NoError(t, err)
	require.Equal(t, []any{
		nil, nil, nil, true, uint64(1), int64(-1), 1.5, "a", []any{uint64(1), nil}, []any{uint64(1), "x"},
		"2026-01-02", "2026-01-02T03:04:05.500000Z", "61f0c404-5cb3-11e7-907b-a6006ad3dba0",
	}, res.Rows[0])
}

func TestPropertyLayersAndTypes(t *testing.T) {
	t.Parallel()
	base := &data.Properties{Own: []data.Property{{Key: "plan", Value: "free"}, {Key: "n", Value: 1.0}, {Key: "quote", Value: `say "hi"`}}}
	ev := &data.Event{Event: "x", Timestamp: sampleNow(), CreatedAt: sampleNow(), Properties: data.Properties{
		Own: []data.Property{{Key: "plan", Value: "pro"}, {Key: "mixed", Value: "12"}}, Base: base,
	}}
	other := &data.Event{Event: "y", Timestamp: sampleNow(), CreatedAt: sampleNow(), Properties: data.Properties{
		Own: []data.Property{{Key: "mixed", Value: 7.0}, {Key: "n", Value: math.Pi}}, Base: base,
	}}
	eng := New(&data.Snapshot{Now: sampleNow(), Events: []*data.Event{ev, other}})
	res, err := runSQL(t, eng, "SELECT properties.plan, properties.n, properties.mixed, properties.quote, properties FROM events ORDER BY event", Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"Nullable(String)", "Nullable(Float64)", "Nullable(String)", "Nullable(String)", "String"}, res.Types)
	require.Equal(t, [][]any{
		{"pro", 1.0, "12", `say \"hi\"`, `{"plan":"pro","n":1,"quote":"say \"hi\"","mixed":"12"}`},
		{"free", math.Pi, "7", `say \"hi\"`, `{"plan":"free","n":3.141592653589793,"quote":"say \"hi\"","mixed":7}`},
	}, res.Rows)

	res, err = runSQL(t, eng, "SELECT properties.mixed, properties.n FROM events ORDER BY event", Options{
		EventTypes: map[string]PropertyType{"mixed": PropertyNumeric, "n": PropertyString},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"Nullable(Float64)", "Nullable(String)"}, res.Types)
	require.Equal(t, []any{12.0, "1"}, res.Rows[0])
}

// An event may have no person and no session; outer joins may miss events.
func TestMissingRelations(t *testing.T) {
	t.Parallel()
	ev := &data.Event{Event: "x", Timestamp: sampleNow(), CreatedAt: sampleNow()}
	eng := New(&data.Snapshot{Now: sampleNow(), Events: []*data.Event{ev}})
	res, err := runSQL(t, eng, "SELECT person_id, person.properties.email, person.created_at, session.$channel_type, session.$session_duration FROM events", Options{})
	require.NoError(t, err)
	require.Equal(t, []any{"00000000-0000-0000-0000-000000000000", nil, "1970-01-01T00:00:00Z", "", int64(0)}, res.Rows[0])
	res, err = runSQL(t, eng, "SELECT e.event, e.timestamp, e.properties.a, n.number FROM numbers(1) AS n LEFT JOIN events AS e ON toString(n.number) = e.event", Options{})
	require.NoError(t, err)
	require.Equal(t, []any{"", "1970-01-01T00:00:00Z", nil, uint64(0)}, res.Rows[0])
}
