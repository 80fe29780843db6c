package quota

import "time"

// ring is a growing queue of times, oldest first. Stamps arrive nearly in
// order, so inserting moves few.
type ring struct {
	buf  []time.Duration
	head int
	n    int
}

func (r *ring) len() int { return r.n }

func (r *ring) at(i int) time.Duration { return r.buf[(r.head+i)%len(r.buf)] }

func (r *ring) set(i int, t time.Duration) { r.buf[(r.head+i)%len(r.buf)] = t }

func (r *ring) pop() {
	r.head = (r.head + 1) % len(r.buf)
	r.n--
}

func (r *ring) insert(t time.Duration) {
	if r.n == len(r.buf) {
		bigger := make([]time.Duration, max(16, 2*len(r.buf)))
		for i := range r.n {
			bigger[i] = r.at(i)
		}
		r.buf, r.head = bigger, 0
	}
	r.n++
	i := r.n - 1
	for ; i > 0 && r.at(i-1) > t; i-- {
		r.set(i, r.at(i-1))
	}
	r.set(i, t)
}
