package stats

import (
	"slices"
	"time"
)

// walk is how far one person came, and the seconds that each further step
// took.
type walk struct {
	steps int
	times []float64
	value string
}

// walkOne finds the furthest walk of one person. Hits are sorted by time.
func walkOne(order string, hits []hit, steps int, window time.Duration) walk {
	if order == "unordered" {
		return walkUnordered(hits, steps, window)
	}
	return walkInOrder(hits, steps, window, order == "strict")
}

// entry is a way into a step: when its first step was, and when each so far.
// Used are the hits that it stands on.
type entry struct {
	times []time.Time
	used  []int
}

// walkInOrder keeps, for each step, the way into it that began last: that one
// has the most of its window left. The first way to the furthest step is the
// person's walk.
//
// Hits of the same moment may have happened in any order, so all their steps
// are tried in ascending order, each hit at most once in a way. In a strict
// funnel a hit ends the ways into the steps that it does not match (so the
// step somebody is at may be repeated), except among hits of the same moment.
func walkInOrder(hits []hit, steps int, window time.Duration, strict bool) walk {
	ways := make([]*entry, steps+1)
	var furthest *entry
	reach := func(step, index int) {
		at := hits[index].at
		from := &entry{}
		if step > 1 {
			if from = ways[step-1]; from == nil || at.Sub(from.times[0]) > window || slices.Contains(from.used, index) {
				return
			}
			if now := ways[step]; now != nil && now.times[0].Equal(from.times[0]) {
				return // there already, and sooner
			}
		}
		ways[step] = &entry{times: append(slices.Clip(from.times), at), used: append(slices.Clip(from.used), index)}
		if furthest == nil || step > len(furthest.times) {
			furthest = ways[step]
		}
	}
	for low := 0; low < len(hits) && ways[steps] == nil; {
		high := low + 1
		for high < len(hits) && hits[high].at.Equal(hits[low].at) {
			high++
		}
		if sameSteps(hits[low:high]) {
			for i := low; i < high; i++ {
				for _, step := range slices.Backward(hits[i].steps) {
					reach(step, i)
				}
				if strict {
					for step := 1; step <= steps; step++ {
						if !slices.Contains(hits[i].steps, step) {
							ways[step] = nil
						}
					}
				}
			}
		} else {
			for step := 1; step <= steps; step++ {
				for i := low; i < high; i++ {
					if slices.Contains(hits[i].steps, step) {
						reach(step, i)
					}
				}
			}
		}
		low = high
	}
	if furthest == nil {
		return walk{}
	}
	return walk{steps: len(furthest.times), times: gaps(furthest.times)}
}

func sameSteps(hits []hit) bool {
	for i := range hits[1:] {
		if !slices.Equal(hits[i].steps, hits[i+1].steps) {
			return false
		}
	}
	return true
}

func gaps(times []time.Time) []float64 {
	list := make([]float64, 0, len(times))
	for i := 1; i < len(times); i++ {
		list = append(list, times[i].Sub(times[i-1]).Seconds())
	}
	return list
}

// walkUnordered slides the window over the hits and takes the first moment
// with the most different steps in it. A hit counts for one step only: the one
// whose last hit is the longest ago.
func walkUnordered(hits []hit, steps int, window time.Duration) walk {
	byStep := make([][]time.Time, steps)
	var best []time.Time
	for _, h := range hits {
		if len(h.steps) == 0 {
			continue
		}
		step := slices.MinFunc(h.steps, func(a, b int) int { return last(byStep[a-1]).Compare(last(byStep[b-1])) }) - 1
		byStep[step] = append(byStep[step], h.at)
		var firsts []time.Time
		for i := range byStep {
			for len(byStep[i]) > 0 && h.at.Sub(byStep[i][0]) > window {
				byStep[i] = byStep[i][1:]
			}
			if len(byStep[i]) > 0 {
				firsts = append(firsts, byStep[i][0])
			}
		}
		if len(firsts) > len(best) {
			best = firsts
		}
	}
	slices.SortFunc(best, time.Time.Compare)
	return walk{steps: len(best), times: gaps(best)}
}

func last(times []time.Time) time.Time {
	if len(times) == 0 {
		return time.Time{}
	}
	return times[len(times)-1]
}
