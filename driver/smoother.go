package driver

import (
	"context"

	"golang.org/x/time/rate"
)

// Smoothing spreads bursts, so that a full window is not spent in one second
// on PostHog's load balancer. It is no quota: the windows are.
type Smoothing struct {
	PerSecond float64 // requests to one host; 0: 20, negative: no smoothing
	Burst     int     // requests that may go at once [14]
}

func (s Smoothing) limiter() *rate.Limiter {
	if s.PerSecond < 0 {
		return rate.NewLimiter(rate.Inf, 1)
	}
	if s.PerSecond == 0 {
		s.PerSecond = 20
	}
	if s.Burst <= 0 {
		// With the 2 that 100 ms add, no more than the bulkhead's 16 meet a
		// PostHog that has just come back.
		s.Burst = 14
	}
	return rate.NewLimiter(rate.Limit(s.PerSecond), s.Burst)
}

// smooth waits for the call's turn on its host. It fails at once when the turn
// comes after the deadline.
func (c *Client) smooth(ctx context.Context, k *call) *fault {
	err := c.smoothers[k.target].Wait(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return k.contextFault(ctx)
	}
	return k.limitedFault("smoothing", "too many requests are waiting for "+k.url.Host, "Send fewer requests at once.", tooManyWait)
}
