package driver

import (
	"context"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// runNode runs one query node (FunnelsQuery, TrendsQuery and the like; HogQL
// has [Client.Query]) and decodes its answer into out.
func (c *Client) runNode(ctx context.Context, op string, node any, refresh string, out any) error {
	return c.do(ctx, nodeRequest(op, node, refresh), out)
}

// runNodeAsync is runNode for nodes that take long: PostHog computes in the
// background, see [Client.sendInBackground].
func (c *Client) runNodeAsync(ctx context.Context, op string, node any, refresh string, out any) error {
	r := nodeRequest(op, node, refresh)
	r.background = true
	return c.do(ctx, r, out)
}

func nodeRequest(op string, node any, refresh string) request {
	return request{
		op: op, class: ClassQuery, bucket: quota.BucketQueries,
		method: "POST", path: nodePath, idempotent: true,
		body: map[string]any{"query": node, "refresh": refresh, "name": "posthog-mcp " + op},
	}
}
