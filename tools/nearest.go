package tools

import (
	"cmp"
	"slices"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver"
)

// Nearest gives up to n of the known names, the most similar to name first. A
// name that shares too little with it is left out: a far-fetched suggestion
// sends a model astray.
func Nearest(name string, known []string, n int) []string {
	type scored struct {
		name string
		far  int
	}
	list := make([]scored, len(known))
	for i, k := range known {
		list[i] = scored{k, distance(name, k)}
	}
	slices.SortStableFunc(list, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.name, b.name))
	})
	out := make([]string, 0, n)
	for _, s := range list[:min(n, len(list))] {
		if s.far <= max(2, min(len(name), len(s.name))/2) {
			out = append(out, s.name)
		}
	}
	return out
}

// nearestIs is a clause that names the nearest of the known names, "" when
// none is near.
func nearestIs(name string, known []string) string {
	if near := Nearest(name, known, 1); len(near) > 0 {
		return "; nearest is " + near[0]
	}
	return ""
}

// distance is the number of edits between two names, spelling style apart; a
// name that contains the other, or has the same words in another order, is near.
func distance(a, b string) int {
	a, b = fold(a), fold(b)
	if len(a) > 100 || len(b) > 100 {
		a, b = a[:min(len(a), 100)], b[:min(len(b), 100)]
	}
	d := edits(a, b)
	if a != "" && b != "" && (strings.Contains(a, b) || strings.Contains(b, a)) {
		d = min(d, 2)
	}
	wa, wb := strings.Fields(a), strings.Fields(b)
	slices.Sort(wa)
	slices.Sort(wb)
	return min(d, edits(strings.Join(wa, " "), strings.Join(wb, " "))+1)
}

// fold makes eventName, event-name and event_name equal.
func fold(s string) string {
	var b strings.Builder
	lower := false
	for _, r := range s {
		switch {
		case r == '_' || r == '-' || r == '.' || r == '$' || r == ' ':
			b.WriteByte(' ')
			lower = false
			continue
		case 'A' <= r && r <= 'Z':
			if lower {
				b.WriteByte(' ')
			}
			lower = false
			r += 'a' - 'A'
		default:
			lower = true
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// edits is Levenshtein's distance in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost++
			}
			prev = row[j+1]
			row[j+1] = min(cost, prev+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// NotFound is the error for a name that PostHog does not know: what is "event",
// "cohort" and the like, known the valid names, next the call that lists them.
func NotFound(op, what, name string, known []string, next string) error {
	hint := next
	if near := Nearest(name, known, 3); len(near) > 0 {
		hint = "Nearest: " + strings.Join(near, ", ") + ". " + next
	}
	return &driver.Error{
		Op: op, Kind: driver.KindNotFound, Attr: what,
		Detail: "there is no " + what + " \"" + name + "\"", Hint: strings.TrimSpace(hint),
	}
}
