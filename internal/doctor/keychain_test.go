package doctor

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"ocgo-key/keychain"
	"ocgo-key/rotation/state"
)

func TestKeychain(t *testing.T) {
	m := newMachine(t)
	m.account("0123456789abcdef", "Work")
	assert.Regexp(t, `^unlocked, answers in \d+ ms$`, m.finds("keychain").Well)
	m.keys.name = "file"
	assert.Regexp(t, `^the encrypted file, answers in \d+ ms$`, m.finds("keychain").Well)

	locked := &keychain.Error{Kind: keychain.Locked, Store: "os", Err: errors.New("it is locked"), Hint: "unlock it", Fix: "unlock --now"}
	m.keys.deaf = locked
	m.finds("keychain", "problem: no key can be read or stored: it is locked (unlock it) | unlock --now")
	assert.Contains(t, m.examine("keys").Skipped, "since the keychain cannot be asked")

	m.keys.deaf = &keychain.Error{Kind: keychain.Timeout, Err: errors.New("no answer")}
	assert.Equal(t, "ocgo-key doctor", m.examine("keychain").Findings[0].Fix)
}

// Doctor does not read a key if the keychain would ask the user for a password.
func TestALockedKeychainIsNotAsked(t *testing.T) {
	m := newMachine(t)
	m.account("0123456789abcdef", "Work")
	delete(m.keys.keys, "0123456789abcdef")
	m.keys.broken = map[string]error{"0123456789abcdef": errors.New("it was asked")}
	m.keys.shut = &keychain.Error{Kind: keychain.Locked, Err: errors.New("another keyring is locked"), Fix: "unlock --now"}
	m.finds("keychain")
	m.finds("keys", "problem: the key of Work cannot be read: another keyring is locked | unlock --now")
	m.change(func(s *state.State) { s.Pending = []state.Pending{{ID: "0123456789abcdef", Op: "remove"}} })
	m.finds("keys", "problem: the key of Work cannot be read: another keyring is locked | unlock --now")
}

func TestKeychainFix(t *testing.T) {
	e := keychainCheck{&examination{uid: 1000}}
	assert.Equal(t, "anything else", e.keychainFix("anything else"))
	t.Setenv("PATH", t.TempDir())
	assert.Equal(t, "gnome-keyring-daemon --start", e.keychainFix("gnome-keyring-daemon --start"), "unchanged without a package manager")
}
