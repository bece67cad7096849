package keychain_test

import (
	"testing"

	"ocgo-key/keychain"
	"ocgo-key/keychain/keychaintest"
)

// Credential Manager itself, or Wine's.
func TestOSConformsOnCredentialManager(t *testing.T) {
	keychaintest.Conformance(t, func(*testing.T) keychain.Store { return keychain.NewOS() })
}
