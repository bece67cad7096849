package rotation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

func TestRecover(t *testing.T) {
	store := &state.Memory{}
	pool := rotation.New(store, time.Now, func(int, string) bool { return true })
	require.NoError(t, pool.Prepare(t.Context(), "a", "Work"))
	label, err := pool.Recover(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, "Recovered 1", label)
	label, err = pool.Recover(t.Context(), "b")
	require.NoError(t, err)
	assert.Equal(t, "Recovered 2", label)
	label, err = pool.Recover(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, "Recovered 1", label, "a second Recover of the same key adds no account")
	require.NoError(t, pool.Rename(t.Context(), "a", "RECOVERED 3"))
	require.NoError(t, pool.Remove(t.Context(), "b"))
	for _, want := range []string{"Recovered 1", "Recovered 2", "Recovered 4"} {
		label, err = pool.Recover(t.Context(), want)
		require.NoError(t, err)
		assert.Equal(t, want, label)
	}
	s, err := store.Read(t.Context())
	require.NoError(t, err)
	assert.Empty(t, s.Pending)
	assert.Len(t, s.Accounts, 4)
}

// A change of a key that is begun twice is on the list of pending changes once. A change for an
// account that does not exist is not on the list.
func TestAChangeIsPendingOnce(t *testing.T) {
	w := newWorld(t, "Work")
	for range 2 {
		require.NoError(t, w.PrepareReplace(t.Context(), "id0"))
	}
	require.NoError(t, w.PrepareRemove(t.Context(), "id0"))
	s, err := w.store.Read(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []state.Pending{{ID: "id0", Op: "remove", Since: w.now()}}, s.Pending)
	assert.ErrorIs(t, w.PrepareReplace(t.Context(), "id1"), rotation.ErrNoSuchAccount)
	require.NoError(t, w.ClearPending(t.Context(), "id0"))
	s, err = w.store.Read(t.Context())
	require.NoError(t, err)
	assert.Empty(t, s.Pending)
}
