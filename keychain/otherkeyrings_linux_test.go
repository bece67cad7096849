//go:build !check

package keychain_test

import (
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
	"ocgo-key/keychain/keychaintest"
)

// strayed returns a keyring daemon with a key in "Default keyring". The keyring "login", which
// go-keyring prefers, was created later.
func strayed(t *testing.T) (d *keychaintest.Daemon, old, login dbus.ObjectPath) {
	t.Helper()
	d = keychaintest.StartSecretService(t, keychaintest.Fresh)
	old, err := d.CreateKeyring(keychaintest.DefaultKeyring)
	require.NoError(t, err)
	r := inChild(t, job{Op: "set", Secret: marker}, d.Env()...)
	require.True(t, r.OK, r.Message)
	login, err = d.CreateKeyring(keychaintest.LoginKeyring)
	require.NoError(t, err)
	require.Equal(t, "/org/freedesktop/secrets/collection/login", string(login))
	assert.Equal(t, []string{"child"}, keysIn(t, d, old))
	assert.Empty(t, keysIn(t, d, login))
	return d, old, login
}

func keysIn(t *testing.T, d *keychaintest.Daemon, ring dbus.ObjectPath) []string {
	t.Helper()
	ids, err := d.KeysIn(ring)
	require.NoError(t, err)
	return ids
}

func TestKeyInAnotherKeyringIsFound(t *testing.T) {
	d, _, _ := strayed(t)
	r := inChild(t, job{Op: "get"}, d.Env()...)
	assert.Equal(t, marker, r.Value, r.Message)
	r = inChild(t, job{Op: "inspect"}, d.Env()...)
	assert.Equal(t, "true [child]", r.Value, r.Message)
	r = inChild(t, job{Op: "get", ID: "none"}, d.Env()...)
	assert.Equal(t, keychain.NotFound, r.Kind, r.Message)
}

func TestKeyInAnotherKeyringIsDeleted(t *testing.T) {
	d, old, _ := strayed(t)
	r := inChild(t, job{Op: "delete"}, d.Env()...)
	assert.True(t, r.OK, r.Message)
	assert.Empty(t, keysIn(t, d, old))
	r = inChild(t, job{Op: "delete"}, d.Env()...)
	assert.Equal(t, keychain.NotFound, r.Kind, r.Message)
}

// Set stores the new key in "login", and deletes the old one in the other keyring.
func TestKeyInAnotherKeyringIsReplaced(t *testing.T) {
	d, old, login := strayed(t)
	r := inChild(t, job{Op: "set", ID: "other", Secret: "of another account"}, d.Env()...)
	require.True(t, r.OK, r.Message)
	r = inChild(t, job{Op: "set", Secret: "new"}, d.Env()...)
	require.True(t, r.OK, r.Message)
	r = inChild(t, job{Op: "get"}, d.Env()...)
	assert.Equal(t, "new", r.Value, r.Message)
	assert.Empty(t, keysIn(t, d, old))
	assert.ElementsMatch(t, []string{"child", "other"}, keysIn(t, d, login))
}

// If both keyrings have the key, Delete deletes it from both.
func TestCopiesInAllKeyringsAreDeleted(t *testing.T) {
	d, old, login := strayed(t)
	require.NoError(t, d.LockKeyring(old))
	r := inChild(t, job{Op: "set", Secret: "new"}, d.Env()...)
	require.True(t, r.OK, "an old copy in a locked keyring must not prevent a new key: %s", r.Message)
	r = inChild(t, job{Op: "get"}, d.Env()...)
	assert.Equal(t, "new", r.Value, r.Message)
	require.NoError(t, d.UnlockKeyring(old))
	assert.Equal(t, []string{"child"}, keysIn(t, d, old))
	r = inChild(t, job{Op: "delete"}, d.Env()...)
	assert.True(t, r.OK, r.Message)
	assert.Empty(t, keysIn(t, d, old))
	assert.Empty(t, keysIn(t, d, login))
}

// A key in a locked keyring that go-keyring does not use is not reported as missing.
func TestKeyInAnotherKeyringThatIsLocked(t *testing.T) {
	d, old, login := strayed(t)
	require.NoError(t, d.LockKeyring(old))
	for _, op := range []string{"get", "delete"} {
		r := inChild(t, job{Op: op}, d.Env()...)
		assert.Equal(t, keychain.Locked, r.Kind, "%s: %s", op, r.Message)
		assert.Contains(t, r.Message, `the keyring "Default keyring", which has the key, is locked`)
		assert.NotEmpty(t, r.Hint)
	}
	r := inChild(t, job{Op: "get", ID: "none"}, d.Env()...)
	assert.Equal(t, keychain.NotFound, r.Kind, r.Message)
	r = inChild(t, job{Op: "inspect"}, d.Env()...)
	assert.Equal(t, "false []", r.Value, r.Message)

	// A key in another keyring is read even while "login" is locked.
	require.NoError(t, d.UnlockKeyring(old))
	require.NoError(t, d.LockKeyring(login))
	r = inChild(t, job{Op: "get"}, d.Env()...)
	assert.Equal(t, marker, r.Value, r.Message)
	r = inChild(t, job{Op: "get", ID: "none"}, d.Env()...)
	assert.Equal(t, keychain.Locked, r.Kind, r.Message)
}

// The key is found without "login" and without a default keyring.
func TestKeyIsFoundWithoutADefaultKeyring(t *testing.T) {
	d, _, _ := strayed(t)
	require.NoError(t, d.DeleteKeyring(keychaintest.LoginKeyring))
	r := inChild(t, job{Op: "get"}, d.Env()...)
	assert.Equal(t, marker, r.Value, r.Message)
	r = inChild(t, job{Op: "get", ID: "none"}, d.Env()...)
	assert.Equal(t, keychain.NoKeychain, r.Kind, r.Message)
}
