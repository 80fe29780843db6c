package stats

import (
	"cmp"
	"math"
)

// sample is what one variant's people did: how many people, the sum of their
// values and of the squares.
type sample struct {
	n          int
	sum        float64
	sumSquares float64
}

func (s *sample) add(value float64) {
	s.n++
	s.sum += value
	s.sumSquares += value * value
}

func (s *sample) mean() float64 { return s.sum / float64(s.n) }

// variance of one person's value: p(1-p) for a share, the sample variance for
// a mean.
func (s *sample) variance(share bool) float64 {
	if share {
		p := s.mean()
		return p * (1 - p)
	}
	return (s.sumSquares - s.sum*s.sum/float64(s.n)) / float64(s.n-1)
}

// verdict compares a variant with the control.
type verdict struct {
	chanceToWin float64
	low, high   float64 // 95 % credible interval of the relative difference
}

// compare gives the posterior of the relative difference (test-control) over
// control with a flat prior: normal, its variance by the delta method, as
// PostHog's Bayesian engine has it.
func compare(control, test *sample, share bool) verdict {
	c, t := control.mean(), test.mean()
	effect := (t - c) / c
	variance := test.variance(share)/(float64(test.n)*c*c) + control.variance(share)*t*t/(float64(control.n)*c*c*c*c)
	deviation := math.Sqrt(variance)
	if deviation == 0 { // everyone did the same: what was seen is certain
		return verdict{chanceToWin: 0.5 + 0.5*float64(cmp.Compare(effect, 0)), low: effect, high: effect}
	}
	const z95 = 1.959963984540054
	return verdict{
		chanceToWin: 0.5 * math.Erfc(-effect/(deviation*math.Sqrt2)),
		low:         effect - z95*deviation, high: effect + z95*deviation,
	}
}

// significant is true when the interval leaves out zero.
func (v *verdict) significant() bool { return v.low > 0 || v.high < 0 }

// failures says why two variants cannot be compared yet, in PostHog's codes.
func (s *sample) failures(share, baseline bool) []string {
	list := []string{}
	const fewPeople, fewConversions = 50, 5
	if s.n < fewPeople {
		list = append(list, "not-enough-exposures")
	}
	if share && s.sum < fewConversions {
		list = append(list, "not-enough-metric-data")
	}
	if baseline && s.sum == 0 {
		list = append(list, "baseline-mean-is-zero")
	}
	return list
}
