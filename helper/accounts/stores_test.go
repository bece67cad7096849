package accounts

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/internal/fakeservice"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// warmed counts the calls of Warm.
type warmed struct {
	keychain.Store
	times int
}

func (s *warmed) Warm() { s.times++ }

// Only the OS keychain is prepared, and not if the command line names another store.
func TestOnlyTheOSKeychainIsPrepared(t *testing.T) {
	for store, times := range map[string]int{"": 1, OSStore: 1, FileStore: 0, "docker:vault": 0} {
		w, os := newWorld(t), &warmed{Store: keychain.NewMemory()}
		w.Keys.opened[OSStore+"\n"] = os
		w.Keys.Store = store
		w.Keys.Warm()
		assert.Equal(t, times, os.times, "--store %q", store)
	}
}

// Warm does nothing for a store that needs no preparation.
func TestAStoreWithoutPreparation(t *testing.T) {
	w := newWorld(t)
	w.stores[OSStore].before = func(op, _ string) error {
		t.Errorf("%s was called", op)
		return nil
	}
	w.Keys.Warm()
}

// Unlock reads from the encrypted file, which asks for the passphrase, and from no other store.
func TestOnlyTheEncryptedFileIsUnlocked(t *testing.T) {
	for store, reads := range map[string]int{"": 0, "docker:vault": 0, FileStore: 1} {
		w, n := newWorld(t), 0
		w.Keys.Store = store
		for _, s := range w.stores {
			s.before = func(op, _ string) error {
				assert.Equal(t, "get", op)
				n++
				return nil
			}
		}
		w.Keys.Unlock(ProgramBudget)
		assert.Equal(t, reads, n, "--store %q", store)
	}
}

// Messages name the chosen store even if the settings cannot be read.
func TestNameOfTheChosenStore(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.Pool.Configure(t.Context(), func(s *rotation.Settings) { s.Store, s.Identity = FileStore, "/x/id.txt" }))
	w.Keys.opened[FileStore+"\n/x/id.txt"] = w.stores[FileStore]
	assert.Equal(t, FileStore, w.Keys.Name())
	assert.Equal(t, "the encrypted file (identity /x/id.txt)", w.Keys.Destination())

	newer := filepath.Join(w.env["OCGO_KEY_STATE_DIR"], "state.json")
	require.NoError(t, os.WriteFile(newer, []byte(`{"version": 99}`), 0o600))
	assert.Equal(t, OSStore, w.Keys.Name())
	assert.Equal(t, "the OS keychain", w.Keys.Destination())
	_, err := w.Keys.Get(t.Context(), "x")
	assert.ErrorContains(t, err, "newer version")
	_, err = w.Keys.Inspect(t.Context())
	assert.ErrorContains(t, err, "newer version")
	assert.Error(t, w.Keys.Set(t.Context(), "x", keyOf("x")))
	assert.Error(t, w.Keys.Delete(t.Context(), "x"))

	w.Keys.Store = "docker:vault"
	assert.Equal(t, "docker:vault", w.Keys.Name(), "what the command line names needs no settings")
}

// Each store is opened once. For an unknown store, the error names the next step.
func TestStoresAreOpenedOnce(t *testing.T) {
	opened := 0
	before := OpenOS
	t.Cleanup(func() { OpenOS = before })
	OpenOS = func() keychain.Store {
		opened++
		return keychain.NewMemory()
	}
	folder := t.TempDir()
	credential := filepath.Join(folder, credentialName)
	require.NoError(t, os.WriteFile(credential, nil, 0o600))
	env := map[string]string{"OCGO_KEY_STATE_DIR": t.TempDir(), "CREDENTIALS_DIRECTORY": folder}
	k := Open(Choice{Getenv: func(name string) string { return env[name] }})
	assert.Equal(t, credential, k.identity(rotation.Settings{Identity: "/x/id.txt"}), "systemd's takes precedence over the settings")
	env["CREDENTIALS_DIRECTORY"] = t.TempDir()
	assert.Equal(t, "/x/id.txt", k.identity(rotation.Settings{Identity: "/x/id.txt"}), "systemd has none")

	stores := map[keychain.Store]bool{}
	for _, name := range []string{OSStore, FileStore, "docker:vault", "docker:other", OSStore, FileStore, "docker:vault", "docker:other"} {
		store, err := k.open(name, rotation.Settings{})
		require.NoError(t, err)
		stores[store] = true
	}
	assert.Len(t, stores, 4)
	assert.Equal(t, 1, opened)
	_, err := k.open("cloud", rotation.Settings{})
	assert.ErrorContains(t, err, "cloud")
}

// A setting that has no effect, or none yet, gets a remark.
func TestRemarksOnSettings(t *testing.T) {
	there := filepath.Join(t.TempDir(), "id.txt")
	require.NoError(t, os.WriteFile(there, nil, 0o600))
	for _, row := range []struct {
		name, want string
		settings   rotation.Settings
	}{
		{"strategy", "", rotation.Settings{}},
		{"strategy", "", rotation.Settings{Strategy: rotation.MostLeft}},
		{"strategy", "not known to this version, which uses round-robin", rotation.Settings{Strategy: "best"}},
		{"ahead", "", rotation.Settings{Ahead: 80}},
		{"store", "", rotation.Settings{}},
		{"store", "", rotation.Settings{Store: FileStore}},
		{"store", "not known to this version", rotation.Settings{Store: "cloud"}},
		{"identity", "", rotation.Settings{}},
		{"identity", "", rotation.Settings{Identity: there}},
		{"identity", "there is no such file yet", rotation.Settings{Identity: there + "x"}},
	} {
		s, err := FindSetting(row.name)
		require.NoError(t, err)
		assert.Equal(t, row.want, s.Note(row.settings), "%s with %+v", row.name, row.settings)
	}
}

// Each setting can be reset to its default.
func TestSettingsAreUnset(t *testing.T) {
	w := newWorld(t)
	for name, value := range map[string]string{"strategy": rotation.MostLeft, "ahead": "80", "store": "docker:vault", "identity": "/x/id.txt"} {
		s, err := FindSetting(name)
		require.NoError(t, err)
		initial := s.Value(w.overview().Settings)
		assert.False(t, s.IsSet(w.overview().Settings), name)
		now, err := s.Change(t.Context(), w.Pool, w.Keys, &value)
		require.NoError(t, err)
		assert.True(t, s.IsSet(now), name)
		assert.NotEqual(t, initial, s.Value(now), name)
		now, err = s.Change(t.Context(), w.Pool, w.Keys, nil)
		require.NoError(t, err)
		assert.False(t, s.IsSet(now), name)
		assert.Equal(t, initial, s.Value(now), name)
		assert.Equal(t, now, w.overview().Settings, name)
	}
}

// A key without a subscription, or one that cannot be checked, is stored with a warning. A key of
// another account is refused before the service is asked.
func TestAddWithoutACheck(t *testing.T) {
	w := newWorld(t)
	service, err := fakeservice.Start(fakeservice.Options{Accounts: []fakeservice.Account{{Key: "key-of-Work", Label: "Work"}}})
	require.NoError(t, err)
	w.serviceAt(service.BaseURL())
	service.SetPlan("key-of-Work", fakeservice.Plan{Usage: fakeservice.Usage{Answer: &fakeservice.Answer{Status: 403}}})
	_, err = w.Add(t.Context(), "Work", keyOf("Work"), false)
	require.NoError(t, err)
	assert.Equal(t, []string{"the service says that this key has no Go subscription (403); it will be stored anyway"}, w.said.warnings)

	service.ClearRequests()
	_, err = w.Add(t.Context(), "Twice", keyOf("Work"), false)
	assert.ErrorIs(t, err, rotation.ErrAlreadyThere)
	assert.EqualError(t, err, "this key is already there, as Work")
	assert.Empty(t, service.Requests(), "the service was asked about a key that is refused")

	require.NoError(t, service.Close())
	_, err = w.Add(t.Context(), "Spare", keyOf("Spare"), false)
	require.NoError(t, err)
	if assert.Len(t, w.said.warnings, 2) {
		assert.Contains(t, w.said.warnings[1], "the key could not be checked: ")
	}
	assert.Equal(t, []string{"Work", "Spare"}, w.labels())
}

// Replace records the usage that the service reports for the new key.
func TestReplaceRecordsTheUsage(t *testing.T) {
	w := newWorld(t)
	w.serve(fakeservice.Account{Key: "anew", Label: "Work", Workspace: "wrk_1", User: "usr_1"})
	v := w.add("Work")
	require.Nil(t, v.Usage)
	require.NoError(t, w.Replace(t.Context(), v, keychain.NewSecret("anew"), false))
	v = w.find("Work")
	assert.NotNil(t, v.Usage)
	assert.Equal(t, "wrk_1", v.Workspace)

	assert.ErrorIs(t, w.Replace(t.Context(), v, keychain.NewSecret("unknown"), false), ErrUnknownKey)
	assert.Equal(t, "anew", w.keyIn(OSStore, v.ID))
}
