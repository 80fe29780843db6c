package lab

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"time"
)

// Meter watches what a call costs: the most memory that the process had
// resident, and the goroutines that are left. The laboratory's own servers are
// in the same process and count too.
type Meter struct {
	goroutines int
	baseline   int64
	kernel     bool // the kernel keeps the peak; else it is sampled

	stop    chan struct{}
	running sync.WaitGroup
	sampled int64
}

// NewMeter takes the baseline, after a collection.
func NewMeter() *Meter {
	debug.FreeOSMemory()
	m := &Meter{goroutines: runtime.NumGoroutine(), stop: make(chan struct{})}
	// Writing 5 makes the kernel forget the highest resident size so far.
	if os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil {
		m.baseline, m.kernel = statusBytes("VmRSS"), true
	}
	if m.kernel = m.kernel && m.baseline > 0; m.kernel {
		return m
	}
	m.baseline = heldBytes()
	m.running.Go(m.sample)
	return m
}

// Peak gives how many bytes more than the baseline the process had at most,
// and ends the watch of memory.
func (m *Meter) Peak() int64 {
	if m.kernel {
		return statusBytes("VmHWM") - m.baseline
	}
	close(m.stop)
	m.running.Wait()
	return m.sampled - m.baseline
}

// Settled waits for the goroutines to be as few as at the baseline, and says
// how long that took; false when there are more after the bound.
func (m *Meter) Settled(bound time.Duration) (time.Duration, bool) {
	start := time.Now()
	for runtime.NumGoroutine() > m.goroutines {
		if time.Since(start) > bound {
			return time.Since(start), false
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(start), true
}

func (m *Meter) sample() {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		m.sampled = max(m.sampled, heldBytes())
		select {
		case <-tick.C:
		case <-m.stop:
			return
		}
	}
}

// statusBytes reads a size from the kernel's account of this process; 0 where
// there is none.
func statusBytes(name string) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), name+":")
	var kb int64
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		return 0
	}
	return kb << 10
}

// heldBytes is the memory that the Go runtime holds and has not given back.
func heldBytes() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64()) - int64(s[1].Value.Uint64()) //nolint:gosec // far below 2^63
}
