package accounts

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/hint"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// The command line (a flag or its variable) takes precedence over the settings. The default is the
// OS keychain.
func TestStoreThatIsChosen(t *testing.T) {
	for _, row := range []struct{ line, remembered, want string }{
		{"", "", OSStore}, {"", FileStore, FileStore}, {"docker:vault", FileStore, "docker:vault"}, {OSStore, FileStore, OSStore}, {FileStore, "", FileStore},
	} {
		w := newWorld(t)
		require.NoError(t, w.Pool.Configure(t.Context(), func(s *rotation.Settings) { s.Store = row.remembered }))
		w.Keys.Store = row.line
		assert.Equal(t, row.want, w.Keys.Name(), "%+v", row)
		require.NoError(t, w.Keys.Set(t.Context(), "id", keyOf("x")))
		for name := range w.stores {
			assert.Equal(t, name == row.want, w.keyIn(name, "id") != "", "%+v: %s", row, name)
		}
	}
}

func TestIdentityThatIsChosen(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, credentialName)
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	remembered := rotation.Settings{Identity: "/remembered"}
	for _, row := range []struct{ line, systemd, want string }{
		{"", "", "/remembered"}, {"", dir, file}, {"", t.TempDir(), "/remembered"}, {"/line", dir, "/line"},
	} {
		w := newWorld(t)
		w.Keys.Identity, w.env["CREDENTIALS_DIRECTORY"] = row.line, row.systemd
		assert.Equal(t, row.want, w.Keys.identity(remembered), "%+v", row)
	}
}

// Each call uses the store that is chosen at that time. A store that this version does not know is
// an error.
func TestKeysFollowAMove(t *testing.T) {
	w := newWorld(t)
	v := w.add("Work")
	require.NoError(t, w.stores[FileStore].Set(t.Context(), v.ID, keychain.NewSecret("there")))
	require.NoError(t, w.pool().Moved(t.Context(), FileStore, ""))
	key, err := w.Keys.Get(t.Context(), v.ID)
	require.NoError(t, err)
	assert.Equal(t, "there", key.Reveal())

	require.NoError(t, w.pool().Moved(t.Context(), "cloud", ""))
	_, err = w.Keys.Get(t.Context(), v.ID)
	assert.ErrorContains(t, err, `there is no store "cloud"`)
	next, _ := hint.Of(err)
	assert.Contains(t, next, "config --unset store")
}

// Get finds a key that is moved to another store during the call.
func TestGetDuringAMove(t *testing.T) {
	w := newWorld(t)
	v := w.add("Work")
	w.stores[OSStore].before = func(op, id string) error {
		if op == "get" {
			require.NoError(t, w.stores[FileStore].Set(t.Context(), id, keyOf("Work")))
			require.NoError(t, w.pool().Moved(t.Context(), FileStore, ""))
			return w.stores[OSStore].Store.Delete(t.Context(), id)
		}
		return nil
	}
	key, err := w.Keys.Get(t.Context(), v.ID)
	require.NoError(t, err)
	assert.Equal(t, "key-of-Work", key.Reveal())
}

// After an interrupted move, Delete deletes a key in both stores.
func TestDeleteAtBothEnds(t *testing.T) {
	w := newWorld(t)
	v := w.add("Work")
	require.NoError(t, w.Pool.BeginMove(t.Context(), rotation.KeyMove{From: OSStore, To: FileStore}))
	require.NoError(t, w.stores[FileStore].Set(t.Context(), v.ID, keyOf("Work")))
	require.NoError(t, w.Keys.Delete(t.Context(), v.ID))
	assert.Empty(t, w.keyIn(OSStore, v.ID))
	assert.Empty(t, w.keyIn(FileStore, v.ID))
}

// No key is stored or deleted during a move, and keys are added one at a time.
func TestLocks(t *testing.T) {
	w := newWorld(t)
	other := w.keys()
	assert.False(t, other.Moving())
	err := w.Keys.locked(t.Context(), MoveLockName, takeAlone, func() error {
		assert.True(t, other.Moving())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/10)
		defer cancel()
		assert.ErrorIs(t, other.Set(ctx, "id", keyOf("x")), ErrBusy)
		assert.ErrorIs(t, other.Delete(ctx, "id"), ErrBusy)
		return nil
	})
	require.NoError(t, err)
	assert.Empty(t, w.keyIn(OSStore, "id"))
	require.NoError(t, other.Set(t.Context(), "id", keyOf("x")))

	err = w.Alone(func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/10)
		defer cancel()
		return other.locked(ctx, AddLockName, takeAlone, func() error { return nil })
	})
	assert.ErrorIs(t, err, ErrBusy)
}

func TestStoreNames(t *testing.T) {
	for _, name := range []string{OSStore, FileStore, "docker:pass"} {
		assert.NoError(t, CheckStore(name), name)
	}
	for _, name := range []string{"", "OS", "docker:", "docker:a/b", "pass"} {
		assert.Error(t, CheckStore(name), name)
	}
	assert.Equal(t, "the OS keychain", Place(OSStore))
	assert.Equal(t, "the encrypted file", Place(FileStore))
	assert.Equal(t, "docker:pass", Place("docker:pass"))
}

func TestSettings(t *testing.T) {
	w := newWorld(t)
	change := func(name, value string) error {
		s, err := FindSetting(name)
		require.NoError(t, err)
		now, err := s.Change(t.Context(), w.Pool, w.Keys, &value)
		if err == nil {
			assert.Equal(t, s.Value(w.overview().Settings), s.Value(now))
			assert.True(t, s.IsSet(now) || s.Value(now) == 0)
		}
		return err
	}
	for _, row := range []struct{ name, value string }{
		{"strategy", "most-left"}, {"ahead", "95"}, {"ahead", "off"}, {"store", "docker:pass"}, {"store", OSStore}, {"identity", "/x/id.txt"},
	} {
		assert.NoError(t, change(row.name, row.value), "%+v", row)
	}
	for _, row := range []struct{ name, value string }{
		{"strategy", "best"}, {"ahead", "100"}, {"ahead", "-1"}, {"ahead", "x"}, {"store", "cloud"}, {"identity", "fd:3"}, {"identity", "/dev/fd/3"}, {"identity", ""},
	} {
		assert.ErrorIs(t, change(row.name, row.value), hint.ErrInput, "%+v", row)
	}
	_, err := FindSetting("colour")
	assert.ErrorIs(t, err, hint.ErrInput)

	w.add("Work")
	err = change("store", FileStore)
	assert.ErrorContains(t, err, "the keys of 1 account are in the OS keychain", "a pool with accounts")
	next, _ := hint.Of(err)
	assert.Equal(t, "`ocgo-key migrate --to file` moves them", next)
	require.NoError(t, w.Pool.BeginMove(t.Context(), rotation.KeyMove{From: OSStore, To: FileStore}))
	assert.ErrorContains(t, change("store", OSStore), "was interrupted")
	store, err := FindSetting("store")
	require.NoError(t, err)
	assert.Equal(t, "a move from os to file was interrupted", store.Note(w.overview().Settings))

	ahead, err := FindSetting("ahead")
	require.NoError(t, err)
	now, err := ahead.Change(t.Context(), w.Pool, w.Keys, nil)
	require.NoError(t, err)
	assert.False(t, ahead.IsSet(now))
}
