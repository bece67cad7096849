package rotation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ocgo-key/rotation"
)

func (w *world) tiers(t require.TestingT, tiers ...int) {
	for i, tier := range tiers {
		require.NoError(t, w.SetTier(context.Background(), fmt.Sprint("id", i), tier))
	}
}

func TestTheReserveIsLast(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Reserve", "Personal")
	w.tiers(t, 1, 2, 1)
	assert.Equal(t, []string{"Work", "Personal", "Work"}, []string{w.get(t, 1), w.get(t, 2), w.get(t, 3)})
	_, err := w.limit(t, 1, time.Hour)
	require.NoError(t, err)
	next, err := w.limit(t, 2, 2*time.Hour)
	require.NoError(t, err)
	assert.Equal(t, []string{"Reserve", "Reserve"}, []string{next, w.get(t, 4)})
	w.pass(time.Hour)
	assert.Equal(t, []string{"Work", "Work"}, []string{w.get(t, 5), w.get(t, 6)}, "new processes go back at once")
	assert.Equal(t, "Reserve", w.get(t, 4), "a process that has the reserve stays")
	w.pass(time.Hour)
	assert.Equal(t, "Personal", w.get(t, 7), "the turn of the first tier does not depend on the reserve's")

	_, err = w.Use(ctx, "id1")
	require.NoError(t, err)
	assert.Equal(t, []string{"Reserve", "Work"}, []string{w.get(t, 8), w.get(t, 9)}, "a choice by hand comes first")
	for _, tier := range []int{-1, 0, 10} {
		require.ErrorIs(t, w.SetTier(ctx, "id0", tier), rotation.ErrSetting)
	}
}

func TestSkipStaysInTheTier(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Reserve")
	w.tiers(t, 1, 2)
	_, err := w.Skip(ctx)
	require.ErrorIs(t, err, rotation.ErrNoOther)
	assert.Equal(t, "Work", w.next(t))
}

func TestAheadStaysInTheTier(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Reserve")
	w.tiers(t, 1, 2)
	require.Equal(t, "Work", w.get(t, 1))
	w.tell(t, 0, used("weekly", 97, w.now().Add(time.Hour)))
	h, err := w.Acquire(ctx, proc(1), rotation.Ask{Ahead: 95})
	require.NoError(t, err)
	assert.Equal(t, "Work", h.Label)
}

func TestTheTurnOutlivesTheTiers(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "A", "B", "C")
	require.Equal(t, "A", w.get(t, 1))
	w.tiers(t, 1, 1, 2)
	require.Equal(t, "B", w.get(t, 2))
	w.tiers(t, 1, 1, 1)
	assert.Equal(t, []string{"C", "A", "B"}, []string{w.get(t, 3), w.get(t, 4), w.get(t, 5)})
	w.tiers(t, 1, 1, 2)
	require.Equal(t, "A", w.get(t, 6))
	require.NoError(t, w.Remove(ctx, "id0"))
	assert.Equal(t, "B", w.get(t, 7))
}

// TestTurnsOfTiers makes 10,000 hand-outs to new processes. Meanwhile accounts of several tiers
// begin and end cooldowns at random, processes switch at limits, and the user chooses accounts. The
// rules:
//   - an account is handed out in turn only while no account of a lower tier is ready;
//   - between two hand-outs of an account that stays ready, no other account of its tier is handed
//     out twice;
//   - so an account that stays ready is handed out once within as many hand-outs as its tier has
//     accounts.
func TestTurnsOfTiers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		turns := newTurnsCheck(t)
		for pid := 1; turns.total < 10_000/100; pid++ { // in each of rapid's 100 runs
			turns.step(t, pid)
		}
	})
}

// turnsCheck counts, for each account, the hand-outs in turn since it was last handed out or
// unready.
type turnsCheck struct {
	*world
	labels []string
	tier   map[string]int
	until  map[string]time.Time      // the end of the account's cooldown
	since  map[string]map[string]int // for each account, the number of hand-outs of each other account
	total  int
}

func newTurnsCheck(t *rapid.T) *turnsCheck {
	c := &turnsCheck{tier: map[string]int{}, until: map[string]time.Time{}, since: map[string]map[string]int{}}
	n := rapid.IntRange(1, 7).Draw(t, "accounts")
	for i := range n {
		label := string(rune('A' + i))
		c.labels, c.since[label] = append(c.labels, label), map[string]int{}
	}
	c.world = newWorld(t, c.labels...)
	for i, label := range c.labels {
		c.tier[label] = rapid.IntRange(1, 3).Draw(t, "tier")
		require.NoError(t, c.SetTier(context.Background(), fmt.Sprint("id", i), c.tier[label]))
	}
	return c
}

func (c *turnsCheck) ready(label string) bool { return !c.now().Before(c.until[label]) }

func (c *turnsCheck) step(t *rapid.T, pid int) {
	ctx := context.Background()
	i := rapid.IntRange(0, len(c.labels)-1).Draw(t, "account")
	choice := rotation.Choice{}
	switch rapid.IntRange(0, 7).Draw(t, "event") {
	case 0: // an account reaches a limit, and a process that has it switches
		h, err := c.Acquire(ctx, proc(pid), rotation.Ask{})
		if err != nil {
			c.pass(time.Minute)
			return
		}
		c.handedOut(t, h.Label)
		c.cool(t, h.Label)
		next, _, err := c.Report(ctx, proc(pid), h, rotation.Verdict{Action: rotation.Cool, Until: c.until[h.Label], Reason: "weekly limit", Window: "weekly"}, rotation.Ask{})
		if err == nil {
			c.handedOut(t, next.Label)
		}
		return
	case 1: // another process reports a limit
		c.cool(t, c.labels[i])
		_, _ = c.Blame(ctx, rotation.Handout{ID: fmt.Sprint("id", i)}, rotation.Verdict{Action: rotation.Cool, Until: c.until[c.labels[i]], Reason: "weekly limit", Window: "weekly"})
		return
	case 2:
		c.pass(time.Duration(rapid.IntRange(1, 60).Draw(t, "minutes")) * time.Minute)
		return
	case 3:
		choice.ID = fmt.Sprint("id", i)
	case 4:
		if _, err := c.Use(ctx, fmt.Sprint("id", i)); err == nil {
			choice.ID = fmt.Sprint("id", i)
			require.Equal(t, c.labels[i], c.get(t, pid))
		}
	}
	if h, err := c.Acquire(ctx, proc(pid), rotation.Ask{Choice: choice}); err == nil && (choice.ID == "" || h.ID != choice.ID) {
		c.handedOut(t, h.Label)
	}
}

func (c *turnsCheck) cool(t *rapid.T, label string) {
	if c.ready(label) {
		c.until[label] = c.now().Add(time.Duration(rapid.IntRange(3, 300).Draw(t, "seconds")) * time.Second)
		clear(c.since[label])
	}
}

// handedOut checks one hand-out in turn.
func (c *turnsCheck) handedOut(t *rapid.T, label string) {
	c.total++
	require.True(t, c.ready(label))
	clear(c.since[label])
	for _, other := range c.labels {
		switch {
		case other == label:
		case !c.ready(other):
			clear(c.since[other])
		case c.tier[other] < c.tier[label]:
			require.Fail(t, "an account of a lower tier is ready", "%s instead of %s", label, other)
		case c.tier[other] == c.tier[label]:
			c.since[other][label]++
			require.LessOrEqual(t, c.since[other][label], 1, "%s was handed out twice, and %s not once", label, other)
		}
	}
}
