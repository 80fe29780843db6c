package tools

import (
	"fmt"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver"
)

// maxNotice bounds one notice in characters.
const maxNotice = 200

// notices says what the model must know of how an answer came about, and
// nothing on an ordinary day.
func notices(_ *driver.Client, _ driver.Class, data driver.TraceData) []string {
	var list []string
	if data.Stale {
		list = append(list, fmt.Sprintf(
			"PostHog did not answer; this is an earlier answer, %s old.", age(data.Age)))
	} else if data.Age >= time.Minute {
		list = append(list, fmt.Sprintf("Cached answer, %s old.", age(data.Age)))
	}
	return list
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
