package rotation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// talk returns the account that the conversation with this id gets for its next request.
func (w *world) talk(t require.TestingT, id string) string {
	h, err := w.Acquire(context.Background(), rotation.ConversationOf(id), rotation.Ask{})
	require.NoError(t, err)
	return h.Label
}

func (w *world) conversations(t require.TestingT) []state.Lease {
	s, err := w.store.Read(context.Background())
	require.NoError(t, err)
	return *s.Conversations.All()
}

func TestConversationsTakeTurnsWithProcesses(t *testing.T) {
	w := newWorld(t, "Work", "Personal", "Spare")
	assert.Equal(t, []string{"Work", "Personal", "Spare", "Work"}, []string{w.talk(t, "a"), w.get(t, 1), w.talk(t, "b"), w.talk(t, "c")})
	assert.Equal(t, []string{"Work", "Spare", "Personal"}, []string{w.talk(t, "a"), w.talk(t, "b"), w.get(t, 1)}, "each holder keeps its account")
	o, err := w.Overview(context.Background())
	require.NoError(t, err)
	assert.Equal(t, []int{2, 0, 1}, []int{o.Accounts[0].Conversations, o.Accounts[1].Conversations, o.Accounts[2].Conversations})
	assert.Len(t, o.Accounts[1].Leases, 1)
	assert.Empty(t, o.Accounts[0].Leases, "no process holds Work")
}

func TestConversationEndsADayAfterItsLastRequest(t *testing.T) {
	w := newWorld(t, "Work", "Personal", "Spare")
	require.Equal(t, "Work", w.talk(t, "a"))
	w.pass(59 * time.Minute)
	require.Equal(t, "Work", w.talk(t, "a"), "this use is not recorded: it is less than an hour after the last record")
	w.pass(24*time.Hour - time.Second)
	require.Equal(t, "Work", w.talk(t, "a"))
	w.pass(25 * time.Hour)
	o, err := w.Overview(context.Background())
	require.NoError(t, err)
	assert.Zero(t, o.Accounts[0].Conversations)
	assert.Equal(t, "Personal", w.talk(t, "a"))
	assert.Len(t, w.conversations(t), 1, "the new lease replaces the old one")
	events := w.store.Events()
	assert.Equal(t, "leased", events[len(events)-1].Kind, "not a switch, since the old lease had ended")
}

// The use of a lease is recorded at most once an hour.
func TestUseIsWrittenHourly(t *testing.T) {
	w := newWorld(t, "Work", "Personal")
	start := w.now()
	writes, before := 0, w.Stamp()
	for range 10 * 60 {
		w.talk(t, "a")
		if now := w.Stamp(); now != before {
			writes, before = writes+1, now
		}
		w.pass(time.Minute)
	}
	assert.Equal(t, 10, writes)
	assert.Equal(t, start.Add(9*time.Hour), w.conversations(t)[0].Used)
}

// Setting the clock back does not make a lease last longer.
func TestConversationAndAClockSetBack(t *testing.T) {
	w := newWorld(t, "Work", "Personal")
	require.Equal(t, "Work", w.talk(t, "a"))
	w.pass(-2 * time.Hour)
	require.Equal(t, "Work", w.talk(t, "a"))
	assert.Equal(t, w.now(), w.conversations(t)[0].Used)
	w.pass(-365 * 24 * time.Hour)
	require.Equal(t, "Personal", w.talk(t, "a"))
}

func TestTheLatestConversationsAreKept(t *testing.T) {
	w := newWorld(t, "Work", "Personal", "Spare")
	first := w.talk(t, "0")
	for i := 1; i < 600; i++ {
		w.pass(time.Minute)
		w.talk(t, fmt.Sprint(i))
		if i%60 == 0 {
			require.Equal(t, first, w.talk(t, "0"), "a lease that is still used must not be pruned")
		}
	}
	kept := w.conversations(t)
	assert.Len(t, kept, 512)
	before := w.Stamp()
	for i := 89; i < 600; i++ {
		w.talk(t, fmt.Sprint(i))
		if i == 500 {
			assert.NotEqual(t, before, w.Stamp(), "using a lease that is hours old must record the use")
		}
	}
	assert.Len(t, w.conversations(t), 512)
	for i := 1; i <= 512; i++ {
		w.talk(t, fmt.Sprint("later ", i))
	}
	assert.Len(t, w.conversations(t), 512)
	assert.NotContains(t, w.conversations(t), kept[0])
}

// If a conversation's lease was pruned from the state, its last hand-out is used, and nothing is
// written.
func TestServerRemembersAPrunedLease(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Personal", "Spare")
	a := rotation.ConversationOf("a")
	had, err := w.Acquire(ctx, a, rotation.Ask{})
	require.NoError(t, err)
	w.forget(t, "a")
	before := w.Stamp()
	h, err := w.Acquire(ctx, a, rotation.Ask{Had: had})
	require.NoError(t, err)
	assert.Equal(t, had, h)
	assert.Equal(t, before, w.Stamp())

	w.pass(time.Hour)
	h, err = w.Acquire(ctx, a, rotation.Ask{Had: had})
	require.NoError(t, err)
	assert.Equal(t, "Work", h.Label)
	assert.Equal(t, w.now(), h.Used)
	assert.Len(t, w.conversations(t), 1, "the conversation has a lease in the state again")

	w.forget(t, "a")
	next, moved, err := w.Report(ctx, a, h, rotation.Verdict{Action: rotation.Cool, Until: w.now().Add(time.Hour), Reason: "weekly limit"}, rotation.Ask{Had: h})
	require.NoError(t, err)
	assert.True(t, moved)
	assert.Equal(t, "Personal", next.Label)
	events := w.store.Events()
	assert.Equal(t, "switched", events[len(events)-1].Kind)

	w.forget(t, "a")
	w.pass(25 * time.Hour)
	h, err = w.Acquire(ctx, a, rotation.Ask{Had: next})
	require.NoError(t, err)
	assert.Equal(t, "Spare", h.Label, "a remembered lease ends a day after its last use, like any other")
}

// forget prunes the lease of a conversation by starting many others.
func (w *world) forget(t require.TestingT, id string) {
	require.NoError(t, w.Release(context.Background(), rotation.ConversationOf(id)))
}

func TestALimitMovesTheConversationsOfItsAccount(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Personal", "Spare")
	ids := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}
	before := map[string]string{}
	for _, id := range ids {
		before[id] = w.talk(t, id)
	}
	blamed, err := w.Acquire(ctx, rotation.ConversationOf("a"), rotation.Ask{})
	require.NoError(t, err)
	require.Equal(t, "Work", blamed.Label)
	_, moved, err := w.Report(ctx, rotation.ConversationOf("a"), blamed, rotation.Verdict{Action: rotation.Cool, Until: w.now().Add(time.Hour), Reason: "weekly limit"}, rotation.Ask{})
	require.NoError(t, err)
	assert.True(t, moved)
	shares := map[string]int{}
	for _, id := range ids {
		now := w.talk(t, id)
		if before[id] == "Work" {
			shares[now]++
		} else {
			assert.Equal(t, before[id], now, "a conversation on another account must not move")
		}
	}
	assert.Equal(t, 3, shares["Personal"]+shares["Spare"])
	assert.LessOrEqual(t, max(shares["Personal"], shares["Spare"])-min(shares["Personal"], shares["Spare"]), 1, "the moved conversations are spread over the other accounts")
}

func TestDisableAndRemoveMoveConversations(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Personal", "Spare")
	require.Equal(t, "Work", w.talk(t, "a"))
	require.NoError(t, w.Disable(ctx, "id0"))
	_, sw, err := w.Take(ctx, rotation.ConversationOf("a"), rotation.Ask{})
	require.NoError(t, err)
	require.NotNil(t, sw)
	assert.Equal(t, rotation.ByHand, sw.Cause)
	assert.Equal(t, "Personal", sw.To.Label)
	require.NoError(t, w.Remove(ctx, "id1"))
	assert.Empty(t, w.conversations(t))
	assert.Equal(t, "Spare", w.talk(t, "a"))
}

// No file contains the id of a conversation. Events call every conversation "conversation".
func TestNoIDOfAConversationIsKept(t *testing.T) {
	const id = "ses_0123456789abcdef"
	w := newWorld(t, "Work", "Personal")
	w.talk(t, id)
	require.NoError(t, w.Disable(context.Background(), "id0"))
	w.talk(t, id)
	s, err := w.store.Read(context.Background())
	require.NoError(t, err)
	all, err := json.Marshal(map[string]any{"state": s, "events": w.store.Events()})
	require.NoError(t, err)
	assert.NotContains(t, string(all), id)
	assert.Contains(t, string(all), w.conversations(t)[0].Conversation, "the hash of the id is stored")
	for _, e := range w.store.Events() {
		if e.Kind == "leased" || e.Kind == "switched" {
			assert.Equal(t, "conversation", e.Command)
			assert.Zero(t, e.PID)
			assert.NotContains(t, fmt.Sprint(e), w.conversations(t)[0].Conversation)
		}
	}
}

// If every usage limit is reached, Spare returns the account of the conversation.
func TestSpareIsTheConversationsOwn(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, "Work", "Personal")
	for i, id := range []string{"a", "b"} {
		h, err := w.Acquire(ctx, rotation.ConversationOf(id), rotation.Ask{})
		require.NoError(t, err)
		v := rotation.Verdict{Action: rotation.Cool, Until: w.now().Add(time.Duration(i+1) * time.Hour), Reason: "weekly limit", Window: "weekly"}
		_, err = w.Blame(ctx, h, v)
		if i == 1 {
			require.ErrorAs(t, err, new(*rotation.ExhaustedError))
		}
	}
	for id, label := range map[string]string{"a": "Work", "b": "Personal", "new": "Work"} {
		h, ok, err := w.Spare(ctx, rotation.ConversationOf(id), rotation.Ask{}, rotation.ForModel)
		require.NoError(t, err)
		require.True(t, ok)
		assert.Equal(t, label, h.Label, id)
	}
}
