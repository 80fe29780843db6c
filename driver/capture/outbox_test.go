package capture

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNothingIsOpenedBeforeTheFirstEvent(t *testing.T) {
	t.Parallel()
	o := open(t, &receiver{})
	st := status(t, o)
	require.Zero(t, st.Queued)
	require.NoError(t, o.Flush(t.Context()))
	for _, f := range []func() ([]Item, error){
		func() ([]Item, error) { return o.List(t.Context(), 10) },
		func() ([]Item, error) { return o.ListDead(t.Context(), 10) },
	} {
		items, err := f()
		require.NoError(t, err)
		require.Empty(t, items)
	}
	n, err := o.Drop(t.Context(), "x")
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoDirExists(t, filepath.Dir(o.Path()), "asking about an outbox makes none")
	require.NoError(t, o.Close(t.Context()))
	require.ErrorIs(t, o.Add(t.Context(), here(), event(1)), ErrClosed)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	send := (&receiver{}).send
	for name, cfg := range map[string]Config{
		"path":    {Send: send},
		"sends":   {Path: "x"},
		"-1":      {Path: "x", Send: send, MaxBytes: -1},
		"at most": {Path: "x", Send: send, Lease: 3 * time.Hour},
	} {
		_, err := Open(t.Context(), cfg)
		require.ErrorContains(t, err, name)
	}
}

func TestAddedEventsAreSentInOrderAndLeave(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	o := open(t, r)
	evs := events(20)
	shuffled := slices.Concat(evs[10:], evs[:10])
	require.NoError(t, o.Add(t.Context(), here(), shuffled...))
	fates, err := o.Await(t.Context(), here(), uuidsOf(evs))
	require.NoError(t, err)
	for i, f := range fates {
		require.Equal(t, Fate{UUID: evs[i].UUID, State: Accepted}, f)
	}
	require.Equal(t, uuidsOf(evs), r.sent(), "by the time at which they happened")
	require.Equal(t, evs[3].Payload, r.batches[0][3].Payload, "the payload is sent as it was given")
	st := status(t, o)
	require.Zero(t, st.Queued)
	require.Zero(t, st.Bytes)
	info, err := os.Stat(o.Path())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "events hold personal data")
}

func TestAnEventIsStoredOnceHoweverOftenItIsAdded(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	r.set(always(errors.New("down")))
	o := open(t, r)
	ev := event(1)
	again := ev
	again.UUID = strings.ToUpper(ev.UUID)
	require.NoError(t, o.Add(t.Context(), here(), ev, again))
	require.NoError(t, o.Add(t.Context(), here(), ev))
	require.Equal(t, 1, status(t, o).Queued)
	other := NewDestination("https://ingest.example", "phc_other")
	require.NoError(t, o.Add(t.Context(), other, ev))
	require.Equal(t, 2, status(t, o).Queued, "each project has its own events")
	require.Error(t, o.Add(t.Context(), here(), Event{UUID: "x"}), "an event without payload")
}

func TestTheTokenIsNeverStored(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	r.set(always(errors.New("down")))
	o := open(t, r)
	require.NoError(t, o.Add(t.Context(), here(), events(3)...))
	closeNow(t, o)
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(o.Path() + suffix)
		if !errors.Is(err, os.ErrNotExist) {
			require.NoError(t, err)
			require.NotContains(t, string(b), "phc_tests")
		}
	}
}

func TestBatchesAreBoundedByCountAndBytes(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	o := open(t, r, func(c *Config) { c.BatchEvents, c.BatchBytes = 4, 1000 })
	evs := events(10)
	evs[5] = sized(5, 5000) // alone larger than a batch may be
	require.NoError(t, o.Add(t.Context(), here(), evs...))
	require.NoError(t, o.Flush(t.Context()))
	require.Equal(t, []int{4, 1, 1, 4}, r.sizes())
}

func TestHistoricalEventsGoApart(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	o := open(t, r)
	evs := events(6)
	for i := range 3 {
		evs[2*i].Historical = true
	}
	require.NoError(t, o.Add(t.Context(), here(), evs...))
	require.NoError(t, o.Flush(t.Context()))
	require.Equal(t, []int{3, 3}, r.sizes())
	require.ElementsMatch(t, []bool{true, false}, r.flags)
	for i, b := range r.batches {
		for _, ev := range b {
			require.Equal(t, r.flags[i], ev.Historical)
		}
	}
}

func TestLingeringFillsABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		o := open(t, r, func(c *Config) { c.Linger, c.BatchEvents = time.Second, 10 })
		for i := range 5 {
			require.NoError(t, o.Add(t.Context(), here(), event(i)))
			time.Sleep(100 * time.Millisecond)
		}
		require.Empty(t, r.sizes())
		time.Sleep(600 * time.Millisecond)
		require.Equal(t, []int{5}, r.sizes(), "one batch, a second after its first event")
		require.NoError(t, o.Add(t.Context(), here(), events(10)...))
		time.Sleep(10 * time.Millisecond)
		require.Equal(t, []int{5, 10}, r.sizes(), "a full batch does not wait")
		closeNow(t, o)
	})
}

func TestAnOutageIsSurvived(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		r.set(always(&Failure{Verdict: Retry, Reason: "no connection"}))
		o := open(t, r)
		evs := events(1000)
		require.NoError(t, o.Add(t.Context(), here(), evs...))
		fates, err := o.Await(t.Context(), here(), uuidsOf(evs[:1]))
		require.NoError(t, err)
		require.Equal(t, Queued, fates[0].State, "the first failure is answer enough")
		require.Equal(t, "no connection", fates[0].Reason)
		require.True(t, fates[0].NextTry.After(time.Now()))
		time.Sleep(2 * time.Hour)
		sizes := r.sizes()
		require.Less(t, len(sizes), 70, "two hours of outage cost few requests")
		require.Greater(t, len(sizes), 20, "but it is tried, at least every five minutes or so")
		require.Equal(t, []int{500, 250, 125}, sizes[:3], "an outage is probed with less and less")
		st := status(t, o)
		require.Equal(t, 1000, st.Queued)
		require.Equal(t, "no connection", st.Destinations[0].LastError)
		require.NotNil(t, st.NextTry)
		require.InDelta(t, 7200, st.OldestAgeS, 10)

		r.set(nil)
		time.Sleep(11 * time.Minute)
		st = status(t, o)
		require.Zero(t, st.Queued, "all are sent once PostHog is back")
		require.Empty(t, st.Destinations)
		closeNow(t, o)
	})
}

func TestAPauseAskedForIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		r.set(func(n int, _ []Event) (Answer, error) {
			if n == 1 {
				return Answer{}, &Failure{Verdict: Retry, RetryAfter: time.Minute, Reason: "rate limited"}
			}
			return Answer{}, nil
		})
		o := open(t, r)
		first, second := event(1), event(2)
		require.NoError(t, o.Add(t.Context(), here(), first))
		time.Sleep(59 * time.Second)
		require.Len(t, r.sizes(), 1)
		require.NoError(t, o.Add(t.Context(), here(), second))
		time.Sleep(500 * time.Millisecond)
		require.Len(t, r.sizes(), 1, "a new event does not end the pause")
		time.Sleep(10 * time.Second)
		require.ElementsMatch(t, []string{first.UUID, first.UUID, second.UUID}, r.sent())
		require.GreaterOrEqual(t, r.times[1].Sub(r.times[0]), time.Minute)
		closeNow(t, o)
	})
}

func TestAWrongKeyPausesAndKeepsTheEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		r.set(always(&Failure{Verdict: Pause, Reason: "401: the key is not valid"}))
		o := open(t, r)
		evs := events(3)
		require.NoError(t, o.Add(t.Context(), here(), evs...))
		time.Sleep(4 * time.Minute)
		require.Len(t, r.sizes(), 1)
		st := status(t, o)
		require.Equal(t, 3, st.Queued)
		require.Zero(t, st.Dead)
		require.True(t, st.Destinations[0].Paused)
		require.Contains(t, st.Destinations[0].LastError, "401")
		r.set(nil)
		time.Sleep(2 * time.Minute)
		require.Equal(t, []int{3, 3}, r.sizes(), "tried again after five minutes, as one batch: the events were not at fault")
		require.Zero(t, status(t, o).Queued)
		closeNow(t, o)
	})
}

func TestWhatNobodyServesStays(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	r.set(always(errors.New("down")))
	first := open(t, r)
	require.NoError(t, first.Add(t.Context(), here(), event(1)))
	closeNow(t, first)
	r.set(nil)

	second := open(t, r, at(first.Path()))
	waiting, err := second.Waiting(t.Context())
	require.NoError(t, err)
	require.True(t, waiting)
	require.NoError(t, second.Flush(t.Context()))
	require.Equal(t, 1, status(t, second).Queued, "without its token an event cannot be sent")
	second.Serve(here())
	require.NoError(t, second.Flush(t.Context()))
	require.Zero(t, status(t, second).Queued)
	waiting, err = second.Waiting(t.Context())
	require.NoError(t, err)
	require.False(t, waiting)
}

func TestCloseSendsWhatItCanAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	o := open(t, r, func(c *Config) { c.Linger = time.Hour })
	require.NoError(t, o.Add(t.Context(), here(), events(5)...))
	require.Empty(t, r.sizes())
	require.NoError(t, o.Close(t.Context()))
	require.NoError(t, o.Close(t.Context()), "a second time does nothing")
	require.Equal(t, []int{5}, r.sizes())
	_, err := o.Status(t.Context())
	require.ErrorIs(t, err, ErrClosed)

	// A request that never ends is given up at the deadline.
	hang := open(t, &receiver{}, func(c *Config) {
		c.Send = func(ctx context.Context, _ Destination, _ []Event, _ bool) (Answer, error) {
			<-ctx.Done()
			return Answer{}, ctx.Err()
		}
	})
	require.NoError(t, hang.Add(t.Context(), here(), event(1)))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	err = hang.Close(ctx)
	require.Less(t, time.Since(start), 5*time.Second)
	var rest *RestError
	require.ErrorAs(t, err, &rest)
	require.Equal(t, 1, rest.Queued)

	// The next process has it at once: its lease was given back.
	next := open(t, r, at(hang.Path()))
	next.Serve(here())
	require.NoError(t, next.Flush(t.Context()))
	require.Equal(t, []int{5, 1}, r.sizes())
}
