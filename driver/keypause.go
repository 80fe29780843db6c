package driver

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	pauseAfter = 3                // refusals in a row
	pauseFor   = 60 * time.Second // without asking
	maxPauses  = 256              // remembered; one per key and area, so far more than any client has
)

// pauses stops asking PostHog with a key that it refuses again and again: the
// answer will not change by itself, and a loop of an agent would spend the
// quota on it. A 401 concerns the key as a whole; a 403 what it may not do, so
// only that area of the API rests.
type pauses struct {
	mu   sync.Mutex
	rows map[pauseKey]*refusals
}

type pauseKey struct {
	key    keyID
	method string // "" with area "" for all requests of the key
	area   string
}

// refusals counts those in a row.
type refusals struct {
	n     int
	until time.Time
	last  Error
}

func newPauses() *pauses { return &pauses{rows: make(map[pauseKey]*refusals)} }

func (k *call) pauseKey() pauseKey {
	method := k.method
	if method != http.MethodGet && k.idempotent {
		method = http.MethodGet // a query reads
	}
	return pauseKey{k.owner, method, "/" + areaOf(k.path)}
}

// check refuses at once what was refused three times in a row within the last
// minute.
func (p *pauses) check(k *call) *fault {
	if k.owner == (keyID{}) {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range [...]pauseKey{{key: k.owner}, k.pauseKey()} {
		r := p.rows[key]
		if r == nil || r.n < pauseAfter {
			continue
		}
		left := time.Until(r.until)
		if left <= 0 {
			continue // one more try; a refusal pauses again
		}
		e := r.last
		e.Op, e.RequestID, e.RetryAfter = k.op, k.id, left
		e.Detail = fmt.Sprintf("%s (%d times in a row; not asked again for now)", e.Detail, r.n)
		return &fault{faultLocal, &e}
	}
	return nil
}

// note learns from an attempt's outcome.
func (p *pauses) note(k *call, f *fault) {
	if k.owner == (keyID{}) {
		return
	}
	whole, own := pauseKey{key: k.owner}, k.pauseKey()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case f == nil || f.kind == faultRequest: // PostHog took the key
		if len(p.rows) > 0 {
			delete(p.rows, whole)
			delete(p.rows, own)
		}
	case f.kind == faultAuth && f.err.Kind == KindUnauthenticated:
		p.count(whole, f.err)
	case f.kind == faultAuth:
		delete(p.rows, whole)
		p.count(own, f.err)
	}
}

// count adds a refusal. The lock is held.
func (p *pauses) count(key pauseKey, e *Error) {
	if len(p.rows) >= maxPauses {
		clear(p.rows) // keys come and go in a server of many callers
	}
	r := p.rows[key]
	if r == nil {
		r = &refusals{}
		p.rows[key] = r
	}
	r.n, r.until, r.last = r.n+1, time.Now().Add(pauseFor), *e
}
