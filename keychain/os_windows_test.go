package keychain_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/keychain"
	"ocgo-key/keychain/keychaintest"
)

// The test uses the real Credential Manager, or the one of Wine.
func TestOSConformsOnCredentialManager(t *testing.T) {
	keychaintest.Conformance(t, func(*testing.T) keychain.Store { return keychain.NewOS() })
}

func TestCredentialManagerListsKeys(t *testing.T) {
	store := keychain.NewOS()
	for _, id := range []string{"listed-b", "listed-a"} {
		require.NoError(t, store.Set(t.Context(), id, keychain.NewSecret("listed-key")))
		defer func() { assert.NoError(t, store.Delete(t.Context(), id)) }()
	}
	found, err := store.(keychain.Inspector).Inspect(t.Context())
	require.NoError(t, err)
	assert.Subset(t, found.IDs, []string{"listed-a", "listed-b"})
}
