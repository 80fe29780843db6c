package posthogtest

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const defaultPageSize = 100

// listBody is the limit/offset envelope of most lists.
type listBody[T any] struct {
	Count    *int    `json:"count,omitempty"`
	Next     *string `json:"next"`
	Previous *string `json:"previous"`
	Results  []T     `json:"results"`
}

// page cuts one page of a list with a count.
func page[T any](c *call, site string, all []T) (*reply, error) {
	limit, offset := c.intParam("limit", 1, defaultPageSize), c.intParam("offset", 0, 0)
	count := len(all)
	body := listBody[T]{Count: &count, Results: cut(all, offset, limit)}
	if offset+limit < count {
		body.Next = c.pageURL(site, limit, offset+limit)
	}
	body.Previous = c.previous(site, limit, offset)
	return ok(body)
}

// pageWithoutCount cuts one page of persons: there is a next page whenever
// this one is full, so the last page may be empty.
func pageWithoutCount[T any](c *call, site string, all []T) listBody[T] {
	limit, offset := c.intParam("limit", 1, defaultPageSize), c.intParam("offset", 0, 0)
	body := listBody[T]{Results: cut(all, offset, limit), Previous: c.previous(site, limit, offset)}
	if len(body.Results) == limit {
		body.Next = c.pageURL(site, limit, offset+limit)
	}
	return body
}

func cut[T any](all []T, offset, limit int) []T {
	from := min(offset, len(all))
	out := all[from:min(from+limit, len(all))]
	if out == nil {
		return []T{}
	}
	return out
}

func (c *call) previous(site string, limit, offset int) *string {
	if offset <= 0 {
		return nil
	}
	return c.pageURL(site, limit, offset-limit)
}

// pageURL is the absolute URL of another page. The first page has no offset.
func (c *call) pageURL(site string, limit, offset int) *string {
	q := url.Values(maps.Clone(map[string][]string(c.query)))
	q.Set("limit", strconv.Itoa(limit))
	q.Del("offset")
	if offset > 0 {
		q.Set("offset", strconv.Itoa(offset))
	}
	u := site + c.r.URL.Path + "?" + q.Encode()
	return &u
}

// contains reports whether any text holds the search term, without regard to
// case; an empty term matches everything.
func contains(term string, texts ...string) bool {
	if term == "" {
		return true
	}
	term = strings.ToLower(term)
	return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(strings.ToLower(t), term) })
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func filter[T any](all []T, keep func(T) bool) []T {
	out := make([]T, 0, len(all))
	for _, v := range all {
		if keep(v) {
			out = append(out, v)
		}
	}
	return out
}
