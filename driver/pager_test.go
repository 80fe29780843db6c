package driver

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

type item struct {
	ID int `json:"id"`
}

// lister serves total items in the limit/offset form. Its next links name
// another host, as behind a proxy.
func lister(total int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		if limit == 0 {
			limit = 100
		}
		offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		page := map[string]any{"count": total, "next": nil, "previous": nil}
		items := []item{}
		for i := offset; i < min(offset+limit, total); i++ {
			items = append(items, item{i})
		}
		page["results"] = items
		if offset+limit < total {
			page["next"] = fmt.Sprintf("http://internal.evil:9/elsewhere/?limit=%d&offset=%d", limit, offset+limit)
		}
		_ = json.NewEncoder(w).Encode(page)
	}
}

func TestPaginate(t *testing.T) {
	t.Parallel()
	cases := []struct{ total, limit, want, requests int }{
		{0, 0, 0, 1},
		{5, 0, 5, 1},
		{250, 0, 250, 3},
		{250, 7, 7, 1},
		{250, 150, 150, 2},
		{100, 100, 100, 1},
	}
	for _, tc := range cases {
		t.Run(fmt.Sprint(tc), func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, lister(tc.total))
			c := clientFor(t, s.URL)
			n := 0
			r := readRequest()
			r.query = map[string][]string{"search": {"x"}}
			for it, err := range paginate[item](t.Context(), c, r, tc.limit) {
				require.NoError(t, err)
				require.Equal(t, n, it.ID)
				n++
			}
			require.Equal(t, tc.want, n)
			require.Equal(t, tc.requests, s.count())
			for _, got := range s.requests {
				require.Equal(t, "/api/projects/7/cohorts/", got.URL.Path)
			}
			require.Equal(t, []string{"x"}, r.query["search"], "the caller's query is not touched")
			require.NotContains(t, r.query, "limit")
		})
	}
}

func TestPaginateStopsWhenTheConsumerDoes(t *testing.T) {
	t.Parallel()
	s := newScripted(t, lister(1000))
	c := clientFor(t, s.URL)
	for it, err := range paginate[item](t.Context(), c, readRequest(), 0) {
		require.NoError(t, err)
		if it.ID == 10 {
			break
		}
	}
	require.Equal(t, 1, s.count())
}

func TestPaginateEndsWithAnError(t *testing.T) {
	t.Parallel()
	first := `{"next":"http://x/?offset=1","results":[{"id":0}]}`
	cases := map[string]struct {
		second http.HandlerFunc
		items  int
		kind   Kind
	}{
		"failure":    {reply(403, `{}`), 1, KindForbidden},
		"same again": {reply(200, first), 2, ""},
		"odd next":   {reply(200, `{"next":"http://x/?%zz","results":[{"id":1}]}`), 2, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, reply(200, first), tc.second)
			c := clientFor(t, s.URL)
			items, kind := 0, Kind("")
			for _, err := range paginate[item](t.Context(), c, readRequest(), 0) {
				if err != nil {
					kind = KindOf(err)
					continue
				}
				items++
			}
			require.Equal(t, tc.items, items)
			require.Equal(t, tc.kind, kind)
		})
	}
}

func TestPaginateIsBounded(t *testing.T) {
	t.Parallel()
	n := 0
	c := clientFor(t, "us", func(cfg *Config) {
		cfg.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
			n++
			return response(200, fmt.Sprintf(`{"next":"?offset=%d","results":[]}`, n)), nil
		})
		cfg.Quota.Windows = mustWindows(t, "none")
	})
	var last error
	for _, err := range paginate[item](t.Context(), c, readRequest(), 0) {
		last = err
	}
	require.ErrorIs(t, last, KindTooLarge)
	require.Equal(t, maxPages, n)
}

func TestCursor(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"https://h/api/x/?limit=2&offset=4": "limit=2&offset=4",
		"http://evil/?cursor=cD0x%3D":       "cursor=cD0x%3D",
		"https://h/x/":                      "",
		"https://h/x/?a=1#frag":             "a=1",
		"":                                  "",
	}
	for next, want := range cases {
		require.Equal(t, want, nextCursor(next))
	}
	r, err := withCursor(readRequest(), "offset=4&limit=2")
	require.NoError(t, err)
	require.Equal(t, "4", r.query.Get("offset"))
	for _, bad := range []string{"", "%zz", "a;b"} {
		_, err := withCursor(readRequest(), bad)
		require.ErrorIs(t, err, KindInvalid, bad)
	}
}

func TestListPage(t *testing.T) {
	t.Parallel()
	s := newScripted(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"next":"https://h/?offset=1","results":[{"id":3}]}`)
	})
	c := clientFor(t, s.URL)
	page, err := listPage[item](t.Context(), c, readRequest())
	require.NoError(t, err)
	require.Equal(t, Page[item]{Results: []item{{3}}, Next: "offset=1"}, page)
}
