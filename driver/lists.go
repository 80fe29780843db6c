package driver

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"strconv"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

const (
	defaultPageRows = 50
	maxPageRows     = 500
)

// listOf gets one page of a limit/offset list of project objects. The cursor
// is the one of the page before and stands for the filters too.
func listOf[T any](ctx context.Context, c *Client, op, path string, q url.Values, limit int, cursor string) (Page[T], error) {
	if limit < 0 || limit > maxPageRows {
		return Page[T]{}, invalid(op, "limit", fmt.Sprintf("limit %d", limit),
			fmt.Sprintf("Give a limit between 1 and %d and page with the cursor.", maxPageRows))
	}
	if limit == 0 {
		limit = defaultPageRows
	}
	q = maps.Clone(q)
	if q == nil {
		q = url.Values{}
	}
	q.Set("limit", strconv.Itoa(limit))
	r := request{
		op: op, class: ClassRead, bucket: quota.BucketStandard,
		method: "GET", path: path, query: q, idempotent: true,
	}
	if cursor != "" {
		var err error
		if r, err = withCursor(r, cursor); err != nil {
			return Page[T]{}, err
		}
	}
	return listPage[T](ctx, c, r)
}
