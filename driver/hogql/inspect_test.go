package hogql

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func inspect(t *testing.T, sql string) *Info {
	t.Helper()
	info, err := Inspect(sql)
	require.NoError(t, err, sql)
	require.Empty(t, info.Unparsed, sql)
	return info
}

func TestInspectLimit(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]*Limit{
		"SELECT 1":                                nil,
		"SELECT 1 LIMIT 5":                        {N: 5, Known: true},
		"SELECT 1 LIMIT 5;":                       {N: 5, Known: true},
		"SELECT 1 LIMIT {n}":                      {Placeholder: "n"},
		"SELECT 1 LIMIT 2 + 3":                    {},
		"SELECT 1 LIMIT 10 %":                     {N: 10, Known: true, Percent: true},
		"SELECT 1 LIMIT 1 BY a":                   nil,
		"SELECT 1 LIMIT 1 BY a LIMIT 7":           {N: 7, Known: true},
		"SELECT 1 LIMIT NULL":                     nil,
		"SELECT * FROM (SELECT 1 LIMIT 5)":        nil,
		"SELECT 1 UNION ALL SELECT 2 LIMIT 5":     nil,
		"(SELECT 1) UNION ALL (SELECT 2) LIMIT 5": {N: 5, Known: true},
		"WITH a AS (SELECT 1 LIMIT 3) SELECT 2":   nil,
		"{query}":                                 nil,
	} {
		require.Equal(t, want, inspect(t, sql).Limit, sql)
	}
}

func TestInspectOffset(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string][]int{
		"SELECT 1 LIMIT 5":                                                          nil,
		"SELECT 1 LIMIT 5 OFFSET 10":                                                {24},
		"SELECT 1 LIMIT 5, 10":                                                      {18},
		"SELECT 1 OFFSET 10":                                                        {16},
		"SELECT 1 LIMIT 1 OFFSET 2 BY a":                                            {24},
		"SELECT * FROM (SELECT 1 LIMIT 5 OFFSET 10)":                                {39},
		"SELECT 1 FROM events SAMPLE 1/10 OFFSET 1/2 WHERE {filters}":               nil,
		"SELECT 1 UNION ALL SELECT 2 LIMIT 5 OFFSET 3":                              {43},
		"WITH a AS (SELECT 1 OFFSET 1) SELECT (SELECT 2 OFFSET 2) LIMIT 1 OFFSET 3": {27, 54, 72},
	} {
		var got []int
		for _, place := range inspect(t, sql).Offsets {
			require.Equal(t, 1, place.Line)
			require.Equal(t, place.Offset+1, place.Column)
			got = append(got, place.Offset)
		}
		slices.Sort(got)
		require.Equal(t, want, got, sql)
	}
}

func TestInspectNames(t *testing.T) {
	t.Parallel()
	info := inspect(t, `
		WITH buyers AS (SELECT person_id, properties.plan AS plan FROM events AS e WHERE event IN ('purchase', 'upgrade') AND timestamp > now() - INTERVAL 7 DAY),
		     5 AS least
		SELECT b.plan, person.properties.email, properties['weird key'], e.properties.$os.version, JSONExtractString(p.properties, 'name'),
		       countIf(event = '$pageview' OR '$screen' = e.event), f(1), tofloat64(x)
		FROM events AS e
		JOIN buyers AS b ON b.person_id = e.person_id
		LEFT JOIN persons AS p ON p.id = e.person_id
		JOIN numbers(10) AS n ON 1
		WHERE timestamp >= {from} AND properties.$browser = {browser} AND {filters} AND e.person_id IN COHORT 12
		  AND e.person_id NOT IN COHORT 'Test users' AND event != 'ignored' AND {variables.country} = 1
		  AND p.properties.country IN (SELECT properties.home FROM persons) AND s.properties.other = {limits.low + 1}
		LIMIT {n}`)
	require.Equal(t, []string{"events", "persons"}, info.Tables)
	require.Equal(t, []string{"purchase", "upgrade", "$pageview", "$screen"}, info.Events)
	require.Equal(t, []string{"plan", "weird key", "$os", "$browser"}, info.EventProperties)
	require.Equal(t, []string{"email", "name", "country", "home"}, info.PersonProperties)
	require.Equal(t, []string{"12", "Test users"}, info.Cohorts)
	require.Equal(t, []string{"from", "browser", "filters", "variables.country", "limits.low + 1", "n"}, info.Placeholders)
	require.Empty(t, info.UnboundedEvents)
	require.Len(t, info.UnknownFunctions, 2)
	require.Equal(t, "f", info.UnknownFunctions[0].Name)
	unknown := info.UnknownFunctions[1]
	require.Equal(t, "tofloat64", unknown.Name)
	require.Equal(t, "toFloat", unknown.Nearest[0])
	require.Equal(t, 5, unknown.Place.Line)

	missing, unused := info.MissingValues(map[string]any{"from": 1, "browser": 2, "limits.low + 1": 3, "old": 4, "b": 5})
	require.Equal(t, []string{"n"}, missing)
	require.Equal(t, []string{"b", "old"}, unused)
}

func TestInspectCTEs(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string][]string{
		"WITH a AS (SELECT 1) SELECT * FROM a":                                        nil,
		"SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) JOIN a ON 1":            {"a"},
		"WITH a AS (SELECT 1) SELECT * FROM a UNION ALL SELECT * FROM a":              nil,
		"WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b, c":             {"c"},
		"WITH f AS (SELECT 1) SELECT * FROM system.f, stripe.prod.charge, `odd.name`": {"system.f", "stripe.prod.charge", "odd.name"},
	} {
		require.Equal(t, want, inspect(t, sql).Tables, sql)
	}
	require.Empty(t, inspect(t, "WITH x -> x + 1 AS twice SELECT twice(2)").UnknownFunctions)
}

func TestInspectTimeBound(t *testing.T) {
	t.Parallel()
	for where, bounded := range map[string]bool{
		"":                  false,
		"WHERE event = 'a'": false,
		"WHERE timestamp > now() - INTERVAL 1 DAY":                true,
		"WHERE timestamp < now()":                                 false,
		"WHERE now() <= e.timestamp":                              true,
		"WHERE toDate(timestamp) = today()":                       true,
		"WHERE toStartOfDay(timestamp) >= {from} AND event = 'a'": true,
		"WHERE timestamp BETWEEN {a} AND {b}":                     true,
		"WHERE timestamp NOT BETWEEN {a} AND {b}":                 false,
		"WHERE {filters}":                                         true,
		"WHERE {where}":                                           false,
		"WHERE timestamp > {a} OR event = 'b'":                    false,
		"WHERE timestamp > {a} OR timestamp >= {b}":               true,
		"WHERE NOT (timestamp > {a})":                             false,
		"WHERE dateDiff('day', timestamp, now()) < 7":             true,
		"WHERE dateDiff('day', timestamp, now()) > 7":             false,
		"WHERE (timestamp, uuid) > ({ts}, {id})":                  true,
		"WHERE greaterOrEquals(timestamp, {a})":                   true,
		"WHERE day >= today() - 7":                                true,
		"PREWHERE timestamp > {a}":                                true,
		"WHERE created_at > {a}":                                  false,
		"WHERE timestamp + INTERVAL 1 DAY > now()":                true,
	} {
		info := inspect(t, "SELECT toDate(timestamp) AS day FROM events AS e "+where)
		require.Equal(t, bounded, len(info.UnboundedEvents) == 0, where)
	}
	for sql, unbounded := range map[string]int{
		"SELECT * FROM persons": 0,
		"SELECT * FROM (SELECT * FROM events) WHERE timestamp > {a}":                                         0,
		"SELECT * FROM events WHERE timestamp > {a} UNION ALL SELECT * FROM events":                          1,
		"WITH e AS (SELECT * FROM events) SELECT * FROM e WHERE timestamp > {a}":                             1,
		"SELECT * FROM persons WHERE id IN (SELECT person_id FROM events)":                                   1,
		"SELECT * FROM sessions AS s JOIN events AS e ON e.$session_id = s.session_id AND e.timestamp > {a}": 0,
	} {
		require.Len(t, inspect(t, sql).UnboundedEvents, unbounded, sql)
	}
}

func TestInspectNotes(t *testing.T) {
	t.Parallel()
	for sql, says := range map[string]string{
		"SELECT 1":                                   "",
		"SELECT a FROM t LIMIT 5 ORDER BY a":         "ignores an ORDER BY",
		"(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1": "ignores an ORDER BY",
		"SELECT 1 UNION ALL SELECT 2 LIMIT 5":        "belongs to the last SELECT only",
		"SELECT 1 UNION ALL (SELECT 2 LIMIT 5)":      "",
		"SELECT sum(a) FILTER (WHERE b) OVER ()":     "ignores FILTER and DISTINCT",
	} {
		notes := strings.Join(inspect(t, sql).Notes, "\n")
		if says == "" {
			require.Empty(t, notes, sql)
			continue
		}
		require.Contains(t, notes, says, sql)
	}
}

// TestInspectCorpus compares the functions with those that the corpus lists,
// which come from PostHog's tree.
func TestInspectCorpus(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/corpus.jsonl")
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		var c struct {
			ID, HogQL string
			Uses      []string
		}
		require.NoError(t, json.Unmarshal([]byte(line), &c))
		info := inspect(t, c.HogQL)
		got := append([]string{}, info.Functions...)
		for i, name := range got {
			if name == "_caseWithExpression" {
				got[i] = "case"
			}
		}
		slices.Sort(got)
		require.Equal(t, c.Uses, got, c.ID)
		require.Empty(t, info.UnknownFunctions, c.ID)
		require.NotEmpty(t, info.Tables, c.ID)
	}
}

func TestWithLimit(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"select a from events":                              "SELECT a FROM events LIMIT 7",
		"SELECT a FROM events LIMIT 5 OFFSET 3":             "SELECT a FROM events LIMIT 7 OFFSET 3",
		"SELECT a LIMIT 10 %":                               "SELECT a LIMIT 7",
		"SELECT 1 UNION ALL SELECT 2 LIMIT 5":               "(SELECT 1) UNION ALL (SELECT 2 LIMIT 5) LIMIT 7",
		"(SELECT 1) UNION ALL (SELECT 2) LIMIT 5 WITH TIES": "(SELECT 1) UNION ALL (SELECT 2) LIMIT 7",
		"{query}": "SELECT * FROM {query} LIMIT 7",
	} {
		q, err := Parse(sql)
		require.NoError(t, err)
		before := Print(q)
		require.Equal(t, want, Print(WithLimit(q, 7)))
		require.Equal(t, before, Print(q), "the query itself is unchanged")
	}
}
