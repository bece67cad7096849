package helper_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
	"ocgo-key/rotation/state"
)

// slowStore waits before it writes a change.
type slowStore struct {
	*state.Memory
	wait func() error
}

func (s *slowStore) Update(ctx context.Context, change func(*state.State) error) error {
	return s.Memory.Update(ctx, func(st *state.State) error {
		if err := change(st); err != nil {
			return err
		}
		return s.wait()
	})
}

// askedStore reports each read of a key, and can panic.
type askedStore struct {
	asked  chan string
	panics atomic.Int32
}

func (*askedStore) Name() string { return "asked" }
func (k *askedStore) Get(_ context.Context, id string) (keychain.Secret, error) {
	k.asked <- id
	if k.panics.Add(-1) >= 0 {
		panic("a key")
	}
	return keychain.NewSecret("sk-" + id), nil
}
func (*askedStore) Set(context.Context, string, keychain.Secret) error { return nil }
func (*askedStore) Delete(context.Context, string) error               { return nil }

func earlyHolder(t *testing.T) (*helper.Holder, *slowStore, *askedStore) {
	t.Helper()
	store := &slowStore{new(state.Memory), func() error { return nil }}
	pool := rotation.New(store, time.Now, func(int, string) bool { return true })
	for _, id := range []string{"a", "b"} {
		require.NoError(t, pool.Add(t.Context(), rotation.NewAccount{ID: id, Label: id}))
	}
	keys := &askedStore{asked: make(chan string, 8)}
	return helper.NewHolder(pool, keys, rotation.Process{PID: 1, Start: "x"}, func(_, _ rotation.Handout) {}), store, keys
}

// The key is read once, before the hand-out is written to the state.
func TestKeyIsFetchedWhileTheLeaseIsWritten(t *testing.T) {
	h, store, keys := earlyHolder(t)
	store.wait = func() error {
		select {
		case id := <-keys.asked:
			assert.Equal(t, "a", id)
			return nil
		case <-time.After(10 * time.Second):
			return errors.New("the keychain was not read")
		}
	}
	g, err := h.Current(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, "sk-a", g.Key.Reveal())
	store.wait = func() error { return nil }
	again, err := h.Current(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, "a", again.ID)
	assert.Empty(t, keys.asked)
}

// A hand-out that could not be written is not used, nor is its key used by the next call.
func TestKeyOfAHandOutThatFailed(t *testing.T) {
	h, store, keys := earlyHolder(t)
	full := errors.New("disk full")
	store.wait = func() error { return full }
	_, err := h.Current(t.Context(), nil)
	require.ErrorIs(t, err, full)
	store.wait = func() error { return nil }
	g, err := h.Current(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, "sk-a", g.Key.Reveal())
	assert.NotEmpty(t, keys.asked)
}

// A panic in the keychain's library also occurs in the caller that needs the key.
func TestPanicWhileAKeyIsFetched(t *testing.T) {
	h, _, keys := earlyHolder(t)
	keys.panics.Store(1)
	g, err := h.Current(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, "sk-a", g.Key.Reveal())
	h, _, keys = earlyHolder(t)
	keys.panics.Store(2)
	assert.PanicsWithValue(t, "a key", func() { _, _ = h.Current(t.Context(), nil) })
}
