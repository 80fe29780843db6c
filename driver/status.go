package driver

import (
	"fmt"
	"math"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

// StatusSchema is the version of the shape of [Status].
const StatusSchema = 1

// Status is a picture of quota, concurrency, breakers and retry budget at one
// moment. Reading it sends nothing.
type Status struct {
	Schema      int                  `json:"schema"`
	AsOf        time.Time            `json:"as_of"`
	Scope       string               `json:"scope"`                // who shares the windows: "team" is PostHog's word for all keys of a project
	ProjectID   int64                `json:"project_id,omitempty"` // 0 until it is known
	Store       string               `json:"store"`                // of the quota: "memory", "file", "redis"
	Degraded    bool                 `json:"degraded"`             // the store has fallen back to a lesser one
	Windows     []quota.WindowStatus `json:"windows"`
	Concurrency []ConcurrencyStatus  `json:"concurrency"`
	Breakers    []BreakerStatus      `json:"breakers"`
	RetryBudget RetryBudgetStatus    `json:"retry_budget"`
	Last429     Last429              `json:"last_429"`
	Advice      string               `json:"advice"` // one sentence
}

// RetryBudgetStatus is how much retrying is still allowed; a retry costs 5.
// Each host has a budget; the lower one is shown.
type RetryBudgetStatus struct {
	Remaining int `json:"remaining"`
	Capacity  int `json:"capacity"`
}

// Last429 is PostHog's latest refusal for too many requests. All fields are
// null when there was none.
type Last429 struct {
	At          *time.Time `json:"at"`
	Class       *Class     `json:"class"`
	Window      *string    `json:"window"`
	RetryAfterS *float64   `json:"retry_after_s"`
}

// Status gives the present state. It costs no request.
func (c *Client) Status() Status {
	s := Status{
		Schema: StatusSchema, AsOf: time.Now().UTC(), Scope: "team", ProjectID: c.knownProject(),
		RetryBudget: RetryBudgetStatus{Remaining: math.MaxInt, Capacity: c.cfg.Retry.Budget},
		Last429:     c.notify.last(),
	}
	s.Store, s.Degraded = c.quota.StoreName()
	var err error
	if s.Windows, err = c.quota.Snapshot(c.life); err != nil {
		s.Degraded = true
	}
	for _, class := range classes() {
		s.Concurrency = append(s.Concurrency, c.bulkheads[class].status())
		s.Breakers = append(s.Breakers, c.breakers[class].status())
	}
	for _, b := range c.budgets {
		s.RetryBudget.Remaining = min(s.RetryBudget.Remaining, b.remaining())
	}
	s.Advice = s.advise()
	return s
}

// advise says the one thing that matters most now.
func (s Status) advise() string {
	for _, b := range s.Breakers {
		if b.State != gobreaker.StateClosed.String() {
			return fmt.Sprintf("PostHog fails for %s requests; they are held back until a trial succeeds.", b.Class)
		}
	}
	var worst *quota.WindowStatus
	for i := range s.Windows {
		if w := &s.Windows[i]; worst == nil || rank(w.State) > rank(worst.State) {
			worst = w
		}
	}
	if worst != nil {
		switch worst.State {
		case quota.StateExhausted:
			return fmt.Sprintf("%s is used up; the next request fits in %s.", worst.Name, secondsText(worst.NextSlotInS))
		case quota.StateCritical:
			return fmt.Sprintf("%s has %d of %d requests left; ask only what is needed.", worst.Name, worst.Remaining, worst.Limit)
		case quota.StatePacing:
			return fmt.Sprintf("%s fills up fast (%d of %d left); combine questions in broader queries.", worst.Name, worst.Remaining, worst.Limit)
		}
	}
	if s.RetryBudget.Remaining < retryCost {
		return "PostHog has failed often; failures are not retried until some requests succeed."
	}
	return "All limits have room."
}

func rank(s quota.State) int {
	switch s {
	case quota.StatePacing:
		return 1
	case quota.StateCritical:
		return 2
	case quota.StateExhausted:
		return 3
	}
	return 0
}

func secondsText(s float64) string {
	return (time.Duration(math.Ceil(s)) * time.Second).String()
}

// roundSeconds gives seconds with one decimal, rounded up.
func roundSeconds(d time.Duration) float64 { return math.Ceil(d.Seconds()*10) / 10 }
