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

func TestHistoryCountsLimits(t *testing.T) {
	store := new(state.Memory)
	pool := rotation.New(store, time.Now, func(int, string) bool { return true })
	none, err := pool.History()
	require.NoError(t, err)
	assert.Empty(t, none.Events)
	assert.Empty(t, none.Hits)

	note := func(kind, account, to, reason string) state.Event {
		return state.Event{Kind: kind, Account: account, To: to, Reason: reason}
	}
	events := []state.Event{
		note("added", "Work", "", ""),
		note("cooled", "Work", "", "5-hour limit"),
		note("switched", "Work", "Personal", "5-hour limit"), // the same limit again
		note("corrected", "Work", "", "weekly limit"),        // the weekly window was used up too
		note("corrected", "Work", "", "weekly limit"),        // only the time changed
		note("cooled", "Personal", "", "rate limit on m"),
		note("cooled", "Personal", "", "too many requests"),
		note("renamed", "Work", "Day", ""),
		note("cooled", "Day", "", "5-hour limit"),
		note("added", "Work", "", ""), // another account under the old label
		note("cooled", "Work", "", "monthly limit"),
		note("cooled", "Work", "", "empty balance"),
		note("removed", "Personal", "", ""),
		note("renamed", "Day", "Personal", ""), // this label is free again
		note("renamed", "Nobody", "Somebody", ""),
		note("a kind of tomorrow", "Work", "", "weekly limit"),
	}
	require.NoError(t, store.Update(context.Background(), func(s *state.State) error {
		for _, e := range events {
			s.Note(e)
		}
		return nil
	}))
	h, err := pool.History()
	require.NoError(t, err)
	assert.Equal(t, events, h.Events)
	assert.Equal(t, []rotation.Hits{
		{"Personal", map[string]int{"rolling": 2, "weekly": 1, rotation.RateLimit: 2}},
		{"Work", map[string]int{"monthly": 1, rotation.OtherLimit: 1}},
	}, h.Hits)
}
