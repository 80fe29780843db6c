package capture

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkAdd measures the way to the disk: nothing is sent meanwhile.
func BenchmarkAdd(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("%d events", n), func(b *testing.B) {
			r := &receiver{}
			o := open(b, r, func(c *Config) { c.Linger, c.BatchEvents, c.BatchBytes, c.MaxBytes = time.Hour, 1<<30, 1<<40, 1<<40 })
			for b.Loop() {
				b.StopTimer()
				batch := make([]Event, n)
				for i := range batch {
					batch[i] = sized(i, 200)
				}
				b.StartTimer()
				require.NoError(b, o.Add(context.Background(), here(), batch...))
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkAddAndAwait measures what a capture call costs over a PostHog that
// answers at once.
func BenchmarkAddAndAwait(b *testing.B) {
	o := open(b, &receiver{})
	for b.Loop() {
		ev := sized(1, 200)
		require.NoError(b, o.Add(context.Background(), here(), ev))
		fates, err := o.Await(context.Background(), here(), []string{ev.UUID})
		require.NoError(b, err)
		require.Equal(b, Accepted, fates[0].State)
	}
}
