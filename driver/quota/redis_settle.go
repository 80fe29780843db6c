package quota

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// ending is what happens to one window's slot.
type ending struct {
	window  Window
	what    string // of the script: stamp, gone, refused, past
	id      string
	age     string
	refusal Refusal
}

func (s *redisStore) endAll(ctx context.Context, epoch string, all []ending) error {
	keys := []string{s.key("clock"), s.key("notes")}
	args := make([]any, 0, 1+11*len(all))
	args = append(args, epoch)
	for _, e := range all {
		keys = s.windowKeys(keys, []Window{e.window})
		learned := 0
		if e.refusal.Learned {
			learned = 1
		}
		args = append(args, e.what, e.id, e.age, micros(e.window.Per), micros(e.refusal.Shut), e.refusal.Phantoms,
			micros(e.refusal.Shut), e.refusal.Limit, learned, micros(e.refusal.For), e.window.Name)
	}
	out, err := s.run(ctx, s.settle, keys, args)
	if err == nil && len(out) == 1 && out[0] == "reset" {
		return errReset
	}
	return err
}

func ticketID(t Ticket) string { return strconv.FormatInt(t.ID, 10) }

func ageText(age time.Duration) string { return strconv.FormatInt(int64(age/time.Microsecond), 10) }

// Stamp turns a reserved slot into a counted request.
func (s *redisStore) Stamp(ctx context.Context, t Ticket, age time.Duration) error {
	all := make([]ending, len(t.Windows))
	for i, w := range t.Windows {
		all[i] = ending{window: w, what: "stamp", id: ticketID(t), age: ageText(age)}
	}
	return s.endAll(ctx, "", all)
}

// Release gives a reserved slot back.
func (s *redisStore) Release(ctx context.Context, t Ticket) error {
	all := make([]ending, len(t.Windows))
	for i, w := range t.Windows {
		all[i] = ending{window: w, what: "gone", id: ticketID(t)}
	}
	return s.endAll(ctx, "", all)
}

// Refuse ends a slot with a 429.
func (s *redisStore) Refuse(ctx context.Context, r Refusal) error {
	all := make([]ending, len(r.Ticket.Windows))
	for i, w := range r.Ticket.Windows {
		all[i] = ending{window: w, what: "stamp", id: ticketID(r.Ticket), age: ageText(r.Age)}
		if w.Name == r.Window.Name {
			all[i].what, all[i].refusal = "refused", r
		}
	}
	return s.endAll(ctx, "", all)
}

// push adds requests that the server does not know. It gives errReset when the
// server's log is another one than this process knew.
func (s *redisStore) push(ctx context.Context, all []past) error {
	s.mu.Lock()
	epoch := s.epoch
	s.mu.Unlock()
	if len(all) == 0 {
		return s.tell(ctx)
	}
	ends := make([]ending, len(all))
	for i, p := range all {
		ages := make([]string, len(p.ages))
		for j, age := range p.ages {
			ages[j] = ageText(age) + ":" + strconv.FormatInt(int64(p.times[j]), 36)
		}
		ends[i] = ending{window: p.window, what: "past", id: s.owner, age: strings.Join(ages, ",")}
	}
	err := s.endAll(ctx, epoch, ends)
	if errors.Is(err, errReset) {
		s.mu.Lock()
		if s.epoch == epoch {
			s.epoch = "" // the next Reserve learns it
		}
		s.mu.Unlock()
	}
	return err
}

// live counts the processes seen lately.
func (s *redisStore) live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(1, s.alive)
}

// tell says that this process lives, and looks whether the log is still there.
func (s *redisStore) tell(ctx context.Context) error {
	s.mu.Lock()
	epoch := s.epoch
	s.mu.Unlock()
	out, err := s.run(ctx, s.beat, []string{s.key("clock"), s.key("alive")}, []any{s.owner, epoch})
	if err != nil {
		return err
	}
	if len(out) != 2 {
		return errors.New("the script's answer is too short")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive = number(out[1])
	if epoch != "" && out[0] != epoch {
		if s.epoch == epoch {
			s.epoch = "" // the next Reserve learns it
		}
		return errReset
	}
	return nil
}

// keepAlive tells it again and again.
func (s *redisStore) keepAlive() {
	tick := time.NewTicker(redisBeat)
	defer tick.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-tick.C:
		}
		if err := s.tell(s.life); errors.Is(err, errReset) {
			s.onReset()
		}
	}
}

// Usage describes the windows.
func (s *redisStore) Usage(ctx context.Context, windows []Window) ([]Usage, error) {
	args := make([]any, 0, 3*len(windows))
	for _, w := range windows {
		args = append(args, w.Name, w.Limit, micros(w.Per))
	}
	out, err := s.run(ctx, s.usage, s.windowKeys([]string{s.key("notes")}, windows), args)
	if err != nil {
		return nil, err
	}
	const fields = 8 + 5 + 12
	if len(out) != fields*len(windows) {
		return nil, errors.New("the script's answer has the wrong length")
	}
	all := make([]Usage, len(windows))
	for i, w := range windows {
		f := out[i*fields : (i+1)*fields]
		u := Usage{
			Limit: number(f[0]), Learned: f[1] == "1", Used: number(f[2]), Own: number(f[3]) - number(f[4]), Reserved: number(f[4]),
			NextSlot: fromMicros(f[5]), FullReset: fromMicros(f[6]), Shut: f[7] == "1",
		}
		u.BurnPerMin, u.ExhaustedIn = forecast(u, w, f[8:13], f[13:])
		all[i] = u
	}
	return all, nil
}

// forecast gives the burn, later minutes weighing more, and when the window is
// full at that burn with the expiries of each twelfth of the window taken off.
func forecast(u Usage, w Window, minutes, ends []string) (burn float64, exhausted time.Duration) {
	weight, sum := 1.0, 0.0
	for _, n := range minutes {
		burn += weight * float64(number(n))
		sum += weight
		weight /= 2
	}
	burn = math.Round(burn/sum*10) / 10
	free := float64(u.Limit - u.Used - u.Reserved)
	switch {
	case free <= 0:
		return burn, 0
	case burn <= 0:
		return burn, -1
	}
	slice := w.Per / time.Duration(len(ends))
	for k, n := range ends {
		end := slice * time.Duration(k+1)
		if full := time.Duration(free / burn * float64(time.Minute)); full <= end {
			return burn, full
		}
		free += float64(number(n))
	}
	return burn, -1
}

// TakeSlot takes a place.
func (s *redisStore) TakeSlot(ctx context.Context, name string, limit int, lease time.Duration) (id int64, ok bool, wait time.Duration, err error) {
	out, err := s.place(ctx, name, "take", limit, lease, 0)
	if err != nil {
		return 0, false, 0, err
	}
	id, err = strconv.ParseInt(out[0], 10, 64)
	return id, err == nil && id > 0, min(fromMicros(out[1]), slotPoll), err
}

func (s *redisStore) place(ctx context.Context, name, what string, limit int, lease time.Duration, id int64) ([]string, error) {
	out, err := s.run(ctx, s.slot, []string{s.key("clock"), s.key("places:" + name)}, []any{what, limit, micros(lease), id})
	if err == nil && len(out) != 2 {
		err = errors.New("the script's answer is too short")
	}
	return out, err
}

// RenewSlot holds a place for longer.
func (s *redisStore) RenewSlot(ctx context.Context, name string, id int64, lease time.Duration) error {
	_, err := s.place(ctx, name, "renew", 0, lease, id)
	return err
}

// FreeSlot gives a place back.
func (s *redisStore) FreeSlot(ctx context.Context, name string, id int64) error {
	_, err := s.place(ctx, name, "free", 0, 0, id)
	return err
}
