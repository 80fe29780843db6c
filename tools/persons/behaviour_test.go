package persons

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/tools/toolstest/demotest"
)

func TestGetPersons(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	first := d.OK(t, "get_persons", `{"limit":5,"fields":["email","plan"]}`)
	require.Equal(t, []string{"person_id", "distinct_id", "created", "email", "plan"}, first.Columns)
	require.Len(t, first.Rows, 5)
	require.Equal(t, true, first.Fields["has_more"])

	pro := d.OK(t, "get_persons", `{"where":["plan=pro"],"fields":["plan"],"limit":500}`)
	require.NotEmpty(t, pro.Rows)
	for _, row := range pro.Rows {
		require.Equal(t, "pro", row[3])
	}
	mail := d.OK(t, "get_persons", `{"where":["email"],"limit":1}`).Rows[0][3]
	one := d.OK(t, "get_persons", fmt.Sprintf(`{"search":%q}`, mail))
	require.Len(t, one.Rows, 1)
	require.Equal(t, mail, one.Rows[0][3])
	require.Len(t, d.OK(t, "get_persons", `{"cohort":1,"limit":3}`).Rows, 3)
}

func TestGetPersonsPagesToTheEnd(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	seen := map[any]bool{}
	cursor := ""
	for range 20 {
		page := d.OK(t, "get_persons", fmt.Sprintf(`{"limit":60,"fields":[],"cursor":%q}`, cursor))
		for _, row := range page.Rows {
			require.False(t, seen[row[0]], "%v twice", row[0])
			seen[row[0]] = true
		}
		if cursor = page.Cursor; cursor == "" {
			break
		}
	}
	require.Len(t, seen, len(d.PostHog.Store().Snapshot().Persons))
}

func TestGetPersonsFails(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	d.Refused(t, driver.KindNotFound, "cohort 987654", "get_persons", `{"cohort":987654}`)
	d.Refused(t, driver.KindInvalid, "cohort", "get_persons", `{"cohort":1,"where":["plan=pro"]}`)
	d.Refused(t, driver.KindInvalid, "plan==pro", "get_persons", `{"where":["plan==pro"]}`)
	d.Refused(t, driver.KindInvalid, "cursor", "get_persons", `{"cursor":"abc"}`)
	d.Refused(t, driver.KindInvalid, "limit", "get_persons", `{"limit":501}`)
	d.Refused(t, driver.KindInvalid, "email", "get_persons", `{"email":"a@b.c"}`)
	d.WithoutScopes(t, "person:read", []string{"cohort:read"}, "get_persons", `{}`)
	d.SurvivesFault(t, "/api/projects/*/persons/", "get_persons", `{}`)
}

func TestGetPersonsByPersonID(t *testing.T) {
	t.Parallel()
	d := demotest.Start(t, Tools())
	id := d.OK(t, "get_persons", `{"limit":1}`).Rows[0][0]
	a := d.OK(t, "get_persons", fmt.Sprintf(`{"search":%q}`, id))
	require.Empty(t, a.Rows)
	require.Contains(t, a.Text, "use query")
	require.NotContains(t, d.OK(t, "get_persons", `{"search":"nobody like it"}`).Text, "notice")
}

func TestDistinctID(t *testing.T) {
	t.Parallel()
	const browser = "018f2b6e-7c3a-7000-8000-000000000001"
	for want, ids := range map[string][]string{
		"":                {},
		"user-1":          {"user-1"},
		"user-1 (+1)":     {browser, "user-1"},
		browser + " (+1)": {browser, "018f2b6e-7c3a-7000-8000-000000000002"},
	} {
		require.Equal(t, want, distinctID(ids))
	}
}
