package driver

import (
	"fmt"
	"strings"
)

// conclude says in plain words what the figures of a metric allow to say, and
// no more: without significance nobody has won.
func conclude(m MetricResult) string {
	var winners, losers, open []string
	var problems []string
	total := int64(0)
	for _, v := range m.Variants {
		total += v.Samples
		for _, p := range v.Problems {
			problems = append(problems, v.Key+": "+p)
		}
		if v.Baseline {
			continue
		}
		text := v.Key + " " + figures(v)
		switch {
		case v.Significant == nil || !*v.Significant || v.Delta == nil:
			open = append(open, text)
		case *v.Delta > 0:
			winners = append(winners, text)
		default:
			losers = append(losers, text)
		}
	}
	var b strings.Builder
	add := func(lead string, list []string) {
		if len(list) == 0 {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(lead + strings.Join(list, "; ") + ".")
	}
	add("Significantly higher than the baseline: ", winners)
	add("Significantly lower than the baseline: ", losers)
	if len(winners)+len(losers) == 0 {
		add("No significant difference yet: ", open)
	} else {
		add("Not significant: ", open)
	}
	add("Not reliable yet: ", problems)
	if m.Goal == "decrease" {
		b.WriteString(" Lower is better for this metric.")
	}
	fmt.Fprintf(&b, " %d people exposed in all.", total)
	return strings.TrimSpace(b.String())
}

// figures puts a variant's evidence into brackets.
func figures(v VariantResult) string {
	var parts []string
	if v.Delta != nil {
		parts = append(parts, fmt.Sprintf("%+.1f %%", *v.Delta*100))
	}
	switch {
	case v.ChanceToWin != nil:
		parts = append(parts, fmt.Sprintf("%.1f %% chance to win", *v.ChanceToWin*100))
	case v.PValue != nil:
		parts = append(parts, fmt.Sprintf("p = %.3g", *v.PValue))
	}
	if v.Interval != nil {
		parts = append(parts, fmt.Sprintf("interval %+.1f to %+.1f %%", v.Interval[0]*100, v.Interval[1]*100))
	}
	parts = append(parts, fmt.Sprintf("%d people", v.Samples))
	return "(" + strings.Join(parts, ", ") + ")"
}
