package quota

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Withdraw leaves the queue of processes.
func (s *shared) Withdraw(ctx context.Context, waiter int64) error {
	if waiter == courteous || s.isAway() {
		return nil
	}
	return s.back.Withdraw(ctx, waiter)
}

// settle ends a slot in the store. What it does not hear of now, it learns
// when it is back, or the lease ends there.
func (s *shared) settle(ctx context.Context, t Ticket, there func(Ticket) error) {
	s.mu.Lock()
	id, ok := s.remote[t.ID]
	delete(s.remote, t.ID)
	ok = ok && !s.away
	s.mu.Unlock()
	if !ok {
		return
	}
	if err := there(Ticket{Windows: t.Windows, ID: id}); err != nil {
		s.failed(ctx, err)
	}
}

// Stamp turns a reserved slot into a counted request.
func (s *shared) Stamp(ctx context.Context, t Ticket, age time.Duration) error {
	at := s.local.stampAt(t, age)
	s.mu.Lock()
	_, known := s.remote[t.ID]
	if !known {
		s.unsent = append(s.unsent, unsent{t.Windows, at})
	}
	away := s.away
	s.mu.Unlock()
	switch {
	case known:
		s.settle(ctx, t, func(t Ticket) error { return s.back.Stamp(ctx, t, age) })
	case !away: // it came back while the request was under way
		s.sendNews(ctx)
	}
	return nil
}

// sendNews brings the requests that the store has not heard of.
func (s *shared) sendNews(ctx context.Context) {
	s.mu.Lock()
	news := s.unsent
	s.unsent = nil
	s.mu.Unlock()
	if err := s.pushAll(ctx, s.local.pasts(news)); err != nil && !errors.Is(err, errReset) {
		s.mu.Lock()
		s.unsent = append(news, s.unsent...)
		s.mu.Unlock()
		s.failed(ctx, err)
	}
}

// Release gives a reserved slot back.
func (s *shared) Release(ctx context.Context, t Ticket) error {
	err := s.local.Release(ctx, t)
	s.settle(ctx, t, func(t Ticket) error { return s.back.Release(ctx, t) })
	return err
}

// Refuse ends a slot with a 429.
func (s *shared) Refuse(ctx context.Context, r Refusal) error {
	here := r
	here.Phantoms, here.Limit = 0, 0 // strangers are counted there, with everybody's requests
	if s.isAway() {
		here.Phantoms, here.Limit = r.Phantoms, r.Limit
	}
	err := s.local.Refuse(ctx, here)
	s.settle(ctx, r.Ticket, func(t Ticket) error {
		r.Ticket = t
		return s.back.Refuse(ctx, r)
	})
	return err
}

// Usage describes the windows: everybody's use while the store is there, this
// process's use of its share while it is not.
func (s *shared) Usage(ctx context.Context, windows []Window) ([]Usage, error) {
	if s.usable(ctx) {
		all, err := s.back.Usage(ctx, windows)
		if err == nil {
			s.worked()
			mine, _ := s.local.Usage(ctx, windows) // memory has no errors
			for i := range all {
				all[i].Mine = mine[i].Mine
			}
			return all, nil
		}
		if spent := spent(ctx); spent != nil {
			return nil, spent
		}
		s.failed(ctx, err)
	}
	return s.local.Usage(ctx, s.share(windows))
}

// TakeSlot takes a place; errStoreAway while the store is away.
func (s *shared) TakeSlot(ctx context.Context, name string, limit int, lease time.Duration) (id int64, ok bool, wait time.Duration, err error) {
	if !s.usable(ctx) {
		return 0, false, 0, errStoreAway
	}
	id, ok, wait, err = s.back.TakeSlot(ctx, name, limit, lease)
	if err != nil && spent(ctx) == nil {
		s.failed(ctx, err)
		err = fmt.Errorf("%w: %w", errStoreAway, err)
	}
	return id, ok, wait, err
}

// RenewSlot holds a place for longer.
func (s *shared) RenewSlot(ctx context.Context, name string, id int64, lease time.Duration) error {
	if s.isAway() {
		return errStoreAway
	}
	return s.back.RenewSlot(ctx, name, id, lease)
}

// FreeSlot gives a place back.
func (s *shared) FreeSlot(ctx context.Context, name string, id int64) error {
	if s.isAway() {
		return errStoreAway
	}
	return s.back.FreeSlot(ctx, name, id)
}
