package keychain_test

import (
	"testing"

	"ocgo-key/keychain"
	"ocgo-key/keychain/keychaintest"
)

// The test runs on the real Credential Manager, or on Wine's.
func TestOSConformsOnCredentialManager(t *testing.T) {
	keychaintest.Conformance(t, func(*testing.T) keychain.Store { return keychain.NewOS() })
}
