package rotation_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// world is a pool with a clock and a process table that the test sets.
type world struct {
	*rotation.Pool
	store *state.Memory
	mu    sync.Mutex
	time  time.Time
	dead  map[int]bool
}

func newWorld(t require.TestingT, labels ...string) *world {
	w := &world{store: new(state.Memory), time: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), dead: map[int]bool{}}
	w.Pool = rotation.New(w.store, w.now, func(pid int, _ string) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return !w.dead[pid]
	})
	for i, label := range labels {
		require.NoError(t, w.Add(context.Background(), rotation.NewAccount{ID: fmt.Sprintf("id%d", i), Label: label}))
	}
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

func (w *world) kill(pid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead[pid] = true
}

func proc(pid int) rotation.Process {
	return rotation.Process{PID: pid, Start: fmt.Sprint("start", pid), Command: "opencode"}
}

func (w *world) get(t require.TestingT, pid int) string {
	h, err := w.Acquire(context.Background(), proc(pid), rotation.Ask{})
	require.NoError(t, err)
	return h.Label
}

// limit reports that the account of process pid has reached a limit, which lasts for d. It returns
// the next account of the process.
func (w *world) limit(t require.TestingT, pid int, d time.Duration) (string, error) {
	ctx := context.Background()
	h, err := w.Acquire(ctx, proc(pid), rotation.Ask{})
	require.NoError(t, err)
	next, _, err := w.Report(ctx, proc(pid), h, rotation.Verdict{Action: rotation.Cool, Until: w.now().Add(d), Reason: "weekly limit", Window: "weekly"}, rotation.Ask{})
	return next.Label, err
}

func TestRoundRobinAndStickiness(t *testing.T) {
	w := newWorld(t, "Work", "Personal", "Spare")
	assert.Equal(t, []string{"Work", "Personal", "Spare", "Work"}, []string{w.get(t, 1), w.get(t, 2), w.get(t, 3), w.get(t, 4)})
	assert.Equal(t, "Personal", w.get(t, 2), "the same process keeps its account")
}

func TestReusedPIDIsANewProcess(t *testing.T) {
	w := newWorld(t, "Work", "Personal")
	require.Equal(t, "Work", w.get(t, 1))
	h, err := w.Acquire(context.Background(), rotation.Process{PID: 1, Start: "later"}, rotation.Ask{})
	require.NoError(t, err)
	assert.Equal(t, "Personal", h.Label)
}

func TestLeaseEndsWithItsProcess(t *testing.T) {
	w := newWorld(t, "Work", "Personal")
	w.get(t, 1)
	w.kill(1)
	o, err := w.Overview(context.Background())
	require.NoError(t, err)
	assert.Empty(t, o.Accounts[0].Leases)
	for pid := 2; pid < 1000; pid++ {
		w.get(t, pid)
		w.kill(pid)
	}
	s, err := w.store.Read(context.Background())
	require.NoError(t, err)
	assert.Less(t, len(s.Leases), 20, "the leases of ended processes must be pruned")
}

func TestLimitMovesOnAndDoesNotJumpBack(t *testing.T) {
	w := newWorld(t, "Work", "Personal", "Spare")
	require.Equal(t, "Work", w.get(t, 1))
	next, err := w.limit(t, 1, time.Hour)
	require.NoError(t, err)
	assert.Equal(t, "Personal", next)
	assert.Equal(t, "Spare", w.get(t, 2), "round-robin continues after Personal, to which process 1 moved")
	assert.Equal(t, "Personal", w.get(t, 3), "Work is cooling")
	w.pass(time.Hour)
	assert.Equal(t, "Personal", w.get(t, 1), "process 1 must not return to Work")
	assert.Equal(t, "Spare", w.get(t, 4))
	assert.Equal(t, "Work", w.get(t, 5), "Work is ready when its cooldown ends")
}

func TestCooldownEndsOnTheSecond(t *testing.T) {
	w := newWorld(t, "Work")
	w.get(t, 1)
	_, err := w.limit(t, 1, time.Hour)
	exhausted := new(rotation.ExhaustedError)
	require.ErrorAs(t, err, &exhausted)
	assert.Equal(t, "Work", exhausted.Account)
	assert.Equal(t, w.now().Add(time.Hour), exhausted.Until)
	w.pass(time.Hour - time.Nanosecond)
	_, err = w.Acquire(context.Background(), proc(2), rotation.Ask{})
	require.ErrorAs(t, err, &exhausted)
	w.pass(time.Nanosecond)
	assert.Equal(t, "Work", w.get(t, 2))
}

func TestExhaustedNamesTheSoonest(t *testing.T) {
	w := newWorld(t, "Work", "Personal", "Spare")
	for pid, d := range map[int]time.Duration{1: 3 * time.Hour, 2: time.Hour, 3: 2 * time.Hour} {
		h := []string{"", "Work", "Personal", "Spare"}[pid]
		o, err := w.Overview(context.Background())
		require.NoError(t, err)
		v, err := o.Find(h)
		require.NoError(t, err)
		_, _ = w.Blame(context.Background(), v.Handout(), rotation.Verdict{Action: rotation.Cool, Until: w.now().Add(d), Reason: "5-hour limit"})
	}
	_, err := w.Acquire(context.Background(), proc(1), rotation.Ask{})
	exhausted := new(rotation.ExhaustedError)
	require.ErrorAs(t, err, &exhausted)
	assert.Equal(t, rotation.ExhaustedError{Account: "Personal", Until: w.now().Add(time.Hour), Reason: "5-hour limit", Cooling: 3}, *exhausted)
	assert.ErrorContains(t, err, "Personal")
}

func TestRejectedUntilEnabledOrReplaced(t *testing.T) {
	for name, release := range map[string]func(*world) error{
		"enable":  func(w *world) error { return w.Enable(context.Background(), "id0") },
		"replace": func(w *world) error { return w.Replaced(context.Background(), "id0", "", "") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "Work", "Personal")
			w.get(t, 1)
			_, _, err := w.Report(context.Background(), proc(1), rotation.Handout{ID: "id0"}, rotation.Verdict{Action: rotation.Reject, Reason: "AuthError: no"}, rotation.Ask{})
			require.NoError(t, err)
			w.pass(1000 * time.Hour)
			assert.Equal(t, []string{"Personal", "Personal"}, []string{w.get(t, 1), w.get(t, 2)})
			require.NoError(t, release(w))
			assert.Equal(t, "Work", w.get(t, 3))
		})
	}
}

func TestAnswerToAnOldKeyDoesNotBlameTheNew(t *testing.T) {
	w := newWorld(t, "Work", "Personal")
	h, err := w.Acquire(context.Background(), proc(1), rotation.Ask{})
	require.NoError(t, err)
	require.NoError(t, w.Replaced(context.Background(), h.ID, "", ""))
	next, moved, err := w.Report(context.Background(), proc(1), h, rotation.Verdict{Action: rotation.Reject, Reason: "AuthError"}, rotation.Ask{})
	require.NoError(t, err)
	assert.False(t, moved)
	assert.Equal(t, "Work", next.Label)
	assert.Equal(t, 1, next.KeyRev)
}

func TestModelLimitKeepsTheAccountForOthers(t *testing.T) {
	w := newWorld(t, "Work", "Personal")
	ctx := context.Background()
	h, err := w.Acquire(ctx, proc(1), rotation.Ask{})
	require.NoError(t, err)
	v := rotation.Verdict{Action: rotation.Cool, Until: w.now().Add(time.Minute), Reason: "rate limit on m", Model: "m"}
	next, moved, err := w.Report(ctx, proc(1), h, v, rotation.Ask{Model: "m"})
	require.NoError(t, err)
	assert.True(t, moved)
	assert.Equal(t, "Personal", next.Label)
	h, err = w.Acquire(ctx, proc(2), rotation.Ask{Model: "other"})
	require.NoError(t, err)
	assert.Equal(t, "Work", h.Label)
	assert.True(t, h.ByModel, "a holder that caches the hand-out must call Take for each model")
	h, err = w.Acquire(ctx, proc(2), rotation.Ask{Model: "m"})
	require.NoError(t, err)
	assert.Equal(t, "Personal", h.Label)
}

func TestReportsTogetherCoolOnceAndAgree(t *testing.T) {
	w := newWorld(t, "Work", "Personal", "Spare")
	ctx := context.Background()
	h, err := w.Acquire(ctx, proc(1), rotation.Ask{})
	require.NoError(t, err)
	const n = 20
	next, movers := make([]string, n), make([]bool, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			v := rotation.Verdict{Action: rotation.Cool, Until: w.now().Add(time.Hour + time.Duration(i)*time.Millisecond), Reason: "weekly limit", Window: "weekly"}
			to, moved, err := w.Report(ctx, proc(1), h, v, rotation.Ask{})
			assert.NoError(t, err)
			next[i], movers[i] = to.Label, moved
		})
	}
	wg.Wait()
	moves := 0
	for i := range n {
		assert.Equal(t, "Personal", next[i])
		if movers[i] {
			moves++
		}
	}
	assert.Equal(t, 1, moves)
	kinds := map[string]int{}
	for _, e := range w.store.Events() {
		kinds[e.Kind]++
	}
	assert.Equal(t, map[string]int{"added": 3, "leased": 1, "cooled": 1, "switched": 1}, kinds)
}

func TestSkipAndMove(t *testing.T) {
	w := newWorld(t, "Work", "Personal", "Spare")
	ctx := context.Background()
	sw, err := w.Skip(ctx)
	require.NoError(t, err)
	assert.Equal(t, []string{"Work", "Personal"}, []string{sw.From.Label, sw.To.Label})
	require.Equal(t, "Personal", w.get(t, 1))
	sw, err = w.Move(ctx, proc(1))
	require.NoError(t, err)
	assert.Equal(t, []string{"Personal", "Spare"}, []string{sw.From.Label, sw.To.Label})
	assert.Equal(t, "Spare", w.get(t, 1))

	one := newWorld(t, "Work")
	require.Equal(t, "Work", one.get(t, 1))
	_, err = one.Move(ctx, proc(1))
	require.ErrorIs(t, err, rotation.ErrNoOther)
	_, err = one.Skip(ctx)
	require.ErrorIs(t, err, rotation.ErrNoOther)
	assert.Equal(t, "Work", one.get(t, 1), "the process keeps the only account")
}

func TestRemoveKeepsTheTurn(t *testing.T) {
	w := newWorld(t, "A", "B", "C")
	require.Equal(t, []string{"A", "B"}, []string{w.get(t, 1), w.get(t, 2)})
	require.NoError(t, w.PrepareRemove(context.Background(), "id1"))
	require.NoError(t, w.Remove(context.Background(), "id1"))
	assert.Equal(t, "C", w.get(t, 3), "the account after the removed one is still the next")
	assert.NotEqual(t, "B", w.get(t, 2), "the holder of the removed account gets another one")
	s, err := w.store.Read(context.Background())
	require.NoError(t, err)
	assert.Empty(t, s.Pending)
}

func TestLabels(t *testing.T) {
	w := newWorld(t, "Work", "2nd")
	ctx := context.Background()
	require.ErrorIs(t, w.Prepare(ctx, "x", "WORK"), rotation.ErrAlreadyThere)
	require.ErrorIs(t, w.Rename(ctx, "id1", "work"), rotation.ErrAlreadyThere)
	require.NoError(t, w.Rename(ctx, "id0", "work"), "an account may change the case of its own label")
	o, err := w.Overview(ctx)
	require.NoError(t, err)
	for name, want := range map[string]string{"work": "work", "Work": "work", "2": "2nd", "2ND": "2nd"} {
		v, err := o.Find(name)
		require.NoError(t, err)
		assert.Equal(t, want, v.Label)
	}
	for _, name := range []string{"0", "3", "-1", "nobody", ""} {
		_, err := o.Find(name)
		require.ErrorIs(t, err, rotation.ErrNoSuchAccount, name)
	}
}

func TestEmptyPool(t *testing.T) {
	w := newWorld(t)
	_, err := w.Acquire(context.Background(), proc(1), rotation.Ask{})
	require.ErrorIs(t, err, rotation.ErrEmpty)
	_, err = w.Skip(context.Background())
	require.ErrorIs(t, err, rotation.ErrEmpty)
	_, err = w.Move(context.Background(), proc(1))
	require.ErrorIs(t, err, rotation.ErrEmpty)
}

// Upcoming returns the next account after the holder's own that is not in Ask.Avoid. It changes
// nothing.
func TestUpcoming(t *testing.T) {
	w := newWorld(t, "Work", "Personal", "Spare")
	p := rotation.Process{PID: 1, Start: "s"}
	next := func(avoid ...string) string {
		h, err := w.Upcoming(t.Context(), p, rotation.Ask{Avoid: avoid})
		require.NoError(t, err)
		return h.Label
	}
	assert.Equal(t, "Work", next())
	_, err := w.Acquire(t.Context(), p, rotation.Ask{})
	require.NoError(t, err)
	assert.Equal(t, "Personal", next())
	assert.Equal(t, "Personal", next(), "nothing was handed out")
	assert.Equal(t, "Spare", next("id1"))
	_, err = w.Upcoming(t.Context(), p, rotation.Ask{Avoid: []string{"id1", "id2"}})
	assert.ErrorAs(t, err, new(*rotation.ExhaustedError))

	has, err := w.Holders(t.Context())
	require.NoError(t, err)
	assert.True(t, has(1, "s"))
	assert.False(t, has(1, "another process with this pid"))
	assert.False(t, has(2, "s"))
}

// The label of a new account has the first free number.
func TestFreeLabel(t *testing.T) {
	w := newWorld(t, "Work", "account 3")
	o, err := w.Overview(context.Background())
	require.NoError(t, err)
	assert.Equal(t, "Account 4", o.FreeLabel())
}
