package cohorts

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

const cohortsPath = "/api/projects/*/cohorts/"

func TestGetCohorts(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	all := d.OK(t, "get_cohorts", `{}`)
	require.Equal(t, []string{"id", "name", "type", "persons", "state", "calculated", "description"}, all.Columns)
	require.GreaterOrEqual(t, len(all.Rows), 2)
	seen := map[any]bool{}
	cursor := ""
	for range all.Rows {
		page := d.OK(t, "get_cohorts", fmt.Sprintf(`{"limit":1,"cursor":%q}`, cursor))
		require.Len(t, page.Rows, 1)
		require.False(t, seen[page.Rows[0][0]])
		seen[page.Rows[0][0]] = true
		cursor = page.Cursor
	}
	require.Empty(t, cursor)
	require.Len(t, seen, len(all.Rows))

	name, _ := all.Rows[0][1].(string)
	found := d.OK(t, "get_cohorts", fmt.Sprintf(`{"search":%q}`, strings.ToUpper(name)))
	require.Len(t, found.Rows, 1)
	for _, row := range all.Rows {
		one := d.OK(t, "get_cohorts", fmt.Sprintf(`{"id":%v}`, row[0]))
		require.Equal(t, row[1], one.Rows[0][1])
		if row[2] == "dynamic" {
			require.Equal(t, "filters", one.Columns[7])
			require.Contains(t, one.Text, "properties")
		}
	}
}

func TestGetCohortsFails(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	d.Refused(t, driver.KindNotFound, "cohort 987654", "get_cohorts", `{"id":987654}`)
	d.Refused(t, driver.KindInvalid, "limit", "get_cohorts", `{"limit":9999}`)
	d.Refused(t, driver.KindInvalid, "cohort", "get_cohorts", `{"cohort":1}`)
	d.Refused(t, driver.KindInvalid, "id", "get_cohorts", `{"id":1,"search":"x"}`)
	d.WithoutScopes(t, "cohort:read", []string{"query:read"}, "get_cohorts", `{}`)
	d.SurvivesFault(t, cohortsPath, "get_cohorts", `{}`)
}

func TestCreateCohort(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	made := d.OK(t, "create_cohort", `{"name":"Pro people","where":["plan=pro"],"description":"for tests"}`)
	require.Equal(t, "dynamic", made.Fields["type"])
	id := made.Fields["id"]
	read := d.OK(t, "get_cohorts", fmt.Sprintf(`{"id":%v}`, id))
	require.Equal(t, "Pro people", read.Rows[0][1])
	require.Equal(t, "for tests", read.Rows[0][6])
	raw, err := json.Marshal(read.Rows[0][7])
	require.NoError(t, err)
	require.Contains(t, string(raw), "plan")
	persons, ok := read.Rows[0][3].(float64)
	require.True(t, ok)
	require.Positive(t, persons)
	require.Less(t, persons, 300.0)

	made = d.OK(t, "create_cohort", `{"name":"Recent","query":"SELECT DISTINCT person_id FROM events WHERE timestamp > now() - INTERVAL 3 DAY LIMIT 20;"}`)
	require.Equal(t, "static", made.Fields["type"])
	read = d.OK(t, "get_cohorts", fmt.Sprintf(`{"id":%v}`, made.Fields["id"]))
	require.InDelta(t, 20, read.Rows[0][3], 0)
}

func TestCreateCohortFails(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	before := len(d.OK(t, "get_cohorts", `{}`).Rows)
	d.Refused(t, driver.KindInvalid, "exactly one", "create_cohort", `{"name":"x"}`)
	d.Refused(t, driver.KindInvalid, "exactly one", "create_cohort", `{"name":"x","where":["plan=pro"],"query":"SELECT person_id FROM events"}`)
	d.Refused(t, driver.KindInvalid, "plan==pro", "create_cohort", `{"name":"x","where":["plan==pro"]}`)
	d.Refused(t, driver.KindInvalid, "user-1", "create_cohort", `{"name":"x","person_ids":["user-1"]}`)
	d.Refused(t, driver.KindInvalid, "person_id", "create_cohort", `{"name":"x","query":"SELECT session_id FROM sessions"}`)
	d.Refused(t, driver.KindInvalid, "line 1", "create_cohort", `{"name":"x","query":"SELEC person_id FROM events"}`)
	d.Refused(t, driver.KindInvalid, "sometimes", "create_cohort", `{"name":"x","where":["plan=pro"],"match":"sometimes"}`)
	d.WithoutScopes(t, "cohort:write", []string{"cohort:read"}, "create_cohort", `{"name":"x","where":["plan=pro"]}`)
	require.Len(t, d.OK(t, "get_cohorts", `{}`).Rows, before)
}
