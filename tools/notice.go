package tools

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
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
	last    atomic.Pointer[glance]
	looking sync.Mutex
}

type glance struct {
	of     *driver.Client
	at     time.Time
	status driver.Status
}

// look gives a status that is at most watchFor old, or a little older while
// another call is looking: nobody waits for a notice.
func (w *watch) look(ph *driver.Client) driver.Status {
	last := w.last.Load()
	known := last != nil && last.of == ph && last.status.ProjectID != 0
	if known && time.Since(last.at) <= watchFor {
		return last.status
	}
	if !w.looking.TryLock() {
		if known {
			return last.status
		}
		return ph.Status()
	}
	defer w.looking.Unlock()
	now := &glance{of: ph, at: time.Now(), status: ph.Status()}
	w.last.Store(now)
	return now.status
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
