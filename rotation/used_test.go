package rotation_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// used returns a usage with one window.
func used(window string, percent int, resets time.Time) rotation.Usage {
	status := "ok"
	if percent >= 100 {
		status = "rate-limited"
	}
	return rotation.Usage{Windows: map[string]rotation.Window{window: {Status: status, Percent: percent, ResetsAt: resets}}}
}

// tell calls Learn for an account. The first account has the number 0.
func (w *world) tell(t require.TestingT, account int, u rotation.Usage) rotation.View {
	ctx := context.Background()
	o, err := w.Overview(ctx)
	require.NoError(t, err)
	require.NoError(t, w.Learn(ctx, o.Accounts[account].Handout(), u))
	o, err = w.Overview(ctx)
	require.NoError(t, err)
	return o.Accounts[account]
}

func TestLearnKeepsTheNumbers(t *testing.T) {
	w := newWorld(t, "Work")
	now := w.now()
	server := now.Add(-10 * time.Minute) // the service's clock is slow
	got := w.tell(t, 0, rotation.Usage{At: server, Windows: map[string]rotation.Window{
		"rolling": {Status: "ok", Percent: 12, ResetsAt: server.Add(time.Hour)},
		"weekly":  {Status: "bankrupt", Percent: -3, ResetsAt: server.Add(400 * 24 * time.Hour)},
		"monthly": {Status: "ok", Percent: 1 << 40, ResetsAt: server.Add(-time.Hour)},
		"hourly":  {Status: "ok", Percent: 1},
	}}).Usage
	require.NotNil(t, got)
	assert.Equal(t, &state.Usage{At: now, Windows: map[string]state.Window{
		"rolling": {Status: "ok", Percent: 12, ResetsAt: now.Add(time.Hour)},
		"weekly":  {},
		"monthly": {Status: "ok", Percent: 1000},
	}}, got)
	assert.Equal(t, got, w.tell(t, 0, rotation.Usage{}).Usage, "an answer without windows must not delete the stored usage")
	assert.Equal(t, got, w.tell(t, 0, rotation.Usage{Windows: map[string]rotation.Window{"hourly": {Percent: 3}}}).Usage)
}

// The time of a reset counts as unknown if it is past or too far in the future.
func TestWhenAResetIsUnknown(t *testing.T) {
	for wait, known := range map[time.Duration]bool{-time.Second: false, 0: false, time.Second: true, 32 * 24 * time.Hour: true, 33 * 24 * time.Hour: false} {
		w := newWorld(t, "Work")
		resets := w.now().Add(wait)
		got := w.tell(t, 0, used("weekly", 40, resets)).Usage.Windows["weekly"].ResetsAt
		if !known {
			resets = time.Time{}
		}
		assert.Equal(t, resets, got, wait)
	}
}

func TestTheSameNumbersAreNotWrittenAgainAtOnce(t *testing.T) {
	w := newWorld(t, "Work")
	resets := w.now().Add(time.Hour)
	first := w.tell(t, 0, used("rolling", 40, resets)).Usage
	stamp := w.store.Stamp()
	w.pass(59 * time.Second)
	// Times of the service are whole seconds, so the computed time of a reset varies slightly.
	assert.Equal(t, first, w.tell(t, 0, used("rolling", 40, resets.Add(time.Second))).Usage)
	assert.Equal(t, stamp, w.store.Stamp())

	w.pass(time.Second)
	again := w.tell(t, 0, used("rolling", 40, resets.Add(time.Second))).Usage
	assert.Equal(t, w.now(), again.At, "after a minute, the time of the same usage is updated")
	assert.Equal(t, resets, again.Windows["rolling"].ResetsAt, "the time of the reset must not drift")

	stamp = w.store.Stamp()
	for name, u := range map[string]rotation.Usage{"percent": used("rolling", 41, resets), "window": used("weekly", 41, resets), "reset": used("rolling", 41, resets.Add(time.Minute))} {
		w.tell(t, 0, u)
		assert.NotEqual(t, stamp, w.store.Stamp(), name)
		stamp = w.store.Stamp()
	}
}

// Several processes request /usage at the same time, and the answers arrive in another order.
func TestTheAnswerToTheLaterRequestCounts(t *testing.T) {
	w := newWorld(t, "Work")
	early, late := used("weekly", 100, w.now().Add(time.Hour)), used("weekly", 3, w.now().Add(time.Hour))
	early.Asked = w.now()
	w.pass(2 * time.Second)
	late.Asked = w.now()
	w.pass(3 * time.Second)
	got := w.tell(t, 0, late)
	assert.Equal(t, late.Asked, got.Usage.At, "the time of the usage is the time of its request")
	stamp := w.store.Stamp()
	assert.Equal(t, got, w.tell(t, 0, early))
	assert.Equal(t, stamp, w.store.Stamp())
}

func TestUsedUpIsNotHandedOut(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Personal")
	now := w.now()
	require.Equal(t, "Work", w.get(t, 1))
	u := used("weekly", 100, now.Add(50*time.Hour))
	maps.Copy(u.Windows, used("rolling", 100, now.Add(time.Hour)).Windows)
	assert.Equal(t, rotation.Condition{State: rotation.Cooling, Until: now.Add(50 * time.Hour), Reason: "weekly limit", Window: "weekly"}, w.tell(t, 0, u).Condition,
		"until the last window is reset")
	assert.Equal(t, []string{"Personal", "Personal"}, []string{w.get(t, 2), w.get(t, 3)})
	assert.Equal(t, "Work", w.get(t, 1), "a holder keeps a used-up account until a 429")
	h, err := w.Upcoming(ctx, proc(2), rotation.Ask{})
	require.ErrorAs(t, err, new(*rotation.ExhaustedError), "%v", h)
	_, err = w.Move(ctx, proc(2))
	require.ErrorIs(t, err, rotation.ErrNoOther)

	w.tell(t, 1, used("rolling", 100, now.Add(time.Hour)))
	_, err = w.Acquire(ctx, proc(4), rotation.Ask{})
	exhausted := new(rotation.ExhaustedError)
	require.ErrorAs(t, err, &exhausted)
	assert.Equal(t, rotation.ExhaustedError{Account: "Personal", Until: now.Add(time.Hour), Reason: "5-hour limit", Window: "5 hour", Cooling: 2}, *exhausted)
	require.ErrorAs(t, w.Exhaustion(ctx, rotation.Ask{}), &exhausted)

	assert.Equal(t, rotation.Ready, w.tell(t, 1, used("rolling", 3, now.Add(5*time.Hour))).Condition.State, "the account is ready as soon as its usage shows room")
	assert.Equal(t, "Personal", w.get(t, 4))
	w.pass(50 * time.Hour)
	assert.Equal(t, "Work", w.get(t, 5), "Work is back when its week is reset")
}

func TestUsedUpEndsAHoldAtTheLimitAlone(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Personal")
	h, err := w.Acquire(ctx, proc(1), rotation.Ask{})
	require.NoError(t, err)
	w.tell(t, 0, used("weekly", 100, w.now().Add(50*time.Hour)))
	next, moved, err := w.Report(ctx, proc(1), h, rotation.Verdict{Action: rotation.Cool, Until: w.now().Add(time.Hour), Reason: "5-hour limit", Window: "5 hour"}, rotation.Ask{})
	require.NoError(t, err)
	assert.True(t, moved)
	assert.Equal(t, "Personal", next.Label)
	o, err := w.Overview(ctx)
	require.NoError(t, err)
	assert.Equal(t, "weekly limit", o.Accounts[0].Condition.Reason, "the account is back at the later of the two resets")
}

func TestUsedUpWithoutAResetCountsForFiveMinutes(t *testing.T) {
	for name, window := range map[string]rotation.Window{"status": {Status: "rate-limited"}, "percent": {Status: "ok", Percent: 100}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "Work")
			c := w.tell(t, 0, rotation.Usage{Windows: map[string]rotation.Window{"monthly": window}}).Condition
			assert.Equal(t, rotation.Condition{State: rotation.Cooling, Until: w.now().Add(5 * time.Minute), Reason: "monthly limit", Window: "monthly"}, c)
			w.pass(5 * time.Minute)
			assert.Equal(t, "Work", w.get(t, 1))
		})
	}
}

func TestWhatForgetsUsage(t *testing.T) {
	for name, forget := range map[string]func(*world) error{
		"enable":  func(w *world) error { return w.Enable(context.Background(), "id0") },
		"replace": func(w *world) error { return w.Replaced(context.Background(), "id0", "", "") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "Work")
			w.tell(t, 0, used("weekly", 100, w.now().Add(time.Hour)))
			require.NoError(t, forget(w))
			o, err := w.Overview(context.Background())
			require.NoError(t, err)
			assert.Nil(t, o.Accounts[0].Usage)
			assert.Equal(t, "Work", w.get(t, 1))
		})
	}
}

func TestUsageOfAClockThatIsSetBack(t *testing.T) {
	w := newWorld(t, "Work", "Personal")
	w.tell(t, 0, used("weekly", 100, w.now().Add(time.Hour)))
	w.pass(-1000 * time.Hour)
	require.Equal(t, "Personal", w.get(t, 1))
	w.pass(59 * time.Minute)
	require.Equal(t, "Personal", w.get(t, 2))
	w.pass(time.Minute)
	require.Equal(t, "Work", w.get(t, 3), "the usage is moved to the new time, and ends an hour after it")
}
