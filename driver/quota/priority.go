package quota

import "context"

// Priority says how much of a window a request may fill, so that background
// work always leaves room for a person's question.
type Priority int

// The priorities. The zero value is the highest.
const (
	Interactive Priority = iota // someone waits for the answer: 100 % of a window
	Background                  // refreshes and subscriptions: 85 %
	Bulk                        // exports and backfills: 60 %
)

type priorityKey struct{}

// WithPriority gives a context whose requests have the priority.
func WithPriority(ctx context.Context, p Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

// PriorityOf gives the priority of ctx, Interactive when none was set.
func PriorityOf(ctx context.Context) Priority {
	p, _ := ctx.Value(priorityKey{}).(Priority)
	return p
}

// Share gives how many of limit slots a request of this priority may see
// taken, itself included; at least one.
func (p Priority) Share(limit int) int {
	percent := 100
	switch p {
	case Background:
		percent = 85
	case Bulk:
		percent = 60
	}
	return max(1, limit*percent/100)
}
