package driver

import (
	"context"
	"iter"
	"maps"
	"net/url"
	"strconv"
	"strings"
)

// maxPages bounds how many pages one listing follows. PostHog's default page
// holds 100 objects, so this is far beyond any real project.
const maxPages = 1000

// Page is one page of a list endpoint.
type Page[T any] struct {
	Results []T
	Count   *int   // all objects, where the endpoint says so
	Next    string // opaque cursor of the next page: its query string; "" on the last
}

// envelope is the limit/offset and cursor form of PostHog's lists.
type envelope[T any] struct {
	Count   *int    `json:"count"`
	Next    *string `json:"next"`
	Results []T     `json:"results"`
}

// listPage gets one page. A caller continues with the page's Next as the
// request's query (see [withCursor]).
func listPage[T any](ctx context.Context, c *Client, r request) (Page[T], error) {
	var env envelope[T]
	if err := c.do(ctx, r, &env); err != nil {
		return Page[T]{}, err
	}
	page := Page[T]{Results: env.Results, Count: env.Count}
	if env.Next != nil {
		page.Next = nextCursor(*env.Next)
	}
	return page, nil
}

// nextCursor takes the query string of a next link and drops the rest: behind
// proxies the link may name an internal host, and following it would send the
// key there.
func nextCursor(next string) string {
	_, query, ok := strings.Cut(next, "?")
	if !ok {
		return ""
	}
	query, _, _ = strings.Cut(query, "#")
	values, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	return values.Encode()
}

// withCursor gives the request for the page that cursor names. The request's
// own path, method and host stay; only the query is the cursor's.
func withCursor(r request, cursor string) (request, error) {
	values, err := url.ParseQuery(cursor)
	if err != nil || len(values) == 0 {
		return r, invalid(r.op, "cursor", "the cursor is not one that this program gave out", "Repeat the call without a cursor and use the new one.")
	}
	r.query = values
	return r, nil
}

// paginate gives the objects of a list endpoint in order, at most limit of
// them (0: all), getting pages as they are consumed. It stops at the first
// error, after yielding it.
func paginate[T any](ctx context.Context, c *Client, r request, limit int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		ctx, cancel := c.withTotal(ctx) // of all pages together
		defer cancel()
		if limit > 0 && r.query.Get("limit") == "" {
			r.query = maps.Clone(r.query)
			if r.query == nil {
				r.query = url.Values{}
			}
			r.query.Set("limit", strconv.Itoa(min(limit, 100)))
		}
		seen, last := 0, ""
		for range maxPages {
			page, err := listPage[T](ctx, c, r)
			if err != nil {
				yield(zero, err)
				return
			}
			for _, item := range page.Results {
				if !yield(item, nil) {
					return
				}
				if seen++; limit > 0 && seen >= limit {
					return
				}
			}
			if page.Next == "" || page.Next == last {
				return
			}
			last = page.Next
			if r, err = withCursor(r, page.Next); err != nil {
				yield(zero, err)
				return
			}
		}
		yield(zero, &Error{Op: r.op, Kind: KindTooLarge, Detail: "the list does not end after " + strconv.Itoa(maxPages) + " pages", Hint: "Narrow the list with a filter or a limit."})
	}
}
