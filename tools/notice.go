package tools

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/quota"
)

const (
	maxNotice = 200             // characters of one notice
	watchFor  = 2 * time.Second // how long a look at the quota is good for
)

// watch remembers a client's status for a moment: with a store shared by
// processes a look costs more than most answers.
type watch struct {
	mu     sync.Mutex
	of     *driver.Client
	at     time.Time
	status driver.Status
}

// look gives a status that is at most watchFor old.
func (w *watch) look(ph *driver.Client) driver.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of != ph || time.Since(w.at) > watchFor || w.status.ProjectID == 0 {
		w.of, w.at, w.status = ph, time.Now(), ph.Status()
	}
	return w.status
}

// notices says what the model must know of how an answer came about, and
// nothing on an ordinary day.
func notices(status driver.Status, class driver.Class, did driver.TraceData) []string {
	var list []string
	switch {
	case did.Stale:
		list = append(list, fmt.Sprintf("PostHog did not answer; this is an earlier answer, %s old.", age(did.Age)))
	case did.Age >= time.Minute:
		list = append(list, fmt.Sprintf("Cached answer, %s old.", age(did.Age)))
	}
	if did.Attempts == 0 {
		return list // the call used nothing up
	}
	var worst *quota.WindowStatus
	for i := range status.Windows {
		w := &status.Windows[i]
		if concerns(w.Name, class) && nearlyFull(w) && (worst == nil || used(w) > used(worst)) {
			worst = w
		}
	}
	if worst != nil {
		list = append(list, fmt.Sprintf("%s %d %% used, %d of %d left, all back in %d min; combine questions.",
			worst.Name, used(worst), worst.Remaining, worst.Limit, int(worst.FullResetInS+59)/60))
	}
	return list
}

// concerns reports whether a class of requests counts in a window.
func concerns(window string, class driver.Class) bool {
	queries := strings.HasPrefix(window, "api_queries_")
	switch class {
	case driver.ClassQuery:
		return queries
	case driver.ClassRead, driver.ClassWrite:
		return !queries
	case driver.ClassCapture, driver.ClassFlags:
		return false // no window counts them
	default:
		return false
	}
}

func nearlyFull(w *quota.WindowStatus) bool {
	return w.State == quota.StateCritical || w.State == quota.StateExhausted
}

// used gives the share of a window that is taken, in percent.
func used(w *quota.WindowStatus) int {
	if w.Limit == 0 {
		return 0
	}
	return 100 * (w.Limit - w.Remaining) / w.Limit
}

// age writes a duration in its largest sensible unit.
func age(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	default:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
}
