package data

import (
	"crypto/sha1" //nolint:gosec // PostHog's rollout hash is SHA-1; nothing secret hangs on it.
	"encoding/binary"
	"math"
)

// RolloutHash places a distinct id in [0, 1] for a flag, as PostHog does: the
// first 60 bits of SHA-1 over "key.distinct_id" and the salt, divided by
// 2^60-1. The salt is empty for the rollout percentage and "variant" for the
// choice of variant.
func RolloutHash(flagKey, distinctID, salt string) float64 {
	sum := sha1.Sum([]byte(flagKey + "." + distinctID + salt)) //nolint:gosec // see the import.
	const bits = 60
	return float64(binary.BigEndian.Uint64(sum[:8])>>(64-bits)) / float64(uint64(math.MaxUint64)>>(64-bits))
}

// VariantFor gives the variant that a distinct id falls into, or "" when the
// flag has no variants or they do not reach 100 %.
func (f *FeatureFlag) VariantFor(distinctID string) string {
	if f.Filters.Multivariate == nil {
		return ""
	}
	at, low := RolloutHash(f.Key, distinctID, "variant"), 0.0
	for _, v := range f.Filters.Multivariate.Variants {
		high := low + v.RolloutPercentage/100
		if at >= low && at < high {
			return v.Key
		}
		low = high
	}
	return ""
}
