package rotation_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

func (w *world) configure(t require.TestingT, strategy string, ahead int) {
	require.NoError(t, w.Configure(context.Background(), func(s *state.Settings) { s.Strategy, s.Ahead = strategy, ahead }))
}

func (w *world) next(t require.TestingT) string {
	o, err := w.Overview(context.Background())
	require.NoError(t, err)
	return o.Next
}

func TestSettings(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work")
	for _, bad := range []state.Settings{{Strategy: "best"}, {Ahead: -1}, {Ahead: 100}} {
		require.ErrorIs(t, w.Configure(ctx, func(s *state.Settings) { *s = bad }), rotation.ErrSetting)
	}
	o, err := w.Overview(ctx)
	require.NoError(t, err)
	assert.Zero(t, o.Settings, "an invalid setting must not be stored")
	for _, name := range rotation.Strategies() {
		w.configure(t, name, 99)
	}
	stamp := w.store.Stamp()
	w.configure(t, rotation.FillFirst, 99)
	assert.Equal(t, stamp, w.store.Stamp())
	last := w.store.Events()[len(w.store.Events())-1]
	assert.Equal(t, "configured", last.Kind)
	assert.Equal(t, "strategy fill-first", last.Reason)
}

func TestAStrategyOfANewerVersionIsRoundRobin(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Personal")
	require.NoError(t, w.store.Update(ctx, func(s *state.State) error {
		s.Settings.Strategy = "psychic"
		return nil
	}))
	assert.Equal(t, []string{"Work", "Personal", "Work"}, []string{w.get(t, 1), w.get(t, 2), w.get(t, 3)})
	require.NoError(t, w.Configure(ctx, func(s *state.Settings) { s.Ahead = 90 }), "another setting can be changed")
	o, err := w.Overview(ctx)
	require.NoError(t, err)
	assert.Equal(t, state.Settings{Strategy: "psychic", Ahead: 90}, o.Settings)
}

func TestFillFirst(t *testing.T) {
	w := newWorld(t, "Work", "Personal", "Spare")
	w.configure(t, rotation.FillFirst, 0)
	assert.Equal(t, []string{"Work", "Work"}, []string{w.get(t, 1), w.get(t, 2)})
	next, err := w.limit(t, 1, time.Hour)
	require.NoError(t, err)
	assert.Equal(t, []string{"Personal", "Personal"}, []string{next, w.get(t, 3)})
	w.tell(t, 1, used("rolling", 100, w.now().Add(2*time.Hour)))
	assert.Equal(t, "Spare", w.get(t, 4), "Personal is used up by its last known usage")
	w.pass(time.Hour)
	assert.Equal(t, "Work", w.get(t, 5), "Work is ready again, and is the first")
	assert.Equal(t, "Spare", w.get(t, 4), "a process that has another account keeps it")
}

func TestMostLeft(t *testing.T) {
	w := newWorld(t, "A", "B", "C", "D")
	w.configure(t, rotation.MostLeft, 0)
	assert.Equal(t, []string{"A", "B", "C", "D", "A"}, []string{w.get(t, 1), w.get(t, 2), w.get(t, 3), w.get(t, 4), w.get(t, 5)}, "round-robin while no usage is known")
	now := w.now()
	u := used("weekly", 10, now.Add(50*time.Hour))
	u.Windows["rolling"] = rotation.Window{Status: "ok", Percent: 70, ResetsAt: now.Add(time.Hour)}
	w.tell(t, 0, u)
	w.tell(t, 1, used("weekly", 60, now.Add(50*time.Hour)))
	w.tell(t, 2, used("monthly", 65, now.Add(500*time.Hour)))
	w.tell(t, 3, used("monthly", 99, now.Add(500*time.Hour)))
	assert.Equal(t, []string{"B", "B"}, []string{w.get(t, 6), w.get(t, 7)}, "the fullest window of each counts")
	w.pass(time.Hour)
	assert.Equal(t, "A", w.get(t, 8), "a window that was reset after the last report counts as empty")
	require.NoError(t, w.Disable(context.Background(), "id0"))
	assert.Equal(t, "B", w.get(t, 9))
	w.tell(t, 1, used("weekly", 100, now.Add(50*time.Hour)))
	assert.Equal(t, "C", w.get(t, 10))
}

func TestSkipWithEachStrategy(t *testing.T) {
	for _, name := range []string{rotation.FillFirst, rotation.MostLeft} {
		w := newWorld(t, "A", "B", "C")
		w.configure(t, name, 0)
		w.tell(t, 1, used("weekly", 5, w.now().Add(time.Hour)))
		w.tell(t, 2, used("weekly", 6, w.now().Add(time.Hour)))
		order := []string{}
		for range 4 {
			order = append(order, w.next(t))
			sw, err := w.Skip(context.Background())
			require.NoError(t, err)
			require.Equal(t, order[len(order)-1], sw.From.Label)
			require.Equal(t, w.next(t), sw.To.Label)
		}
		assert.Equal(t, []string{"A", "B", "C", "A"}, order, name)
		assert.Equal(t, "B", w.get(t, 1), name)
		assert.Equal(t, "A", w.get(t, 2), "a skip lasts for one hand-out")
	}
}

// Ahead of its limit, a process switches once, to an account that has more usage left.
func TestAhead(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Personal", "Spare")
	require.Equal(t, "Work", w.get(t, 1))
	week := w.now().Add(50 * time.Hour)
	w.tell(t, 0, used("weekly", 95, week))
	w.tell(t, 1, used("weekly", 91, week))
	require.Equal(t, "Work", w.get(t, 1), "without a percentage, the process stays")

	ask := rotation.Ask{Ahead: 95}
	h, sw, err := w.Take(ctx, proc(1), rotation.Ask{Ahead: 96})
	require.NoError(t, err)
	assert.Equal(t, "Work", h.Label)
	assert.Nil(t, sw)
	_, sw, err = w.Take(ctx, proc(1), rotation.Ask{Ahead: 91, To: func(rotation.Handout) bool { return false }})
	require.NoError(t, err)
	assert.Nil(t, sw, "the process stays if it cannot move to any of the accounts")
	to := w.Leaving(ctx, ask, proc(1))[0]
	assert.Equal(t, "Personal", to.Label)
	h, sw, err = w.Take(ctx, proc(1), ask)
	require.NoError(t, err)
	assert.Equal(t, "Personal", h.Label)
	assert.Equal(t, &rotation.Switch{From: rotation.Handout{ID: "id0", Label: "Work"}, To: h, Cause: rotation.Ahead, Percent: 95,
		Verdict: rotation.Verdict{Action: rotation.Cool, Until: week, Reason: "weekly limit", Window: "weekly"}}, sw)
	last := w.store.Events()[len(w.store.Events())-1]
	assert.Equal(t, "switched", last.Kind)
	assert.Equal(t, "95 % of its weekly limit used", last.Reason)

	// The next account fills up too: the process switches again only after a pause.
	w.tell(t, 1, used("weekly", 97, week))
	h, _, err = w.Take(ctx, proc(1), ask)
	require.NoError(t, err)
	assert.Equal(t, "Personal", h.Label)
	w.pass(15 * time.Minute)
	h, _, err = w.Take(ctx, proc(1), ask)
	require.NoError(t, err)
	assert.Equal(t, "Spare", h.Label)
	// No account has more left: the process keeps its account.
	w.tell(t, 2, used("weekly", 98, week))
	w.pass(time.Hour)
	to = w.Leaving(ctx, ask, proc(1))[0]
	assert.Empty(t, to.ID)
	h, sw, err = w.Take(ctx, proc(1), ask)
	require.NoError(t, err)
	assert.Equal(t, "Spare", h.Label)
	assert.Nil(t, sw)
	w.pass(50 * time.Hour)
	h, _, err = w.Take(ctx, proc(1), ask)
	require.NoError(t, err)
	assert.Equal(t, "Spare", h.Label, "the process keeps Spare, whose week has ended, and does not jump back")
}

func TestAheadOfTheSettingsAndOfAProcess(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Personal")
	w.configure(t, rotation.FillFirst, 90)
	require.Equal(t, "Work", w.get(t, 1))
	require.Equal(t, "Work", w.get(t, 2))
	w.tell(t, 0, used("rolling", 92, w.now().Add(time.Hour)))
	h, err := w.Acquire(ctx, proc(1), rotation.Ask{Ahead: rotation.NotAhead})
	require.NoError(t, err)
	assert.Equal(t, "Work", h.Label)
	h, err = w.Acquire(ctx, proc(1), rotation.Ask{Ahead: 95})
	require.NoError(t, err)
	assert.Equal(t, "Work", h.Label)
	assert.Equal(t, "Personal", w.get(t, 1))
	assert.Equal(t, "Personal", w.get(t, 3), "a new process does not get an account that it would have to leave")
	w.tell(t, 1, used("rolling", 99, w.now().Add(time.Hour)))
	assert.Equal(t, "Work", w.get(t, 4), "with all accounts above the percentage, a new process gets one of them")
}

func TestAMoveForAReasonThatThePoolKnows(t *testing.T) {
	ctx := context.Background()
	until := time.Date(2026, 3, 2, 11, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		do   func(*world) error
		want *rotation.Switch
	}{
		"disabled": {func(w *world) error { return w.Disable(ctx, "id0") }, &rotation.Switch{Cause: rotation.ByHand}},
		"limited": {func(w *world) error {
			_, err := w.Blame(ctx, rotation.Handout{ID: "id0"}, rotation.Verdict{Action: rotation.Cool, Until: until, Reason: "weekly limit", Window: "weekly"})
			return err
		}, &rotation.Switch{Verdict: rotation.Verdict{Action: rotation.Cool, Until: until, Reason: "weekly limit", Window: "weekly"}}},
		"rejected": {func(w *world) error {
			_, err := w.Blame(ctx, rotation.Handout{ID: "id0"}, rotation.Verdict{Action: rotation.Reject, Reason: "AuthError"})
			return err
		}, &rotation.Switch{Verdict: rotation.Verdict{Action: rotation.Reject, Reason: "AuthError"}}},
		"unchanged": {func(*world) error { return nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "Work", "Personal")
			from, err := w.Acquire(ctx, proc(1), rotation.Ask{})
			require.NoError(t, err)
			require.NoError(t, c.do(w))
			ask := rotation.Ask{}
			if c.want == nil {
				ask.Avoid = []string{from.ID}
			}
			h, sw, err := w.Take(ctx, proc(1), ask)
			require.NoError(t, err)
			if c.want != nil {
				c.want.From, c.want.To = from, h
			}
			assert.Equal(t, c.want, sw)
		})
	}
}
