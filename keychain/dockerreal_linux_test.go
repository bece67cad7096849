//go:build !check

package keychain_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
	"ocgo-key/keychain/keychaintest"
)

func TestDockerPassConforms(t *testing.T) {
	s := keychaintest.StartPasswordStore(t)
	setEnv(t, s.Env())
	store := keychain.NewDocker("pass")
	keychaintest.ConformanceSlow(t, func(*testing.T) keychain.Store { return store })
	set(t, store, "id", marker)
	require.NoError(t, filepath.WalkDir(s.Dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		noMarker(t, path, string(text))
		return err
	}))
	seen, err := store.(keychain.Inspector).Inspect(t.Context())
	require.NoError(t, err)
	assert.Equal(t, keychain.Inspection{Complete: true, IDs: []string{"id"}}, seen)

	// From now on each request for the passphrase is canceled.
	require.NoError(t, s.Lock())
	_, err = store.Get(t.Context(), "id")
	e := asError(t, err)
	assert.Contains(t, []keychain.Kind{keychain.Locked, keychain.Refused}, e.Kind, "%v", err)
	assert.NotEmpty(t, e.Hint)
}

func TestDockerPassThatIsNotSetUp(t *testing.T) {
	t.Setenv("GNUPGHOME", t.TempDir())
	t.Setenv("PASSWORD_STORE_DIR", filepath.Join(t.TempDir(), "none"))
	err := keychain.NewDocker("pass").Set(t.Context(), "id", keychain.NewSecret(marker))
	require.ErrorIs(t, err, keychain.ErrNoKeychain)
	assert.Equal(t, `cannot store the key of account "id" (store docker:pass): docker-credential-pass: the password store is not set up`, err.Error())
	assert.Contains(t, asError(t, err).Hint, "pass init")
}

// The test uses the keyring that all tests of this package share.
func TestDockerSecretServiceConforms(t *testing.T) {
	tool(t, "docker-credential-secretservice", "golang-docker-credential-helpers")
	keychaintest.Conformance(t, func(*testing.T) keychain.Store { return keychain.NewDocker("secretservice") })
}

// For each unusable keyring, the error of the real helper gets the right Kind and a hint.
func TestDockerSecretServiceWithoutAKeyring(t *testing.T) {
	for _, test := range []struct {
		name string
		env  func(*testing.T) []string
		kind keychain.Kind
	}{
		{"no bus", func(*testing.T) []string { return []string{"DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR="} }, keychain.NoKeychain},
		{"bus gone", func(t *testing.T) []string {
			return []string{"DBUS_SESSION_BUS_ADDRESS=unix:path=" + filepath.Join(t.TempDir(), "gone")}
		}, keychain.NoKeychain},
		{"no service", func(t *testing.T) []string {
			return keychaintest.StartSecretService(t, keychaintest.NoService).Env()
		}, keychain.NoKeychain},
		{"no default keyring", func(t *testing.T) []string { return keychaintest.StartSecretService(t, keychaintest.Fresh).Env() }, keychain.NoKeychain},
		{"locked", func(t *testing.T) []string { return keychaintest.StartSecretService(t, keychaintest.Locked).Env() }, keychain.Locked},
	} {
		t.Run(test.name, func(t *testing.T) {
			setEnv(t, append(test.env(t), "DISPLAY=", "WAYLAND_DISPLAY="))
			err := keychain.NewDocker("secretservice").Set(t.Context(), "id", keychain.NewSecret(marker))
			e := asError(t, err)
			assert.Equal(t, test.kind, e.Kind, "%v", err)
			assert.NotEmpty(t, e.Hint)
			noMarker(t, "error", err.Error()+e.Hint)
		})
	}
	// The helper finds no key in a locked keyring. The store must not report this as "not found".
	t.Run("keyring locked after Set", func(t *testing.T) {
		d := keychaintest.StartSecretService(t, keychaintest.Unlocked)
		setEnv(t, append(d.Env(), "DISPLAY=", "WAYLAND_DISPLAY="))
		store := keychain.NewDocker("secretservice")
		set(t, store, "id", marker)
		require.NoError(t, d.Lock())
		_, err := store.Get(t.Context(), "id")
		e := asError(t, err)
		assert.Equal(t, keychain.Locked, e.Kind, "%v", err)
		err = store.Delete(t.Context(), "id")
		assert.NotErrorIs(t, err, keychain.ErrNotFound)
		assert.Error(t, err)
	})
}

func TestDockerFakeConforms(t *testing.T) {
	tool(t, "jq", "jq")
	store, _ := fakeHelper(t, filing)
	keychaintest.ConformanceSlow(t, func(*testing.T) keychain.Store { return store })
}
