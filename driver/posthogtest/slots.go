package posthogtest

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Waiting for a slot, as PostHog's limiter waits: the first poll after 134 ms,
// each further one 1.5 times later up to 1.714 s, for 30 s in all.
const (
	slotFirstPoll = 134 * time.Millisecond
	slotLastPoll  = 1714 * time.Millisecond
	slotPatience  = 30 * time.Second
)

// slots is the concurrency limit of API queries in one project.
type slots struct {
	mu            sync.Mutex
	limit         int
	running, peak int
}

func (l *slots) try() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running >= l.limit {
		return false
	}
	l.running++
	l.peak = max(l.peak, l.running)
	return true
}

func (l *slots) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
}

// acquire polls for a slot. Its refusal is a 429 without a wait, so without
// Retry-After.
func (l *slots) acquire(ctx context.Context, project int64, task string) error {
	poll, waited := slotFirstPoll, time.Duration(0)
	for !l.try() {
		if waited >= slotPatience {
			return throttled(fmt.Sprintf("Exceeded maximum concurrency limit: %d for key: api:query:per-team:%d and task: %s", l.limit, project, task))
		}
		t := time.NewTimer(poll)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		}
		waited += poll
		poll = min(poll*3/2, slotLastPoll)
	}
	return nil
}

// PeakQueries is the largest number of queries that ran at once so far.
func (s *Server) PeakQueries() int {
	s.slots.mu.Lock()
	defer s.slots.mu.Unlock()
	return s.slots.peak
}
