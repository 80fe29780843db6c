package capture

import (
	"context"
	"errors"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestABadEventIsFoundAndTheOthersGo(t *testing.T) {
	t.Parallel()
	for name, verdict := range map[string]Verdict{"refused": Reject, "too large": Split} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			evs := events(300)
			r := &receiver{}
			r.set(refusing(verdict, evs[0].UUID, evs[77].UUID, evs[299].UUID))
			o := open(t, r)
			require.NoError(t, o.Add(t.Context(), here(), evs...))
			fates, err := o.Await(t.Context(), here(), uuidsOf(evs))
			require.NoError(t, err)
			for i, f := range fates {
				switch i {
				case 0, 77, 299:
					require.Equal(t, Fate{UUID: evs[i].UUID, State: Rejected, Reason: "event is not welcome"}, f)
				default:
					require.Equal(t, Accepted, f.State, i)
				}
			}
			require.Less(t, len(r.sizes()), 60)
			dead, err := o.ListDead(t.Context(), 10)
			require.NoError(t, err)
			require.Len(t, dead, 3)
			require.Equal(t, "rejected", dead[0].Kind)
			require.Equal(t, "event is not welcome", dead[0].Reason)
			st := status(t, o)
			require.Equal(t, 3, st.Dead)
			require.Positive(t, st.DeadBytes)
			require.Zero(t, st.Bytes)
		})
	}
}

func TestWhenEverythingIsRefusedTheSearchIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		r.set(always(&Failure{Verdict: Reject, Reason: "400 from a proxy"}))
		o := open(t, r)
		require.NoError(t, o.Add(t.Context(), here(), events(500)...))
		time.Sleep(40 * time.Millisecond)
		require.LessOrEqual(t, len(r.sizes()), maxBisect+1)
		require.Less(t, status(t, o).Dead, 40)
		require.Greater(t, status(t, o).Queued, 460)
		closeNow(t, o)
	})
}

func TestAPoisonousEventDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		evs := events(600)
		r := &receiver{}
		// PostHog fails whenever this one, the oldest, is in the batch.
		r.set(refusing(Retry, evs[0].UUID))
		o := open(t, r)
		require.NoError(t, o.Add(t.Context(), here(), evs...))
		time.Sleep(20 * time.Minute)
		st := status(t, o)
		require.Equal(t, 1, st.Queued, "all but one went in")
		require.Equal(t, []State{Queued, Accepted}, states(t, o, evs[0], evs[1]))
		closeNow(t, o)
	})
}

func TestAFailureInTheMiddleOfASearchLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		evs := events(64)
		r := &receiver{}
		bad := refusing(Reject, evs[40].UUID)
		r.set(func(n int, batch []Event) (Answer, error) {
			if n == 4 {
				return Answer{}, errors.New("connection reset")
			}
			return bad(n, batch)
		})
		o := open(t, r)
		require.NoError(t, o.Add(t.Context(), here(), evs...))
		time.Sleep(time.Hour)
		st := status(t, o)
		require.Zero(t, st.Queued)
		require.Equal(t, 1, st.Dead)
		closeNow(t, o)
	})
}

func TestDroppedByBillingIsKeptAndTold(t *testing.T) {
	t.Parallel()
	evs := events(4)
	r := &receiver{}
	r.set(func(_ int, batch []Event) (Answer, error) {
		return Answer{Dropped: []string{evs[1].UUID, evs[2].UUID, "unknown"}, Reason: "quota used up"}, nil
	})
	o := open(t, r)
	require.NoError(t, o.Add(t.Context(), here(), evs...))
	_, err := o.Await(t.Context(), here(), uuidsOf(evs))
	require.NoError(t, err)
	require.Equal(t, []State{Accepted, QuotaLimited, QuotaLimited, Accepted}, states(t, o, evs...))

	r.set(nil)
	n, err := o.Requeue(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.NoError(t, o.Flush(t.Context()))
	require.Equal(t, []State{Accepted, Accepted, Accepted, Accepted}, states(t, o, evs...))
	st := status(t, o)
	require.Zero(t, st.Dead)
	require.Zero(t, st.DeadBytes)
}

func TestDropAndRequeueChosenEvents(t *testing.T) {
	t.Parallel()
	evs := events(6)
	r := &receiver{}
	r.set(refusing(Reject, uuidsOf(evs[:3])...))
	o := open(t, r)
	require.NoError(t, o.Add(t.Context(), here(), evs[:3]...))
	_, err := o.Await(t.Context(), here(), uuidsOf(evs[:3]))
	require.NoError(t, err)
	r.set(always(errors.New("down")))
	require.NoError(t, o.Add(t.Context(), here(), evs[3:]...))
	_, err = o.Await(t.Context(), here(), uuidsOf(evs[3:]))
	require.NoError(t, err)

	n, err := o.Drop(t.Context(), evs[0].UUID, evs[3].UUID, "no such")
	require.NoError(t, err)
	require.Equal(t, 2, n)
	n, err = o.Requeue(t.Context(), evs[1].UUID)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, []State{Queued, Rejected, Queued, Queued}, states(t, o, evs[1], evs[2], evs[4], evs[5]))
	items, err := o.List(t.Context(), 2)
	require.NoError(t, err)
	require.Len(t, items, 2)
	require.Equal(t, []string{evs[1].UUID, evs[4].UUID}, []string{items[0].UUID, items[1].UUID})
	require.Equal(t, "e1", items[0].Event)
	require.Equal(t, "https://ingest.example", items[0].Host)

	// Adding a dead letter's event again gives it a new chance too.
	require.NoError(t, o.Add(t.Context(), here(), evs[2]))
	require.Equal(t, []State{Queued}, states(t, o, evs[2]))
	n, err = o.DropDead(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = o.DropQueued(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4, n)
	st := status(t, o)
	require.Zero(t, st.Queued+st.Dead)
	require.Zero(t, st.Bytes+st.DeadBytes)
}

func TestTheBoundOnDiskIsHeldAndExplained(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	r.set(always(errors.New("down")))
	o := open(t, r, func(c *Config) { c.MaxBytes = 10_000 })
	require.NoError(t, o.Add(t.Context(), here(), sized(1, 4000), sized(2, 4000)))
	before := status(t, o)
	err := o.Add(t.Context(), here(), event(3), sized(4, 4000))
	var full *FullError
	require.ErrorAs(t, err, &full)
	require.Equal(t, before.Queued, full.Queued)
	require.Equal(t, before.Bytes, full.Bytes)
	require.ErrorContains(t, err, "10000 bytes")
	require.ErrorContains(t, err, "outbox flush")
	require.Equal(t, before.Queued, status(t, o).Queued, "all or none")
	require.NoError(t, o.Add(t.Context(), here(), event(3)), "a small one still fits")

	other := open(t, r, at(o.Path()), func(c *Config) { c.MaxBytes = 10_000 })
	require.ErrorAs(t, other.Add(t.Context(), here(), sized(5, 4000)), &full, "the bound is that of the file, not of a process")
	r.set(nil)
	require.NoError(t, o.Flush(t.Context()))
	require.NoError(t, other.Add(t.Context(), here(), sized(5, 4000)))
}

func TestAFullDiskIsReportedAndRecoveredFrom(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	r.set(always(errors.New("down")))
	o := open(t, r)
	require.NoError(t, o.Add(t.Context(), here(), event(1)))
	var pages int
	require.NoError(t, o.store.db.QueryRow(`PRAGMA page_count`).Scan(&pages))
	require.NoError(t, o.store.db.QueryRow(`PRAGMA max_page_count = `+strconv.Itoa(pages)).Scan(&pages))
	err := o.Add(t.Context(), here(), sized(2, 100_000))
	var broken *StoreError
	require.ErrorAs(t, err, &broken)
	require.ErrorContains(t, err, o.Path())
	require.ErrorContains(t, err, "full")
	require.Equal(t, 1, status(t, o).Queued)
	require.NoError(t, o.store.db.QueryRow(`PRAGMA max_page_count = 100000`).Scan(&pages))
	require.NoError(t, o.Add(t.Context(), here(), sized(2, 100_000)))
}

func TestAnUnwritableFolderIsReported(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/file"
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, path := range map[string]string{"below a file": file + "/outbox.db", "a folder": t.TempDir()} {
		o := open(t, &receiver{}, at(path))
		err := o.Add(t.Context(), here(), event(1))
		var broken *StoreError
		require.ErrorAs(t, err, &broken, name)
		require.ErrorContains(t, err, path)
	}
}

func TestALostLeaseEndsTheDelivery(t *testing.T) {
	t.Parallel()
	evs := events(4)
	r := &receiver{}
	var o *Outbox
	r.set(func(n int, _ []Event) (Answer, error) {
		if n == 1 { // as if this process had slept for an hour meanwhile
			_, err := o.store.db.Exec(`UPDATE queue SET lease = 'another', lease_until = ?`, millis(time.Now().Add(time.Hour)))
			if err != nil {
				return Answer{}, err
			}
			return Answer{}, &Failure{Verdict: Reject, Reason: "one is bad"}
		}
		return Answer{}, nil
	})
	o = open(t, r)
	require.NoError(t, o.Add(t.Context(), here(), evs...))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := o.Flush(ctx)
	var rest *RestError
	require.ErrorAs(t, err, &rest)
	require.Equal(t, []int{4}, r.sizes(), "not sent a second time while another has them")
	require.Equal(t, 4, status(t, o).Leased)
}

func TestAnExpiredLeaseIsTakenOver(t *testing.T) {
	t.Parallel()
	for name, until := range map[string]time.Duration{"expired": -time.Second, "of a clock set back": 50 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &receiver{}
			r.set(always(errors.New("down")))
			o := open(t, r)
			require.NoError(t, o.Add(t.Context(), here(), event(1)))
			require.Error(t, o.Flush(t.Context()))
			_, err := o.store.db.Exec(`UPDATE queue SET lease = 'dead process', lease_until = ?1, not_before = ?1`, millis(time.Now().Add(until)))
			require.NoError(t, err)
			r.set(nil)
			other := open(t, r, at(o.Path()))
			other.Serve(here())
			require.Eventually(t, func() bool { return status(t, other).Queued == 0 }, 5*time.Second, 5*time.Millisecond)
		})
	}
}
