package rotation_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation"
)

func TestParseUsage(t *testing.T) {
	u, err := rotation.ParseUsage([]byte(`{"workspaceID":"wrk_1","userID":"usr_1","usage":{"rolling":{"status":"ok","percent":12.9,"resetsAt":"2026-03-02T15:00:00Z"},"weekly":{"status":"rate-limited","percent":100,"resetsAt":"2026-03-05T00:00:00Z"}},"new":1}`))
	require.NoError(t, err)
	assert.Equal(t, rotation.Usage{Workspace: "wrk_1", User: "usr_1", Windows: map[string]rotation.Window{
		"rolling": {Status: "ok", Percent: 12, ResetsAt: time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)},
		"weekly":  {Status: "rate-limited", Percent: 100, ResetsAt: time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)},
	}}, u)
	_, err = rotation.ParseUsage([]byte("<html>"))
	require.Error(t, err)
}

// If the usage shows a used-up window before any 429, the history has one event for it. `enable`
// forgets the usage only if a window is used up.
func TestUsedUpIsNoted(t *testing.T) {
	w := newWorld(t, "Work", "Personal")
	at := w.now()
	tell := func(percent int) rotation.Condition {
		return w.learn(t, rotation.Usage{Windows: map[string]rotation.Window{"weekly": {Status: "ok", Percent: percent, ResetsAt: at.Add(50 * time.Hour)}}})
	}
	tell(60)
	require.NoError(t, w.Enable(context.Background(), "id0"))
	o, err := w.Overview(context.Background())
	require.NoError(t, err)
	assert.Equal(t, 60, o.Accounts[0].Usage.Windows["weekly"].Percent)

	assert.Equal(t, rotation.Cooling, tell(100).State)
	w.pass(2 * time.Minute)
	tell(100)
	h, err := w.History()
	require.NoError(t, err)
	var kinds []string
	for _, e := range h.Events {
		if e.Kind == "used-up" {
			kinds = append(kinds, e.Account+", "+e.Reason)
			assert.Equal(t, at.Add(50*time.Hour), e.Until)
		}
	}
	assert.Equal(t, []string{"Work, weekly limit"}, kinds)
	assert.Empty(t, h.Hits, "no 429 was received")

	require.NoError(t, w.Enable(context.Background(), "id0"))
	o, err = w.Overview(context.Background())
	require.NoError(t, err)
	assert.Nil(t, o.Accounts[0].Usage)
	assert.Equal(t, rotation.Ready, o.Accounts[0].Condition.State)
}

// limited returns a world whose first account has reached its 5-hour limit, which resets in an
// hour.
func limited(t *testing.T) *world {
	w := newWorld(t, "Work", "Personal")
	w.get(t, 1)
	_, _, err := w.Report(context.Background(), proc(1), rotation.Handout{ID: "id0"},
		rotation.Verdict{Action: rotation.Cool, Until: w.now().Add(time.Hour), Reason: "5-hour limit", Window: "5 hour"}, rotation.Ask{})
	require.NoError(t, err)
	return w
}

func (w *world) learn(t *testing.T, u rotation.Usage) rotation.Condition {
	require.NoError(t, w.Learn(context.Background(), rotation.Handout{ID: "id0"}, u))
	o, err := w.Overview(context.Background())
	require.NoError(t, err)
	return o.Accounts[0].Condition
}

func TestLearnTakesTheLatestReset(t *testing.T) {
	w := limited(t)
	at := w.now()
	usage := rotation.Usage{Windows: map[string]rotation.Window{
		"rolling": {Status: "rate-limited", Percent: 100, ResetsAt: at.Add(time.Hour)},
		"weekly":  {Status: "rate-limited", Percent: 100, ResetsAt: at.Add(50 * time.Hour)},
		"monthly": {Status: "ok", Percent: 80, ResetsAt: at.Add(400 * time.Hour)},
	}}
	c := w.learn(t, usage)
	assert.Equal(t, rotation.Condition{State: rotation.Cooling, Until: at.Add(50 * time.Hour), Reason: "weekly limit", Window: "weekly"}, c)
	stamp := w.store.Stamp()
	w.learn(t, usage)
	assert.Equal(t, stamp, w.store.Stamp(), "the same usage again writes nothing")
}

// A correction by seconds is not an event: the history shows minutes, so the event would show the
// same time as before.
func TestCorrectionBySecondsIsNoEvent(t *testing.T) {
	w := limited(t)
	corrections := func(until time.Time) (n int) {
		c := w.learn(t, rotation.Usage{Windows: map[string]rotation.Window{"weekly": {Status: "rate-limited", Percent: 100, ResetsAt: until}}})
		require.Equal(t, until, c.Until)
		h, err := w.History()
		require.NoError(t, err)
		for _, e := range h.Events {
			if e.Kind == "corrected" {
				n++
			}
		}
		return n
	}
	until := w.now().Add(50 * time.Hour)
	assert.Equal(t, 1, corrections(until))
	assert.Equal(t, 1, corrections(until.Add(20*time.Second)))
	assert.Equal(t, 2, corrections(until.Add(2*time.Minute)))
}

func TestLearnGoesByTheServicesClock(t *testing.T) {
	w := limited(t)
	server := w.now().Add(-10 * time.Minute) // the service's clock is slow
	c := w.learn(t, rotation.Usage{At: server, Windows: map[string]rotation.Window{
		"rolling": {Status: "rate-limited", Percent: 100, ResetsAt: server.Add(2 * time.Hour)},
	}})
	assert.Equal(t, w.now().Add(2*time.Hour), c.Until)
}

func TestLearnEndsACooldownThatIsTooLong(t *testing.T) {
	w := limited(t)
	room := rotation.Usage{Windows: map[string]rotation.Window{"rolling": {Status: "ok", Percent: 3, ResetsAt: w.now().Add(5 * time.Hour)}}}
	assert.Equal(t, rotation.Cooling, w.learn(t, room).State, "right after a 429 the service may not count it yet")
	w.pass(time.Minute)
	assert.Equal(t, rotation.Ready, w.learn(t, room).State)
	assert.Equal(t, "Personal", w.get(t, 1), "no jump back")
}

func TestLearnChangesNothingElse(t *testing.T) {
	for name, window := range map[string]func(now time.Time) map[string]rotation.Window{
		"no windows": func(time.Time) map[string]rotation.Window { return nil },
		"a reset in the past": func(now time.Time) map[string]rotation.Window {
			return map[string]rotation.Window{"rolling": {Status: "rate-limited", ResetsAt: now.Add(-time.Hour)}}
		},
		"no reset": func(time.Time) map[string]rotation.Window {
			return map[string]rotation.Window{"rolling": {Status: "rate-limited"}}
		},
		"the same end, roughly": func(now time.Time) map[string]rotation.Window {
			return map[string]rotation.Window{"rolling": {Status: "rate-limited", ResetsAt: now.Add(59*time.Minute + time.Second)}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := limited(t)
			w.pass(time.Minute)
			o, err := w.Overview(context.Background())
			require.NoError(t, err)
			before, events := o.Accounts[0].Condition, len(w.store.Events())
			after := w.learn(t, rotation.Usage{Windows: window(w.now())})
			assert.WithinDuration(t, before.Until, after.Until, 2*time.Second)
			after.Until = before.Until
			assert.Equal(t, before, after)
			assert.Len(t, w.store.Events(), events)
		})
	}
	t.Run("an account that is not cooling", func(t *testing.T) {
		w := newWorld(t, "Work")
		c := w.learn(t, rotation.Usage{Windows: map[string]rotation.Window{"weekly": {Status: "ok", Percent: 99, ResetsAt: w.now().Add(time.Hour)}}})
		assert.Equal(t, rotation.Ready, c.State)
	})
	t.Run("a cooldown for another reason", func(t *testing.T) {
		w := newWorld(t, "Work")
		w.get(t, 1)
		_, _, err := w.Report(context.Background(), proc(1), rotation.Handout{ID: "id0"}, rotation.Verdict{Action: rotation.Cool, Until: w.now().Add(time.Hour), Reason: "empty balance"}, rotation.Ask{})
		require.ErrorAs(t, err, new(*rotation.ExhaustedError))
		w.pass(time.Minute)
		assert.Equal(t, rotation.Cooling, w.learn(t, rotation.Usage{Windows: map[string]rotation.Window{"weekly": {Status: "ok", Percent: 3}}}).State)
	})
	t.Run("an account with a new key", func(t *testing.T) {
		w := limited(t)
		require.NoError(t, w.Replaced(context.Background(), "id0", "wrk_new", ""))
		w.learn(t, rotation.Usage{Workspace: "wrk_old"})
		o, err := w.Overview(context.Background())
		require.NoError(t, err)
		assert.Equal(t, "wrk_new", o.Accounts[0].Workspace)
	})
}

func TestAClockThatIsSetBack(t *testing.T) {
	w := limited(t)
	w.pass(-1000 * time.Hour)
	_, err := w.Acquire(context.Background(), proc(9), rotation.Ask{})
	require.NoError(t, err)
	w.pass(59 * time.Minute)
	o, err := w.Overview(context.Background())
	require.NoError(t, err)
	assert.Equal(t, rotation.Cooling, o.Accounts[0].Condition.State)
	w.pass(time.Minute)
	o, err = w.Overview(context.Background())
	require.NoError(t, err)
	assert.Equal(t, rotation.Ready, o.Accounts[0].Condition.State, "the cooldown lasts the hour that the server named, not a thousand hours more")
}

func TestAnExhaustedPoolAfterTheClockIsSetBack(t *testing.T) {
	w := newWorld(t, "Work")
	w.get(t, 1)
	_, err := w.limit(t, 1, time.Minute)
	require.ErrorAs(t, err, new(*rotation.ExhaustedError))
	w.pass(-24 * time.Hour)
	_, err = w.Acquire(context.Background(), proc(1), rotation.Ask{})
	require.ErrorAs(t, err, new(*rotation.ExhaustedError))
	w.pass(time.Minute)
	_, err = w.Acquire(context.Background(), proc(1), rotation.Ask{})
	require.NoError(t, err, "the minute is over: reading the state must not move the cooldown again")
}

func TestAClockThatIsSetForward(t *testing.T) {
	w := limited(t)
	w.pass(1000 * time.Hour)
	_, err := w.Acquire(context.Background(), proc(2), rotation.Ask{})
	require.NoError(t, err)
	_, err = w.Acquire(context.Background(), proc(3), rotation.Ask{})
	require.NotErrorAs(t, err, new(*rotation.ExhaustedError))
}
