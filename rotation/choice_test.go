package rotation_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation"
)

// chosen gives process pid an account with this choice.
func (w *world) chosen(t require.TestingT, pid int, c rotation.Choice) string {
	h, err := w.Acquire(context.Background(), proc(pid), rotation.Ask{Choice: c})
	require.NoError(t, err)
	return h.Label
}

func TestAChoiceComesFirstAndDoesNotMoveTheTurn(t *testing.T) {
	w := newWorld(t, "Work", "Personal", "Spare")
	spare := rotation.Choice{ID: "id2"}
	assert.Equal(t, []string{"Spare", "Spare"}, []string{w.chosen(t, 1, spare), w.chosen(t, 2, spare)})
	assert.Equal(t, []string{"Work", "Personal", "Spare"}, []string{w.get(t, 3), w.get(t, 4), w.get(t, 5)})
	assert.Equal(t, "Spare", w.get(t, 1), "the process keeps the account without the choice, too")
	assert.Equal(t, "Work", w.chosen(t, 5, rotation.Choice{ID: "id0"}), "a process that has an account changes to the chosen one")
	assert.Equal(t, "Work", w.chosen(t, 6, rotation.Choice{ID: "gone"}), "an account that was removed is no choice")
}

// After a limit, the holder keeps its new account even when its choice is ready again.
func TestAChoiceCountsOnce(t *testing.T) {
	w := newWorld(t, "Work", "Personal", "Spare")
	work := rotation.Choice{ID: "id0"}
	require.Equal(t, "Work", w.chosen(t, 1, work))
	next, err := w.limit(t, 1, time.Hour)
	require.NoError(t, err)
	require.Equal(t, "Personal", next)
	w.pass(2 * time.Hour)
	assert.Equal(t, "Personal", w.chosen(t, 1, work))
	assert.Equal(t, "Spare", w.chosen(t, 1, rotation.Choice{ID: "id2"}), "another choice counts")
	assert.Equal(t, "Work", w.chosen(t, 1, work))

	require.Equal(t, "Work", w.chosen(t, 2, work))
	_, err = w.limit(t, 2, time.Hour)
	require.NoError(t, err)
	taken := w.chosen(t, 3, work)
	assert.NotEqual(t, "Work", taken, "a new process whose choice is cooling gets the next account")
	w.pass(2 * time.Hour)
	assert.Equal(t, taken, w.chosen(t, 3, work), "and stays there")
	assert.Equal(t, "Work", w.chosen(t, 3, rotation.Choice{ID: "id0", Again: true}))
}

func TestOnly(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Personal")
	only := rotation.Ask{Choice: rotation.Choice{ID: "id0", Only: true}}
	h, err := w.Acquire(ctx, proc(1), only)
	require.NoError(t, err)
	require.Equal(t, "Work", h.Label)
	until := w.now().Add(time.Hour)
	_, _, err = w.Report(ctx, proc(1), h, rotation.Verdict{Action: rotation.Cool, Until: until, Reason: "weekly limit", Window: "weekly"}, only)
	var exhausted *rotation.ExhaustedError
	require.ErrorAs(t, err, &exhausted)
	assert.Equal(t, rotation.ExhaustedError{Account: "Work", Until: until, Reason: "weekly limit", Window: "weekly", Cooling: 1}, *exhausted)
	require.ErrorAs(t, w.Exhaustion(ctx, only), &exhausted)
	require.NoError(t, w.Exhaustion(ctx, rotation.Ask{}))
	spare, ok, err := w.Spare(ctx, proc(1), only, rotation.ForModel)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, "Work", spare.Label)
	require.Equal(t, "Personal", w.get(t, 2))
	_, err = w.Acquire(ctx, proc(2), only)
	require.ErrorAs(t, err, &exhausted, "a process that has another account does not keep it")
	w.pass(time.Hour)
	h, err = w.Acquire(ctx, proc(1), only)
	require.NoError(t, err)
	assert.Equal(t, "Work", h.Label)
}

func TestUse(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Personal", "Spare")
	require.Equal(t, "Work", w.get(t, 1))
	sw, err := w.Use(ctx, "id2")
	require.NoError(t, err)
	assert.Equal(t, "Personal", sw.From.Label)
	assert.Equal(t, "Spare", w.next(t))
	assert.Equal(t, "Work", w.get(t, 1))
	assert.Equal(t, []string{"Spare", "Personal", "Spare"}, []string{w.get(t, 2), w.get(t, 3), w.get(t, 4)}, "the turn goes on as if nothing had been chosen")

	_, err = w.Use(ctx, "id2")
	require.NoError(t, err)
	skipped, err := w.Skip(ctx)
	require.NoError(t, err)
	assert.Equal(t, []string{"Spare", "Work"}, []string{skipped.From.Label, skipped.To.Label}, "rotate ends the choice")
	assert.Equal(t, "Work", w.next(t))

	_, err = w.Use(ctx, "id1")
	require.NoError(t, err)
	require.NoError(t, w.Disable(ctx, "id1"))
	assert.Equal(t, "Work", w.get(t, 5), "the chosen account is not ready any more")
	_, err = w.Use(ctx, "id1")
	require.ErrorIs(t, err, rotation.ErrNotReady)
	_, err = w.Use(ctx, "gone")
	require.ErrorIs(t, err, rotation.ErrNoSuchAccount)
}

func TestGive(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Personal", "Spare")
	require.Equal(t, "Work", w.get(t, 1))
	sw, err := w.Give(ctx, proc(1), "id2")
	require.NoError(t, err)
	assert.Equal(t, []string{"Work", "Spare"}, []string{sw.From.Label, sw.To.Label})
	assert.Equal(t, []string{"Spare", "Personal"}, []string{w.get(t, 1), w.get(t, 2)})
	sw, err = w.Give(ctx, proc(3), "id0")
	require.NoError(t, err)
	assert.Equal(t, []string{"", "Work"}, []string{sw.From.Label, sw.To.Label})
	require.Equal(t, "Work", w.get(t, 3))
	stamp := w.store.Stamp()
	_, err = w.Give(ctx, proc(3), "id0")
	require.NoError(t, err)
	assert.Equal(t, stamp, w.store.Stamp())
}

func TestProspect(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Personal")
	see := func(pid int, c rotation.Choice) rotation.Prospect {
		p, err := w.Prospect(ctx, proc(pid), rotation.Ask{Choice: c})
		require.NoError(t, err)
		p.Handout = rotation.Handout{Label: p.Label}
		return p
	}
	stamp := w.store.Stamp()
	work, personal := rotation.Handout{Label: "Work"}, rotation.Handout{Label: "Personal"}
	assert.Equal(t, rotation.Prospect{Handout: work}, see(1, rotation.Choice{}))
	assert.Equal(t, rotation.Prospect{Handout: personal, Chosen: true}, see(1, rotation.Choice{ID: "id1"}))
	assert.Equal(t, stamp, w.store.Stamp())
	w.chosen(t, 1, rotation.Choice{ID: "id1"})
	assert.Equal(t, rotation.Prospect{Handout: personal, Held: true, Chosen: true}, see(1, rotation.Choice{}))
	_, err := w.Use(ctx, "id1")
	require.NoError(t, err)
	assert.Equal(t, rotation.Prospect{Handout: personal, Use: true}, see(2, rotation.Choice{}))
}

func TestConfirmedFiles(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	assert.False(t, w.Confirmed(ctx, "/a/.ocgo-key", "Work"))
	require.NoError(t, w.Confirm(ctx, "/a/.ocgo-key", "Work"))
	assert.True(t, w.Confirmed(ctx, "/a/.ocgo-key", "Work"))
	assert.False(t, w.Confirmed(ctx, "/a/.ocgo-key", "Personal"), "another label has to be confirmed again")
	require.NoError(t, w.Confirm(ctx, "/a/.ocgo-key", "Personal"))
	assert.False(t, w.Confirmed(ctx, "/a/.ocgo-key", "Work"))
	for i := range 300 {
		require.NoError(t, w.Confirm(ctx, "/b/"+string(rune('a'+i)), "Work"))
	}
	s, err := w.store.Read(ctx)
	require.NoError(t, err)
	assert.Len(t, s.Confirmed, 256)
}

// Requests update the time of the last use, at most once a minute.
func TestTheUseOfAnAccount(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work")
	last := func() time.Duration {
		o, err := w.Overview(ctx)
		require.NoError(t, err)
		return w.now().Sub(o.Accounts[0].LastUsed)
	}
	w.get(t, 1)
	w.pass(59 * time.Second)
	require.NoError(t, w.NoteUse(ctx, "id0"))
	assert.Equal(t, 59*time.Second, last())
	w.pass(time.Second)
	require.NoError(t, w.NoteUse(ctx, "id0"))
	assert.Zero(t, last())
	require.NoError(t, w.NoteUse(ctx, "gone"))
	w.pass(time.Hour)
	w.NoteGet(proc(2))
	assert.Equal(t, time.Hour, last(), "a process without an account")
	w.NoteGet(proc(1))
	assert.Zero(t, last())
	_, got, ok := w.Held(ctx, proc(1))
	assert.True(t, ok)
	assert.Equal(t, w.now(), got)
}

// The record of a `get` applies to the lease that the process had at that time. It is removed
// together with the lease of an ended process. The account's last use is kept.
func TestRecordsOfGetsEndWithTheirLeases(t *testing.T) {
	w, ctx := newWorld(t, "Work", "Spare"), context.Background()
	w.get(t, 1)
	w.pass(time.Minute)
	w.NoteGet(proc(1))
	called := w.now()
	got := func() time.Time {
		_, at, ok := w.Held(ctx, proc(1))
		require.True(t, ok)
		return at
	}
	assert.Equal(t, called, got())
	w.pass(time.Minute)
	_, err := w.Move(ctx, proc(1))
	require.NoError(t, err)
	assert.Zero(t, got(), "it has another account since, and was not given its key")

	w.kill(1)
	for pid := 2; pid <= 20; pid++ {
		w.get(t, pid)
	}
	assert.Zero(t, w.store.LastGet(1), "the lease was pruned, its record was not")
}
